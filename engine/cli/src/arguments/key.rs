//! The command line of `sluis key`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use sluis_kms::KeyName;

/// `sluis key`
#[derive(Subcommand, Debug)]
pub enum Key {
    /// Set or change the passphrase of the site's secret key, or take it away.
    #[command(after_help = "Examples:\n  sluis key passphrase\n  \
                            sluis key passphrase --passphrase-file old --new-passphrase-file new\n  \
                            sluis key passphrase --remove")]
    Passphrase {
        /// Keep the key without a passphrase: file rights alone keep others from it then.
        #[arg(long, conflicts_with = "new_passphrase_file")]
        remove: bool,
        /// The file that holds the new passphrase, and that only you can read; the terminal if not given.
        #[arg(long, value_name = "FILE")]
        new_passphrase_file: Option<PathBuf>,
    },
    /// Protect the site's secret key by a token that speaks PKCS #11, such as a hardware security module.
    #[command(after_help = "The file keys/token.yaml says which one:\n  module: /usr/lib/softhsm/libsofthsm2.so\n  \
                            token: the token's label\n  key: the label of its AES key, which is made if there is none\n\
                            From then on the token's PIN is asked for instead of a passphrase.")]
    Token {
        /// The file that holds the token's PIN, and that only you can read; the terminal if not given.
        #[arg(long, value_name = "FILE")]
        pin_file: Option<PathBuf>,
    },
    /// Protect the site's secret key by a key in Google Cloud KMS, in a region of the European Union.
    #[command(
        after_help = "Example:\n  sluis key kms projects/genomes/locations/europe-west3/keyRings/sluis/cryptoKeys/site\n\
                            From then on opening the site asks Cloud KMS, as whoever GOOGLE_APPLICATION_CREDENTIALS or the \
                            machine says. `sluis key passphrase` goes back."
    )]
    Kms {
        /// The key, which must exist: projects/PROJECT/locations/REGION/keyRings/RING/cryptoKeys/KEY.
        #[arg(value_name = "KEY-NAME")]
        key: KeyName,
    },
    /// Give the site another key. Sealed data stay as they are; what was interrupted goes on.
    #[command(after_help = "Engines that run go on with the old key, which is given up when they have ended: run it \
                            again then, or let it --wait.")]
    Rotate {
        /// Wait until no running engine uses the old key any more.
        #[arg(long)]
        wait: bool,
    },
    /// Split the site's secret key among people of whom some together can restore it.
    #[command(after_help = "Example:\n  sluis key recovery --to anna.pub --to bram.pub --to carla.pub --threshold 2\n\
                            Each of them gets one of the files. Keep none of the others' with it.")]
    Recovery(Recovery),
    /// Restore a site's secret key of shares that their holders have decrypted.
    #[command(
        after_help = "Example:\n  sluis crypt decrypt --key anna.sec recovery-5f0c81d2-1-of-3.c4gh -o a.share   (Anna)\n  \
                            sluis crypt decrypt --key bram.sec recovery-5f0c81d2-2-of-3.c4gh -o b.share   (Bram)\n  \
                            sluis key recover --share a.share --share b.share --out site.sec"
    )]
    Recover(Recover),
    /// Show the site's public key, what protects its secret key, and a rotation that is not finished.
    Status,
}

/// `sluis key recovery`
#[derive(Args, Debug)]
pub struct Recovery {
    /// The public key of somebody who gets a share; give it several times.
    #[arg(long, required = true, value_name = "FILE")]
    pub to: Vec<PathBuf>,
    /// How many of them together restore the key.
    #[arg(long, default_value_t = 2, value_name = "COUNT")]
    pub threshold: u8,
    /// The folder for the shares.
    #[arg(long, default_value = ".", value_name = "DIR")]
    pub outdir: PathBuf,
}

/// `sluis key recover`
#[derive(Args, Debug)]
pub struct Recover {
    /// A decrypted share; give it as often as it takes shares.
    #[arg(long, required = true, value_name = "FILE")]
    pub share: Vec<PathBuf>,
    /// The file for the secret key, which must not exist yet; only its owner can read it.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// The public key of the site's audit log, which signed the shares; that of the site's folder if not given.
    #[arg(long, value_name = "FILE")]
    pub audit_key: Option<PathBuf>,
}
