//! Requests that a gateway asks about.

use std::time::Duration;

use super::check;
use crate::authn::AuthnError;
use crate::filter::original::OriginalError;
use crate::filter::{FilterError, Need};
use crate::gate::GateError;
use crate::headers::client_address::MalformedChain;
use crate::jwt::VerifyError;
use crate::session::ExchangeError;
use crate::surface::Denial;
use crate::surface::path::Refused;

#[test]
fn what_a_gateway_is_told_is_what_the_client_is_told_in_proxy_mode() {
    let bad = (400, "bad-request", None);
    check(FilterError::Path(Refused::Separator), "malformed-path", bad);
    check(
        FilterError::ClientAddress(MalformedChain),
        "bad-forwarded-for",
        bad,
    );
    let denied = (403, "not-permitted", None);
    check(FilterError::Denied(Denial::Tokens), "tokens-denied", denied);
    let transport = FilterError::Denied(Denial::Transport);
    check(transport, "transport-denied", (404, "not-found", None));
    let gate = |error: GateError| FilterError::Gate(error);
    let missing = gate(GateError::MissingToken);
    check(missing, "missing-token", (401, "missing-token", None));
    let doubtful = gate(AuthnError::TwoTokens.into());
    check(doubtful, "two-tokens", (401, "invalid-token", None));
    let keys = gate(VerifyError::KeysUnavailable.into());
    check(
        keys,
        "keys-unavailable",
        (503, "keys-unavailable", Some("2")),
    );
    let limited = || ExchangeError::RateLimited(Duration::from_secs(7));
    let overloaded = (503, "overloaded", Some("7"));
    check(gate(limited().into()), limited().kind(), overloaded);
    check(
        FilterError::Refresh(limited()),
        limited().kind(),
        overloaded,
    );
}

#[test]
fn a_gateway_that_does_not_say_what_it_asks_about_is_told_so() {
    let bad = (400, "bad-request", None);
    let large = (431, "too-large", None);
    for (error, kind, expected) in [
        (OriginalError::Missing("X"), "original-missing", bad),
        (OriginalError::Twice("X"), "original-twice", bad),
        (OriginalError::Malformed("X"), "original-malformed", bad),
        (OriginalError::TooLarge("X"), "original-too-large", large),
    ] {
        check(FilterError::Original(error), kind, expected);
    }
    for need in Need::ALL {
        let denied = (403, "not-permitted", None);
        check(FilterError::NeedsProxy(need), need.kind(), denied);
    }
}
