//! What memory the tasks on the screen hold, asked for about once a second.

use std::{collections::HashMap, sync::Arc, time::Duration};

use sluis_executor::HeldMemory;
use sluis_model::{RunId, TaskId};
use sluis_schedule::Engine;
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{MissedTickBehavior, interval},
};

/// How often they are asked.
const PAUSE: Duration = Duration::from_secs(1);

/// Asks apart from the display, which shows what was told last. Made only where there is a display.
pub(super) struct Memory {
    shown: watch::Sender<Vec<TaskId>>,
    told: watch::Receiver<HashMap<TaskId, HeldMemory>>,
    asking: JoinHandle<()>,
}

impl Memory {
    /// Of the tasks of a run that an engine carries out.
    pub fn of(engine: Arc<Engine>, run: RunId) -> Self {
        let (shown, to_ask) = watch::channel(Vec::new());
        let (tell, told) = watch::channel(HashMap::new());
        Self { shown, told, asking: tokio::spawn(ask(engine, run, to_ask, tell)) }
    }

    /// Says which tasks are on the screen.
    pub fn show(&self, tasks: Vec<TaskId>) {
        self.shown.send_if_modified(|shown| {
            let is_other = *shown != tasks;
            *shown = tasks;
            is_other
        });
    }

    /// What a task held when it was asked last.
    pub fn held_by(&self, task: TaskId) -> Option<HeldMemory> {
        self.told.borrow().get(&task).copied()
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.asking.abort();
    }
}

async fn ask(
    engine: Arc<Engine>,
    run: RunId,
    shown: watch::Receiver<Vec<TaskId>>,
    tell: watch::Sender<HashMap<TaskId, HeldMemory>>,
) {
    let mut due = interval(PAUSE);
    due.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        due.tick().await;
        let tasks = shown.borrow().clone();
        let mut found = HashMap::new();
        for task in tasks {
            if let Some(held) = engine.held_memory(&run, task).await {
                found.insert(task, held);
            }
        }
        if tell.send(found).is_err() {
            return;
        }
    }
}

/// As `1.2 GiB of 4 GiB`.
pub(super) fn in_words(memory: HeldMemory) -> String {
    format!("{} of {}", amount(memory.held), amount(memory.given))
}

/// In mebibytes, or in gibibytes with a tenth where there is one.
fn amount(bytes: u64) -> String {
    let mebibytes = bytes.div_ceil(1 << 20);
    if mebibytes < 1024 {
        return format!("{mebibytes} MiB");
    }
    // Not of the mebibytes: rounded up twice, it might be a tenth too much.
    let tenths = bytes.saturating_mul(10).div_ceil(1 << 30);
    match tenths % 10 {
        0 => format!("{} GiB", tenths / 10),
        tenth => format!("{}.{tenth} GiB", tenths / 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_at_a_glance() {
        let said = |held, given| in_words(HeldMemory { held, given });
        assert_eq!(said(1_288_490_187, 4 << 30), "1.2 GiB of 4 GiB");
        assert_eq!(said(0, 256 << 20), "0 MiB of 256 MiB");
        assert_eq!(said(1, (1 << 30) - 1), "1 MiB of 1 GiB");
    }
}
