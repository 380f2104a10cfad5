//! Whole standard files: header and body in one stream.

use std::io::{self, Read, Write};

use crate::{
    Binding, BodyOpener, BodySealer, DataKey, FileError, Header, HeaderPacket, NonceBase, PublicKey, SecretKey,
};

/// Seals everything from `reader` for the recipients into `writer`; gives the number of plaintext bytes.
///
/// The writer's key is made for this one file.
///
/// # Errors
/// Those of reader and writer, and of a recipient with whom no key can be agreed.
pub fn seal(mut reader: impl Read, mut writer: impl Write, recipients: &[PublicKey]) -> Result<u64, FileError> {
    let (key, own) = (DataKey::generate()?, SecretKey::generate()?);
    let packets = recipients.iter().map(|recipient| HeaderPacket::seal(&key, &own, recipient));
    Header { packets: packets.collect::<Result<_, _>>()? }.write_to(&mut writer)?;
    let mut sealer = BodySealer::new(writer, &key, NonceBase::generate()?)?;
    io::copy(&mut reader, &mut sealer)?;
    Ok(sealer.finish()?.1)
}

/// Opens a whole file with the reader's key; gives the number of plaintext bytes.
///
/// # Errors
/// If the file is not for this key, or is damaged.
pub fn open(mut reader: impl Read, mut writer: impl Write, key: &SecretKey) -> Result<u64, FileError> {
    let data_key = Header::read_from(&mut reader)?.data_key(key)?;
    let mut opener = BodyOpener::new(reader, &data_key, Binding::Unbound)?;
    let count = io::copy(&mut opener, &mut writer)?;
    writer.flush()?;
    Ok(count)
}
