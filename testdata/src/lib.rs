//! For tests alone: a tumour made from real reads by spiking known variants into them.
//!
//! The reads are those of [`sluis_containers::demonstration_data`]. The same input always gives the same files.

mod reads;
mod spike;
mod variants;

use std::{
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
};

use reads::{Fragment, Mate};
use spike::spiked;
use variants::Variant;

/// Why the tumour could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TestdataError {
    /// The real reads could not be had.
    #[error("cannot get the reads to start from")]
    Reads(#[from] sluis_containers::ContainersError),
    /// A file could not be read or written.
    #[error("cannot use `{path}`", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// The files of a tumour and its normal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpikedTumour {
    /// The first reads of the normal's pairs: real reads, unchanged (FASTQ).
    pub normal_1: PathBuf,
    /// The second reads of the normal's pairs.
    pub normal_2: PathBuf,
    /// The first reads of the tumour's pairs: the same reads, four in ten of which carry the variants (FASTQ).
    pub tumour_1: PathBuf,
    /// The second reads of the tumour's pairs.
    pub tumour_2: PathBuf,
    /// The reference, one contig `q` of 12,356 bases (FASTA).
    pub reference: PathBuf,
    /// The spiked variants (VCF, not compressed).
    pub truth: PathBuf,
}

/// Writes a tumour's and its normal's reads, the reference and the truth into the folder `into`.
///
/// # Errors
/// The reads to start from cannot be had, or a file cannot be written.
pub fn spiked_tumour(into: &Path) -> Result<SpikedTumour, TestdataError> {
    let data = sluis_containers::demonstration_data()?;
    let reference = read(&data.reference_fasta)?;
    let bases: Vec<u8> = reference.lines().skip(1).flat_map(str::bytes).map(|base| base.to_ascii_uppercase()).collect();
    let germline: Vec<usize> = read(&data.truth_vcf)?.lines().filter_map(variants::position).collect();
    let fragments = reads::fragments(&data.reads_bam).map_err(failed(&data.reads_bam))?;
    let variants = variants::choose(&bases, &germline);
    let tumour: Vec<Fragment> = fragments.iter().map(|fragment| spiked(fragment, &variants)).collect();

    let write = |name: &str, text: String| {
        let path = into.join(name);
        fs::write(&path, text).map_err(failed(&path))?;
        Ok::<_, TestdataError>(path)
    };
    Ok(SpikedTumour {
        normal_1: write("normal_1.fastq", fastq(&fragments, |fragment| &fragment.first))?,
        normal_2: write("normal_2.fastq", fastq(&fragments, |fragment| &fragment.second))?,
        tumour_1: write("tumour_1.fastq", fastq(&tumour, |fragment| &fragment.first))?,
        tumour_2: write("tumour_2.fastq", fastq(&tumour, |fragment| &fragment.second))?,
        reference: write("reference.fa", reference)?,
        truth: write("somatic-truth.vcf", vcf(&variants, bases.len()))?,
    })
}

fn read(path: &Path) -> Result<String, TestdataError> {
    fs::read_to_string(path).map_err(failed(path))
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> TestdataError {
    let path = path.to_owned();
    move |source| TestdataError::Io { path, source }
}

fn fastq(fragments: &[Fragment], mate: impl Fn(&Fragment) -> &Mate) -> String {
    let mut text = String::new();
    for fragment in fragments {
        let (bases, qualities) = mate(fragment).as_sequenced();
        // Writing to a string cannot fail.
        let _ = writeln!(text, "@{}\n{bases}\n+\n{qualities}", fragment.name);
    }
    text
}

fn vcf(variants: &[Variant], length: usize) -> String {
    let mut text = format!(
        "##fileformat=VCFv4.2\n##contig=<ID=q,length={length}>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    );
    for Variant { position, reference, alternate } in variants {
        let _ = writeln!(text, "q\t{position}\t.\t{reference}\t{alternate}\t.\tPASS\t.");
    }
    text
}
