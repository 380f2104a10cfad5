//! The site's quota: how many bytes its store may hold.
//!
//! The store is counted by one walk when the first object is sealed, and what this process seals is added. Other
//! processes' objects, and what was removed, show when it is counted again: every few minutes, and before a refusal.

use std::{
    fmt,
    io::{self, Write},
    str::FromStr,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use bytesize::ByteSize;

use crate::{AccessError, Site};

/// A count is good for so long.
const COUNT_EVERY: Duration = Duration::from_secs(300);
/// Before a refusal it must not be older than this.
const COUNT_BEFORE_REFUSAL: Duration = Duration::from_secs(10);

/// A number of bytes, such as `2 TB` or `500 GiB`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Quota(u64);

impl Quota {
    /// In bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

impl FromStr for Quota {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse::<ByteSize>() {
            Ok(ByteSize(0)) | Err(_) => Err(format!("`{text}` is not a number of bytes, such as `2 TB` or `500 GiB`")),
            Ok(ByteSize(bytes)) => Ok(Self(bytes)),
        }
    }
}

impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} B", self.0)
    }
}

/// A number of bytes for people.
pub(crate) struct Bytes(pub u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        ByteSize(self.0).display().iec().fmt(f)
    }
}

/// What the store is known to hold.
#[derive(Debug, Default)]
pub(crate) struct Meter(Mutex<Count>);

#[derive(Debug, Default)]
struct Count {
    at: Option<Instant>,
    /// In the store.
    stored: u64,
    /// Being sealed by this process.
    under_way: u64,
}

impl Count {
    fn is_older_than(&self, age: Duration) -> bool {
        self.at.is_none_or(|at| at.elapsed() > age)
    }
}

/// What one object being sealed counts for; given back when dropped, unless it was kept.
pub(crate) struct Charge<'a> {
    site: &'a Site,
    bytes: u64,
}

impl<'a> Charge<'a> {
    pub fn new(site: &'a Site) -> Self {
        Self { site, bytes: 0 }
    }

    /// Counts what is written to `inner`, before it is.
    pub fn count<'c, W>(&'c mut self, inner: W) -> Counted<'c, 'a, W> {
        Counted { charge: self, inner, refusal: None }
    }

    fn add(&mut self, more: u64) -> Result<(), AccessError> {
        let Some(quota) = self.site.config().quota else { return Ok(()) };
        let mut count = self.site.meter().count();
        let mut limit = COUNT_EVERY;
        loop {
            if count.is_older_than(limit) {
                count.stored = self.site.store().size()?;
                count.at = Some(Instant::now());
            }
            let used = count.stored + count.under_way;
            if used + more <= quota.bytes() {
                break;
            }
            if !count.is_older_than(COUNT_BEFORE_REFUSAL) {
                return Err(AccessError::Quota { used: used - self.bytes, quota: quota.bytes() });
            }
            limit = COUNT_BEFORE_REFUSAL;
        }
        count.under_way += more;
        self.bytes += more;
        Ok(())
    }

    /// The object is in the store.
    pub fn keep(self) {
        self.site.meter().count().stored += self.bytes;
    }
}

impl Drop for Charge<'_> {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.site.meter().count().under_way -= self.bytes;
        }
    }
}

/// Writes as long as the quota holds.
pub(crate) struct Counted<'c, 'a, W> {
    charge: &'c mut Charge<'a>,
    inner: W,
    refusal: Option<AccessError>,
}

impl<W> Counted<'_, '_, W> {
    /// Why nothing more is written, if that is the quota.
    pub fn refusal(&mut self) -> Option<AccessError> {
        self.refusal.take()
    }
}

impl<W: Write> Write for Counted<'_, '_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Err(error) = self.charge.add(bytes.len() as u64) {
            self.refusal = Some(error);
            return Err(io::ErrorKind::QuotaExceeded.into());
        }
        self.inner.write_all(bytes).map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl Meter {
    fn count(&self) -> MutexGuard<'_, Count> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
