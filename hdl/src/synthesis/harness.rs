//! What stands between a design with thousands of ports and a chip's pins, so that it can be placed.
//!
//! Inputs come from one pin through a shift register, outputs leave through another pin: each is taken into a register of its
//! own and mixed into a second shift register. So nothing of the design can be left out, no two outputs can be exchanged, and
//! every path of the design begins and ends at a register, as it would among others. The harness itself has one table between
//! registers, so that it does not decide the clock. The design stays a module of its own in the netlist: nothing is optimised across
//! its ports, and a cell's name says on which side it is.

use super::design::Design;
use crate::generate::GeneratedFile;
use crate::netlist::items::{Direction, Port};

/// Name of the module around the design.
pub const MODULE: &str = "seedlm_pins";

/// Name of the design in it. Names of its cells begin with this and a point.
pub const INSTANCE: &str = "design";

/// The module around a design.
pub fn harness(design: &Design) -> GeneratedFile {
    let of = |direction: Direction| -> Vec<&Port> {
        let ports = design.ports.iter().filter(|port| port.direction == direction);
        ports.filter(|port| port.name != "clk").collect()
    };
    let (inputs, outputs) = (of(Direction::Input), of(Direction::Output));
    let width = |ports: &[&Port]| ports.iter().map(|port| port.width).sum::<usize>();
    let mut connections = vec![".clk(clk)".to_string()];
    for (ports, bus) in [(&inputs, "given"), (&outputs, "results")] {
        let mut low = 0;
        for port in ports {
            let high = low + port.width - 1;
            connections.push(format!(".{}({bus}[{high}:{low}])", port.name));
            low += port.width;
        }
    }
    let (given, results) = (width(&inputs), width(&outputs));
    let text = format!(
        "module {MODULE} (input wire clk, input wire in, output wire out);\n    \
         reg [{given}:0] given;\n    \
         wire [{last}:0] results;\n    \
         reg [{last}:0] captured;\n    \
         reg [{results}:0] mixed;\n    \
         (* keep_hierarchy *)\n    {module} {INSTANCE} (\n        {connections}\n    );\n    \
         always @(posedge clk) begin\n        \
         given <= {{given[{below}:0], in}};\n        \
         captured <= results;\n        \
         mixed <= {{mixed[{last}:0] ^ captured, 1'b0}};\n    \
         end\n    \
         assign out = mixed[{results}];\nendmodule\n",
        last = results - 1,
        below = given - 1,
        module = design.module,
        connections = connections.join(",\n        "),
    );
    GeneratedFile {
        name: format!("{MODULE}.v"),
        text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Target;
    use crate::synthesis::design::Top;
    use seedlm_codec::WeightFormat;
    use seedlm_codec::machine::DatapathConfig;

    #[test]
    fn every_port_has_bits_of_its_own() {
        let format = WeightFormat::named("chained-4b").unwrap();
        let config = DatapathConfig {
            lanes: 2,
            tile_rows: 2,
            beat_bits: 64,
            ..DatapathConfig::reference(&format)
        };
        let design = Design::new(Top::Decoder, &config, &format, Target::Ecp5).unwrap();
        let text = harness(&design).text;
        for (number, port) in design.ports.iter().enumerate() {
            assert!(
                text.contains(&format!(".{}(", port.name)),
                "port {number}, {}:\n{text}",
                port.name
            );
        }
        // rst, valid, 64 bits of data, last, ready; ready, valid, 16 bytes, last.
        assert!(
            text.contains("reg [68:0] given") && text.contains(".m_axis_tready(given[67:67])"),
            "{text}"
        );
        assert!(
            text.contains("reg [130:0] captured") && text.contains("results[130:130]"),
            "{text}"
        );
    }
}
