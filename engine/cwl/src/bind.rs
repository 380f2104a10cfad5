//! A tool and its inputs become a task (CWL v1.2, CommandLineTool, Generic execution process).

mod arguments;
mod environment;
mod error;
mod record;
mod resources;
mod staging;
mod visible;
mod work_dir;

use std::sync::Arc;

use sluis_model::{GpuKind, Task, Value, Values};

use crate::{CommandLineTool, Evaluator, contents::Contents, expression::Session};

pub use error::BindError;
pub(crate) use resources::runtime;
pub use staging::StagingError;
pub(crate) use staging::assign_paths;
pub(crate) use visible::{check_files, required, show};

/// A task with what is needed to collect its outputs.
#[derive(Clone, PartialEq, Debug)]
pub struct BoundTool {
    /// What is run.
    pub task: Task,
    pub(crate) tool: Arc<CommandLineTool>,
    pub(crate) evaluator: Evaluator,
    /// What expressions see as `inputs`.
    pub(crate) inputs: Values,
    /// What expressions see as `runtime`, without the exit code.
    pub(crate) runtime: Value,
}

/// Binds a tool to its inputs, which must be complete: defaults filled in, types checked, every file sealed.
///
/// Equal inputs give equal tasks on every machine: each path is below one of the task's canonical roots, and each
/// generated name follows from the document.
pub fn bind(
    tool: &Arc<CommandLineTool>,
    inputs: Values,
    evaluator: &Evaluator,
    contents: &dyn Contents,
) -> Result<BoundTool, BindError> {
    bind_on(tool, inputs, evaluator, contents, &|_, _| true)
}

/// Whether a machine has so many GPUs of a kind.
pub type Offer<'o> = &'o dyn Fn(u32, &GpuKind) -> bool;

/// Binds a tool as [`bind`] does, for a machine with these GPUs: of those that a hint asks for, the task is given none if
/// the machine does not have them all.
pub fn bind_on(
    tool: &Arc<CommandLineTool>,
    inputs: Values,
    evaluator: &Evaluator,
    contents: &dyn Contents,
    offer: Offer<'_>,
) -> Result<BoundTool, BindError> {
    let requirements = &tool.requirements;
    let mut inputs = visible::show(&tool.inputs, inputs, requirements.load_listing, contents)?;
    staging::assign_paths(&mut inputs, tool.inputs.iter().map(|input| input.name.as_str()));
    let mut session = Session::new(evaluator, requirements.javascript.as_deref(), inputs, Value::Null);
    let mut resources = resources::resources(requirements, &session)?;
    let gpus = resources::gpus(requirements, &session, offer)?;
    resources.gpus = gpus.as_ref().map_or(0, |(count, _)| *count);
    let work_directory = environment::work_directory(requirements)?;
    let runtime = resources::runtime(&resources, gpus.is_some(), work_directory);
    session.set_runtime(runtime.clone());
    visible::check_files(&tool.inputs, &session)?;
    let staged = stage(tool, &mut session)?;
    let image = environment::image(requirements)?;
    let command = environment::command_line(tool, &session)?;
    let (time_limit, network, reuse) = (
        resources::time_limit(requirements, &session)?,
        resources::condition(requirements.network_access.as_ref(), "NetworkAccess.networkAccess", false, &session)?,
        resources::condition(requirements.work_reuse.as_ref(), "WorkReuse.enableReuse", true, &session)?,
    );
    let inputs = session.into_inputs();
    let collection = record::collection(tool, &inputs, &runtime);
    let task = Task {
        tool: tool.name.clone(),
        command,
        image,
        work_directory: work_directory.map(str::to_owned),
        resources,
        gpu_kind: gpus.filter(|(count, _)| *count > 0).map(|(_, kind)| kind),
        time_limit,
        network,
        reuse: reuse && !requirements.inplace_update,
        staged,
        collection,
    };
    Ok(BoundTool { task, tool: Arc::clone(tool), evaluator: *evaluator, inputs, runtime })
}

/// Stages the working directory, then the inputs that are not in it; the session learns the inputs' final paths.
fn stage(tool: &CommandLineTool, session: &mut Session<'_>) -> Result<Vec<sluis_model::StagedEntry>, BindError> {
    let image_is_required = tool.requirements.docker.as_ref().is_some_and(|docker| docker.required);
    let work_directory = environment::work_directory(&tool.requirements)?;
    let mut staging = staging::Staging::new(image_is_required, work_directory);
    let moves = work_dir::stage(&tool.requirements.initial_work_dir, session, &mut staging)?;
    if !moves.is_empty() {
        let mut inputs = session.inputs().clone();
        inputs.values_mut().for_each(|value| staging::move_paths(value, &moves));
        session.set_inputs(inputs);
    }
    session.inputs().values().try_for_each(|value| staging.add_inputs(value))?;
    Ok(staging.into_entries())
}

#[cfg(test)]
mod tests;
