//! The header of a Crypt4GH file: magic, version, and the packets that carry the data key.

use std::io::{Read, Write};

use crate::{
    DataKey, EditList, HeaderError, HeaderPacket, PacketContent, PacketError, PublicKey, SecretKey,
    packet::{LONGEST, SHORTEST},
};

/// The most packets that are accepted.
pub(crate) const MOST_PACKETS: u32 = 10_000;
const MAGIC: &[u8; 8] = b"crypt4gh";
const VERSION: u32 = 1;
/// A packet's length field counts itself.
const LENGTH_FIELD: usize = 4;

/// The header of a file ("Overall file layout", section 3.1).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Header {
    /// One packet for each recipient; packets for others are kept as they are.
    pub packets: Vec<HeaderPacket>,
}

/// What a header says to one reader.
#[derive(Clone, Debug)]
pub struct OpenedHeader {
    /// The keys with which the body is sealed; at least one.
    pub keys: Vec<DataKey>,
    /// Which parts of the plaintext are to be seen, if not all.
    pub edits: Option<EditList>,
}

impl Header {
    /// Reads a header and leaves the reader at the first segment of the body.
    ///
    /// # Errors
    /// If it is not a header of version 1, or ends early.
    pub fn read_from(mut reader: impl Read) -> Result<Self, HeaderError> {
        let mut start = [0; 16];
        reader.read_exact(&mut start)?;
        if &start[..8] != MAGIC {
            return Err(HeaderError::Magic);
        }
        let version = read_u32(&start[8..12]);
        if version != VERSION {
            return Err(HeaderError::Version(version));
        }
        let count = read_u32(&start[12..]);
        if count > MOST_PACKETS {
            return Err(HeaderError::Count(count));
        }
        let packets = (0..count).map(|_| read_packet(&mut reader)).collect::<Result<_, _>>()?;
        Ok(Self { packets })
    }

    /// Writes the header.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write_to(&self, mut writer: impl Write) -> std::io::Result<()> {
        writer.write_all(MAGIC)?;
        writer.write_all(&VERSION.to_le_bytes())?;
        writer.write_all(&(self.packets.len() as u32).to_le_bytes())?;
        for packet in &self.packets {
            let bytes = packet.as_bytes();
            writer.write_all(&((bytes.len() + LENGTH_FIELD) as u32).to_le_bytes())?;
            writer.write_all(bytes)?;
        }
        Ok(())
    }

    /// What the header says to this reader; packets for others are passed over.
    ///
    /// # Errors
    /// If there is no data key, several edit lists, or something unknown in a packet for this reader.
    pub fn open(&self, reader: &SecretKey) -> Result<OpenedHeader, HeaderError> {
        let mut opened = OpenedHeader { keys: Vec::new(), edits: None };
        for content in self.contents(reader)?.into_iter().flatten() {
            match content {
                PacketContent::DataKey(key) => opened.keys.push(key),
                PacketContent::EditList(_) if opened.edits.is_some() => return Err(HeaderError::EditLists),
                PacketContent::EditList(edits) => opened.edits = Some(edits),
            }
        }
        if opened.keys.is_empty() { Err(HeaderError::NoDataKey) } else { Ok(opened) }
    }

    /// The header for other recipients: whatever the reader can open is sealed for each of them. The body stays as it is.
    /// Packets for others stay if `keeps_others`.
    ///
    /// # Errors
    /// As [`Header::open`], and if no key can be agreed with a recipient.
    pub fn reencrypt(
        &self,
        reader: &SecretKey,
        recipients: &[PublicKey],
        keeps_others: bool,
    ) -> Result<Self, HeaderError> {
        self.open(reader)?;
        let contents = self.contents(reader)?;
        let writer = SecretKey::generate().map_err(PacketError::from)?;
        let mut packets = Vec::new();
        for recipient in recipients {
            for content in contents.iter().flatten() {
                packets.push(HeaderPacket::seal_again(content, &writer, recipient)?);
            }
        }
        let others = self.packets.iter().zip(&contents).filter(|(_, content)| keeps_others && content.is_none());
        packets.extend(others.map(|(packet, _)| packet.clone()));
        Ok(Self { packets })
    }

    /// What each packet says to this reader; `None` for those of others.
    fn contents(&self, reader: &SecretKey) -> Result<Vec<Option<PacketContent>>, HeaderError> {
        let open = |packet: &HeaderPacket| match packet.open(reader) {
            Ok(content) => Ok(Some(content)),
            Err(PacketError::NotForThisKey | PacketError::Method(_)) => Ok(None),
            Err(error) => Err(error.into()),
        };
        self.packets.iter().map(open).collect()
    }
}

fn read_packet(reader: &mut impl Read) -> Result<HeaderPacket, HeaderError> {
    let mut length = [0; LENGTH_FIELD];
    reader.read_exact(&mut length)?;
    let claimed = u32::from_le_bytes(length);
    let length = (claimed as usize).wrapping_sub(LENGTH_FIELD);
    if !(SHORTEST..=LONGEST).contains(&length) {
        return Err(HeaderError::PacketLength(claimed));
    }
    let mut bytes = Vec::new();
    reader.take(length as u64).read_to_end(&mut bytes)?;
    if bytes.len() < length {
        return Err(HeaderError::Io(std::io::ErrorKind::UnexpectedEof.into()));
    }
    Ok(HeaderPacket::from_bytes(bytes)?)
}

fn read_u32(bytes: &[u8]) -> u32 {
    bytes.iter().rev().fold(0, |value, byte| value << 8 | u32::from(*byte))
}
