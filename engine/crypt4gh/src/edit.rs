//! Edit lists: which parts of the plaintext a reader gets to see ("Data edit list packet", section 3.2.3).

use std::{
    fmt,
    io::{self, Read, Seek, SeekFrom},
    ops::Range,
};

use crate::BodyOpener;

/// Lengths in bytes of plaintext, to skip and to keep in turns. After the last one, what is left is kept if the last was
/// to skip, and skipped if it was to keep.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct EditList(Vec<u64>);

impl EditList {
    /// The lengths as they stand in the packet.
    pub fn from_lengths(lengths: Vec<u64>) -> Self {
        Self(lengths)
    }

    /// The lengths as they stand in the packet.
    pub fn lengths(&self) -> &[u64] {
        &self.0
    }

    /// The parts that are kept; the last one may reach beyond the end of the plaintext.
    pub(crate) fn kept(&self) -> Vec<Range<u64>> {
        let mut at = 0_u64;
        let mut ranges = Vec::with_capacity(self.0.len() / 2 + 1);
        for pair in self.0.chunks(2) {
            let start = at.saturating_add(pair[0]);
            let end = pair.get(1).map_or(u64::MAX, |keep| start.saturating_add(*keep));
            if start < end {
                ranges.push(start..end);
            }
            at = end;
        }
        ranges
    }
}

/// How to get to a later place in the plaintext.
type Advance<R> = fn(&mut BodyOpener<R>, u64) -> io::Result<()>;

/// Reads those parts of a body that an edit list keeps, one after the other.
pub struct EditedReader<R> {
    opener: BodyOpener<R>,
    kept: Vec<Range<u64>>,
    /// The part that is being read.
    part: usize,
    advance: Advance<R>,
}

impl<R: Read> EditedReader<R> {
    /// Reads a body from its beginning; what is skipped is read, verified and thrown away.
    pub fn new(opener: BodyOpener<R>, edits: &EditList) -> Self {
        Self { opener, kept: edits.kept(), part: 0, advance: read_away }
    }
}

impl<R: Read + Seek> EditedReader<R> {
    /// Reads a body with random access; segments that are skipped as a whole are not read.
    pub fn seekable(opener: BodyOpener<R>, edits: &EditList) -> Self {
        Self { opener, kept: edits.kept(), part: 0, advance: |opener, to| opener.seek(SeekFrom::Start(to)).map(drop) }
    }
}

fn read_away<R: Read>(opener: &mut BodyOpener<R>, to: u64) -> io::Result<()> {
    let distance = to.saturating_sub(opener.position());
    io::copy(&mut opener.take(distance), &mut io::sink()).map(drop)
}

impl<R: Read> Read for EditedReader<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while let Some(part) = self.kept.get(self.part) {
            let at = self.opener.position();
            if at >= part.end {
                self.part += 1;
                continue;
            }
            if at < part.start {
                (self.advance)(&mut self.opener, part.start)?;
                if self.opener.position() < part.start {
                    // The plaintext ends before this part begins.
                    return Ok(0);
                }
                continue;
            }
            let left = usize::try_from(part.end - at).unwrap_or(usize::MAX);
            let room = out.len().min(left);
            return self.opener.read(&mut out[..room]);
        }
        Ok(0)
    }
}

impl<R: Read + Seek> Seek for EditedReader<R> {
    /// Goes to a place in what is kept; places past its end are its end.
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let whole = self.opener.length()?;
        let length = |part: &Range<u64>| part.end.min(whole).saturating_sub(part.start);
        let total: u64 = self.kept.iter().map(length).sum();
        let here = || {
            let before: u64 = self.kept.iter().take(self.part).map(length).sum();
            let within = self.kept.get(self.part).map_or(0, |part| self.opener.position().saturating_sub(part.start));
            before + within
        };
        let wanted = match to {
            SeekFrom::Start(offset) => Some(offset),
            SeekFrom::End(offset) => total.checked_add_signed(offset),
            SeekFrom::Current(offset) => here().checked_add_signed(offset),
        };
        let wanted = wanted.ok_or(io::ErrorKind::InvalidInput)?.min(total);
        let mut left = wanted;
        self.part = self.kept.len();
        for (number, part) in self.kept.iter().enumerate() {
            if left < length(part) {
                self.part = number;
                self.opener.seek(SeekFrom::Start(part.start + left))?;
                break;
            }
            left -= length(part);
        }
        Ok(wanted)
    }
}

impl<R> fmt::Debug for EditedReader<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EditedReader").field("part", &self.part).finish_non_exhaustive()
    }
}
