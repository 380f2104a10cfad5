//! Keys from passphrases, for key files (the key derivations of `c4gh-v1`).

use zeroize::Zeroizing;

use crate::{CryptoError, KeyFileError, SecretKeyError, crypto};

/// The derivation with which key files are written.
pub(crate) const SCRYPT: &[u8] = b"scrypt";
const BCRYPT: &[u8] = b"bcrypt";
const PBKDF2: &[u8] = b"pbkdf2_hmac_sha256";
/// Bytes of a new salt.
const SALT: usize = 16;
/// The parameters of scrypt that the format fixes: N = 2^14, r = 8, p = 1.
const SCRYPT_PARAMETERS: (u8, u32, u32) = (14, 8, 1);
/// The rounds that are accepted: the format's own are 100 for bcrypt and 100,000 for PBKDF2. A file that asks for more
/// would only keep the machine busy: these take a few seconds.
const MOST_BCRYPT_ROUNDS: u32 = 1000;
const MOST_PBKDF2_ROUNDS: u32 = 10_000_000;

/// How a key follows from a passphrase: the rounds and the salt, as they stand in a key file.
pub(crate) struct Derivation<'a> {
    /// Its name.
    pub name: &'a [u8],
    /// The rounds as four bytes, big end first, and the salt.
    pub options: &'a [u8],
}

/// The options of a new key file.
pub(crate) fn new_options() -> Result<Vec<u8>, CryptoError> {
    // scrypt has no rounds of its own.
    let mut options = vec![0; 4 + SALT];
    crypto::random(&mut options[4..])?;
    Ok(options)
}

impl Derivation<'_> {
    /// The key that a passphrase gives.
    pub fn key(&self, passphrase: &str) -> Result<Zeroizing<[u8; 32]>, SecretKeyError> {
        let (rounds, salt) = self.options.split_first_chunk::<4>().ok_or(KeyFileError::Format)?;
        let rounds = u32::from_be_bytes(*rounds);
        let unknown = || KeyFileError::Derivation(String::from_utf8_lossy(self.name).into_owned());
        let mut key = Zeroizing::new([0; 32]);
        let most = match self.name {
            // It has no rounds of its own.
            SCRYPT => u32::MAX,
            BCRYPT => MOST_BCRYPT_ROUNDS,
            _ => MOST_PBKDF2_ROUNDS,
        };
        if rounds > most || (rounds == 0 && self.name != SCRYPT) {
            return Err(KeyFileError::Rounds { rounds, most }.into());
        }
        match self.name {
            SCRYPT => {
                let (n, r, p) = SCRYPT_PARAMETERS;
                let parameters = scrypt::Params::new(n, r, p).map_err(|_| unknown())?;
                scrypt::scrypt(passphrase.as_bytes(), salt, &parameters, &mut *key).map_err(|_| unknown())?;
            }
            BCRYPT => {
                bcrypt_pbkdf::bcrypt_pbkdf(passphrase, salt, rounds, &mut *key).map_err(|_| KeyFileError::Format)?
            }
            PBKDF2 => pbkdf2::pbkdf2_hmac::<sha2::Sha256>(passphrase.as_bytes(), salt, rounds, &mut *key),
            _ => return Err(unknown().into()),
        }
        Ok(key)
    }
}
