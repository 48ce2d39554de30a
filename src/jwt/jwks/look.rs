//! One reading of an issuer's keys, for `gantry doctor`: how many can be used, and if none, why and what to do.

use tokio_rustls::rustls::CertificateError;

use crate::config::issuer::{Issuer, KeySource};
use crate::jwt::jwks::{FetchError, Fetcher, Source};
use crate::jwt::keys::Key;
use crate::telemetry::logging::chain;
use crate::tls::disbelief;

/// What the reading brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    /// Keys that can be used; at least one.
    pub usable: usize,
    /// Why the first of the others cannot, if there are others.
    pub refused: Option<String>,
}

/// Why there are no keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoKeys {
    /// What was seen.
    pub seen: String,
    /// What an operator can do about it.
    pub mend: &'static str,
}

/// Said where keys came and none can be used.
const PUBLISH: &str = "have the issuer publish a key for signatures that fits `algorithms`: RSA with 2048 to 8192 bits and an exponent of \
    65537 or more, EC on P-256 or P-384, or Ed25519";

/// Reads the keys once, as the verifier would. `http` must follow no redirects by itself.
///
/// # Errors
/// [`NoKeys`] when none can be used.
pub async fn try_keys(rules: &Issuer, http: reqwest::Client) -> Result<Keys, NoKeys> {
    let fetcher = Fetcher::new(http.into());
    let source = match &rules.keys {
        KeySource::JwksUrl(url) => Source::Jwks(fetcher, url.clone()),
        KeySource::Discovery => Source::Discovery(fetcher, rules.issuer.clone()),
        KeySource::JwksFile(path) => Source::JwksFile(path.clone()),
        KeySource::PublicKeyFile(path) => Source::PublicKeyFile(path.clone()),
        KeySource::Secret(secret) => {
            return match Key::from_secret(secret, &rules.algorithms) {
                Ok(_) => Ok(Keys {
                    usable: 1,
                    refused: None,
                }),
                Err(error) => Err(NoKeys {
                    seen: error.to_string(),
                    mend: "set a random secret of 32 bytes or more, and HS256 as the one algorithm",
                }),
            };
        }
    };
    let loaded = source.load(&rules.algorithms).await;
    let loaded = loaded.map_err(|error| told(&error))?;
    if let Some(lack) = loaded.keys.lack() {
        return Err(NoKeys {
            seen: format!("no usable key: {lack}"),
            mend: PUBLISH,
        });
    }
    let (usable, refused) = loaded.keys.told();
    Ok(Keys {
        usable,
        refused: refused.map(|error| error.to_string()),
    })
}

fn told(error: &FetchError) -> NoKeys {
    let mend = match error {
        FetchError::Unreachable(cause) => certificate(cause).unwrap_or(error.advice()),
        _ => error.advice(),
    };
    NoKeys {
        seen: chain(error),
        mend,
    }
}

/// What to do when it is the issuer's certificate that is not believed.
fn certificate(error: &reqwest::Error) -> Option<&'static str> {
    Some(match disbelief::of(error)? {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "renew the issuer's certificate, which has expired; if it has not, this host's clock is ahead"
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the issuer's certificate begins later; see that this host's clock is right"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "name the issuer by a host that its certificate is for"
        }
        _ => {
            "have the issuer send its whole chain, or give this host the authority that signed the certificate: in the system's store, or \
             as SSL_CERT_FILE"
        }
    })
}
