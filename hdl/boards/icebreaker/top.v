// SPDX-License-Identifier: MIT OR Apache-2.0
// iCEBreaker v1.0: the self-test at the board's pins. Lights and button are active low.
`default_nettype none

module icebreaker (
    input  wire CLK,
    input  wire BTN_N,
    output wire LEDR_N,
    output wire LEDG_N,
    output wire LED1,
    output wire TX
);
    // The chip comes up with all registers zero, and the first edges may reach them in different cycles: so the test is held
    // for some cycles, then and after the button.
    reg [3:0] held_back;
    initial held_back = 4'd0;
    always @(posedge CLK) held_back <= BTN_N ? {held_back[2:0], 1'b1} : 4'd0;

    wire passed;
    wire failed;
    seedlm_self_test self_test (
        .clk(CLK),
        .rst(~held_back[3]),
        .uart_tx(TX),
        .passed(passed),
        .failed(failed),
        .turn(LED1)
    );
    assign LEDG_N = ~passed;
    assign LEDR_N = ~failed;
endmodule
`default_nettype wire
