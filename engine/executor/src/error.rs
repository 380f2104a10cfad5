//! What can keep an executor from its work. That the command itself fails is not among it.

use std::{error::Error, io, path::PathBuf};

use sluis_model::ImageReference;

/// Why an executor could not launch a command or watch it to its end.
#[derive(Debug, thiserror::Error)]
pub enum ExecutorError {
    /// The image is not there and cannot be fetched.
    #[error("the image {image} is not on this machine and cannot be fetched; {remedy}")]
    MissingImage {
        /// The image, with its digest where one was asked for.
        image: ImageReference,
        /// What to do.
        remedy: String,
        /// Why fetching failed.
        source: Box<dyn Error + Send + Sync>,
    },
    /// Another image stands under the name than the one asked for.
    #[error(
        "the image {image} was asked for, but under that name stands {found}; remove or rename that one, or mend the \
         digest in DockerRequirement"
    )]
    ForeignImage {
        /// The image asked for.
        image: ImageReference,
        /// The content digest of what was found.
        found: String,
    },
    /// The executor's own service does not answer: it is not there, or went away and was waited for in vain. What it runs
    /// is left alone, so that another engine may go on with it.
    #[error("{what} does not answer; {remedy}")]
    Unavailable {
        /// What does not answer.
        what: &'static str,
        /// What to do.
        remedy: &'static str,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The executor's own service went away and is back; the command was lost meanwhile, and nothing of it is left.
    #[error("{what} went away for a while, and the command was lost")]
    Lost {
        /// The service.
        what: &'static str,
        /// How that was noticed.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The executor's service refused or failed.
    #[error("{what} cannot {doing}")]
    Service {
        /// The service.
        what: &'static str,
        /// What was tried, naming the object.
        doing: String,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The program of the command could not be started.
    #[error("the program `{program}` cannot be started")]
    Program {
        /// The program, as the command names it.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// A file of the task could not be opened, read or written.
    #[error("{path} cannot be {doing}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What was tried, as `written`.
        doing: &'static str,
        /// Why.
        source: io::Error,
    },
    /// The launch asks for something that this executor cannot do.
    #[error("the {executor} executor cannot run this command: {reason}")]
    Unsupported {
        /// The executor's name.
        executor: &'static str,
        /// Why, and what to do.
        reason: String,
    },
}

impl ExecutorError {
    /// Makes, for `map_err`, an error that names a file and what was tried.
    pub fn file(path: &std::path::Path, doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { path, doing, source }
    }
}
