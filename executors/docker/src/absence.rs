//! Waiting for a daemon that went away.

use std::{path::Path, time::Duration};

use sluis_executor::{Awaited, CancellationToken};
use tokio::{
    sync::{Mutex, watch},
    time::{Instant, sleep},
};

use crate::{daemon::DAEMON, pulse};

/// How long to wait before looking again whether it is back.
const PAUSE: Duration = Duration::from_millis(100);

/// For how long a daemon is waited for that is away, by however many.
pub(crate) struct Absence {
    /// Told to those who want to know.
    awaited: watch::Sender<Option<Awaited>>,
    patience: Duration,
    /// Since when it was missed. Only one looks at a time, for all that wait.
    since: Mutex<Option<Instant>>,
    given_up: CancellationToken,
}

impl Absence {
    pub fn new(patience: Duration) -> Self {
        let (awaited, _) = watch::channel(None);
        Self { awaited, patience, since: Mutex::default(), given_up: CancellationToken::new() }
    }

    /// Where it is told that the daemon is waited for, and that it is back.
    pub fn awaited(&self) -> watch::Receiver<Option<Awaited>> {
        self.awaited.subscribe()
    }

    /// Returns when it was waited for in vain; from then on it counts as away.
    pub async fn given_up(&self) {
        self.given_up.cancelled().await;
    }

    /// Waits until a daemon answers at this socket; whether it did in time.
    pub async fn ends(&self, socket: &Path) -> bool {
        let mut since = self.since.lock().await;
        loop {
            if self.given_up.is_cancelled() {
                return false;
            }
            if pulse::answers(socket).await {
                *since = None;
                self.awaited.send_if_modified(|awaited| awaited.take().is_some());
                return true;
            }
            if since.get_or_insert_with(Instant::now).elapsed() >= self.patience {
                self.given_up.cancel();
                return false;
            }
            let awaited = Some(Awaited { what: DAEMON, patience: self.patience });
            self.awaited.send_if_modified(|before| std::mem::replace(before, awaited) != awaited);
            sleep(PAUSE).await;
        }
    }
}
