//! What engines left behind that were killed: to go on with it, or to wipe it.
//!
//! A task's folder stays what it was, with the command in it that may still run. Whoever goes on with the run takes the
//! dead engine's lock, so that the engine counts as living again and nobody clears it away.

use std::{
    fs::{self, File, FileTimes, OpenOptions},
    io::{self, Read},
    path::PathBuf,
    sync::{Arc, MutexGuard, PoisonError},
    thread,
    time::{Duration, SystemTime},
};

use sluis_model::{RunId, TaskId, TaskKey};

use crate::{
    Scratch, WorkError,
    board::BELL,
    scratch::{LOCK, Relation},
    task_folder::{self, NOTE},
};

/// How often, and after what time each, a lock is asked for again: who looks whether an engine lives holds it for a moment.
const READERS: u32 = 20;
const PAUSE: Duration = Duration::from_millis(5);

/// A dead engine with tasks of a run that this engine goes on with.
#[derive(Debug)]
pub(crate) struct TakenOver {
    engine: String,
    run: RunId,
    /// Those that nobody has asked for yet.
    tasks: Vec<LeftTask>,
    /// The same for all runs of that engine which this one goes on with.
    lock: Arc<File>,
}

/// A task that a dead engine had begun.
#[derive(Debug)]
pub(crate) struct LeftTask {
    /// The engine.
    pub engine: String,
    /// The number by which it knew the task.
    pub task: TaskId,
    /// The task's folder.
    pub folder: PathBuf,
    /// What the engine noted of it.
    note: String,
}

/// What an engine notes of a task in its folder, so that another can tell which one it is.
pub(crate) fn note_of(key: &TaskKey, executor: &str) -> String {
    format!("{key}\n{executor}\n")
}

impl Scratch {
    /// Says for how long others may go on with what this engine leaves behind if it is killed. Nobody may unless this is
    /// called.
    ///
    /// # Errors
    /// If it cannot be written down.
    pub fn keep_for(&self, time: Duration) -> Result<(), WorkError> {
        let path = self.folder_of(self.engine_id()).join(LOCK);
        fs::write(&path, time.as_secs().to_string()).map_err(WorkError::scratch(&path, "written"))
    }

    /// Shows that this engine lives. What it leaves behind is kept from the last time on.
    pub fn show_life(&self) {
        let now = FileTimes::new().set_modified(SystemTime::now());
        let taken = self.taken();
        for lock in taken.iter().map(|taken| &*taken.lock).chain([self.lock()]) {
            // The time is then that of an earlier call, and less is kept.
            let _ = lock.set_times(now);
        }
    }

    /// Whether the engine with this identifier is dead and nobody may go on with what it left.
    pub fn is_given_up(&self, engine: &str) -> bool {
        !self.is_alive(engine) && !self.is_kept(engine)
    }

    /// Takes over the tasks of a run that dead engines had begun, until [`Scratch::clear_taken`].
    ///
    /// # Errors
    /// If the scratch folder cannot be read.
    pub fn take_over(&self, run: &RunId) -> Result<(), WorkError> {
        let unreadable = || WorkError::scratch(self.root(), "read");
        for entry in fs::read_dir(self.root()).map_err(unreadable())? {
            let engine = entry.map_err(unreadable())?.file_name().to_string_lossy().into_owned();
            let is_other = engine != self.engine_id() && self.relation_of(&engine) == Relation::Ours;
            if !is_other || !self.tasks_of(&engine).any(|(of, _)| of == *run) {
                continue;
            }
            // For another of its runs this engine may have the lock already.
            let own = self.taken().iter().find(|taken| taken.engine == engine).map(|taken| Arc::clone(&taken.lock));
            if let Some(lock) = own.or_else(|| self.take_lock_of_dead(&engine)) {
                let tasks = self.tasks_of(&engine).filter(|(of, _)| of == run);
                let tasks = tasks.map(|(_, task)| self.left_task(&engine, run, task)).collect();
                self.taken().push(TakenOver { engine, run: run.clone(), tasks, lock });
            }
        }
        Ok(())
    }

    /// A task with this note that was taken over and that nobody has asked for yet.
    pub(crate) fn take_left(&self, run: &RunId, note: &str) -> Option<LeftTask> {
        self.taken().iter_mut().filter(|taken| taken.run == *run).find_map(|taken| {
            let place = taken.tasks.iter().position(|task| task.note == note)?;
            Some(taken.tasks.swap_remove(place))
        })
    }

    /// The folders of the tasks with this note that were taken over and that nobody has asked for yet.
    pub(crate) fn left_folders(&self, run: &RunId, note: &str) -> Vec<PathBuf> {
        let taken = self.taken();
        let tasks = taken.iter().filter(|taken| taken.run == *run).flat_map(|taken| &taken.tasks);
        tasks.filter(|task| task.note == note).map(|task| task.folder.clone()).collect()
    }

    /// The engines that were taken over for a run and left nothing of any other.
    pub fn taken_for(&self, run: &RunId) -> Vec<String> {
        let ours = |engine: &str| self.tasks_of(engine).all(|(of, _)| of == *run);
        let taken: Vec<String> =
            self.taken().iter().filter(|taken| taken.run == *run).map(|taken| taken.engine.clone()).collect();
        taken.into_iter().filter(|engine| ours(engine)).collect()
    }

    /// Wipes what is left of a run whose tasks were taken over. What still runs of them must be stopped before.
    ///
    /// # Errors
    /// If a folder cannot be removed.
    pub fn clear_taken(&self, run: &RunId) -> Result<(), WorkError> {
        let only_ours = self.taken_for(run);
        let (cleared, others) = self.taken().drain(..).partition(|taken| taken.run == *run);
        *self.taken() = others;
        let cleared: Vec<TakenOver> = cleared;
        for TakenOver { engine, .. } in &cleared {
            let folder = self.folder_of(engine);
            let folders = if only_ours.contains(engine) {
                vec![folder]
            } else {
                let tasks = self.tasks_of(engine).filter(|(of, _)| of == run);
                tasks.map(|(of, task)| folder.join(format!("{of}-{task}"))).collect()
            };
            for folder in folders {
                task_folder::wipe(&folder).map_err(WorkError::scratch(&folder, "wiped"))?;
            }
        }
        Ok(())
    }

    /// The lock of an engine that does not live, for going on with what it left. What it held it holds no more.
    fn take_lock_of_dead(&self, engine: &str) -> Option<Arc<File>> {
        let lock = self.lock_of_dead(engine)?;
        // It has none if it had the machine for itself.
        let _ = fs::remove_file(self.folder_of(engine).join(BELL));
        Some(Arc::new(lock))
    }

    /// The lock of an engine that does not live, if nobody else has it.
    pub(crate) fn lock_of_dead(&self, engine: &str) -> Option<File> {
        let lock = OpenOptions::new().read(true).write(true).open(self.folder_of(engine).join(LOCK)).ok()?;
        for _ in 0..READERS {
            if lock.try_lock().is_ok() {
                return Some(lock);
            }
            thread::sleep(PAUSE);
        }
        None
    }

    /// Whether a dead engine's time has not passed within which others may go on with its tasks.
    fn is_kept(&self, engine: &str) -> bool {
        let kept = || -> io::Result<bool> {
            let mut lock = File::open(self.folder_of(engine).join(LOCK))?;
            let mut seconds = String::new();
            lock.read_to_string(&mut seconds)?;
            let seconds = Duration::from_secs(seconds.parse().unwrap_or(0));
            let died = lock.metadata()?.modified()?;
            Ok(died.elapsed().unwrap_or_default() < seconds)
        };
        self.relation_of(engine) == Relation::Ours && kept().unwrap_or(false) && self.tasks_of(engine).next().is_some()
    }

    /// The tasks whose folders are in an engine's.
    pub(crate) fn tasks_of(&self, engine: &str) -> impl Iterator<Item = (RunId, TaskId)> + use<> {
        let entries = fs::read_dir(self.folder_of(engine)).into_iter().flatten().flatten();
        entries.filter_map(|entry| {
            let name = entry.file_name();
            let (run, task) = name.to_str()?.rsplit_once('-')?;
            Some((run.parse().ok()?, TaskId(task.parse().ok()?)))
        })
    }

    fn left_task(&self, engine: &str, run: &RunId, task: TaskId) -> LeftTask {
        let folder = self.folder_of(engine).join(format!("{run}-{task}"));
        // One without a note was not launched yet, and nobody will ask for it.
        let note = fs::read_to_string(folder.join(NOTE)).unwrap_or_default();
        LeftTask { engine: engine.to_owned(), task, folder, note }
    }

    fn taken(&self) -> MutexGuard<'_, Vec<TakenOver>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SwapRule;

    #[test]
    fn of_an_engine_that_carried_several_runs_each_is_gone_on_with() {
        let memory = tempfile::tempdir_in("/dev/shm").unwrap();
        let scratch = Scratch::open(Some(memory.path().join("scratch")), SwapRule::Allow).unwrap();
        let dead = format!("{}-dead", scratch.engine_id().rsplit_once('-').unwrap().0);
        let runs: [RunId; 2] = ["20261123-101500-3fa2b1", "20261123-101500-3fa2b2"].map(|run| run.parse().unwrap());
        for run in &runs {
            let folder = scratch.folder_of(&dead).join(format!("{run}-4"));
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join(NOTE), "the task").unwrap();
        }
        File::create(scratch.folder_of(&dead).join(LOCK)).unwrap();
        for run in &runs {
            scratch.take_over(run).unwrap();
        }
        assert!(runs.iter().all(|run| scratch.take_left(run, "the task").is_some()));
        scratch.clear_taken(&runs[0]).unwrap();
        assert!(scratch.is_alive(&dead), "the other run is still gone on with");
        scratch.clear_taken(&runs[1]).unwrap();
        assert!(!scratch.folder_of(&dead).exists());
    }
}
