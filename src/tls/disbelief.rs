//! Why a server's certificate was not believed, out of an error that says only that a call failed.

use std::error::Error;
use std::io;

use tokio_rustls::rustls::{self, CertificateError};

/// What was wrong with the certificate, when that is the cause.
#[must_use]
pub fn of<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e CertificateError> {
    let mut cause = error;
    loop {
        match refused(cause) {
            Some(refused) => return Some(refused),
            None => cause = cause.source()?,
        }
    }
}

/// TLS errors travel inside of I/O errors, which leave them out when asked for their source.
fn refused<'e>(cause: &'e (dyn Error + 'static)) -> Option<&'e CertificateError> {
    if let Some(error) = cause.downcast_ref::<io::Error>() {
        return refused(error.get_ref()?);
    }
    match cause.downcast_ref()? {
        rustls::Error::InvalidCertificate(error) => Some(error),
        _ => None,
    }
}
