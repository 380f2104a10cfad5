//! What a run needs before its first step: its files taken in, its input object and its documents sealed.

use std::{convert::Infallible, fs, fs::File};

use jiff::Timestamp;
use sluis_access::{AccessError, Permit, TaskRequest};
use sluis_cwl::{Process, Snapshot};
use sluis_model::{Address, Labels, Location, TaskId, Values};

use crate::{
    cache,
    engine::{RunError, RunRequest},
    given, intake,
    prepare::RunContext,
    record::RunEvent,
    recorder::Recorder,
};

/// A run that has begun, or is gone on with: its journal says so.
pub(crate) struct Begun {
    pub process: Process,
    pub inputs: Values,
    pub recorder: Recorder,
}

/// Takes in what a run reads, seals its input object and its documents, and begins its journal. Blocks.
pub(crate) fn begin(context: &RunContext, request: RunRequest) -> Result<Begun, RunError> {
    let RunRequest { mut process, mut inputs, mut documents, labels, .. } = request;
    let folder = context.folder();
    fs::create_dir_all(&folder).map_err(|source| RunError::Folder { path: folder.clone(), source })?;
    let mut files = intake::take_in(&context.engine, &context.project, labels.as_ref(), &mut process, &mut inputs)?;
    documents.keep_values(&mut process);
    let permit = permit(context, "the run's input object", &addresses_in(&inputs), &Labels::default())?;
    let (sealed, sealed_inputs) = seal(context, &permit, inputs.clone())?;
    let given = given::needs_keeping(&inputs, &sealed).then(|| given::to_json(&inputs));
    let given = given.map(|text| seal_text(context, &permit, text)).transpose()?;
    let documents = seal_documents(context, &permit, &documents)?;
    files.extend(addresses_in(&sealed));
    files.sort_unstable();
    files.dedup();
    let started = RunEvent::RunStarted {
        run: context.run.clone(),
        workflow: request.workflow,
        project: context.project.clone(),
        self_issued: context.engine.site.is_personal(),
        inputs: sealed_inputs,
        given,
        documents: Some(documents),
        files,
        settings: context.settings.clone(),
        engine: context.engine.scratch.engine_id().to_owned(),
        at: Timestamp::now(),
    };
    let recorder = Recorder::begin(&folder, started, request.listener)?;
    Ok(Begun { process, inputs, recorder })
}

/// Goes on with a run that was interrupted and whose lock was taken. Blocks.
pub(crate) fn resume(context: &RunContext, lock: File, request: RunRequest) -> Result<Begun, RunError> {
    let RunRequest { mut process, mut inputs, .. } = request;
    // They are sealed already; from here on they count as used again.
    intake::take_in(&context.engine, &context.project, None, &mut process, &mut inputs)?;
    context.engine.scratch.take_over(&context.run).map_err(|error| RunError::Left(Box::new(error)))?;
    let engine = context.engine.scratch.engine_id().to_owned();
    let resumed = RunEvent::RunResumed { engine, at: Timestamp::now() };
    let recorder = Recorder::resume(&context.folder(), lock, resumed, request.listener)?;
    Ok(Begun { process, inputs, recorder })
}

/// Seals the literals of a run's output object, and the object itself, with these labels and those of the `others` of the
/// objects that it names.
pub(crate) fn seal_object(
    context: &RunContext,
    name: &str,
    values: Values,
    others: &[Address],
    labels: &Labels,
) -> Result<(Values, Address), RunError> {
    seal(context, &permit(context, name, others, labels)?, values)
}

fn permit(context: &RunContext, name: &str, inputs: &[Address], labels: &Labels) -> Result<Permit, AccessError> {
    let site = &context.engine.site;
    site.permit_task(&TaskRequest {
        run: &context.run,
        task: TaskId(0),
        tool: name,
        project: &context.project,
        inputs,
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
    seal_text(context, permit, serde_json::to_vec(documents))
}

fn seal_text(
    context: &RunContext,
    permit: &Permit,
    text: Result<Vec<u8>, serde_json::Error>,
) -> Result<Address, RunError> {
    let text = text.map_err(|error| AccessError::Plaintext(error.into()))?;
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
