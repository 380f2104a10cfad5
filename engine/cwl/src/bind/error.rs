//! What can go wrong when a tool is bound.

use super::StagingError;
use crate::{contents::ContentsError, expression::ExpressionError};

/// Why a tool cannot be bound to its inputs.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// An expression cannot be evaluated.
    #[error(transparent)]
    Expression(#[from] ExpressionError),
    /// `loadContents` failed.
    #[error(transparent)]
    Contents(#[from] ContentsError),
    /// A file or directory cannot be put in place.
    #[error(transparent)]
    Staging(#[from] StagingError),
    /// There is nothing to run.
    #[error("the command line is empty; give the tool a baseCommand or arguments")]
    EmptyCommand,
    /// An argument with a NUL byte, which no operating system takes.
    #[error("the argument `{0}` holds a NUL character")]
    Nul(String),
    /// A value that cannot be an argument.
    #[error("{0} cannot be an argument of a command; give its binding a valueFrom that makes a text of it")]
    NotText(&'static str),
    /// A listing of the working directory that is none.
    #[error("InitialWorkDirRequirement gave {0}, but may give Files, Directories and Dirents only")]
    WorkDir(&'static str),
    /// A text for the working directory without a name.
    #[error("a text in InitialWorkDirRequirement needs an `entryname`")]
    TextWithoutName,
    /// One name for several files.
    #[error("the entryname `{0}` cannot be given to several files")]
    NameForSeveral(String),
    /// A secondary file that an input must have.
    #[error("`{file}` lacks its secondary file `{missing}`, which the input `{input}` requires")]
    MissingSecondaryFile {
        /// The input.
        input: String,
        /// The primary file.
        file: String,
        /// The name of what is missing.
        missing: String,
    },
    /// A file whose format is none of those that its input computes.
    #[error("the input `{input}` takes files of the format {wanted}, but {file} has {found}")]
    Format {
        /// The input.
        input: String,
        /// The file.
        file: String,
        /// Its format.
        found: String,
        /// The formats that it may have.
        wanted: String,
    },
    /// A minimum above the maximum.
    #[error("{class} asks for at least {least} and at most {most} of {name}")]
    Resources {
        /// The requirement.
        class: &'static str,
        /// What of.
        name: &'static str,
        /// The minimum.
        least: f64,
        /// The maximum.
        most: f64,
    },
    /// An amount that is no finite number, or below zero.
    #[error("{place} must not be {number}")]
    Negative {
        /// Which amount.
        place: String,
        /// The number.
        number: f64,
    },
    /// A stream that is redirected out of the task's folders.
    #[error("{stream} cannot be redirected to `{name}`; it must be a file in the working directory")]
    Stream {
        /// Which stream.
        stream: &'static str,
        /// The name.
        name: String,
    },
    /// A variable with a name or value that no environment can hold.
    #[error("the environment variable `{0}` has a name or value that no environment can hold")]
    Variable(String),
    /// A `dockerOutputDirectory` that is no folder of a container.
    #[error("dockerOutputDirectory is `{0}`, but must be an absolute path below `/` without `..`")]
    WorkDirectory(String),
    /// Something that sluis cannot do.
    #[error("{0} is not supported")]
    Unsupported(&'static str),
}
