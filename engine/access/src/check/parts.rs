//! Checking a large object in parts, so that several threads can work on it: each part by one thread, with a reader of its own.

use std::{
    collections::BTreeMap,
    fmt,
    io::{self, Read, Seek, SeekFrom},
    num::NonZero,
    slice,
    sync::{Arc, Mutex, PoisonError},
};

use sluis_crypt4gh::{BATCH, Binding, DataKey, NonceBase, SEGMENT, Segments, open_body, sealed_length};
use sluis_store::{StoreError, StoredObject, backend::OpenBlob};

use super::{Checked, told};
use crate::{
    AccessError, Site,
    plain::{Outline, PlainReader},
    tree::{Joiner, Part},
    unseal::{How, WrongContent, not_opened},
};

/// Bytes of plaintext in every part but the last: a power of two, and so many that to open the body once more, and what a
/// reader fetches ahead beyond its part's end, count for little.
pub(super) const PART: u64 = 64 << 20;

/// A large object whose content is being checked. It holds what the content is read with and gives nothing out.
pub struct LargeCheck {
    object: StoredObject,
    size: u64,
    content: Content,
    state: Mutex<State>,
}

enum Content {
    Sealed(DataKey, NonceBase),
    Plain(Arc<Outline>),
}

/// How far the check of a large object has come.
struct State {
    /// The part that comes next.
    next: u64,
    /// How many threads work on a part.
    busy: u64,
    /// Of a sealed object: what is joined of it, how many parts that are, and the parts that wait for their turn.
    joiner: Joiner,
    joined: u64,
    waiting: BTreeMap<u64, Part>,
    /// What is wrong in the first part in which something is.
    fault: Option<(u64, Checked)>,
}

/// What came of asking for a part to check.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PartChecked {
    /// One was checked; others are left, or others work on them.
    More,
    /// One was checked, and it was the last: this was found of the object.
    Last(Checked),
    /// Every part is taken by somebody.
    NoneLeft,
}

impl LargeCheck {
    pub(super) fn new(site: &Site, object: StoredObject, size: u64, how: How) -> Result<Self, AccessError> {
        let content = match how {
            How::Sealed(key, base) => Content::Sealed(key, base),
            How::Plain(outline) => Content::Plain(site.outline(&object.address, size, &outline)?),
        };
        let (joiner, waiting) = (Joiner::new(site.keys().address_key()), BTreeMap::new());
        let state = State { next: 0, busy: 0, joiner, joined: 0, waiting, fault: None };
        Ok(Self { object, size, content, state: Mutex::new(state) })
    }

    /// The next part; `None` if every part is taken, or if something is known to be wrong.
    fn take(&self) -> Option<u64> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.fault.is_some() || state.next >= self.size.div_ceil(PART) {
            return None;
        }
        state.next += 1;
        state.busy += 1;
        Some(state.next - 1)
    }

    /// Takes in what was found of a part; gives what is known of the object if that was the last.
    fn settle(&self, number: u64, found: Result<Option<Part>, Checked>) -> Option<Checked> {
        let mut held = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let state = &mut *held;
        state.busy -= 1;
        match found {
            Ok(part) => state.waiting.extend(part.map(|part| (number, part))),
            // Every part before this one is done, or somebody works on it.
            Err(fault) if state.fault.as_ref().is_none_or(|(first, _)| number < *first) => {
                state.fault = Some((number, fault));
            }
            Err(_) => {}
        }
        while let Some(part) = state.waiting.remove(&state.joined) {
            state.joiner.add(&part);
            state.joined += 1;
        }
        let is_last = state.fault.is_some() || state.next == self.size.div_ceil(PART);
        if state.busy > 0 || !is_last {
            return None;
        }
        Some(match (&state.fault, &self.content) {
            (Some((_, fault)), _) => fault.clone(),
            (None, Content::Sealed(..)) if state.joiner.clone().finish() != *self.object.address.as_bytes() => {
                Checked::Damaged(format!("its body ({WrongContent})"))
            }
            (None, _) => Checked::Whole(self.size),
        })
    }

    /// What a part says of the address, if that is not known of the part alone; or what is wrong with it.
    fn check(&self, site: &Site, number: u64) -> Result<Option<Part>, Checked> {
        let body = self.object.open_body().map_err(|error| match error {
            StoreError::Damaged(_) => Checked::Damaged("its body (it is missing)".to_owned()),
            other => told(other.into()),
        })?;
        let start = number * PART;
        let length = PART.min(self.size - start);
        let found = match &self.content {
            Content::Sealed(key, base) => self.check_sealed(site, body, (key, *base), start, length).map(Some),
            Content::Plain(outline) => self.check_plain(body, outline, start, length).map(|()| None),
        };
        found.map_err(told)
    }

    fn check_sealed(
        &self,
        site: &Site,
        mut body: Box<dyn OpenBlob>,
        (key, base): (&DataKey, NonceBase),
        start: u64,
        length: u64,
    ) -> Result<Part, AccessError> {
        let address = &self.object.address;
        body.seek(SeekFrom::Start(sealed_length(start))).map_err(AccessError::from_reading(address))?;
        let is_last = start + length == self.size;
        // The last part is read to the body's end, so that what is behind it is seen.
        let body = body.take(if is_last { u64::MAX } else { sealed_length(length) });
        let first = start / SEGMENT as u64;
        let binding = Binding::Position { base: base.of_part(first), length };
        let keyed = blake3::Hasher::new_keyed(site.keys().address_key());
        let look = |batch, segments: Segments<'_>| Part::of(&keyed, start + batch * BATCH as u64, segments);
        let mut joiner = Joiner::new(site.keys().address_key());
        let one = NonZero::<usize>::MIN;
        open_body(body, io::sink(), slice::from_ref(key), binding, one, look, |part| joiner.add(&part))
            .map_err(|end| not_opened(address, end, first))?;
        Ok(joiner.part())
    }

    fn check_plain(
        &self,
        body: Box<dyn OpenBlob>,
        outline: &Arc<Outline>,
        start: u64,
        length: u64,
    ) -> Result<(), AccessError> {
        let mut reader = PlainReader::new(body, Arc::clone(outline));
        let read =
            reader.seek(SeekFrom::Start(start)).and_then(|_| io::copy(&mut reader.take(length), &mut io::sink()));
        read.map(drop).map_err(AccessError::from_reading(&self.object.address))
    }
}

impl Site {
    /// Checks one part of a large object that no other thread has taken.
    pub fn check_part(&self, large: &LargeCheck) -> PartChecked {
        let Some(number) = large.take() else { return PartChecked::NoneLeft };
        match large.settle(number, large.check(self, number)) {
            None => PartChecked::More,
            Some(found) => PartChecked::Last(self.unless_gone(&large.object.address, found)),
        }
    }
}

impl fmt::Debug for LargeCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LargeCheck").field("object", &self.object.address).finish_non_exhaustive()
    }
}
