//! What was agreed on with writers and readers of header packets lately: to agree takes longer than all the rest of a
//! packet, and what a run makes it mostly reads itself.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use sluis_crypt4gh::{CryptoError, DataKey, HeaderPacket, PacketContent, PacketError, PacketKey, PublicKey, SecretKey};

/// So many writers are remembered.
const WRITERS: usize = 32;

/// So many packets are sealed before another writer's key is made: far fewer than random nonces allow.
const PACKETS: u32 = 1 << 16;

/// The keys that were agreed on lately. They are wiped when they are forgotten.
#[derive(Default)]
pub(super) struct Agreed {
    /// By the reader; the latest first.
    read: Mutex<VecDeque<(PublicKey, Arc<PacketKey>)>>,
    written: Mutex<Vec<Written>>,
}

/// What packets for one reader are sealed with.
struct Written {
    reader: PublicKey,
    key: Arc<PacketKey>,
    left: u32,
}

impl Agreed {
    /// Opens a packet with the reader's key.
    pub(super) fn open(&self, reader: &SecretKey, packet: &HeaderPacket) -> Result<PacketContent, PacketError> {
        let (own, writer) = (reader.public_key(), packet.writer()?);
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let known = read.iter().position(|(known, key)| *known == own && key.writer() == writer);
        if let Some(place) = known.filter(|place| *place > 0) {
            read.swap(0, place);
        }
        let known = known.and_then(|_| read.front()).map(|(_, key)| Arc::clone(key));
        drop(read);
        if let Some(key) = known {
            return packet.open_by(&key);
        }
        let key = Arc::new(PacketKey::of_reader(reader, &writer).map_err(|_| PacketError::NotForThisKey)?);
        let content = packet.open_by(&key)?;
        // Only now: a packet that does not open says nothing about its writer.
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        read.push_front((own, key));
        read.truncate(WRITERS);
        Ok(content)
    }

    /// Seals a data key for a reader.
    pub(super) fn seal(&self, key: &DataKey, reader: &PublicKey) -> Result<HeaderPacket, CryptoError> {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        written.retain(|known| known.left > 0);
        let known = match written.iter_mut().find(|known| known.reader == *reader) {
            Some(known) => {
                known.left -= 1;
                Arc::clone(&known.key)
            }
            None => {
                let agreed = Arc::new(PacketKey::of_writer(&SecretKey::generate()?, reader)?);
                written.push(Written { reader: *reader, key: Arc::clone(&agreed), left: PACKETS });
                agreed
            }
        };
        drop(written);
        known.seal(key)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail")]
mod tests {
    use super::*;

    fn same(content: &PacketContent, key: &DataKey) -> bool {
        matches!(content, PacketContent::DataKey(found) if found.secret() == key.secret())
    }

    #[test]
    fn what_was_agreed_on_is_used_again_for_the_same_two_alone() {
        let (ours, other) = (SecretKey::generate().unwrap(), SecretKey::generate().unwrap());
        let (agreed, key) = (Agreed::default(), DataKey::generate().unwrap());
        let first = agreed.seal(&key, &ours.public_key()).unwrap();
        let second = agreed.seal(&key, &ours.public_key()).unwrap();
        let third = agreed.seal(&key, &other.public_key()).unwrap();
        assert_eq!(first.writer().unwrap(), second.writer().unwrap());
        assert_ne!(first, second, "each has a nonce of its own");
        assert_ne!(first.writer().unwrap(), third.writer().unwrap());
        for packet in [&first, &second, &first] {
            assert!(same(&agreed.open(&ours, packet).unwrap(), &key));
            // The writer is known by now, but not to this reader.
            assert!(agreed.open(&other, packet).is_err());
            assert!(same(&packet.open(&ours).unwrap(), &key), "and whoever agreed on nothing reads it, too");
        }
        assert!(same(&agreed.open(&other, &third).unwrap(), &key));
    }

    #[test]
    fn only_the_latest_writers_are_remembered() {
        let (ours, key) = (SecretKey::generate().unwrap(), DataKey::generate().unwrap());
        let agreed = Agreed::default();
        let packets: Vec<_> = (0..WRITERS + 5)
            .map(|_| HeaderPacket::seal(&key, &SecretKey::generate().unwrap(), &ours.public_key()).unwrap())
            .collect();
        for _ in 0..2 {
            assert!(packets.iter().all(|packet| same(&agreed.open(&ours, packet).unwrap(), &key)));
        }
        assert_eq!(agreed.read.lock().unwrap().len(), WRITERS);
    }
}
