//! Exit codes. They are part of the interface: `docs/exit-codes.md` lists them for users.

use std::process::ExitCode;

/// How the command ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Exit {
    /// All is well.
    Success = 0,
    /// A tool of the workflow failed.
    TaskFailed = 1,
    /// The command line is wrong.
    Usage = 2,
    /// The workflow or its inputs are wrong.
    Invalid = 3,
    /// Access was refused.
    Refused = 4,
    /// Stored data are damaged.
    Damaged = 5,
    /// The machine lacks something: disk space, the Docker daemon, an image, a readable file.
    Environment = 6,
    /// sluis itself is at fault.
    Internal = 7,
    /// The workflow asks for something that sluis does not support (the code that the CWL standard names).
    Unsupported = 33,
    /// Cancelled, as a shell reports an interrupt.
    Canceled = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
