//! What the program says while it works, on stderr: a progress bar on a terminal, and a line per matrix.

use crate::interrupt;
use crate::stdout::{decibels, printable};
use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use seedlm_model::{MatrixReport, MatrixStep, Progress, Resumed};
use std::io::{Write, stderr};
use std::path::Path;

/// How much is said.
#[derive(Clone, Copy, Debug, Args)]
pub struct Volume {
    /// Say nothing but results and errors
    #[arg(short, long, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Say also what is kept and why, and which files are written
    #[arg(short, long)]
    pub verbose: bool,
}

/// Speaks for a job of a known number of weights.
pub struct Talk {
    volume: Volume,
    bar: ProgressBar,
}

impl Talk {
    /// `weights` is what the job will work through.
    pub fn new(volume: Volume, weights: u64) -> Self {
        // The target hides itself where stderr is no terminal.
        let target = if volume.quiet {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr()
        };
        let style = ProgressStyle::with_template("{wide_bar} {percent:>3} %  {eta} left  {msg}")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::with_draw_target(Some(weights), target).with_style(style);
        Talk { volume, bar }
    }

    /// Says a line, unless the program is to be quiet.
    pub fn say(&self, line: &str) {
        if !self.volume.quiet {
            // Nobody can be told that nobody listens.
            self.bar.suspend(|| drop(writeln!(stderr(), "{line}")));
        }
    }

    /// Says a line if the program is to be verbose.
    pub fn detail(&self, line: &str) {
        if self.volume.verbose {
            self.say(line);
        }
    }

    /// Says, beside the bar, what is worked on.
    pub fn now_at(&self, what: String) {
        self.bar.set_message(what);
        // A tick now shows it before the first weights are done.
        self.bar.tick();
    }

    /// Removes the progress bar.
    pub fn end(&self) {
        self.bar.finish_and_clear();
    }
}

/// What became of the rotation, and why; nothing where there was no question of one.
fn rotation(report: &MatrixReport) -> String {
    let what = if report.rotated { "rotated" } else { "not rotated" };
    match report.rotation_trial {
        Some(trial) => format!(
            "  {what} (trial of {} rows: {:.4} as they are, {:.4} rotated)",
            trial.rows, trial.relative_error, trial.rotated_relative_error
        ),
        None if report.rotated => format!("  {what}"),
        None => String::new(),
    }
}

impl Progress for Talk {
    fn checking(&self, path: &Path) {
        self.now_at(format!("checking {}", path.display()));
    }

    fn checking_matrix(&self, name: &str) {
        self.now_at(format!("checking {}", printable(name)));
    }

    fn measuring(&self, name: &str) {
        self.now_at(format!("measuring {}", printable(name)));
    }

    fn resumed(&self, resumed: Resumed) {
        let (finished, count) = (resumed.finished, resumed.count);
        if finished == 0 {
            self.say("nothing to resume: no unfinished run here; starting at the beginning");
        } else {
            self.say(&format!("resuming: {finished} of {count} matrices are finished"));
        }
        self.bar.inc(resumed.weights);
        // They have taken no time of this run.
        self.bar.reset_eta();
    }

    fn discarded(&self, matrices: usize) {
        self.say(&format!(
            "discarding what an unfinished run has left: {matrices} finished matrices"
        ));
    }

    fn unreadable(&self, lines: usize, journal: &Path) {
        let journal = journal.display();
        self.say(&format!(
            "skipping {lines} damaged lines of {journal}: what they were about is encoded again"
        ));
    }

    fn encoded_again(&self, name: &str) {
        let name = printable(name);
        self.say(&format!(
            "encoding again: what was finished of {name} is damaged on the disk"
        ));
    }

    fn start(&self, step: &MatrixStep) {
        self.now_at(printable(&step.name));
    }

    fn advance(&self, weights: usize) {
        self.bar.inc(weights as u64);
    }

    fn finish(&self, step: &MatrixStep, report: &MatrixReport) {
        let width = step.count.to_string().len();
        self.say(&format!(
            "[{:>width$}/{}] {} [{}, {}] {} -> {} {:.2} bits/weight  relative error {:.4}  {}  {:.1} s{}",
            step.number,
            step.count,
            printable(&step.name),
            step.rows,
            step.columns,
            step.source_dtype,
            step.code,
            report.bits_per_weight,
            report.relative_error,
            decibels(report.sqnr_db),
            report.seconds,
            rotation(report)
        ));
    }

    fn writing(&self, path: &Path) {
        self.detail(&format!("writing {}", path.display()));
    }

    fn left_out(&self, path: &Path) {
        let why = "weights in another format, or a hidden or linked folder";
        self.say(&format!("not copied: {} ({why})", path.display()));
    }

    fn stop_requested(&self) -> bool {
        interrupt::stop_requested()
    }
}
