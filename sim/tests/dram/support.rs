//! Models and walks for the tests.

use seedlm_sim::dram::{Controller, DramModel, PRESETS};

/// A preset with keys changed, each given as in TOML.
pub fn model(name: &str, changes: &[(&str, &str)]) -> DramModel {
    let (_, text) = PRESETS.iter().find(|(preset, _)| *preset == name).unwrap();
    changes
        .iter()
        .fold(DramModel::parse(name, text).unwrap(), |model, (key, value)| {
            let table: toml::Table = format!("x = {value}").parse().unwrap();
            model.with_override(key, table["x"].clone()).unwrap()
        })
}

/// Reads bytes from `start` on as fast as they come, with so many bytes asked for ahead that the memory never waits. Gives the
/// clock in which all are there, and the controller.
pub fn sequential_walk(model: &DramModel, start: u64, bytes: u64, keep_traces: bool) -> (u64, Controller) {
    let burst = 1024;
    let mut controller = Controller::new(model);
    if keep_traces {
        controller.keep_traces();
    }
    let ahead = 64 * 1024;
    let (mut asked, mut taken, mut clock) = (0, 0, 0);
    let mut under_way = std::collections::VecDeque::new();
    while asked < bytes || !under_way.is_empty() {
        while asked < bytes && (under_way.len() as u64) < ahead / burst {
            let first = controller.request(clock, start + asked, burst);
            under_way.push_back(first + burst / model.organisation().access_bytes());
            asked += burst;
        }
        controller.advance(clock);
        // In the order asked for, burst by burst.
        while let Some(&end) = under_way.front()
            && (taken..end).all(|number| controller.ready_clock(number).is_some_and(|ready| ready <= clock))
        {
            controller.release_before(end);
            taken = end;
            under_way.pop_front();
        }
        clock += 1;
    }
    (clock - 1, controller)
}
