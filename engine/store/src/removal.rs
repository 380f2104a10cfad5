//! Removing what nobody needs, while others may just begin to need it; `docs/store-layout.md` tells the protocol.
//!
//! No backend has to delete on a condition. Who begins to use an object freshens one of its label sets, then confirms
//! that its record is there. Who removes it deletes the record, then looks at the label sets. Whichever order the two
//! come in, one of them sees the other. Task entries have no label sets: there, who uses an entry that is being removed
//! says so in the note of the removal.
//!
//! Two removals at the same time are not safe from each other: whoever calls these functions holds a lock.

use std::time::SystemTime;

use sluis_model::{Address, TaskKey};

use crate::{
    BodyId, Store, StoreError,
    backend::{Backend, Content, Listed, Mode, Name, NewBlob, Put},
    layout::{self, Doomed},
    object,
};

/// How the note of a removal begins: it may still be taken back, it goes on in any case, or somebody needs the entry.
const UNDECIDED: &[u8] = b"undecided\n";
const DECIDED: &[u8] = b"decided\n";
const USED: &[u8] = b"used\n";

/// What became of objects or task entries that were to be removed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settled<T> {
    /// They are gone.
    pub removed: Vec<T>,
    /// They stay: somebody has begun to use them.
    pub kept: Vec<T>,
}

impl<T> Default for Settled<T> {
    fn default() -> Self {
        Self { removed: Vec::new(), kept: Vec::new() }
    }
}

/// An object that is being removed, with its record as it was kept.
struct Going {
    address: Address,
    body: BodyId,
    record: Vec<u8>,
}

/// The record of an object that is being removed, if it may still stay.
pub(crate) fn undecided(backend: &dyn Backend, address: &Address) -> Result<Option<Vec<u8>>, StoreError> {
    let note = backend.read(&layout::doomed(address))?;
    Ok(note.and_then(|note| note.strip_prefix(UNDECIDED).map(<[u8]>::to_vec)))
}

impl Store {
    /// Removes objects of which nothing was written or used at or after `since`; others are passed over.
    ///
    /// # Errors
    /// If the store cannot be read or written. What was begun is settled by the next [`Store::settle_objects`] or [`Store::settle_tasks`].
    pub fn remove_objects(&self, addresses: &[Address], since: SystemTime) -> Result<Settled<Address>, StoreError> {
        let mut going = Vec::new();
        for address in addresses {
            going.extend(self.examine(address, since)?);
        }
        self.note_all(going.iter().map(|one| (layout::doomed(&one.address), UNDECIDED, &*one.record)))?;
        let records: Vec<_> = going.iter().map(|one| layout::record(&one.address)).collect();
        self.backend.delete(&records)?;
        self.settle(going, since, &|_| false)
    }

    /// Removes task entries that were not written or used at or after `since`; others are passed over.
    ///
    /// # Errors
    /// As [`Store::remove_objects`].
    pub fn remove_tasks(&self, keys: &[TaskKey], since: SystemTime) -> Result<Settled<TaskKey>, StoreError> {
        let mut old = Vec::new();
        for key in keys {
            if let Some(entry) = self.task(key)?
                && self.is_old_task(key, since)?
            {
                old.push((*key, entry));
            }
        }
        self.note_all(old.iter().map(|(key, entry)| (layout::doomed_task(key), UNDECIDED, &**entry)))?;
        // From here on users see the note; those who were faster have freshened the entry.
        let mut going = Vec::new();
        for (key, entry) in old {
            if self.is_old_task(&key, since)? {
                going.push((key, entry));
            } else {
                self.backend.delete(&[layout::doomed_task(&key)])?;
            }
        }
        let entries: Vec<_> = going.iter().map(|(key, _)| layout::task(key)).collect();
        self.backend.delete(&entries)?;
        self.forget_tasks(going.into_iter().map(|(key, _)| key), &|_| false)
    }

    /// Finishes the removals of objects that were interrupted, or takes them back: of what is needed, and of what was
    /// used at or after `since`.
    ///
    /// # Errors
    /// As [`Store::remove_objects`].
    pub fn settle_objects(
        &self,
        since: SystemTime,
        is_needed: &dyn Fn(&Address) -> bool,
    ) -> Result<Settled<Address>, StoreError> {
        let (mut undecided, mut decided) = (Vec::new(), Vec::new());
        for listed in self.backend.list(layout::DOOMED)? {
            let name = listed?.name;
            let Some(Doomed::Object(address)) = layout::of_doomed(&name) else { continue };
            let note = self.backend.read(&name)?.unwrap_or_default();
            let split = |start: &[u8]| {
                let record = note.strip_prefix(start)?.to_vec();
                let (body, _) = object::split_record(&record)?;
                Some(Going { address, body, record })
            };
            decided.extend(split(DECIDED));
            undecided.extend(split(UNDECIDED));
        }
        let mut settled = self.settle(undecided, since, is_needed)?;
        settled.removed.extend(decided.iter().map(|one| one.address));
        self.finish(&decided)?;
        Ok(settled)
    }

    /// Finishes the removals of task entries that were interrupted, or takes them back, of what is needed.
    ///
    /// # Errors
    /// As [`Store::remove_objects`].
    pub fn settle_tasks(&self, is_needed: &dyn Fn(&TaskKey) -> bool) -> Result<Settled<TaskKey>, StoreError> {
        let mut keys = Vec::new();
        for listed in self.backend.list(layout::DOOMED)? {
            if let Some(Doomed::Task(key)) = layout::of_doomed(&listed?.name) {
                keys.push(key);
            }
        }
        self.forget_tasks(keys, is_needed)
    }

    /// Removes blobs that belong to nothing: bodies without record, packets without body, label sets of bodies that
    /// their object has no more, parts of damaged objects.
    ///
    /// # Errors
    /// If one cannot be removed. Others may be gone then.
    pub fn remove_remnants(&self, names: &[Name]) -> Result<(), StoreError> {
        self.backend.delete(names)
    }

    /// Counts a task's entry as used just now, so that it stays for whoever is about to refer to it; `false` if there is
    /// none.
    ///
    /// # Errors
    /// If that cannot be written.
    pub fn touch_task(&self, key: &TaskKey) -> Result<bool, StoreError> {
        let Some(entry) = self.task(key)? else { return Ok(false) };
        let name = layout::task(key);
        Ok(self.backend.keep(&name)? && self.claim_task(key, &entry)?)
    }

    /// After a task's entry was written or freshened: tells a removal that it is needed, and confirms that it is there.
    pub(crate) fn claim_task(&self, key: &TaskKey, entry: &[u8]) -> Result<bool, StoreError> {
        let note = layout::doomed_task(key);
        if self.backend.look(&note)?.is_some() {
            self.put_one(note, [USED, entry].concat(), Mode::Replace)?;
        }
        Ok(self.backend.look(&layout::task(key))?.is_some())
    }

    fn is_old_task(&self, key: &TaskKey, since: SystemTime) -> Result<bool, StoreError> {
        Ok(self.backend.look(&layout::task(key))?.is_some_and(|entry| entry.modified < since))
    }

    /// An object, if it has a record that names a body, and nothing of it is younger than `since`.
    fn examine(&self, address: &Address, since: SystemTime) -> Result<Option<Going>, StoreError> {
        let Some(record) = self.backend.read(&layout::record(address))? else { return Ok(None) };
        let Some((body, _)) = object::split_record(&record) else { return Ok(None) };
        for prefix in [layout::object_prefix(address), layout::packets_prefix(body)] {
            if !self.fresh(&prefix, since)?.is_empty() {
                return Ok(None);
            }
        }
        let is_old = self.backend.look(&layout::body(body))?.is_none_or(|body| body.modified < since);
        Ok(is_old.then_some(Going { address: *address, body, record }))
    }

    fn fresh(&self, prefix: &str, since: SystemTime) -> Result<Vec<Listed>, StoreError> {
        let is_fresh = |listed: &Result<Listed, _>| listed.as_ref().map_or(true, |listed| listed.modified >= since);
        self.backend.list(prefix)?.filter(is_fresh).collect()
    }

    /// For objects that are noted and have no record any more: puts those back that somebody needs, and removes the rest.
    fn settle(
        &self,
        going: Vec<Going>,
        since: SystemTime,
        is_needed: &dyn Fn(&Address) -> bool,
    ) -> Result<Settled<Address>, StoreError> {
        let (mut settled, mut decided) = (Settled::default(), Vec::new());
        for one in going {
            let fresh = self.fresh(&layout::labels_prefix(&one.address, one.body), since)?;
            if fresh.is_empty() && !is_needed(&one.address) {
                settled.removed.push(one.address);
                decided.push(one);
                continue;
            }
            settled.kept.push(one.address);
            if self.put_back(&one, &fresh)? {
                self.backend.delete(&[layout::doomed(&one.address)])?;
            } else {
                decided.push(one);
            }
        }
        // Whoever settles it later must not put a record back whose parts are partly gone.
        self.note_all(decided.iter().map(|one| (layout::doomed(&one.address), DECIDED, &*one.record)))?;
        self.finish(&decided)?;
        Ok(settled)
    }

    /// Makes an object that was being removed visible again. `false` if the same content was put again meanwhile: then
    /// the new object has the label sets of those who used the old one, and the old one can go.
    fn put_back(&self, one: &Going, fresh: &[Listed]) -> Result<bool, StoreError> {
        loop {
            let put = self.put_one(layout::record(&one.address), one.record.clone(), Mode::Create)?;
            let body = if put == Put::Written { Some(one.body) } else { self.body_of(&one.address)? };
            if body == Some(one.body) {
                return Ok(true);
            }
            let mut is_passed_on = body.is_some();
            for listed in fresh {
                if let Some(labels) = self.backend.read(&listed.name)? {
                    is_passed_on &= self.adopt(&one.address, &labels)?;
                }
            }
            if is_passed_on {
                return Ok(false);
            }
        }
    }

    /// Removes everything of objects whose removal is decided, the notes of it last.
    fn finish(&self, decided: &[Going]) -> Result<(), StoreError> {
        let mut names = Vec::new();
        for one in decided {
            for prefix in [layout::packets_prefix(one.body), layout::labels_prefix(&one.address, one.body)] {
                for listed in self.backend.list(&prefix)? {
                    names.push(listed?.name);
                }
            }
            names.push(layout::body(one.body));
        }
        self.backend.delete(&names)?;
        let notes: Vec<_> = decided.iter().map(|one| layout::doomed(&one.address)).collect();
        self.backend.delete(&notes)
    }

    /// For task entries that are noted: puts those back that somebody needs, and forgets the rest.
    fn forget_tasks(
        &self,
        keys: impl IntoIterator<Item = TaskKey>,
        is_needed: &dyn Fn(&TaskKey) -> bool,
    ) -> Result<Settled<TaskKey>, StoreError> {
        let (mut settled, mut notes) = (Settled::default(), Vec::new());
        for key in keys {
            let name = layout::doomed_task(&key);
            let note = self.backend.read(&name)?.unwrap_or_default();
            notes.push(name);
            let (is_used, entry) = match (note.strip_prefix(USED), note.strip_prefix(UNDECIDED)) {
                (Some(entry), _) => (true, Some(entry)),
                (None, entry) => (is_needed(&key), entry),
            };
            if let (true, Some(entry)) = (is_used, entry) {
                self.put_one(layout::task(&key), entry.to_vec(), Mode::Create)?;
            }
            let is_there = is_used || self.backend.look(&layout::task(&key))?.is_some();
            if is_there { settled.kept.push(key) } else { settled.removed.push(key) }
        }
        self.backend.delete(&notes)?;
        Ok(settled)
    }

    /// Notes what is being removed, all durably together.
    fn note_all<'a>(&self, notes: impl Iterator<Item = (Name, &'a [u8], &'a [u8])>) -> Result<(), StoreError> {
        let blob = |(name, state, content): (Name, &[u8], &[u8])| {
            let content = Content::Bytes([state, content].concat());
            NewBlob { name, content, mode: Mode::Replace }
        };
        let blobs: Vec<_> = notes.map(blob).collect();
        if blobs.is_empty() { Ok(()) } else { self.backend.put(vec![blobs]).map(drop) }
    }
}
