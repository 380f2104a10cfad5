//! The trait that executors implement, its request and outcome types, and the suite that each must pass.
//!
//! An executor launches one command and says how it ended; staging, collecting and sealing are the worker's.

mod awaited;
mod by_hand;
mod command_user;
mod error;
mod executor;
mod folders;
mod held;
mod launch;
mod streams;
#[cfg(feature = "suite")]
pub mod suite;

pub use awaited::Awaited;
pub use by_hand::{ByHand, LINE_FEED, needs_line_feed, shell_print, shell_word, shell_words};
pub use command_user::CommandUser;
pub use error::ExecutorError;
pub use executor::Executor;
pub use folders::Folders;
pub use held::{Entered, HeldMemory, Running, held_by_control_group};
pub use launch::{Ended, Launch, MountPoint, Outcome};
pub use streams::{OutputFile, StreamFiles};

/// The token with which a running command is canceled.
pub use tokio_util::sync::CancellationToken;
