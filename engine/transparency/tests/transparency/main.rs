//! The tree, its proofs and its checkpoints, against the reference's vectors and against every kind of tampering.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

mod notes;
mod properties;
mod vectors;

use sluis_transparency::{CompactRange, ConsistencyProof, Hash, InclusionProof, ProofBuilder, leaf_hash};

/// The leaves of a tree, each another record.
fn leaves(count: u64) -> Vec<Hash> {
    (0..count).map(|number| leaf_hash(format!("record {number}").as_bytes())).collect()
}

fn tree(leaves: &[Hash]) -> CompactRange {
    let mut tree = CompactRange::default();
    leaves.iter().for_each(|leaf| tree.push(*leaf));
    tree
}

fn root(leaves: &[Hash]) -> Hash {
    tree(leaves).root()
}

fn inclusion(leaves: &[Hash], index: u64) -> InclusionProof {
    let mut proof = ProofBuilder::inclusion(index, leaves.len() as u64).unwrap();
    leaves.iter().for_each(|leaf| proof.push(*leaf));
    proof.into_inclusion().unwrap()
}

fn consistency(leaves: &[Hash], from: u64) -> ConsistencyProof {
    let mut proof = ProofBuilder::consistency(from, leaves.len() as u64).unwrap();
    leaves.iter().for_each(|leaf| proof.push(*leaf));
    proof.into_consistency().unwrap()
}
