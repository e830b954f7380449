//! Compress, read, decompress: what goes in comes out.
#[allow(dead_code)]
mod common;

use common::{
    TestTensor, f32_matrix, heavy_tailed_matrix, listing, matrix_of, options, options_for, safetensors,
    small_chained_code, small_code,
};
use proptest::prelude::*;
use seedlm_codec::{Code, Rotation};
use seedlm_model::{
    CompressOptions, CompressReport, Container, ContainerInspection, DecompressOptions, Dtype, FloatDtype, Inspection,
    Model, Plan, Rotate, Rules, Silent, Source, compress, decompress, inspect, rotate_rows, verify,
};
use std::fs;
use std::path::Path;

fn write(folder: &Path, name: &str, tensors: &[TestTensor], metadata: &[(&str, &str)]) {
    fs::write(folder.join(name), safetensors(tensors, metadata)).unwrap();
}

fn dtypes() -> impl Strategy<Value = Dtype> {
    prop::sample::select(vec![
        Dtype::F32,
        Dtype::F16,
        Dtype::BF16,
        Dtype::I64,
        Dtype::U8,
        Dtype::F64,
        Dtype::BOOL,
    ])
}

/// A tensor of any shape, zero sizes included, with finite weights.
fn tensors() -> impl Strategy<Value = TestTensor> {
    (
        "[a-c]{1,3}(\\.norm)?(\\.weight|\\.bias)",
        dtypes(),
        prop::collection::vec(0_usize..14, 0..4),
    )
        .prop_flat_map(|(name, dtype, shape)| {
            let bytes = shape.iter().product::<usize>() * dtype.bitsize() / 8;
            let content = prop::collection::vec(any::<u8>(), bytes).prop_map(move |mut bytes| {
                // No infinities and no NaN: one bit of the exponent stays zero.
                let width = dtype.bitsize() / 8;
                if matches!(dtype, Dtype::F32 | Dtype::F16 | Dtype::BF16) {
                    bytes
                        .iter_mut()
                        .skip(width - 1)
                        .step_by(width)
                        .for_each(|byte| *byte &= 0xbf);
                }
                bytes
            });
            (Just(name), Just(dtype), Just(shape), content)
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn kept_tensors_are_untouched_and_matrices_are_what_their_words_say(
        mut list in prop::collection::vec(tensors(), 0..6),
        note in prop::option::of("[ -~]{0,12}"),
        is_chained in any::<bool>(),
        rotate in prop::sample::select(vec![Rotate::Auto, Rotate::Always, Rotate::Never]),
    ) {
        let code: Code = if is_chained { small_chained_code().into() } else { small_code().into() };
        list.sort();
        list.dedup_by(|left, right| left.0 == right.0);
        let folder = tempfile::tempdir().unwrap();
        let [plain, packed, again] = ["a.safetensors", "b.safetensors", "c.safetensors"].map(|name| folder.path().join(name));
        let metadata: Vec<(&str, &str)> = note.as_deref().map(|note| ("note", note)).into_iter().collect();
        write(folder.path(), "a.safetensors", &list, &metadata);

        let source = Source::open(&plain).unwrap();
        let report = compress(&source, &packed, &options_for(code, rotate), &Silent).unwrap();
        prop_assert_eq!(report.output_bytes, fs::metadata(&packed).unwrap().len());
        let checked = verify(&packed, &Silent).unwrap();
        prop_assert_eq!(&checked.problems, &Vec::<String>::new());
        prop_assert_eq!(checked.matrices + checked.kept_tensors, list.len());

        // Any tool can list a container, and its data is aligned.
        let bytes = fs::read(&packed).unwrap();
        let (header_bytes, listed) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
        prop_assert_eq!(header_bytes % 8, 0);
        let listed = listed.metadata().as_ref().unwrap().clone();
        prop_assert_eq!(listed.get("note").map(String::as_str), note.as_deref());
        prop_assert_eq!(listed["format"].as_str(), "pt");

        let container = Container::open(&packed).unwrap();
        decompress(&container, &again, &DecompressOptions::default(), &Silent).unwrap();
        let bytes = fs::read(&again).unwrap();
        let decoded = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        prop_assert_eq!(decoded.len(), list.len());
        for (name, dtype, shape, bytes) in &list {
            let tensor = decoded.tensor(name).unwrap();
            prop_assert_eq!((tensor.dtype(), tensor.shape()), (*dtype, &shape[..]));
            match container.matrices().iter().find(|matrix| matrix.name == *name) {
                None => prop_assert_eq!(tensor.data(), &bytes[..]),
                Some(matrix) => {
                    let coded = container.matrix(matrix).unwrap();
                    let values = coded.values(0..matrix.rows);
                    let plain = Source::open(&again).unwrap();
                    let read = plain.matrix(plain.tensor(name).unwrap()).unwrap().values;
                    for (value, read) in values.iter().zip(&read) {
                        let tolerance = match dtype { Dtype::F32 => 0.0, Dtype::F16 => 1e-3, _ => 1e-2 };
                        let error = (value - read).abs();
                        prop_assert!(error <= tolerance * value.abs() + 6e-8 || value.abs() > 65504.0, "{} {}", value, read);
                    }
                }
            }
        }
    }
}

/// Compresses F32 matrices, and holds report, container, plan and decoded file against each other.
fn there_and_back(tensors: &[TestTensor], options: &CompressOptions) -> (CompressReport, ContainerInspection) {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "a.safetensors", tensors, &[]);
    let [plain, packed, again] =
        ["a.safetensors", "b.safetensors", "c.safetensors"].map(|name| folder.path().join(name));
    let source = Source::open(&plain).unwrap();
    let report = compress(&source, &packed, options, &Silent).unwrap();
    assert_eq!(verify(&packed, &Silent).unwrap().problems, [""; 0]);
    let container = Container::open(&packed).unwrap();
    decompress(&container, &again, &DecompressOptions::default(), &Silent).unwrap();
    let decoded = Source::open(&again).unwrap();
    let (mut squared_error, mut squared_norm) = (0.0_f64, 0.0_f64);
    for info in source.tensors() {
        let before = source.matrix(info).unwrap().values;
        let after = decoded.matrix(decoded.tensor(&info.name).unwrap()).unwrap().values;
        for (w, decoded) in before.iter().zip(&after) {
            squared_error += (f64::from(*w) - f64::from(*decoded)).powi(2);
            squared_norm += f64::from(*w).powi(2);
        }
    }
    let measured = (squared_error / squared_norm).sqrt();
    assert!(
        measured > 0.0 && (report.relative_error / measured - 1.0).abs() < 1e-6,
        "{measured} {report:?}"
    );
    let Inspection::Container(inspected) = inspect(&Model::open(&packed).unwrap()) else {
        panic!("a container is inspected as one");
    };
    assert!((inspected.relative_error / measured - 1.0).abs() < 1e-6);
    // The dry run's sizes are those of the run, up to the digits of two sums and the rotation of each matrix.
    let plan = Plan::new(&source, &Rules::default(), &options.encoding).unwrap();
    assert!(
        plan.output_bytes.abs_diff(report.output_bytes) < 16 + 48 * tensors.len() as u64,
        "{} {}",
        plan.output_bytes,
        report.output_bytes
    );
    assert_eq!(plan.bits_per_compressed_weight, report.bits_per_compressed_weight);
    assert!(plan.estimate_seconds(&source).unwrap().unwrap() > 0.0);
    for matrix in &report.matrices {
        let kept = container
            .matrices()
            .iter()
            .find(|info| info.name == matrix.name)
            .unwrap();
        let expected = matrix.rotated.then(Rotation::default);
        assert_eq!((kept.rotation, kept.code_label()), (expected, matrix.code.clone()));
        assert_eq!(kept.stored_bytes(), matrix.stored_bytes);
    }
    (report, inspected)
}

#[test]
fn the_report_the_container_and_the_decoded_file_agree_on_the_error() {
    let tensors = [f32_matrix("x.q.weight", 7, 22), f32_matrix("x.k.weight", 3, 9)];
    let (report, inspected) = there_and_back(&tensors, &options());
    // Words of 14 bits: 42 of them, and 9; and two scales.
    assert_eq!(report.stored_bytes, 74 + 16 + 2 * 4);
    assert_eq!((inspected.version, report.rotated_matrices), (1, 0));
    let errors: Vec<f64> = report.matrices.iter().map(|matrix| matrix.relative_error).collect();
    let worst = usize::from(errors[1] > errors[0]);
    assert_eq!(report.median_relative_error, Some((errors[0] + errors[1]) / 2.0));
    assert_eq!(report.largest_relative_error, Some(errors[worst]));
    assert_eq!(
        report.largest_relative_error_name.as_ref(),
        Some(&report.matrices[worst].name)
    );
    // 3 bits for each of 154 and 27 weights, and a bfloat16 for each row.
    let (report, inspected) = there_and_back(&tensors, &options_for(small_chained_code(), Rotate::Never));
    assert_eq!(report.stored_bytes, 58 + 11 + 2 * 10);
    assert_eq!(inspected.version, 2);
}

#[test]
fn every_preset_goes_there_and_back() {
    let tensors = [
        f32_matrix("x.q.weight", 3, 41),
        heavy_tailed_matrix("x.k.weight", 2, 30),
    ];
    for name in Code::presets() {
        let code = Code::preset(name).unwrap();
        let (report, inspected) = there_and_back(&tensors, &options_for(code.clone(), Rotate::Auto));
        assert_eq!(report.code, name);
        assert_eq!(inspected.codes, [(name.to_string(), code)].into());
        assert!(report.relative_error < 0.5, "{name}: {}", report.relative_error);
    }
}

#[test]
fn the_same_file_for_any_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    write(
        folder.path(),
        "a.safetensors",
        &[heavy_tailed_matrix("x.q.weight", 70, 300)],
        &[],
    );
    let source = Source::open(folder.path().join("a.safetensors")).unwrap();
    let written = [1, 2, 5].map(|threads| {
        let path = folder.path().join(format!("{threads}.safetensors"));
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let options = options_for(small_chained_code(), Rotate::Always);
        pool.install(|| compress(&source, &path, &options, &Silent)).unwrap();
        fs::read(path).unwrap()
    });
    assert!(written[0] == written[1] && written[1] == written[2]);
}

#[test]
fn heavy_tails_are_rotated_in_the_chained_code_and_nothing_else_is() {
    // What a rotation has made already, another one makes no better.
    let mut rotated = common::numbers(40 * 256);
    rotate_rows(&Rotation::new(7).unwrap(), 256, &mut rotated);
    let tensors = [
        heavy_tailed_matrix("x.q.weight", 40, 256),
        matrix_of("x.k.weight", 40, 256, &rotated),
    ];
    let rotated =
        |report: &CompressReport| -> Vec<bool> { report.matrices.iter().map(|matrix| matrix.rotated).collect() };
    let chained = |rotate| there_and_back(&tensors, &options_for(small_chained_code(), rotate));
    // The matrices come in the order of their names.
    let (never, _) = chained(Rotate::Never);
    assert_eq!(rotated(&never), [false, false]);
    assert_eq!(never.matrices[1].rotation_trial, None);
    let (auto, inspected) = chained(Rotate::Auto);
    assert_eq!(rotated(&auto), [false, true]);
    assert_eq!((auto.rotated_matrices, inspected.version), (1, 2));
    let trial = auto.matrices[1].rotation_trial.unwrap();
    assert!(
        trial.rows == 16 && trial.rotated_relative_error < 0.9 * trial.relative_error,
        "{trial:?}"
    );
    assert!(auto.matrices[1].relative_error < 0.9 * never.matrices[1].relative_error);
    let (always, _) = chained(Rotate::Always);
    assert_eq!(rotated(&always), [true, true]);
    assert_eq!(always.matrices[1].rotation_trial, None);
    assert_eq!(always.matrices[1].relative_error, auto.matrices[1].relative_error);

    let block = |rotate| there_and_back(&tensors, &options_for(small_code(), rotate));
    let (auto, inspected) = block(Rotate::Auto);
    assert_eq!((rotated(&auto), inspected.version), (vec![false, false], 1));
    assert_eq!(auto.matrices[1].rotation_trial, None);
    let (always, inspected) = block(Rotate::Always);
    assert_eq!((rotated(&always), inspected.version), (vec![true, true], 2));
}

#[test]
fn decoded_matrices_take_the_type_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let kept = ("n.bias".to_string(), Dtype::F32, vec![2], vec![1; 8]);
    write(
        folder.path(),
        "a.safetensors",
        &[f32_matrix("x.q.weight", 4, 8), kept],
        &[],
    );
    let source = Source::open(folder.path().join("a.safetensors")).unwrap();
    let packed = folder.path().join("b.safetensors");
    compress(&source, &packed, &options(), &Silent).unwrap();
    let container = Container::open(&packed).unwrap();
    for dtype in [FloatDtype::F32, FloatDtype::F16, FloatDtype::BF16] {
        let path = folder.path().join(format!("{dtype}.safetensors"));
        let options = DecompressOptions {
            dtype: Some(dtype),
            replace: false,
        };
        decompress(&container, &path, &options, &Silent).unwrap();
        let decoded = Source::open(&path).unwrap();
        assert_eq!(decoded.tensor("x.q.weight").unwrap().dtype, dtype.dtype());
        assert_eq!(decoded.tensor("n.bias").unwrap().dtype, Dtype::F32);
    }
}

#[test]
fn a_sharded_folder_stays_a_sharded_folder() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("model");
    fs::create_dir_all(folder.join("1_Pooling")).unwrap();
    fs::create_dir_all(folder.join(".git")).unwrap();
    let shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
    let embedding = f32_matrix("embed_tokens.weight", 5, 4);
    write(
        &folder,
        shards[0],
        &[f32_matrix("layers.0.q.weight", 6, 10), embedding.clone()],
        &[],
    );
    write(
        &folder,
        shards[1],
        &[("norm.weight".into(), Dtype::F32, vec![4], vec![7; 16])],
        &[],
    );
    let index = format!(
        r#"{{"metadata":{{"total_size":336,"by":"test"}},"weight_map":{{"layers.0.q.weight":"{0}","embed_tokens.weight":"{0}","norm.weight":"{1}"}}}}"#,
        shards[0], shards[1]
    );
    fs::write(folder.join("model.safetensors.index.json"), index).unwrap();
    fs::write(folder.join("config.json"), "{}").unwrap();
    fs::write(folder.join("1_Pooling/config.json"), "{1}").unwrap();
    fs::write(folder.join(".git/config"), "").unwrap();
    fs::write(folder.join("pytorch_model.bin"), "weights").unwrap();

    let packed = root.path().join("packed");
    let report = compress(&Source::open(&folder).unwrap(), &packed, &options(), &Silent).unwrap();
    assert_eq!(report.matrices.len(), 1);
    let expected = [
        "1_Pooling",
        "config.json",
        shards[0],
        shards[1],
        "model.safetensors.index.json",
    ];
    assert_eq!(listing(&packed), expected);
    assert_eq!(fs::read_to_string(packed.join("1_Pooling/config.json")).unwrap(), "{1}");
    assert_eq!(listing(root.path()), ["model", "packed"]);
    let index: serde_json::Value =
        serde_json::from_slice(&fs::read(packed.join("model.safetensors.index.json")).unwrap()).unwrap();
    assert_eq!(index["metadata"]["by"], "test");
    assert_eq!(index["metadata"]["total_size"], report.stored_bytes + 80 + 16);
    assert_eq!(index["weight_map"]["layers.0.q.weight.seedlm_words"], shards[0]);
    assert!(verify(&packed, &Silent).unwrap().problems.is_empty());

    let again = root.path().join("again");
    decompress(
        &Container::open(&packed).unwrap(),
        &again,
        &DecompressOptions::default(),
        &Silent,
    )
    .unwrap();
    assert_eq!(listing(&again), expected);
    let decoded = Source::open(&again).unwrap();
    assert_eq!(
        decoded.bytes(decoded.tensor("embed_tokens.weight").unwrap()).unwrap(),
        embedding.3
    );

    // Replacing works on a model, and on nothing else.
    let replace = CompressOptions {
        replace: true,
        ..options()
    };
    let source = Source::open(&folder).unwrap();
    assert!(
        compress(&source, &packed, &options(), &Silent)
            .unwrap_err()
            .to_string()
            .contains("exists already")
    );
    compress(&source, &packed, &replace, &Silent).unwrap();
    let home = root.path().join("home");
    fs::create_dir(&home).unwrap();
    fs::write(home.join("letter.txt"), "dear").unwrap();
    assert!(
        compress(&source, &home, &replace, &Silent)
            .unwrap_err()
            .to_string()
            .contains("no model")
    );
    assert_eq!(listing(root.path()), ["again", "home", "model", "packed"]);
}

#[test]
fn the_input_is_never_the_output() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("model");
    fs::create_dir(&folder).unwrap();
    write(&folder, "model.safetensors", &[f32_matrix("a.q.weight", 2, 4)], &[]);
    let replace = CompressOptions {
        replace: true,
        ..options()
    };
    let source = Source::open(&folder).unwrap();
    let error = |source: &Source, output: &Path| compress(source, output, &replace, &Silent).unwrap_err().to_string();
    assert!(error(&source, &folder).contains("is the input"));
    assert!(error(&source, &root.path().join("./model/")).contains("is the input"));
    assert!(error(&source, &folder.join("out")).contains("lies in the input folder"));
    assert!(error(&source, root.path()).contains("holds the input"));
    let file = Source::open(folder.join("model.safetensors")).unwrap();
    assert!(error(&file, &folder.join("model.safetensors")).contains("is the input"));
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(&folder, root.path().join("link")).unwrap();
        assert!(error(&file, &root.path().join("link/model.safetensors")).contains("is the input"));
    }
    assert_eq!(listing(&folder), ["model.safetensors"]);
}
