//! What a speed depends on and no option names: program, compiler, processor.

use serde::Serialize;
use std::fs;

/// Program and version.
pub const TOOL: &str = concat!("seedlm ", env!("CARGO_PKG_VERSION"));

/// What ran, and where.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    /// Program and version.
    pub tool: &'static str,
    /// The compiler that built the program, where that was known.
    pub compiler: Option<&'static str>,
    /// The processor's name, where the system tells it.
    pub processor: Option<String>,
    /// What the processor can do, in the system's words; empty where it does not tell.
    pub features: Vec<String>,
    /// Processors that the program may use.
    pub cores: usize,
}

impl Machine {
    /// This one.
    pub fn this() -> Self {
        let description = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        // The same for all processors: the first line of that name will do. ARM calls its flags features.
        let field = |names: &[&str]| {
            let pairs = description.lines().filter_map(|line| line.split_once(':'));
            let mut values = pairs.filter(|(name, _)| names.contains(&name.trim()));
            values.next().map(|(_, value)| value.trim().to_string())
        };
        let features = field(&["flags", "Features"]).unwrap_or_default();
        Machine {
            tool: TOOL,
            compiler: option_env!("SEEDLM_COMPILER"),
            processor: field(&["model name"]),
            features: features.split_whitespace().map(String::from).collect(),
            cores: crate::threads::available(),
        }
    }

    /// The same in a line.
    pub fn line(&self) -> String {
        let known = [Some(self.tool), self.compiler, self.processor.as_deref()];
        known.into_iter().flatten().collect::<Vec<&str>>().join("; ")
    }
}
