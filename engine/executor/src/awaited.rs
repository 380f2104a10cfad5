//! A service that an executor waits for.

use std::time::Duration;

/// A service of an executor that went away while it was needed, and is waited for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Awaited {
    /// The service, as messages name it.
    pub what: &'static str,
    /// For how long it is waited for from when it was missed.
    pub patience: Duration,
}
