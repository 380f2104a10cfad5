//! One header packet: a data key sealed for one recipient.

use zeroize::Zeroizing;

use crate::{
    CryptoError, DataKey, PacketError, PublicKey, SecretKey,
    crypto::{self, Cipher, NONCE, TAG},
};

/// The most bytes of a packet that is accepted; the standard allows padding and long edit lists.
pub(crate) const LONGEST: usize = 1 << 20;
/// Method, writer's key and nonce, before the ciphertext.
const PREFIX: usize = 4 + 32 + NONCE;
/// The packet type of a data key ("Data encryption key packet").
const DATA_KEY: u32 = 0;
/// The packet type of an edit list ("Data edit list packet").
const EDIT_LIST: u32 = 1;
/// The shortest packet, without its length field: an edit list of no entries.
pub(crate) const SHORTEST: usize = PREFIX + 8 + TAG;

/// An encrypted header packet, without its length field ("Header packet", section 3.2).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HeaderPacket(Vec<u8>);

impl HeaderPacket {
    /// Seals a data key for one recipient.
    ///
    /// # Errors
    /// If no key can be agreed with the recipient, or the system gives no random bytes.
    pub fn seal(key: &DataKey, writer: &SecretKey, recipient: &PublicKey) -> Result<Self, CryptoError> {
        let packet_key = crypto::packet_key(writer.secret(), recipient, recipient, &writer.public_key())?;
        let mut nonce = [0; NONCE];
        crypto::random(&mut nonce)?;
        let mut content = Zeroizing::new([0; 8 + 32]);
        content[8..].copy_from_slice(key.secret());
        let tag = Cipher::new(&packet_key)?.seal(nonce, &mut *content)?;
        let writer = writer.public_key();
        let parts: [&[u8]; 5] = [&[0; 4], writer.as_bytes(), &nonce, &*content, &tag];
        Ok(Self(parts.concat()))
    }

    /// Opens the packet with the recipient's key.
    ///
    /// # Errors
    /// If it is for another key, or holds something else than a data key.
    pub fn open(&self, reader: &SecretKey) -> Result<DataKey, PacketError> {
        let method = u32_at(&self.0, 0).ok_or(PacketError::Content)?;
        if method != 0 {
            return Err(PacketError::Method(method));
        }
        let (writer, nonce) = (array_at(&self.0, 4), array_at(&self.0, 36));
        let (Some(writer), Some(nonce)) = (writer.map(PublicKey::from_bytes), nonce) else {
            return Err(PacketError::Content);
        };
        let packet_key = crypto::packet_key(reader.secret(), &writer, &reader.public_key(), &writer)
            .map_err(|_| PacketError::NotForThisKey)?;
        let mut sealed = Zeroizing::new(self.0[PREFIX..].to_vec());
        let content = Cipher::new(&packet_key)?.open(nonce, &mut sealed).ok_or(PacketError::NotForThisKey)?;
        read_data_key(content)
    }

    /// The packet as it stands in a header, without its length field.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// From the packet as it stands in a header, without its length field.
    ///
    /// # Errors
    /// If no packet can have this length.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, PacketError> {
        if (SHORTEST..=LONGEST).contains(&bytes.len()) {
            Ok(Self(bytes))
        } else {
            Err(PacketError::Length(bytes.len()))
        }
    }
}

fn read_data_key(content: &[u8]) -> Result<DataKey, PacketError> {
    match u32_at(content, 0).ok_or(PacketError::Content)? {
        DATA_KEY => match u32_at(content, 4).ok_or(PacketError::Content)? {
            0 => array_at(content, 8).map(DataKey::from_bytes).ok_or(PacketError::Content),
            method => Err(PacketError::DataMethod(method)),
        },
        EDIT_LIST => Err(PacketError::EditList),
        other => Err(PacketError::Type(other)),
    }
}

fn array_at<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    array_at(bytes, at).map(u32::from_le_bytes)
}
