//! Keys `listen.tls`: the files are read here once already, so that a fault is told with its key before anything serves.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::clock::Clock;
use crate::config::certificates::{faulty, warn_of_end};
use crate::config::key::Key;
use crate::config::validation::{Checked, Validation};
use crate::tls::{ClientCa, Files};

/// The keys as the file has them.
#[derive(Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct TlsFile {
    /// PEM file of the certificate that clients see, with its chain; absent, Gantry serves plain HTTP. Read again when it changes, as the
    /// two files below.
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate_file: Option<PathBuf>,
    /// PEM file of that certificate's key.
    #[serde(skip_serializing_if = "Option::is_none")]
    key_file: Option<PathBuf>,
    /// PEM file of the authorities whose certificates clients must show. Such a certificate opens the door; who somebody is, their JWT
    /// says.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_ca_file: Option<PathBuf>,
    /// `required`, or `optional` for clients that may do without a certificate; goes with `client_ca_file`, where `required` is the default.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_certificates: Option<ClientCertificates>,
}

/// Must clients show a certificate?
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum ClientCertificates {
    Required,
    Optional,
}

impl TlsFile {
    /// Checks the keys at `key`.
    pub(super) fn validate(
        &self,
        validation: &mut Validation<'_>,
        key: &Key,
    ) -> Checked<Option<Files>> {
        let given = (self.certificate_file.as_ref(), self.key_file.as_ref());
        let Some((certificate, own_key)) = validation.identity(key, given)? else {
            return self.nothing(validation, key);
        };
        if self.client_ca_file.is_none() && self.client_certificates.is_some() {
            let advice = "`client_certificates` is given; give the authorities that issue them, or take it out";
            return Err(validation.missing(&key.field("client_ca_file"), advice));
        }
        let files = Files {
            certificate: validation.file(certificate),
            key: validation.file(own_key),
            client_ca: self.client_ca_file.as_deref().map(|file| ClientCa {
                file: validation.file(file),
                optional: self.client_certificates == Some(ClientCertificates::Optional),
            }),
        };
        let now = Clock::system().now();
        match files.load(now) {
            Ok(served) => {
                warn_of_end(validation, key, served.expires, now);
                Ok(Some(files))
            }
            Err(fault) => Err(faulty(validation, key, &fault)),
        }
    }

    /// Without certificate and key, the others must not be there: they would seem to guard something.
    fn nothing(&self, validation: &mut Validation<'_>, key: &Key) -> Checked<Option<Files>> {
        let others = [
            ("client_ca_file", self.client_ca_file.is_some()),
            ("client_certificates", self.client_certificates.is_some()),
        ];
        match others.iter().find(|(_, given)| *given) {
            None => Ok(None),
            Some((name, _)) => Err(validation.mistake(
                &key.field(name),
                "goes with TLS only; give `certificate_file` and `key_file`",
            )),
        }
    }
}
