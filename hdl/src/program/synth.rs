//! `hdl synth` and `hdl chips`: area and clock on FPGAs, of one configuration or of the committed rows.

mod orders;
mod progress;

use anyhow::{Context, Result, bail};
use clap::Args;
use orders::{DesignArguments, from_row};
use progress::Progress;
use seedlm_hdl::synthesis::budget::Budgets;
use seedlm_hdl::synthesis::chips::Chips;
use seedlm_hdl::synthesis::measure::{Measurement, Order, Tools, measure};
use seedlm_hdl::synthesis::report;
use seedlm_hdl::synthesis::table::{Published, Table};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// What the rows of a table say, and nobody else beside them.
const OF_A_ROW: [&str; 14] = [
    "weights",
    "code",
    "map",
    "bits_per_weight",
    "target",
    "top",
    "lanes",
    "config",
    "overrides",
    "device",
    "package",
    "speed",
    "seeds",
    "frequency_mhz",
];

#[derive(Args)]
pub struct SynthArguments {
    #[command(flatten)]
    design: DesignArguments,
    /// Measure the rows of a TOML file in place of one configuration: hdl/synthesis/table.toml has the project's
    #[arg(long, value_name = "FILE", conflicts_with_all = OF_A_ROW)]
    table: Option<PathBuf>,
    /// Only this row of the table; may be repeated
    #[arg(long = "row", value_name = "NAME", requires = "table")]
    rows: Vec<String>,
    /// Fail if a row takes more, or is slower, than this file says, by more than 3 %; without --row for the rows that the table
    /// marks with budget = true
    #[arg(long, value_name = "FILE", requires = "table")]
    check_budget: Option<PathBuf>,
    /// Write what was measured into this file of budgets; without --row for the rows that the table marks with budget = true
    #[arg(long, value_name = "FILE", requires = "table", conflicts_with = "check_budget")]
    write_budget: Option<PathBuf>,
    /// Measure nothing: take the rows from this file, as --json has written it
    #[arg(long, value_name = "FILE", requires = "table", conflicts_with_all = ["no_place", "keep"])]
    measured: Option<PathBuf>,
    /// Make netlists only: no place and route, no clock
    #[arg(long)]
    no_place: bool,
    /// Write the figures to this file as well, as JSON, or to standard output (-) in place of the tables; written anew after each
    /// seed
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the tables to this file as well
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// Keep netlists, logs and the placer's reports in this folder
    #[arg(long, value_name = "FOLDER")]
    keep: Option<PathBuf>,
}

#[derive(Args)]
pub struct ChipArguments {
    /// Chips and their memories
    #[arg(long, value_name = "FILE", default_value = "hdl/synthesis/chips.toml")]
    chips: PathBuf,
    /// Rows as `hdl synth --json` writes them
    #[arg(long, value_name = "FILE", default_value = "hdl/synthesis/measured.json")]
    measured: PathBuf,
}

/// Measures and prints.
pub fn synth(arguments: &SynthArguments) -> Result<()> {
    let (orders, published) = orders(arguments)?;
    let budgets = match &arguments.check_budget {
        Some(path) => Budgets::parse(&path.display().to_string(), &read(path)?)?,
        None => Budgets::default(),
    };
    if let Some(path) = arguments.check_budget.as_deref().filter(|_| arguments.rows.is_empty()) {
        refuse_left_over(path, &budgets, &orders)?;
    }
    let measured = match &arguments.measured {
        Some(path) => measured_before(path, &orders)?,
        None => measure_all(arguments, &orders)?,
    };
    let markdown = report::markdown(&measured, &published);
    let json = serde_json::to_string_pretty(&measured)? + "\n";
    match arguments.json.as_deref() {
        Some(path) if path == Path::new("-") => print!("{json}"),
        Some(path) => {
            print!("{markdown}");
            write(path, &json)?;
        }
        None => print!("{markdown}"),
    }
    if let Some(path) = &arguments.markdown {
        write(path, &markdown)?;
    }
    if let Some(path) = &arguments.write_budget {
        write_budget(path, &measured)?;
    }
    if let Some(path) = &arguments.check_budget {
        if measured.is_empty() {
            bail!(
                "{}: no row has been measured, so nothing can be checked",
                path.display()
            );
        }
        let worse: Vec<String> = measured.iter().flat_map(|row| budgets.worse(row)).collect();
        if !worse.is_empty() {
            bail!("{}: more than 3 % worse\n{}", path.display(), worse.join("\n"));
        }
        eprintln!("{} rows are within {}", measured.len(), path.display());
    }
    Ok(())
}

/// Refuses budgets that no row is held to: whoever takes `budget = true` from a row must take its budget away, too.
fn refuse_left_over(path: &Path, budgets: &Budgets, orders: &[Order]) -> Result<()> {
    let is_measured = |name: &&str| orders.iter().any(|order| order.name == *name);
    let left_over: Vec<&str> = budgets.names().filter(|name| !is_measured(name)).collect();
    if !left_over.is_empty() {
        bail!(
            "{}: there is a budget, and no row of the table with budget = true, for: {}; mark the row, or take the budget out",
            path.display(),
            left_over.join(", ")
        );
    }
    Ok(())
}

fn measure_all(arguments: &SynthArguments, orders: &[Order]) -> Result<Vec<Measurement>> {
    let tools = Tools::find(orders)?;
    let temporary = tempfile::Builder::new().prefix("seedlm-synth-").tempdir();
    let temporary = temporary.context("a temporary folder")?;
    let work = arguments.keep.as_deref().unwrap_or(temporary.path());
    let file = arguments.json.as_deref().filter(|path| *path != Path::new("-"));
    let mut progress = Progress::new(orders.len(), file);
    for order in orders {
        progress.begin(&order.name);
        let measured = measure(order, &tools, &work.join(&order.name), &mut progress);
        measured.with_context(|| order.name.clone())?;
    }
    Ok(progress.finish())
}

/// The rows that were measured before, in the order of the table, with what the table says now of what holds their Verilog.
fn measured_before(path: &Path, orders: &[Order]) -> Result<Vec<Measurement>> {
    let all = read_measured(path)?;
    let rows = orders.iter().map(|order| {
        let row = all.iter().find(|row| row.name == order.name);
        let row = row.with_context(|| format!("{}: {} is not there", path.display(), order.name))?;
        Ok(Measurement {
            verified: order.verified.clone(),
            ..row.clone()
        })
    });
    rows.collect()
}

fn read_measured(path: &Path) -> Result<Vec<Measurement>> {
    serde_json::from_str(&read(path)?).with_context(|| format!("{}: not as hdl synth --json writes it", path.display()))
}

/// What is to be measured, and what is published beside it.
fn orders(arguments: &SynthArguments) -> Result<(Vec<Order>, Vec<Published>)> {
    let Some(path) = &arguments.table else {
        return Ok((vec![arguments.design.order(!arguments.no_place)?], Vec::new()));
    };
    let table = Table::parse(&path.display().to_string(), &read(path)?)?;
    let only_budget = arguments.check_budget.is_some() || arguments.write_budget.is_some();
    let rows = match arguments.rows.is_empty() {
        false => table.named(&arguments.rows)?,
        true => table.rows.iter().filter(|row| row.budget || !only_budget).collect(),
    };
    let orders: Result<Vec<Order>> = rows
        .into_iter()
        .map(|row| {
            let order = from_row(row, !arguments.no_place);
            order.with_context(|| format!("{}: {}", path.display(), row.name))
        })
        .collect();
    let whole = arguments.rows.is_empty() && !only_budget;
    Ok((orders?, if whole { table.published } else { Vec::new() }))
}

/// Puts rows into a file of budgets; the others in it stay.
fn write_budget(path: &Path, measured: &[Measurement]) -> Result<()> {
    let mut budgets = match path.exists() {
        true => Budgets::parse(&path.display().to_string(), &read(path)?)?,
        false => Budgets::default(),
    };
    measured.iter().for_each(|row| budgets.put(row));
    write(path, &budgets.text())
}

/// Prints which chip keeps up with which memory.
pub fn chips(arguments: &ChipArguments) -> Result<()> {
    let chips = Chips::parse(&arguments.chips.display().to_string(), &read(&arguments.chips)?)?;
    print!("{}", chips.markdown(&read_measured(&arguments.measured)?)?);
    Ok(())
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("{}: cannot read", path.display()))
}

/// Writes a file, which appears whole or not at all.
fn write(path: &Path, text: &str) -> Result<()> {
    let cannot = || format!("{}: cannot write", path.display());
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    // Readable for all, as files are that are no temporary ones.
    let readable = std::fs::Permissions::from_mode(0o644);
    let file = tempfile::Builder::new()
        .permissions(readable)
        .tempfile_in(folder.unwrap_or(Path::new(".")));
    let mut file = file.with_context(cannot)?;
    std::io::Write::write_all(&mut file, text.as_bytes()).with_context(cannot)?;
    file.persist(path).with_context(cannot)?;
    Ok(())
}
