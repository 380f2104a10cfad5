//! Keeping and removing: pins, and the garbage collection's effects, each in the audit log before it.

use std::{
    collections::BTreeSet,
    fs::{File, TryLockError},
    io::Read,
    time::SystemTime,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sluis_model::{Address, DatasetName, Labels, TaskKey};
use sluis_policy::Action;
use sluis_store::{Pinned, Settled, StoreError, backend::Name};

use crate::{
    AccessError, Permit, SealedObject, Site,
    audit::Entry,
    authenticated::{self, Kind},
    decide::Found,
    permit::Purpose,
};

/// The file of a site that is locked while objects are being removed.
const LOCK: &str = "removal.lock";

/// Why something is kept whether or not a run needs it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Pin {
    /// Since when.
    pub at: Timestamp,
    /// Who wanted it.
    pub by: String,
    /// Why.
    pub reason: String,
}

impl Site {
    /// Keeps an object or a run until the pin is taken away.
    ///
    /// # Errors
    /// If the caller may not, or the store or the audit log cannot be written.
    pub fn pin(&self, pinned: &Pinned, reason: &str) -> Result<(), AccessError> {
        let position = self.decide_pin("pin", pinned)?;
        self.keep_pinned(position, pinned, reason)
    }

    /// Seals everything from `reader` and pins it: nobody can make again what was taken in. The permit to take it in
    /// covers that.
    ///
    /// # Errors
    /// As [`Site::seal`], and if the permit is for something else than taking data in.
    pub fn seal_pinned(
        &self,
        permit: &Permit,
        reader: impl Read + Send,
        reason: &str,
    ) -> Result<SealedObject, AccessError> {
        if permit.purpose != Purpose::Put {
            return Err(AccessError::NotCovered("pinning".to_owned()));
        }
        let sealed = self.seal(permit, reader)?;
        self.keep_pinned(permit.position, &Pinned::Object(sealed.address), reason)?;
        Ok(sealed)
    }

    /// Takes a pin away; `false` if there is none.
    ///
    /// # Errors
    /// As [`Site::pin`].
    pub fn unpin(&self, pinned: &Pinned) -> Result<bool, AccessError> {
        let position = self.decide_pin("unpin", pinned)?;
        self.note_pin("unpinned", position, pinned)?;
        Ok(self.store().remove_pin(pinned)?)
    }

    /// Decides whether the caller may see what the store holds, what of it is kept and what would go.
    ///
    /// # Errors
    /// The refusal, or what kept the decision from being made or written down.
    pub fn permit_survey(&self) -> Result<Permit, AccessError> {
        self.permit_upkeep(Purpose::Survey, &[])
    }

    /// Everything that is pinned. A pin whose note cannot be read is a pin all the same. The permit is for a survey or a
    /// collection.
    ///
    /// # Errors
    /// If the permit is for something else, or the store cannot be read.
    pub fn pins(&self, permit: &Permit) -> Result<Vec<(Pinned, Option<Pin>)>, AccessError> {
        self.check_origin(permit)?;
        if !matches!(permit.purpose, Purpose::Survey | Purpose::Collect) {
            return Err(AccessError::NotCovered("seeing what is pinned".to_owned()));
        }
        let pins = self.store().pins()?.into_iter();
        Ok(pins.map(|(pinned, note)| (pinned, serde_json::from_slice(&note).ok())).collect())
    }

    /// Keeps other removals of objects from beginning, as long as the file that it gives is open; `None` if one is under
    /// way and this does not wait.
    ///
    /// # Errors
    /// If the lock cannot be taken.
    pub fn lock_removals(&self, waits: bool) -> Result<Option<File>, AccessError> {
        let path = self.dir().join(LOCK);
        let file = File::options().write(true).create(true).truncate(false).open(&path);
        let file = file.map_err(AccessError::file(&path, "opened"))?;
        let locked = if waits { file.lock().map_err(TryLockError::Error) } else { file.try_lock() };
        match locked {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(AccessError::file(&path, "locked")(error)),
        }
    }

    /// Decides whether what nobody needs may be removed.
    ///
    /// # Errors
    /// The refusal, or what kept the decision from being made or written down.
    pub fn permit_collection(&self) -> Result<Permit, AccessError> {
        self.permit_upkeep(Purpose::Collect, &[])
    }

    /// Removes objects of which nothing was written or used at or after `since`.
    ///
    /// # Errors
    /// If the permit is for something else, or the store or the audit log cannot be written.
    pub fn collect_objects(
        &self,
        permit: &Permit,
        addresses: &[Address],
        since: SystemTime,
    ) -> Result<Settled<Address>, AccessError> {
        self.note_removal(permit, "remove-object", addresses)?;
        let settled = self.store().remove_objects(addresses, since)?;
        self.note_kept(permit, &settled.kept)?;
        Ok(settled)
    }

    /// Removes task entries that were not written or used at or after `since`.
    ///
    /// # Errors
    /// As [`Site::collect_objects`].
    pub fn collect_tasks(
        &self,
        permit: &Permit,
        keys: &[TaskKey],
        since: SystemTime,
    ) -> Result<Settled<TaskKey>, AccessError> {
        self.note_removal(permit, "remove-task", keys)?;
        let settled = self.store().remove_tasks(keys, since)?;
        self.note_kept(permit, &settled.kept)?;
        Ok(settled)
    }

    /// Removes blobs that belong to no object.
    ///
    /// # Errors
    /// As [`Site::collect_objects`].
    pub fn collect_remnants(&self, permit: &Permit, names: &[Name]) -> Result<(), AccessError> {
        self.note_removal(permit, "remove-remnant", names)?;
        Ok(self.store().remove_remnants(names)?)
    }

    /// Finishes or takes back the removals of task entries that an interrupted collection began.
    ///
    /// # Errors
    /// As [`Site::collect_objects`].
    pub fn settle_tasks(&self, permit: &Permit, is_needed: &dyn Fn(&TaskKey) -> bool) -> Result<(), AccessError> {
        self.check_collection(permit)?;
        let settled = self.store().settle_tasks(is_needed)?;
        self.note_kept(permit, &settled.kept)
    }

    /// Finishes or takes back the removals of objects that an interrupted collection began.
    ///
    /// # Errors
    /// As [`Site::collect_objects`].
    pub fn settle_objects(
        &self,
        permit: &Permit,
        since: SystemTime,
        is_needed: &dyn Fn(&Address) -> bool,
    ) -> Result<(), AccessError> {
        self.check_collection(permit)?;
        let settled = self.store().settle_objects(since, is_needed)?;
        self.note_kept(permit, &settled.kept)
    }

    /// The datasets in the label sets of an object that can be read; nothing is set aside.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn datasets_of(&self, address: &Address) -> Result<BTreeSet<DatasetName>, AccessError> {
        let object = match self.store().object(address) {
            Err(StoreError::Damaged(_)) => None,
            outcome => outcome?,
        };
        let owner = address.to_string();
        let read = |set: Vec<u8>| authenticated::read::<Labels>(self.keys(), Kind::Labels, &owner, &set);
        let sets = object.map(|object| object.labels()).transpose()?;
        let sets = sets.into_iter().flatten().filter_map(read);
        Ok(sets.flat_map(|labels| labels.datasets).collect())
    }

    fn check_collection(&self, permit: &Permit) -> Result<(), AccessError> {
        self.check_origin(permit)?;
        if permit.purpose == Purpose::Collect { Ok(()) } else { Err(AccessError::NotCovered("removing".to_owned())) }
    }

    fn note_removal(&self, permit: &Permit, action: &str, what: &[impl ToString]) -> Result<(), AccessError> {
        self.check_collection(permit)?;
        self.note_upkeep(permit, action, what)
    }

    /// Notes what was to be removed and stays, since somebody began to use it.
    fn note_kept(&self, permit: &Permit, what: &[impl ToString]) -> Result<(), AccessError> {
        if what.is_empty() { Ok(()) } else { self.note_upkeep(permit, "keep-in-use", what) }
    }

    fn note_upkeep(&self, permit: &Permit, action: &str, what: &[impl ToString]) -> Result<(), AccessError> {
        let mut entry = Entry::new(action);
        entry.permit = Some(permit.position);
        entry.objects = what.iter().map(ToString::to_string).collect();
        self.audit().record(&entry)
    }

    /// Whoever keeps the site says what is kept in it.
    fn decide_pin(&self, name: &str, pinned: &Pinned) -> Result<u64, AccessError> {
        let asked = self.asked(Action::Administer, self.as_resource(), None);
        let decided =
            self.decide(&asked, format!("{name} {pinned}"), entry_of(name, pinned), |_, _| Ok(Found::default()))?;
        Ok(decided.position)
    }

    fn keep_pinned(&self, permit: u64, pinned: &Pinned, reason: &str) -> Result<(), AccessError> {
        let pin = Pin { at: Timestamp::now(), by: self.caller_name(), reason: reason.to_owned() };
        let text = serde_json::to_vec(&pin).map_err(|error| AccessError::Plaintext(error.into()))?;
        self.note_pin("pinned", permit, pinned)?;
        Ok(self.store().put_pin(pinned, &text)?)
    }

    fn note_pin(&self, action: &str, permit: u64, pinned: &Pinned) -> Result<(), AccessError> {
        self.audit().record(&Entry { permit: Some(permit), ..entry_of(action, pinned) })
    }
}

/// An entry about what is pinned.
fn entry_of(action: &str, pinned: &Pinned) -> Entry {
    let mut entry = Entry::new(action);
    match pinned {
        Pinned::Object(address) => entry.objects = vec![address.to_string()],
        Pinned::Run(run) => entry.run = Some(run.to_string()),
    }
    entry
}
