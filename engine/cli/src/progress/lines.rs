//! The lines of the live display: a bar for the run, one for each step under way, and the oldest tasks that run.

use std::{collections::HashMap, time::Duration};

use indexmap::IndexMap;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget};
use sluis_executor::HeldMemory;
use sluis_model::TaskId;

use super::{
    Counts, Running,
    memory::{Memory, in_words},
    style,
};

/// The most steps and tasks that have a line.
const MOST_STEPS: usize = 8;
const MOST_TASKS: usize = 6;

/// The lines.
pub(super) struct Lines {
    all: MultiProgress,
    run: ProgressBar,
    /// By the step's path.
    steps: HashMap<String, ProgressBar>,
    tasks: Vec<ProgressBar>,
}

impl Lines {
    pub fn on(target: ProgressDrawTarget) -> Self {
        let all = MultiProgress::with_draw_target(target);
        let run = all.add(ProgressBar::no_length());
        run.set_style(style("{spinner} {elapsed_precise} [{bar:24}] {wide_msg}"));
        run.enable_steady_tick(Duration::from_millis(100));
        Self { all, run, steps: HashMap::new(), tasks: Vec::new() }
    }

    /// Takes all lines away.
    pub fn clear(&self) {
        self.steps.values().chain(&self.tasks).for_each(ProgressBar::finish_and_clear);
        self.run.finish_and_clear();
    }

    /// Prints something above the lines.
    pub fn suspend(&self, print: impl FnOnce()) {
        self.all.suspend(print);
    }

    pub fn draw(
        &mut self,
        steps: &IndexMap<String, Counts>,
        running: &HashMap<TaskId, Running>,
        total: &Counts,
        memory: &Memory,
    ) {
        let mut running: Vec<_> = running.iter().collect();
        running.sort_unstable_by(|(_, a), (_, b)| (a.since, &a.step).cmp(&(b.since, &b.step)));
        self.draw_run(steps, running.len(), total);
        self.draw_steps(steps);
        running.truncate(MOST_TASKS);
        memory.show(running.iter().map(|(task, _)| **task).collect());
        self.draw_tasks(running.iter().map(|(task, running)| task_message(running, memory.held_by(**task))).collect());
    }

    fn draw_run(&self, steps: &IndexMap<String, Counts>, running: usize, total: &Counts) {
        self.run.set_length(u64::from(total.tasks));
        self.run.set_position(u64::from(total.done + total.failed));
        self.run.set_message(run_message(steps, running, total));
    }

    fn draw_steps(&mut self, steps: &IndexMap<String, Counts>) {
        let open = open_steps(steps);
        self.steps.retain(|step, bar| {
            let is_open = open.contains_key(step);
            if !is_open {
                bar.finish_and_clear();
                self.all.remove(bar);
            }
            is_open
        });
        for (step, counts) in open {
            let bar = self.steps.entry(step.clone()).or_insert_with(|| {
                let bar = self.all.insert_after(&self.run, ProgressBar::no_length());
                bar.set_style(style("  [{bar:24}] {pos}/{len} {wide_msg}"));
                bar
            });
            bar.set_length(u64::from(counts.tasks));
            bar.set_position(u64::from(counts.done + counts.failed));
            bar.set_message(step_message(step, counts));
        }
    }

    fn draw_tasks(&mut self, messages: Vec<String>) {
        while self.tasks.len() > messages.len()
            && let Some(line) = self.tasks.pop()
        {
            line.finish_and_clear();
            self.all.remove(&line);
        }
        while self.tasks.len() < messages.len() {
            let line = self.all.add(ProgressBar::no_length());
            line.set_style(style("  {wide_msg}"));
            self.tasks.push(line);
        }
        for (line, message) in self.tasks.iter().zip(messages) {
            line.set_message(message);
        }
    }
}

/// The steps under way, but for those of one task, of which the task says as much.
fn open_steps(steps: &IndexMap<String, Counts>) -> IndexMap<&String, &Counts> {
    steps.iter().filter(|(_, counts)| counts.open() > 0 && counts.tasks > 1).take(MOST_STEPS).collect()
}

fn run_message(steps: &IndexMap<String, Counts>, running: usize, total: &Counts) -> String {
    let Counts { done, cached, failed, .. } = *total;
    let steps_done = steps.values().filter(|counts| counts.open() == 0).count();
    let failed = if failed > 0 { format!(", {failed} failed") } else { String::new() };
    let done = done.saturating_sub(cached);
    format!("{steps_done}/{} steps · tasks: {done} done, {running} running, {cached} cached{failed}", steps.len())
}

fn step_message(step: &str, counts: &Counts) -> String {
    let cached = if counts.cached > 0 { format!(", {} cached", counts.cached) } else { String::new() };
    let failed = if counts.failed > 0 { format!(", {} failed", counts.failed) } else { String::new() };
    format!("{step}{cached}{failed}")
}

fn task_message(task: &Running, memory: Option<HeldMemory>) -> String {
    let memory = memory.map_or_else(String::new, |memory| format!("  {}", in_words(memory)));
    format!("{:>9}  {}{memory}", age(task.since.elapsed()), task.step)
}

/// How long something has been going on.
fn age(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    const fn counts(tasks: u32, done: u32, cached: u32, failed: u32) -> Counts {
        Counts { tasks, run: 0, done, cached, skipped: 0, failed }
    }

    #[test]
    fn the_run_and_its_open_steps_are_told_in_numbers() {
        let steps = IndexMap::from([
            ("align".to_owned(), counts(10, 4, 3, 1)),
            ("merge".to_owned(), counts(1, 0, 0, 0)),
            ("index".to_owned(), counts(5, 5, 0, 0)),
        ]);
        let run = run_message(&steps, 8, &counts(16, 9, 3, 1));
        assert_eq!(run, "1/3 steps · tasks: 6 done, 8 running, 3 cached, 1 failed");
        let open: Vec<_> = open_steps(&steps).into_iter().map(|(step, counts)| step_message(step, counts)).collect();
        assert_eq!(open, ["align, 3 cached, 1 failed"]);
    }

    #[test]
    fn ages_are_read_at_a_glance() {
        let seconds = [0, 59, 60, 3599, 3600, 90_000].map(|seconds| age(Duration::from_secs(seconds)));
        assert_eq!(seconds, ["0 s", "59 s", "1 min 00 s", "59 min 59 s", "1 h 00 min", "25 h 00 min"]);
        let since = Instant::now().checked_sub(Duration::from_secs(125)).unwrap();
        let task = Running { step: "align[3]".to_owned(), since };
        assert_eq!(task_message(&task, None), "2 min 05 s  align[3]");
        let memory = HeldMemory { held: 3 << 29, given: 4 << 30 };
        assert_eq!(task_message(&task, Some(memory)), "2 min 05 s  align[3]  1.5 GiB of 4 GiB");
    }
}
