//! Ctrl-C: the running job is asked to stop; it removes what it has begun and keeps what it has finished.

use std::process::exit;
use std::sync::atomic::{AtomicBool, Ordering};

/// Set by the first signal.
static STOP: AtomicBool = AtomicBool::new(false);

/// Listens to Ctrl-C, termination and a closed terminal. The second signal ends the program at once,
/// and may leave a temporary file or folder (never one under the output's name).
pub fn listen() -> anyhow::Result<()> {
    ctrlc::set_handler(|| {
        if STOP.swap(true, Ordering::Relaxed) {
            exit(130);
        }
    })?;
    Ok(())
}

/// True after a signal.
pub fn stop_requested() -> bool {
    STOP.load(Ordering::Relaxed)
}
