//! Where the text of a JWT may stand besides the places it is looked for in, and lists without it: the issuer's JWT goes nowhere but to
//! us, wherever else a client or the host application put it.

use std::sync::LazyLock;

use memchr::memmem::Finder;

/// Shorter values hold no JWT: the least one has a header of a dozen characters, as many claims and a signature of 43.
const SHORTEST_JWT: usize = 64;

/// What a JWT's header begins with: `{"` in base64url.
static JWT_START: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("eyJ"));

/// Whether a text looks as if it held a JWT.
#[must_use]
pub fn may_stand_in(text: &[u8]) -> bool {
    text.len() >= SHORTEST_JWT && JWT_START.find(text).is_some()
}

/// The parts of a list that do not hold what is looked for.
#[must_use]
pub fn without(list: &[u8], separator: u8, holds: &impl Fn(&[u8]) -> bool) -> Vec<u8> {
    let mut kept = Vec::with_capacity(list.len());
    for part in list.split(|byte| *byte == separator) {
        if !holds(part) {
            if !kept.is_empty() {
                kept.push(separator);
            }
            kept.extend_from_slice(part);
        }
    }
    kept.trim_ascii().to_vec()
}
