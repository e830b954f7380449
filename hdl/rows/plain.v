// What the rows of adders compute, in plain Verilog: for simulators, and to hold a chip's rows against.
// One file has all of them, and a design does not use each: hence the waivers.
/* verilator lint_off DECLFILENAME */
/* verilator lint_off MULTITOP */

// a + b
module seedlm_row_plain #(
    parameter WIDTH = 1,
    parameter ROWS = 1
) (
    input  wire [ROWS*WIDTH-1:0] a,
    input  wire [ROWS*WIDTH-1:0] b,
    output wire [ROWS*WIDTH-1:0] sum
);
    genvar i;
    generate
        for (i = 0; i < ROWS; i = i + 1) begin : rows
            assign sum[WIDTH*i +: WIDTH] = a[WIDTH*i +: WIDTH] + b[WIDTH*i +: WIDTH];
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
    genvar i;
    generate
        for (i = 0; i < ROWS; i = i + 1) begin : rows
            assign sum[WIDTH*i +: WIDTH] = a[WIDTH*i +: WIDTH] + (b[WIDTH*i +: WIDTH] & {WIDTH{b_gate[i]}});
        end
    endgenerate
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
    genvar i;
    generate
        for (i = 0; i < ROWS; i = i + 1) begin : rows
            assign sum[WIDTH*i +: WIDTH] = (a[WIDTH*i +: WIDTH] & {WIDTH{a_gate[i]}}) + (b[WIDTH*i +: WIDTH] & {WIDTH{b_gate[i]}});
        end
    endgenerate
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
    genvar i;
    generate
        for (i = 0; i < ROWS; i = i + 1) begin : rows
            assign sum[WIDTH*i +: WIDTH] = a[WIDTH*i +: WIDTH] + (choice[i] ? yes[WIDTH*i +: WIDTH] : no[WIDTH*i +: WIDTH]);
        end
    endgenerate
endmodule

// a - (yes where choice is 1, else no)
module seedlm_row_less_chosen #(
    parameter WIDTH = 1,
    parameter ROWS = 1
) (
    input  wire [ROWS*WIDTH-1:0] a,
    input  wire [ROWS-1:0] choice,
    input  wire [ROWS*WIDTH-1:0] yes,
    input  wire [ROWS*WIDTH-1:0] no,
    output wire [ROWS*WIDTH-1:0] sum
);
    genvar i;
    generate
        for (i = 0; i < ROWS; i = i + 1) begin : rows
            assign sum[WIDTH*i +: WIDTH] = a[WIDTH*i +: WIDTH] - (choice[i] ? yes[WIDTH*i +: WIDTH] : no[WIDTH*i +: WIDTH]);
        end
    endgenerate
endmodule

// a + b + c
module seedlm_row_three #(
    parameter WIDTH = 1,
    parameter ROWS = 1
) (
    input  wire [ROWS*WIDTH-1:0] a,
    input  wire [ROWS*WIDTH-1:0] b,
    input  wire [ROWS*WIDTH-1:0] c,
    output wire [ROWS*WIDTH-1:0] sum
);
    genvar i;
    generate
        for (i = 0; i < ROWS; i = i + 1) begin : rows
            assign sum[WIDTH*i +: WIDTH] = a[WIDTH*i +: WIDTH] + b[WIDTH*i +: WIDTH] + c[WIDTH*i +: WIDTH];
        end
    endgenerate
endmodule

// a + b + (c where c_gate is 1)
module seedlm_row_three_gated #(
    parameter WIDTH = 1,
    parameter ROWS = 1
) (
    input  wire [ROWS*WIDTH-1:0] a,
    input  wire [ROWS*WIDTH-1:0] b,
    input  wire [ROWS*WIDTH-1:0] c,
    input  wire [ROWS-1:0] c_gate,
    output wire [ROWS*WIDTH-1:0] sum
);
    genvar i;
    generate
        for (i = 0; i < ROWS; i = i + 1) begin : rows
            assign sum[WIDTH*i +: WIDTH] = a[WIDTH*i +: WIDTH] + b[WIDTH*i +: WIDTH] + (c[WIDTH*i +: WIDTH] & {WIDTH{c_gate[i]}});
        end
    endgenerate
endmodule
/* verilator lint_on MULTITOP */
/* verilator lint_on DECLFILENAME */
