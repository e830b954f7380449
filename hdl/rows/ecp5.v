// Rows of adders for ECP5: each half of a CCU2C is a table of four inputs, whose value is the sum without carry, beside a
// table of the first two alone, which is the carry where the numbers are alike. It is the part of the first table where the
// other two inputs are 0.

// Rows next to each other in one carry chain, row 0 lowest. The half cell below each row does nothing but start it: its
// tables are 0 for every carry that comes in, where a constant carry would take a cell more in place and route.
module seedlm_row_chain #(
    parameter WIDTH = 1,
    parameter ROWS = 1,
    parameter [15:0] INIT = 16'h0000
) (
    input  wire [ROWS*WIDTH-1:0] a,
    input  wire [ROWS*WIDTH-1:0] b,
    input  wire [ROWS*WIDTH-1:0] c,
    input  wire [ROWS*WIDTH-1:0] d,
    output wire [ROWS*WIDTH-1:0] sum
);
    localparam HALVES = ROWS * (WIDTH + 1);
    localparam CELLS = (HALVES + 1) / 2;
    wire [CELLS:0] carry;
    wire [2*CELLS-1:0] in_a, in_b, in_c, in_d, sums;
    assign carry[0] = 1'bx;
    genvar i;
    generate
        for (i = 0; i < 2 * CELLS; i = i + 1) begin : halves
            if (i < HALVES && i % (WIDTH + 1) != 0) begin : used
                localparam BIT = i / (WIDTH + 1) * WIDTH + i % (WIDTH + 1) - 1;
                assign in_a[i] = a[BIT];
                assign in_b[i] = b[BIT];
                assign in_c[i] = c[BIT];
                assign in_d[i] = d[BIT];
                assign sum[BIT] = sums[i];
            end else begin : start
                assign in_a[i] = 1'b0;
                assign in_b[i] = 1'b0;
                assign in_c[i] = 1'b0;
                assign in_d[i] = 1'b0;
            end
        end
        for (i = 0; i < CELLS; i = i + 1) begin : cells
            CCU2C #(
                .INIT0(2 * i % (WIDTH + 1) == 0 ? 16'h0000 : INIT),
                .INIT1((2 * i + 1) % (WIDTH + 1) == 0 ? 16'h0000 : INIT),
                .INJECT1_0("NO"), .INJECT1_1("NO")
            ) pair (
                .CIN(carry[i]), .COUT(carry[i+1]),
                .A0(in_a[2*i]), .B0(in_b[2*i]), .C0(in_c[2*i]), .D0(in_d[2*i]), .S0(sums[2*i]),
                .A1(in_a[2*i+1]), .B1(in_b[2*i+1]), .C1(in_c[2*i+1]), .D1(in_d[2*i+1]), .S1(sums[2*i+1])
            );
        end
    endgenerate
endmodule

// a + b
module seedlm_row_plain #(
    parameter WIDTH = 1,
    parameter ROWS = 1
) (
    input  wire [ROWS*WIDTH-1:0] a,
    input  wire [ROWS*WIDTH-1:0] b,
    output wire [ROWS*WIDTH-1:0] sum
);
    seedlm_row_chain #(.WIDTH(WIDTH), .ROWS(ROWS), .INIT(16'h5A5A)) chain (
        .a(a), .b({ROWS*WIDTH{1'b0}}), .c(b), .d({ROWS*WIDTH{1'b0}}), .sum(sum)
    );
endmodule

// The bit of each row beside every bit of the row.
module seedlm_row_spread #(
    parameter WIDTH = 1,
    parameter ROWS = 1
) (
    input  wire [ROWS-1:0] each,
    output wire [ROWS*WIDTH-1:0] spread
);
    genvar i;
    generate
        for (i = 0; i < ROWS; i = i + 1) begin : rows
            assign spread[WIDTH*i +: WIDTH] = {WIDTH{each[i]}};
        end
    endgenerate
endmodule

// a + (b where b_gate is 1)
module seedlm_row_gated #(
    parameter WIDTH = 1,
    parameter ROWS = 1
) (
    input  wire [ROWS*WIDTH-1:0] a,
    input  wire [ROWS*WIDTH-1:0] b,
    input  wire [ROWS-1:0] b_gate,
    output wire [ROWS*WIDTH-1:0] sum
);
    wire [ROWS*WIDTH-1:0] b_gates;
    seedlm_row_spread #(.WIDTH(WIDTH), .ROWS(ROWS)) spread_b (.each(b_gate), .spread(b_gates));
    seedlm_row_chain #(.WIDTH(WIDTH), .ROWS(ROWS), .INIT(16'h5AAA)) chain (
        .a(a), .b({ROWS*WIDTH{1'b0}}), .c(b), .d(b_gates), .sum(sum)
    );
endmodule

// (a where a_gate is 1) + (b where b_gate is 1)
module seedlm_row_pair #(
    parameter WIDTH = 1,
    parameter ROWS = 1
) (
    input  wire [ROWS*WIDTH-1:0] a,
    input  wire [ROWS-1:0] a_gate,
    input  wire [ROWS*WIDTH-1:0] b,
    input  wire [ROWS-1:0] b_gate,
    output wire [ROWS*WIDTH-1:0] sum
);
    wire [ROWS*WIDTH-1:0] a_gates, b_gates;
    seedlm_row_spread #(.WIDTH(WIDTH), .ROWS(ROWS)) spread_a (.each(a_gate), .spread(a_gates));
    seedlm_row_spread #(.WIDTH(WIDTH), .ROWS(ROWS)) spread_b (.each(b_gate), .spread(b_gates));
    seedlm_row_chain #(.WIDTH(WIDTH), .ROWS(ROWS), .INIT(16'h7888)) chain (
        .a(a), .b(a_gates), .c(b), .d(b_gates), .sum(sum)
    );
endmodule

// a + (yes where choice is 1, else no)
module seedlm_row_chosen #(
    parameter WIDTH = 1,
    parameter ROWS = 1
) (
    input  wire [ROWS*WIDTH-1:0] a,
    input  wire [ROWS-1:0] choice,
    input  wire [ROWS*WIDTH-1:0] yes,
    input  wire [ROWS*WIDTH-1:0] no,
    output wire [ROWS*WIDTH-1:0] sum
);
    wire [ROWS*WIDTH-1:0] choices;
    seedlm_row_spread #(.WIDTH(WIDTH), .ROWS(ROWS)) spread (.each(choice), .spread(choices));
    seedlm_row_chain #(.WIDTH(WIDTH), .ROWS(ROWS), .INIT(16'h665A)) chain (
        .a(a), .b(yes), .c(no), .d(choices), .sum(sum)
    );
endmodule
