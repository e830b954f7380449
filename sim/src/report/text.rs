//! The report for a person at a terminal.

use super::{Accelerator, FormatReport, Report};
use crate::cause::State;
use crate::energy::{Energy, no_energy};
use crate::memory_model::MemoryModel;
use crate::table::{align_right, grouped, joules, percent, plain_table};
use crate::workload::PassMeaning;
use crate::written::without_spaces_at_ends;
use comfy_table::Table;
use std::fmt::Write;

impl Report {
    /// The report as text of about 100 columns.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = self.write_text(&mut text);
        without_spaces_at_ends(&text)
    }

    fn write_text(&self, out: &mut String) -> std::fmt::Result {
        let Some(first) = self.formats.first() else {
            return writeln!(out, "Nothing was run.");
        };
        let pass = match self.pass {
            PassMeaning::Product => "one product".to_string(),
            PassMeaning::Token => format!("one token = all {} matrices once", first.matrices.len()),
        };
        writeln!(
            out,
            "Workload  {}: {pass}, {} weights",
            self.workload,
            grouped(first.weights)
        )?;
        writeln!(
            out,
            "Machine   {}-byte beats at {} MHz, {}-bit activations; memory \"{}\": {}",
            first.machine.beat_bits / 8,
            self.clock_mhz,
            first.machine.activation_bits,
            self.memory.name(),
            self.memory.description()
        )?;
        match &self.accelerator {
            Accelerator::Model => writeln!(out, "Run on    model")?,
            Accelerator::Verilog { verilator } => writeln!(out, "Run on    Verilog ({verilator})")?,
        }
        if let Some(text) = &first.generated {
            writeln!(
                out,
                "Host      embedding, norms, attention and head ({} weights) in binary32; their time is not in the cycles",
                grouped(text.host_weights)
            )?;
        }
        let checked: u64 = self.formats.iter().map(|format| format.results_checked).sum();
        writeln!(
            out,
            "Check     all {} results equal the golden integer product",
            grouped(checked)
        )?;
        writeln!(out)?;
        writeln!(out, "{}", self.comparison())?;
        if self.accelerator == Accelerator::Model {
            writeln!(
                out,
                "simulator, its limit: the arithmetic of every weight, one after the other, {}",
                speeds(&self.formats)
            )?;
        }
        for speculation in self.formats.iter().filter_map(|format| format.speculation.as_ref()) {
            write!(out, "\n{}", speculation.text())?;
        }
        if let Some(table) = &self.energy_table
            && self
                .formats
                .iter()
                .any(|format| format.energy.is_none() && format.speculation.is_none())
        {
            writeln!(out, "\n{}", no_energy(table, self.memory.name()))?;
        }
        for format in &self.formats {
            writeln!(out)?;
            writeln!(
                out,
                "Where the cycles went: {}, % of {} cycles",
                format.label(),
                grouped(format.cycles)
            )?;
            writeln!(out, "{}", stall_table(format))?;
        }
        Ok(())
    }

    fn comparison(&self) -> Table {
        let per_second = match self.pass {
            PassMeaning::Product => "products per second",
            PassMeaning::Token => "tokens per second (matrices only)",
        };
        let mut table = plain_table();
        let names = self.formats.iter().map(FormatReport::label);
        table.set_header(std::iter::once(String::new()).chain(names));
        let mut row = |name: &str, value: &dyn Fn(&FormatReport) -> String| {
            table.add_row(std::iter::once(name.to_string()).chain(self.formats.iter().map(value)));
        };
        let is_text = self.formats.iter().any(|f| f.generated.is_some());
        let (cycles, read) = match is_text {
            true => ("cycles per token", "bytes read per token"),
            false => ("cycles", "bytes read"),
        };
        let per_pass = |count: u64, f: &FormatReport| grouped((count as f64 / f.passes.max(1) as f64).round() as u64);
        row(cycles, &|f| grouped(f.cycles_per_pass().round() as u64));
        row("speed-up over fp16", &|f| {
            f.speedup_over_fp16.map_or("-".into(), |ratio| format!("{ratio:.2} x"))
        });
        row(per_second, &|f| grouped(f.passes_per_second.round() as u64));
        row("relative error of the weights", &|f| {
            f.relative_error.map_or("-".into(), |error| format!("{error:.4}"))
        });
        if self.formats.iter().any(|f| f.rotated_matrices > 0) {
            row("rotated matrices (by the host)", &|f| match f.rotated_matrices {
                0 => "-".into(),
                count => format!("{count} of {}", f.matrices.len()),
            });
        }
        row("bits read per weight", &|f| format!("{:.3}", f.read_bits_per_weight));
        row(read, &|f| per_pass(f.read_bytes, f));
        if self.formats.iter().any(|f| f.layers.is_some()) {
            row("nearest to its limit", &|f| {
                let (unit, share) = f.roof();
                format!("{unit}, {} %", percent(share))
            });
        }
        row("bandwidth, GB/s", &|f| {
            format!("{:.2} of {:.2}", f.read_gb_per_s, f.peak_gb_per_s)
        });
        row("bandwidth, % of peak", &|f| percent(f.bandwidth_share_of_peak));
        if matches!(self.memory, MemoryModel::Dram(_)) {
            row("refresh-limited bandwidth, GB/s", &|f| {
                format!("{:.2}", f.refresh_limited_gb_per_s)
            });
            row("bandwidth, % of refresh-limited", &|f| {
                percent(f.bandwidth_share_of_refresh_limited)
            });
            row("rows opened", &|f| {
                f.dram_commands
                    .map_or("-".into(), |commands| per_pass(commands.activates, f))
            });
        }
        if let Some(table) = &self.energy_table {
            let per_pass = match self.pass {
                PassMeaning::Product => "product",
                PassMeaning::Token => "token",
            };
            let known = |f: &FormatReport, part: fn(&Energy) -> String| f.energy.as_ref().map_or("-".into(), part);
            row(&format!("energy per {per_pass} ({table})"), &|f| {
                known(f, |energy| joules(energy.total_j))
            });
            row("  DRAM, buffers", &|f| {
                known(f, |e| format!("{}, {}", joules(e.dram_j), joules(e.sram_j)))
            });
            row("  decoding, MACs", &|f| {
                known(f, |e| format!("{}, {}", joules(e.decode_j), joules(e.mac_j)))
            });
        }
        row("decode lanes", &|f| f.machine.lanes.to_string());
        row("decoder busy, % of cycles", &|f| percent(f.decoder_utilisation));
        row("multipliers (MACs)", &|f| f.multipliers.to_string());
        row("MAC utilisation, %", &|f| percent(f.mac_utilisation));
        row("weights per cycle", &|f| format!("{:.1}", f.weights_per_cycle));
        row("simulator, million cycles/s", &|f| {
            format!("{:.2}", f.simulated_cycles_per_second / 1e6)
        });
        if is_text {
            row("simulator, tokens per second", &|f| {
                let speed = f.generated.as_ref().map(|text| text.wall_tokens_per_s);
                speed.map_or("-".into(), |speed| format!("{speed:.1}"))
            });
        }
        align_right(&mut table);
        table
    }
}

/// How many weights the simulator has used per second, in each format.
fn speeds(formats: &[FormatReport]) -> String {
    let speed = |f: &FormatReport| f.weights_per_cycle * f.simulated_cycles_per_second / 1e6;
    let speeds: Vec<String> = formats.iter().map(|f| format!("{:.0}", speed(f))).collect();
    format!("{} million weights in a second", speeds.join(" and "))
}

/// States down, units across; every column adds up to 100 %, as printed.
fn stall_table(format: &FormatReport) -> Table {
    let mut table = plain_table();
    table.set_header(std::iter::once("").chain(format.units.iter().map(|unit| unit.short_name)));
    let states: Vec<&str> = State::all().map(State::label).collect();
    let columns: Vec<Vec<u64>> = format
        .units
        .iter()
        .map(|unit| hundredths_of_percent(&states.iter().map(|state| unit.cycles_in(state)).collect::<Vec<_>>()))
        .collect();
    for (row, state) in states.iter().enumerate() {
        if format.units.iter().all(|unit| unit.cycles_in(state) == 0) {
            continue;
        }
        let shares = columns
            .iter()
            .zip(&format.units)
            .map(|(column, unit)| match unit.cycles_in(state) {
                0 => "-".to_string(),
                _ => format!("{}.{:02}", column[row] / 100, column[row] % 100),
            });
        table.add_row(std::iter::once(state.to_string()).chain(shares));
    }
    align_right(&mut table);
    table
}

/// Each count's share of their sum in hundredths of a percent, rounded so that they add up to 100 % (largest remainders
/// are rounded up).
fn hundredths_of_percent(counts: &[u64]) -> Vec<u64> {
    const WHOLE: u128 = 10_000;
    let sum: u128 = counts.iter().map(|&count| u128::from(count)).sum::<u128>().max(1);
    let scaled: Vec<u128> = counts.iter().map(|&count| u128::from(count) * WHOLE).collect();
    let mut shares: Vec<u64> = scaled.iter().map(|share| (share / sum) as u64).collect();
    let missing = (scaled.iter().sum::<u128>() / sum) as u64 - shares.iter().sum::<u64>();
    let mut order: Vec<usize> = (0..counts.len()).collect();
    order.sort_by_key(|&index| std::cmp::Reverse(scaled[index] % sum));
    for &index in order.iter().take(missing as usize) {
        shares[index] += 1;
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::hundredths_of_percent;

    #[test]
    fn shares_add_up_as_printed() {
        assert_eq!(hundredths_of_percent(&[1, 1, 1]), [3334, 3333, 3333]);
        assert_eq!(hundredths_of_percent(&[0, 7, 0]), [0, 10_000, 0]);
        assert_eq!(hundredths_of_percent(&[0, 0]), [0, 0]);
        assert_eq!(
            hundredths_of_percent(&[13057, 555, 622, 118, 231, 61])
                .iter()
                .sum::<u64>(),
            10_000
        );
    }
}
