//! Ctrl-C: nothing half-written stays behind.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// Exit code after an interrupt: 128 and the number of SIGINT, as shells have it.
const INTERRUPTED: i32 = 130;

static TEMPORARY: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());
static ADVICE: Mutex<Option<String>> = Mutex::new(None);

/// From now on an interrupt removes all temporary files and folders and ends the program.
pub fn listen() {
    let removed = ctrlc::set_handler(|| {
        // A poisoned lock still holds the paths.
        let paths = TEMPORARY.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        for path in paths.iter() {
            // It may have its final name already, or be gone.
            let _ = match path.is_dir() {
                true => std::fs::remove_dir_all(path),
                false => std::fs::remove_file(path),
            };
        }
        match ADVICE.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).as_ref() {
            Some(advice) => eprintln!("sim: interrupted; {advice}"),
            None => eprintln!("sim: interrupted"),
        }
        std::process::exit(INTERRUPTED);
    });
    if let Err(error) = removed {
        eprintln!("sim: cannot listen for interrupts ({error}); one may leave a temporary file behind");
    }
}

/// Adds a temporary file, or a folder with all that is in it.
pub fn remove_when_interrupted(path: &Path) {
    TEMPORARY
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
        .push(path.into());
}

/// An interrupt says this from now on: how to go on.
pub fn say_when_interrupted(advice: String) {
    *ADVICE.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(advice);
}
