//! Section `filter`: whether a gateway may ask which requests go on, and with which credentials.

use std::net::SocketAddr;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::key::Key;
use super::listen::{ADDRESS, Listen};
use super::types::Hidden;
use super::validation::{Checked, Validation};
use crate::secret::Secret;

/// Least bytes of the secret: who guesses it behind a gateway is told a Rocket.Chat auth token.
const LEAST_SECRET: usize = 32;

/// How gateways ask.
#[derive(Clone, Debug)]
pub struct Filter {
    /// What a gateway shows beside its address, because what a client sends through the gateway comes from the same one.
    pub secret: Secret,
    /// Where Envoy asks over gRPC; `None` for nowhere.
    pub grpc_address: Option<SocketAddr>,
}

/// The section as the file has it.
#[derive(Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct FilterFile {
    /// Answer the gateways of `listen.trusted_proxies` below `/_gantry/filter/`.
    enabled: bool,
    /// Address and port where Envoy asks over gRPC, such as `127.0.0.1:9191`; empty for nowhere. Only gateways should reach it.
    grpc_address: String,
    /// What gateways show in `X-Gantry-Secret`, at least 32 characters; needed when enabled.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<Hidden>,
    /// File with the `secret`.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret_file: Option<PathBuf>,
}

impl FilterFile {
    /// Checks the section at `key`; `None` when it is off.
    pub(super) fn validate(
        &self,
        validation: &mut Validation<'_>,
        key: &Key,
    ) -> Checked<Option<Filter>> {
        let address = self.grpc_address(validation, &key.field("grpc_address"));
        let secret = self.secret(validation, key);
        if !self.enabled {
            if address.as_ref().is_ok_and(Option::is_some) {
                let unused = "nobody listens there, because `filter.enabled` is false";
                validation.warn(&key.field("grpc_address"), unused);
            }
            address?;
            secret?;
            return Ok(None);
        }
        let Some(secret) = secret? else {
            let advice = "give what gateways show, by `openssl rand -hex 32` for example: without it, clients could ask through them";
            return Err(validation.missing(&key.field("secret"), advice));
        };
        Ok(Some(Filter {
            secret,
            grpc_address: address?,
        }))
    }

    fn grpc_address(
        &self,
        validation: &mut Validation<'_>,
        key: &Key,
    ) -> Checked<Option<SocketAddr>> {
        if self.grpc_address.is_empty() {
            return Ok(None);
        }
        let parsed = validation.parse(key, &self.grpc_address, ADDRESS, |text| text.parse().ok());
        parsed.map(Some)
    }

    fn secret(&self, validation: &mut Validation<'_>, key: &Key) -> Checked<Option<Secret>> {
        let Some(secret) = validation.secret(key, "secret", (&self.secret, &self.secret_file))?
        else {
            return Ok(None);
        };
        let text = secret.reveal();
        // It may have to stand in a URL as it is.
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~+/=".contains(&byte);
        let problem = if text.len() < LEAST_SECRET {
            "should be at least 32 characters long"
        } else if !text.bytes().all(plain) {
            "should be of letters, digits, `-`, `_`, `.`, `~`, `+`, `/` and `=`: it stands in a header or a URL"
        } else {
            return Ok(Some(secret));
        };
        let name = match self.secret_file {
            Some(_) => "secret_file",
            None => "secret",
        };
        Err(validation.mistake(&key.field(name), problem))
    }
}

/// Refuses a filter that nobody could ask.
pub(super) fn asked(listen: &Listen, validation: &mut Validation<'_>) {
    if listen.trusted_proxies.is_empty() {
        let key = Key::default().field("filter").field("enabled");
        let problem = "answers the peers of `listen.trusted_proxies` only; name the gateway's addresses there";
        validation.mistake(&key, problem);
    }
}
