//! Checks entries of `issuers`: a name, audiences, algorithms that fit the key, and exactly one source of keys.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jsonwebtoken::Algorithm;
use url::Url;

use super::{AlgorithmWord, ClaimNames, Issuer, IssuerFile, KeySource, keys};
use crate::config::files;
use crate::config::key::Key;
use crate::config::listen::is_loopback;
use crate::config::validation::{Checked, Mistaken, Validation};
use crate::secret::Secret;

/// Longest `leeway`: clocks that differ by more need mending, not patience.
const LONGEST_LEEWAY: Duration = Duration::from_secs(5 * 60);

/// Least bytes of a shared secret for HS256 (RFC 7518 §3.2).
const LEAST_SECRET: usize = 32;

/// Largest key file read, in bytes: a set of a hundred RSA keys needs a tenth of it.
const LARGEST_KEY_FILE: u64 = 1024 * 1024;

/// Checks all entries at `key`: at least one, each with a name of its own.
pub(in crate::config) fn validate_all(
    entries: &[IssuerFile],
    validation: &mut Validation<'_>,
    key: &Key,
) -> Checked<Vec<Arc<Issuer>>> {
    if entries.is_empty() {
        return Err(validation.missing(key, "name at least one issuer, else nobody can come in"));
    }
    let mut names: BTreeMap<&str, usize> = BTreeMap::new();
    let mut issuers = Ok(Vec::new());
    for (index, entry) in entries.iter().enumerate() {
        let at = key.entry(index);
        let issuer = entry.validate(validation, &at).map(Arc::new);
        if let Some(name) = entry.issuer.as_deref() {
            // Two entries of one name would let a token choose the weaker rules.
            if let Some(first) = names.get(name) {
                let problem = format!(
                    "is the name of `{}` already; each issuer has one entry",
                    key.entry(*first)
                );
                issuers = Err(validation.mistake(&at.field("issuer"), problem));
            } else {
                names.insert(name, index);
            }
        }
        match (&mut issuers, issuer) {
            (Ok(issuers), Ok(issuer)) => issuers.push(issuer),
            (_, Err(mistaken)) => issuers = Err(mistaken),
            (Err(_), Ok(_)) => {}
        }
    }
    issuers
}

impl IssuerFile {
    /// Checks the entry at `key`.
    pub(in crate::config) fn validate(
        &self,
        validation: &mut Validation<'_>,
        key: &Key,
    ) -> Checked<Issuer> {
        let issuer = match &self.issuer {
            None => {
                let advice = "give the exact `iss` of its tokens, such as https://app.example.com";
                Err(validation.missing(&key.field("issuer"), advice))
            }
            Some(text) => filled(validation, &key.field("issuer"), text),
        };
        let audiences = self.audiences(validation, &key.field("audiences"));
        let logout_audiences = match (&*self.logout_audiences, &audiences) {
            ([], Ok(audiences)) => Ok(audiences.clone()),
            (given, _) => each_audience(validation, &key.field("logout_audiences"), given),
        };
        let keys = self.keys(validation, key);
        let algorithms = self.algorithms(validation, &key.field("algorithms"), keys.as_ref().ok());
        let leeway = validation.tolerance(&key.field("leeway"), &self.leeway, LONGEST_LEEWAY);
        let max_age = validation.duration(&key.field("max_age"), &self.max_age);
        let claims = self.claims(validation, &key.field("claims"));
        Ok(Issuer {
            issuer: issuer?,
            audiences: audiences?,
            logout_audiences: logout_audiences?,
            algorithms: algorithms?,
            keys: keys?,
            leeway: leeway?,
            max_age: max_age?,
            required_claims: self.required_claims.clone(),
            claims: claims?,
        })
    }

    fn audiences(&self, validation: &mut Validation<'_>, key: &Key) -> Checked<Vec<String>> {
        if self.audiences.is_empty() {
            let advice = "name at least one value of `aud`, such as [chat]; else tokens made for others would be believed";
            return Err(validation.missing(key, advice));
        }
        each_audience(validation, key, &self.audiences)
    }

    fn algorithms(
        &self,
        validation: &mut Validation<'_>,
        key: &Key,
        keys: Option<&KeySource>,
    ) -> Checked<Vec<Algorithm>> {
        if self.algorithms.is_empty() {
            return Err(validation.missing(key, "name what the issuer signs with, such as [RS256]"));
        }
        let shared = matches!(keys, Some(KeySource::Secret(_)));
        let odd = self
            .algorithms
            .iter()
            .position(|word| (*word == AlgorithmWord::HS256) != shared);
        // A public key must never serve as a shared secret: that lets everybody sign (CVE-2015-9235 and its kin).
        if let (Some(index), Some(_)) = (odd, keys) {
            let problem = if shared {
                "does not go with a `secret`; with it, HS256 is the one algorithm"
            } else {
                "HS256 needs a `secret` or `secret_file` and does not go with public keys"
            };
            return Err(validation.mistake(&key.entry(index), problem));
        }
        let mut algorithms: Vec<Algorithm> = Vec::new();
        for algorithm in self.algorithms.iter().map(|word| Algorithm::from(*word)) {
            if !algorithms.contains(&algorithm) {
                algorithms.push(algorithm);
            }
        }
        Ok(algorithms)
    }

    fn keys(&self, validation: &mut Validation<'_>, key: &Key) -> Checked<KeySource> {
        let secret = validation.secret(key, "secret", (&self.secret, &self.secret_file));
        let given: Vec<&str> = [
            ("jwks_url", self.jwks_url.is_some()),
            ("discovery", self.discovery),
            ("jwks_file", self.jwks_file.is_some()),
            ("public_key_file", self.public_key_file.is_some()),
            (
                "secret",
                self.secret.is_some() || self.secret_file.is_some(),
            ),
        ]
        .into_iter()
        .filter_map(|(name, given)| given.then_some(name))
        .collect();
        if given.len() > 1 {
            let problem = format!(
                "`{}` are given; keep one source of keys",
                given.join("`, `")
            );
            return Err(validation.mistake(key, problem));
        }
        if let Some(text) = &self.jwks_url {
            return web_url(validation, &key.field("jwks_url"), text).map(KeySource::JwksUrl);
        }
        if self.discovery {
            return self.discovery(validation, key);
        }
        if let Some(path) = &self.jwks_file {
            let key = key.field("jwks_file");
            let problem = |text: &str| keys::set_problem(text, &self.algorithms);
            return key_file(validation, &key, path, problem)
                .map(|()| KeySource::JwksFile(validation.file(path)));
        }
        if let Some(path) = &self.public_key_file {
            let key = key.field("public_key_file");
            let problem = |text: &str| keys::pem_problem(text, &self.algorithms);
            return key_file(validation, &key, path, problem)
                .map(|()| KeySource::PublicKeyFile(validation.file(path)));
        }
        match secret? {
            Some(secret) => self.secret(validation, key, secret),
            None if ["jwks_url", "discovery", "jwks_file", "public_key_file"]
                .iter()
                .any(|name| validation.mistakes.touch(&key.field(name))) =>
            {
                Err(Mistaken)
            }
            None => {
                let problem = "has no keys; give one of `jwks_url`, `discovery`, `jwks_file`, `public_key_file`, `secret_file`";
                Err(validation.mistake(key, problem))
            }
        }
    }

    fn discovery(&self, validation: &mut Validation<'_>, key: &Key) -> Checked<KeySource> {
        // A missing name is reported where the name belongs.
        let Some(issuer) = &self.issuer else {
            return Err(Mistaken);
        };
        if Url::parse(issuer).is_ok_and(|url| matches!(url.scheme(), "http" | "https")) {
            return web_url(validation, &key.field("issuer"), issuer).map(|_| KeySource::Discovery);
        }
        let problem = "needs an `issuer` that is a URL, because the document stands below it; else use `jwks_url`";
        Err(validation.mistake(&key.field("discovery"), problem))
    }

    fn secret(
        &self,
        validation: &mut Validation<'_>,
        key: &Key,
        secret: Secret,
    ) -> Checked<KeySource> {
        if secret.reveal().len() >= LEAST_SECRET {
            return Ok(KeySource::Secret(secret));
        }
        let key = key.field(if self.secret_file.is_some() {
            "secret_file"
        } else {
            "secret"
        });
        Err(validation.mistake(
            &key,
            format!("should be at least {LEAST_SECRET} bytes long for HS256"),
        ))
    }

    fn claims(&self, validation: &mut Validation<'_>, key: &Key) -> Checked<ClaimNames> {
        let named = [
            ("username", &self.claims.username),
            ("name", &self.claims.name),
            ("email", &self.claims.email),
            ("email_verified", &self.claims.email_verified),
            ("session", &self.claims.session),
            ("roles", &self.claims.roles),
        ];
        let mut fits = Ok(());
        for (name, claim) in named {
            let whole = claim.is_empty() || claim.split('.').all(|part| !part.is_empty());
            if !whole {
                let problem = "should be a claim's name, or names with single dots between them";
                fits = Err(validation.mistake(&key.field(name), problem));
            }
        }
        fits.map(|()| self.claims.clone())
    }
}

/// Audiences, none of them empty.
fn each_audience(
    validation: &mut Validation<'_>,
    key: &Key,
    audiences: &[String],
) -> Checked<Vec<String>> {
    validation.each(key, audiences, "the exact value of an `aud`", |text| {
        (!text.is_empty()).then(|| text.to_owned())
    })
}

/// Text that is not empty.
fn filled(validation: &mut Validation<'_>, key: &Key, text: &str) -> Checked<String> {
    let wanted = "the exact `iss` of the issuer's tokens";
    validation.parse(key, text, wanted, |text| {
        (!text.trim().is_empty()).then(|| text.to_owned())
    })
}

/// An http or https URL to fetch keys from.
fn web_url(validation: &mut Validation<'_>, key: &Key, text: &str) -> Checked<Url> {
    let wanted = "an https URL such as https://app.example.com/.well-known/jwks.json, without user and fragment";
    let url = validation.parse(key, text, wanted, |text| {
        let url = Url::parse(text).ok()?;
        let fits = matches!(url.scheme(), "http" | "https")
            && url.username().is_empty()
            && url.password().is_none()
            && url.fragment().is_none();
        fits.then_some(url)
    })?;
    if url.scheme() == "http" && !is_loopback(text) {
        validation.warn(
            key,
            "keys come over plain http, so whoever is on the way can sign tokens; use https",
        );
    }
    Ok(url)
}

/// A file of public keys that can be read now and looks right.
fn key_file(
    validation: &mut Validation<'_>,
    key: &Key,
    path: &Path,
    problem: impl FnOnce(&str) -> Option<String>,
) -> Checked<()> {
    let shown = path.display();
    match files::text(&validation.read(path), LARGEST_KEY_FILE) {
        Err(error) => Err(validation.mistake(key, format!("cannot read \"{shown}\": {error}"))),
        Ok(text) => match problem(&text) {
            Some(problem) => Err(validation.mistake(key, format!("\"{shown}\" {problem}"))),
            None => Ok(()),
        },
    }
}
