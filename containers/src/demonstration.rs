//! The demonstration's reads, reference and truth, which the Debian package `freebayes` carries.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{ContainersError, definition::Definition, digest::Sha256Digest, packages::Packages, place, tree};

/// Real reads of the human sample NA12878 over 12,356 bp of chromosome 22 (MIT licence), as files on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DemonstrationData {
    /// 3,333 HiSeq X reads, aligned (BAM).
    pub reads_bam: PathBuf,
    /// The reference they lie on: one contig, `q` (FASTA).
    pub reference_fasta: PathBuf,
    /// The 14 variants that Genome in a Bottle lists there (VCF).
    pub truth_vcf: PathBuf,
}

const FOLDER: &str = "usr/share/doc/freebayes/examples/tiny";

/// Each file's name in the package and here, and the SHA-256 of its content.
const FILES: [(&str, &str, &str); 3] = [
    ("NA12878.chr22.tiny.bam", "reads.bam", "54178b80e198abe7398b3ca5ccc12009b38c466c8ff63794fc030d7f279031a7"),
    ("q.fa", "reference.fa", "07ac3fae2b27ae6415165e9bbda7af88247035fa2d0faf275b2320b0a818093d"),
    ("NA12878.chr22.tiny.giab.vcf", "truth.vcf", "90cb4fd80c518dca669c78318ec2792f21c627967346893dff3ff27a2962af21"),
];

/// Gives the demonstration's files, taken out of the pinned package into the target folder if they are not there yet.
///
/// # Errors
/// The package cannot be had (no apt, no mirror), or a file cannot be written.
pub fn demonstration_data() -> Result<DemonstrationData, ContainersError> {
    let folder = place::folder()?;
    let data = folder.join("demonstration");
    let _lock = place::lock(&folder, "demonstration")?;
    if !FILES.iter().all(|(_, name, sha256)| is_sound(&data.join(name), sha256)) {
        take_out(&folder, &data)?;
    }
    let [reads_bam, reference_fasta, truth_vcf] = FILES.map(|(_, name, _)| data.join(name));
    Ok(DemonstrationData { reads_bam, reference_fasta, truth_vcf })
}

fn is_sound(path: &Path, sha256: &str) -> bool {
    Sha256Digest::of_file(path).is_ok_and(|found| found.to_string() == sha256)
}

fn take_out(folder: &Path, data: &Path) -> Result<(), ContainersError> {
    let pinned = Definition::find("genomics")?.packages()?;
    let package: Vec<_> = pinned.into_iter().filter(|package| package.name == "freebayes").collect();
    let packages = Packages::open(folder)?;
    packages.fetch(&package)?;
    let missing = |file: &str| ContainersError::Demonstration { file: format!("{FOLDER}/{file}") };
    let deb = package.first().map(|package| packages.path(package)).ok_or_else(|| missing(""))?;
    fs::create_dir_all(data).map_err(ContainersError::io("make the folder", data))?;
    for (source, name, sha256) in FILES {
        let content = tree::file_of_package("freebayes", &deb, &Path::new(FOLDER).join(source))?;
        let content = content.filter(|content| Sha256Digest::of(content).to_string() == sha256);
        let path = data.join(name);
        fs::write(&path, content.ok_or_else(|| missing(source))?).map_err(ContainersError::io("write", &path))?;
    }
    Ok(())
}
