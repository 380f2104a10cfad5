//! The header of a Crypt4GH file: magic, version, and the packets that carry the data key.

use std::io::{Read, Write};

use crate::{
    DataKey, HeaderError, HeaderPacket, PacketError, SecretKey,
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

    /// The data key for this reader; packets for others are passed over.
    ///
    /// # Errors
    /// If there is none, or a packet for this reader holds something that is not supported.
    pub fn data_key(&self, reader: &SecretKey) -> Result<DataKey, HeaderError> {
        let mut found = None;
        for packet in &self.packets {
            match packet.open(reader) {
                Ok(key) => found = found.or(Some(key)),
                Err(PacketError::NotForThisKey | PacketError::Method(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        found.ok_or(HeaderError::NoDataKey)
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
