// SPDX-License-Identifier: MIT OR Apache-2.0
// ULX3S with an LFE5U-85F: the self-test at the board's pins. Lights and button are active high.
`default_nettype none

module ulx3s (
    input  wire clk_25mhz,
    input  wire fire1,
    output wire [7:0] led,
    output wire ftdi_rxd,
    output wire wifi_gpio0
);
    // The chip comes up with all registers zero, and the first edges may reach them in different cycles: so the test is held
    // for some cycles, then and after the button.
    reg [3:0] held_back;
    initial held_back = 4'd0;
    always @(posedge clk_25mhz) held_back <= fire1 ? 4'd0 : {held_back[2:0], 1'b1};

    wire passed;
    wire failed;
    wire turn;
    seedlm_self_test self_test (
        .clk(clk_25mhz),
        .rst(~held_back[3]),
        .uart_tx(ftdi_rxd),
        .passed(passed),
        .failed(failed),
        .turn(turn)
    );
    assign led = {turn, 5'd0, failed, passed};
    // Held at 1, the ESP32 on the board does not load another design.
    assign wifi_gpio0 = 1'b1;
endmodule
`default_nettype wire
