//! The command line of `sluis crypt`.

use std::{ops::Range, path::PathBuf};

use clap::{Args, Subcommand};

/// `sluis crypt`
#[derive(Subcommand, Debug)]
pub enum Crypt {
    /// Make a key pair.
    #[command(after_help = "Example:\n  sluis crypt keygen --sk me.sec --pk me.pub")]
    Keygen {
        /// The file for the secret key; only its owner can read it.
        #[arg(long, value_name = "FILE")]
        sk: PathBuf,
        /// The file for the public key.
        #[arg(long, value_name = "FILE")]
        pk: PathBuf,
        /// Write the secret key without a passphrase.
        #[arg(long)]
        no_passphrase: bool,
    },
    /// Encrypt a file for some recipients.
    #[command(after_help = "Examples:\n  sluis crypt encrypt --recipient lab.pub reads.bam -o reads.bam.c4gh\n  \
                            sluis crypt encrypt --recipient lab.pub --header reads.header reads.bam -o reads.body\n\
                            A header and its body one after the other are a whole file; every action that looks at \
                            headers alone (reencrypt, inspect) takes a header without a body.")]
    Encrypt {
        /// The public key of a recipient; give it several times for several.
        #[arg(long, required = true, value_name = "FILE")]
        recipient: Vec<PathBuf>,
        /// Write the header to a file of its own, which must not exist yet.
        #[arg(long, value_name = "FILE")]
        header: Option<PathBuf>,
        #[command(flatten)]
        files: CryptFiles,
    },
    /// Decrypt a file, or a part of it.
    #[command(after_help = "Examples:\n  sluis crypt decrypt --key me.sec reads.bam.c4gh -o reads.bam\n  \
                            sluis crypt decrypt --key me.sec --range 1000000-2000000 reads.bam.c4gh")]
    Decrypt {
        /// Your secret key.
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// Only these bytes of the plaintext, the last one excluded. Of a file only the segments that hold them are read, of a
        /// pipe everything before them, too.
        #[arg(long, value_name = "START-END", value_parser = byte_range)]
        range: Option<Range<u64>>,
        /// The header, if it is in a file of its own.
        #[arg(long, value_name = "FILE")]
        header: Option<PathBuf>,
        #[command(flatten)]
        files: CryptFiles,
    },
    /// Write a file anew for other recipients; what is encrypted stays as it is.
    #[command(
        after_help = "Example:\n  sluis crypt reencrypt --key me.sec --to you.pub reads.bam.c4gh -o yours.bam.c4gh"
    )]
    Reencrypt {
        /// Your secret key.
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// The public key of a recipient; give it several times for several.
        #[arg(long, required = true, value_name = "FILE")]
        to: Vec<PathBuf>,
        /// Leave out what the file says to others whose key this is not.
        #[arg(long)]
        drop_others: bool,
        #[command(flatten)]
        files: CryptFiles,
    },
    /// Write a file that shows only some parts of the plaintext.
    #[command(
        after_help = "Example:\n  sluis crypt rearrange --key me.sec --range 0-65536 reads.bam.c4gh -o part.c4gh"
    )]
    Rearrange {
        /// Your secret key.
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// Bytes of the plaintext, the last one excluded; `START-` goes to the end. Give it several times for several.
        #[arg(long, required = true, value_name = "START-END", value_parser = byte_range)]
        range: Vec<Range<u64>>,
        #[command(flatten)]
        files: CryptFiles,
    },
    /// Say what a file's header tells.
    Inspect {
        /// Your secret key, to see what the header says to you.
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
        /// The file; standard input if not given.
        #[arg(value_name = "IN")]
        input: Option<PathBuf>,
    },
}

/// Both ends of a conversion.
#[derive(Args, Debug)]
pub struct CryptFiles {
    /// The file to read; standard input if not given.
    #[arg(value_name = "IN")]
    pub input: Option<PathBuf>,
    /// The file to write, which must not exist yet; standard output if not given.
    #[arg(short, long, value_name = "OUT")]
    pub output: Option<PathBuf>,
}

/// `START-END` or `START-`.
fn byte_range(text: &str) -> Result<Range<u64>, String> {
    let wrong = || format!("`{text}` is not START-END, two numbers of bytes");
    let (start, end) = text.split_once('-').ok_or_else(wrong)?;
    let start = start.parse().map_err(|_| wrong())?;
    let end = if end.is_empty() { u64::MAX } else { end.parse().map_err(|_| wrong())? };
    if start < end { Ok(start..end) } else { Err(format!("`{text}` holds nothing: it ends before it begins")) }
}
