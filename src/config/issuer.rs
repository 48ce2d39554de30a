//! One entry of `issuers`: whose JWTs are believed, with which keys, and what their claims are called.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use jsonwebtoken::Algorithm;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

use super::types::{DurationText, Hidden};

use crate::secret::Secret;

mod keys;
mod validate;

pub(super) use validate::validate_all;

/// An issuer and the rules its tokens must meet.
#[derive(Clone, Debug, PartialEq)]
pub struct Issuer {
    /// The exact `iss`.
    pub issuer: String,
    /// Accepted values of `aud`, at least one.
    pub audiences: Vec<String>,
    /// Accepted values of `aud` in logout tokens, at least one; default those of `audiences`.
    pub logout_audiences: Vec<String>,
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

impl PartialEq for KeySource {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::JwksUrl(url), Self::JwksUrl(other)) => url == other,
            (Self::Discovery, Self::Discovery) => true,
            (Self::JwksFile(path), Self::JwksFile(other))
            | (Self::PublicKeyFile(path), Self::PublicKeyFile(other)) => path == other,
            (Self::Secret(secret), Self::Secret(other)) => secret.is(other),
            _ => false,
        }
    }
}

/// Names of the claims that make the profile; an empty name means the claim is not read. A dotted name walks into objects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ClaimNames {
    /// Claim of the username; empty when it is not read. Dots walk into objects, here and below.
    pub username: String,
    /// Claim of the display name.
    pub name: String,
    /// Claim of the e-mail address.
    pub email: String,
    /// Claim that says whether the address is verified.
    pub email_verified: String,
    /// Claim that tells host sessions of one principal apart.
    pub session: String,
    /// Claim of the host roles, for `users.roles`.
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

/// One entry of the section as the file has it.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct IssuerFile {
    /// The exact `iss` of the issuer's tokens. Required, and different for every entry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) issuer: Option<String>,
    /// Values of `aud` of which a token must name one. Required.
    pub(super) audiences: Vec<String>,
    /// Values of `aud` of which a logout token must name one: the provider's client id, where session tokens name an API. Empty means
    /// `audiences`.
    pub(super) logout_audiences: Vec<String>,
    /// Signature algorithms that are believed. Required; `HS256` exactly when the key is a `secret`.
    pub(super) algorithms: Vec<AlgorithmWord>,
    /// URL of the issuer's JWK set. Of this and the next keys down to `secret_file`, exactly one is required.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) jwks_url: Option<String>,
    /// Take the JWK set that the issuer's OpenID Connect discovery document names.
    pub(super) discovery: bool,
    /// File that holds a JWK set; read again when it changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) jwks_file: Option<PathBuf>,
    /// File that holds one public key as PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) public_key_file: Option<PathBuf>,
    /// Shared secret of at least 32 bytes, for `HS256`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) secret: Option<Hidden>,
    /// File that holds `secret`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) secret_file: Option<PathBuf>,
    /// Tolerance for clocks that differ, at most 5 minutes.
    pub(super) leeway: DurationText,
    /// Longest time since `iat`; a token without `iat` lasts until its `exp`.
    pub(super) max_age: DurationText,
    /// Claims that must be there with exactly this value.
    pub(super) required_claims: BTreeMap<String, serde_json::Value>,
    /// What the claims of the profile are called.
    pub(super) claims: ClaimNames,
}

impl Default for IssuerFile {
    fn default() -> Self {
        Self {
            issuer: None,
            audiences: Vec::new(),
            logout_audiences: Vec::new(),
            algorithms: Vec::new(),
            jwks_url: None,
            discovery: false,
            jwks_file: None,
            public_key_file: None,
            secret: None,
            secret_file: None,
            leeway: "30s".into(),
            max_age: "24h".into(),
            required_claims: BTreeMap::new(),
            claims: ClaimNames::default(),
        }
    }
}

/// An algorithm by its name in JOSE (RFC 7518, RFC 8037). `none` is not among them.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(super) enum AlgorithmWord {
    RS256,
    RS384,
    RS512,
    PS256,
    ES256,
    ES384,
    #[serde(rename = "EdDSA")]
    EdDsa,
    HS256,
}

impl From<AlgorithmWord> for Algorithm {
    fn from(word: AlgorithmWord) -> Self {
        match word {
            AlgorithmWord::RS256 => Self::RS256,
            AlgorithmWord::RS384 => Self::RS384,
            AlgorithmWord::RS512 => Self::RS512,
            AlgorithmWord::PS256 => Self::PS256,
            AlgorithmWord::ES256 => Self::ES256,
            AlgorithmWord::ES384 => Self::ES384,
            AlgorithmWord::EdDsa => Self::EdDSA,
            AlgorithmWord::HS256 => Self::HS256,
        }
    }
}
