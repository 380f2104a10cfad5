//! What a command used of the machine.

use serde::{Deserialize, Serialize};

/// What one attempt at a task used of the machine, its children included; `None` where its executor cannot tell.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Usage {
    /// Processor time, in milliseconds.
    pub cpu_ms: Option<u64>,
    /// The most memory it held at once, in bytes.
    pub peak_memory: Option<u64>,
    /// What it read, in bytes.
    pub read: Option<u64>,
    /// What it wrote, in bytes.
    pub written: Option<u64>,
}
