//! From Verilog text to a shared library.

use crate::command::run;
use crate::design::{BuildOptions, Design, is_compiled};
use crate::error::VerilatorError;
use crate::key::Key;
use crate::ports;
use crate::tool::Verilator;
use std::ffi::OsStr;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

const SHIM: &str = include_str!("shim.cpp");

/// Change it when this file generates something else from the same design, so that older libraries are not used.
const GENERATION: &str = "1";

/// Verilator's own C++ files that a model with waves and without timing needs.
const RUNTIME: [&str; 3] = ["verilated", "verilated_threads", "verilated_vcd_c"];

/// What Verilator does with every design. Warnings do not stop it, because linting is a step of its own.
const VERILATE: [&str; 9] = [
    "--cc",
    "-O3",
    "-Wno-fatal",
    "--no-timing",
    "--timescale",
    "1ns/1ns",
    "--prefix",
    "Design",
    "-Mdir",
];

/// The folder for Verilator's files, inside the folder of the build.
const GENERATED: &str = "generated";

/// Arguments for the runtime and for models alike, since they share headers.
fn shared_arguments(verilator: &Verilator) -> Vec<String> {
    let include = verilator.root.join("include");
    vec![
        "-std=c++17".to_string(),
        "-fPIC".to_string(),
        // Unique symbols would be shared among all loaded models, and would keep their libraries from being unloaded.
        "-fno-gnu-unique".to_string(),
        // Time belongs to a model's context: without this the linker asks for a function that gives one time to all.
        "-DVL_TIME_CONTEXT".to_string(),
        "-DVM_TRACE=1".to_string(),
        "-DVM_TRACE_VCD=1".to_string(),
        // Nobody here can mend what the compiler has to say about Verilator's code.
        "-w".to_string(),
        format!("-I{}", include.display()),
        format!("-I{}", include.join("vltstd").display()),
    ]
}

fn tool_key(verilator: &Verilator) -> Key {
    let key = Key::default()
        .part(GENERATION)
        .part(verilator.executable.as_os_str().as_encoded_bytes())
        .part(&verilator.version)
        .part(verilator.compiler.words.join(" "))
        .part(&verilator.compiler.version);
    shared_arguments(verilator).iter().fold(key, Key::part)
}

/// The library of a design, and whether it had to be built.
pub(crate) fn library(
    verilator: &Verilator,
    design: &Design,
    options: &BuildOptions,
) -> Result<(PathBuf, bool), VerilatorError> {
    let mut key = VERILATE.iter().fold(tool_key(verilator), Key::part);
    key = key.part(SHIM).part(options.optimisation.argument());
    key = key.part([u8::from(options.waves)]).part(&design.top);
    for (name, text) in &design.sources {
        key = key.part(name).part(text);
    }
    let file_name = format!("{}-{}.so", design.top, key.name());
    verilator
        .cache
        .get(&file_name, |work| build(verilator, design, options, work))
}

fn build(
    verilator: &Verilator,
    design: &Design,
    options: &BuildOptions,
    work: &Path,
) -> Result<PathBuf, VerilatorError> {
    verilate(verilator, design, options, work)?;
    write_ports(design, work)?;
    write(&work.join("shim.cpp"), SHIM)?;
    write(&work.join("all.cpp"), &one_translation_unit(work)?)?;
    let (runtime, _) = runtime(verilator)?;
    let mut compile = verilator.compiler.command();
    compile
        .current_dir(work)
        .args(shared_arguments(verilator))
        .arg(options.optimisation.argument())
        .arg(format!("-DDESIGN_HAS_WAVES={}", u8::from(options.waves)))
        .args([format!("-I{GENERATED}"), "-I.".to_string()])
        // Each library has its own copy of the runtime, and must not find that of another one.
        .args(["-shared", "-Wl,-Bsymbolic", "all.cpp", "-o", "model.so"])
        .args(RUNTIME.map(|name| runtime.join(name).with_extension("o")))
        .arg("-lpthread");
    run(&mut compile, &format!("compiling the model of {}", design.top))?;
    Ok(work.join("model.so"))
}

fn verilate(verilator: &Verilator, design: &Design, options: &BuildOptions, work: &Path) -> Result<(), VerilatorError> {
    for (name, text) in &design.sources {
        write(&work.join(name), text)?;
    }
    let names = design
        .sources
        .iter()
        .map(|(name, _)| name)
        .filter(|name| is_compiled(name));
    let mut verilate = verilator.command();
    // Run in the folder, so that messages name the files as the caller did.
    verilate.current_dir(work).args(VERILATE).arg(GENERATED);
    verilate.args(["--top-module", &design.top]).args(names);
    if options.waves {
        verilate.arg("--trace");
    }
    run(&mut verilate, &format!("Verilating {}", design.top)).map(drop)
}

/// Writes the two lists that the shim includes.
fn write_ports(design: &Design, work: &Path) -> Result<(), VerilatorError> {
    let path = work.join(GENERATED).join("Design.h");
    let header = fs::read_to_string(&path).map_err(VerilatorError::io(&path, "read it"))?;
    let ports = ports::read_header(&header).map_err(|reason| VerilatorError::Design {
        top: design.top.clone(),
        reason,
    })?;
    let list = ports::to_text(ports.iter().map(|(port, _)| port.clone()));
    write(&work.join("port_list.inc"), &format!("{list:?}"))?;
    let mut addresses = String::new();
    for (index, (_, cpp_name)) in ports.iter().enumerate() {
        writeln!(addresses, "PORT({index}, {cpp_name})").expect("writing to a string does not fail");
    }
    write(&work.join("port_addresses.inc"), &addresses)
}

/// One piece compiles much faster than ten, because each of them would read the same large headers.
fn one_translation_unit(work: &Path) -> Result<String, VerilatorError> {
    let folder = work.join(GENERATED);
    let entries = fs::read_dir(&folder).map_err(VerilatorError::io(&folder, "read the folder"))?;
    let mut files: Vec<String> = entries
        .filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()))
        .filter(|name| Path::new(name).extension() == Some(OsStr::new("cpp")))
        .collect();
    files.sort();
    let includes: String = files.iter().map(|name| format!("#include \"{name}\"\n")).collect();
    Ok(includes + "#include \"shim.cpp\"\n")
}

/// The folder with Verilator's runtime as object files, which are compiled once for all models.
fn runtime(verilator: &Verilator) -> Result<(PathBuf, bool), VerilatorError> {
    let name = format!("runtime-{}", tool_key(verilator).name());
    verilator.cache.get(&name, |work| {
        let folder = work.join("objects");
        fs::create_dir(&folder).map_err(VerilatorError::io(&folder, "create the folder"))?;
        for name in RUNTIME {
            let mut compile = verilator.compiler.command();
            compile
                .args(shared_arguments(verilator))
                .args(["-O2", "-c"])
                .arg(verilator.root.join("include").join(name).with_extension("cpp"))
                .arg("-o")
                .arg(folder.join(name).with_extension("o"));
            run(&mut compile, "compiling Verilator's runtime")?;
        }
        Ok(folder)
    })
}

fn write(path: &Path, text: &str) -> Result<(), VerilatorError> {
    fs::write(path, text).map_err(VerilatorError::io(path, "write it"))
}
