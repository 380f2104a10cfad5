//! Why a set of policies cannot be used.

use std::fmt;

/// What is wrong in a policy text, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PolicyProblem {
    /// The file, as the caller named it.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// What is wrong, in one line.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl fmt::Display for PolicyProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.message)?;
        self.help.as_ref().map_or(Ok(()), |help| write!(f, "; {help}"))
    }
}

/// Why a set of policies cannot be used. Then nothing may be decided: everything is refused.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// Policy texts are not right.
    #[error("the policies are not valid, so none of them is used:{}", lines(.0))]
    Invalid(Vec<PolicyProblem>),
    /// What ships with sluis is not right: a fault of the build.
    #[error("the policies that ship cannot be used: {0}; this is a fault of sluis, report it")]
    Shipped(String),
}

impl PolicyError {
    /// What is wrong in the texts of the site.
    pub fn problems(&self) -> &[PolicyProblem] {
        match self {
            Self::Invalid(problems) => problems,
            Self::Shipped(_) => &[],
        }
    }
}

fn lines(problems: &[PolicyProblem]) -> String {
    problems.iter().map(|problem| format!("\n{problem}")).collect()
}

/// The line and the column, from 1, of a byte of a text; of its end if the byte is behind it.
pub(crate) fn position(text: &str, byte: usize) -> (usize, usize) {
    let before = text.char_indices().take_while(|(start, _)| *start < byte);
    before.fold((1, 1), |(line, column), (_, char)| if char == '\n' { (line + 1, 1) } else { (line, column + 1) })
}
