//! What those are told who are no clients: issuers whose logout failed, and administrators.

use super::*;

#[test]
fn issuers_are_told_of_failed_logouts_in_the_way_of_oauth() {
    let bad = (400, "bad-request", None);
    check(EndpointError::NoLogoutToken, "no-logout-token", bad);
    for error in [
        LogoutError::Token(VerifyError::BadSignature),
        LogoutError::Token(VerifyError::UnknownKey),
        LogoutError::OtherEvent,
        LogoutError::Nonce,
        LogoutError::NamesNobody,
        LogoutError::Replayed,
    ] {
        check(EndpointError::Logout(error), error.kind(), bad);
        let answer = Rejection::from(EndpointError::Logout(error)).answer("id");
        assert_eq!(answer.headers()[header::CONTENT_TYPE], "application/json");
        assert_eq!(answer.headers()[header::CACHE_CONTROL], "no-store");
    }
    check(
        EndpointError::NotAForm,
        "not-a-form",
        (415, "unsupported-media-type", None),
    );
    // A provider that is told so may try again.
    check(
        EndpointError::Logout(VerifyError::KeysUnavailable.into()),
        "keys-unavailable",
        (503, "keys-unavailable", Some("2")),
    );
    check(
        EndpointError::Logout(LogoutError::TooMany),
        "too-many",
        (503, "overloaded", Some("2")),
    );
}

#[test]
fn the_admin_listener_says_what_is_wrong_with_a_parameter() {
    let parameter = AdminError::Parameter {
        name: Some("limit".to_owned()),
        wanted: "is empty",
    };
    for (error, status, slug) in [
        (AdminError::NotFound, 404, "not-found"),
        (AdminError::UnknownSession, 404, "not-found"),
        (
            AdminError::MethodNotAllowed("GET"),
            405,
            "method-not-allowed",
        ),
        (AdminError::Closed, 403, "not-permitted"),
        (AdminError::MissingToken, 401, "missing-token"),
        (AdminError::Duplicated, 401, "invalid-token"),
        (AdminError::WrongToken, 401, "invalid-token"),
        (AdminError::LongQuery, 400, "bad-request"),
        (parameter, 400, "bad-request"),
    ] {
        let kind = error.kind();
        check(error, kind, (status, slug, None));
    }
}
