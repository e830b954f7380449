//! Latency and bandwidth against closed forms; the deviations are printed.

use super::support::{model, sequential_walk};
use seedlm_sim::dram::{AddressMap, ClosedForms, Controller, DramModel, PRESETS};

/// Clocks from a request for one burst of a channel, in this clock, to its data at the port.
fn latency(controller: &mut Controller, model: &DramModel, clock: u64, address: u64) -> u64 {
    let number = controller.request(clock, address, model.organisation().access_bytes());
    controller.advance(clock + 10_000);
    let ready = controller.ready_clock(number).unwrap();
    controller.release_before(number + 1);
    ready - clock
}

#[test]
fn unloaded_latency_is_the_closed_form() {
    for (name, _) in PRESETS {
        let model = model(name, &[("refresh", "\"off\"")]);
        let forms = ClosedForms::of(&model);
        let map = AddressMap::new(model.organisation());
        let capacity = model.organisation().capacity_bytes();
        let access = model.organisation().access_bytes();
        // The highest address bit is one of the row, in every preset.
        let other_row = capacity / 2;
        assert_eq!(map.locate(0).bank, map.locate(other_row).bank);
        let neighbour = (1..)
            .map(|index| index * access)
            .find(|&address| {
                let (here, there) = (map.locate(0), map.locate(address));
                (here.channel, here.bank, here.row) == (there.channel, there.bank, there.row)
            })
            .unwrap();
        let mut controller = Controller::new(&model);
        for (what, address, expected) in [
            ("closed", 0, forms.unloaded_clocks),
            ("hit", neighbour, forms.unloaded_hit_clocks),
            ("conflict", other_row, forms.unloaded_conflict_clocks),
        ] {
            let clock = match what {
                "closed" => 0,
                "hit" => 20_000,
                _ => 40_000,
            };
            let measured = latency(&mut controller, &model, clock, address);
            println!("{name:<12} unloaded latency, row {what:<8}: {measured:>3} clocks, closed form {expected:>3}");
            assert_eq!(measured, expected, "{name} {what}");
        }
    }
}

/// Bytes per second of a long sequential walk, without its first latency.
fn sequential_gb_per_s(model: &DramModel) -> f64 {
    let bytes = 32 << 20;
    let (clocks, _) = sequential_walk(model, 0, bytes, false);
    let clocks = clocks - ClosedForms::of(model).unloaded_clocks;
    bytes as f64 / clocks as f64 * model.timing().clock_khz as f64 / 1e6
}

#[test]
fn sequential_reads_reach_the_closed_forms() {
    for (name, _) in PRESETS {
        for refresh in ["off", "all_bank", "per_bank"] {
            let has_per_bank = model(name, &[]).timing().t_rfc_pb > 0;
            if refresh == "per_bank" && !has_per_bank {
                continue;
            }
            let model = model(name, &[("refresh", &format!("{refresh:?}"))]);
            let forms = ClosedForms::of(&model);
            let measured = sequential_gb_per_s(&model);
            let deviation = measured / forms.sequential_gb_per_s - 1.0;
            println!(
                "{name:<12} refresh {refresh:<8}: {measured:>8.3} GB/s, closed form {:>8.3} ({:+.3} %), refresh-limited peak {:>8.3} ({:.3} % of it)",
                forms.sequential_gb_per_s,
                100.0 * deviation,
                forms.refresh_limited_gb_per_s,
                100.0 * measured / forms.refresh_limited_gb_per_s
            );
            assert!(deviation.abs() < 0.01, "{name} {refresh}: {deviation}");
        }
    }
}

/// The presets as they are: at least 99 % of what refresh leaves.
#[test]
fn every_preset_sustains_99_percent_of_its_refresh_limited_peak() {
    for (name, _) in PRESETS {
        let model = model(name, &[]);
        let share = sequential_gb_per_s(&model) / ClosedForms::of(&model).refresh_limited_gb_per_s;
        println!("{name:<12} {:.3} % of the refresh-limited peak", 100.0 * share);
        assert!((0.99..1.0001).contains(&share), "{name}: {share}");
    }
}

#[test]
fn peaks_are_those_of_the_data_sheets() {
    let peaks = [12.8, 19.2, 12.8, 51.2, 256.0, 56.0];
    for ((name, _), peak) in PRESETS.into_iter().zip(peaks) {
        let forms = ClosedForms::of(&model(name, &[]));
        assert!(
            (forms.peak_gb_per_s - peak).abs() < 1e-9,
            "{name}: {}",
            forms.peak_gb_per_s
        );
    }
}
