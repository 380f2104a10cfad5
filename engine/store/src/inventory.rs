//! What lies in the store, found by one walk: objects with all their parts, task entries, and what belongs to nothing.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::SystemTime,
};

use sluis_model::{Address, TaskKey};

use crate::{
    BodyId, Store, StoreError,
    backend::{Listed, Name},
    layout, object,
};

/// The sizes and ages of everything in a store.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    /// The objects.
    pub objects: BTreeMap<Address, StoredParts>,
    /// The task entries.
    pub tasks: BTreeMap<TaskKey, StoredParts>,
    /// What belongs to no object.
    pub remnants: Vec<Remnant>,
    /// Objects whose record names no body.
    pub unreadable: Vec<Address>,
}

/// What lies at one address or task key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StoredParts {
    /// Bytes as they are stored, all parts together.
    pub size: u64,
    /// When any of its parts was last written or freshened.
    pub modified: SystemTime,
}

/// A blob that belongs to no object.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Remnant {
    /// What it is left over of.
    pub kind: Leftover,
    /// The blob.
    pub blob: Listed,
}

/// What a blob is left over of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Leftover {
    /// A body that no record names.
    Body,
    /// A header packet whose body is not there.
    Packet,
    /// A label set of a body that its object has no more.
    Labels,
    /// A part of an object that was found damaged and set aside.
    Damaged,
}

impl StoredParts {
    fn add(&mut self, blob: &Listed) {
        self.size += blob.size;
        self.modified = self.modified.max(blob.modified);
    }
}

impl From<&Listed> for StoredParts {
    fn from(blob: &Listed) -> Self {
        Self { size: blob.size, modified: blob.modified }
    }
}

impl Store {
    /// Everything in the store.
    ///
    /// # Errors
    /// If it cannot be listed or a record cannot be read.
    pub fn inventory(&self) -> Result<Inventory, StoreError> {
        let mut inventory = Inventory::default();
        let mut owners: HashMap<BodyId, Address> = HashMap::new();
        let mut label_sets = Vec::new();
        for listed in self.backend.list(layout::OBJECTS)? {
            let blob = listed?;
            if let Some(address) = layout::address_of_record(&blob.name) {
                let Some(record) = self.backend.read(&blob.name)? else { continue };
                match object::split_record(&record) {
                    Some((body, _)) => drop(owners.insert(body, address)),
                    None => inventory.unreadable.push(address),
                }
                inventory.objects.insert(address, (&blob).into());
            } else if let Some(body) = layout::body_of_labels(&blob.name) {
                label_sets.push((body, blob));
            }
        }
        for (body, blob) in label_sets {
            let address = layout::address_of_folder(layout::folder(&blob.name));
            inventory.sort_in(owners.get(&body).filter(|owner| Some(**owner) == address), Leftover::Labels, blob);
        }
        let mut bodies = BTreeSet::new();
        for listed in self.backend.list(layout::BODIES)? {
            let blob = listed?;
            let Some(body) = layout::id_of_body(&blob.name) else { continue };
            bodies.insert(body);
            inventory.sort_in(owners.get(&body), Leftover::Body, blob);
        }
        for listed in self.backend.list(layout::PACKETS)? {
            let blob = listed?;
            let Some((body, _)) = layout::recipient_of_packet(&blob.name) else { continue };
            let kind = if bodies.contains(&body) { Leftover::Body } else { Leftover::Packet };
            inventory.sort_in(owners.get(&body), kind, blob);
        }
        for listed in self.backend.list(layout::DAMAGED)? {
            inventory.remnants.push(Remnant { kind: Leftover::Damaged, blob: listed? });
        }
        for listed in self.backend.list(layout::TASKS)? {
            let blob = listed?;
            inventory.tasks.extend(layout::key_of_task(&blob.name).map(|key| (key, (&blob).into())));
        }
        Ok(inventory)
    }

    /// The addresses of the objects that were set aside as damaged, also if they were put again since.
    ///
    /// # Errors
    /// If they cannot be listed.
    pub fn set_aside_addresses(&self) -> Result<BTreeSet<Address>, StoreError> {
        let address = |listed: Result<Listed, StoreError>| {
            listed.map(|listed| layout::address_of_folder(layout::folder(&listed.name))).transpose()
        };
        self.backend.list(layout::DAMAGED)?.filter_map(address).collect()
    }

    /// The bytes of all blobs together.
    ///
    /// # Errors
    /// If they cannot be listed.
    pub fn size(&self) -> Result<u64, StoreError> {
        let kinds = [layout::OBJECTS, layout::BODIES, layout::PACKETS, layout::TASKS, layout::DAMAGED, layout::PINS];
        let mut size = 0;
        for kind in kinds {
            for listed in self.backend.list(kind)? {
                size += listed?.size;
            }
        }
        Ok(size)
    }
}

impl Inventory {
    /// Adds a blob to the object that owns it, or to what belongs to none.
    fn sort_in(&mut self, owner: Option<&Address>, kind: Leftover, blob: Listed) {
        match owner.and_then(|owner| self.objects.get_mut(owner)) {
            Some(object) => object.add(&blob),
            None => self.remnants.push(Remnant { kind, blob }),
        }
    }

    /// The names of the remnants that `choose` wants.
    pub fn remnants_where(&self, choose: impl Fn(&Remnant) -> bool) -> Vec<Name> {
        self.remnants.iter().filter(|remnant| choose(remnant)).map(|remnant| remnant.blob.name.clone()).collect()
    }
}
