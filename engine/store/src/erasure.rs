//! Taking objects away for good: their header packets first, so that no copy of the body can be read any more.

use std::collections::BTreeSet;

use sluis_model::Address;

use crate::{BodyId, Store, StoreError, backend::Name, layout, object};

/// Something in the store that carries label sets: an object, or what is left of one that was found damaged or whose
/// removal was interrupted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Labelled {
    /// The object.
    pub address: Address,
    /// Its label sets, each with the name of its blob.
    pub labels: Vec<(Name, Vec<u8>)>,
    /// What `access` made its record of, and the record's name.
    pub record: Option<(Name, Vec<u8>)>,
    /// Its bodies: the one that the record names, and those of which label sets are left.
    pub bodies: BTreeSet<BodyId>,
    /// Whether it was set aside because it was damaged.
    pub damaged: bool,
}

impl Store {
    /// Everything that carries label sets, damaged objects last.
    ///
    /// # Errors
    /// If it cannot be listed; what goes wrong on the way is an error of the iterator.
    pub fn labelled(&self) -> Result<impl Iterator<Item = Result<Labelled, StoreError>> + '_, StoreError> {
        let parts = self.backend.list(layout::OBJECTS)?.chain(self.backend.list(layout::DAMAGED)?);
        let mut parts = parts.peekable();
        Ok(std::iter::from_fn(move || {
            let first = match parts.next()? {
                Ok(first) => first.name,
                Err(error) => return Some(Err(error)),
            };
            let folder = layout::folder(&first).to_owned();
            let mut names = vec![first];
            while let Some(Ok(next)) =
                parts.next_if(|next| next.as_ref().is_ok_and(|next| layout::folder(&next.name) == folder))
            {
                names.push(next.name);
            }
            Some(self.read_labelled(&folder, names))
        })
        .filter_map(Result::transpose))
    }

    /// `None` for what was taken away meanwhile, or is no object's.
    fn read_labelled(&self, folder: &str, names: Vec<Name>) -> Result<Option<Labelled>, StoreError> {
        let Some(address) = layout::address_of_folder(folder) else { return Ok(None) };
        let damaged = folder.starts_with(layout::DAMAGED);
        let mut found = Labelled { address, labels: Vec::new(), record: None, bodies: BTreeSet::new(), damaged };
        for name in names {
            let Some(bytes) = self.backend.read(&name)? else { continue };
            if layout::is_labels(&name) {
                found.bodies.extend(layout::body_of_labels(&name));
                found.labels.push((name, bytes));
            } else {
                let split = object::split_record(&bytes);
                found.bodies.extend(split.map(|(body, _)| body));
                found.record = Some((name, split.map(|(_, record)| record.to_vec()).unwrap_or_default()));
            }
        }
        Ok((found.record.is_some() || !found.labels.is_empty()).then_some(found))
    }

    /// Erases an object: deletes every header packet of its body, then the body, the record and the label sets. When the
    /// packets are deleted, which is durable before anything else happens, nobody can read the body or a copy of it.
    ///
    /// # Errors
    /// If something cannot be deleted. Called again, it goes on.
    pub fn erase(&self, object: &Labelled) -> Result<(), StoreError> {
        let mut packets = Vec::new();
        for body in &object.bodies {
            for packet in self.backend.list(&layout::packets_prefix(*body))? {
                packets.push(packet?.name);
            }
        }
        self.backend.delete(&packets)?;
        let bodies: Vec<Name> = object.bodies.iter().map(|body| layout::body(*body)).collect();
        self.backend.delete(&bodies)?;
        self.backend.delete(&object.record.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>())?;
        // Last: they say whose it was, should this be interrupted.
        let labels: Vec<Name> = object.labels.iter().map(|(name, _)| name.clone()).collect();
        self.backend.delete(&labels)
    }

    /// Takes some of an object's label sets away.
    ///
    /// # Errors
    /// If they cannot be deleted.
    pub fn remove_labels(&self, labels: &[Name]) -> Result<(), StoreError> {
        self.backend.delete(labels)
    }

    /// Removes a task's entry.
    ///
    /// # Errors
    /// If it cannot be deleted.
    pub fn remove_task(&self, key: &sluis_model::TaskKey) -> Result<(), StoreError> {
        self.backend.delete(&[layout::task(key)])
    }
}
