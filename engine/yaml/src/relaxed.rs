//! Flow collections whose lines are not indented far enough.
//!
//! YAML wants every line of a flow collection indented deeper than the block around it (YAML 1.2.2, section 7.4). Many
//! documents close a bracket right below the key that it belongs to, and most readers take that. Ours moves such lines
//! to the right and maps places back: white space at the beginning of a line within a flow collection means nothing.

use std::borrow::Cow;

use saphyr_parser::{Marker, ScanError};

/// How far a line is moved, in characters.
const STEP: usize = 64;
/// How much text may be read again because of moved lines, in bytes.
const BUDGET: usize = 256 << 20;

/// A line that was moved.
struct Moved {
    line: usize,
    /// The character of the moved text from which on this line, and later ones, are shifted.
    at: usize,
    column: usize,
    /// How far it was moved itself.
    by: usize,
    /// By how much everything before it was moved.
    before: usize,
}

/// A text with lines moved to the right.
pub(crate) struct Relaxed<'a> {
    pub text: Cow<'a, str>,
    /// In the order of the lines.
    moved: Vec<Moved>,
    budget: usize,
}

impl<'a> Relaxed<'a> {
    pub fn new(text: &'a str) -> Self {
        Self { text: Cow::Borrowed(text), moved: Vec::new(), budget: BUDGET }
    }

    /// Moves the line at which reading stopped, if it stopped because the line is not indented far enough within a
    /// flow collection. `byte` is the place of the error in the moved text.
    pub fn relax(&mut self, error: &ScanError, byte: usize) -> bool {
        // The parser says so within flow collections alone; block collections simply end there.
        if !matches!(error.info(), "invalid indentation" | "invalid indentation in flow construct") {
            return false;
        }
        let Some(budget) = self.budget.checked_sub(self.text.len() + 1) else { return false };
        let mark = error.marker();
        if self.moved.last().is_some_and(|last| last.line >= mark.line()) || !self.text.is_char_boundary(byte) {
            return false;
        }
        self.budget = budget;
        self.text.to_mut().insert_str(byte, &" ".repeat(STEP));
        let before = self.moved.last().map_or(0, |last| last.before + last.by);
        self.moved.push(Moved { line: mark.line(), at: mark.index(), column: mark.col(), by: STEP, before });
        true
    }

    /// The character, line (from 1) and column (from 0) in the text as it was.
    pub fn original(&self, mark: &Marker) -> (usize, usize, usize) {
        let after = self.moved.partition_point(|moved| moved.at < mark.index());
        let Some(moved) = after.checked_sub(1).map(|last| &self.moved[last]) else {
            return (mark.index(), mark.line(), mark.col());
        };
        // A place within the inserted spaces is where they were inserted.
        let by = moved.by.min(mark.index() - moved.at);
        let on_line = moved.line == mark.line() && mark.col() >= moved.column;
        let column = if on_line { mark.col() - by } else { mark.col() };
        (mark.index() - moved.before - by, mark.line(), column)
    }
}
