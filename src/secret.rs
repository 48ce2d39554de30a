//! Secrets that cannot be printed: kept in zeroed memory, shown as their type's name, read by one greppable method.
//!
//! None of these types has `Display`, `Serialize`, `Deref` or `PartialEq`, so a secret reaches a log or an answer only where
//! `reveal` is written out.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use secrecy::{ExposeSecret, SecretBox, SecretString};
use subtle::ConstantTimeEq;

/// Most bytes read from a secret's file, so that a wrong path such as `/dev/zero` cannot fill the memory.
const LARGEST_FILE: u64 = 64 * 1024;

macro_rules! secret {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone)]
        pub struct $name(SecretString);

        impl $name {
            /// Takes the text over into zeroed memory.
            #[must_use]
            pub fn new(text: String) -> Self {
                Self(SecretString::from(text))
            }

            /// The text itself: the only way to it, so every use can be found by this name.
            #[must_use]
            pub fn reveal(&self) -> &str {
                self.0.expose_secret()
            }

            /// Compares in constant time, so that an answer's timing tells nothing of the secret.
            #[must_use]
            pub fn matches(&self, other: &[u8]) -> bool {
                bool::from(self.reveal().as_bytes().ct_eq(other))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(concat!(stringify!($name), "([redacted])"))
            }
        }
    };
}

secret! {
    /// A secret from the config: passwords, shared keys, service tokens.
    Secret
}

secret! {
    /// Token text as found in a request, unverified.
    Bearer
}

secret! {
    /// Rocket.Chat's token, alone.
    AuthToken
}

/// A key of 32 bytes from the config, under which others are sealed.
#[derive(Clone)]
pub struct SealingKey(Arc<SecretBox<[u8; Self::LENGTH]>>);

impl SealingKey {
    /// Bytes of a key.
    pub const LENGTH: usize = 32;

    /// Takes the bytes over into zeroed memory; what they came from is the caller's to zero.
    #[must_use]
    pub fn new(bytes: &[u8; Self::LENGTH]) -> Self {
        Self(Arc::new(SecretBox::init_with_mut(
            |own: &mut [u8; Self::LENGTH]| *own = *bytes,
        )))
    }

    /// The bytes themselves: the only way to them.
    #[must_use]
    pub fn reveal(&self) -> &[u8; Self::LENGTH] {
        self.0.expose_secret()
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SealingKey([redacted])")
    }
}

impl Secret {
    /// Is it the same one? Compares in constant time.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        self.matches(other.reveal().as_bytes())
    }

    /// Reads a secret from a file; one trailing line break is not part of it.
    ///
    /// # Errors
    /// When the file cannot be read, is not UTF-8, holds nothing, or more than 64 KiB.
    pub fn from_file(path: &Path) -> std::io::Result<Self> {
        let mut text = String::new();
        File::open(path)?
            .take(LARGEST_FILE + 1)
            .read_to_string(&mut text)?;
        if text.len() as u64 > LARGEST_FILE {
            return Err(std::io::Error::new(
                std::io::ErrorKind::FileTooLarge,
                "the file is larger than a secret can be",
            ));
        }
        if text.ends_with('\n') {
            text.pop();
            if text.ends_with('\r') {
                text.pop();
            }
        }
        if text.is_empty() {
            return Err(std::io::Error::new(
                std::io::ErrorKind::InvalidData,
                "the file is empty",
            ));
        }
        Ok(Self::new(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_holds_no_secret() {
        let shown = format!(
            "{:?} {:?} {:?}",
            Secret::new("hunter2".into()),
            Some(AuthToken::new("abc".into())),
            SealingKey::new(&[7; SealingKey::LENGTH]),
        );
        let right = "Secret([redacted]) Some(AuthToken([redacted])) SealingKey([redacted])";
        assert_eq!(shown, right);
    }

    #[test]
    fn comparison_takes_the_whole_text() {
        let secret = Secret::new("hunter2".into());
        assert!(secret.matches(b"hunter2"));
        assert!(!secret.matches(b"hunter"));
        assert!(!secret.matches(b"hunter3"));
    }
}
