//! The shortest of a few runs: other programs on the machine can make a run longer, and nothing makes it shorter.

use crate::interrupt;
use seedlm_model::ModelError;
use std::time::Instant;

/// How often something is run.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// At most so many times.
    pub runs: usize,
    /// No more once so many seconds have been spent, which one run may.
    pub seconds: f64,
}

/// The shortest of the runs, in seconds; stops at Ctrl-C.
pub fn best_of(effort: Effort, mut run: impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<f64> {
    let [best] = best_of_each(effort, |_| run())?;
    Ok(best)
}

/// The shortest runs of several jobs that take turns, so that all of them see the same machine. `run` is told the job's number.
pub fn best_of_each<const JOBS: usize>(
    effort: Effort,
    mut run: impl FnMut(usize) -> anyhow::Result<()>,
) -> anyhow::Result<[f64; JOBS]> {
    let mut best = [f64::INFINITY; JOBS];
    let begun = Instant::now();
    for number in 0..effort.runs.max(1) {
        if number > 0 && begun.elapsed().as_secs_f64() > effort.seconds {
            break;
        }
        for (job, best) in best.iter_mut().enumerate() {
            if interrupt::stop_requested() {
                return Err(ModelError::Interrupted.into());
            }
            let start = Instant::now();
            run(job)?;
            // A clock may be too coarse for a tiny job; nothing takes no time.
            *best = best.min(start.elapsed().as_secs_f64().max(1e-9));
        }
    }
    Ok(best)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_take_turns_and_time_runs_out() {
        let mut jobs = Vec::new();
        let count = |jobs: &mut Vec<usize>, seconds: f64| {
            best_of_each::<2>(Effort { runs: 3, seconds }, |job| {
                jobs.push(job);
                std::thread::sleep(std::time::Duration::from_millis(1));
                Ok(())
            })
        };
        let best = count(&mut jobs, 60.0).unwrap();
        assert!(best.iter().all(|&seconds| (0.001..60.0).contains(&seconds)));
        assert_eq!(jobs, [0, 1, 0, 1, 0, 1]);
        jobs.clear();
        count(&mut jobs, 0.0).unwrap();
        assert_eq!(jobs, [0, 1]);
    }
}
