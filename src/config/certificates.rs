//! What is told of certificate files, whichever section names them: their faults at the key, and an end that is near.

use std::time::{Duration, SystemTime};

use super::key::Key;
use super::validation::{Mistaken, Validation};
use super::walk::quoted;
use crate::tls::{Fault, Part};

/// A certificate that ends sooner is worth a warning: by then what renews it should have.
const SOON: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// Notes a fault of the files whose keys stand below `key`.
pub(super) fn faulty(validation: &mut Validation<'_>, key: &Key, fault: &Fault) -> Mistaken {
    let name = match fault.part {
        Part::Certificate => "certificate_file",
        Part::Key => "key_file",
        Part::ClientCa => "client_ca_file",
        Part::Ca => "ca_file",
    };
    let shown = quoted(&fault.file.to_string_lossy());
    validation.mistake(&key.field(name), format!("{shown}: {}", fault.error))
}

/// Warns when the certificate of the keys below `key` ends soon.
pub(super) fn warn_of_end(
    validation: &mut Validation<'_>,
    key: &Key,
    expires: SystemTime,
    now: SystemTime,
) {
    if expires <= now + SOON {
        let until = humantime::format_rfc3339_seconds(expires);
        validation.warn(
            &key.field("certificate_file"),
            &format!("the certificate expires at {until}; renew it"),
        );
    }
}
