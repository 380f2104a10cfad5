//! The runtime on which requests run, whatever thread asks for them.

use std::{
    fmt,
    future::Future,
    io,
    sync::mpsc::{Receiver, sync_channel},
};

use tokio::runtime::{Builder, Runtime};

/// The request's task ended without an answer: a fault of this program.
#[derive(Debug, thiserror::Error)]
#[error("the request was lost")]
pub struct Lost;

/// Threads of a client's own. So it may be called from anywhere, also from the threads of another runtime, which must
/// not enter a second one: the caller waits for a plain channel.
pub struct Worker(Option<Runtime>);

impl Worker {
    /// Starts them; each has this name.
    ///
    /// # Errors
    /// If the system gives no more threads.
    pub fn start(name: &str) -> io::Result<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(2).thread_name(name).enable_all().build()?;
        Ok(Self(Some(runtime)))
    }

    /// Begins something; its outcome will be in the channel.
    pub fn begin<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> Receiver<T> {
        let (sender, receiver) = sync_channel(1);
        if let Some(runtime) = &self.0 {
            runtime.spawn(async move {
                // Whoever asked may be gone.
                let _ = sender.send(work.await);
            });
        }
        receiver
    }

    /// Does something and waits for its outcome.
    ///
    /// # Errors
    /// If there is none, since the work panicked.
    pub fn run<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> Result<T, Lost> {
        self.begin(work).recv().map_err(|_| Lost)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Waiting for it would be an error in a thread of another runtime.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Worker")
    }
}
