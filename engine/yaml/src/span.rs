//! Places in a text.

use std::{fmt, ops::Range, sync::Arc};

/// A place in a file.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Span {
    /// The file's name as it is shown.
    pub file: Arc<str>,
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
    start: u32,
    end: u32,
}

impl Span {
    pub(crate) const fn new(file: Arc<str>, line: u32, column: u32, start: u32, end: u32) -> Self {
        Self { file, line, column, start, end }
    }

    /// The beginning of a file.
    pub fn start_of(file: impl Into<Arc<str>>) -> Self {
        Self::new(file.into(), 1, 1, 0, 0)
    }

    /// The bytes of the file's text.
    pub const fn range(&self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

impl fmt::Display for Span {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}:{}", self.file, self.line, self.column)
    }
}
