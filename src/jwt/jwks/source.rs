//! Where an issuer's keys are read: a JWK set by URL, by OpenID Connect discovery, in a file, or one PEM public key in a file.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jsonwebtoken::Algorithm;
use serde::Deserialize;
use tokio::fs::File;
use tokio::io::AsyncReadExt;
use url::Url;

use crate::jwt::jwks::fetch::{Fetched, Fetcher};
use crate::jwt::keys::{Key, KeyError, KeySet};

/// How often a file is read again. Reading a few kilobytes costs less than being clever about modification times.
pub(super) const FILE_INTERVAL: Duration = Duration::from_secs(5);

/// Largest key set, discovery document or key file. Real ones are below 16 KiB.
pub(super) const MAX_BYTES: usize = 256 * 1024;

/// Where keys are read.
#[derive(Debug)]
pub(in crate::jwt) enum Source {
    /// A JWK set at this URL.
    Jwks(Fetcher, Url),
    /// The JWK set that this issuer's discovery document names.
    Discovery(Fetcher, String),
    /// A JWK set in this file.
    JwksFile(PathBuf),
    /// A PEM public key in this file.
    PublicKeyFile(PathBuf),
}

/// Keys, and for how long they need not be read again.
pub(super) struct Loaded {
    pub keys: KeySet,
    pub fresh_for: Duration,
}

/// Why keys could not be read.
#[derive(Debug, thiserror::Error)]
pub(in crate::jwt) enum FetchError {
    #[error("issuer could not be asked for its keys")]
    Unreachable(#[source] reqwest::Error),
    #[error("issuer did not answer in time")]
    Timeout,
    #[error("issuer answered {0} when asked for its keys")]
    Status(u16),
    #[error("answer is larger than 256 KiB")]
    TooLarge,
    #[error("redirect is not followed: {0}")]
    Redirect(&'static str),
    #[error("host of a key set or redirect has an address that is not public")]
    PrivateAddress,
    #[error("host of a key set or redirect could not be resolved")]
    Resolve(#[source] io::Error),
    #[error("issuer's name is not a URL, so it has no discovery document")]
    NotAUrl,
    #[error("issuer's discovery document is not one")]
    NotADiscovery(#[source] serde_json::Error),
    #[error("issuer's discovery document has a `jwks_uri` that is no URL")]
    NoKeySetUrl,
    #[error("issuer's discovery document names another issuer")]
    OtherIssuer,
    #[error("file could not be read")]
    File(#[source] io::Error),
    #[error(transparent)]
    Key(#[from] KeyError),
}

#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

impl Source {
    /// Whether reading asks somebody over the network.
    pub(super) fn is_remote(&self) -> bool {
        match self {
            Self::Jwks(..) | Self::Discovery(..) => true,
            Self::JwksFile(_) | Self::PublicKeyFile(_) => false,
        }
    }

    pub(super) async fn load(&self, accepted: &[Algorithm]) -> Result<Loaded, FetchError> {
        match self {
            Self::Jwks(fetcher, url) => {
                let fetched = fetcher.get(url, url).await?;
                loaded(&fetched, accepted)
            }
            Self::Discovery(fetcher, issuer) => {
                let start = discovery_url(issuer)?;
                let document = fetcher.get(&start, &start).await?;
                let discovery: Discovery =
                    serde_json::from_slice(&document.body).map_err(FetchError::NotADiscovery)?;
                // OpenID Connect Discovery §4.3: or one issuer could hand in its keys as another's.
                if discovery.issuer != *issuer {
                    return Err(FetchError::OtherIssuer);
                }
                let named = Url::parse(&discovery.jwks_uri).map_err(|_| FetchError::NoKeySetUrl)?;
                let fetched = fetcher.get(&named, &start).await?;
                loaded(&fetched, accepted)
            }
            Self::JwksFile(path) => Ok(Loaded {
                keys: KeySet::parse(&read(path).await?, accepted)?,
                fresh_for: FILE_INTERVAL,
            }),
            Self::PublicKeyFile(path) => Ok(Loaded {
                keys: KeySet::of(Arc::new(Key::from_pem(&read(path).await?, accepted)?)),
                fresh_for: FILE_INTERVAL,
            }),
        }
    }
}

impl FetchError {
    /// Fixed slug for logs and metric labels.
    pub(in crate::jwt) fn kind(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "unreachable",
            Self::Timeout => "timeout",
            Self::Status(_) => "status",
            Self::TooLarge => "too-large",
            Self::Redirect(_) => "redirect",
            Self::PrivateAddress => "private-address",
            Self::Resolve(_) => "resolve",
            Self::NotAUrl | Self::NotADiscovery(_) | Self::NoKeySetUrl | Self::OtherIssuer => {
                "discovery"
            }
            Self::File(_) => "file",
            Self::Key(error) => error.kind(),
        }
    }

    /// What an operator can do about it.
    pub(super) fn advice(&self) -> &'static str {
        match self {
            Self::Unreachable(_) | Self::Timeout | Self::Resolve(_) => {
                "see that the issuer runs and can be reached from here, proxies and certificates included"
            }
            Self::Status(_) | Self::TooLarge => {
                "see that `jwks_url` (or, with discovery, `issuer`) is the address of the key set"
            }
            Self::Redirect(_) | Self::PrivateAddress => "set `jwks_url` to the final address",
            Self::NotAUrl | Self::NotADiscovery(_) | Self::NoKeySetUrl => {
                "set `jwks_url` when the issuer offers no discovery document"
            }
            Self::OtherIssuer => "set `issuer` to the exact name in the discovery document",
            Self::File(_) => "see that the file exists and Gantry may read it",
            Self::Key(_) => "see what the issuer or the file offers",
        }
    }
}

fn loaded(fetched: &Fetched, accepted: &[Algorithm]) -> Result<Loaded, FetchError> {
    Ok(Loaded {
        keys: KeySet::parse(&fetched.body, accepted)?,
        fresh_for: fetched.fresh_for,
    })
}

/// OpenID Connect Discovery §4: a slash at the issuer's end goes before the path is added.
fn discovery_url(issuer: &str) -> Result<Url, FetchError> {
    let base = issuer.strip_suffix('/').unwrap_or(issuer);
    let url = Url::parse(&format!("{base}/.well-known/openid-configuration"))
        .map_err(|_| FetchError::NotAUrl)?;
    if url.query().is_some() || url.fragment().is_some() || !url.has_host() {
        return Err(FetchError::NotAUrl);
    }
    Ok(url)
}

async fn read(path: &Path) -> Result<Vec<u8>, FetchError> {
    let file = File::open(path).await.map_err(FetchError::File)?;
    let mut text = Vec::new();
    let limit = MAX_BYTES as u64 + 1;
    file.take(limit)
        .read_to_end(&mut text)
        .await
        .map_err(FetchError::File)?;
    if text.len() > MAX_BYTES {
        return Err(FetchError::TooLarge);
    }
    Ok(text)
}
