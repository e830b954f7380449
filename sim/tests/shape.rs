//! Estimates of shapes, held against simulations of everything.

use seedlm_codec::WeightFormat;
use seedlm_sim::energy::{EnergyTable, operation_counts};
use seedlm_sim::memory_model::MemoryModel;
use seedlm_sim::settings::Settings;
use seedlm_sim::shape::{ModelShape, check, estimate};
use seedlm_sim::workload::{compress_model, load_model};

fn settings(memory: &str) -> Settings {
    Settings::new(200.0, MemoryModel::named(memory).unwrap()).unwrap()
}

#[test]
fn extrapolation_and_simulation_of_a_small_model_agree() {
    let shape = ModelShape::named("smollm2-4-layers").unwrap();
    for (memory, name) in [("paper", "chained-4b"), ("ddr4-2400", "paper-3b")] {
        let format = WeightFormat::named(name).unwrap();
        let system = settings(memory).system(&format);
        let checked = check(&shape, &format, &system).unwrap();
        println!("{memory} {name}: {checked:?}");
        assert!(checked.deviation.abs() < 0.005, "{memory} {name}: {checked:?}");
    }
}

/// The shapes in the file are those of the model in the program, and what is counted without weights is what is read with them.
#[test]
fn the_embedded_shape_reads_what_the_embedded_model_reads() {
    let format = WeightFormat::named("chained-4b-k12").unwrap();
    let shape = ModelShape::named("embedded").unwrap();
    let system = settings("paper").system(&format);
    let table = EnergyTable::named("45nm").unwrap();
    let counts = operation_counts(&format.label());
    let estimated = estimate(&shape, &format, &system, (&table, counts)).unwrap();
    let pass = compress_model(&load_model(None).unwrap(), &format.code().unwrap(), None, &|_| ()).unwrap();
    let mut machine = seedlm_sim::Machine::new(&format, &system).unwrap();
    let measured = seedlm_sim::measure::measure(&pass, &system, &mut machine, None, &mut |_| ()).unwrap();
    assert_eq!(estimated.read_bytes, measured.read_bytes);
    assert_eq!(estimated.weights, measured.weights);
    let deviation = estimated.cycles as f64 / measured.cycles as f64 - 1.0;
    assert!(deviation.abs() < 0.01, "{deviation}");
    assert!(estimated.energy.unwrap().dram_j > 0.0);
}

#[test]
fn shapes_that_no_machine_fits_are_named() {
    let text =
        "name = \"wide\"\nsource = \"a test\"\n[[matrix]]\nname = \"m\"\nrows = 1\ncolumns = 1048576\ncount = 1\n";
    let shape = ModelShape::parse("wide.toml", text).unwrap();
    let format = WeightFormat::named("paper-4b").unwrap();
    let mut settings = settings("paper");
    settings.override_with("activation_bits=16").unwrap();
    let table = EnergyTable::named("45nm").unwrap();
    let error = estimate(&shape, &format, &settings.system(&format), (&table, None)).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("wide") && text.contains("1048576 columns"), "{text}");
}
