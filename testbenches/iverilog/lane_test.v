// Runs words through seedlm_decode_lane, with gaps between them, and compares what comes out.
//
// VECTORS is a file of COUNT lines in hexadecimal: from the highest bit the mantissas, the exponent, the word.
// SCHEDULE is a file of CYCLES lines in hexadecimal: bit 1 is enable, bit 0 whether a word is offered. A word that was not
// taken is offered again.
module lane_test;
    parameter COUNT = 1;
    parameter CYCLES = 1;
    parameter WORD_BITS = 1;
    // All mantissas of a word together.
    parameter MANTISSAS_BITS = 1;
    // The macro NO_EXPONENT says that the lane has no such port; then one bit of zero stands for it.
    parameter EXPONENT_BITS = 1;
    parameter STAGES = 1;
    parameter VECTORS = "";
    parameter SCHEDULE = "";

    reg [MANTISSAS_BITS + EXPONENT_BITS + WORD_BITS - 1:0] vectors [0:COUNT - 1];
    reg [1:0] schedule [0:CYCLES - 1];
    reg clk, rst, enable, in_valid;
    integer cycle, sent, checked;
    // Which of the pipeline's stages hold a word.
    reg [STAGES - 1:0] occupied;

    wire [WORD_BITS - 1:0] in_word = in_valid ? vectors[sent] : {WORD_BITS{1'bx}};
    wire [MANTISSAS_BITS + EXPONENT_BITS - 1:0] expected = vectors[checked] >> WORD_BITS;
    wire [WORD_BITS - 1:0] checked_word = vectors[checked];
    wire out_valid;
    wire [MANTISSAS_BITS - 1:0] out_mantissas;
    wire [EXPONENT_BITS - 1:0] out_exponent;

    seedlm_decode_lane lane (
        .clk(clk),
        .rst(rst),
        .enable(enable),
        .in_valid(in_valid),
        .in_word(in_word),
        .out_valid(out_valid),
`ifndef NO_EXPONENT
        .out_exponent(out_exponent),
`endif
        .out_mantissas(out_mantissas)
    );
`ifdef NO_EXPONENT
    assign out_exponent = 0;
`endif

    initial begin
        $readmemh(VECTORS, vectors);
        $readmemh(SCHEDULE, schedule);
        clk = 0;
        rst = 1;
        enable = 0;
        in_valid = 0;
        sent = 0;
        checked = 0;
        occupied = 0;
        repeat (2) begin
            #5 clk = 1;
            #5 clk = 0;
        end
        rst = 0;
        for (cycle = 0; cycle != CYCLES; cycle = cycle + 1) begin
            // Inputs change while the clock is low.
            {enable, in_valid} = schedule[cycle];
            #4;
            if (out_valid !== occupied[STAGES - 1]) begin
                $display("MISMATCH word %0d: out_valid expected %b, got %b", checked, occupied[STAGES - 1], out_valid);
                $finish;
            end
            if (out_valid && {out_mantissas, out_exponent} !== expected) begin
                $display(
                    "MISMATCH word %0d (%h): expected mantissas %h exponent %h, got %h %h",
                    checked, checked_word,
                    expected[EXPONENT_BITS +: MANTISSAS_BITS], expected[0 +: EXPONENT_BITS],
                    out_mantissas, out_exponent
                );
                $finish;
            end
            #1 clk = 1;
            #1;
            if (enable) begin
                checked = checked + occupied[STAGES - 1];
                sent = sent + in_valid;
                // One bit too many, which falls off.
                occupied = {occupied, in_valid};
            end
            #4 clk = 0;
        end
        $display("PASS %0d words", checked);
        $finish;
    end
endmodule
