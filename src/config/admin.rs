//! Section `admin`: the listener for probes and metrics.

use std::net::SocketAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::key::Key;
use super::listen::ADDRESS;
use super::validation::{Checked, Validation};

/// The admin listener, kept off the public one.
#[derive(Clone, Debug)]
pub struct Admin {
    /// Where `/livez`, `/readyz` and `/metrics` are served; default `127.0.0.1:9090`.
    pub address: SocketAddr,
}

/// The section as the file has it.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct AdminFile {
    /// Address and port of `/livez`, `/readyz` and `/metrics`; they ask for no credentials, so keep them off public networks.
    address: String,
}

impl Default for AdminFile {
    fn default() -> Self {
        Self {
            address: "127.0.0.1:9090".to_owned(),
        }
    }
}

impl AdminFile {
    /// Checks the section at `key`.
    pub(super) fn validate(&self, validation: &mut Validation<'_>, key: &Key) -> Checked<Admin> {
        let key = key.field("address");
        let address = validation.parse(&key, &self.address, ADDRESS, |text| text.parse().ok())?;
        Ok(Admin { address })
    }
}
