//! Looking at one task: what it is, and whether its result is there.

use std::{
    error::Error,
    fs::File as PlainFile,
    io::Read,
    sync::{Arc, PoisonError},
};

use sluis_access::{AccessError, ReadAction};
use sluis_cwl::{BoundTool, CONTENTS_LIMIT, CommandLineTool, Contents, bind_on};
use sluis_model::{Address, File, GpuKind, ImageId, ImageReference, Location, TaskKey, Value, Values};

use super::{
    Estimate, PlanError,
    walk::{Known, Place, Walk},
};
use crate::{
    account::{Material, TaskAccount},
    begin::addresses_in,
    cache,
    explain::{self, Candidate, Reason},
    prepare::with_causes,
    settings::Reuse,
    too_large::too_large,
};

/// Of how many earlier tasks an estimate is made.
const MOST_EARLIER: usize = 64;

impl Walk<'_> {
    /// Looks whether a task's result is there; gives its outputs if it is.
    pub fn command(&self, tool: &Arc<CommandLineTool>, inputs: Values, place: Place<'_>) -> Result<Known, PlanError> {
        if is_fetched(&inputs) {
            let waits = "what is fetched".to_owned();
            self.note(place.pattern, |step| {
                if !step.waits_for.contains(&waits) {
                    step.waits_for.push(waits);
                }
            });
            return Ok(None);
        }
        let offer = |count: u32, kind: &GpuKind| self.planner.gpus.of_kind(kind).count() >= count;
        let bound = match bind_on(tool, inputs, &self.planner.evaluator, &PlanContents { walk: self }, &offer) {
            Ok(bound) => bound,
            Err(error) => {
                self.problem(place.pattern, with_causes(&error));
                return Ok(None);
            }
        };
        if let Some(problem) = too_large(&bound.task, self.planner.room, &self.planner.gpus) {
            self.problem(place.pattern, problem);
            return Ok(None);
        }
        let image = match bound.task.image.as_ref().map(|image| self.image(image)).transpose() {
            Ok(image) => image,
            Err(text) => {
                self.problem(place.pattern, text);
                return Ok(None);
            }
        };
        let image = image.as_ref().map(ImageId::as_str);
        let key = self.planner.site.task_key(&bound.task.key_material(image));
        let by_step = self.settings.runs_anew(place.path);
        let looked_up = !by_step
            && match self.settings.reuse {
                Reuse::Nothing => false,
                Reuse::AsDeclared => bound.task.reuse,
                Reuse::Everything => true,
            };
        if looked_up && let Some(values) = self.find(&key)? {
            self.note(place.pattern, |step| {
                step.looked_at += 1;
                step.cached += 1;
            });
            return Ok(Some(values));
        }
        self.to_run(&bound, image, &key, looked_up, place)?;
        Ok(None)
    }

    /// Notes a task that would run; of the first of its step also why, and how earlier ones went.
    fn to_run(
        &self,
        bound: &BoundTool,
        image: Option<&str>,
        key: &TaskKey,
        looked_up: bool,
        place: Place<'_>,
    ) -> Result<(), PlanError> {
        let mut is_first = false;
        self.note(place.pattern, |step| {
            step.looked_at += 1;
            step.to_run += 1;
            is_first = step.to_run == 1;
            let asked = bound.task.resources;
            let most = step.resources.get_or_insert(asked);
            most.cores = most.cores.max(asked.cores);
            most.memory = most.memory.max(asked.memory);
            most.temporary = most.temporary.max(asked.temporary);
            most.work = most.work.max(asked.work);
            most.scratch = most.scratch.max(asked.scratch);
            most.gpus = most.gpus.max(asked.gpus);
        });
        if !is_first {
            return Ok(());
        }
        let site = &self.planner.site;
        let of = explain::Whose { workflow: self.workflow, project: self.project, before: None };
        let earlier = explain::find_earlier(&site.runs_dir(), of, place.path)?;
        let material = Material::of(&bound.task, image);
        let reason = if looked_up {
            explain::reason_to_run(site, self.project, Some(key), None, Some(&material), &earlier)?
        } else if bound.task.reuse {
            Reason::AskedFor { by_step: self.settings.runs_anew(place.path) }
        } else {
            Reason::Forbidden
        };
        let estimate = estimate(&earlier.candidates);
        self.note(place.pattern, |step| (step.reason, step.estimate) = (Some(reason), estimate));
        Ok(())
    }

    /// The outputs of an earlier task with this key, if they are all there and the project may use them; nothing counts
    /// as used by that.
    fn find(&self, key: &TaskKey) -> Result<Option<Values>, PlanError> {
        let site = &self.planner.site;
        let record = match site.task(key) {
            Ok(Some(record)) => record,
            Ok(None) | Err(AccessError::DamagedTask { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        for address in record.outputs.iter().chain([&record.result]) {
            if !site.store().contains(address).map_err(AccessError::from)? {
                return Ok(None);
            }
        }
        match self.outputs(&record.result) {
            Ok(values) => Ok(values),
            Err(AccessError::Refused(_) | AccessError::Damaged { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn outputs(&self, result: &Address) -> Result<Option<Values>, AccessError> {
        let site = &self.planner.site;
        let permit = site.permit_read(self.project, result, ReadAction::Plan)?;
        let mut text = Vec::new();
        let read = site.unseal(&permit, result)?.read_to_end(&mut text);
        read.map_err(|error| site.reading_failed(result, error))?;
        let Ok(Ok(Value::Record(mut values))) = serde_json::from_slice(&text).map(Value::from_json) else {
            return Ok(None);
        };
        TaskAccount::take_from(&mut values);
        let updated = cache::take_updated(&mut values);
        for address in addresses_in(&values).iter().chain(&addresses_in(&updated)) {
            if !site.store().contains(address)? {
                return Ok(None);
            }
        }
        // What a task changes in place, later tasks see changed: that is not followed here.
        Ok(updated.is_empty().then_some(values))
    }

    /// The content digest of an image, looked up once.
    fn image(&self, image: &ImageReference) -> Result<ImageId, String> {
        let mut known = self.images.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = known.get(image) {
            return found.clone();
        }
        let found = self.handle.block_on(self.planner.executors.container.image_id(image));
        let found = found.map_err(|error| with_causes(&error));
        known.insert(image.clone(), found.clone());
        found
    }
}

/// How earlier tasks went, the newest of them.
fn estimate(earlier: &[Candidate]) -> Option<Estimate> {
    let measured = earlier.iter().filter(|candidate| candidate.is_complete());
    let measured: Vec<_> = measured.filter_map(|candidate| candidate.summary.measured).take(MOST_EARLIER).collect();
    let tasks = measured.len() as u64;
    let sum: u64 = measured.iter().map(|measured| measured.running_ms).sum();
    Some(Estimate {
        tasks,
        mean_ms: sum.checked_div(tasks)?,
        longest_ms: measured.iter().map(|measured| measured.running_ms).max()?,
        peak_memory: measured.iter().filter_map(|measured| measured.usage.peak_memory).max(),
    })
}

/// Whether something among the inputs is yet to be fetched.
fn is_fetched(inputs: &Values) -> bool {
    let look = |file: &File| if matches!(file.location, Location::Remote(_)) { Err(()) } else { Ok(()) };
    inputs.values().any(|value| value.visit_files(&mut |file| look(file)).is_err())
}

/// Reads files for `loadContents`: plain ones from where they are, sealed ones under a permit each.
pub(super) struct PlanContents<'w, 'p> {
    pub walk: &'w Walk<'p>,
}

impl Contents for PlanContents<'_, '_> {
    fn text(&self, file: &File) -> Result<String, Box<dyn Error + Send + Sync>> {
        let address = match &file.location {
            Location::Literal(text) => return Ok(text.clone()),
            Location::Object(address) => address,
            Location::Remote(address) => return Err(format!("{address} is not fetched yet").into()),
            Location::Path(path) => return Err(format!("{} is not there", path.display()).into()),
        };
        let reader: Box<dyn Read> = match self.walk.plain.get(address) {
            Some(path) => Box::new(PlainFile::open(path)?),
            None => {
                let site = &self.walk.planner.site;
                let permit = site.permit_read(self.walk.project, address, ReadAction::Plan)?;
                Box::new(site.unseal(&permit, address)?)
            }
        };
        let mut text = String::new();
        reader.take(CONTENTS_LIMIT + 1).read_to_string(&mut text)?;
        if text.len() as u64 > CONTENTS_LIMIT {
            return Err(format!("{} has more than {CONTENTS_LIMIT} bytes", file.basename).into());
        }
        Ok(text)
    }
}
