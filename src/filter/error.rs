//! Why a gateway's request may not go on.

use crate::filter::differences::Need;
use crate::filter::original::OriginalError;
use crate::gate::GateError;
use crate::headers::client_address::MalformedChain;
use crate::session::ExchangeError;
use crate::surface::Denial;
use crate::surface::path::Refused;

/// Why a gateway's request may not go on.
#[derive(Debug, thiserror::Error)]
pub enum FilterError {
    /// The gateway does not say clearly which request it asks about.
    #[error("gateway does not tell one request")]
    Original(#[from] OriginalError),
    /// The request's path has no one meaning.
    #[error("request path is refused")]
    Path(#[source] Refused),
    /// The gateway's chain of addresses cannot be read.
    #[error("client address is not known")]
    ClientAddress(#[from] MalformedChain),
    /// The surface denies it.
    #[error("request is denied")]
    Denied(Denial),
    /// Only proxy mode can let it go on.
    #[error("request needs proxy mode")]
    NeedsProxy(Need),
    /// The gate said no.
    #[error("request is not admitted")]
    Gate(#[from] GateError),
    /// Rocket.Chat refused the credentials, and there are no new ones.
    #[error("credentials cannot be refreshed")]
    Refresh(#[source] ExchangeError),
}

impl FilterError {
    /// Fixed slug for logs.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Original(error) => error.kind(),
            Self::Path(_) => "malformed-path",
            Self::ClientAddress(_) => "bad-forwarded-for",
            Self::Denied(denial) => denial.kind(),
            Self::NeedsProxy(need) => need.kind(),
            Self::Gate(error) => error.kind(),
            Self::Refresh(error) => error.kind(),
        }
    }
}
