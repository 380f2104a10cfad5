//! A log that can prove what is in it: an RFC 6962 Merkle tree over records, and signed checkpoints of it.
//!
//! | part | specification |
//! |---|---|
//! | [`leaf_hash`], [`node_hash`], [`CompactRange`] | RFC 6962, section 2.1, with SHA-256 |
//! | [`InclusionProof`] | RFC 6962, section 2.1.1; verified as RFC 9162, section 2.1.3.2 says |
//! | [`ConsistencyProof`] | RFC 6962, section 2.1.2; verified as RFC 9162, section 2.1.4.2 says |
//! | [`SignedNote`], [`VerifierKey`], [`Signer`] | C2SP signed-note, with Ed25519 keys |
//! | [`Checkpoint`] | C2SP tlog-checkpoint |
//!
//! Nothing here reads or writes files. A [`CompactRange`] is all that must be kept of a tree to go on with it: at most 64
//! hashes, whatever the tree's size. A proof is made in one pass over the leaf hashes ([`ProofBuilder`]).
//!
//! ```
//! use sluis_transparency::{CompactRange, ProofBuilder, leaf_hash};
//! let leaves = ["one", "two", "three"].map(|record| leaf_hash(record.as_bytes()));
//! let mut tree = CompactRange::default();
//! let mut proof = ProofBuilder::inclusion(1, 3).unwrap();
//! for leaf in leaves {
//!     tree.push(leaf);
//!     proof.push(leaf);
//! }
//! let proof = proof.into_inclusion().unwrap();
//! assert!(proof.proves(&leaf_hash(b"two"), &tree.root()));
//! assert!(!proof.proves(&leaf_hash(b"2"), &tree.root()));
//! ```

mod build;
mod checkpoint;
mod hash;
mod key;
mod note;
mod proof;
mod range;

pub use build::ProofBuilder;
pub use checkpoint::{Checkpoint, CheckpointError};
pub use hash::{Hash, HashError, leaf_hash, node_hash};
pub use key::{KeyError, Signer, VerifierKey};
pub use note::{NoteError, NoteSignature, SignedNote};
pub use proof::{ConsistencyProof, InclusionProof};
pub use range::CompactRange;
