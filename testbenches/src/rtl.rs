//! Modules of a configuration, built with Verilator.

use seedlm_codec::machine::DatapathConfig;
use seedlm_codec::{CodecError, WeightFormat};
use seedlm_hdl::generate::{GeneratedFile, files};
use seedlm_hdl::options::Options;
use seedlm_verilator::{BuildOptions, Design, Model, Verilator, VerilatorError};

/// The Verilog of one configuration.
#[derive(Clone, Debug)]
pub struct Rtl {
    /// The generated files.
    pub files: Vec<GeneratedFile>,
}

impl Rtl {
    /// Generates the Verilog.
    ///
    /// # Errors
    /// When the configuration cannot be built.
    pub fn generate(config: &DatapathConfig, format: &WeightFormat) -> Result<Self, CodecError> {
        Rtl::written_with(config, format, &Options::default())
    }

    /// Generates the Verilog with other options.
    ///
    /// # Errors
    /// When the configuration cannot be built.
    pub fn written_with(config: &DatapathConfig, format: &WeightFormat, options: &Options) -> Result<Self, CodecError> {
        Ok(Rtl {
            files: files(config, format, options, "")?,
        })
    }

    /// Replaces text in one module: a fault, to see whether it is found.
    ///
    /// # Panics
    /// When the text is not there exactly once: the fault would not be what it is called.
    pub fn replace(&mut self, module: &str, from: &str, to: &str) {
        let name = format!("{module}.v");
        let file = self.files.iter_mut().find(|file| file.name == name);
        let file = file.unwrap_or_else(|| panic!("there is no {name}"));
        let found = file.text.matches(from).count();
        assert_eq!(found, 1, "{name}: {from:?} is there {found} times");
        file.text = file.text.replace(from, to);
    }

    /// The design with one of the modules as its top, and nothing it does not need: a change elsewhere builds nothing
    /// anew.
    pub fn design(&self, top: &str) -> Design {
        let mut needed = vec![top.to_string()];
        let mut index = 0;
        while index < needed.len() {
            let text = self.text(&needed[index]).to_string();
            for file in &self.files {
                let module = file.name.trim_end_matches(".v");
                // A file has the module it is called after; only rows of adders stand in one file together.
                let instance = match module {
                    "seedlm_rows" => "    seedlm_row_".to_string(),
                    _ => format!("    {module} "),
                };
                let is_inside = file.name.ends_with(".v") && text.contains(&instance);
                if is_inside && !needed.iter().any(|name| name == module) {
                    needed.push(module.to_string());
                }
            }
            index += 1;
        }
        needed.iter().fold(Design::new(top), |design, module| {
            design.with_source(format!("{module}.v"), self.text(module))
        })
    }

    /// The text of one module.
    ///
    /// # Panics
    /// When there is no such module.
    pub fn text(&self, module: &str) -> &str {
        let name = format!("{module}.v");
        let file = self.files.iter().find(|file| file.name == name);
        &file.unwrap_or_else(|| panic!("there is no module {module}")).text
    }

    /// Whether the text of one module has this in it.
    ///
    /// # Panics
    /// When there is no such module.
    pub fn has_text(&self, module: &str, part: &str) -> bool {
        self.text(module).contains(part)
    }

    /// Builds one of the modules.
    ///
    /// # Errors
    /// When Verilator is missing or refuses the text.
    pub fn build(&self, verilator: &Verilator, top: &str, options: &BuildOptions) -> Result<Model, VerilatorError> {
        verilator.build(&self.design(top), options)
    }
}
