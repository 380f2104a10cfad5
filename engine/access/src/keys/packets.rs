//! The header packets of a rotation: sealing data keys for another key of the site, and removing what was sealed for the
//! earlier one. A data key is opened and sealed again here, and goes nowhere else.

use std::collections::BTreeSet;

use sluis_crypt4gh::{HeaderPacket, PacketContent, SecretKey};
use sluis_store::{BodyId, StoreError};

use super::{
    KeyChangeError,
    rotate::{RotationStep, Tell, told},
};
use crate::{AccessError, Site};

/// So many packets at a time: each time costs a few flushes of the disk.
const BATCH: usize = 128;

impl Site {
    /// Seals every data key that is sealed for the old key for the new one, too, where it is not. Gives how many were
    /// added, and the bodies whose packets for the old key do not open.
    pub(super) fn add_packets(
        &self,
        old: &SecretKey,
        new: &SecretKey,
        tell: &mut Tell<'_>,
    ) -> Result<(usize, Vec<BodyId>), AccessError> {
        let bodies: Vec<BodyId> = self.store().bodies_for(&old.public_key())?.into_iter().collect();
        let done = self.store().bodies_for(&new.public_key())?;
        let writer = SecretKey::generate()?;
        let (mut seen, mut added, mut unopened) = (0, 0, Vec::new());
        for batch in bodies.chunks(BATCH) {
            let mut packets = Vec::new();
            for body in batch {
                let content = match self.content_for(*body, old)? {
                    Packet::Gone => continue,
                    Packet::Unopened => {
                        unopened.push(*body);
                        continue;
                    }
                    Packet::Opened(content) => content,
                };
                // A packet that stands in the new one's place must say the same before the old one may go.
                if !(done.contains(body) && is_same(&content, &self.content_for(*body, new)?)) {
                    let packet = HeaderPacket::seal_again(&content, &writer, &new.public_key());
                    packets.push((*body, packet.map_err(KeyChangeError::Sealing)?));
                }
            }
            self.store().put_packets(&new.public_key(), &packets)?;
            seen += batch.len();
            added += packets.len();
            told(tell, RotationStep::PacketsAdded(seen, bodies.len()))?;
        }
        Ok((added, unopened))
    }

    /// Removes every packet for the old key; gives how many.
    pub(super) fn remove_packets(&self, old: &SecretKey, tell: &mut Tell<'_>) -> Result<usize, AccessError> {
        let bodies: BTreeSet<BodyId> = self.store().bodies_for(&old.public_key())?;
        let bodies: Vec<BodyId> = bodies.into_iter().collect();
        let mut removed = 0;
        for batch in bodies.chunks(BATCH) {
            self.store().remove_packets(&old.public_key(), batch)?;
            removed += batch.len();
            told(tell, RotationStep::PacketsRemoved(removed, bodies.len()))?;
        }
        Ok(removed)
    }

    fn content_for(&self, body: BodyId, key: &SecretKey) -> Result<Packet, AccessError> {
        let packet = match self.store().packet(body, &key.public_key()) {
            Err(StoreError::Damaged(_)) => return Ok(Packet::Unopened),
            outcome => outcome?,
        };
        let Some(packet) = packet else { return Ok(Packet::Gone) };
        Ok(self.keys().open_with(key, &packet).map_or(Packet::Unopened, Packet::Opened))
    }
}

/// A header packet for one of the keys.
enum Packet {
    Gone,
    Unopened,
    Opened(PacketContent),
}

/// Whether both are the same data key.
fn is_same(old: &PacketContent, new: &Packet) -> bool {
    match (old, new) {
        (PacketContent::DataKey(old), Packet::Opened(PacketContent::DataKey(new))) => old.secret() == new.secret(),
        _ => false,
    }
}
