// Registers that hold nothing: what goes in comes out.

module \$dff (CLK, D, Q);
    parameter WIDTH = 1;
    parameter CLK_POLARITY = 1;
    input CLK;
    input [WIDTH-1:0] D;
    output [WIDTH-1:0] Q;
    assign Q = D;
endmodule

module \$dffe (CLK, EN, D, Q);
    parameter WIDTH = 1;
    parameter CLK_POLARITY = 1;
    parameter EN_POLARITY = 1;
    input CLK, EN;
    input [WIDTH-1:0] D;
    output [WIDTH-1:0] Q;
    assign Q = D;
endmodule

// Only the bits that say whether a word is there are reset.
module \$sdffe (CLK, SRST, EN, D, Q);
    parameter WIDTH = 1;
    parameter CLK_POLARITY = 1;
    parameter SRST_POLARITY = 1;
    parameter EN_POLARITY = 1;
    parameter SRST_VALUE = 0;
    input CLK, SRST, EN;
    input [WIDTH-1:0] D;
    output [WIDTH-1:0] Q;
    assign Q = D;
endmodule
