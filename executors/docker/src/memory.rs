//! What memory a container holds now.

use std::{path::PathBuf, time::Duration};

use bollard::{Docker, models::ContainerMemoryStats, query_parameters::StatsOptionsBuilder};
use futures_util::StreamExt;
use sluis_executor::{HeldMemory, Launch, held_by_control_group};
use tokio::{task::spawn_blocking, time};

use crate::{container, lifecycle::Container};

/// How long the daemon may take to tell.
const PATIENCE: Duration = Duration::from_millis(500);

/// A container that can be asked.
pub(crate) struct Holder {
    docker: Docker,
    id: String,
    /// The container's control group, where its files can be read.
    group: Option<PathBuf>,
    given: u64,
}

impl Holder {
    /// The container of a launch, and the folder of its control group if that can be read.
    pub fn of(container: &Container, launch: &Launch, group: Option<PathBuf>) -> Self {
        let given = u64::try_from(container::memory_limit(launch)).unwrap_or(u64::MAX);
        Self { docker: container.docker.clone(), id: container.id.clone(), group, given }
    }

    /// What it holds, by its control group or, where that cannot be read, as the daemon tells.
    pub async fn memory(&self) -> Option<HeldMemory> {
        let held = match self.group.clone() {
            Some(group) => spawn_blocking(move || held_by_control_group(&group)).await.ok()??,
            None => time::timeout(PATIENCE, self.told()).await.ok()??,
        };
        Some(HeldMemory { held, given: self.given })
    }

    /// Asked for without waiting for a second look, from which shares of processors would be told.
    async fn told(&self) -> Option<u64> {
        let options = StatsOptionsBuilder::new().stream(false).one_shot(true).build();
        let told = Box::pin(self.docker.stats(&self.id, Some(options))).next().await?.ok()?;
        let ContainerMemoryStats { usage, stats, .. } = told.memory_stats?;
        let stats = stats.unwrap_or_default();
        let idle = stats.get("total_inactive_file").or_else(|| stats.get("inactive_file"));
        Some(usage?.saturating_sub(idle.copied().unwrap_or(0)))
    }
}
