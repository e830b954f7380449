//! The files for one configuration: a module a file, a list of them, and a FuseSoC description.

use crate::modules::decoder_serial::decoder_serial;
use crate::modules::{lanes, tops};
use crate::netlist::module::Module;
use crate::netlist::print::verilog;
use crate::netlist::row::row_modules;
use crate::options::{Options, Target};
use seedlm_codec::machine::DatapathConfig;
use seedlm_codec::{CodecError, WeightFormat};
use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::rc::Rc;

/// A generated file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GeneratedFile {
    /// File name.
    pub name: String,
    /// Content.
    pub text: String,
}

/// Every module of the tops, inner modules before those that use them.
///
/// # Errors
/// [`CodecError::Machine`] when the configuration cannot be built.
pub fn modules(
    config: &DatapathConfig,
    format: &WeightFormat,
    options: &Options,
) -> Result<Vec<Rc<Module>>, CodecError> {
    let tops = tops(config, format, options)?;
    let mut found = Vec::new();
    for top in [&tops.decoder, &tops.matvec] {
        collect(top, &mut found);
    }
    Ok(found)
}

fn collect(module: &Rc<Module>, found: &mut Vec<Rc<Module>>) {
    if found.iter().any(|other| other.name() == module.name()) {
        return;
    }
    for inside in module.instances() {
        collect(inside, found);
    }
    found.push(module.clone());
}

/// The files of a configuration. Every module name gets `suffix`, so that two machines can be in one design.
///
/// # Errors
/// [`CodecError::Machine`] when the configuration cannot be built.
pub fn files(
    config: &DatapathConfig,
    format: &WeightFormat,
    options: &Options,
    suffix: &str,
) -> Result<Vec<GeneratedFile>, CodecError> {
    let mut files = sources(&modules(config, format, options)?, config, format, options, suffix);
    let names: Vec<String> = files.iter().map(|file| file.name.clone()).collect();
    files.push(GeneratedFile {
        name: format!("seedlm{suffix}.f"),
        text: names.iter().map(|name| format!("{name}\n")).collect(),
    });
    files.push(GeneratedFile {
        name: format!("seedlm{suffix}.core"),
        text: core_description(format, suffix, &names),
    });
    Ok(files)
}

/// The Verilog of the decode lanes alone, with the top `seedlm_lanes`: what there is to a decoder's area.
///
/// # Errors
/// [`CodecError::Machine`] when the configuration cannot be built.
pub fn lane_files(
    config: &DatapathConfig,
    format: &WeightFormat,
    options: &Options,
) -> Result<Vec<GeneratedFile>, CodecError> {
    Ok(sources_below(&lanes(config, format, options)?, config, format, options))
}

/// The Verilog of the decoder of one weight a cycle, from words of `word_bits` bits.
///
/// # Errors
/// [`CodecError::Machine`] when words cannot have that width, or the format is no chained code.
pub fn serial_files(
    format: &WeightFormat,
    word_bits: usize,
    options: &Options,
) -> Result<Vec<GeneratedFile>, CodecError> {
    let WeightFormat::Chained(code) = format else {
        let label = format.label();
        return Err(CodecError::Machine(format!(
            "there is no serial decoder for {label}, only for chained codes"
        )));
    };
    let top = Rc::new(decoder_serial(code, word_bits, options)?);
    let config = DatapathConfig::reference(format);
    Ok(sources_below(&top, &config, format, options))
}

/// The Verilog of a module and of all that is inside it.
pub(crate) fn sources_below(
    top: &Rc<Module>,
    config: &DatapathConfig,
    format: &WeightFormat,
    options: &Options,
) -> Vec<GeneratedFile> {
    let mut found = Vec::new();
    collect(top, &mut found);
    sources(&found, config, format, options, "")
}

fn sources(
    modules: &[Rc<Module>],
    config: &DatapathConfig,
    format: &WeightFormat,
    options: &Options,
    suffix: &str,
) -> Vec<GeneratedFile> {
    let header = header(config, format, options);
    let file = |module: &Rc<Module>| GeneratedFile {
        name: format!("{}{suffix}.v", module.name()),
        text: format!(
            "{header}`default_nettype none\n\n{}`default_nettype wire\n",
            verilog(module, suffix)
        ),
    };
    let rows = modules.iter().any(|module| module.has_rows());
    let rows = rows.then(|| row_modules(options, suffix)).flatten();
    let rows = rows.map(|text| GeneratedFile {
        name: format!("seedlm_rows{suffix}.v"),
        text: format!("{header}`default_nettype none\n\n{text}`default_nettype wire\n"),
    });
    rows.into_iter().chain(modules.iter().map(file)).collect()
}

/// Names of the formats whose Verilog is kept in `hdl/verilog`: all that have names, but of the chained codes only those with
/// windows of the usual length.
pub fn presets() -> Vec<String> {
    WeightFormat::usual_names()
}

/// What in a folder is not as it would be generated, byte for byte: files that differ, are missing, or are too many.
///
/// # Errors
/// When the folder cannot be listed to its end.
pub fn differences(folder: &Path, files: &[GeneratedFile]) -> io::Result<Vec<String>> {
    let mut differences = Vec::new();
    for file in files {
        let path = folder.join(&file.name);
        match std::fs::read_to_string(&path) {
            Ok(text) if text == file.text => {}
            Ok(_) => differences.push(format!("{}: out of date", path.display())),
            Err(error) => differences.push(format!("{}: {error}", path.display())),
        }
    }
    let expected: BTreeSet<&str> = files.iter().map(|file| file.name.as_str()).collect();
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if !expected.contains(name.as_str()) {
            differences.push(format!("{}: is not generated", folder.join(name).display()));
        }
    }
    Ok(differences)
}

/// Licence, generator and configuration, as comments.
fn header(config: &DatapathConfig, format: &WeightFormat, options: &Options) -> String {
    let mut lines = vec![
        "SPDX-License-Identifier: MIT OR Apache-2.0".to_string(),
        format!(
            "Generated by hdl {} of seedlm. Do not edit: change the generator.",
            env!("CARGO_PKG_VERSION")
        ),
        format!("Weights: {}", describe(format)),
    ];
    if options.target != Target::Portable {
        lines.push(format!("Written for: {}", options.target));
    }
    lines.push("Configuration:".into());
    let settings = toml::to_string(config).expect("a configuration is plain data");
    lines.extend(settings.lines().map(|setting| format!("  {setting}")));
    lines.iter().map(|line| format!("// {line}\n")).collect()
}

/// The format with all its parameters.
fn describe(format: &WeightFormat) -> String {
    match format {
        WeightFormat::Binary16 => "fp16 (IEEE 754 binary16, uncompressed)".into(),
        WeightFormat::Block(code) => format!(
            "{}: C = {}, P = {}, K = {}, taps {:?}, {} bits per coefficient, {} bits of exponent",
            code.label(),
            code.block_size(),
            code.latent_dimension(),
            code.lfsr().length(),
            code.lfsr().taps(),
            code.coefficient_bits(),
            code.exponent_bits()
        ),
        WeightFormat::Chained(code) => {
            let fields = code.map().fields().iter().map(|masks| {
                let masks: Vec<String> = masks.iter().map(|mask| format!("{mask:#x}")).collect();
                masks.join(", ")
            });
            format!(
                "{}: k = {}, K = {}, masks of the fields {}",
                code.preset_name().unwrap_or("chained"),
                code.bits_per_weight(),
                code.map().length(),
                fields.collect::<Vec<_>>().join("; ")
            )
        }
    }
}

/// A FuseSoC core (CAPI2) with both tops as targets.
fn core_description(format: &WeightFormat, suffix: &str, names: &[String]) -> String {
    let tops = [
        ("decoder", "seedlm_decoder"),
        ("default", "seedlm_matvec"),
        ("matvec", "seedlm_matvec"),
    ];
    let label = match format {
        WeightFormat::Block(code) if code.preset_name().is_none() => {
            let taps: Vec<String> = code.lfsr().taps().iter().map(u32::to_string).collect();
            let (coefficient, exponent) = (code.coefficient_bits(), code.exponent_bits());
            let label = code.label().replace([' ', '='], "_");
            format!("{label}_taps_{}_q{coefficient}_e{exponent}", taps.join("_"))
        }
        // Nothing but letters, digits and underscores may stand there.
        WeightFormat::Chained(code) if code.preset_name().is_none() => {
            let (bits, map) = (code.bits_per_weight(), code.map());
            format!("chained_k_{bits}_K_{}_map_{:08x}", map.length(), map.fingerprint())
        }
        _ => format.label(),
    };
    let mut text = format!(
        "CAPI=2:\n# SPDX-License-Identifier: MIT OR Apache-2.0\nname: seedlm:seedlm:{label}{suffix}:{version}\n\
         description: SeedLM weight decoder and matrix-vector product, {label}\nfilesets:\n  rtl:\n    files:\n",
        version = env!("CARGO_PKG_VERSION")
    );
    for name in names {
        text += &format!("      - {name}\n");
    }
    text += "    file_type: verilogSource-2005\ntargets:\n";
    for (target, top) in tops {
        text += &format!("  {target}:\n    filesets: [rtl]\n    toplevel: {top}{suffix}\n");
    }
    text
}
