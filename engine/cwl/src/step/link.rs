//! Links: the values of sources become one value.

use sluis_model::Value;

use super::{Lookup, StepError};
use crate::{LinkMerge, PickValue, Source};

/// Merges the values of sources (CWL v1.2, LinkMergeMethod) and picks from the result (PickValueMethod).
pub(super) fn link(
    name: &str,
    sources: &[Source],
    merge: Option<LinkMerge>,
    pick: Option<PickValue>,
    lookup: &Lookup<'_>,
) -> Result<Value, StepError> {
    let find = |source| lookup(source).ok_or_else(|| StepError::Source { name: name.to_owned() });
    let value = match (sources, merge) {
        ([], _) => Value::Null,
        ([source], None) => find(source)?,
        (sources, merge) => {
            let mut merged = Vec::with_capacity(sources.len());
            for source in sources {
                match (find(source)?, merge) {
                    (Value::Array(items), Some(LinkMerge::MergeFlattened)) => merged.extend(items),
                    (value, _) => merged.push(value),
                }
            }
            Value::Array(merged)
        }
    };
    match (value, pick) {
        (Value::Array(items), Some(pick)) => picked(name, items, pick),
        (value, _) => Ok(value),
    }
}

fn picked(name: &str, items: Vec<Value>, pick: PickValue) -> Result<Value, StepError> {
    let mut present = items.into_iter().filter(|item| !item.is_null());
    if pick == PickValue::AllNonNull {
        return Ok(Value::Array(present.collect()));
    }
    let first = present.next().ok_or_else(|| StepError::AllNull { name: name.to_owned() })?;
    if pick == PickValue::TheOnlyNonNull && present.next().is_some() {
        return Err(StepError::SeveralNonNull { name: name.to_owned() });
    }
    Ok(first)
}
