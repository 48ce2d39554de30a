//! Section `tokens`: where a JWT may stand in a request, in the order tried.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::key::Key;
use super::validation::{Checked, Mistaken, Validation};

/// The places; an absent name switches a place off.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// `Authorization: Bearer`; default on.
    pub bearer: bool,
    /// A cookie's name; default absent.
    pub cookie: Option<String>,
    /// The subprotocol that announces a JWT as the next one; default `gantry.jwt`.
    pub subprotocol: Option<String>,
    /// A query parameter, for upgrades and navigations only; default absent.
    pub query: Option<String>,
}

/// Cookies that are Rocket.Chat's; what stands in one of them would be taken for something else.
pub(super) const TAKEN_COOKIES: [&str; 4] = ["rc_token", "rc_uid", "rc_rid", "rc_room_type"];

/// Query parameters that are Rocket.Chat's (RC §13.1).
const TAKEN_PARAMETERS: [&str; 3] = ["rc_token", "rc_uid", "resumeToken"];

/// The section as the file has it.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct TokensFile {
    /// Take the JWT from `Authorization: Bearer`.
    bearer: bool,
    /// Name of a cookie to take the JWT from; empty for none. It is believed only on requests from our own pages.
    cookie: String,
    /// Name that announces a JWT as the next entry of `Sec-WebSocket-Protocol`; empty for none.
    subprotocol: String,
    /// Name of a query parameter to take the JWT from, on upgrades and navigations only; empty for none. URLs end up in logs
    /// and histories, so it is off by default.
    query: String,
}

impl Default for TokensFile {
    fn default() -> Self {
        Self {
            bearer: true,
            cookie: String::new(),
            subprotocol: "gantry.jwt".to_owned(),
            query: String::new(),
        }
    }
}

impl TokensFile {
    /// Checks the section at `key`.
    pub(super) fn validate(&self, validation: &mut Validation<'_>, key: &Key) -> Checked<Tokens> {
        let cookie = name(
            validation,
            &key.field("cookie"),
            &self.cookie,
            &TAKEN_COOKIES,
        );
        let subprotocol = name(
            validation,
            &key.field("subprotocol"),
            &self.subprotocol,
            &[],
        );
        let query = name(
            validation,
            &key.field("query"),
            &self.query,
            &TAKEN_PARAMETERS,
        );
        let tokens = Tokens {
            bearer: self.bearer,
            cookie: cookie?,
            subprotocol: subprotocol?,
            query: query?,
        };
        let places = [&tokens.cookie, &tokens.subprotocol, &tokens.query];
        if !tokens.bearer && places.iter().all(|place| place.is_none()) {
            let problem =
                "no place is left where a JWT may stand; switch one on, such as `bearer: true`";
            return Err(validation.mistake(key, problem));
        }
        Ok(tokens)
    }
}

/// Is this a name that needs no escaping in a cookie, a header list or a query (RFC 9110 `token`)?
pub(super) fn is_name(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    (1..=64).contains(&text.len()) && text.chars().all(plain)
}

/// The name that is given, none of those that are `taken`; `None` when the place is switched off.
fn name(
    validation: &mut Validation<'_>,
    key: &Key,
    text: &str,
    taken: &[&str],
) -> Checked<Option<String>> {
    if text.is_empty() {
        return Ok(None);
    }
    let wanted = "a name of at most 64 letters, digits, `-`, `_` and `.`";
    let name = validation.parse(key, text, wanted, |text| {
        is_name(text).then(|| text.to_owned())
    })?;
    if let Some(taken) = taken.iter().find(|taken| taken.eq_ignore_ascii_case(&name)) {
        let Mistaken = validation.mistake(
            key,
            format!("`{taken}` has another meaning here; use a name of your own"),
        );
        return Err(Mistaken);
    }
    Ok(Some(name))
}
