//! Section `admin`: the listener for probes, metrics, the status page and the admin API.

use std::net::SocketAddr;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::key::Key;
use super::listen::ADDRESS;
use super::types::Hidden;
use super::validation::{Checked, Validation};
use crate::secret::Secret;

/// Least bytes of the token: who holds it ends anybody's session, so it must not be guessed.
const LEAST_TOKEN: usize = 32;

/// The admin listener, kept off the public one.
#[derive(Clone, Debug)]
pub struct Admin {
    /// Where probes, metrics, the status page and the admin API are served; default `127.0.0.1:9090`.
    pub address: SocketAddr,
    /// What callers of the admin API show as their bearer; `None` keeps it closed.
    pub token: Option<Secret>,
}

/// The section as the file has it.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct AdminFile {
    /// Address and port of `/livez`, `/readyz`, `/metrics`, the status page and the admin API; all but the API ask for no credentials, so keep them off public networks.
    address: String,
    /// The bearer token of the admin API (`/sessions`, `/principals`), at least 32 characters; without it the API is closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<Hidden>,
    /// File with the `token`.
    #[serde(skip_serializing_if = "Option::is_none")]
    token_file: Option<PathBuf>,
}

impl Default for AdminFile {
    fn default() -> Self {
        Self {
            address: "127.0.0.1:9090".to_owned(),
            token: None,
            token_file: None,
        }
    }
}

impl AdminFile {
    /// Checks the section at `key`.
    pub(super) fn validate(&self, validation: &mut Validation<'_>, key: &Key) -> Checked<Admin> {
        let token = self.token(validation, key);
        let key = key.field("address");
        let address = validation.parse(&key, &self.address, ADDRESS, |text| text.parse().ok())?;
        Ok(Admin {
            address,
            token: token?,
        })
    }

    fn token(&self, validation: &mut Validation<'_>, key: &Key) -> Checked<Option<Secret>> {
        let Some(token) = validation.secret(key, "token", (&self.token, &self.token_file))? else {
            return Ok(None);
        };
        let text = token.reveal();
        let problem = if text.len() < LEAST_TOKEN {
            "should be at least 32 characters long"
        } else if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            "should be of letters, digits and signs of ASCII, without blanks: it stands in a header"
        } else {
            return Ok(Some(token));
        };
        let name = match self.token_file {
            Some(_) => "token_file",
            None => "token",
        };
        Err(validation.mistake(&key.field(name), problem))
    }
}
