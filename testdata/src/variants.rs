//! Which variants are spiked, and where.

/// A variant as a VCF line states it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Variant {
    /// Where its first reference base stands, counted from 1.
    pub position: usize,
    /// The reference bases.
    pub reference: String,
    /// The bases instead; an insertion or deletion begins with the reference's base before it.
    pub alternate: String,
}

/// The first position and the steps between positions: both ends of the contig, where few reads lie, stay clear.
const FIRST: usize = 600;
const STEP: usize = 370;
const COUNT: usize = 30;
/// How far a spiked variant stays from those that the person has anyway.
const CLEARANCE: usize = 60;

/// The position of a VCF line, none of a header line.
pub(crate) fn position(line: &str) -> Option<usize> {
    if line.starts_with('#') { None } else { line.split('\t').nth(1)?.parse().ok() }
}

/// Chooses thirty variants over the contig: of each ten, eight substitutions, an insertion and a deletion.
pub(crate) fn choose(bases: &[u8], germline: &[usize]) -> Vec<Variant> {
    (0..COUNT)
        .map(|index| {
            let mut position = FIRST + index * STEP;
            while germline.iter().any(|other| other.abs_diff(position) < CLEARANCE) {
                position += CLEARANCE;
            }
            let at =
                |from: usize, length: usize| String::from_utf8_lossy(&bases[from - 1..from - 1 + length]).into_owned();
            let (reference, alternate) = match index % 10 {
                4 => (at(position, 1), at(position, 1) + insertion(bases[position])),
                9 => (at(position, 5), at(position, 1)),
                _ => (at(position, 1), substitute(bases[position - 1]).to_owned()),
            };
            Variant { position, reference, alternate }
        })
        .collect()
}

/// Bases to insert that do not merely repeat what follows, so that the insertion has one place only.
fn insertion(next: u8) -> &'static str {
    match next {
        b'A' => "CGT",
        b'C' => "GTA",
        b'G' => "TAC",
        _ => "ACG",
    }
}

fn substitute(base: u8) -> &'static str {
    match base {
        b'A' => "C",
        b'C' => "G",
        b'G' => "T",
        _ => "A",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variants_keep_clear_of_the_persons_own() {
        let bases = b"ACGT".repeat(3100);
        let variants = choose(&bases, &[600, 5000]);
        assert_eq!(variants.len(), COUNT);
        assert!(
            variants.iter().all(|v| v.position.abs_diff(600) >= CLEARANCE && v.position.abs_diff(5000) >= CLEARANCE)
        );
        assert!(variants.iter().all(|v| v.reference != v.alternate));
        assert!(variants.is_sorted_by_key(|v| v.position));
    }

    #[test]
    fn header_lines_have_no_position() {
        assert_eq!(position("#CHROM\tPOS"), None);
        assert_eq!(position("q\t186\t.\tT\tC"), Some(186));
    }
}
