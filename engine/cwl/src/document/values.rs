//! The values that documents hold: defaults, and files for working directories.

use std::sync::Arc;

use sluis_model::Value;

use super::{InputParameter, Process, WorkDirEntry, Workflow};

impl Process {
    /// Calls `change` for every value written in the document and in the documents that it runs: defaults of inputs and
    /// of step inputs, and the Files and Directories of working directories. Before a run, the files among them are
    /// sealed this way, once for all tasks.
    ///
    /// # Errors
    /// The first that `change` gives; the process is then half changed and of no use.
    pub fn change_values<E>(&mut self, change: &mut dyn FnMut(&mut Value) -> Result<(), E>) -> Result<(), E> {
        match self {
            Self::CommandLineTool(tool) => {
                let tool = Arc::make_mut(tool);
                change_defaults(&mut tool.inputs, change)?;
                tool.requirements.initial_work_dir.iter_mut().try_for_each(|entry| match entry {
                    WorkDirEntry::Value(value) => change(value),
                    WorkDirEntry::Dirent { .. } | WorkDirEntry::Expression(_) => Ok(()),
                })
            }
            Self::ExpressionTool(tool) => change_defaults(&mut Arc::make_mut(tool).inputs, change),
            Self::Workflow(workflow) => change_workflow(Arc::make_mut(workflow), change),
            Self::Operation(operation) => change_defaults(&mut Arc::make_mut(operation).inputs, change),
        }
    }
}

fn change_workflow<E>(workflow: &mut Workflow, change: &mut dyn FnMut(&mut Value) -> Result<(), E>) -> Result<(), E> {
    change_defaults(&mut workflow.inputs, change)?;
    workflow.steps.iter_mut().try_for_each(|step| {
        step.inputs.iter_mut().filter_map(|input| input.default.as_mut()).try_for_each(&mut *change)?;
        step.run.change_values(change)
    })
}

fn change_defaults<E>(
    inputs: &mut [InputParameter],
    change: &mut dyn FnMut(&mut Value) -> Result<(), E>,
) -> Result<(), E> {
    inputs.iter_mut().filter_map(|input| input.default.as_mut()).try_for_each(change)
}
