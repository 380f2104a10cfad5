//! One header packet: a data key sealed for one recipient.

use zeroize::Zeroizing;

use crate::{
    CryptoError, DataKey, EditList, PacketError, PublicKey, SecretKey,
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

/// What a header packet says.
#[derive(Clone, Debug)]
pub enum PacketContent {
    /// A key with which the body, or a part of it, is sealed.
    DataKey(DataKey),
    /// Which parts of the plaintext are to be seen.
    EditList(EditList),
}

/// What a writer and a reader of header packets agree on (section 3.2.2). To agree takes longer than all the rest of a
/// packet does, so whoever seals or opens many keeps this.
pub struct PacketKey {
    cipher: Cipher,
    writer: PublicKey,
}

impl PacketKey {
    /// As the writer knows it.
    ///
    /// # Errors
    /// If no key can be agreed with the reader.
    pub fn of_writer(writer: &SecretKey, reader: &PublicKey) -> Result<Self, CryptoError> {
        let public = writer.public_key();
        Self::agreed(writer, reader, reader, public)
    }

    /// As the reader knows it.
    ///
    /// # Errors
    /// If no key can be agreed with the writer.
    pub fn of_reader(reader: &SecretKey, writer: &PublicKey) -> Result<Self, CryptoError> {
        Self::agreed(reader, writer, &reader.public_key(), *writer)
    }

    fn agreed(own: &SecretKey, other: &PublicKey, reader: &PublicKey, writer: PublicKey) -> Result<Self, CryptoError> {
        let key = crypto::packet_key(own.secret(), other, reader, &writer)?;
        Ok(Self { cipher: Cipher::new(&key)?, writer })
    }

    /// The writer's public key.
    pub const fn writer(&self) -> PublicKey {
        self.writer
    }

    /// Seals a data key for the reader. The nonce is random: one key is good for many millions of packets.
    ///
    /// # Errors
    /// If the system gives no random bytes.
    pub fn seal(&self, key: &DataKey) -> Result<HeaderPacket, CryptoError> {
        let mut content = Zeroizing::new(vec![0; 8 + 32]);
        content[8..].copy_from_slice(key.secret());
        self.seal_content(content)
    }

    fn seal_content(&self, mut content: Zeroizing<Vec<u8>>) -> Result<HeaderPacket, CryptoError> {
        let mut nonce = [0; NONCE];
        crypto::random(&mut nonce)?;
        let tag = self.cipher.seal(nonce, &mut content)?;
        let parts: [&[u8]; 5] = [&[0; 4], self.writer.as_bytes(), &nonce, &content, &tag];
        Ok(HeaderPacket(parts.concat()))
    }
}

impl std::fmt::Debug for PacketKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PacketKey")
    }
}

/// An encrypted header packet, without its length field ("Header packet", section 3.2).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HeaderPacket(Vec<u8>);

impl HeaderPacket {
    /// Seals a data key for one recipient.
    ///
    /// # Errors
    /// If no key can be agreed with the recipient, or the system gives no random bytes.
    pub fn seal(key: &DataKey, writer: &SecretKey, recipient: &PublicKey) -> Result<Self, CryptoError> {
        PacketKey::of_writer(writer, recipient)?.seal(key)
    }

    /// Seals an edit list for one recipient.
    ///
    /// # Errors
    /// As [`HeaderPacket::seal`], and if it is too long for a packet.
    pub fn seal_edits(edits: &EditList, writer: &SecretKey, recipient: &PublicKey) -> Result<Self, PacketError> {
        let lengths = edits.lengths();
        let mut content = Zeroizing::new(Vec::with_capacity(8 + 8 * lengths.len()));
        content.extend_from_slice(&EDIT_LIST.to_le_bytes());
        content.extend_from_slice(&(lengths.len() as u32).to_le_bytes());
        lengths.iter().for_each(|length| content.extend_from_slice(&length.to_le_bytes()));
        let packet = PacketKey::of_writer(writer, recipient)?.seal_content(content)?;
        if packet.0.len() > LONGEST { Err(PacketError::Length(packet.0.len())) } else { Ok(packet) }
    }

    /// Seals what an opened packet said for another recipient.
    ///
    /// # Errors
    /// As [`HeaderPacket::seal_edits`].
    pub fn seal_again(content: &PacketContent, writer: &SecretKey, recipient: &PublicKey) -> Result<Self, PacketError> {
        match content {
            PacketContent::DataKey(key) => Ok(Self::seal(key, writer, recipient)?),
            PacketContent::EditList(edits) => Self::seal_edits(edits, writer, recipient),
        }
    }

    /// Opens the packet with the recipient's key.
    ///
    /// # Errors
    /// If it is for another key, or holds what no packet holds.
    pub fn open(&self, reader: &SecretKey) -> Result<PacketContent, PacketError> {
        let key = PacketKey::of_reader(reader, &self.writer()?).map_err(|_| PacketError::NotForThisKey)?;
        self.open_by(&key)
    }

    /// Opens the packet with what its reader agreed on with its writer.
    ///
    /// # Errors
    /// As [`HeaderPacket::open`].
    pub fn open_by(&self, key: &PacketKey) -> Result<PacketContent, PacketError> {
        let writer = self.writer()?;
        let nonce = array_at(&self.0, 36).ok_or(PacketError::Content)?;
        if writer != key.writer {
            return Err(PacketError::NotForThisKey);
        }
        let mut sealed = Zeroizing::new(self.0[PREFIX..].to_vec());
        let content = key.cipher.open(nonce, &mut sealed).ok_or(PacketError::NotForThisKey)?;
        read_content(content)
    }

    /// The public key of who sealed the packet, as it says itself.
    ///
    /// # Errors
    /// If it is sealed in a way that is not of the standard.
    pub fn writer(&self) -> Result<PublicKey, PacketError> {
        match u32_at(&self.0, 0).ok_or(PacketError::Content)? {
            0 => array_at(&self.0, 4).map(PublicKey::from_bytes).ok_or(PacketError::Content),
            method => Err(PacketError::Method(method)),
        }
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

fn read_content(content: &[u8]) -> Result<PacketContent, PacketError> {
    match u32_at(content, 0).ok_or(PacketError::Content)? {
        DATA_KEY => match u32_at(content, 4).ok_or(PacketError::Content)? {
            0 => {
                let key = array_at(content, 8).map(DataKey::from_bytes).ok_or(PacketError::Content)?;
                Ok(PacketContent::DataKey(key))
            }
            method => Err(PacketError::DataMethod(method)),
        },
        EDIT_LIST => {
            let count = u32_at(content, 4).ok_or(PacketError::Content)? as usize;
            let lengths = content[8..].chunks_exact(8).take(count);
            let lengths: Vec<_> = lengths.filter_map(|bytes| array_at(bytes, 0)).map(u64::from_le_bytes).collect();
            if lengths.len() < count {
                Err(PacketError::Content)
            } else {
                Ok(PacketContent::EditList(EditList::from_lengths(lengths)))
            }
        }
        other => Err(PacketError::Type(other)),
    }
}

fn array_at<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    array_at(bytes, at).map(u32::from_le_bytes)
}
