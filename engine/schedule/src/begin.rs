//! What a run needs before its first step: its files taken in, its input object and its documents sealed.

use std::convert::Infallible;

use sluis_access::{AccessError, Permit, TaskRequest};
use sluis_cwl::{Process, Snapshot};
use sluis_model::{Address, Labels, Location, TaskId, Values};

use crate::{
    cache,
    engine::{RunError, RunRequest},
    intake,
    prepare::RunContext,
};

/// A run that can begin.
pub(crate) struct Begun {
    pub process: Process,
    pub inputs: Values,
    /// The input object.
    pub sealed_inputs: Address,
    /// The documents that the process was loaded from.
    pub documents: Address,
    /// The files in the input object, and those that the process itself names.
    pub files: Vec<Address>,
}

/// Takes in what a run reads, and seals its input object and its documents. Blocks.
pub(crate) fn begin(context: &RunContext, request: RunRequest) -> Result<Begun, RunError> {
    let RunRequest { mut process, mut inputs, mut documents, labels, .. } = request;
    let mut files = intake::take_in(&context.engine, &context.project, labels.as_ref(), &mut process, &mut inputs)?;
    documents.keep_values(&mut process);
    let permit = permit(context, "the run's input object", &inputs, &Labels::default())?;
    let (sealed, sealed_inputs) = seal(context, &permit, inputs.clone())?;
    let documents = seal_documents(context, &permit, &documents)?;
    files.extend(addresses_in(&sealed));
    files.sort_unstable();
    files.dedup();
    Ok(Begun { process, inputs, sealed_inputs, documents, files })
}

/// Seals the literals of a run's input or output object, and the object itself, under a permit that covers everything
/// in it.
pub(crate) fn seal_object(
    context: &RunContext,
    name: &str,
    values: Values,
    labels: &Labels,
) -> Result<(Values, Address), RunError> {
    seal(context, &permit(context, name, &values, labels)?, values)
}

fn permit(context: &RunContext, name: &str, values: &Values, labels: &Labels) -> Result<Permit, AccessError> {
    let site = &context.engine.site;
    site.permit_task(&TaskRequest {
        run: &context.run,
        task: TaskId(0),
        tool: name,
        project: &context.project,
        inputs: &addresses_in(values),
        derived_from: labels,
        region: site.region(),
        executor: "engine",
        network: false,
    })
}

fn seal(context: &RunContext, permit: &Permit, mut values: Values) -> Result<(Values, Address), RunError> {
    cache::seal_literals(context, permit, &mut values)?;
    let address = cache::seal_values(context, permit, &values)?;
    Ok((values, address))
}

/// They are sealed like data: a default value may be some.
fn seal_documents(context: &RunContext, permit: &Permit, documents: &Snapshot) -> Result<Address, RunError> {
    let text = serde_json::to_vec(documents).map_err(|error| AccessError::Plaintext(error.into()))?;
    Ok(context.engine.site.seal(permit, text.as_slice())?.address)
}

/// The objects that values name, each once.
pub(crate) fn addresses_in(values: &Values) -> Vec<Address> {
    let mut found = Vec::new();
    for value in values.values() {
        let Ok(()) = value.visit_files::<Infallible>(&mut |file| {
            if let Location::Object(address) = file.location {
                found.push(address);
            }
            Ok(())
        });
    }
    found.sort_unstable();
    found.dedup();
    found
}
