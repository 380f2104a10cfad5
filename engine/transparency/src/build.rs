//! Making proofs in one pass over the leaf hashes, with a few hashes kept.

use std::ops::Range;

use crate::{CompactRange, ConsistencyProof, Hash, InclusionProof};

/// Takes the leaf hashes of a tree, in order from the first, and becomes a proof.
#[derive(Clone, Debug)]
pub struct ProofBuilder {
    /// The record of an inclusion proof, the earlier size of a consistency proof.
    subject: u64,
    size: u64,
    /// How many leaves were taken.
    taken: u64,
    /// The subtrees whose roots are the proof, in its order.
    subtrees: Vec<(Range<u64>, CompactRange)>,
}

impl ProofBuilder {
    /// Begins the proof that the record `index` is in the tree of `size` records; `None` if there is no such record.
    pub fn inclusion(index: u64, size: u64) -> Option<Self> {
        (index < size).then(|| Self::new(index, size, audit_path(index, size)))
    }

    /// Begins the proof that the tree of `size` records begins with that of `from` records; `None` if that is larger.
    pub fn consistency(from: u64, size: u64) -> Option<Self> {
        (from <= size).then(|| Self::new(from, size, subproof(from, size)))
    }

    fn new(subject: u64, size: u64, ranges: Vec<Range<u64>>) -> Self {
        let subtrees = ranges.into_iter().map(|range| (range, CompactRange::default())).collect();
        Self { subject, size, taken: 0, subtrees }
    }

    /// Takes the next leaf's hash; those behind the tree's size count for nothing.
    pub fn push(&mut self, leaf: Hash) {
        let taken = self.taken;
        if let Some((_, subtree)) = self.subtrees.iter_mut().find(|(range, _)| range.contains(&taken)) {
            subtree.push(leaf);
        }
        self.taken += 1;
    }

    /// The inclusion proof; `None` if leaves are missing.
    pub fn into_inclusion(self) -> Option<InclusionProof> {
        let (index, size) = (self.subject, self.size);
        Some(InclusionProof { index, size, hashes: self.into_hashes()? })
    }

    /// The consistency proof; `None` if leaves are missing.
    pub fn into_consistency(self) -> Option<ConsistencyProof> {
        let (from, size) = (self.subject, self.size);
        Some(ConsistencyProof { from, size, hashes: self.into_hashes()? })
    }

    fn into_hashes(self) -> Option<Vec<Hash>> {
        let is_whole = self.taken >= self.size;
        is_whole.then(|| self.subtrees.iter().map(|(_, subtree)| subtree.root()).collect())
    }
}

/// `PATH` of RFC 6962, section 2.1.1, as the ranges of leaves whose hashes it consists of.
fn audit_path(index: u64, size: u64) -> Vec<Range<u64>> {
    let (mut tree, mut path) = (0..size, Vec::new());
    while tree.end - tree.start > 1 {
        let middle = tree.start + split(tree.end - tree.start);
        let (left, right) = (tree.start..middle, middle..tree.end);
        let other;
        (tree, other) = if index < middle { (left, right) } else { (right, left) };
        path.push(other);
    }
    path.reverse();
    path
}

/// `PROOF` of RFC 6962, section 2.1.2, in the same way.
fn subproof(from: u64, size: u64) -> Vec<Range<u64>> {
    let (mut tree, mut path) = (0..size, Vec::new());
    if from == 0 {
        return path;
    }
    while tree.end != from {
        let middle = tree.start + split(tree.end - tree.start);
        let (left, right) = (tree.start..middle, middle..tree.end);
        let other;
        (tree, other) = if from <= middle { (left, right) } else { (right, left) };
        path.push(other);
    }
    // What is left is the last full part of the earlier tree; if that is all of it, its root is known.
    if tree.start > 0 {
        path.push(tree);
    }
    path.reverse();
    path
}

/// The largest power of two below a number that is at least 2.
const fn split(count: u64) -> u64 {
    1 << (u64::BITS - 1 - (count - 1).leading_zeros())
}
