//! Proofs verify for every tree, and nothing else verifies.

use proptest::prelude::*;

use super::*;

const SIZES: u64 = 300;

#[test]
fn every_record_of_every_tree_up_to_300_is_proved() {
    let all = leaves(SIZES);
    for size in 1..=SIZES {
        let leaves = &all[..size as usize];
        let root = root(leaves);
        for (index, leaf) in (0..).zip(leaves) {
            assert!(inclusion(leaves, index).proves(leaf, &root), "{index} of {size}");
        }
    }
}

#[test]
fn every_tree_up_to_300_is_proved_to_begin_with_every_smaller_one() {
    let all = leaves(SIZES);
    let roots: Vec<_> = (0..=SIZES).map(|size| root(&all[..size as usize])).collect();
    for size in 0..=SIZES {
        for from in 0..=size {
            let proof = consistency(&all[..size as usize], from);
            assert!(proof.proves(&roots[from as usize], &roots[size as usize]), "{from} in {size}");
        }
    }
}

#[test]
fn a_range_that_was_kept_goes_on_as_if_it_had_been_there_all_the_time() {
    let all = leaves(SIZES);
    let mut grown = CompactRange::default();
    for (size, leaf) in (1..).zip(&all) {
        let kept = serde_json::to_string(&grown).unwrap();
        grown = serde_json::from_str(&kept).unwrap();
        grown.push(*leaf);
        assert_eq!(grown.root(), root(&all[..size]));
        assert_eq!(grown.size(), size as u64);
    }
    for wrong in
        [r#"{"size":3,"hashes":[]}"#, r#"{"size":0,"hashes":["47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="]}"#]
    {
        assert!(serde_json::from_str::<CompactRange>(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn what_does_not_exist_has_no_proof() {
    assert!(ProofBuilder::inclusion(3, 3).is_none());
    assert!(ProofBuilder::inclusion(0, 0).is_none());
    assert!(ProofBuilder::consistency(4, 3).is_none());
    let mut unfinished = ProofBuilder::inclusion(0, 2).unwrap();
    unfinished.push(leaf_hash(b"one"));
    assert!(unfinished.into_inclusion().is_none());
}

/// Every list that differs from a proof's in one place.
fn tampered(hashes: &[Hash], place: usize, bit: u8) -> Vec<Vec<Hash>> {
    let stranger = leaf_hash(b"stranger");
    let mut lists = Vec::new();
    if !hashes.is_empty() {
        let place = place % hashes.len();
        let mut flipped = hashes.to_vec();
        let mut bytes = *flipped[place].as_bytes();
        bytes[usize::from(bit) / 8] ^= 1 << (bit % 8);
        flipped[place] = Hash::from_bytes(bytes);
        let mut dropped = hashes.to_vec();
        dropped.remove(place);
        let mut swapped = hashes.to_vec();
        swapped.reverse();
        lists.extend([flipped, dropped]);
        lists.extend((swapped != hashes).then_some(swapped));
    }
    lists.push([hashes, &[stranger]].concat());
    lists.push([&[stranger], hashes].concat());
    lists
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_tampered_inclusion_proof_verifies(
        size in 1..=SIZES, index in any::<prop::sample::Index>(), place in any::<usize>(), bit in any::<u8>(),
        other in 0..2 * SIZES,
    ) {
        let leaves = leaves(size);
        let index = index.index(size as usize) as u64;
        let (leaf, root, proof) = (leaves[index as usize], root(&leaves), inclusion(&leaves, index));
        prop_assert!(proof.proves(&leaf, &root));
        let mut bytes = *leaf.as_bytes();
        bytes[usize::from(bit) / 8] ^= 1 << (bit % 8);
        prop_assert!(!proof.proves(&Hash::from_bytes(bytes), &root), "another leaf");
        prop_assert!(!proof.proves(&leaf, &Hash::from_bytes(bytes)), "another root");
        for hashes in tampered(&proof.hashes, place, bit) {
            prop_assert!(!InclusionProof { hashes, ..proof.clone() }.proves(&leaf, &root), "another path");
        }
        if other != index {
            prop_assert!(!InclusionProof { index: other, ..proof.clone() }.proves(&leaf, &root), "another place");
        }
        // In a tree of another size the path has another form, or the same: then the size is bound by the checkpoint
        // alone, and only a root of that size can be compared with.
        if other != size && other > 0 {
            let claimed = InclusionProof { size: other, ..proof };
            let of_that_size = super::root(&super::leaves(other));
            prop_assert!(!claimed.proves(&leaf, &of_that_size), "another size");
        }
    }

    #[test]
    fn no_tampered_consistency_proof_verifies(
        size in 2..=SIZES, from in any::<prop::sample::Index>(), place in any::<usize>(), bit in any::<u8>(),
        other in 1..2 * SIZES,
    ) {
        let leaves = leaves(size);
        let from = 1 + from.index(size as usize - 1) as u64;
        let (earlier, later, proof) = (root(&leaves[..from as usize]), root(&leaves), consistency(&leaves, from));
        prop_assert!(proof.proves(&earlier, &later));
        let flip = |hash: &Hash| {
            let mut bytes = *hash.as_bytes();
            bytes[usize::from(bit) / 8] ^= 1 << (bit % 8);
            Hash::from_bytes(bytes)
        };
        prop_assert!(!proof.proves(&flip(&earlier), &later), "another earlier root");
        prop_assert!(!proof.proves(&earlier, &flip(&later)), "another later root");
        prop_assert!(!proof.proves(&later, &earlier), "the other way round");
        for hashes in tampered(&proof.hashes, place, bit) {
            prop_assert!(!ConsistencyProof { hashes, ..proof.clone() }.proves(&earlier, &later), "another proof");
        }
        if other != from {
            prop_assert!(!ConsistencyProof { from: other, ..proof }.proves(&earlier, &later), "from elsewhere");
        }
        // A record before was changed: both trees are well-formed, but the later does not begin with the earlier.
        let mut rewritten = leaves;
        rewritten[place % from as usize] = leaf_hash(b"rewritten");
        let rewritten_root = root(&rewritten);
        prop_assert!(!consistency(&rewritten, from).proves(&earlier, &rewritten_root), "rewritten");
    }

    #[test]
    fn hostile_proofs_do_not_panic(index in any::<u64>(), size in any::<u64>(), count in 0_usize..130) {
        let hashes = vec![leaf_hash(b"x"); count];
        let (a, b) = (leaf_hash(b"a"), leaf_hash(b"b"));
        let inclusion = InclusionProof { index, size, hashes: hashes.clone() };
        let consistency = ConsistencyProof { from: index, size, hashes };
        prop_assert!(!inclusion.proves(&a, &b));
        prop_assert!(!consistency.proves(&a, &b));
    }
}
