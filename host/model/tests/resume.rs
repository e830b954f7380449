//! Runs that end early and are resumed, and runs with little memory: the bytes are those of a run that nothing has happened to.
#[allow(dead_code)]
mod common;

use common::{f32_matrix, listing, options, options_for, safetensors, small_chained_code};
use seedlm_encoder::Quantizer;
use seedlm_model::{
    CompressOptions, CompressReport, Dtype, Encoding, Footprint, MatrixReport, MatrixStep, ModelError, Plan, Progress,
    Resumed, Rotate, Rules, RunOptions, Silent, Source, compress, compress_with,
};
use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const SHARDS: usize = 7;
const MATRICES: usize = 2 * SHARDS;
const RESUME: RunOptions = RunOptions {
    resume: true,
    memory_bytes: None,
};

/// Stops when so many matrices are finished, and notes what it is told.
struct StopAfter {
    left: AtomicUsize,
    resumed: Mutex<Option<Resumed>>,
    again: Mutex<Vec<String>>,
    unreadable: AtomicUsize,
    discarded: AtomicUsize,
}

impl StopAfter {
    fn new(matrices: usize) -> Self {
        StopAfter {
            left: AtomicUsize::new(matrices),
            resumed: Mutex::default(),
            again: Mutex::default(),
            unreadable: AtomicUsize::new(0),
            discarded: AtomicUsize::new(0),
        }
    }
}

impl Progress for StopAfter {
    fn resumed(&self, resumed: Resumed) {
        *self.resumed.lock().unwrap() = Some(resumed);
    }
    fn encoded_again(&self, name: &str) {
        self.again.lock().unwrap().push(name.into());
    }
    fn unreadable(&self, lines: usize, _: &Path) {
        self.unreadable.fetch_add(lines, Ordering::SeqCst);
    }
    fn discarded(&self, matrices: usize) {
        self.discarded.fetch_add(matrices, Ordering::SeqCst);
    }
    fn finish(&self, _: &MatrixStep, _: &MatrixReport) {
        self.left.fetch_sub(1, Ordering::SeqCst);
    }
    fn stop_requested(&self) -> bool {
        // Below zero it has wrapped around: the matrices that were on their way still finish.
        (self.left.load(Ordering::SeqCst) as isize) <= 0
    }
}

/// A folder with a model of many shards, its whole output, and the paths of both.
struct Workplace {
    root: tempfile::TempDir,
    model: PathBuf,
    whole: PathBuf,
    out: PathBuf,
}

impl Workplace {
    fn new(options: &CompressOptions) -> Self {
        let root = tempfile::tempdir().unwrap();
        let path = |name: &str| root.path().join(name);
        let (model, whole, out) = (path("model"), path("whole"), path("out"));
        fs::create_dir(&model).unwrap();
        let mut entries = Vec::new();
        for shard in 0..SHARDS {
            let name = format!("model-{shard}.safetensors");
            let tensors = [
                f32_matrix(&format!("layers.{shard}.q.weight"), 5 + shard, 24),
                f32_matrix(&format!("layers.{shard}.k.weight"), 9, 13 + shard),
                (
                    format!("layers.{shard}.norm.weight"),
                    Dtype::F32,
                    vec![4],
                    vec![shard as u8; 16],
                ),
            ];
            entries.extend(tensors.iter().map(|tensor| format!("{:?}:{name:?}", tensor.0)));
            fs::write(model.join(name), safetensors(&tensors, &[])).unwrap();
        }
        let index = format!(r#"{{"weight_map":{{{}}}}}"#, entries.join(","));
        fs::write(model.join("model.safetensors.index.json"), index).unwrap();
        fs::write(model.join("config.json"), "{}").unwrap();
        compress(&Source::open(&model).unwrap(), &whole, options, &Silent).unwrap();
        Workplace {
            root,
            model,
            whole,
            out,
        }
    }

    fn run(
        &self,
        options: &CompressOptions,
        run: RunOptions,
        progress: &dyn Progress,
    ) -> Result<CompressReport, ModelError> {
        compress_with(&Source::open(&self.model).unwrap(), &self.out, options, run, progress)
    }

    /// Runs until a few matrices are finished, and returns how many.
    fn stop(&self, options: &CompressOptions) -> usize {
        let error = self
            .run(options, RunOptions::default(), &StopAfter::new(4))
            .unwrap_err();
        assert!(error.is_interruption());
        let message = error.to_string();
        assert!(
            message.starts_with("interrupted; ") && message.contains("the same command with --resume goes on"),
            "{message}"
        );
        let ModelError::Unfinished {
            finished,
            count,
            folder,
            ..
        } = error
        else {
            panic!("{message}");
        };
        assert!((4..MATRICES).contains(&finished) && count == MATRICES, "{message}");
        assert_eq!(folder, self.work());
        assert_eq!(listing(self.root.path()), [".out.seedlm-work", "model", "whole"]);
        // Nothing of the output itself: only what another run can use.
        let names = listing(&folder);
        assert_eq!(names.len(), finished + 1);
        assert!(names.iter().all(|name| name == "journal" || name.ends_with(".part")));
        finished
    }

    fn work(&self) -> PathBuf {
        self.root.path().join(".out.seedlm-work")
    }

    /// Checks that the output is whole, and that nothing else is left.
    fn check_whole(&self) {
        assert_eq!(listing(&self.out), listing(&self.whole));
        for name in listing(&self.whole) {
            let bytes = |folder: &Path| fs::read(folder.join(&name)).unwrap();
            assert!(bytes(&self.out) == bytes(&self.whole), "{name}");
        }
        assert_eq!(listing(self.root.path()), ["model", "out", "whole"]);
    }
}

#[test]
fn a_stopped_run_goes_on_where_it_was() {
    for options in [options(), options_for(small_chained_code(), Rotate::Auto)] {
        let place = Workplace::new(&options);
        let finished = place.stop(&options);
        // And stops again, after some more.
        let again = StopAfter::new(2);
        place.run(&options, RESUME, &again).unwrap_err();
        assert_eq!(
            again.resumed.into_inner().unwrap().map(|resumed| resumed.finished),
            Some(finished)
        );
        let progress = StopAfter::new(usize::MAX / 2);
        let report = place.run(&options, RESUME, &progress).unwrap();
        let resumed = progress.resumed.into_inner().unwrap().unwrap();
        assert!(resumed.finished >= finished + 2 && resumed.count == MATRICES && resumed.weights > 0);
        assert_eq!(
            (report.resumed_matrices, report.matrices.len()),
            (resumed.finished, MATRICES)
        );
        place.check_whole();
        // The report is that of a whole run, but for times.
        let mut whole_options = options.clone();
        whole_options.replace = true;
        let whole = place.run(&whole_options, RunOptions::default(), &Silent).unwrap();
        assert_eq!(
            (whole.relative_error, whole.output_bytes, whole.rotated_matrices),
            (report.relative_error, report.output_bytes, report.rotated_matrices)
        );
    }
}

#[test]
fn what_is_not_there_cannot_be_resumed_and_is_begun() {
    let place = Workplace::new(&options());
    let progress = StopAfter::new(usize::MAX / 2);
    place.run(&options(), RESUME, &progress).unwrap();
    assert_eq!(
        progress.resumed.into_inner().unwrap().map(|resumed| resumed.finished),
        Some(0)
    );
    place.check_whole();
}

#[test]
fn a_run_that_has_finished_nothing_leaves_nothing() {
    let place = Workplace::new(&options());
    let error = place
        .run(&options(), RunOptions::default(), &StopAfter::new(0))
        .unwrap_err();
    assert!(matches!(error, ModelError::Interrupted));
    assert_eq!(listing(place.root.path()), ["model", "whole"]);
}

#[test]
fn an_unfinished_run_is_not_overwritten_unless_that_is_asked_for() {
    let place = Workplace::new(&options());
    let finished = place.stop(&options());
    let error = place
        .run(&options(), RunOptions::default(), &Silent)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains(&format!("an unfinished run has left {finished} finished matrices"))
            && error.contains("--resume goes on from there, --force discards them"),
        "{error}"
    );
    let mut replace = options();
    replace.replace = true;
    // Nor then, before the input has been read through.
    let error = place
        .run(&replace, RunOptions::default(), &StopAfter::new(0))
        .unwrap_err();
    assert!(matches!(error, ModelError::Interrupted));
    assert_eq!(listing(&place.work()).len(), finished + 1);
    let progress = StopAfter::new(usize::MAX / 2);
    let report = place.run(&replace, RunOptions::default(), &progress).unwrap();
    assert_eq!(
        (report.resumed_matrices, progress.discarded.into_inner()),
        (0, finished)
    );
    place.check_whole();
}

#[test]
fn a_folder_whose_journal_is_empty_holds_no_unfinished_run() {
    let place = Workplace::new(&options());
    place.stop(&options());
    fs::write(place.work().join("journal"), "").unwrap();
    let progress = StopAfter::new(usize::MAX / 2);
    place.run(&options(), RunOptions::default(), &progress).unwrap();
    assert_eq!(progress.discarded.into_inner(), 0);
    place.check_whole();
}

#[test]
fn an_output_with_the_longest_name_has_a_work_folder() {
    let mut place = Workplace::new(&options());
    let name = "o".repeat(255);
    place.out = place.root.path().join(&name);
    place
        .run(&options(), RunOptions::default(), &StopAfter::new(4))
        .unwrap_err();
    let report = place.run(&options(), RESUME, &Silent).unwrap();
    assert!(report.resumed_matrices >= 4);
    assert_eq!(listing(place.root.path()), ["model", &name[..], "whole"]);
}

#[test]
fn other_options_or_another_input_are_refused_and_named() {
    let place = Workplace::new(&options());
    let finished = place.stop(&options());
    let refused = |options: &CompressOptions, expected: &str| {
        let error = place.run(options, RESUME, &Silent).unwrap_err().to_string();
        assert!(
            error.contains(expected) && error.contains("cannot be resumed") && error.contains("--force"),
            "{error}"
        );
        // 1 is the journal.
        assert_eq!(listing(&place.work()).len(), finished + 1, "nothing is lost by that");
    };
    refused(
        &options_for(small_chained_code(), Rotate::Auto),
        "--code was C=4 P=2 K=4",
    );
    refused(
        &options_for(common::small_code(), Rotate::Always),
        "--rotate was auto and is always",
    );
    let mut other = options();
    other.encoding = Encoding::new(common::small_code(), Quantizer::Exact, Rotate::Auto);
    refused(&other, "--quantizer was printed and is exact");
    other = options();
    other.rules = Rules::new::<&str>(&[], &["*.0.q.weight"]).unwrap();
    refused(&other, r#"--exclude was not given and is ["*.0.q.weight"]"#);

    let of_trials = |trials| {
        let mut options = options_for(small_chained_code(), Rotate::Never);
        let encoding = options.encoding.with_layers(vec![small_chained_code().into(); 2]);
        options.encoding = encoding.unwrap().with_scale_trials(trials).unwrap();
        options
    };
    let layered = Workplace::new(&of_trials(5));
    layered.stop(&of_trials(5));
    let error = layered.run(&of_trials(3), RESUME, &Silent).unwrap_err().to_string();
    assert!(error.contains("--scale-trials was 5 and is 3"), "{error}");
    layered.run(&of_trials(5), RESUME, &Silent).unwrap();
    layered.check_whole();

    // One byte of a tensor that is only copied.
    let file = place.model.join("model-5.safetensors");
    let whole = fs::read(&file).unwrap();
    let mut changed = whole.clone();
    let kept = changed.windows(16).position(|window| window == [5; 16]).unwrap();
    changed[kept] ^= 1;
    fs::write(&file, &changed).unwrap();
    refused(&options(), "the input file model-5.safetensors has changed: it had ");
    // A copy is the same input, whatever its time says.
    fs::write(&file, &whole).unwrap();
    place.run(&options(), RESUME, &Silent).unwrap();
    place.check_whole();
}

#[test]
fn other_scale_groups_are_refused_and_the_same_ones_resumed() {
    let chained = options_for(small_chained_code(), Rotate::Never);
    let mut grouped = chained.clone();
    grouped.encoding = grouped.encoding.with_scale_group(Some(1));
    let place = Workplace::new(&grouped);
    place.stop(&grouped);
    let error = place.run(&chained, RESUME, &Silent).unwrap_err().to_string();
    assert!(error.contains("--scale-group was 1 and is none"), "{error}");
    place.run(&grouped, RESUME, &Silent).unwrap();
    place.check_whole();
}

#[test]
fn a_torn_line_and_damaged_parts_are_done_again() {
    let place = Workplace::new(&options());
    let finished = place.stop(&options());
    let journal = place.work().join("journal");
    let text = fs::read_to_string(&journal).unwrap();
    assert_eq!(text.lines().count(), finished + 1);
    // The last line is torn, one part has a flipped bit, one is too short, one is gone.
    fs::write(&journal, &text[..text.len() - 7]).unwrap();
    let part = |number: usize| place.work().join(format!("{number:06}.part"));
    let mut bytes = fs::read(part(0)).unwrap();
    bytes[3] ^= 4;
    fs::write(part(0), &bytes).unwrap();
    let bytes = fs::read(part(1)).unwrap();
    fs::write(part(1), &bytes[1..]).unwrap();
    fs::remove_file(part(2)).unwrap();
    // A killed run leaves what it has begun to put together.
    fs::create_dir(place.work().join(".out.x.tmp")).unwrap();
    fs::write(place.work().join(".out.x.tmp/model.safetensors"), "half").unwrap();

    let progress = StopAfter::new(usize::MAX / 2);
    let report = place.run(&options(), RESUME, &progress).unwrap();
    assert_eq!(report.resumed_matrices, finished - 4);
    let again = progress.again.into_inner().unwrap();
    assert_eq!(again, ["layers.0.k.weight", "layers.0.q.weight", "layers.1.k.weight"]);
    place.check_whole();
}

#[test]
fn a_damaged_line_takes_no_other_with_it() {
    let place = Workplace::new(&options());
    let finished = place.stop(&options());
    let journal = place.work().join("journal");
    let text = fs::read_to_string(&journal).unwrap();
    let mut lines: Vec<&str> = text.lines().collect();
    lines[2] = "{\"number\":1,";
    let mut damaged = lines.join("\n") + "\n";
    // And the run was killed in a line.
    damaged.push_str("{\"number\":13");
    fs::write(&journal, &damaged).unwrap();
    // Whoever is refused changes nothing.
    place.run(&options(), RunOptions::default(), &Silent).unwrap_err();
    place
        .run(&options_for(common::small_code(), Rotate::Always), RESUME, &Silent)
        .unwrap_err();
    assert_eq!(fs::read_to_string(&journal).unwrap(), damaged);
    // Nor is anything lost when the run goes on and is stopped.
    let again = StopAfter::new(1);
    place.run(&options(), RESUME, &again).unwrap_err();
    assert_eq!(again.unreadable.into_inner(), 1);
    let progress = StopAfter::new(usize::MAX / 2);
    let report = place.run(&options(), RESUME, &progress).unwrap();
    // The damaged line's matrix was the first to be encoded again.
    assert!(report.resumed_matrices >= finished);
    assert_eq!(progress.again.into_inner().unwrap(), [""; 0]);
    place.check_whole();
}

/// Changes a later tensor of the input when the first matrix is finished.
struct Meddler<'a>(&'a Path, AtomicUsize);

impl Progress for Meddler<'_> {
    fn finish(&self, _: &MatrixStep, _: &MatrixReport) {
        if self.1.fetch_add(1, Ordering::SeqCst) == 0 {
            // In place: whoever maps the file sees it, and it keeps its length.
            let mut file = fs::OpenOptions::new().write(true).open(self.0).unwrap();
            file.seek(SeekFrom::End(-1)).unwrap();
            file.write_all(&[1]).unwrap();
        }
    }
}

#[test]
fn an_input_that_changes_under_the_run_must_be_restored() {
    let place = Workplace::new(&options());
    let file = place.model.join(format!("model-{}.safetensors", SHARDS - 1));
    let whole = fs::read(&file).unwrap();
    let error = place
        .run(&options(), RunOptions::default(), &Meddler(&file, AtomicUsize::new(0)))
        .unwrap_err();
    let message = error.to_string();
    assert!(
        matches!(error, ModelError::Unfinished { .. })
            && message.contains("it has changed since this run began; ")
            && message
                .contains(": restore the input and give the same command with --resume, or start anew with --force"),
        "{message}"
    );
    let error = place.run(&options(), RESUME, &Silent).unwrap_err().to_string();
    assert!(error.contains("has changed: it had "), "{error}");
    fs::write(&file, &whole).unwrap();
    place.run(&options(), RESUME, &Silent).unwrap();
    place.check_whole();
}

/// Puts a folder where the first matrix is to be written, and makes the second one slow. Counts what is done of that.
struct FullDisk {
    part: PathBuf,
    matrix: AtomicUsize,
    done: AtomicUsize,
}

impl Progress for FullDisk {
    fn start(&self, step: &MatrixStep) {
        self.matrix.store(step.number, Ordering::SeqCst);
        if step.number == 1 {
            fs::create_dir(&self.part).unwrap();
        }
    }
    fn advance(&self, weights: usize) {
        if self.matrix.load(Ordering::SeqCst) == 2 {
            self.done.fetch_add(weights, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

#[test]
fn a_writer_that_fails_stops_the_matrix_in_work() {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("in.safetensors"), folder.path().join("out"));
    let (rows, columns) = (256, 4096);
    let tensors = [f32_matrix("a.weight", 4, 16), f32_matrix("b.weight", rows, columns)];
    fs::write(&input, safetensors(&tensors, &[])).unwrap();
    let progress = FullDisk {
        part: folder.path().join(".out.seedlm-work/000000.part"),
        matrix: AtomicUsize::new(0),
        done: AtomicUsize::new(0),
    };
    let source = Source::open(&input).unwrap();
    let error = compress(&source, &output, &options(), &progress).unwrap_err();
    assert!(
        matches!(&error, ModelError::Io { path, .. } if *path == progress.part),
        "{error}"
    );
    assert_eq!(progress.matrix.into_inner(), 2);
    let done = progress.done.into_inner();
    assert!(done < rows * columns / 2, "{done}");
    assert_eq!(listing(folder.path()), ["in.safetensors"]);
}

#[test]
fn a_journal_of_an_unknown_kind_is_left_alone() {
    let place = Workplace::new(&options());
    place.stop(&options());
    let journal = place.work().join("journal");
    let text = fs::read_to_string(&journal).unwrap();
    for (from, to, expected) in [
        ("\"work_version\":2", "\"work_version\":1", "the program was seedlm"),
        (
            "\"work_version\":2",
            "\"work_version\":2,\"new\":1",
            "cannot be read: unknown field",
        ),
    ] {
        fs::write(&journal, text.replace(from, to)).unwrap();
        let error = place.run(&options(), RESUME, &Silent).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    // Torn in its first line, it says nothing of anything finished.
    fs::write(&journal, &text[..10]).unwrap();
    assert_eq!(
        place
            .run(&options(), RunOptions::default(), &Silent)
            .unwrap()
            .resumed_matrices,
        0
    );
    place.check_whole();
}

/// Starts the same run from within the run.
struct Twice<'a>(&'a Workplace, Mutex<String>);

impl Progress for Twice<'_> {
    fn finish(&self, _: &MatrixStep, _: &MatrixReport) {
        *self.1.lock().unwrap() = self.0.run(&options(), RESUME, &Silent).unwrap_err().to_string();
    }
}

#[test]
fn two_runs_do_not_write_the_same_output() {
    let place = Workplace::new(&options());
    let twice = Twice(&place, Mutex::default());
    place.run(&options(), RunOptions::default(), &twice).unwrap();
    let error = twice.1.into_inner().unwrap();
    assert!(error.contains("another run is writing the same output"), "{error}");
    place.check_whole();
}

/// Holds up the writer until the encoder has begun another matrix.
#[derive(Default)]
struct Overlap {
    begun: AtomicUsize,
    waited_in_vain: AtomicUsize,
}

impl Progress for Overlap {
    fn start(&self, step: &MatrixStep) {
        self.begun.store(step.number, Ordering::SeqCst);
    }
    fn finish(&self, step: &MatrixStep, _: &MatrixReport) {
        let next = (step.number + 1).min(step.count);
        let begun = Instant::now();
        while self.begun.load(Ordering::SeqCst) < next {
            if begun.elapsed() > Duration::from_secs(20) {
                self.waited_in_vain.fetch_add(1, Ordering::SeqCst);
                break;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

#[test]
fn the_next_matrix_is_encoded_while_one_is_written() {
    let place = Workplace::new(&options());
    let progress = Overlap::default();
    place.run(&options(), RunOptions::default(), &progress).unwrap();
    assert_eq!(progress.waited_in_vain.into_inner(), 0);
    place.check_whole();
}

#[test]
fn memory_changes_no_byte_and_too_little_is_refused_at_once() {
    let mut layered = options_for(small_chained_code(), Rotate::Auto);
    let encoding = layered.encoding.with_layers(vec![small_chained_code().into(); 3]);
    layered.encoding = encoding.unwrap();
    for options in [options(), options_for(small_chained_code(), Rotate::Always), layered] {
        let place = Workplace::new(&options);
        let source = Source::open(&place.model).unwrap();
        let plan = Plan::new(&source, &options.rules, &options.encoding).unwrap();
        let footprint = Footprint::new(&plan);
        let (least, most) = (footprint.least_bytes(), footprint.most_bytes());
        assert!(least < most);
        let within = |bytes: u64| RunOptions {
            resume: false,
            memory_bytes: Some(bytes),
        };
        let error = place.run(&options, within(least - 1), &Silent).unwrap_err();
        let message = error.to_string();
        assert!(
            matches!(error, ModelError::Memory { needed_bytes, .. } if needed_bytes == least)
                && message.contains("tensor \"layers.")
                && message.contains(&format!("give --memory {}MiB or more", least.div_ceil(1 << 20))),
            "{message}"
        );
        assert_eq!(listing(place.root.path()), ["model", "whole"]);
        let mut replace = options.clone();
        replace.replace = true;
        for bytes in [least, (least + most) / 2, most] {
            let report = place.run(&replace, within(bytes), &Silent).unwrap();
            assert!(
                (1..=bytes).contains(&report.peak_memory_bytes),
                "{} {bytes}",
                report.peak_memory_bytes
            );
            place.check_whole();
        }
    }
}
