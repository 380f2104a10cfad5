//! All that must be kept of a tree to add leaves to it.

use serde::{Deserialize, Serialize};

use crate::{Hash, node_hash};

/// A tree that can grow, as the hashes of its largest full subtrees, from the left: one for each bit that is set in its
/// size. Adding a leaf costs O(log n) hashes at most, and 2 on average.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct CompactRange {
    size: u64,
    hashes: Vec<Hash>,
}

/// What was written, before it is known to be a range.
#[derive(Deserialize)]
struct Parts {
    size: u64,
    hashes: Vec<Hash>,
}

impl TryFrom<Parts> for CompactRange {
    type Error = &'static str;

    fn try_from(Parts { size, hashes }: Parts) -> Result<Self, Self::Error> {
        Self::from_parts(size, hashes).ok_or("a tree of that size does not have as many full subtrees")
    }
}

impl CompactRange {
    /// The range of a tree with so many leaves and these full subtrees; `None` if there must be more or fewer of them.
    ///
    /// The hashes are taken as they are: compare [`CompactRange::root`] with a root that is trusted.
    pub fn from_parts(size: u64, hashes: Vec<Hash>) -> Option<Self> {
        (hashes.len() as u64 == u64::from(size.count_ones())).then_some(Self { size, hashes })
    }

    /// How many leaves the tree has.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Adds a leaf by its hash.
    pub fn push(&mut self, leaf: Hash) {
        let mut hash = leaf;
        let mut left = self.size;
        // Each bit at the end that is set is a full subtree as large as the one that was just completed.
        while left & 1 == 1
            && let Some(subtree) = self.hashes.pop()
        {
            hash = node_hash(&subtree, &hash);
            left >>= 1;
        }
        self.hashes.push(hash);
        self.size += 1;
    }

    /// The tree's root hash.
    pub fn root(&self) -> Hash {
        let mut smallest_first = self.hashes.iter().rev();
        smallest_first.next().map_or_else(Hash::of_empty_tree, |smallest| {
            smallest_first.fold(*smallest, |right, left| node_hash(left, &right))
        })
    }
}
