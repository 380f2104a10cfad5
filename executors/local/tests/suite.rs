//! The suite that each executor must pass, on this machine itself.

use std::sync::Arc;

use sluis_executor::{Executor, suite::Subject};
use sluis_executor_local::LocalExecutor;
use sluis_model::ImageId;

struct Local;

impl Subject for Local {
    fn executor(&self) -> Arc<dyn Executor> {
        Arc::new(LocalExecutor::new("/dev/shm"))
    }

    fn image(&self) -> Option<ImageId> {
        None
    }
}

sluis_executor::executor_suite!(Local);
