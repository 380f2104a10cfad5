//! The task cache: finding an earlier result and keeping a new one.

use std::{io::Read, iter};

use jiff::Timestamp;
use sluis_access::{AccessError, Permit, ReadAction, TaskRecord};
use sluis_model::{Address, File, Location, TaskId, TaskKey, Value, Values};
use sluis_worker::Finished;

use crate::{
    account::TaskAccount,
    begin::addresses_in,
    frames::Labelled,
    prepare::{Done, JobFailure, RunContext, ToRun},
    resume::Completed,
};

/// Under this name, which no output has, the inputs that a command changed in place are sealed with its outputs.
pub(crate) const UPDATED: &str = "\0updated";

/// What an earlier task with this key gave, if it is all there and this project may use it.
///
/// A refusal counts as "not there": the task is then run, so that a hit tells nobody of data beyond their reach.
pub(crate) fn find(context: &RunContext, key: &TaskKey) -> Result<Option<Done>, JobFailure> {
    match record_of(context, key)? {
        Some(record) => from_record(context, &record),
        None => Ok(None),
    }
}

/// What this run itself has made at a step before it was interrupted, also where no earlier result may be used: as its
/// journal tells, or, if it was killed just before it could be written there, the task's record.
pub(crate) fn find_own(
    context: &RunContext,
    completed: Option<&Completed>,
    step: &str,
    key: &TaskKey,
) -> Result<Option<Done>, JobFailure> {
    if let Some(completed) = completed.filter(|completed| completed.key == *key)
        && let Some(done) = from_result(context, completed.result, &[])?
    {
        return Ok(Some(done));
    }
    match record_of(context, key)? {
        Some(record) if record.run == context.run && record.step == step => from_record(context, &record),
        _ => Ok(None),
    }
}

fn record_of(context: &RunContext, key: &TaskKey) -> Result<Option<TaskRecord>, JobFailure> {
    match context.engine.site.task(key) {
        Err(AccessError::DamagedTask { .. }) => Ok(None),
        outcome => Ok(outcome?),
    }
}

fn from_record(context: &RunContext, record: &TaskRecord) -> Result<Option<Done>, JobFailure> {
    let store = context.engine.site.store();
    // From here on a garbage collection leaves them: the run refers to them from now on.
    let kept = record.outputs.iter().map(|address| store.touch(address));
    for is_kept in kept.chain(iter::once_with(|| store.touch_task(&record.key))) {
        if !is_kept.map_err(AccessError::from)? {
            return Ok(None);
        }
    }
    from_result(context, record.result, &record.outputs)
}

/// What a sealed output object holds, if it and its files are all there and may be used; of those in `touched` that is
/// known.
fn from_result(context: &RunContext, result: Address, touched: &[Address]) -> Result<Option<Done>, JobFailure> {
    let site = &context.engine.site;
    if !site.store().touch(&result).map_err(AccessError::from)? {
        return Ok(None);
    }
    let permit = match site.permit_read(&context.project, &result, ReadAction::CachedResult) {
        Ok(permit) => permit,
        Err(AccessError::Refused(_) | AccessError::Damaged { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let mut values = match unseal_values(context, &permit, &result) {
        Ok(values) => values,
        Err(AccessError::Damaged { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let updated = take_updated(&mut values);
    let named = [addresses_in(&values), addresses_in(&updated)].concat();
    for address in named.iter().filter(|address| !touched.contains(address)) {
        if !site.store().touch(address).map_err(AccessError::from)? {
            return Ok(None);
        }
    }
    let outputs = Labelled { values, labels: permit.labels().clone() };
    Ok(Some(Done { outputs, updated, result: Some(result) }))
}

/// Takes the inputs that were changed in place out of the values among which they are sealed.
pub(crate) fn take_updated(values: &mut Values) -> Values {
    match values.shift_remove(UPDATED) {
        Some(Value::Record(updated)) => updated,
        _ => Values::new(),
    }
}

fn unseal_values(context: &RunContext, permit: &Permit, address: &Address) -> Result<Values, AccessError> {
    let mut text = Vec::new();
    let site = &context.engine.site;
    let read = site.unseal(permit, address)?.read_to_end(&mut text);
    read.map_err(|error| site.reading_failed(address, error))?;
    let damaged = || AccessError::Damaged { address: *address, part: "the output object it holds".to_owned() };
    match serde_json::from_slice(&text).map(Value::from_json) {
        Ok(Ok(Value::Record(mut values))) => {
            TaskAccount::take_from(&mut values);
            Ok(values)
        }
        _ => Err(damaged()),
    }
}

/// Seals the output object and writes the task's cache entry, in this order; gives the output object's address.
pub(crate) fn keep(
    context: &RunContext,
    to_run: &ToRun,
    task: TaskId,
    finished: &Finished,
    values: &Values,
) -> Result<Address, JobFailure> {
    let site = &context.engine.site;
    let result = seal_values(context, &to_run.permit, &to_run.account(None).beside(values))?;
    site.put_task(
        &to_run.permit,
        &TaskRecord {
            version: TaskRecord::VERSION,
            key: to_run.key,
            tasks: 1,
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
    Ok(result)
}

/// Seals values as JSON.
pub(crate) fn seal_values(context: &RunContext, permit: &Permit, values: &Values) -> Result<Address, AccessError> {
    let text = serde_json::to_vec(values).map_err(|error| AccessError::Plaintext(error.into()))?;
    Ok(context.engine.site.seal(permit, &*text)?.address)
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
