//! `--profile`: named defaults of the options that say how matrices are encoded.

use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser};
use seedlm_model::{Profile, profiles};

/// A profile.
#[derive(Debug, Args)]
pub struct ProfileOption {
    /// Defaults of --code, --rotate, --quantizer and --scale-trials under one name; the options themselves go before
    #[arg(long, value_name = "PROFILE", conflicts_with_all = ["code", "layers", "map"], value_parser = names())]
    profile: Option<String>,
}

fn names() -> PossibleValuesParser {
    let names = profiles().iter();
    PossibleValuesParser::new(names.map(|profile| PossibleValue::new(&*profile.name).help(&*profile.description)))
}

impl ProfileOption {
    /// The profile asked for.
    pub fn get(&self) -> Option<&'static Profile> {
        let name = self.profile.as_ref()?;
        profiles().iter().find(|profile| profile.name == *name)
    }
}
