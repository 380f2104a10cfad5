//! The task cache: finding an earlier result and keeping a new one.

use std::{io::Read, iter};

use jiff::Timestamp;
use sluis_access::{AccessError, Permit, ReadAction, TaskRecord};
use sluis_model::{Address, File, Location, TaskId, TaskKey, Value, Values};
use sluis_worker::Finished;

use crate::{
    frames::Labelled,
    prepare::{JobFailure, RunContext, ToRun},
};

/// The outputs of an earlier task with this key, if they are all there and this project may use them.
///
/// A refusal counts as "not there": the task is then run, so that a hit tells nobody of data beyond their reach.
pub(crate) fn find(context: &RunContext, key: &TaskKey) -> Result<Option<Labelled>, JobFailure> {
    let site = &context.engine.site;
    let record = match site.task(key) {
        Ok(Some(record)) => record,
        Ok(None) | Err(AccessError::DamagedTask { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    // From here on a garbage collection leaves them: the run refers to them from now on.
    let kept = record.outputs.iter().chain([&record.result]).map(|address| site.store().touch(address));
    for is_kept in kept.chain(iter::once_with(|| site.store().touch_task(key))) {
        if !is_kept.map_err(AccessError::from)? {
            return Ok(None);
        }
    }
    let permit = match site.permit_read(&context.project, &record.result, ReadAction::CachedResult) {
        Ok(permit) => permit,
        Err(AccessError::Refused(_) | AccessError::Damaged { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let values = match unseal_values(context, &permit, &record.result) {
        Ok(values) => values,
        Err(AccessError::Damaged { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    Ok(Some(Labelled { values, labels: permit.labels().clone() }))
}

fn unseal_values(context: &RunContext, permit: &Permit, address: &Address) -> Result<Values, AccessError> {
    let mut text = Vec::new();
    let site = &context.engine.site;
    let read = site.unseal(permit, address)?.read_to_end(&mut text);
    read.map_err(|error| site.reading_failed(address, error))?;
    let damaged = || AccessError::Damaged { address: *address, part: "the output object it holds".to_owned() };
    match serde_json::from_slice(&text).map(Value::from_json) {
        Ok(Ok(Value::Record(values))) => Ok(values),
        _ => Err(damaged()),
    }
}

/// Seals the output object and writes the task's cache entry, in this order; gives back the outputs.
pub(crate) fn keep(
    context: &RunContext,
    to_run: &ToRun,
    task: TaskId,
    finished: &Finished,
    values: &Values,
) -> Result<(), JobFailure> {
    let site = &context.engine.site;
    let result = seal_values(context, &to_run.permit, values)?;
    site.put_task(
        &to_run.permit,
        &TaskRecord {
            version: TaskRecord::VERSION,
            key: to_run.key,
            tool: to_run.bound.task.tool.clone(),
            step: to_run.step.clone(),
            run: context.run.clone(),
            task,
            image: to_run.image.clone(),
            region: site.region(),
            executor: context.engine.executor_of(&to_run.bound.task).name().to_owned(),
            inputs: to_run.bound.task.inputs(),
            outputs: finished.objects.clone(),
            result,
            log: finished.log,
            exit_code: 0,
            started: timestamp(finished.started),
            ended: timestamp(finished.ended),
        },
    )?;
    Ok(())
}

/// Seals values as JSON.
pub(crate) fn seal_values(context: &RunContext, permit: &Permit, values: &Values) -> Result<Address, AccessError> {
    let text = Value::Record(values.clone()).to_json().to_string();
    Ok(context.engine.site.seal(permit, text.as_bytes())?.address)
}

/// Seals every literal file that an expression made, so that the values can leave the run.
pub(crate) fn seal_literals(context: &RunContext, permit: &Permit, values: &mut Values) -> Result<(), AccessError> {
    let mut seal = |file: &mut File| {
        file.path = None;
        if let Location::Literal(text) = &file.location {
            let sealed = context.engine.site.seal(permit, text.as_bytes())?;
            file.location = Location::Object(sealed.address);
            file.size = Some(sealed.size);
        }
        Ok(())
    };
    values.values_mut().try_for_each(|value| value.visit_files_mut(&mut seal))
}

/// A system time as a timestamp; the Unix epoch if it is out of range.
fn timestamp(time: std::time::SystemTime) -> Timestamp {
    Timestamp::try_from(time).unwrap_or(Timestamp::UNIX_EPOCH)
}
