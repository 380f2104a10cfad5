//! The suite that each executor must pass, on Docker.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::sync::{Arc, LazyLock};

use sluis_executor::{Executor, suite::Subject};
use sluis_executor_docker::DockerExecutor;
use sluis_model::ImageId;

struct Docker;

static IMAGE: LazyLock<ImageId> = LazyLock::new(|| sluis_containers::ensure("genomics").unwrap());

impl Subject for Docker {
    fn executor(&self) -> Arc<dyn Executor> {
        Arc::new(DockerExecutor::new())
    }

    fn image(&self) -> Option<ImageId> {
        Some(IMAGE.clone())
    }
}

sluis_executor::executor_suite!(Docker);
sluis_executor::executor_suite!(@contained Docker);
