//! What a step's tasks used against what they asked for, and what to ask for instead.

use sluis_model::Mebibytes;
use sluis_schedule::TaskSummary;

use crate::numbers::{bytes, cores, percent, time};

/// A command that ran for less, in milliseconds, says little of what its tool needs.
const TOO_SHORT: u64 = 2000;
/// Less memory than this is not worth a change, in bytes.
const SMALL: u64 = 512 << 20;

/// What the tasks of a step used.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    /// How many tasks' commands ran.
    pub measured: u64,
    /// Sums and the largest, in milliseconds.
    pub running: u64,
    pub longest: u64,
    pub queued: u64,
    pub staging: u64,
    pub sealing: u64,
    /// Of the tasks of which both are known: milliseconds of processor time, and of cores that were kept for them.
    pub cpu: u64,
    pub kept: u64,
    /// The most cores, GPUs and memory that a task was given, and the most memory that one held, in bytes.
    pub cores: u64,
    pub gpus: u32,
    pub memory: u64,
    pub peak: Option<u64>,
    /// The most memory that a task was given that ended for lack of it, in bytes.
    pub too_little: Option<u64>,
    pub read: u64,
    pub written: u64,
}

impl Usage {
    /// Takes one task into account, its earlier attempts included.
    pub fn add(&mut self, task: &TaskSummary) {
        use sluis_schedule::FailureKind::OutOfMemory;
        let earlier = task.earlier.iter().map(|attempt| (attempt.given, attempt.measured));
        for (given, measured) in earlier.chain([(task.given, task.measured)]) {
            let given = given.unwrap_or_default();
            let Some(measured) = measured else { continue };
            self.measured += 1;
            self.running += measured.running_ms;
            self.longest = self.longest.max(measured.running_ms);
            self.queued += measured.queued_ms;
            self.staging += measured.staging_ms;
            self.sealing += measured.sealing_ms;
            if let Some(cpu) = measured.usage.cpu_ms {
                self.cpu += cpu;
                self.kept += measured.running_ms * given.cores.0 / 1000;
            }
            self.cores = self.cores.max(given.cores.0);
            self.gpus = self.gpus.max(given.gpus);
            self.memory = self.memory.max(given.memory.bytes());
            self.peak = self.peak.max(measured.usage.peak_memory);
            self.read += measured.usage.read.unwrap_or(0);
            self.written += measured.usage.written.unwrap_or(0);
        }
        let earlier = task.earlier.iter().filter(|attempt| attempt.failure == OutOfMemory).map(|attempt| attempt.given);
        let last = (task.failure == Some(OutOfMemory)).then_some(task.given);
        let given = earlier.chain(last).map(|given| given.unwrap_or_default().memory.bytes()).max();
        self.too_little = self.too_little.max(given);
    }

    /// The middle of the times is not known, but their mean is.
    pub fn mean(&self) -> Option<String> {
        (self.measured > 0).then(|| time(self.running / self.measured))
    }

    /// How much of the cores that were kept was used.
    pub fn cpu_share(&self) -> Option<String> {
        percent(self.cpu as f64, self.kept as f64)
    }

    /// How much of the memory that was kept was used by the task that used most.
    pub fn memory_share(&self) -> Option<String> {
        self.peak.and_then(|peak| percent(peak as f64, self.memory as f64))
    }

    /// What to change, if anything.
    pub fn advice(&self) -> Vec<String> {
        if self.measured == 0 {
            return Vec::new();
        }
        let mut advice: Vec<String> = self.memory_advice().into_iter().collect();
        if self.longest >= TOO_SHORT {
            advice.extend(self.core_advice());
        }
        if self.staging > self.running && self.staging / self.measured >= TOO_SHORT {
            advice.push("staging takes longer than running: give the tasks fewer or smaller inputs".to_owned());
        }
        advice
    }

    fn memory_advice(&self) -> Option<String> {
        if let Some(given) = self.too_little {
            return Some(format!("ran out of memory at {}: raise ramMin", bytes(given)));
        }
        let peak = self.peak?;
        if peak * 10 > self.memory * 9 {
            return Some(format!("held up to {} of {}: raise ramMin", bytes(peak), bytes(self.memory)));
        }
        // A quarter more than was ever needed, in steps that people would write.
        let enough = Mebibytes((peak / (1 << 20) * 5 / 4).next_multiple_of(256).max(256));
        let is_worth_it = self.longest >= TOO_SHORT && self.memory >= SMALL && enough.bytes() * 2 <= self.memory;
        is_worth_it.then(|| format!("held at most {}: ramMin {} is enough", bytes(peak), enough.0))
    }

    fn core_advice(&self) -> Option<String> {
        if self.kept == 0 {
            return None;
        }
        let used = self.cpu as f64 / self.kept as f64 * self.cores as f64;
        let enough = (used / 1000.0).ceil().max(1.0) as u64;
        let of = cores(self.cores);
        if self.cores >= 2000 && enough * 1000 <= self.cores / 2 {
            return Some(format!("kept {} of {of} cores busy: coresMin {enough} is enough", cores(used as u64)));
        }
        (used > self.cores as f64 * 1.25)
            .then(|| format!("kept {} cores busy and asked for {of}: raise coresMin to {enough}", cores(used as u64)))
    }
}
