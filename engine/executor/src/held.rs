//! What a running command holds of the machine's memory, and finding the command that is asked about.

use std::{
    collections::HashMap,
    fs,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use sluis_model::{RunId, TaskId};

use crate::Launch;

/// The memory of a running command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HeldMemory {
    /// What it holds now, in bytes.
    pub held: u64,
    /// What it was given, in bytes: where a limit is kept, the limit.
    pub given: u64,
}

/// What the processes of a control group hold now, in bytes; `None` if that cannot be read.
///
/// As `docker stats` tells it: but for the content of files that stays in memory only until somebody needs the room. What
/// is written to files in memory counts. `folder` is that of the group in the hierarchy that has memory, in version 1 or 2.
pub fn held_by_control_group(folder: &Path) -> Option<u64> {
    let read = |file: &str| fs::read_to_string(folder.join(file)).ok();
    let (all, idle) = match read("memory.current") {
        Some(all) => (all, "inactive_file "),
        None => (read("memory.usage_in_bytes")?, "total_inactive_file "),
    };
    let statistics = read("memory.stat").unwrap_or_default();
    let idle = statistics.lines().find_map(|line| line.strip_prefix(idle)?.trim().parse().ok());
    Some(all.trim().parse::<u64>().ok()?.saturating_sub(idle.unwrap_or(0)))
}

/// The commands of an executor that run now, by their tasks.
#[derive(Debug)]
pub struct Running<T>(Mutex<HashMap<Name, Arc<T>>>);

type Name = (RunId, TaskId);

impl<T> Default for Running<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> Running<T> {
    /// Enters the command of a launch, until the result is dropped.
    #[must_use]
    pub fn enter(&self, launch: &Launch, command: T) -> Entered<'_, T> {
        let (name, command) = ((launch.run.clone(), launch.task), Arc::new(command));
        self.all().insert(name.clone(), Arc::clone(&command));
        Entered { running: self, name, command }
    }

    /// The command of a task.
    pub fn of(&self, run: &RunId, task: TaskId) -> Option<Arc<T>> {
        self.all().get(&(run.clone(), task)).cloned()
    }

    fn all(&self) -> MutexGuard<'_, HashMap<Name, Arc<T>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A command that runs.
#[derive(Debug)]
pub struct Entered<'r, T> {
    running: &'r Running<T>,
    name: Name,
    command: Arc<T>,
}

impl<T> Drop for Entered<'_, T> {
    fn drop(&mut self) {
        let mut all = self.running.all();
        // Another attempt at the task may have been entered since.
        if all.get(&self.name).is_some_and(|entered| Arc::ptr_eq(entered, &self.command)) {
            all.remove(&self.name);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail")]
mod tests {
    use super::*;

    #[test]
    fn idle_content_of_files_is_not_held_in_both_versions_of_control_groups() {
        let folder = std::env::temp_dir().join(format!("sluis-held-{}", std::process::id()));
        let held = |files: &[(&str, &str)]| {
            fs::create_dir(&folder).unwrap();
            files.iter().for_each(|(file, text)| fs::write(folder.join(file), text).unwrap());
            let held = held_by_control_group(&folder);
            fs::remove_dir_all(&folder).unwrap();
            held
        };
        let two = [("memory.current", "9000\n"), ("memory.stat", "anon 1\ninactive_file 4000\nactive_file 7\n")];
        let one = [("memory.usage_in_bytes", "9000\n"), ("memory.stat", "inactive_file 1\ntotal_inactive_file 3000\n")];
        assert_eq!((held(&two), held(&one)), (Some(5000), Some(6000)));
        assert_eq!((held(&two[..1]), held(&[])), (Some(9000), None));
    }
}
