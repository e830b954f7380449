//! The tools and designs that the tests share.

use seedlm_verilator::{Design, Verilator};
use std::path::Path;

/// The newer Verilator, at the place where `testbenches/tools.sh` puts it. A test without it must not pass.
pub fn current() -> Verilator {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    Verilator::at(root.join(".tools/verilator-current/bin/verilator")).unwrap_or_else(|error| panic!("{error}"))
}

/// The Verilator that users have.
pub fn found() -> Verilator {
    Verilator::find().unwrap_or_else(|error| panic!("{error}"))
}

/// Every way in which Verilator stores a port, and names that it spells differently in C++.
pub fn widths() -> Design {
    Design::new("widths").with_source(
        "widths.v",
        "module widths (
    input  wire         one,
    input  wire [7:0]   eight,
    input  wire [11:0]  twelve,
    input  wire [31:0]  thirty_two,
    input  wire [32:0]  thirty_three,
    input  wire [63:0]  sixty__four,
    input  wire [64:0]  sixty$five,
    input  wire [275:0] wide,
    output wire         not_one,
    output wire [7:0]   not_eight,
    output wire [11:0]  not_twelve,
    output wire [31:0]  not_thirty_two,
    output wire [32:0]  not_thirty_three,
    output wire [63:0]  not_sixty__four,
    output wire [64:0]  not_sixty$five,
    output wire [275:0] not_wide
);
    assign not_one = ~one;
    assign not_eight = ~eight;
    assign not_twelve = ~twelve;
    assign not_thirty_two = ~thirty_two;
    assign not_thirty_three = ~thirty_three;
    assign not_sixty__four = ~sixty__four;
    assign not_sixty$five = ~sixty$five;
    assign not_wide = ~wide;
endmodule
",
    )
}

/// A counter with a synchronous reset, and an output that follows an input at once. In two files, one of them included.
pub fn counter() -> Design {
    Design::new("counter")
        .with_source("width.vh", "`define COUNT_BITS 12\n")
        .with_source(
            "counter.v",
            "`include \"width.vh\"
module counter (
    input  wire        clk,
    input  wire        rst,
    input  wire [11:0] step,
    output reg  [11:0] count,
    output wire [11:0] next
);
    assign next = count + step;
    always @(posedge clk) count <= rst ? `COUNT_BITS'd0 : next;
endmodule
",
        )
}
