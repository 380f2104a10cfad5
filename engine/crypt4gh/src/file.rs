//! Whole standard files: header and body in one stream.

use std::{
    io::{self, Read, Write},
    num::NonZero,
    ops::Range,
    thread,
};

use crate::{
    Binding, BodyOpener, DataKey, EditList, EditedReader, End, FileError, Header, HeaderPacket, NonceBase,
    OpenedHeader, PublicKey, SEALED_SEGMENT, SEGMENT, SecretKey, open_body, seal_body,
};

/// Seals everything from `reader` for the recipients into `writer`; gives the number of plaintext bytes.
///
/// The writer's key is made for this one file.
///
/// # Errors
/// Those of reader and writer, and of a recipient with whom no key can be agreed.
pub fn seal(
    reader: impl Read + Send,
    mut writer: impl Write + Send,
    recipients: &[PublicKey],
) -> Result<u64, FileError> {
    let (header, key) = new_header(recipients)?;
    header.write_to(&mut writer)?;
    Ok(seal_body(reader, writer, &key, NonceBase::generate()?, all_cores(), |_, _| (), drop)?)
}

/// As [`seal`], with the header apart from the body: the two one after the other are a whole file.
///
/// # Errors
/// As [`seal`].
pub fn seal_apart(
    reader: impl Read + Send,
    mut header: impl Write,
    body: impl Write + Send,
    recipients: &[PublicKey],
) -> Result<u64, FileError> {
    let (new, key) = new_header(recipients)?;
    new.write_to(&mut header)?;
    header.flush()?;
    Ok(seal_body(reader, body, &key, NonceBase::generate()?, all_cores(), |_, _| (), drop)?)
}

fn new_header(recipients: &[PublicKey]) -> Result<(Header, DataKey), FileError> {
    let (key, own) = (DataKey::generate()?, SecretKey::generate()?);
    let packets = recipients.iter().map(|recipient| HeaderPacket::seal(&key, &own, recipient));
    Ok((Header { packets: packets.collect::<Result<_, _>>()? }, key))
}

/// Opens a whole file with the reader's key; gives the number of plaintext bytes.
///
/// # Errors
/// If the file is not for this key, or is damaged.
pub fn open(mut reader: impl Read + Send, mut writer: impl Write + Send, key: &SecretKey) -> Result<u64, FileError> {
    let OpenedHeader { keys, edits } = Header::read_from(&mut reader)?.open(key)?;
    let Some(edits) = edits else {
        return Ok(open_body(reader, writer, &keys, Binding::Unbound, all_cores(), |_, _| (), drop)?);
    };
    let opener = BodyOpener::new(reader, &keys, Binding::Unbound)?;
    let count = io::copy(&mut EditedReader::new(opener, &edits), &mut writer)?;
    writer.flush()?;
    Ok(count)
}

/// Where in a body a range of the plaintext lies: the bytes of whole segments.
pub const fn sealed_range(range: &Range<u64>) -> Range<u64> {
    let size = SEALED_SEGMENT as u64;
    (range.start / SEGMENT as u64).saturating_mul(size)..range.end.div_ceil(SEGMENT as u64).saturating_mul(size)
}

/// Opens a range of the plaintext, as far as there is that much; gives the number of bytes. `reader` stands where the body's
/// [`sealed_range`] begins, and is read no further than where that ends: it can be a pipe.
///
/// # Errors
/// Those of reader and writer, and damage of a segment that holds some of the range.
pub fn open_range(
    reader: impl Read + Send,
    writer: impl Write + Send,
    keys: &[DataKey],
    range: &Range<u64>,
) -> Result<u64, FileError> {
    let (sealed, length) = (sealed_range(range), range.end.saturating_sub(range.start));
    if length == 0 {
        return Ok(0);
    }
    let mut cut = Cut { inner: writer, skip: range.start % SEGMENT as u64, left: length };
    let reader = reader.take(sealed.end - sealed.start);
    match open_body(reader, &mut cut, keys, Binding::Unbound, all_cores(), |_, _| (), drop) {
        Ok(_) => Ok(length - cut.left),
        Err(End::Body(error)) => Err(End::Body(error.of_part(range.start / SEGMENT as u64)).into()),
        Err(end) => Err(end.into()),
    }
}

/// Hands on some of what is written to it: what stands behind the first bytes, up to a length.
struct Cut<W> {
    inner: W,
    skip: u64,
    left: u64,
}

impl<W: Write> Write for Cut<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = bytes.len() as u64;
        if self.skip > 0 || self.left == 0 {
            let passed = if self.left == 0 { length } else { self.skip.min(length) };
            self.skip = self.skip.saturating_sub(passed);
            return Ok(passed as usize);
        }
        let count = self.inner.write(&bytes[..self.left.min(length) as usize])?;
        self.left -= count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

fn all_cores() -> NonZero<usize> {
    thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN)
}

/// Writes a file that shows its reader only some ranges of the plaintext, in ascending order: the segments that hold none
/// of them are left out, an edit list hides the rest of the others. Nothing is decrypted but the header. A range may reach
/// beyond the end of the plaintext.
///
/// # Errors
/// If the file is not for this key, or has an edit list already.
pub fn rearrange(
    mut reader: impl Read,
    mut writer: impl Write,
    key: &SecretKey,
    ranges: &[Range<u64>],
) -> Result<(), FileError> {
    let opened = Header::read_from(&mut reader)?.open(key)?;
    if opened.edits.is_some() {
        return Err(FileError::Edited);
    }
    let (segments, edits) = segments_of(&merged(ranges));
    let own = SecretKey::generate()?;
    let packets = opened.keys.iter().map(|data_key| Ok(HeaderPacket::seal(data_key, &own, &key.public_key())?));
    let edits = HeaderPacket::seal_edits(&edits, &own, &key.public_key());
    let packets = packets.chain([edits.map_err(FileError::from)]).collect::<Result<_, FileError>>()?;
    Header { packets }.write_to(&mut writer)?;
    let mut at = 0_u64;
    for kept in segments {
        let skipped = (kept.start - at).saturating_mul(SEALED_SEGMENT as u64);
        io::copy(&mut reader.by_ref().take(skipped), &mut io::sink())?;
        let copied = (kept.end - kept.start).saturating_mul(SEALED_SEGMENT as u64);
        io::copy(&mut reader.by_ref().take(copied), &mut writer)?;
        at = kept.end;
    }
    writer.flush()?;
    Ok(())
}

/// The ranges in ascending order, those that touch made one.
fn merged(ranges: &[Range<u64>]) -> Vec<Range<u64>> {
    let mut sorted: Vec<_> = ranges.iter().filter(|range| range.start < range.end).cloned().collect();
    sorted.sort_by_key(|range| range.start);
    let mut out: Vec<Range<u64>> = Vec::with_capacity(sorted.len());
    for range in sorted {
        match out.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => out.push(range),
        }
    }
    out
}

/// The segments that hold some of the ranges, and the edit list for what is left when only they stand.
fn segments_of(ranges: &[Range<u64>]) -> (Vec<Range<u64>>, EditList) {
    let size = SEGMENT as u64;
    let mut segments: Vec<Range<u64>> = Vec::new();
    let mut lengths = Vec::with_capacity(2 * ranges.len());
    // How many segments stand before the current one, and where the last part ended, both in what is left.
    let (mut before, mut at) = (0, 0);
    for range in ranges {
        let (first, end) = (range.start / size, range.end.div_ceil(size));
        match segments.last_mut() {
            Some(last) if first < last.end => {
                before -= 1;
                last.end = end;
            }
            _ => segments.push(first..end),
        }
        let start = before * size + range.start % size;
        lengths.push(start - at);
        if range.end == u64::MAX {
            break;
        }
        lengths.push(range.end - range.start);
        at = start + (range.end - range.start);
        before += end - first;
    }
    // No range at all: nothing is shown.
    if lengths.is_empty() {
        lengths = vec![0, 0];
    }
    (segments, EditList::from_lengths(lengths))
}
