//! Section `tokens`: where a JWT may stand in a request, in the order tried.

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
