//! Putting variants into reads.

use crate::{
    reads::{Fragment, Mate},
    variants::Variant,
};

/// Of a hundred fragments, how many come from cells that carry the variants.
const CARRIERS: u64 = 40;

/// The fragment as the tumour has it: with the variants that it covers if it is a carrier's, else unchanged.
pub(crate) fn spiked(fragment: &Fragment, variants: &[Variant]) -> Fragment {
    let mut fragment = fragment.clone();
    if draw(&fragment.name) < CARRIERS {
        // From the right, so that what is inserted or taken out does not move what is still to be changed.
        for variant in variants.iter().rev() {
            apply(&mut fragment.first, variant);
            apply(&mut fragment.second, variant);
        }
    }
    fragment
}

/// A number below 100 that depends on the name alone (64-bit FNV-1a, its bits mixed once more).
fn draw(name: &str) -> u64 {
    let hash = name
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    ((hash ^ (hash >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) % 100
}

/// Changes a read where it covers the variant with all its reference bases and one more.
fn apply(mate: &mut Mate, variant: &Variant) {
    let Some(at) = mate.positions.iter().position(|position| *position == Some(variant.position)) else { return };
    let length = variant.reference.len();
    let is_covered =
        (0..=length).all(|offset| mate.positions.get(at + offset) == Some(&Some(variant.position + offset)));
    if !is_covered {
        return;
    }
    let (whole, quality) = (mate.bases.len(), mate.qualities[at]);
    let alternate = variant.alternate.as_bytes();
    mate.bases.splice(at..at + length, alternate.iter().copied());
    mate.qualities.splice(at..at + length, std::iter::repeat_n(quality, alternate.len()));
    mate.positions.splice(at..at + length, (0..alternate.len()).map(|i| (i == 0).then_some(variant.position)));
    // The sequencer reads as many bases as before.
    mate.bases.truncate(whole);
    mate.qualities.truncate(whole);
    mate.positions.truncate(whole);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A read of `bases` that lies on the reference from position 10 on without a gap.
    fn read(bases: &str) -> Mate {
        Mate {
            bases: bases.into(),
            qualities: vec![30; bases.len()],
            positions: (10..10 + bases.len()).map(Some).collect(),
            is_reverse: false,
        }
    }

    fn after(bases: &str, position: usize, reference: &str, alternate: &str) -> String {
        let mut mate = read(bases);
        apply(&mut mate, &Variant { position, reference: reference.into(), alternate: alternate.into() });
        assert_eq!((mate.bases.len(), mate.bases.len()), (mate.qualities.len(), mate.positions.len()));
        mate.as_sequenced().0
    }

    #[test]
    fn each_kind_of_variant_changes_the_read() {
        assert_eq!(after("ACGTACGT", 12, "G", "T"), "ACTTACGT");
        assert_eq!(after("ACGTACGT", 12, "G", "GCC"), "ACGCCTAC");
        assert_eq!(after("ACGTACGT", 12, "GTA", "G"), "ACGCGT");
    }

    #[test]
    fn a_read_that_covers_only_a_part_stays() {
        assert_eq!(after("ACGTACGT", 16, "GTA", "G"), "ACGTACGT");
        assert_eq!(after("ACGTACGT", 17, "T", "A"), "ACGTACGT");
        assert_eq!(after("ACGTACGT", 9, "T", "A"), "ACGTACGT");
    }

    #[test]
    fn about_four_in_ten_names_are_drawn() {
        let drawn = (0..10_000).filter(|n| draw(&format!("read:{n}")) < CARRIERS).count();
        assert!((3_800..4_200).contains(&drawn), "{drawn}");
    }
}
