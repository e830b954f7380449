//! `hdl generate` and `hdl presets`.

use super::settings::{FormatArguments, datapath};
use anyhow::{Context, Result, bail};
use clap::Args;
use seedlm_codec::WeightFormat;
use seedlm_codec::machine::DatapathConfig;
use seedlm_hdl::generate::{GeneratedFile, files, presets as preset_names, serial_files};
use seedlm_hdl::options::{Options, Target};
use std::path::{Path, PathBuf};

#[derive(Args)]
pub struct GenerateArguments {
    #[command(flatten)]
    format: FormatArguments,
    /// Take parameters of the datapath from a TOML file
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Change one parameter of the datapath, for example --set lanes=4; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    /// What the Verilog is written for; it computes the same in the same cycles
    #[arg(long, default_value = "portable", value_parser = Target::ALL.map(Target::name))]
    target: String,
    /// Put this behind every module name, so that two configurations fit into one design
    #[arg(long, default_value = "")]
    suffix: String,
    /// Write only seedlm_decoder_serial: one weight a cycle, of a chained code, from words of so many bits, a multiple of 8 and of
    /// those of a weight, at most 1,024
    #[arg(long, value_name = "WORD_BITS", conflicts_with_all = ["config", "overrides", "suffix"])]
    serial: Option<usize>,
    /// Folder to write to; it is made if need be
    #[arg(long, short, value_name = "FOLDER")]
    out: PathBuf,
}

#[derive(Args)]
pub struct PresetArguments {
    /// Folder of the presets' folders; without it hdl/verilog, which must be there
    #[arg(long, short, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Write nothing; fail if a file is missing, differs or is too many
    #[arg(long)]
    check: bool,
}

/// Writes the files of one configuration.
pub fn generate(arguments: &GenerateArguments) -> Result<()> {
    let format = arguments.format.format()?;
    let config = datapath(&format, arguments.config.as_deref(), &arguments.overrides)?;
    let letters = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if !arguments.suffix.chars().all(letters) {
        bail!(
            "--suffix {:?} cannot be part of a Verilog name: use letters, digits and _",
            arguments.suffix
        );
    }
    let target = Target::named(&arguments.target).expect("clap has checked it");
    let options = Options::written_for(target);
    let files = match arguments.serial {
        Some(word_bits) => serial_files(&format, word_bits, &options)?,
        None => files(&config, &format, &options, &arguments.suffix)?,
    };
    write(&arguments.out, &files)?;
    println!("{} files in {}", files.len(), arguments.out.display());
    Ok(())
}

/// Writes or checks the files of all presets.
pub fn presets(arguments: &PresetArguments) -> Result<()> {
    let committed = Path::new("hdl/verilog");
    let out = match &arguments.out {
        Some(folder) => folder.as_path(),
        None if committed.is_dir() => committed,
        None => bail!(
            "there is no folder hdl/verilog here: run this where the project's Cargo.toml is, or name a folder with --out"
        ),
    };
    let mut differences = Vec::new();
    for name in preset_names() {
        let format = WeightFormat::named(&name)?;
        let folder = out.join(&name);
        let files = files(&DatapathConfig::reference(&format), &format, &Options::default(), "")?;
        if arguments.check {
            let found = seedlm_hdl::generate::differences(&folder, &files);
            differences.extend(found.with_context(|| format!("{}: cannot list", folder.display()))?);
        } else {
            write(&folder, &files)?;
            println!("{} files in {}", files.len(), folder.display());
        }
    }
    if !differences.is_empty() {
        bail!(
            "{}\nWrite them anew with: cargo run --bin hdl -- presets",
            differences.join("\n")
        );
    }
    Ok(())
}

/// Writes files to a folder, which is made if need be.
pub fn write(folder: &Path, files: &[GeneratedFile]) -> Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("{}: cannot make the folder", folder.display()))?;
    for file in files {
        let path = folder.join(&file.name);
        std::fs::write(&path, &file.text).with_context(|| format!("{}: cannot write", path.display()))?;
    }
    Ok(())
}
