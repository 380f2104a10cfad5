//! Protecting the site's key by a token that speaks PKCS #11: a hardware security module or a smart card.
//!
//! The key's file is encrypted under 32 random bytes, written in hexadecimal digits, as under a passphrase. They are in the
//! file's first line, encrypted by an AES key that never leaves the token (`CKM_AES_GCM`: nonce of 12 bytes, ciphertext,
//! tag of 16). `keys/token.yaml` says which token and which key.

mod error;

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use cryptoki::{
    context::{CInitializeArgs, CInitializeFlags, Pkcs11},
    error::{Error, RvError},
    mechanism::{Mechanism, aead::GcmParams},
    object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle},
    session::{Session, UserType},
    types::AuthPin,
};
use sluis_yaml::{Diagnostics, Fields};
use zeroize::Zeroizing;

use super::{KeyChangeError, files, fill_random};
use crate::AccessError;
pub use error::TokenError;

const CONFIG: &str = "token.yaml";
const NONCE: usize = 12;
const TAG_BITS: u64 = 128;
/// What else is authenticated: what the ciphertext is for.
const PURPOSE: &[u8] = b"sluis 1 site key";

/// Modules may be initialised once in a process.
static MODULE: Mutex<()> = Mutex::new(());

/// Which key of which token.
pub(super) struct Token {
    module: PathBuf,
    /// Its label.
    pub token: String,
    key: String,
}

impl Token {
    /// The one that the file in the folder of the keys names.
    pub fn of(folder: &Path) -> Result<Self, AccessError> {
        let path = folder.join(CONFIG);
        let mut problems = Diagnostics::default();
        let node = sluis_yaml::read(&path, &mut problems);
        let fields = node.as_ref().and_then(|node| Fields::of(node, "the token", &mut problems));
        let token = fields.and_then(|fields| {
            fields.check_known(&["module", "token", "key"], &mut problems);
            let module = fields.required_string("module", &mut problems).map(PathBuf::from);
            let token = fields.required_string("token", &mut problems).map(str::to_owned);
            let key = fields.required_string("key", &mut problems).map(str::to_owned);
            let module = module?;
            if module.is_relative() {
                problems
                    .error(fields.span(), "`module` is a path from the root, such as /usr/lib/softhsm/libsofthsm2.so");
            }
            Some(Self { module, token: token?, key: key? })
        });
        let token = token.filter(|_| !problems.has_errors());
        let token = token.ok_or_else(|| KeyChangeError::from(TokenError::Config(problems)))?;
        // Whoever can write one of them can have any code run.
        files::refuse_if_shared(&path, 0o022, "600")?;
        files::refuse_if_shared(&token.module, 0o022, "755")?;
        Ok(token)
    }

    /// New random bytes as they are encrypted by the token's key, which is made if there is none; and what they are as a
    /// passphrase.
    pub fn wrap_new(&self, pin: &str) -> Result<(Vec<u8>, Zeroizing<String>), AccessError> {
        let mut bytes = Zeroizing::new([0; 32]);
        fill_random(&mut *bytes)?;
        let mut nonce = [0; NONCE];
        fill_random(&mut nonce)?;
        let wrapped = self.with_session(pin, true, |session| {
            let key = match self.find(session)? {
                Some(key) => key,
                None => self.make(session)?,
            };
            self.refuse_if_extractable(session, key)?;
            let mut wrapped = nonce.to_vec();
            wrapped.extend(gcm(&mut nonce, |how| session.encrypt(how, key, &*bytes), "encrypt")?);
            Ok(wrapped)
        });
        let wrapped = wrapped.map_err(KeyChangeError::Token)?;
        Ok((wrapped, Zeroizing::new(hex::encode(*bytes))))
    }

    /// What was wrapped, as a passphrase.
    pub fn unwrap(&self, wrapped: &[u8], pin: &str) -> Result<Zeroizing<String>, TokenError> {
        let (nonce, sealed) = wrapped.split_first_chunk::<NONCE>().ok_or(TokenError::Wrapped)?;
        self.with_session(pin, false, |session| {
            let key = self.find(session)?.ok_or_else(|| TokenError::Keys { label: self.key.clone(), found: 0 })?;
            let bytes = gcm(&mut nonce.clone(), |how| session.decrypt(how, key, sealed), "decrypt the site's key")?;
            Ok(Zeroizing::new(hex::encode(&*Zeroizing::new(bytes))))
        })
    }

    fn with_session<T>(
        &self,
        pin: &str,
        writes: bool,
        work: impl FnOnce(&Session) -> Result<T, TokenError>,
    ) -> Result<T, TokenError> {
        let _one = MODULE.lock().unwrap_or_else(PoisonError::into_inner);
        let unusable = |source| TokenError::Module { path: self.module.clone(), source };
        let module = Pkcs11::new(&self.module).map_err(unusable)?;
        module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)).map_err(unusable)?;
        let slots = module.get_slots_with_initialized_token().map_err(unusable)?;
        let has_label = |slot: &_| module.get_token_info(*slot).is_ok_and(|info| info.label() == self.token);
        let slot = slots.into_iter().find(has_label).ok_or_else(|| TokenError::NoToken(self.token.clone()))?;
        let session = if writes { module.open_rw_session(slot) } else { module.open_ro_session(slot) };
        let session = session.map_err(unusable)?;
        let login = session.login(UserType::User, Some(&AuthPin::new(pin.into())));
        login.map_err(|source| match source {
            Error::Pkcs11(RvError::PinIncorrect | RvError::PinLocked | RvError::PinLenRange, _) => {
                TokenError::Pin { token: self.token.clone(), source }
            }
            source => TokenError::Work { doing: "log in", source },
        })?;
        work(&session)
    }

    fn find(&self, session: &Session) -> Result<Option<ObjectHandle>, TokenError> {
        let found = session.find_objects(&self.sought());
        let found = found.map_err(|source| TokenError::Work { doing: "look for its key", source })?;
        match *found {
            [] => Ok(None),
            [key] => Ok(Some(key)),
            _ => Err(TokenError::Keys { label: self.key.clone(), found: found.len() }),
        }
    }

    fn make(&self, session: &Session) -> Result<ObjectHandle, TokenError> {
        let mut key = self.sought().to_vec();
        key.extend([Attribute::ValueLen(32.into()), Attribute::Private(true), Attribute::Sensitive(true)]);
        key.extend([Attribute::Extractable(false), Attribute::Encrypt(true), Attribute::Decrypt(true)]);
        let made = session.generate_key(&Mechanism::AesKeyGen, &key);
        made.map_err(|source| TokenError::Work { doing: "make an AES key", source })
    }

    fn refuse_if_extractable(&self, session: &Session, key: ObjectHandle) -> Result<(), TokenError> {
        let asked = [AttributeType::Extractable, AttributeType::Sensitive];
        let told = session.get_attributes(key, &asked);
        let told = told.map_err(|source| TokenError::Work { doing: "tell how its key is kept", source })?;
        let is_kept = |wanted| told.contains(&wanted);
        if is_kept(Attribute::Extractable(false)) && is_kept(Attribute::Sensitive(true)) {
            return Ok(());
        }
        Err(TokenError::Extractable(self.key.clone()))
    }

    fn sought(&self) -> [Attribute; 4] {
        let label = Attribute::Label(self.key.as_bytes().to_vec());
        [Attribute::Class(ObjectClass::SECRET_KEY), Attribute::KeyType(KeyType::AES), Attribute::Token(true), label]
    }
}

/// Encrypts or decrypts with a nonce.
fn gcm<T>(
    nonce: &mut [u8; NONCE],
    work: impl FnOnce(&Mechanism<'_>) -> Result<T, Error>,
    doing: &'static str,
) -> Result<T, TokenError> {
    let parameters = GcmParams::new(nonce, PURPOSE, TAG_BITS.into());
    parameters
        .and_then(|parameters| work(&Mechanism::AesGcm(parameters)))
        .map_err(|source| TokenError::Work { doing, source })
}
