// Runs a netlist of seedlm_mac beside its own Verilog, the module seedlm_mac_plain: every output in every cycle, with random
// weights and activations, limits of both among them, and with gaps.
module mac_test;
    parameter CYCLES = 1;
    // The largest magnitude of a weight.
    parameter LARGEST = 1;
    parameter MANTISSAS = 1;
    parameter MANTISSA_BITS = 1;
    parameter ACTIVATIONS = 1;
    parameter SUMS_BITS = 1;

    reg clk, rst, enable, in_valid, in_first, in_last;
    reg [MANTISSAS * MANTISSA_BITS - 1:0] in_mantissas;
    reg [ACTIVATIONS * 8 - 1:0] in_activations;
    integer cycle, index, weight, compared, all_at_limits;

    wire [SUMS_BITS - 1:0] plain_sum, netlist_sum;
    wire [2:0] plain_tags, netlist_tags;

    seedlm_mac_plain plain (
        .clk(clk), .rst(rst), .enable(enable), .in_valid(in_valid), .in_first(in_first), .in_last(in_last),
        .in_mantissas(in_mantissas), .in_activations(in_activations),
        .out_valid(plain_tags[0]), .out_first(plain_tags[1]), .out_last(plain_tags[2]), .out_sum(plain_sum)
    );
    seedlm_mac netlist (
        .clk(clk), .rst(rst), .enable(enable), .in_valid(in_valid), .in_first(in_first), .in_last(in_last),
        .in_mantissas(in_mantissas), .in_activations(in_activations),
        .out_valid(netlist_tags[0]), .out_first(netlist_tags[1]), .out_last(netlist_tags[2]), .out_sum(netlist_sum)
    );

    function integer any(input integer count);
        any = $unsigned($random) % count;
    endfunction

    initial begin
        compared = 0;
        clk = 0;
        for (cycle = 0; cycle < CYCLES; cycle = cycle + 1) begin
            rst = cycle < 2;
            enable = rst || any(4) != 0;
            in_valid = any(4) != 0;
            in_first = any(2);
            in_last = any(2);
            all_at_limits = any(8) == 0;
            for (index = 0; index < MANTISSAS; index = index + 1) begin
                weight = any(2 * LARGEST + 1) - LARGEST;
                if (all_at_limits || any(8) == 0) weight = any(2) ? LARGEST : -LARGEST;
                in_mantissas[index * MANTISSA_BITS +: MANTISSA_BITS] = weight;
            end
            for (index = 0; index < ACTIVATIONS; index = index + 1)
                in_activations[index * 8 +: 8] = all_at_limits || any(8) == 0 ? -128 : any(256);
            #1;
            // Sums of what came before the reset mean nothing.
            if (!rst && plain_tags[0] === 1'b1) begin
                compared = compared + 1;
                if (plain_sum !== netlist_sum || plain_tags !== netlist_tags) begin
                    $display("WRONG: cycle %0d: %h %b, and must be %h %b", cycle, netlist_sum, netlist_tags, plain_sum, plain_tags);
                    $finish;
                end
            end else if (!rst && netlist_tags[0] !== 1'b0) begin
                $display("WRONG: cycle %0d: out_valid is %b", cycle, netlist_tags[0]);
                $finish;
            end
            #1 clk = 1;
            #1 clk = 0;
        end
        $display("COMPARED %0d", compared);
        $finish;
    end
endmodule
