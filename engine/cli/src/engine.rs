//! Wiring: the executors, the scratch folder and the engine of this machine.

use std::{num::NonZero, sync::Arc, thread};

use sluis_access::Site;
use sluis_executor::{Executor, ExecutorError};
use sluis_executor_docker::DockerExecutor;
use sluis_executor_local::LocalExecutor;
use sluis_model::{Mebibytes, MilliCores};
use sluis_schedule::{Engine, Executors, Room};
use sluis_worker::{Scratch, SwapRule};

use crate::{failure::Failure, output};

/// The engine of this machine, after what dead engines left behind was removed.
pub async fn engine(site: Arc<Site>) -> Result<Arc<Engine>, Failure> {
    let swap = match site.config().unencrypted_swap {
        sluis_access::Rule::Refuse => SwapRule::Refuse,
        sluis_access::Rule::Allow => SwapRule::Allow,
    };
    let scratch = Arc::new(Scratch::open(None, swap)?);
    let container: Arc<dyn Executor> = Arc::new(DockerExecutor::new());
    let plain: Arc<dyn Executor> = Arc::new(LocalExecutor::new(scratch.root()));
    clean_up(&site, &scratch, &[&container, &plain]).await?;
    Ok(Arc::new(Engine::new(site, Executors { container, plain }, scratch, room())))
}

/// Removes containers, processes, plaintext and half-written objects of engines that were killed.
async fn clean_up(site: &Site, scratch: &Scratch, executors: &[&Arc<dyn Executor>]) -> Result<(), Failure> {
    let dead = scratch.dead_engines()?;
    let is_alive = |engine: &str| scratch.is_alive(engine);
    for executor in executors {
        match executor.remove_orphans(&is_alive).await {
            Ok(0) | Err(ExecutorError::Unavailable { .. }) => {}
            Ok(count) => output::note(&format!(
                "Stopped {count} task(s) that an engine left running on {} when it was killed.",
                executor.name()
            )),
            Err(error) => return Err(Failure::of(crate::exit::Exit::Environment, &error)),
        }
    }
    if !dead.is_empty() {
        scratch.sweep()?;
        output::note(&format!("Wiped the scratch folders of {} engine(s) that were killed.", dead.len()));
    }
    site.store().sweep_unfinished().map_err(|error| Failure::of(crate::exit::Exit::Environment, &error))?;
    Ok(())
}

/// What this machine has for tasks: every core, and nine tenths of its memory.
fn room() -> Room {
    let cores = thread::available_parallelism().map_or(1, NonZero::get) as u64;
    let info = rustix::system::sysinfo();
    let memory = info.totalram.saturating_mul(u64::from(info.mem_unit)) / 10 * 9 / (1 << 20);
    Room { cores: MilliCores(cores * 1000), memory: Mebibytes(memory) }
}
