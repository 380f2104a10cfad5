//! Aggregates: outputs of a kind of which the committee said beforehand that they leave without a look at each, as long
//! as they are made of enough subjects' data, and little leaves so. That follows from labels and sizes; a workflow cannot
//! say it, and who asks cannot either.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use sluis_model::Address;
use sluis_policy::Aggregate;

use super::{ExportRequest, ExportState, LONGEST};
use crate::{AccessError, Site};

impl ExportRequest {
    /// Whether it was made so recently that what it names may still leave as an aggregate.
    pub(super) fn is_recent(&self, now: Timestamp) -> bool {
        now.duration_since(self.at) < SignedDuration::from_hours(24 * i64::from(LONGEST))
    }
}

impl Site {
    /// What the objects of a request are as aggregates; `None` if outputs of this kind leave by an approval alone.
    ///
    /// # Errors
    /// If the registry, the requests or the store cannot be read.
    pub fn aggregate_of(&self, request: &ExportRequest) -> Result<Option<Aggregate>, AccessError> {
        let registry = self.registry()?;
        let allowed = registry.projects.get(&request.project).map(|project| &*project.allowed_outputs);
        let mut allowed = allowed.unwrap_or_default().iter();
        let rule = allowed.find(|one| one.name == request.output).and_then(|one| one.aggregate.as_ref());
        let Some(rule) = rule.filter(|_| !self.is_personal()) else { return Ok(None) };
        let mut subjects = None;
        for address in &request.objects {
            subjects = Some(self.fewest_subjects(address)?.min(subjects.unwrap_or(usize::MAX)));
        }
        Ok(Some(Aggregate {
            subjects: subjects.map_or(0, |count| u32::try_from(count).unwrap_or(u32::MAX)),
            at_least: rule.subjects,
            bytes: self.bytes_of_aggregates(request)?,
            at_most: rule.bytes,
        }))
    }

    /// Of how many subjects an object is at least: of as many as the smallest of its label sets names.
    fn fewest_subjects(&self, address: &Address) -> Result<usize, AccessError> {
        let sets = self.label_sets(&self.stored(address)?)?;
        Ok(sets.iter().map(|set| set.subjects.len()).min().unwrap_or(0))
    }

    /// How many bytes would leave with this request and all others of its kind that nobody decided about and that are
    /// recent: else much could leave in many small parts. What is not in the store any more cannot leave.
    fn bytes_of_aggregates(&self, request: &ExportRequest) -> Result<u64, AccessError> {
        let now = Timestamp::now();
        let is_of_kind = |other: &ExportRequest| {
            let is_same = other.project == request.project && other.output == request.output;
            is_same && other.state == ExportState::Asked && other.is_recent(now)
        };
        let others = self.export_requests()?;
        let others = others.iter().filter(|other| is_of_kind(other)).flat_map(|other| &other.objects);
        let objects: BTreeSet<_> = others.chain(&request.objects).collect();
        let mut bytes = 0_u64;
        for address in objects {
            if self.store().contains(address)? {
                bytes = bytes.saturating_add(self.size(address)?);
            }
        }
        Ok(bytes)
    }
}
