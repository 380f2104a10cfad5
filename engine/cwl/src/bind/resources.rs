//! What a task is given of the machine (CWL v1.2, ResourceRequirement), and the `runtime` object.

use std::time::Duration;

use sluis_model::{GpuKind, Mebibytes, MilliCores, Resources, TEMPORARY_ROOT, Value, Values, WORK_ROOT};

use super::{BindError, Offer};
use crate::{Amount, Condition, Requirements, expression::Session, expression::wrong_type};

const RESOURCES: &str = "ResourceRequirement";
const CUDA: &str = "CUDARequirement";

/// The tool's resources: of each, the least that it asks for, or the most if it names only that, or the default.
pub(super) fn resources(requirements: &Requirements, session: &Session<'_>) -> Result<Resources, BindError> {
    let asked = &requirements.resources;
    let default = Resources::default();
    let cores = amount(RESOURCES, "cores", asked.cores_min.as_ref(), asked.cores_max.as_ref(), session)?;
    let mebibytes = |name, least: &Option<Amount>, most: &Option<Amount>| {
        let amount = amount(RESOURCES, name, least.as_ref(), most.as_ref(), session)?;
        Ok::<_, BindError>(amount.map(|amount| Mebibytes(whole(amount))))
    };
    let temporary = mebibytes("tmpdir", &asked.tmpdir_min, &asked.tmpdir_max)?;
    let work = mebibytes("outdir", &asked.outdir_min, &asked.outdir_max)?;
    let scratch = [temporary, work].into_iter().flatten().fold(0_u64, |sum, part| sum.saturating_add(part.0));
    Ok(Resources {
        cores: cores.map_or(default.cores, |cores| MilliCores(whole(cores * 1000.0))),
        memory: mebibytes("ram", &asked.ram_min, &asked.ram_max)?.unwrap_or(default.memory),
        temporary: temporary.unwrap_or(default.temporary),
        work: work.unwrap_or(default.work),
        scratch: Mebibytes(scratch),
        gpus: default.gpus,
    })
}

/// How many GPUs the tool is given, and of what kind: the least that it asks for, or the most if it names only that, or
/// one. `None` if it does not speak of GPUs; none of them if a hint asks for what is not on offer.
pub(super) fn gpus(
    requirements: &Requirements,
    session: &Session<'_>,
    offer: Offer<'_>,
) -> Result<Option<(u32, GpuKind)>, BindError> {
    let Some(cuda) = &requirements.cuda else { return Ok(None) };
    let count = amount(CUDA, "cudaDeviceCount", cuda.count_min.as_ref(), cuda.count_max.as_ref(), session)?;
    let count = count.map_or(1, |count| u32::try_from(whole(count)).unwrap_or(u32::MAX));
    let is_given = cuda.required || offer(count, &cuda.kind);
    Ok(Some((if is_given { count } else { 0 }, cuda.kind.clone())))
}

/// Rounded up; the conversion takes what does not fit as the largest number.
fn whole(amount: f64) -> u64 {
    amount.ceil() as u64
}

fn amount(
    class: &'static str,
    name: &'static str,
    least: Option<&Amount>,
    most: Option<&Amount>,
    session: &Session<'_>,
) -> Result<Option<f64>, BindError> {
    let least = least.map(|least| number(class, name, "Min", least, session)).transpose()?.flatten();
    let most = most.map(|most| number(class, name, "Max", most, session)).transpose()?.flatten();
    match (least, most) {
        (Some(least), Some(most)) if least > most => Err(BindError::Resources { class, name, least, most }),
        (least, most) => Ok(least.or(most)),
    }
}

fn number(
    class: &str,
    name: &str,
    bound: &str,
    amount: &Amount,
    session: &Session<'_>,
) -> Result<Option<f64>, BindError> {
    let place = format!("{class}.{name}{bound}");
    let number = evaluated(amount, &place, session)?;
    match number {
        Some(number) if !(number.is_finite() && number >= 0.0) => Err(BindError::Negative { place, number }),
        number => Ok(number),
    }
}

fn evaluated(amount: &Amount, place: &str, session: &Session<'_>) -> Result<Option<f64>, BindError> {
    match amount {
        Amount::Number(number) => Ok(Some(*number)),
        Amount::Expression(expression) => match session.evaluate(expression, &Value::Null, place)? {
            Value::Null => Ok(None),
            Value::Integer(number) => Ok(Some(number as f64)),
            Value::Float(number) => Ok(Some(number)),
            other => Err(wrong_type(expression, place, "a number", &other).into()),
        },
    }
}

/// The tool's time limit (CWL v1.2, ToolTimeLimit); zero means none.
pub(super) fn time_limit(requirements: &Requirements, session: &Session<'_>) -> Result<Option<Duration>, BindError> {
    let Some(amount) = &requirements.time_limit else { return Ok(None) };
    let place = "ToolTimeLimit.timelimit";
    let Some(seconds) = evaluated(amount, place, session)? else { return Ok(None) };
    if seconds == 0.0 {
        return Ok(None);
    }
    let limit = Duration::try_from_secs_f64(seconds);
    limit.map(Some).map_err(|_| BindError::Negative { place: place.to_owned(), number: seconds })
}

/// A boolean requirement; `default` if the tool does not have it.
pub(super) fn condition(
    condition: Option<&Condition>,
    place: &str,
    default: bool,
    session: &Session<'_>,
) -> Result<bool, BindError> {
    match condition {
        None => Ok(default),
        Some(Condition::Fixed(value)) => Ok(*value),
        Some(Condition::Expression(expression)) => match session.evaluate(expression, &Value::Null, place)? {
            Value::Boolean(value) => Ok(value),
            other => Err(wrong_type(expression, place, "a boolean", &other).into()),
        },
    }
}

/// The `runtime` object (CWL v1.2, Runtime environment). As in cwltool, it tells the number of GPUs to tools that speak of
/// GPUs, and to no others.
pub(crate) fn runtime(resources: &Resources, tells_gpus: bool, work_directory: Option<&str>) -> Value {
    let number = |number: u64| Value::Integer(i64::try_from(number).unwrap_or(i64::MAX));
    let fields = [
        ("outdir", Value::String(work_directory.unwrap_or(WORK_ROOT).to_owned())),
        ("tmpdir", Value::String(TEMPORARY_ROOT.to_owned())),
        ("cores", number(resources.cores.0.div_ceil(1000))),
        ("ram", number(resources.memory.0)),
        ("outdirSize", number(resources.work.0)),
        ("tmpdirSize", number(resources.temporary.0)),
    ];
    let gpus = tells_gpus.then(|| ("cudaDeviceCount", number(resources.gpus.into())));
    Value::Record(fields.into_iter().chain(gpus).map(|(name, value)| (name.to_owned(), value)).collect::<Values>())
}
