//! Who uses how much of the store.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use sluis_access::Site;
use sluis_model::Address;
use sluis_store::{Inventory, Leftover, StoredParts};

use crate::{
    UpkeepError,
    needs::{RunNeeds, TaskRecords},
};

/// By what the usage is told apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Grouping {
    /// By the project on whose behalf runs use objects.
    Project,
    /// By the datasets in the objects' labels.
    Dataset,
    /// By run.
    Run,
}

/// A number of objects and their bytes as they are stored.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize)]
pub struct Share {
    /// How many.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Share {
    fn add(&mut self, bytes: u64) {
        self.objects += 1;
        self.bytes += bytes;
    }

    fn of<'a>(parts: impl IntoIterator<Item = &'a StoredParts>) -> Self {
        let mut share = Self::default();
        parts.into_iter().for_each(|parts| share.add(parts.size));
        share
    }
}

/// What one project, dataset or run uses.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize)]
pub struct GroupUsage {
    /// Its name.
    pub name: String,
    /// What it alone uses.
    pub unique: Share,
    /// What others use, too.
    pub shared: Share,
}

/// What is in a store.
#[derive(Clone, Default, Debug, Serialize)]
pub struct Usage {
    /// All objects.
    pub objects: Share,
    /// The task entries.
    pub tasks: Share,
    /// Parts of objects that were set aside as damaged.
    pub damaged: Share,
    /// Blobs that belong to no object.
    pub orphaned: Share,
    /// Everything together, in bytes.
    pub total: u64,
    /// What each group uses, by name; empty without a grouping.
    pub groups: Vec<GroupUsage>,
    /// Objects that no group uses.
    pub ungrouped: Share,
}

/// Counts what is in the store, by one walk through it.
///
/// # Errors
/// If the caller may not see it, or the store, or for a grouping the runs, cannot be read.
pub fn usage(site: &Site, by: Option<Grouping>) -> Result<Usage, UpkeepError> {
    site.permit_survey()?;
    let inventory = site.store().inventory()?;
    let remnants = |is_damaged: bool| {
        let mut share = Share::default();
        let chosen = inventory.remnants.iter().filter(|one| (one.kind == Leftover::Damaged) == is_damaged);
        chosen.for_each(|one| share.add(one.blob.size));
        share
    };
    let mut usage = Usage {
        objects: Share::of(inventory.objects.values()),
        tasks: Share::of(inventory.tasks.values()),
        damaged: remnants(true),
        orphaned: remnants(false),
        ..Usage::default()
    };
    usage.total = [usage.objects, usage.tasks, usage.damaged, usage.orphaned].iter().map(|share| share.bytes).sum();
    if let Some(by) = by {
        share_out(&mut usage, &inventory, &groups(site, &inventory, by)?);
    }
    Ok(usage)
}

/// The objects of each group.
fn groups(
    site: &Site,
    inventory: &Inventory,
    by: Grouping,
) -> Result<BTreeMap<String, BTreeSet<Address>>, UpkeepError> {
    let mut groups: BTreeMap<String, BTreeSet<Address>> = BTreeMap::new();
    if by == Grouping::Dataset {
        for address in inventory.objects.keys() {
            for dataset in site.datasets_of(address)? {
                groups.entry(dataset.to_string()).or_default().insert(*address);
            }
        }
        return Ok(groups);
    }
    let tasks = TaskRecords::read(site)?;
    for needs in RunNeeds::read_all(site)? {
        let name = if by == Grouping::Run { needs.run.run.to_string() } else { needs.run.project.to_string() };
        groups.entry(name).or_default().extend(needs.objects(&tasks));
    }
    Ok(groups)
}

fn share_out(usage: &mut Usage, inventory: &Inventory, groups: &BTreeMap<String, BTreeSet<Address>>) {
    let mut users: BTreeMap<&Address, u32> = BTreeMap::new();
    for address in groups.values().flatten() {
        *users.entry(address).or_default() += 1;
    }
    for (address, parts) in &inventory.objects {
        if !users.contains_key(address) {
            usage.ungrouped.add(parts.size);
        }
    }
    for (name, addresses) in groups {
        let mut group = GroupUsage { name: name.clone(), ..GroupUsage::default() };
        for address in addresses {
            let Some(parts) = inventory.objects.get(address) else { continue };
            let is_shared = users.get(address).is_some_and(|users| *users > 1);
            let share = if is_shared { &mut group.shared } else { &mut group.unique };
            share.add(parts.size);
        }
        usage.groups.push(group);
    }
}
