//! `hdl operations`: what decoding and multiplying takes, counted from the netlist.

use super::settings::FormatArguments;
use anyhow::{Context, Result, bail};
use clap::Args;
use seedlm_codec::WeightFormat;
use seedlm_codec::machine::DatapathConfig;
use seedlm_hdl::netlist::operations::Operations;
use seedlm_hdl::operations::{OperationsPerGroup, operations_per_group};
use serde::Serialize;
use std::path::PathBuf;

#[derive(Args)]
pub struct OperationArguments {
    /// Only this format, which --weights, --code or --map names, in place of all that have names
    #[arg(long)]
    only: bool,
    #[command(flatten)]
    format: FormatArguments,
    /// Write the counts to this file as well, as TOML: what `sim` takes its energies from
    #[arg(long, value_name = "FILE")]
    toml: Option<PathBuf>,
    /// Check that this file holds the counts, and write nothing
    #[arg(long, value_name = "FILE", conflicts_with = "toml")]
    check: Option<PathBuf>,
}

/// All that is written as TOML.
#[derive(Serialize)]
struct Counts {
    format: Vec<OperationsPerGroup>,
}

/// Prints the table.
pub fn operations(arguments: &OperationArguments) -> Result<()> {
    let formats = match arguments.only {
        true => vec![arguments.format.format()?],
        false => all()?,
    };
    let counted: Vec<OperationsPerGroup> = formats
        .iter()
        .map(|format| Ok(operations_per_group(&DatapathConfig::reference(format), format)?))
        .collect::<Result<_>>()?;
    if let Some(path) = &arguments.check {
        let shown = path.display();
        let found = std::fs::read_to_string(path).with_context(|| format!("{shown}: cannot read"))?;
        if found != toml_text(counted)? {
            bail!("{shown}: out of date; write it anew: cargo run --bin hdl -- operations --toml {shown}");
        }
        return Ok(());
    }
    println!(
        "Operations per weight in the reference machines, counted in the Verilog as it is written. hdl {}\n",
        env!("CARGO_PKG_VERSION")
    );
    println!("| format | part | XOR | other gates | adder bits | multiplexer bits | bit products | register bits |");
    println!("|---|---|---|---|---|---|---|---|");
    for group in &counted {
        for (part, operations) in [("decoder", &group.decoder), ("MAC", &group.mac)] {
            println!("| {} | {part} | {} |", group.format, columns(operations, group.weights));
        }
    }
    if let Some(path) = &arguments.toml {
        std::fs::write(path, toml_text(counted)?).with_context(|| format!("{}: cannot write", path.display()))?;
    }
    Ok(())
}

fn all() -> Result<Vec<WeightFormat>> {
    WeightFormat::names()
        .iter()
        .map(|name| Ok(WeightFormat::named(name)?))
        .collect()
}

fn columns(operations: &Operations, weights: u64) -> String {
    let counts = [
        operations.xor_bits,
        operations.gate_bits,
        operations.adder_bits,
        operations.multiplexer_bits,
        operations.multiplier_bit_products,
        operations.register_bits,
    ];
    counts
        .map(|count| format!("{:.2}", count as f64 / weights as f64))
        .join(" | ")
}

/// The content of the file.
fn toml_text(format: Vec<OperationsPerGroup>) -> Result<String> {
    let text = toml::to_string(&Counts { format }).context("the counts")?;
    Ok(format!(
        "# Operations of the reference machines' decoders and MACs in a cycle in which a group of words passes.\n\
         # Generated from the netlists by `cargo run --bin hdl -- operations --toml sim/energy/operations.toml`; do not edit.\n\n{text}"
    ))
}
