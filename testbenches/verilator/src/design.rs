//! What is built: the Verilog text, and how.

use crate::error::VerilatorError;

/// Verilog text and the name of its top module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Design {
    /// The module whose ports the model has.
    pub top: String,
    /// File names and their texts. Files that do not end in `.v` or `.sv` are only there to be included.
    pub sources: Vec<(String, String)>,
}

impl Design {
    /// A design that still needs its sources.
    pub fn new(top: impl Into<String>) -> Self {
        Self {
            top: top.into(),
            sources: Vec::new(),
        }
    }

    /// Adds a file. Messages of the tool name it.
    pub fn with_source(mut self, file_name: impl Into<String>, text: impl Into<String>) -> Self {
        self.sources.push((file_name.into(), text.into()));
        self
    }

    /// Names become file names and arguments of a command, so they are checked before anything is written.
    pub(crate) fn check(&self) -> Result<(), VerilatorError> {
        let refuse = |reason: String| {
            Err(VerilatorError::Design {
                top: self.top.clone(),
                reason,
            })
        };
        let allowed = |name: &str, others: &str| {
            let first_is_good = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
            first_is_good
                && name
                    .chars()
                    .all(|character| character.is_ascii_alphanumeric() || others.contains(character))
        };
        if !allowed(&self.top, "_") {
            return refuse("the top module's name must be letters, digits and _".to_string());
        }
        if !self.sources.iter().any(|(name, _)| is_compiled(name)) {
            return refuse("it has no file that ends in .v or .sv".to_string());
        }
        for (index, (name, _)) in self.sources.iter().enumerate() {
            if !allowed(name, "_-.") {
                return refuse(format!(
                    "file name {name:?} must be letters, digits, _, - and ., without a folder"
                ));
            }
            if self.sources[..index].iter().any(|(earlier, _)| earlier == name) {
                return refuse(format!("there are two files called {name:?}"));
            }
        }
        Ok(())
    }
}

/// Whether a file is given to Verilator by name, and not only included by others.
pub(crate) fn is_compiled(file_name: &str) -> bool {
    file_name.ends_with(".v") || file_name.ends_with(".sv")
}

/// How a design is built. The default is for short tests: no waves, and quick to compile.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BuildOptions {
    /// Lets [`crate::Model::open_waves`] write a VCD file. The model is slower with it, even while no file is open.
    pub waves: bool,
    /// How hard the C++ compiler tries.
    pub optimisation: Optimisation,
}

/// How hard the C++ compiler tries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Optimisation {
    /// `-O1`: compiles quickly.
    #[default]
    Quick,
    /// `-O2`: for runs of many millions of cycles.
    LongRuns,
}

impl Optimisation {
    pub(crate) fn argument(self) -> &'static str {
        match self {
            Self::Quick => "-O1",
            Self::LongRuns => "-O2",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_leave_the_folder_or_become_options_are_refused() {
        let text = "module top; endmodule";
        assert!(Design::new("top").with_source("top.v", text).check().is_ok());
        let bad = [
            Design::new("--help").with_source("top.v", text),
            Design::new("").with_source("top.v", text),
            Design::new("top"),
            Design::new("top").with_source("top.txt", text),
            Design::new("top").with_source("../top.v", text),
            Design::new("top").with_source("-top.v", text),
            Design::new("top").with_source("top.v", text).with_source("top.v", text),
        ];
        for design in bad {
            assert!(design.check().is_err(), "{design:?}");
        }
    }
}
