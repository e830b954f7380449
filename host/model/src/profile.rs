//! Profiles: named defaults for how matrices are encoded. All of them stand in `profiles.toml`.

use serde::Deserialize;
use std::sync::LazyLock;

/// Defaults of `seedlm compress` under one name.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Name.
    pub name: String,
    /// What it is for, in a line.
    pub description: String,
    /// A preset; see [`crate::preset_layers`].
    pub code: String,
    /// Which matrices are rotated, as [`crate::Rotate`] is written.
    pub rotate: String,
    /// How a block code chooses coefficients, as [`seedlm_encoder::Quantizer`] is written; none where the code has no choice.
    pub quantizer: Option<String>,
    /// Scales that are tried for each row of a layer, see [`crate::Encoding::with_scale_trials`]; none where there is one layer.
    pub scale_trials: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Profiles {
    profile: Vec<Profile>,
}

/// All profiles, the fastest first.
pub fn profiles() -> &'static [Profile] {
    static PROFILES: LazyLock<Vec<Profile>> = LazyLock::new(|| {
        // The text is part of the program, and a test reads it.
        let profiles: Profiles = toml::from_str(include_str!("profiles.toml")).expect("the program's own profiles");
        profiles.profile
    });
    &PROFILES
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Encoding, Rotate, preset_layers};
    use seedlm_encoder::Quantizer;

    #[test]
    fn every_profile_is_an_encoding() {
        let names: Vec<&str> = profiles().iter().map(|profile| profile.name.as_str()).collect();
        assert_eq!(names, ["fast", "balanced", "quality", "research"]);
        for profile in profiles() {
            let layers = preset_layers(&profile.code).unwrap();
            let rotate = profile.rotate.parse::<Rotate>().unwrap();
            let encoding = Encoding::new(layers[0].clone(), Quantizer::Exact, rotate);
            let encoding = encoding.with_layers(layers).unwrap();
            assert_eq!(
                encoding.has_block_code(),
                profile.quantizer.is_some(),
                "{}",
                profile.name
            );
            assert_eq!(
                encoding.has_layers(),
                profile.scale_trials.is_some(),
                "{}",
                profile.name
            );
            if let Some(trials) = profile.scale_trials {
                assert!(encoding.with_scale_trials(trials).is_ok());
            }
            assert!(profile.quantizer.iter().all(|name| name.parse::<Quantizer>().is_ok()));
            assert!(!profile.description.is_empty() && !profile.description.contains('\n'));
        }
    }
}
