//! Section `backchannel_logout`: whether issuers may say that a session of theirs is over.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Logouts that come from issuers.
#[derive(Clone, Copy, Debug)]
pub struct BackchannelLogout {
    /// Is there an endpoint for them? Default true: it takes nothing but what an issuer signed.
    pub enabled: bool,
}

/// The section as the file has it.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct BackchannelLogoutFile {
    /// Take logout tokens of the issuers at `POST /_gantry/backchannel-logout` (OpenID Connect Back-Channel Logout 1.0).
    enabled: bool,
}

impl Default for BackchannelLogoutFile {
    fn default() -> Self {
        Self { enabled: true }
    }
}

impl From<&BackchannelLogoutFile> for BackchannelLogout {
    fn from(file: &BackchannelLogoutFile) -> Self {
        Self {
            enabled: file.enabled,
        }
    }
}
