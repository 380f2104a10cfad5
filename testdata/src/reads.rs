//! Pairs of reads out of a BAM file.

use std::{collections::HashMap, fs::File, io, path::Path};

use noodles_bam as bam;

/// One read of a pair as the BAM file has it: on the reference's strand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mate {
    /// Its bases.
    pub bases: Vec<u8>,
    /// Their qualities, 0 to 93.
    pub qualities: Vec<u8>,
    /// For each base the position on the reference, counted from 1; none where it is inserted or clipped.
    pub positions: Vec<Option<usize>>,
    /// Whether it was sequenced on the other strand.
    pub is_reverse: bool,
}

/// Both reads of a pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fragment {
    /// The name both carry.
    pub name: String,
    /// The first read.
    pub first: Mate,
    /// The second read.
    pub second: Mate,
}

impl Mate {
    /// Bases and qualities as the sequencer gave them (FASTQ, qualities offset by 33).
    pub fn as_sequenced(&self) -> (String, String) {
        let mut bases: String = self.bases.iter().copied().map(char::from).collect();
        let mut qualities: String = self.qualities.iter().map(|quality| char::from(quality + 33)).collect();
        if self.is_reverse {
            bases = bases.chars().rev().map(complement).collect();
            qualities = qualities.chars().rev().collect();
        }
        (bases, qualities)
    }
}

fn complement(base: char) -> char {
    match base {
        'A' => 'T',
        'C' => 'G',
        'G' => 'C',
        'T' => 'A',
        other => other,
    }
}

/// All pairs of which both reads are there, in the order in which their second comes up.
pub(crate) fn fragments(path: &Path) -> io::Result<Vec<Fragment>> {
    let mut reader = bam::io::Reader::new(File::open(path)?);
    reader.read_header()?;
    let mut waiting: HashMap<String, (bool, Mate)> = HashMap::new();
    let mut fragments = Vec::new();
    for record in reader.records() {
        let record = record?;
        let flags = record.flags();
        let Some(name) = record.name().filter(|_| !flags.is_secondary() && !flags.is_supplementary()) else { continue };
        let (name, mate, is_first) = (name.to_string(), mate(&record)?, flags.is_first_segment());
        match waiting.remove(&name) {
            Some((other_is_first, other)) if other_is_first != is_first => {
                let (first, second) = if is_first { (mate, other) } else { (other, mate) };
                fragments.push(Fragment { name, first, second });
            }
            _ => {
                waiting.insert(name, (is_first, mate));
            }
        }
    }
    Ok(fragments)
}

fn mate(record: &bam::Record) -> io::Result<Mate> {
    let bases: Vec<u8> = record.sequence().iter().collect();
    let mut positions = Vec::with_capacity(bases.len());
    if let Some(start) = record.alignment_start().transpose()?.filter(|_| !record.flags().is_unmapped()) {
        let mut position = usize::from(start);
        for operation in record.cigar().iter() {
            let operation = operation?;
            let (kind, length) = (operation.kind(), operation.len());
            match (kind.consumes_read(), kind.consumes_reference()) {
                (true, true) => positions.extend((position..position + length).map(Some)),
                (true, false) => positions.extend(std::iter::repeat_n(None, length)),
                _ => {}
            }
            position += if kind.consumes_reference() { length } else { 0 };
        }
    }
    positions.resize(bases.len(), None);
    let is_reverse = record.flags().is_reverse_complemented();
    Ok(Mate { bases, qualities: record.quality_scores().iter().collect(), positions, is_reverse })
}
