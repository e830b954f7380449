// Rows of adders for 7-series and UltraScale: a table beside each bit of a carry chain. Its value is the sum without carry;
// the carry where the two numbers are alike is one of them, and must not cost a table of its own.

module seedlm_row_chain #(
    parameter WIDTH = 1
) (
    input  wire carry_in,
    input  wire [WIDTH-1:0] propagate,
    input  wire [WIDTH-1:0] one_number,
    output wire [WIDTH-1:0] sum
);
    localparam BLOCKS = (WIDTH + 3) / 4;
    localparam PADDED = 4 * BLOCKS;
    wire [PADDED-1:0] in_s = {{PADDED{1'b0}}, propagate};
    wire [PADDED-1:0] in_di = {{PADDED{1'b0}}, one_number};
    wire [PADDED-1:0] sums;
    wire [PADDED:0] carry;
    assign carry[0] = 1'b0;
    wire [BLOCKS-1:0] start = {{BLOCKS{1'b0}}, carry_in};
    genvar i;
    generate
        for (i = 0; i < BLOCKS; i = i + 1) begin : blocks
            CARRY4 chain (
                .CI(carry[4*i]), .CYINIT(start[i]), .DI(in_di[4*i +: 4]), .S(in_s[4*i +: 4]),
                .O(sums[4*i +: 4]), .CO(carry[4*i+1 +: 4])
            );
        end
    endgenerate
    assign sum = sums[WIDTH-1:0];
endmodule

// a + (b where b_gate is 1)
module seedlm_row_gated #(
    parameter WIDTH = 1
) (
    input  wire [WIDTH-1:0] a,
    input  wire [WIDTH-1:0] b,
    input  wire b_gate,
    output wire [WIDTH-1:0] sum
);
    seedlm_row_chain #(.WIDTH(WIDTH)) chain (
        .carry_in(1'b0), .propagate(a ^ (b & {WIDTH{b_gate}})), .one_number(a), .sum(sum)
    );
endmodule

// (a where a_gate is 1) + (b where b_gate is 1). One table with two outputs per bit: O6 is the sum without carry, and O5 the
// first number.
module seedlm_row_pair #(
    parameter WIDTH = 1
) (
    input  wire [WIDTH-1:0] a,
    input  wire a_gate,
    input  wire [WIDTH-1:0] b,
    input  wire b_gate,
    output wire [WIDTH-1:0] sum
);
    wire [WIDTH-1:0] propagate, one_number;
    genvar i;
    generate
        for (i = 0; i < WIDTH; i = i + 1) begin : bits
            LUT6_2 #(.INIT(64'h78887888_88888888)) row (
                .I0(a[i]), .I1(a_gate), .I2(b[i]), .I3(b_gate), .I4(1'b0), .I5(1'b1),
                .O6(propagate[i]), .O5(one_number[i])
            );
        end
    endgenerate
    seedlm_row_chain #(.WIDTH(WIDTH)) chain (
        .carry_in(1'b0), .propagate(propagate), .one_number(one_number), .sum(sum)
    );
endmodule

// a - (yes where choice is 1, else no)
module seedlm_row_less_chosen #(
    parameter WIDTH = 1
) (
    input  wire [WIDTH-1:0] a,
    input  wire choice,
    input  wire [WIDTH-1:0] yes,
    input  wire [WIDTH-1:0] no,
    output wire [WIDTH-1:0] sum
);
    seedlm_row_chain #(.WIDTH(WIDTH)) chain (
        .carry_in(1'b1), .propagate(~(a ^ (choice ? yes : no))), .one_number(a), .sum(sum)
    );
endmodule

// a + b + (c where c_gate is 1). One table with two outputs per bit: O5 says whether two of the three bits are 1, which is a
// number of its own, one place higher; O6 is the sum without carry of the three and of that number.
module seedlm_row_three_gated #(
    parameter WIDTH = 1
) (
    input  wire [WIDTH-1:0] a,
    input  wire [WIDTH-1:0] b,
    input  wire [WIDTH-1:0] c,
    input  wire c_gate,
    output wire [WIDTH-1:0] sum
);
    wire [WIDTH-1:0] propagate;
    wire [WIDTH:0] two;
    assign two[0] = 1'b0;
    genvar i;
    generate
        for (i = 0; i < WIDTH; i = i + 1) begin : bits
            LUT6_2 #(.INIT(64'h69999666_E888E888)) row (
                .I0(a[i]), .I1(b[i]), .I2(c[i]), .I3(c_gate), .I4(two[i]), .I5(1'b1),
                .O6(propagate[i]), .O5(two[i+1])
            );
        end
    endgenerate
    seedlm_row_chain #(.WIDTH(WIDTH)) chain (
        .carry_in(1'b0), .propagate(propagate), .one_number(two[WIDTH-1:0]), .sum(sum)
    );
endmodule

// a + b + c
module seedlm_row_three #(
    parameter WIDTH = 1
) (
    input  wire [WIDTH-1:0] a,
    input  wire [WIDTH-1:0] b,
    input  wire [WIDTH-1:0] c,
    output wire [WIDTH-1:0] sum
);
    seedlm_row_three_gated #(.WIDTH(WIDTH)) gated (.a(a), .b(b), .c(c), .c_gate(1'b1), .sum(sum));
endmodule
