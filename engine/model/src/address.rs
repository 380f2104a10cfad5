//! Addresses of content and keys of tasks: 32-byte keyed BLAKE3 hashes.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Why a text is not an address or a task key.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not an address: expected `{1}` and 64 hexadecimal digits")]
pub struct AddressError(String, &'static str);

macro_rules! hash_name {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name([u8; 32]);

        impl $name {
            /// What stands before the hexadecimal digits.
            pub const PREFIX: &str = $prefix;

            /// From the hash's 32 bytes.
            pub const fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// The hash's 32 bytes.
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }

            /// The 64 hexadecimal digits without the prefix, as file names use them.
            pub fn hex(&self) -> String {
                hex::encode(self.0)
            }

            /// From the 64 hexadecimal digits without the prefix.
            pub fn from_hex(text: &str) -> Result<Self, AddressError> {
                let mut bytes = [0; 32];
                hex::decode_to_slice(text, &mut bytes)
                    .map_err(|_| AddressError(text.to_owned(), $prefix))?;
                Ok(Self(bytes))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}{}", $prefix, self.hex())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = AddressError;

            fn from_str(text: &str) -> Result<Self, AddressError> {
                text.strip_prefix($prefix)
                    .and_then(|digits| Self::from_hex(digits).ok())
                    .ok_or_else(|| AddressError(text.to_owned(), $prefix))
            }
        }

        impl TryFrom<String> for $name {
            type Error = AddressError;

            fn try_from(text: String) -> Result<Self, AddressError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.to_string()
            }
        }
    };
}

hash_name!(
    /// The address of an object: a BLAKE3 hash of its plaintext, keyed with the vault's address key.
    ///
    /// Written `b3:` and 64 hexadecimal digits.
    Address,
    "b3:"
);

hash_name!(
    /// The key of a task in the task cache: a keyed BLAKE3 hash over everything that can change its result.
    ///
    /// Written `task:` and 64 hexadecimal digits.
    TaskKey,
    "task:"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_reads_what_it_writes_and_refuses_the_rest() {
        let address = Address::from_bytes([0xab; 32]);
        assert_eq!(address.to_string().parse(), Ok(address));
        assert_eq!(serde_json::to_string(&address).unwrap().len(), 2 + 3 + 64);
        for wrong in ["", "b3:", "b3:zz", &"ab".repeat(32), &format!("task:{}", "ab".repeat(32))] {
            assert!(wrong.parse::<Address>().is_err(), "{wrong}");
        }
    }
}
