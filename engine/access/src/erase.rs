//! Erasing everything that was made from one subject's data, when their consent was withdrawn.

use std::{collections::BTreeSet, time::SystemTime};

use sluis_crypt4gh::PublicKey;
use sluis_model::{Address, DatasetName, Labels, SubjectName, TaskKey};
use sluis_policy::Action;
use sluis_store::{Labelled, StoreError, backend::Name};

use crate::{
    AccessError, Consent, Site,
    audit::Entry,
    authenticated::{self, Kind},
    decide::Found,
    decision::withdrawal_of,
    error::Reason,
    registry::Registry,
    seal::BodyRecord,
};

/// How many objects one record of the audit log names at most.
const NAMED_AT_ONCE: usize = 1000;

/// What becomes of an object.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    /// It is erased.
    Erased,
    /// It is erased, since nobody can tell any more whose it was: a label set of it does not verify.
    ErasedUnverified,
    /// It stays, since the same content was also made from other data; only the label sets that name the subject go.
    Kept,
}

/// One object that carries the subject's label.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Affected {
    /// Which.
    pub address: Address,
    /// Bytes of plaintext, if its record still says so.
    pub size: Option<u64>,
    /// What becomes of it.
    pub fate: Fate,
    /// Whether it was set aside as damaged before.
    pub damaged: bool,
    stored: Labelled,
    /// The label sets that go if the object stays.
    naming: Vec<Name>,
}

/// Everything that an erasure concerns.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Erasure {
    /// Whose data.
    pub subject: SubjectName,
    /// The objects.
    pub objects: Vec<Affected>,
    /// Tasks whose results are among them: their entries in the task cache go, too.
    pub tasks: Vec<TaskKey>,
}

impl Site {
    /// Tells what carries a subject's label, to who may erase it. Nothing is changed.
    ///
    /// # Errors
    /// If the caller may not erase, or the store cannot be read.
    pub fn plan_erasure(&self, subject: &SubjectName) -> Result<Erasure, AccessError> {
        let asked = self.asked(Action::Withdraw, self.as_resource(), None);
        let mut entry = Entry::new("plan-erasure");
        entry.subjects = vec![subject.to_string()];
        self.decide(&asked, format!("see what is of {subject}"), entry, |_, _| Ok(Found::default()))?;
        self.made_of(subject)
    }

    /// Who else can open what an erasure takes away: each object with the keys to which it was granted. What they already have
    /// of it, as what left by the airlock, is out of reach. Of an object whose record is damaged it cannot be told.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn others_who_hold(&self, erasure: &Erasure) -> Result<Vec<(Address, PublicKey)>, AccessError> {
        let mut holders = Vec::new();
        for affected in erasure.objects.iter().filter(|affected| affected.fate != Fate::Kept) {
            let object = match self.store().object(&affected.address) {
                Ok(Some(object)) => object,
                Ok(None) | Err(StoreError::Damaged(_)) => continue,
                Err(error) => return Err(error.into()),
            };
            let others = object.recipients()?.into_iter().filter(|recipient| !self.keys().is_own(recipient));
            holders.extend(others.map(|recipient| (affected.address, recipient)));
        }
        Ok(holders)
    }

    /// Finds everything that carries a subject's label.
    pub(crate) fn made_of(&self, subject: &SubjectName) -> Result<Erasure, AccessError> {
        let registry = self.registry()?;
        let mut objects = Vec::new();
        for stored in self.store().labelled()? {
            objects.extend(self.affected(&registry, stored?, subject));
        }
        let erased: BTreeSet<Address> =
            objects.iter().filter(|object| object.fate != Fate::Kept).map(|object| object.address).collect();
        let mut tasks = Vec::new();
        for key in self.store().task_keys()? {
            let key = key?;
            match self.task(&key) {
                Ok(Some(task)) => {
                    let mut made = task.outputs.iter().chain([&task.result]).chain(&task.log);
                    if made.any(|address| erased.contains(address)) {
                        tasks.push(key);
                    }
                }
                Ok(None) => {}
                // What it says cannot be told, so it may be of the subject's.
                Err(AccessError::DamagedTask { .. }) => tasks.push(key),
                Err(error) => return Err(error),
            }
        }
        Ok(Erasure { subject: subject.clone(), objects, tasks })
    }

    /// Erases everything that carries a subject's label, until a look at the whole store finds nothing more. The decision
    /// and what goes are in the audit log before. Gives what was done, in one list.
    ///
    /// # Errors
    /// If the subject's consent is not withdrawn in the registry, so that new data of theirs could come in meanwhile; or
    /// the store or the audit log cannot be written. Called again, it goes on.
    pub fn erase_subject(&self, subject: &SubjectName) -> Result<Erasure, AccessError> {
        // What an interrupted collection was about to remove is seen again, or gone.
        let _lock = self.lock_removals(true)?;
        self.store().settle_objects(SystemTime::UNIX_EPOCH, &|_| true)?;
        let mut done = Erasure { subject: subject.clone(), objects: Vec::new(), tasks: Vec::new() };
        loop {
            let plan = self.made_of(subject)?;
            self.decide_erasure(&plan)?;
            if plan.objects.is_empty() && plan.tasks.is_empty() {
                return Ok(done);
            }
            self.carry_out(&plan)?;
            done.objects.extend(plan.objects);
            done.tasks.extend(plan.tasks);
        }
    }

    fn affected(&self, registry: &Registry, stored: Labelled, subject: &SubjectName) -> Option<Affected> {
        let owner = stored.address.to_string();
        let read = |bytes: &[u8]| authenticated::read::<Labels>(self.keys(), Kind::Labels, &owner, bytes);
        let sets: Vec<_> = stored.labels.iter().map(|(name, bytes)| (name, read(bytes))).collect();
        let names_subject = |set: &Option<Labels>| set.as_ref().is_some_and(|set| set.subjects.contains(subject));
        let naming: Vec<_> = sets.iter().filter(|(_, set)| names_subject(set)).collect();
        let datasets: BTreeSet<&DatasetName> =
            naming.iter().filter_map(|(_, set)| set.as_ref()).flat_map(|set| &set.datasets).collect();
        // A set of the same dataset that names none of its subjects says less, not something else.
        let names_other = |set: &Labels, name: &DatasetName| {
            let listed = registry.datasets.get(name).map(|dataset| &dataset.subjects);
            listed.is_some_and(|listed| set.subjects.iter().any(|other| listed.contains_key(other)))
        };
        let is_other = |set: &Labels| {
            !set.subjects.contains(subject)
                && set.datasets.iter().all(|name| !datasets.contains(name) || names_other(set, name))
        };
        let fate = if sets.iter().any(|(_, set)| set.is_none()) {
            Fate::ErasedUnverified
        } else if naming.is_empty() {
            return None;
        } else if sets.iter().any(|(_, set)| set.as_ref().is_some_and(is_other)) {
            Fate::Kept
        } else {
            Fate::Erased
        };
        let goes = |set: &Option<Labels>| !set.as_ref().is_some_and(is_other);
        let naming = sets.iter().filter(|(_, set)| goes(set)).map(|(name, _)| (*name).clone()).collect();
        let record = stored.record.as_ref().map(|(_, record)| authenticated::split(record).0);
        let record: Option<BodyRecord> =
            record.and_then(|line| authenticated::read(self.keys(), Kind::Record, &owner, line));
        let size = record.map(|record| record.length);
        Some(Affected { address: stored.address, size, fate, damaged: stored.damaged, stored, naming })
    }

    fn decide_erasure(&self, plan: &Erasure) -> Result<(), AccessError> {
        let asked = self.asked(Action::Withdraw, self.as_resource(), None);
        let addresses: Vec<String> = plan.objects.iter().map(|object| object.address.to_string()).collect();
        // Also an erasure that finds nothing is a decision.
        for named in addresses.chunks(NAMED_AT_ONCE).chain(addresses.is_empty().then_some(&[][..])) {
            let mut entry = Entry::new("erase");
            entry.subjects = vec![plan.subject.to_string()];
            entry.objects = named.to_vec();
            self.decide(&asked, format!("erase the data of {}", plan.subject), entry, |basis, _| {
                let reasons = reason_against(basis.registry, &plan.subject).into_iter().collect();
                Ok(Found { reasons, ..Found::default() })
            })?;
        }
        Ok(())
    }

    fn carry_out(&self, plan: &Erasure) -> Result<(), AccessError> {
        for keys in plan.tasks.chunks(NAMED_AT_ONCE) {
            self.note_erasure("remove-task", plan, keys.iter().map(ToString::to_string).collect())?;
            keys.iter().try_for_each(|key| self.store().remove_task(key))?;
        }
        for objects in plan.objects.chunks(NAMED_AT_ONCE) {
            let of = |fate: fn(&Fate) -> bool| {
                let objects = objects.iter().filter(move |object| fate(&object.fate));
                objects.map(|object| object.address.to_string()).collect::<Vec<_>>()
            };
            for (action, named) in
                [("erased", of(|fate| *fate != Fate::Kept)), ("unlabelled", of(|fate| *fate == Fate::Kept))]
            {
                if !named.is_empty() {
                    self.note_erasure(action, plan, named)?;
                }
            }
            for object in objects {
                match object.fate {
                    Fate::Erased | Fate::ErasedUnverified => self.store().erase(&object.stored)?,
                    Fate::Kept => self.store().remove_labels(&object.naming)?,
                }
            }
        }
        Ok(())
    }

    /// Notes what goes in an erasure, before it does.
    fn note_erasure(&self, action: &str, plan: &Erasure, named: Vec<String>) -> Result<(), AccessError> {
        let mut entry = Entry::new(action);
        entry.subjects = vec![plan.subject.to_string()];
        entry.objects = named;
        self.audit().record(&entry)
    }
}

/// As long as the registry lets new data of the subject come in, nothing can be said to be erased.
fn reason_against(registry: &Registry, subject: &SubjectName) -> Option<Reason> {
    let consents: Vec<_> = registry.datasets_of(subject).map(|(_, known)| known.consent).collect();
    if !consents.is_empty() && consents.iter().all(|consent| *consent == Consent::Withdrawn) {
        return None;
    }
    Some(Reason {
        text: format!("the consent of the subject {subject} is not withdrawn in the registry"),
        remedy: withdrawal_of(subject),
        policy: "steward-withdraws".to_owned(),
    })
}
