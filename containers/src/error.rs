//! Why an image could not be made or loaded.

use std::{io, path::PathBuf};

use sluis_model::ImageId;

/// Why an image, or a file out of its packages, could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ContainersError {
    /// There is no such definition.
    #[error("no image definition `{name}`: `{folder}` does not exist", folder = folder.display())]
    UnknownImage {
        /// The name asked for.
        name: String,
        /// Where its definition would be.
        folder: PathBuf,
    },
    /// A lock or list file of a definition says something that is not understood.
    #[error(
        "`{file}`{at}: {problem}",
        file = file.display(), at = line.map(|line| format!(", line {line}")).unwrap_or_default()
    )]
    Definition {
        /// The file.
        file: PathBuf,
        /// The line, counted from 1; none where the whole file is meant.
        line: Option<usize>,
        /// What is wrong.
        problem: String,
    },
    /// A file or folder could not be read or written.
    #[error("cannot {action} `{path}`", path = path.display())]
    Io {
        /// What was tried: `read`, `write`, …
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A program that every Debian has could not be started.
    #[error("cannot start `{program}`: the tool image is built from Debian packages, which needs apt and dpkg")]
    MissingProgram {
        /// The program.
        program: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// A program failed.
    #[error("`{program}` failed: {said}")]
    Program {
        /// The program.
        program: &'static str,
        /// The last lines it wrote to its standard error.
        said: String,
    },
    /// The machine's apt configuration names no Debian mirror.
    #[error("apt on this machine names no Debian mirror with the component `main`: add one to the apt sources")]
    NoMirror,
    /// The mirror does not have some of the pinned versions.
    #[error(
        "the Debian mirror lacks {what}: put the files into `{folder}`, use a mirror that has them, or let a \
         maintainer run `containers/relock`",
        what = packages.join(", "), folder = folder.display()
    )]
    MirrorLacks {
        /// `name=version` of each.
        packages: Vec<String>,
        /// Where packages are kept, each named by its SHA-256 and `.deb`.
        folder: PathBuf,
    },
    /// A package file is not one that can be understood.
    #[error("the package `{package}` cannot be unpacked: {problem}")]
    Package {
        /// Its name.
        package: String,
        /// What is wrong.
        problem: String,
    },
    /// The image came out otherwise than the lock says.
    #[error(
        "the image `{name}` came out as {found}, but its lock says {expected}: run `containers/relock` if that was meant"
    )]
    Differs {
        /// The image's definition.
        name: String,
        /// What the lock says.
        expected: ImageId,
        /// What was built.
        found: ImageId,
    },
    /// A file out of a package is missing or not the one that was meant.
    #[error("the package `freebayes` does not hold the expected `{file}`")]
    Demonstration {
        /// The file's path in the package.
        file: String,
    },
    /// The Docker daemon cannot be reached or refused.
    #[error("the Docker daemon does not {action}: is it running, and may this user use it (group `docker`)?")]
    Daemon {
        /// What was asked of it.
        action: &'static str,
        /// What went wrong.
        source: bollard::errors::Error,
    },
    /// The daemon took the image but does not know it by its identifier.
    #[error(
        "the Docker daemon loaded `{tag}` but does not know it as {id}: switch its containerd image store off, \
         for there identifiers are not those of the configuration"
    )]
    ForeignIdentifier {
        /// The image's name.
        tag: String,
        /// The identifier it should have.
        id: ImageId,
    },
    /// The work could not be run at all.
    #[error("the build stopped unexpectedly")]
    Stopped,
}

impl ContainersError {
    /// Makes a closure that says what was tried on which path.
    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }
}
