//! Scatter: one step, many jobs (CWL v1.2, ScatterMethod).

use sluis_model::{Value, Values};

use super::{StepError, items_of};
use crate::{Scatter, ScatterMethod};

/// The jobs of a step and the shape into which their outputs are put.
#[derive(Clone, PartialEq, Debug)]
pub struct Scattered {
    /// How the outputs of the jobs become the outputs of the step.
    pub shape: Shape,
    /// The inputs of each job, in order.
    pub jobs: Vec<Values>,
}

/// How the outputs of a step's jobs are arranged.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Shape {
    /// There is one job; its outputs are the step's.
    Single,
    /// Arrays within arrays, with these lengths from the outside in.
    Nested(Vec<usize>),
}

/// Splits the inputs of a step into those of its jobs.
pub(super) fn scatter(scatter: Option<&Scatter>, mut inputs: Values) -> Result<Scattered, StepError> {
    let Some(scatter) = scatter else {
        return Ok(Scattered { shape: Shape::Single, jobs: vec![inputs] });
    };
    let mut arrays = Vec::with_capacity(scatter.inputs.len());
    for name in &scatter.inputs {
        arrays.push((name.as_str(), items_of(name, inputs.insert(name.clone(), Value::Null))?));
    }
    match scatter.method {
        ScatterMethod::Dotproduct => dot_product(&inputs, arrays),
        ScatterMethod::NestedCrossproduct => cross_product(&inputs, &arrays, true),
        ScatterMethod::FlatCrossproduct => cross_product(&inputs, &arrays, false),
    }
}

fn dot_product(inputs: &Values, arrays: Vec<(&str, Vec<Value>)>) -> Result<Scattered, StepError> {
    let (first, length) = arrays.first().map_or(("", 0), |(name, items)| (*name, items.len()));
    if let Some((other, items)) = arrays.iter().find(|(_, items)| items.len() != length) {
        return Err(StepError::Lengths {
            first: first.to_owned(),
            first_length: length,
            other: (*other).to_owned(),
            other_length: items.len(),
        });
    }
    let mut jobs = vec![inputs.clone(); length];
    for (name, items) in arrays {
        for (job, item) in jobs.iter_mut().zip(items) {
            job.insert(name.to_owned(), item);
        }
    }
    Ok(Scattered { shape: Shape::Nested(vec![length]), jobs })
}

/// Every combination; the last input changes fastest.
fn cross_product(inputs: &Values, arrays: &[(&str, Vec<Value>)], nested: bool) -> Result<Scattered, StepError> {
    let lengths: Vec<_> = arrays.iter().map(|(_, items)| items.len()).collect();
    let total = lengths.iter().try_fold(1_usize, |total, length| total.checked_mul(*length));
    // More jobs than have numbers could never be run.
    let total = total.filter(|total| u32::try_from(*total).is_ok()).ok_or(StepError::TooMany)?;
    let mut jobs = Vec::with_capacity(total);
    for number in 0..total {
        let mut job = inputs.clone();
        let mut rest = number;
        for (name, items) in arrays.iter().rev() {
            job.insert((*name).to_owned(), items[rest % items.len()].clone());
            rest /= items.len();
        }
        jobs.push(job);
    }
    let shape = if nested { Shape::Nested(lengths) } else { Shape::Nested(vec![total]) };
    Ok(Scattered { shape, jobs })
}

impl Shape {
    /// The outputs of the step, put together from those of its jobs in order. A skipped job (`None`) and an output that
    /// a job did not give count as null.
    pub fn gather(&self, outputs: &[String], jobs: Vec<Option<Values>>) -> Values {
        let mut jobs: Vec<_> = jobs.into_iter().map(Option::unwrap_or_default).collect();
        let gathered = outputs.iter().map(|name| {
            let mut values = jobs.iter_mut().map(|job| job.insert(name.clone(), Value::Null).unwrap_or_default());
            let value = match self {
                Self::Single => values.next().unwrap_or_default(),
                Self::Nested(lengths) => arrange(lengths, &mut values),
            };
            (name.clone(), value)
        });
        gathered.collect()
    }
}

fn arrange(lengths: &[usize], values: &mut dyn Iterator<Item = Value>) -> Value {
    match lengths.split_first() {
        None => values.next().unwrap_or_default(),
        Some((length, rest)) => Value::Array((0..*length).map(|_| arrange(rest, values)).collect()),
    }
}
