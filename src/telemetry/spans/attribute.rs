//! The names of attributes: those of OpenTelemetry's semantic conventions, and of the access log where these have none.

/// The method, as it is known; `_OTHER` for all else.
pub const METHOD: &str = "http.request.method";
/// The path, without the query.
pub const PATH: &str = "url.path";
/// Which kind of route it was.
pub const ROUTE: &str = "http.route";
/// What was answered.
pub const STATUS: &str = "http.response.status_code";
/// What went wrong: the access log's `error.kind`, or the status that came back.
pub const ERROR: &str = "error.type";
/// Whose name stands in the URL of a call.
pub const CALLEE: &str = "server.address";
/// The id in the access line.
pub const REQUEST: &str = "request.id";
/// Our session.
pub const SESSION: &str = "session.id";
/// How a gateway asked.
pub const DIALECT: &str = "dialect";

/// Characters of a path that are told: spans wait in memory, and nobody reads on.
pub(super) const LONGEST_PATH: usize = 512;

/// Methods that are told by their name: a client may send any word.
const METHODS: [&str; 9] = [
    "CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE",
];

/// The method, if it is a known one.
#[must_use]
pub fn known(method: &str) -> &'static str {
    let mut known = METHODS.into_iter();
    known.find(|known| *known == method).unwrap_or("_OTHER")
}
