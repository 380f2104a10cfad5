//! Problems found in a text.

use std::{collections::HashMap, fmt, sync::Arc};

use crate::Span;

/// More problems of one kind than this are not kept: nobody reads them. The kinds are apart, so that no number of
/// warnings hides an error.
const MOST: usize = 200;

/// How bad a problem is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Severity {
    /// The text cannot be used.
    Error,
    /// It can be used, but may not mean what its writer thinks.
    Warning,
}

/// Another place that has to do with a problem.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// What is there.
    pub message: String,
}

/// One problem.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, in one line.
    pub message: String,
    /// Where.
    pub span: Span,
    /// Other places that have to do with it.
    pub labels: Vec<Label>,
    /// What to do about it.
    pub help: Option<String>,
    /// Whether the text is right, but asks for something that is not supported.
    pub unsupported: bool,
}

impl Diagnostic {
    /// An error.
    pub fn error(span: &Span, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            message: message.into(),
            span: span.clone(),
            labels: Vec::new(),
            help: None,
            unsupported: false,
        }
    }

    /// A warning.
    pub fn warning(span: &Span, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(span, message) }
    }

    /// A feature that is not supported.
    pub fn unsupported(span: &Span, message: impl Into<String>) -> Self {
        Self { unsupported: true, ..Self::error(span, message) }
    }

    /// The same with another place.
    #[must_use]
    pub fn label(mut self, span: &Span, message: impl Into<String>) -> Self {
        self.labels.push(Label { span: span.clone(), message: message.into() });
        self
    }

    /// The same with advice.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// Every problem of some texts, with the texts, so that the lines concerned can be shown.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Diagnostics {
    problems: Vec<Diagnostic>,
    sources: HashMap<Arc<str>, Arc<str>>,
}

/// The kind of problems that say that a text is wrong.
const ERRORS: usize = 0;

/// Errors, features that are not supported, and warnings.
const fn kind(problem: &Diagnostic) -> usize {
    match (problem.severity, problem.unsupported) {
        (Severity::Error, false) => ERRORS,
        (_, true) => 1,
        (Severity::Warning, false) => 2,
    }
}

impl Diagnostics {
    /// Adds a problem. The same problem at the same place is kept once.
    pub fn push(&mut self, problem: Diagnostic) {
        if self.count(kind(&problem)) < MOST && !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    /// Whether no more errors are kept: looking for further ones is of no use.
    pub fn is_full(&self) -> bool {
        self.problems.len() >= MOST && self.count(ERRORS) >= MOST
    }

    fn count(&self, of: usize) -> usize {
        self.problems.iter().filter(|problem| kind(problem) == of).count()
    }

    /// Adds an error.
    pub fn error(&mut self, span: &Span, message: impl Into<String>) {
        self.push(Diagnostic::error(span, message));
    }

    /// Adds the text of a file.
    pub fn add_source(&mut self, file: Arc<str>, text: impl Into<Arc<str>>) {
        self.sources.insert(file, text.into());
    }

    /// Adds all of another collection.
    pub fn extend(&mut self, other: Self) {
        self.sources.extend(other.sources);
        other.problems.into_iter().for_each(|problem| self.push(problem));
    }

    /// Puts the problems of each file in the order of the text; the files stay in the order in which their first
    /// problems were found.
    pub fn sort(&mut self) {
        let mut files: Vec<Arc<str>> = Vec::new();
        for problem in &self.problems {
            if !files.contains(&problem.span.file) {
                files.push(Arc::clone(&problem.span.file));
            }
        }
        let file = |problem: &Diagnostic| files.iter().position(|file| *file == problem.span.file);
        self.problems.sort_by_cached_key(|problem| (file(problem), problem.span.line, problem.span.column));
    }

    /// The problems in the order in which they were found.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.problems.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.problems.len()
    }

    /// Whether nothing at all was found.
    pub fn is_empty(&self) -> bool {
        self.problems.is_empty()
    }

    /// Whether at least one is an error.
    pub fn has_errors(&self) -> bool {
        self.problems.iter().any(|problem| problem.severity == Severity::Error)
    }

    /// Whether there are errors and all of them are features that are not supported.
    pub fn is_unsupported(&self) -> bool {
        let mut errors = self.problems.iter().filter(|problem| problem.severity == Severity::Error).peekable();
        errors.peek().is_some() && errors.all(|problem| problem.unsupported)
    }

    /// The features that are not supported, as errors: what is no obstacle to checking a text is one to using it.
    pub fn unsupported(&self) -> Option<Self> {
        let asked = self.problems.iter().filter(|problem| problem.unsupported);
        let problems: Vec<_> =
            asked.map(|problem| Diagnostic { severity: Severity::Error, ..problem.clone() }).collect();
        (!problems.is_empty()).then(|| Self { problems, sources: self.sources.clone() })
    }

    /// The text of a file in which problems may lie.
    pub fn source(&self, file: &str) -> Option<&str> {
        self.sources.get(file).map(|text| &**text)
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                writeln!(formatter)?;
            }
            let kind = match problem.severity {
                Severity::Error => "",
                Severity::Warning => "warning: ",
            };
            write!(formatter, "{}: {kind}{}", problem.span, problem.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}
