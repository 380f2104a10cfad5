//! Wiring: the executors, the scratch folder and the engine of this machine.

use std::{num::NonZero, path::Path, sync::Arc, thread};

use futures_util::future::{join, join_all};
use sluis_access::Site;
use sluis_executor::{Executor, ExecutorError};
use sluis_executor_local::LocalExecutor;
use sluis_model::{Mebibytes, MilliCores};
use sluis_schedule::{Engine, Executors, Gpus, Machine, Planner, Room};
use sluis_worker::{Scratch, SwapRule};

use crate::{containers::ContainerExecutor, exit::Exit, failure::Failure, output};

/// An engine of this machine, after what dead engines left behind was removed.
pub async fn engine(site: Arc<Site>, container: ContainerExecutor) -> Result<Arc<Engine>, Failure> {
    let made = engines(site, &[container]).await?.pop();
    made.unwrap_or_else(|| Err(Failure::new(Exit::Internal, "the machine has no engine")))
}

/// An engine of this machine for each of what runs containers, as far as it can be made, after what dead engines left
/// behind was removed. They share the machine's room as one does among its runs.
///
/// # Errors
/// What keeps every one of them from being made.
pub async fn engines(
    site: Arc<Site>,
    containers: &[ContainerExecutor],
) -> Result<Vec<Result<Arc<Engine>, Failure>>, Failure> {
    let scratch = open_scratch(&site)?;
    scratch.keep_for(site.config().resume_within.0)?;
    let plain: Arc<dyn Executor> = Arc::new(LocalExecutor::new(scratch.root()));
    let made = clean_up(&site, &scratch, containers, &plain).await?;
    let machine = Machine::shared(room(&scratch)?, gpus(), Arc::clone(&scratch))?;
    let engine = |container| {
        let executors = Executors { container, plain: Arc::clone(&plain) };
        Arc::new(Engine::new(Arc::clone(&site), executors, Arc::clone(&scratch), Arc::clone(&machine)))
    };
    Ok(made.into_iter().map(|container| container.map(engine)).collect())
}

/// What finds out what runs would do on this machine; it removes nothing that others left behind.
pub fn planner(site: Arc<Site>) -> Result<Planner, Failure> {
    let scratch = open_scratch(&site)?;
    let container = ContainerExecutor::choose(&site, None).make(&site)?;
    let plain: Arc<dyn Executor> = Arc::new(LocalExecutor::new(scratch.root()));
    let room = room(&scratch)?;
    Ok(Planner::new(site, Executors { container, plain }, scratch, room, gpus()))
}

fn open_scratch(site: &Site) -> Result<Arc<Scratch>, Failure> {
    let swap = match site.config().unencrypted_swap {
        sluis_access::Rule::Refuse => SwapRule::Refuse,
        sluis_access::Rule::Allow => SwapRule::Allow,
    };
    Ok(Arc::new(Scratch::open(None, swap)?))
}

/// Removes containers, processes, plaintext and half-written objects of engines that were killed, but for what somebody
/// may still go on with. Gives back what runs containers, each unless it cannot be made or what is left cannot be removed.
async fn clean_up(
    site: &Site,
    scratch: &Scratch,
    containers: &[ContainerExecutor],
    plain: &Arc<dyn Executor>,
) -> Result<Vec<Result<Arc<dyn Executor>, Failure>>, Failure> {
    let dead = scratch.dead_engines()?;
    // What an engine left in the sandbox is found whatever runs containers now.
    let has_sandbox = containers.contains(&ContainerExecutor::Sandbox);
    let sandbox = if has_sandbox { None } else { ContainerExecutor::Sandbox.make(site).ok() };
    let make = |container: &ContainerExecutor| {
        let made = container.make(site);
        async move {
            let executor = made?;
            remove_left(scratch, &executor).await?;
            Ok(executor)
        }
    };
    // All at once: a daemon takes as long to answer as a look at all processes does.
    let others = [plain].into_iter().chain(&sandbox).map(|executor| remove_left(scratch, executor));
    let (made, others) = join(join_all(containers.iter().map(make)), join_all(others)).await;
    others.into_iter().collect::<Result<(), _>>()?;
    // What may still be running keeps its folder.
    if !dead.is_empty() && made.iter().all(Result::is_ok) {
        scratch.sweep()?;
        output::note(&format!("Wiped the scratch folders of {} engine(s) that were killed.", dead.len()));
    }
    site.store().sweep_unfinished().map_err(|error| Failure::of(Exit::Environment, &error))?;
    Ok(made)
}

/// Removes what engines that were killed left running on an executor.
async fn remove_left(scratch: &Scratch, executor: &Arc<dyn Executor>) -> Result<(), Failure> {
    let is_kept = |engine: &str| {
        if executor.outlives_engines() { !scratch.is_given_up(engine) } else { scratch.is_alive(engine) }
    };
    match executor.remove_orphans(&is_kept).await {
        Ok(0) | Err(ExecutorError::Unavailable { .. }) => Ok(()),
        Ok(count) => {
            output::note(&format!(
                "Stopped {count} task(s) that an engine left running on {} when it was killed.",
                executor.name()
            ));
            Ok(())
        }
        Err(error) => Err(Failure::of(Exit::Environment, &error)),
    }
}

/// The GPUs of this machine.
pub fn gpus() -> Gpus {
    Gpus::find(Path::new("/"))
}

/// What this machine has for tasks: every core, nine tenths of its memory, and of that what the scratch folder may take.
fn room(scratch: &Scratch) -> Result<Room, Failure> {
    let room = cores_and_memory();
    Ok(Room { scratch: Mebibytes(scratch.capacity()? / (1 << 20)).min(room.memory), ..room })
}

/// The same, but for the scratch folder.
pub fn cores_and_memory() -> Room {
    let cores = thread::available_parallelism().map_or(1, NonZero::get) as u64;
    let info = rustix::system::sysinfo();
    let memory = Mebibytes(info.totalram.saturating_mul(u64::from(info.mem_unit)) / 10 * 9 / (1 << 20));
    Room { cores: MilliCores(cores * 1000), memory, ..Room::default() }
}
