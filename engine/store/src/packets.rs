//! Header packets by their recipient: all bodies that somebody can read, whether or not an object names them.

use std::collections::BTreeSet;

use sluis_crypt4gh::{HeaderPacket, PublicKey};

use crate::{
    BodyId, Store, StoreError,
    backend::{Content, Mode, NewBlob},
    layout,
};

impl Store {
    /// The bodies whose data key is sealed for a recipient, those of damaged objects and of none included.
    ///
    /// # Errors
    /// If the packets cannot be listed.
    pub fn bodies_for(&self, recipient: &PublicKey) -> Result<BTreeSet<BodyId>, StoreError> {
        let mut bodies = BTreeSet::new();
        for listed in self.backend.list(layout::PACKETS)? {
            let found = layout::recipient_of_packet(&listed?.name);
            bodies.extend(found.filter(|(_, found)| found == recipient).map(|(body, _)| body));
        }
        Ok(bodies)
    }

    /// A body's header packet for a recipient; `None` if there is none.
    ///
    /// # Errors
    /// If it cannot be read; it is [`StoreError::Damaged`] if it is no packet.
    pub fn packet(&self, body: BodyId, recipient: &PublicKey) -> Result<Option<HeaderPacket>, StoreError> {
        let name = layout::packet(body, recipient);
        let parsed = self.backend.read(&name)?.map(HeaderPacket::from_bytes).transpose();
        parsed.map_err(|_| StoreError::Damaged(name.to_string()))
    }

    /// Adds header packets of several bodies for one recipient, durably; a packet that is there already is replaced.
    ///
    /// # Errors
    /// If one cannot be written.
    pub fn put_packets(&self, recipient: &PublicKey, packets: &[(BodyId, HeaderPacket)]) -> Result<(), StoreError> {
        if packets.is_empty() {
            return Ok(());
        }
        let blob = |(body, packet): &(BodyId, HeaderPacket)| NewBlob {
            name: layout::packet(*body, recipient),
            content: Content::Bytes(packet.as_bytes().to_vec()),
            mode: Mode::Replace,
        };
        self.backend.put(vec![packets.iter().map(blob).collect()]).map(drop)
    }

    /// Deletes the header packets of several bodies for one recipient, durably.
    ///
    /// # Errors
    /// If one cannot be deleted.
    pub fn remove_packets(&self, recipient: &PublicKey, bodies: &[BodyId]) -> Result<(), StoreError> {
        let names: Vec<_> = bodies.iter().map(|body| layout::packet(*body, recipient)).collect();
        self.backend.delete(&names)
    }
}
