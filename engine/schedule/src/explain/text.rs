//! Explanations as text for people.

use std::fmt::{self, Display, Formatter, Write};

use super::{
    Explanation, StepLine,
    compare::{Change, Comparison},
    failure::FailureTold,
    reason::{EarlierTask, Reason},
};

/// The most changes that are told in a few words.
const SHORT_CHANGES: usize = 3;
/// The most changes that are told one by one.
const MOST_CHANGES: usize = 30;
/// The most lines of one value, and the most characters of one line.
const MOST_LINES: usize = 12;
const MOST_CHARACTERS: usize = 600;

impl Display for Explanation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} in run {} of {}, project {}", self.step, self.run, self.workflow, self.project)?;
        writeln!(f, "state: {}", self.state)?;
        if self.others > 0 {
            writeln!(
                f,
                "the step has {} more tasks: give one by its place, as in {}",
                self.others,
                place_of(&self.step)
            )?;
        }
        if let Some(reason) = &self.reason {
            write!(f, "\n{}:\n{reason}", heading_of(reason))?;
        }
        if let Some(wait) = &self.wait {
            writeln!(f, "\nwhy it has not run:")?;
            wait.text.iter().try_for_each(|line| writeln!(f, "  {line}"))?;
        }
        for (number, attempt) in self.attempts.iter().enumerate() {
            write!(f, "\nwhy attempt {} failed:\n{attempt}", number + 1)?;
        }
        if let Some(failure) = &self.failure {
            write!(f, "\nwhy it failed:\n{failure}")?;
        }
        if !self.by_hand.is_empty() {
            writeln!(f, "\nto repeat it by hand (this writes plain data into memory):")?;
            self.by_hand.iter().try_for_each(|command| writeln!(f, "  {command}"))?;
        }
        Ok(())
    }
}

fn place_of(step: &str) -> String {
    if step.ends_with(']') { step.to_owned() } else { format!("{step}[0]") }
}

const fn heading_of(reason: &Reason) -> &'static str {
    match reason {
        Reason::Cached { .. } | Reason::Skipped => "why it did not run",
        _ => "why it ran",
    }
}

impl Display for Reason {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cached { made_by: Some(made_by) } => {
                writeln!(f, "  Its result was there already: {made_by} made it.")
            }
            Self::Cached { made_by: None } => writeln!(f, "  Its result was there already."),
            Self::Skipped => writeln!(f, "  Its condition (when) was false, so that its outputs are null."),
            Self::Expression => writeln!(f, "  It is an expression. Those are evaluated each time."),
            Self::AskedFor { by_step: true } => writeln!(f, "  The run was to run this step anew (--rerun)."),
            Self::AskedFor { by_step: false } => {
                writeln!(f, "  The run was to use no earlier results (--no-cache).")
            }
            Self::Forbidden => {
                writeln!(f, "  Its tool permits no earlier result to be used (WorkReuse, InplaceUpdate).")
            }
            Self::New { is_first_run: true } => {
                writeln!(f, "  The workflow was never run before for this project.")
            }
            Self::New { is_first_run: false } => {
                writeln!(f, "  It is a new step: no earlier run of the workflow for this project has it.")
            }
            Self::Changed { nearest, comparison, upstream } => write_changed(f, nearest, comparison, upstream),
            Self::Gone { earlier } => writeln!(
                f,
                "  {earlier} was the same, but its result was not there any more, or could not be used: erased, removed by \
                 `sluis store gc`, or damaged."
            ),
            Self::FailedBefore { earlier } => {
                writeln!(f, "  {earlier} was the same, but did not end well, so that there is no result of it.")
            }
            Self::AtTheSameTime { earlier } => {
                writeln!(f, "  {earlier} was the same, but ended only after this one had begun.")
            }
            Self::NotKept { earlier } => writeln!(
                f,
                "  Its key is another than that of {earlier}; of one of them it is not kept, or may not be read, what it was \
                 made of."
            ),
        }
    }
}

impl Reason {
    /// In a few words.
    pub fn in_short(&self) -> String {
        match self {
            Self::Cached { .. } => "its result is there".to_owned(),
            Self::Skipped => "its condition is false".to_owned(),
            Self::Expression => "an expression".to_owned(),
            Self::AskedFor { by_step: true } => "asked for by --rerun".to_owned(),
            Self::AskedFor { by_step: false } => "asked for by --no-cache".to_owned(),
            Self::Forbidden => "its tool permits no reuse (WorkReuse, InplaceUpdate)".to_owned(),
            Self::New { is_first_run: true } => "never run before".to_owned(),
            Self::New { is_first_run: false } => "a new step".to_owned(),
            Self::Changed { nearest, comparison, .. } => {
                let mut parts: Vec<&str> = comparison.changes.iter().map(|change| change.part.as_str()).collect();
                let more = parts.len().saturating_sub(SHORT_CHANGES);
                parts.truncate(SHORT_CHANGES);
                let more = if more > 0 { format!(" and {more} more") } else { String::new() };
                format!("changed since run {}: {}{more}", nearest.run, parts.join(", "))
            }
            Self::Gone { earlier } => format!("the result of run {} is not there any more", earlier.run),
            Self::FailedBefore { earlier } => format!("it failed in run {}", earlier.run),
            Self::AtTheSameTime { earlier } => format!("run {} is making it", earlier.run),
            Self::NotKept { .. } => "changed since an earlier run".to_owned(),
        }
    }
}

impl Display for EarlierTask {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} in run {}", self.step, self.run)
    }
}

fn write_changed(
    f: &mut Formatter<'_>,
    nearest: &EarlierTask,
    comparison: &Comparison,
    upstream: &[String],
) -> fmt::Result {
    let Comparison { changes, same } = comparison;
    let (total, count) = (same + changes.len(), changes.len());
    writeln!(f, "  {count} of the {total} parts of its key changed since {nearest}, the nearest earlier task:")?;
    changes.iter().take(MOST_CHANGES).try_for_each(|change| write!(f, "{change}"))?;
    if count > MOST_CHANGES {
        writeln!(f, "  and {} more", count - MOST_CHANGES)?;
    }
    if !upstream.is_empty() {
        writeln!(f, "  Other inputs than before were made by {}, which ran before it.", upstream.join(", "))?;
    }
    Ok(())
}

impl Display for Change {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let how = match (&self.old, &self.new) {
            (None, _) => "is new",
            (_, None) => "is gone",
            _ => "changed",
        };
        writeln!(f, "  {} {how}", self.part)?;
        for (sign, value) in [('-', &self.old), ('+', &self.new)] {
            write_value(f, sign, value.as_deref())?;
        }
        Ok(())
    }
}

fn write_value(f: &mut Formatter<'_>, sign: char, value: Option<&str>) -> fmt::Result {
    let Some(value) = value else { return Ok(()) };
    if value.is_empty() {
        return writeln!(f, "    {sign}");
    }
    for (number, line) in value.lines().enumerate() {
        if number == MOST_LINES {
            return writeln!(f, "    {sign} …");
        }
        write!(f, "    {sign} ")?;
        write_line(f, line)?;
    }
    Ok(())
}

/// A line of a value, without what could control a terminal.
fn write_line(f: &mut Formatter<'_>, line: &str) -> fmt::Result {
    let mut characters = line.chars();
    for character in characters.by_ref().take(MOST_CHARACTERS) {
        f.write_char(if character.is_control() && character != '\t' { '\u{fffd}' } else { character })?;
    }
    writeln!(f, "{}", if characters.next().is_some() { "…" } else { "" })
}

impl Display for FailureTold {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "  {}", self.what)?;
        if let Some(problem) = &self.problem {
            for line in problem.lines() {
                f.write_str("  ")?;
                write_line(f, line)?;
            }
        }
        if let Some(remedy) = &self.remedy {
            writeln!(f, "  remedy: {remedy}")?;
        }
        if !self.log_end.is_empty() {
            writeln!(f, "  the end of what it printed:")?;
            self.log_end.iter().try_for_each(|line| writeln!(f, "    | {line}"))?;
        }
        Ok(())
    }
}

impl Display for StepLine {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let counts = [
            (self.done, "run"),
            (self.cached, "cached"),
            (self.skipped, "skipped"),
            (self.running, "running"),
            (self.failed, "failed"),
            (self.canceled, "cancelled"),
        ];
        let counts = counts.into_iter().filter(|(count, _)| *count > 0);
        let mut parts: Vec<String> = counts.map(|(count, what)| format!("{count} {what}")).collect();
        if let Some(failure) = &self.failure {
            parts.push(failure.to_string());
        }
        if let Some(line) = self.wait.as_ref().and_then(|wait| wait.text.first()) {
            parts.push(line.clone());
        }
        if parts.is_empty() {
            parts.push("no tasks".to_owned());
        }
        write!(f, "{}: {}", self.step, parts.join(", "))
    }
}
