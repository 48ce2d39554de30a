//! The whole table: every failure with its status, slug, log kind and wait.

use std::io;
use std::sync::Arc;

use http::StatusCode;
use http_body_util::Empty;
use hyper_util::rt::TokioIo;

use super::*;
use crate::headers::client_address::MalformedChain;
use crate::session::error::Reason;
use crate::session::store::StoreError;
use crate::surface::scrub::Unreadable;

mod gateways;
mod issuers_and_administrators;

type Bodyless = Empty<bytes::Bytes>;

/// An error of the protocol: the other side is gone.
async fn protocol_error() -> hyper::Error {
    let (near, far) = tokio::io::duplex(64);
    drop(far);
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake::<_, Bodyless>(TokioIo::new(near))
            .await
            .unwrap();
    let connection = tokio::spawn(connection);
    let request = http::Request::new(Bodyless::new());
    let error = sender.send_request(request).await.unwrap_err();
    let _ended = connection.await;
    error
}

/// An error of the control plane: an answer that is no JSON.
async fn call_error() -> reqwest::Error {
    let answer = reqwest::Response::from(Response::new("no json"));
    answer.json::<u8>().await.unwrap_err()
}

/// How a rejection is answered: its kind for the log, then status, slug and `Retry-After` in seconds.
#[track_caller]
fn check(rejection: impl Into<Rejection>, kind: &str, expected: (u16, &str, Option<&str>)) {
    let rejection = rejection.into();
    assert_eq!(rejection.kind(), kind, "{rejection:?}");
    let problem = rejection.problem();
    let answer = rejection.answer("id");
    let wait = answer.headers().get(header::RETRY_AFTER);
    let wait = wait.map(|wait| wait.to_str().unwrap());
    let status = answer.status().as_u16();
    assert_eq!((status, problem.slug, wait), expected, "{rejection:?}");
    assert_eq!(problem.status.as_u16(), status);
    let challenge = answer.headers().contains_key(header::WWW_AUTHENTICATE);
    assert_eq!(challenge, status == 401, "{rejection:?}");
}

fn by_gate(error: impl Into<GateError>) -> Rejection {
    ProxyError::Gate(error.into()).into()
}

fn by_forward(error: ForwardError) -> Rejection {
    ProxyError::Forward(error).into()
}

fn by_api(error: ApiError) -> ExchangeError {
    ExchangeError::Api(Arc::new(error))
}

#[test]
fn what_is_malformed_is_400_or_431() {
    let bad = (400, "bad-request", None);
    check(Rejection::Malformed("two hosts"), "malformed-request", bad);
    check(Rejection::Path(Refused::DotSegment), "malformed-path", bad);
    check(
        Rejection::TooManyFields,
        "too-many-fields",
        (431, "too-large", None),
    );
}

#[test]
fn a_foreign_preflight_is_403() {
    let expected = (403, "not-permitted", None);
    check(Rejection::ForeignOrigin, "foreign-origin", expected);
}

#[test]
fn own_endpoints_are_found_or_not() {
    check(
        EndpointError::NotFound,
        "not-found",
        (404, "not-found", None),
    );
    let rejection = Rejection::from(EndpointError::MethodNotAllowed("GET, POST"));
    assert_eq!(rejection.answer("id").headers()[header::ALLOW], "GET, POST");
    check(
        rejection,
        "method-not-allowed",
        (405, "method-not-allowed", None),
    );
    check(
        EndpointError::Ticket,
        "bad-ticket",
        (401, "invalid-token", None),
    );
    let bad = (400, "bad-request", None);
    check(EndpointError::Target, "bad-target", bad);
    check(EndpointError::Twice, "duplicated-parameter", bad);
    check(EndpointError::Unreadable, "body-unreadable", bad);
    let broken = EndpointError::Body(BodyError::Stalled);
    check(broken, "body-broken", bad);
    let large = EndpointError::Body(BodyError::TooLarge);
    check(large, "body-too-large", (413, "too-large", None));
    let missing = EndpointError::Gate(GateError::MissingToken);
    check(missing, "missing-token", (401, "missing-token", None));
    let full = EndpointError::Gate(ExchangeError::Overloaded.into());
    check(full, "overloaded", (503, "overloaded", Some("2")));
}

#[test]
fn all_bad_tokens_are_one_problem() {
    check(
        by_gate(GateError::MissingToken),
        "missing-token",
        (401, "missing-token", None),
    );
    let invalid = (401, "invalid-token", None);
    for error in [
        AuthnError::Duplicated,
        AuthnError::Malformed,
        AuthnError::TwoTokens,
        AuthnError::ForeignOrigin,
    ] {
        check(by_gate(error), error.kind(), invalid);
    }
    for error in [
        VerifyError::Malformed,
        VerifyError::UnknownIssuer,
        VerifyError::UnsupportedAlgorithm,
        VerifyError::AlgorithmNotAccepted,
        VerifyError::CriticalExtension,
        VerifyError::UnknownKey,
        VerifyError::BadSignature,
        VerifyError::WrongType,
        VerifyError::SecurityEvent,
        VerifyError::MissingClaim { claim: "sub" },
        VerifyError::WrongClaimType { claim: "exp" },
        VerifyError::WrongAudience,
        VerifyError::Expired,
        VerifyError::NotYetValid,
        VerifyError::IssuedInFuture,
        VerifyError::TooOld,
        VerifyError::RequiredClaim,
    ] {
        check(by_gate(error), error.kind(), invalid);
    }
    check(by_gate(ExchangeError::LoggedOut), "logged-out", invalid);
    check(by_gate(ExchangeError::Expired), "expired", invalid);
    let away = by_gate(VerifyError::KeysUnavailable);
    check(
        away,
        "keys-unavailable",
        (503, "keys-unavailable", Some("2")),
    );
}

#[tokio::test]
async fn an_exchange_that_fails_says_whose_turn_it_is() {
    for reason in [
        Reason::UsernameMissing,
        Reason::Unknown,
        Reason::EmailMissing,
        Reason::EmailMalformed,
        Reason::Deactivated,
        Reason::NotAPerson,
        Reason::ProtectedRole,
        Reason::RolesNotShown,
        Reason::AdoptionOff,
        Reason::OfAnotherPrincipal,
    ] {
        let rejection = by_gate(ExchangeError::NotPermitted(reason));
        check(rejection, reason.name(), (403, "not-permitted", None));
    }
    for (error, kind, expected) in [
        (
            ApiError::Unreachable(call_error().await),
            "unreachable",
            (502, "upstream-unreachable", None),
        ),
        (
            ApiError::Timeout,
            "timeout",
            (504, "upstream-timeout", None),
        ),
        (
            ApiError::Invalid,
            "invalid",
            (502, "upstream-invalid", None),
        ),
        (
            ApiError::Failed(500),
            "failed",
            (502, "upstream-invalid", None),
        ),
        (
            ApiError::RateLimited(Duration::from_secs(7)),
            "rate-limited",
            (503, "overloaded", Some("7")),
        ),
        (
            ApiError::ServiceAccountRefused,
            "service-account-refused",
            (502, "upstream-refused", None),
        ),
        (
            ApiError::NotPermitted("mint"),
            "not-permitted",
            (502, "upstream-refused", None),
        ),
        (
            ApiError::PasswordRefused,
            "password-refused",
            (403, "not-permitted", None),
        ),
        (
            ApiError::SecondFactorRequired,
            "second-factor-required",
            (403, "not-permitted", None),
        ),
    ] {
        check(by_gate(by_api(error)), kind, expected);
    }
    let full = (503, "overloaded", Some("2"));
    check(by_gate(ExchangeError::Overloaded), "overloaded", full);
    let slower = ExchangeError::RateLimited(Duration::from_millis(200));
    check(
        by_gate(slower),
        "rate-limited",
        (503, "overloaded", Some("1")),
    );
}

#[tokio::test]
async fn what_cannot_be_forwarded_says_on_which_side_it_broke() {
    let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
    let unreachable = (502, "upstream-unreachable", None);
    let bad = (400, "bad-request", None);
    let invalid = (502, "upstream-invalid", None);
    for (error, kind, expected) in [
        (
            ForwardError::Connect(refused.into()),
            "upstream-unreachable",
            unreachable,
        ),
        (
            ForwardError::Broken(protocol_error().await),
            "upstream-unreachable",
            unreachable,
        ),
        (
            ForwardError::Protocol(protocol_error().await),
            "upstream-invalid",
            invalid,
        ),
        (
            ForwardError::Answer(BodyError::TooLarge),
            "upstream-invalid",
            invalid,
        ),
        (ForwardError::Scrub(Unreadable), "upstream-invalid", invalid),
        (
            ForwardError::Timeout,
            "upstream-timeout",
            (504, "upstream-timeout", None),
        ),
        (ForwardError::Target, "bad-target", bad),
        (
            ForwardError::Body(BodyError::TooLarge),
            "bad-body",
            (413, "too-large", None),
        ),
        (ForwardError::Body(BodyError::Stalled), "bad-body", bad),
        (
            ForwardError::Body(BodyError::Stream(protocol_error().await)),
            "bad-body",
            bad,
        ),
        (
            ForwardError::BrokenBody(protocol_error().await),
            "bad-body",
            bad,
        ),
        (
            ForwardError::ClientAddress(MalformedChain),
            "bad-forwarded-for",
            bad,
        ),
        (ForwardError::Handshake, "bad-handshake", bad),
        (
            ForwardError::TooManyPending,
            "too-many-pending-sockets",
            (503, "overloaded", Some("2")),
        ),
        (
            ForwardError::Refresh(ExchangeError::LoggedOut),
            "logged-out",
            (401, "invalid-token", None),
        ),
        (
            ForwardError::Refresh(ExchangeError::Overloaded),
            "overloaded",
            (503, "overloaded", Some("2")),
        ),
        (
            ForwardError::Refresh(ExchangeError::Store(StoreError::Away(Arc::new(
                io::Error::from(io::ErrorKind::TimedOut),
            )))),
            "store-away",
            (503, "store-unavailable", Some("2")),
        ),
    ] {
        check(by_forward(error), kind, expected);
    }
    let wait = by_api(ApiError::RateLimited(Duration::from_secs(9)));
    let wait = by_forward(ForwardError::Refresh(wait));
    check(wait, "rate-limited", (503, "overloaded", Some("9")));
}

#[test]
fn denials_name_what_is_denied_and_nothing_of_the_request() {
    let denied = StatusCode::FORBIDDEN;
    for (denial, status, slug) in [
        (Denial::Login, denied, "not-permitted"),
        (Denial::Tokens, denied, "not-permitted"),
        (Denial::Account, denied, "not-permitted"),
        (Denial::SecondFactor, denied, "not-permitted"),
        (Denial::OAuth, denied, "not-permitted"),
        (Denial::Livechat, denied, "not-permitted"),
        (Denial::Configured, denied, "not-permitted"),
        (Denial::Transport, StatusCode::NOT_FOUND, "not-found"),
        (
            Denial::Verb,
            StatusCode::METHOD_NOT_ALLOWED,
            "method-not-allowed",
        ),
        (Denial::Unreadable, StatusCode::BAD_REQUEST, "bad-request"),
        (Denial::TooLarge, StatusCode::PAYLOAD_TOO_LARGE, "too-large"),
    ] {
        let rejection = Rejection::from(ProxyError::Denied(denial));
        let detail = rejection.problem().detail;
        // Where a transport is not there, nothing is said about it.
        let expected = (denial != Denial::Transport).then(|| denial.detail());
        assert_eq!(detail, expected);
        check(rejection, denial.kind(), (status.as_u16(), slug, None));
    }
}

#[test]
fn the_log_tells_the_whole_chain() {
    let error = by_forward(ForwardError::ClientAddress(MalformedChain));
    assert_eq!(
        error.chain(),
        "proxy refused: request is not forwarded: client address is not known: \
         trusted proxy sent a malformed X-Forwarded-For"
    );
}
