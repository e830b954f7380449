//! How many instructions a job takes, counted by the processor: a figure that other programs on the machine do not disturb.

/// Counts the instructions of this thread and of all threads that it starts from now on, outside the system's kernel. Where the
/// system does not count, it knows why.
pub struct Counter(Result<imp::Counter, String>);

impl Counter {
    /// Begins to count.
    pub fn new() -> Self {
        Counter(imp::Counter::new())
    }

    /// Instructions until now.
    ///
    /// # Errors
    /// Why there is no number.
    pub fn count(&mut self) -> Result<u64, String> {
        match &mut self.0 {
            Ok(counter) => counter.count(),
            Err(reason) => Err(reason.clone()),
        }
    }
}

#[cfg(target_os = "linux")]
mod imp {
    use perf_event::Builder;
    use perf_event::events::Hardware;

    pub struct Counter(perf_event::Counter);

    impl Counter {
        pub fn new() -> Result<Self, String> {
            let begin = || {
                let mut counter = Builder::new(Hardware::INSTRUCTIONS).inherit(true).build()?;
                counter.enable()?;
                Ok(Counter(counter))
            };
            begin()
                .map_err(|error: std::io::Error| format!("the system has no counter of instructions for us: {error}"))
        }

        pub fn count(&mut self) -> Result<u64, String> {
            let data = self.0.read_full().map_err(|error| error.to_string())?;
            // Where counters are fewer than those who want them, they take turns.
            if data.time_enabled() != data.time_running() {
                return Err("the counter of instructions was in use elsewhere for some of the time".into());
            }
            Ok(data.count())
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod imp {
    pub struct Counter;

    impl Counter {
        pub fn new() -> Result<Self, String> {
            Err("instructions are counted on Linux only".into())
        }

        pub fn count(&mut self) -> Result<u64, String> {
            Err(String::new())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Counter;

    #[test]
    fn there_is_a_count_or_a_reason() {
        let mut counter = Counter::new();
        let before = counter.count();
        let sum: u64 = std::hint::black_box(0..100_000_u64)
            .filter(|number| number % 3 == 1)
            .sum();
        match (before, counter.count()) {
            (Ok(before), Ok(after)) => assert!(after > before + 10_000, "{sum}"),
            (_, Err(reason)) => assert!(!reason.is_empty()),
            (Err(reason), Ok(_)) => panic!("a count appeared after: {reason}"),
        }
    }
}
