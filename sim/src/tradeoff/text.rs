//! The trade-off for a person at a terminal.

use super::report::WORTH_IT;
use super::{FormatLine, Limit, Origin, TradeOff};
use crate::energy::no_energy;
use crate::table::{align_right, grouped, joules, percent, plain_table, significant};
use crate::written::without_spaces_at_ends;
use comfy_table::Table;
use std::fmt::Write;

impl TradeOff {
    /// The report as text of about 110 columns.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = self.write_text(&mut text);
        without_spaces_at_ends(&text)
    }

    fn write_text(&self, out: &mut String) -> std::fmt::Result {
        writeln!(
            out,
            "Tokens    of {}, {} weights each; matrices only",
            self.model,
            grouped(self.weights)
        )?;
        writeln!(
            out,
            "Machine   {} MHz; memory \"{}\", {:.2} GB/s less refresh; energies from table \"{}\"",
            self.clock_mhz, self.memory, self.memory_gb_per_s, self.energy_table
        )?;
        writeln!(
            out,
            "Figures   tokens/s are simulated in some rows and extrapolated, for formats marked * worked out from their sizes;\n          \
             roofs, curves and batches are worked out\n"
        )?;
        writeln!(
            out,
            "Batch of one: three roofs, in 1e9 weights per second, and the least of them\n"
        )?;
        writeln!(out, "{}\n", self.roofs_table())?;
        writeln!(
            out,
            "Batches, worked out: each weight is read and decoded once and multiplied once for every member. Every format has {} multipliers;\n\
             m: they are the limit, d: decoding is; else the memory.\n",
            self.multipliers_in_batches
        )?;
        writeln!(out, "{}", self.batch_table())?;
        if self.formats.iter().any(|line| line.energy_j.is_none()) {
            writeln!(out, "\n{}", no_energy(&self.energy_table, &self.memory))?;
        }
        Ok(())
    }

    fn roofs_table(&self) -> Table {
        let mut table = plain_table();
        table.set_header([
            "",
            "bits/weight",
            "memory",
            "decoder",
            "MACs",
            "limit",
            "tokens/s",
            "% of roof",
            "memory-bound below",
            "J/token",
            "of it decoding",
        ]);
        for line in &self.formats {
            let (attained, limit) = line.roofs.attainable(self.memory_gb_per_s, 1);
            let roof_tokens_per_s = attained * 1e9 / self.weights as f64;
            table.add_row([
                name(line),
                format!("{:.3}", line.roofs.read_bits_per_weight),
                significant(line.roofs.memory_gweights_per_s(self.memory_gb_per_s)),
                significant(line.roofs.decoder_gweights_per_s),
                significant(line.roofs.mac_gproducts_per_s),
                limit.label().into(),
                significant(line.tokens_per_second),
                match line.origin {
                    Origin::Simulated => percent(line.tokens_per_second / roof_tokens_per_s),
                    Origin::Model => "-".into(),
                },
                format!("{} GB/s", significant(line.roofs.memory_bound_below_gb_per_s(1))),
                line.energy_j.map_or("-".into(), |energy| joules(energy.per_token_j(1))),
                line.energy_j.map_or("-".into(), |energy| {
                    format!("{:.2} %", 100.0 * energy.decode_j / energy.per_token_j(1))
                }),
            ]);
        }
        align_right(&mut table);
        table
    }

    fn batch_table(&self) -> Table {
        let mut table = plain_table();
        table.set_header(["".into(), "".into()].into_iter().chain(self.formats.iter().map(name)));
        let mut batches: Vec<u32> = self.over_batch.iter().map(|point| point.batch).collect();
        batches.sort_unstable();
        batches.dedup();
        for batch in batches {
            let points = || self.over_batch.iter().filter(move |point| point.batch == batch);
            let tokens = points().map(|point| format!("{}{}", significant(point.tokens_per_second), mark(point.limit)));
            table.add_row([format!("batch {batch}"), "tokens/s".into()].into_iter().chain(tokens));
            let energies = points().map(|point| point.energy_per_token_j.map_or("-".into(), joules));
            table.add_row([String::new(), "J/token".into()].into_iter().chain(energies));
            let speedups = points().map(|point| {
                point
                    .speedup_over_fp16
                    .map_or("-".into(), |ratio| format!("{ratio:.2} x"))
            });
            table.add_row([String::new(), "over fp16".into()].into_iter().chain(speedups));
        }
        let bound = self.formats.iter().map(|line| {
            let batch = self.roofs_in_batches(line).mac_bound_from_batch(self.memory_gb_per_s);
            batch.to_string()
        });
        table.add_row(
            ["limited by MACs (m) from".to_string(), "batch".into()]
                .into_iter()
                .chain(bound),
        );
        let stops = self.formats.iter().map(|line| match self.stops_paying_at_batch(line) {
            Some(batch) if line.format != "fp16" => batch.to_string(),
            _ => "-".into(),
        });
        let gain = format!("gains less than {:.0} % from", 100.0 * (WORTH_IT - 1.0));
        table.add_row([gain, "batch".into()].into_iter().chain(stops));
        align_right(&mut table);
        table
    }
}

/// The format's name, with a star where nothing was simulated.
fn name(line: &FormatLine) -> String {
    match line.origin {
        Origin::Simulated => line.format.clone(),
        Origin::Model => format!("{}*", line.format),
    }
}

fn mark(limit: Limit) -> &'static str {
    match limit {
        Limit::Memory => "  ",
        Limit::Decoder => " d",
        Limit::Macs => " m",
    }
}
