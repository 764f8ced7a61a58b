use std::fs;
use std::time::Duration;

/// How much more memory the API may hold at the end than after a third of the run, in KiB, however long that was.
const ALLOWANCE: u64 = 6 * 1024;
/// The same for the end and the warm-up. What is revoked is remembered for 12 minutes.
const ALLOWANCE_SINCE_WARM_UP: u64 = 16 * 1024;
/// When everything else that is bounded has reached its bound.
pub(crate) const WARM_UP: Duration = Duration::from_secs(20);

/// How much memory the API held, second by second.
pub(crate) struct Memory {
    process: u32,
    samples: Vec<(Duration, u64)>,
}

impl Memory {
    pub(crate) fn of(process: u32) -> Self {
        Self { process, samples: Vec::new() }
    }

    pub(crate) fn sample(&mut self, at: Duration) {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process)).unwrap_or_default();
        let resident =
            status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.parse().ok());
        self.samples.extend(resident.map(|resident| (at, resident)));
    }

    /// The first that was measured at this time or later, or the last.
    pub(crate) fn at(&self, at: Duration) -> u64 {
        let found = self.samples.iter().find(|(when, _)| *when >= at).or(self.samples.last());
        found.map_or(0, |(_, resident)| *resident)
    }

    pub(crate) fn minutes(&self) -> Vec<u64> {
        let length = self.samples.last().map_or(0, |(at, _)| at.as_secs() / 60);
        (0..=length).map(|minute| self.at(Duration::from_secs(60 * minute))).collect()
    }

    pub(crate) fn most(&self) -> u64 {
        self.samples.iter().map(|(_, resident)| *resident).max().unwrap_or_default()
    }

    pub(crate) fn is_bounded(&self) -> bool {
        let length = self.samples.last().map_or(Duration::ZERO, |(at, _)| *at);
        let [warm, third, end] = [WARM_UP, WARM_UP.max(length / 3), Duration::MAX].map(|at| self.at(at));
        end > 0 && end <= warm + ALLOWANCE_SINCE_WARM_UP && end <= third + ALLOWANCE
    }
}
