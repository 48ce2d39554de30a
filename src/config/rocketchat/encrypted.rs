//! Keys `rocketchat.tls`: the files are read here once already, so that a fault is told with its key before anything serves.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio_rustls::rustls::pki_types::{IpAddr, ServerName};
use url::{Host, Url};

use crate::clock::Clock;
use crate::config::certificates::{faulty, warn_of_end};
use crate::config::key::Key;
use crate::config::validation::{Checked, Validation};
use crate::tls::upstream::Files;

/// The keys as the file has them.
#[derive(Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct TlsFile {
    /// PEM file of the authorities that are believed, and no others; absent, the system's are. Read again when it changes, as the two files
    /// below.
    #[serde(skip_serializing_if = "Option::is_none")]
    ca_file: Option<PathBuf>,
    /// PEM file of the certificate that Gantry shows, with its chain, where one is wanted.
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate_file: Option<PathBuf>,
    /// PEM file of that certificate's key.
    #[serde(skip_serializing_if = "Option::is_none")]
    key_file: Option<PathBuf>,
    /// The name that is asked for (SNI) and that Rocket.Chat's certificate must hold for; absent, the host of `rocketchat.url`.
    #[serde(skip_serializing_if = "Option::is_none")]
    server_name: Option<String>,
}

impl TlsFile {
    /// Checks the keys at `key`, for this URL.
    pub(super) fn validate(
        &self,
        validation: &mut Validation<'_>,
        key: &Key,
        url: &Url,
    ) -> Checked<Option<Files>> {
        if url.scheme() != "https" {
            return self.nothing(validation, key);
        }
        let given = (self.certificate_file.as_ref(), self.key_file.as_ref());
        let identity = validation.identity(key, given);
        let name = self.name(validation, key, url);
        let files = Files {
            ca: self.ca_file.as_deref().map(|file| validation.file(file)),
            identity: identity?.map(|(certificate, own_key)| {
                (validation.file(certificate), validation.file(own_key))
            }),
            name: name?,
        };
        let now = Clock::system().now();
        match files.load(now) {
            Ok(shown) => {
                if let Some(expires) = shown.expires {
                    warn_of_end(validation, key, expires, now);
                }
                Ok(Some(files))
            }
            Err(fault) => Err(faulty(validation, key, &fault)),
        }
    }

    fn name(
        &self,
        validation: &mut Validation<'_>,
        key: &Key,
        url: &Url,
    ) -> Checked<ServerName<'static>> {
        if let Some(name) = &self.server_name {
            let wanted = "a DNS name such as chat.internal, without scheme and port";
            return validation.parse(&key.field("server_name"), name, wanted, |name| {
                let name = ServerName::try_from(name.to_owned()).ok()?;
                // An address cannot be asked for (RFC 6066 §3).
                matches!(name, ServerName::DnsName(_)).then_some(name)
            });
        }
        let name = match url.host() {
            Some(Host::Domain(name)) => ServerName::try_from(name.to_owned()).ok(),
            Some(Host::Ipv4(address)) => Some(ServerName::IpAddress(IpAddr::V4(address.into()))),
            Some(Host::Ipv6(address)) => Some(ServerName::IpAddress(IpAddr::V6(address.into()))),
            None => None,
        };
        let advice =
            "the host of `rocketchat.url` can stand in no certificate; give the name that does";
        name.ok_or_else(|| validation.missing(&key.field("server_name"), advice))
    }

    /// Without TLS none of the keys may be there: they would seem to guard something.
    fn nothing(&self, validation: &mut Validation<'_>, key: &Key) -> Checked<Option<Files>> {
        let given = [
            ("ca_file", self.ca_file.is_some()),
            ("certificate_file", self.certificate_file.is_some()),
            ("key_file", self.key_file.is_some()),
            ("server_name", self.server_name.is_some()),
        ];
        match given.iter().find(|(_, given)| *given) {
            None => Ok(None),
            Some((name, _)) => Err(validation.mistake(
                &key.field(name),
                "goes with TLS only; let `rocketchat.url` begin with https://",
            )),
        }
    }
}
