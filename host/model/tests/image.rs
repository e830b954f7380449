//! Memory images, and images that are stopped halfway.
#[allow(dead_code)]
mod common;

use common::{f32_matrix, listing, options_for, safetensors, small_chained_code};
use seedlm_codec::WeightFormat;
use seedlm_codec::machine::DatapathConfig;
use seedlm_model::{Container, ImageOptions, MemoryImage, Progress, Rotate, Silent, Source, compress, write_image};
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Stops when it has been asked so many times.
struct StopAfter(AtomicUsize);

impl Progress for StopAfter {
    fn stop_requested(&self) -> bool {
        let left = self.0.load(Ordering::Relaxed);
        self.0.store(left.saturating_sub(1), Ordering::Relaxed);
        left == 0
    }
}

/// A container of two matrices, in a folder of its own.
fn container(folder: &Path) -> Container {
    let plain = folder.join("plain.safetensors");
    let tensors = [f32_matrix("a.q.weight", 9, 30), f32_matrix("b.q.weight", 70, 11)];
    fs::write(&plain, safetensors(&tensors, &[])).unwrap();
    let packed = folder.join("packed.safetensors");
    let options = options_for(small_chained_code(), Rotate::Auto);
    compress(&Source::open(&plain).unwrap(), &packed, &options, &Silent).unwrap();
    Container::open(&packed).unwrap()
}

#[test]
fn a_stop_at_any_point_leaves_nothing_or_everything() {
    let folder = tempfile::tempdir().unwrap();
    let container = container(folder.path());
    let options = ImageOptions {
        machine: DatapathConfig::reference(&WeightFormat::from(container.matrices()[0].layers[0].code.clone())),
        alignment_bytes: 64,
        hex: false,
        replace: false,
    };
    let (image, map) = (folder.path().join("out.img"), folder.path().join("map.json"));
    let mut stops = 0;
    loop {
        let progress = StopAfter(AtomicUsize::new(stops));
        match write_image(&container, &image, &map, &options, &progress) {
            Ok(report) => {
                assert_eq!(report.matrices, 2);
                break;
            }
            Err(error) => assert!(error.is_interruption(), "{error}"),
        }
        assert_eq!(listing(folder.path()), ["packed.safetensors", "plain.safetensors"]);
        stops += 1;
    }
    assert!(stops > 4, "{stops}");
    let opened = MemoryImage::open(&image, &map).unwrap();
    let report = opened.check(Some(&container), &Silent).unwrap();
    assert_eq!((report.matrices, report.problems), (2, vec![]));
    for ((weights, scales), info) in opened.map().matrices().zip(container.matrices()) {
        let matrix = opened.matrix(weights, scales).unwrap();
        assert_eq!(container.matrix(info).unwrap().layers(), [matrix]);
    }
    let stopped = opened.check(None, &StopAfter(AtomicUsize::new(1)));
    assert!(stopped.unwrap_err().is_interruption());
}
