//! Containers whose matrices have layers and scale groups: every layer, every prefix, and files that end early.

use super::golden::{Case, cases, folder};
use super::{Contents, contents, expect_contents, expect_scales};
use seedlm_codec::{coded_shape, layer_turn};
use seedlm_model::{CompressedMatrix, Container, ModelError, StoredMatrix};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// The containers of versions 3 and 4 that are legal, with where they lie.
fn layered_cases() -> Vec<(Case, PathBuf)> {
    let of_folder = |(name, version): (&str, u64)| {
        let containers = folder().join(name).join("containers");
        let all = cases(&format!("{name}/containers_version_{version}.json")).into_iter();
        all.map(move |case| {
            let path = containers.join(case.text("file"));
            (case, path)
        })
        .collect::<Vec<_>>()
    };
    let folders = [("good", 3), ("odd", 3), ("good", 4), ("odd", 4)];
    folders.into_iter().flat_map(of_folder).collect()
}

/// The columns that share a scale in a matrix of the vectors, where that is not the whole row.
fn scale_group(part: &Case) -> Option<usize> {
    let stated = part.optional("scale_group").and_then(Value::as_u64);
    stated
        .map(|columns| columns as usize)
        .filter(|&columns| columns != part.integer::<usize>("columns"))
}

fn opened(case: &Case, container: Result<Container, ModelError>) -> Container {
    container.unwrap_or_else(|error| panic!("{}: refused: {error}", case.place))
}

fn read(case: &Case, container: &Container) -> Contents {
    contents(container).unwrap_or_else(|error| panic!("{}: refused: {error}", case.place))
}

/// The layers of a matrix of the vectors, the base first.
fn layers(part: &Case) -> Vec<Case> {
    let layers = part.list("layers").iter();
    let shape = [part.integer("rows"), part.integer("columns")];
    let [rows, columns] = coded_shape(shape, scale_group(part)).expect("groups divide the columns");
    let with_shape = |layer: &Value| {
        let mut layer = layer.clone();
        layer["rows"] = rows.into();
        layer["columns"] = columns.into();
        Case::new(&part.place, layer)
    };
    layers.map(with_shape).collect()
}

/// Compares a matrix of which the first `held` layers are there: each of them, and the weights of every prefix.
fn expect_layers(part: &Case, info: &CompressedMatrix, matrix: &StoredMatrix, held: usize) {
    assert_eq!(info.layers.len(), held, "{}: layers", part.place);
    assert_eq!(matrix.layers().len(), held, "{}: decoded layers", part.place);
    part.expect_list("source dimension", &part.integers("source_shape"), &info.source_shape);
    assert_eq!(info.scale_group, scale_group(part), "{}: scale group", part.place);
    assert_eq!(matrix.scale_group(), info.scale_group, "{}: scale group", part.place);
    let rotation = serde_json::to_value(matrix.rotation()).expect("a rotation is JSON");
    assert_eq!(&rotation, part.field("rotation"), "{}: rotation", part.place);
    for (number, layer) in (1..=held).zip(layers(part)) {
        let coded = &matrix.layers()[number - 1];
        let code = serde_json::to_value(&info.layers[number - 1].code).expect("a code is JSON");
        assert_eq!(&code, layer.field("code"), "{}: code", layer.place);
        let turn = layer_turn(number, matrix.columns());
        assert_eq!(turn, layer.integer::<usize>("turn"), "{}: turn", layer.place);
        expect_scales(&layer, coded);
        layer.expect_integers(coded);
        layer.expect_weights("weights_bits", matrix.rows(), |row| {
            matrix.values_of(row..row + 1, number)
        });
        if number == held {
            layer.expect_weights("weights_bits", matrix.rows(), |row| matrix.values(row..row + 1));
        }
    }
}

/// Compares a container of which each matrix has `held` layers, in the order of the case.
fn expect_held(case: &Case, container: &Container, held: &[usize]) {
    let names: Vec<&str> = case.list("compressed").iter().map(|part| text(&part["name"])).collect();
    assert_eq!(names.len(), held.len(), "{}: matrices", case.place);
    expect_contents(case, &read(case, container), |part, info, matrix| {
        let place = names.iter().position(|name| *name == part.text("name"));
        expect_layers(part, info, matrix, held[place.expect("a matrix of this case")]);
    });
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a name is a text")
}

/// How many layers each matrix has in the whole file.
fn all_layers(case: &Case) -> Vec<usize> {
    let layers = |part: &Value| part["layers"].as_array().expect("a matrix has layers").len();
    case.list("compressed").iter().map(layers).collect()
}

#[test]
fn every_layer_and_every_prefix_is_as_stated() {
    for (case, path) in layered_cases() {
        assert_eq!(case.text("expected"), "ok", "{}", case.place);
        let container = opened(&case, Container::open(&path));
        let all = all_layers(&case);
        expect_held(&case, &container, &all);
        for kept in (1..=all.iter().copied().max().unwrap_or(1)).rev() {
            let mut container = opened(&case, Container::open(&path));
            container.keep_layers(kept);
            let held: Vec<usize> = all.iter().map(|&layers| layers.min(kept)).collect();
            expect_held(&case, &container, &held);
        }
    }
}

/// A stretch of lengths of a file at which it holds the same whole tensors.
struct Stretch {
    /// The first length, in bytes, at which it holds them.
    from: usize,
    /// The first length at which it holds more, or one byte beyond the whole file.
    to: usize,
    /// How many layers of each matrix it holds; `None` where the header, a kept tensor or a base is not there.
    held: Option<Vec<usize>>,
}

impl Stretch {
    /// Its ends, the places next to them, and its middle.
    fn lengths(&self) -> Vec<usize> {
        let Stretch { from, to, .. } = *self;
        let mut lengths = vec![from, from + 1, (from + to) / 2, to - 1];
        lengths.retain(|length| (from..to).contains(length));
        lengths.sort_unstable();
        lengths.dedup();
        lengths
    }
}

/// The stretches of a case, in order; the first one ends with the header, the last one is the whole file.
fn stretches(case: &Case, file_bytes: usize) -> Vec<Stretch> {
    let length = |start: &Value| start[0].as_u64().expect("a length") as usize;
    let starts = case.list("starts");
    let ends = starts.iter().skip(1).map(length).chain([file_bytes + 1]);
    let header = Stretch {
        from: 0,
        to: length(&starts[0]),
        held: None,
    };
    let rest = starts.iter().zip(ends).map(|(start, to)| Stretch {
        from: length(start),
        to,
        held: serde_json::from_value(start[1].clone()).expect("layers of each matrix, or null"),
    });
    std::iter::once(header).chain(rest).collect()
}

/// What a file still holds, in the words of the errors.
fn in_words(held: &[usize]) -> String {
    let most = held.iter().copied().max().unwrap_or(0);
    let layers = (1..=most).map(|layer| {
        let count = held.iter().filter(|&&held| held >= layer).count();
        let what = if layer == 1 { " matrices" } else { "" };
        format!("layer {layer} of {count}{what}")
    });
    layers.collect::<Vec<_>>().join(", ")
}

fn expect_refused(place: &str, container: Result<Container, ModelError>, mentions: &[&str]) {
    let Err(error) = container else {
        panic!("{place}: not refused");
    };
    let error = error.to_string();
    for mention in mentions {
        assert!(
            error.contains(mention),
            "{place}: expected an error with {mention:?}, got {error:?}"
        );
    }
}

/// Opens the start of a file in both ways.
fn expect_start(case: &Case, cut: &Path, length: usize, stretch: &Stretch, stretches: &[Stretch]) {
    let place = format!("{}, its first {length} bytes", case.place);
    let (header, whole) = (stretches[0].to, stretches.last().expect("the whole file").from);
    let header_needs = match length {
        0..8 => Some(8),
        _ => (length < header).then_some(header),
    };
    let found = format!("{length} bytes found");
    let expected = |bytes: usize| format!("{bytes} bytes expected, {found}");
    match &stretch.held {
        None => {
            let first = stretches.iter().find(|stretch| stretch.held.is_some());
            let needed = header_needs.unwrap_or_else(|| first.expect("a start that can be read").from);
            expect_refused(&place, Container::open_cut(cut), &["truncated", &expected(needed)]);
            let needed = header_needs.unwrap_or(whole);
            expect_refused(&place, Container::open(cut), &["truncated", &expected(needed)]);
        }
        Some(held) => {
            expect_held(case, &opened(case, Container::open_cut(cut)), held);
            let holds = format!("it still holds {}:", in_words(held));
            match length == whole {
                true => expect_held(case, &opened(case, Container::open(cut)), held),
                false => expect_refused(&place, Container::open(cut), &[&expected(whole), &holds]),
            }
        }
    }
}

#[test]
fn the_start_of_a_file_is_a_prefix_or_says_what_is_missing() {
    let folder = tempfile::tempdir().expect("a folder for files that are cut");
    let (mut refused, mut partial) = (0, 0);
    for (case, path) in layered_cases() {
        let file = std::fs::read(&path).expect("the container");
        let stretches = stretches(&case, file.len());
        let last = stretches.last().expect("the whole file");
        assert_eq!(last.lengths(), [file.len()], "{}: bytes", case.place);
        assert_eq!(last.held, Some(all_layers(&case)), "{}: layers", case.place);
        for stretch in &stretches {
            for length in stretch.lengths() {
                let cut = folder.path().join(format!("{length}-{}", case.text("file")));
                std::fs::write(&cut, &file[..length]).expect("a file that is cut");
                expect_start(&case, &cut, length, stretch, &stretches);
                match stretch.held {
                    None => refused += 1,
                    Some(_) => partial += 1,
                }
            }
        }
    }
    assert!(refused > 100 && partial > 100, "{refused} refused, {partial} read");
}
