//! The checked configuration: what the rest of the program may rely on without checking again.
//!
//! Loading goes defaults < YAML file < environment; unknown keys are refused, every mistake is reported at once, and each names
//! its key, its place and the mend. Only this module reads the environment and the secret files.
//!
//! The way of a value: [`yaml`] and [`environment`] read nodes with places, [`walk`] holds them against the [`shape`] that the
//! [`file`] types give, [`layers`] lays the typed values over one another, and each section checks its own.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use environment::Environment;
pub use mistakes::{Mistake, Mistakes, Place};
pub use source::Source;

use key::Key;
use layers::Layers;
use together::Sections;
use validation::{Checked, Mistaken, Validation};

pub mod admin;
pub mod backchannel_logout;
mod certificates;
mod effective;
mod environment;
mod file;
mod files;
pub mod filter;
pub mod iframe;
pub mod issuer;
mod key;
mod layers;
pub mod listen;
mod mistakes;
pub mod outline;
pub mod proxy;
pub mod rocketchat;
pub mod session;
mod shape;
pub mod source;
pub mod telemetry;
mod together;
pub mod tokens;
pub mod types;
pub mod users;
mod validation;
mod walk;
pub mod websocket;
mod yaml;

#[cfg(test)]
mod tests;

/// The whole configuration; only `app` sees it whole, each component gets its section.
#[derive(Clone, Debug)]
pub struct Config {
    /// The public listener.
    pub listen: listen::Listen,
    /// The admin listener.
    pub admin: admin::Admin,
    /// How we reach Rocket.Chat and act there.
    pub rocketchat: rocketchat::RocketChat,
    /// Who signs JWTs; at least one, with distinct names.
    pub issuers: Vec<Arc<issuer::Issuer>>,
    /// Where a JWT may stand in a request.
    pub tokens: tokens::Tokens,
    /// How principals become Rocket.Chat users.
    pub users: users::Users,
    /// The life of sessions.
    pub sessions: session::Sessions,
    /// What passes, and who may embed it.
    pub proxy: proxy::Proxy,
    /// What sockets may cost, and do without a login.
    pub websocket: websocket::WebSocket,
    /// How browsers that show Rocket.Chat inside a host page are known.
    pub iframe: iframe::Iframe,
    /// How gateways ask; `None` when none may.
    pub filter: Option<filter::Filter>,
    /// Logouts that come from issuers.
    pub backchannel_logout: backchannel_logout::BackchannelLogout,
    /// Logs.
    pub telemetry: telemetry::Telemetry,
    /// What works but is seldom meant; for the log at start, for `check` and for `doctor`.
    pub warnings: Vec<Mistake>,
    /// All of it, key by key.
    pub outline: Arc<outline::Outline>,
}

impl Config {
    /// Reads and checks the file, if there is one, and the environment over it. Relative paths in it begin at its directory.
    ///
    /// # Errors
    /// All mistakes at once.
    pub fn load(path: Option<&Path>, environment: &Environment) -> Result<Self, Mistakes> {
        checked(Layers::load(path, environment)?, path).config
    }

    /// Reads and checks a text, and the environment over it. Relative paths in it begin at the working directory.
    ///
    /// # Errors
    /// All mistakes at once.
    pub fn parse(text: &str, environment: &Environment) -> Result<Self, Mistakes> {
        let text = (Arc::from("config"), text.as_bytes());
        checked(Layers::read(Some(text), environment)?, None).config
    }
}

/// The effective configuration as YAML, secrets only as `[redacted]`.
///
/// # Errors
/// All mistakes at once, as [`Config::load`] tells them.
pub fn effective(path: Option<&Path>, environment: &Environment) -> Result<String, Mistakes> {
    let layers = Layers::load(path, environment)?;
    let shown = effective::show(&layers.file);
    checked(layers, path).config.map(|_| shown)
}

/// All that is to be said of a configuration: its mistakes, and what works but is seldom meant.
#[must_use]
pub fn check(path: Option<&Path>, environment: &Environment) -> (Mistakes, Vec<Mistake>) {
    match Layers::load(path, environment) {
        Err(mistakes) => (mistakes, Vec::new()),
        Ok(layers) => {
            let read = checked(layers, path);
            (read.config.err().unwrap_or_default(), read.warnings)
        }
    }
}

/// The JSON Schema of the file (draft 2020-12).
#[must_use]
pub fn schema() -> serde_json::Value {
    file::schema()
}

/// What came of reading a configuration.
struct Outcome {
    config: Result<Config, Mistakes>,
    /// There beside mistakes, too.
    warnings: Vec<Mistake>,
    /// The files that it names, whatever is wrong with it.
    files: BTreeSet<PathBuf>,
}

/// Checks what was read.
fn checked(layers: Layers, path: Option<&Path>) -> Outcome {
    let mut validation = Validation {
        places: &layers.places,
        whole: layers.whole,
        directory: path.and_then(Path::parent).unwrap_or_else(|| Path::new("")),
        mistakes: layers.mistakes,
        warnings: layers.warnings,
        files: BTreeSet::new(),
        secrets: Vec::new(),
    };
    let config = sections(&layers.file, &mut validation);
    let (mistakes, warnings) = (validation.mistakes, validation.warnings);
    let config = match config {
        Ok(config) if mistakes.is_empty() => Ok(Config {
            warnings: warnings.clone(),
            outline: Arc::new(outline::Outline::new(&layers.file, validation.secrets)),
            ..config
        }),
        Ok(_) | Err(Mistaken) => Err(mistakes),
    };
    Outcome {
        config,
        warnings,
        files: validation.files,
    }
}

/// Checks every section, whatever the others hold, and then what stands between them.
fn sections(file: &file::File, validation: &mut Validation<'_>) -> Checked<Config> {
    let at = |name: &str| Key::default().field(name);
    let listen = file.listen.validate(validation, &at("listen"));
    let admin = file.admin.validate(validation, &at("admin"));
    let rocketchat = file.rocketchat.validate(validation, &at("rocketchat"));
    let issuers = issuer::validate_all(&file.issuers, validation, &at("issuers"));
    let tokens = file.tokens.validate(validation, &at("tokens"));
    let users = file.users.validate(validation, &at("users"));
    let sessions = file.sessions.validate(validation, &at("sessions"));
    let proxy = file.proxy.validate(validation, &at("proxy"));
    let websocket = file.websocket.validate(validation, &at("websocket"));
    let iframe = file.iframe.validate(validation, &at("iframe"));
    let filter = file.filter.validate(validation, &at("filter"));
    let telemetry = file.telemetry.validate(validation, &at("telemetry"));
    let sections = Sections {
        listen: &listen,
        admin: &admin,
        rocketchat: &rocketchat,
        issuers: &issuers,
        tokens: &tokens,
        users: &users,
        sessions: &sessions,
        proxy: &proxy,
        iframe: &iframe,
        filter: &filter,
    };
    sections.look(validation);
    Ok(Config {
        listen: listen?,
        admin: admin?,
        rocketchat: rocketchat?,
        issuers: issuers?,
        tokens: tokens?,
        users: users?,
        sessions: sessions?,
        proxy: proxy?,
        websocket: websocket?,
        iframe: iframe?,
        filter: filter?,
        backchannel_logout: (&file.backchannel_logout).into(),
        telemetry: telemetry?,
        warnings: Vec::new(),
        outline: Arc::default(),
    })
}
