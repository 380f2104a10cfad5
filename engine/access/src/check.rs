//! Checking objects: every part against what was sealed, with nothing given out and nothing changed.

mod parts;

use std::{io, num::NonZero};

use sluis_model::{Address, Labels};
use sluis_store::{StoreError, StoredObject, Unreadable};

use crate::{
    AccessError, Permit, Site,
    authenticated::{self, Kind},
    permit::Purpose,
    seal::BodyRecord,
    unseal::Opened,
};

pub use parts::{LargeCheck, PartChecked};

/// A check that has begun.
#[derive(Debug)]
pub enum BegunCheck {
    /// All that there is to find.
    Done(Checked),
    /// Everything but the content is whole, and the content is so large that it is worth several threads:
    /// [`Site::check_part`].
    Large(Box<LargeCheck>),
}

/// What a check found of an object.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Checked {
    /// All of it is what was sealed; so many bytes of plaintext.
    Whole(u64),
    /// This part is not what was sealed.
    Damaged(String),
    /// This part cannot be read now, which says nothing of what is there.
    Unreadable(String),
    /// It was removed or set aside meanwhile.
    Gone,
}

impl Site {
    /// Decides whether some objects may be checked: one decision for all of them, and no record of each.
    ///
    /// # Errors
    /// The refusal, or what kept the decision from being made or written down.
    pub fn permit_check(&self, addresses: &[Address]) -> Result<Permit, AccessError> {
        self.permit_upkeep(Purpose::Check, addresses)
    }

    /// Checks an object: its record, label sets and header packets, and its content against the tags of its segments,
    /// its recorded length and its address. Nothing is set aside.
    ///
    /// # Errors
    /// If the permit does not cover it.
    pub fn check(&self, permit: &Permit, address: &Address) -> Result<Checked, AccessError> {
        let large = match self.begin_check(permit, address)? {
            BegunCheck::Done(found) => return Ok(found),
            BegunCheck::Large(large) => large,
        };
        loop {
            if let PartChecked::Last(found) = self.check_part(&large) {
                return Ok(found);
            }
        }
    }

    /// As [`Site::check`], but of a large object the content is left to whoever checks parts of it.
    ///
    /// # Errors
    /// If the permit does not cover it.
    pub fn begin_check(&self, permit: &Permit, address: &Address) -> Result<BegunCheck, AccessError> {
        self.check_permit(permit, address)?;
        let found = match self.store().object(address) {
            Ok(None) => return Ok(BegunCheck::Done(Checked::Gone)),
            Ok(Some(object)) => self.check_parts(permit, object),
            Err(StoreError::Damaged(_)) => Err(Checked::Damaged("its record".to_owned())),
            Err(error) => Err(unreadable("its record or a label set", &error)),
        };
        Ok(found.unwrap_or_else(|fault| BegunCheck::Done(self.unless_gone(address, fault))))
    }

    /// What was found, unless it was found of what vanished meanwhile: that is no damage.
    fn unless_gone(&self, address: &Address, found: Checked) -> Checked {
        match found {
            Checked::Whole(_) => found,
            _ if matches!(self.store().contains(address), Ok(false)) => Checked::Gone,
            _ => found,
        }
    }

    /// Sets an object aside that a check found damaged. Parts of it that cannot be read are kept where they are, and that is
    /// an error, unless `unreadable` says that they are to be given up.
    ///
    /// # Errors
    /// If the permit does not cover it, or the store cannot be written.
    pub fn set_aside(
        &self,
        permit: &Permit,
        address: &Address,
        part: &str,
        unreadable: Unreadable,
    ) -> Result<(), AccessError> {
        self.check_permit(permit, address)?;
        self.note_set_aside(address, part)?;
        Ok(self.store().set_aside(address, unreadable)?)
    }

    fn check_permit(&self, permit: &Permit, address: &Address) -> Result<(), AccessError> {
        self.check_cover(permit, address)?;
        if permit.purpose == Purpose::Check { Ok(()) } else { Err(AccessError::NotCovered("a check".to_owned())) }
    }

    /// Checks the content, too, if it is not large; or says what is wrong with which part.
    fn check_parts(&self, permit: &Permit, object: StoredObject) -> Result<BegunCheck, Checked> {
        let damaged = |part: &str| Checked::Damaged(part.to_owned());
        let owner = object.address.to_string();
        let record: Option<BodyRecord> =
            authenticated::read(self.keys(), Kind::Record, &owner, authenticated::split(&object.record).0);
        let record =
            record.filter(|record| record.body == object.body.to_string()).ok_or_else(|| damaged("its record"))?;
        for set in object.labels().map_err(|error| fault("its label sets", &error))? {
            authenticated::read::<Labels>(self.keys(), Kind::Labels, &owner, &set)
                .ok_or_else(|| damaged("a label set"))?;
        }
        for recipient in object.recipients().map_err(|error| fault("its header packets", &error))? {
            object.packet_for(&recipient).map_err(|error| fault("a header packet", &error))?;
        }
        let opened = self.opened(permit, &object, &record).map_err(told)?;
        if opened.size > parts::PART {
            let Opened { size, how, .. } = opened;
            return Ok(BegunCheck::Large(Box::new(LargeCheck::new(self, object, size, how).map_err(told)?)));
        }
        // Each object has a thread of its own.
        let size = self.write_out(opened, &object.address, io::sink(), NonZero::<usize>::MIN).map_err(told)?;
        Ok(BegunCheck::Done(Checked::Whole(size)))
    }
}

/// What an error of reading the packet or the body says.
fn told(error: AccessError) -> Checked {
    match error {
        AccessError::Damaged { part, .. } => Checked::Damaged(part),
        error => unreadable("its packet or body", &error),
    }
}

/// What an error of the store says of a part.
fn fault(part: &str, error: &StoreError) -> Checked {
    match error {
        StoreError::Damaged(_) => Checked::Damaged(part.to_owned()),
        other => unreadable(part, other),
    }
}

/// A part that cannot be read, with the last cause.
fn unreadable(part: &str, error: &(dyn std::error::Error + 'static)) -> Checked {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    Checked::Unreadable(format!("{part}: {cause}"))
}
