//! A share of the site's secret key as text: what it is a share of, which one it is, its value, and a signature over all
//! of that by the key that signs the audit log.
//!
//! ```text
//! sluis recovery share 1
//! site: NAME
//! key: the public key of the secret key that is shared, 64 hexadecimal digits
//! set: 32 hexadecimal digits, the same for all shares that were made together
//! share: 1
//! shares: 3
//! threshold: 2
//! audit-key: the public key of the signature, 64 hexadecimal digits
//! value: hexadecimal digits
//! signature: Ed25519 over the lines above, each with its line feed; 128 hexadecimal digits
//! ```

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use sluis_crypt4gh::PublicKey;
use zeroize::Zeroizing;

/// What the shares that were made together have in common.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct ShareSet {
    pub site: String,
    pub key: PublicKey,
    pub set: [u8; 16],
    pub shares: u8,
    pub threshold: u8,
    pub audit_key: [u8; 32],
}

/// One share.
pub(super) struct Share {
    pub set: ShareSet,
    pub number: u8,
    pub value: Zeroizing<Vec<u8>>,
}

const FIRST: &str = "sluis recovery share 1";

/// Room for a share's text, so that it does not grow and leave a copy behind.
const ROOM: usize = 4096;

impl Share {
    /// The signed text.
    pub fn write(&self, audit: &Ed25519KeyPair) -> Zeroizing<String> {
        let mut text = self.unsigned();
        let signature = audit.sign(text.as_bytes());
        text.push_str("signature: ");
        push_hex(&mut text, signature.as_ref());
        text
    }

    /// Reads a text that is signed by the key that it names; `None` if it is anything else, or was changed.
    pub fn read(text: &str) -> Option<Self> {
        let mut lines = text.strip_prefix(FIRST)?.strip_prefix('\n')?.lines();
        let mut field = |name: &str| lines.next()?.strip_prefix(name)?.strip_prefix(": ");
        let site = field("site")?.to_owned();
        let key = PublicKey::from_bytes(from_hex(field("key")?)?);
        let set = from_hex(field("set")?)?;
        let number = field("share")?.parse().ok()?;
        let shares = field("shares")?.parse().ok()?;
        let threshold = field("threshold")?.parse().ok()?;
        let audit_key = from_hex(field("audit-key")?)?;
        let value = Zeroizing::new(hex::decode(field("value")?).ok()?);
        let signature: [u8; 64] = from_hex(field("signature")?)?;
        if lines.next().is_some() {
            return None;
        }
        let set = ShareSet { site, key, set, shares, threshold, audit_key };
        let share = Self { set, number, value };
        // What is written in another way than it would be is not what was signed.
        let unsigned = share.unsigned();
        UnparsedPublicKey::new(&ED25519, audit_key).verify(unsigned.as_bytes(), &signature).ok()?;
        text.starts_with(&**unsigned).then_some(share)
    }

    fn unsigned(&self) -> Zeroizing<String> {
        let ShareSet { site, key, set, shares, threshold, audit_key } = &self.set;
        let mut text = Zeroizing::new(String::with_capacity(ROOM));
        text.push_str(&format!("{FIRST}\nsite: {site}\nkey: {}\n", hex::encode(key.as_bytes())));
        text.push_str(&format!("set: {}\nshare: {}\nshares: {shares}\n", hex::encode(set), self.number));
        text.push_str(&format!("threshold: {threshold}\naudit-key: {}\nvalue: ", hex::encode(audit_key)));
        push_hex(&mut text, &self.value);
        text
    }
}

/// The public half of the key that signs the audit log.
pub(super) fn public_of(audit: &Ed25519KeyPair) -> Option<[u8; 32]> {
    audit.public_key().as_ref().try_into().ok()
}

fn push_hex(text: &mut String, bytes: &[u8]) {
    text.push_str(&Zeroizing::new(hex::encode(bytes)));
    text.push('\n');
}

fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    hex::decode_to_slice(text, &mut bytes).ok()?;
    Some(bytes)
}
