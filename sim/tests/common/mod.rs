//! Machines and products for the tests.

use seedlm_codec::WeightFormat;
use seedlm_codec::machine::DatapathConfig;
use seedlm_sim::memory_model::MemoryModel;
use seedlm_sim::workload::{random_activations, random_matrix};
use seedlm_sim::{Job, SystemConfig};

pub fn format(name: &str) -> WeightFormat {
    WeightFormat::named(name).unwrap()
}

pub fn system(format: &WeightFormat, memory: &str) -> SystemConfig {
    SystemConfig {
        clock_mhz: 200.0,
        datapath: DatapathConfig::reference(format),
        memory: MemoryModel::named(memory).unwrap(),
    }
}

pub fn job(name: &str, system: &SystemConfig, format: &WeightFormat, rows: usize, columns: usize, seed: u64) -> Job {
    let matrix = random_matrix(format, rows, columns, seed).unwrap();
    let activations = random_activations(system.datapath.activation_bits, columns, seed).unwrap();
    Job::new(name, &system.datapath, &matrix, &activations).unwrap()
}
