//! Giving others access to an object, and taking it away: a header packet more or less.

use std::io::Read;

use sluis_crypt4gh::{Header, HeaderPacket, PublicKey, SecretKey};
use sluis_model::Address;
use sluis_policy::Action;

use crate::{AccessError, Permit, ReadAction, Site, audit::Entry, decide::Found, permit::Purpose};

impl Site {
    /// Seals an object's data key for one more recipient. The permit is for [`ReadAction::Grant`].
    ///
    /// # Errors
    /// If the permit is for something else, the object is not sealed because it is public, or it is damaged.
    pub fn grant(&self, permit: &Permit, address: &Address, recipient: &PublicKey) -> Result<(), AccessError> {
        if permit.purpose != Purpose::Read(ReadAction::Grant) {
            return Err(AccessError::NotCovered(format!("granting access to {address}")));
        }
        let object = self.stored(address)?;
        let record = self.record_of(&object)?;
        let seal = record.seal.as_ref().ok_or(AccessError::Public(*address))?;
        let key = self.unwrap_data_key(permit, &object, seal)?;
        let packet = HeaderPacket::seal(&key, &SecretKey::generate()?, recipient)?;
        self.audit().record(&entry_for("granted", address, recipient))?;
        Ok(self.store().put_packet(object.body, recipient, &packet)?)
    }

    /// Deletes a recipient's header packet. What they read or copied before stays with them.
    ///
    /// # Errors
    /// If the recipient is this site, or nothing was granted to them, or the caller may not, or it cannot be deleted.
    pub fn revoke(&self, address: &Address, recipient: &PublicKey) -> Result<(), AccessError> {
        let object = self.stored(address)?;
        if self.keys().is_own(recipient) || !object.recipients()?.contains(recipient) {
            return Err(AccessError::NotGranted(*address));
        }
        let mut entry = Entry::new("revoke");
        entry.objects = vec![address.to_string()];
        let asked = self.asked(Action::Administer, self.as_resource(), None);
        self.decide(&asked, format!("revoke what was granted of {address}"), entry, |_, _| Ok(Found::default()))?;
        self.audit().record(&entry_for("revoked", address, recipient))?;
        Ok(self.store().remove_packet(object.body, recipient)?)
    }

    /// To whom an object was granted, beside the site itself.
    ///
    /// # Errors
    /// If it is not there or damaged.
    pub fn granted_to(&self, address: &Address) -> Result<Vec<PublicKey>, AccessError> {
        let recipients = self.stored(address)?.recipients()?.into_iter();
        Ok(recipients.filter(|recipient| !self.keys().is_own(recipient)).collect())
    }

    /// An object as a standard Crypt4GH file for those to whom it was granted. Nothing is decrypted. The permit is for
    /// [`ReadAction::Export`].
    ///
    /// # Errors
    /// If the permit does not cover the object, it is not sealed because it is public, it was granted to nobody, or it
    /// cannot be read.
    pub fn sealed_file(&self, permit: &Permit, address: &Address) -> Result<impl Read + use<>, AccessError> {
        self.check_cover(permit, address)?;
        let object = self.stored(address)?;
        if self.record_of(&object)?.seal.is_none() {
            return Err(AccessError::Public(*address));
        }
        let mut packets = Vec::new();
        for recipient in self.granted_to(address)? {
            packets.extend(object.packet_for(&recipient)?);
        }
        if packets.is_empty() {
            return Err(AccessError::NotGranted(*address));
        }
        let mut header = Vec::new();
        Header { packets }.write_to(&mut header).map_err(AccessError::Plaintext)?;
        Ok(std::io::Cursor::new(header).chain(object.open_body()?))
    }

    /// An object as a standard Crypt4GH file for one recipient, who need not have been granted it. The permit is for
    /// [`ReadAction::Export`].
    ///
    /// # Errors
    /// If the permit does not cover the object, it is not sealed because it is public, or it cannot be read.
    pub(crate) fn sealed_for(
        &self,
        permit: &Permit,
        address: &Address,
        recipient: &PublicKey,
    ) -> Result<Box<dyn Read>, AccessError> {
        self.check_cover(permit, address)?;
        let object = self.stored(address)?;
        let record = self.record_of(&object)?;
        let seal = record.seal.as_ref().ok_or(AccessError::Public(*address))?;
        let key = self.unwrap_data_key(permit, &object, seal)?;
        let packets = vec![HeaderPacket::seal(&key, &SecretKey::generate()?, recipient)?];
        let mut header = Vec::new();
        Header { packets }.write_to(&mut header).map_err(AccessError::Plaintext)?;
        self.audit().record(&entry_for("released", address, recipient))?;
        Ok(Box::new(std::io::Cursor::new(header).chain(object.open_body()?)))
    }
}

/// An entry about an object and somebody to whom it is given, or no longer is.
fn entry_for(action: &str, address: &Address, recipient: &PublicKey) -> Entry {
    let mut entry = Entry::new(action);
    entry.objects = vec![address.to_string()];
    entry.recipient = Some(hex::encode(recipient.as_bytes()));
    entry
}
