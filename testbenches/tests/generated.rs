//! What is committed is what the generator and the long runs gave.

use seedlm_codec::WeightFormat;
use seedlm_codec::machine::DatapathConfig;
use seedlm_hdl::generate::{differences, presets};
use seedlm_hdl::operations::operations_per_group;
use seedlm_hdl::options::{Options, Target};
use seedlm_sim::energy::operation_counts;
use seedlm_testbenches::rtl::Rtl;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Byte for byte, and no file more or less.
#[test]
fn the_committed_verilog_is_what_the_generator_writes() {
    for name in presets() {
        let format = WeightFormat::named(&name).unwrap();
        let rtl = Rtl::generate(&DatapathConfig::reference(&format), &format).unwrap();
        let folder = root().join("hdl/verilog").join(&name);
        let found = differences(&folder, &rtl.files).unwrap();
        assert!(
            found.is_empty(),
            "{}\nwrite them anew: cargo run --bin hdl -- presets",
            found.join("\n")
        );
    }
}

/// What `sim` takes the energies of decoders and MACs from.
#[test]
fn the_committed_counts_of_operations_are_those_of_the_netlists() {
    for name in WeightFormat::names() {
        let format = WeightFormat::named(&name).unwrap();
        let counted = operations_per_group(&DatapathConfig::reference(&format), &format).unwrap();
        let counted = serde_json::to_value(counted).unwrap();
        let committed = serde_json::to_value(operation_counts(&name).unwrap()).unwrap();
        assert_eq!(
            committed, counted,
            "write them anew: cargo run --bin hdl -- operations --toml sim/energy/operations.toml"
        );
    }
}

/// The log of the run over all 2^28 words is about the lane as it is now, as committed and as written for chips.
#[test]
fn the_log_of_all_words_is_about_this_lane() {
    let format = WeightFormat::named("paper-4b").unwrap();
    let log = std::fs::read_to_string(root().join("testbenches/logs/exhaustive_lane.log")).unwrap();
    for target in [Target::Portable, Target::Xc7, Target::Ecp5] {
        let options = Options {
            target,
            plain_rows: true,
        };
        let rtl = Rtl::written_with(&DatapathConfig::reference(&format), &format, &options).unwrap();
        let digest = Sha256::digest(rtl.text("seedlm_decode_lane"));
        let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(
            log.contains(&format!("{target}, SHA-256 {digest}")),
            "{target}: the lane has changed since all its words were checked; run it again:\n\
             cargo run --release -p seedlm-testbenches --example exhaustive_lane > testbenches/logs/exhaustive_lane.log"
        );
    }
    assert_eq!(log.matches("268435456 words checked, 0 differ").count(), 3, "{log}");
}
