//! One entry of `issuers`: whose JWTs are believed, with which keys, and what their claims are called.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use jsonwebtoken::Algorithm;
use url::Url;

use crate::secret::Secret;

/// An issuer and the rules its tokens must meet.
#[derive(Clone, Debug)]
pub struct Issuer {
    /// The exact `iss`.
    pub issuer: String,
    /// Accepted values of `aud`, at least one.
    pub audiences: Vec<String>,
    /// Accepted signature algorithms, at least one; HS256 exactly when the key is a secret.
    pub algorithms: Vec<Algorithm>,
    /// Where the keys come from.
    pub keys: KeySource,
    /// Tolerance for clock skew; default 30 s.
    pub leeway: Duration,
    /// Longest accepted age by `iat`; default 24 h. A token without `iat` is bounded by its `exp` alone.
    pub max_age: Duration,
    /// Claims that must be present with exactly this value.
    pub required_claims: BTreeMap<String, serde_json::Value>,
    /// What the profile claims are called.
    pub claims: ClaimNames,
}

/// Where an issuer's verification keys come from.
#[derive(Clone, Debug)]
pub enum KeySource {
    /// A JWK set fetched and refreshed over HTTP.
    JwksUrl(Url),
    /// The JWK set named by the issuer's OpenID Connect discovery document.
    Discovery,
    /// A JWK set in a file, read again when it changes.
    JwksFile(PathBuf),
    /// One PEM public key in a file.
    PublicKeyFile(PathBuf),
    /// A shared secret for HS256.
    Secret(Secret),
}

/// Names of the claims that make the profile; an empty name means the claim is not read. A dotted name walks into objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimNames {
    /// Default `preferred_username`.
    pub username: String,
    /// Default `name`.
    pub name: String,
    /// Default `email`.
    pub email: String,
    /// Default `email_verified`.
    pub email_verified: String,
    /// Default `sid`.
    pub session: String,
    /// Default empty.
    pub roles: String,
}

impl Default for ClaimNames {
    fn default() -> Self {
        Self {
            username: "preferred_username".to_owned(),
            name: "name".to_owned(),
            email: "email".to_owned(),
            email_verified: "email_verified".to_owned(),
            session: "sid".to_owned(),
            roles: String::new(),
        }
    }
}
