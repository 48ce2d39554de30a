//! One look at the session store, for `gantry doctor`: can it be used, and what speaks against it?

use crate::config::session::StoreConfig;
use crate::session::store::{file, redis};

/// What speaks against a store, without any secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// What was seen.
    pub seen: String,
    /// What an operator can do about it.
    pub mend: String,
}

impl Flaw {
    pub(super) fn new(seen: impl Into<String>, mend: impl Into<String>) -> Self {
        Self {
            seen: seen.into(),
            mend: mend.into(),
        }
    }
}

/// Looks at the store that the config names, without changing what is kept there: what was seen, and the drawbacks.
///
/// # Errors
/// [`Flaw`] when it cannot be used.
pub async fn look(config: &StoreConfig) -> Result<(String, Vec<Flaw>), Flaw> {
    match config {
        StoreConfig::Memory => Ok(("sessions are kept in memory".to_owned(), Vec::new())),
        StoreConfig::File { path } => {
            let path = path.clone();
            let looked = tokio::task::spawn_blocking(move || file::look(&path)).await;
            looked.unwrap_or_else(|error| Err(Flaw::new(error.to_string(), "try again")))
        }
        StoreConfig::Redis(config) => redis::look(config).await,
    }
}
