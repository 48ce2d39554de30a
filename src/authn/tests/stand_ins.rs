//! Where stand-ins are found, and when they count.

use super::*;

/// What is found besides a JWT: the stand-in, and what came along in cookies.
#[track_caller]
fn check_stand_ins(
    request: http::request::Builder,
    purpose: Purpose,
    expected: Result<(Option<&str>, [Option<&str>; 2]), AuthnError>,
) {
    let (parts, ()) = request.body(()).unwrap().into_parts();
    let found = authn().find(&parts, purpose);
    let found = found.map(|found| (found.stand_in, found.cookies));
    assert_eq!(found, expected, "{parts:?}");
}

#[test]
fn a_stand_in_is_found_where_rocketchats_clients_put_their_token() {
    let nobody = [None, None];
    let header = || get("/?rc_token=q").header("x-auth-token", " s ");
    check_stand_ins(header(), Purpose::Call, Ok((Some("s"), nobody)));
    check_stand_ins(get("/"), Purpose::Call, Ok((None, nobody)));
    check_stand_ins(
        get("/").header("x-auth-token", ""),
        Purpose::Call,
        Ok((None, nobody)),
    );
    check_stand_ins(
        get("/?rc_uid=u&rc_token=q"),
        Purpose::File,
        Ok((Some("q"), nobody)),
    );
    check_stand_ins(
        get("/?rc_token=q&resumeToken=r"),
        Purpose::Call,
        Ok((None, nobody)),
    );
    check_stand_ins(
        get("/home?resumeToken=r"),
        Purpose::Navigation,
        Ok((Some("r"), nobody)),
    );
    check_stand_ins(
        get("/").header("cookie", "rc_token=b; gantry_session=a"),
        Purpose::Call,
        Ok((None, [Some("a"), Some("b")])),
    );
}

#[test]
fn cookies_of_rocketchats_client_count_only_when_nothing_else_was_shown() {
    let nobody = [None, None];
    let cookies = "rc_token=b; gantry_session=a";
    check_stand_ins(
        get("/")
            .header("cookie", cookies)
            .header("x-auth-token", "s"),
        Purpose::Call,
        Ok((Some("s"), nobody)),
    );
    let with_jwt = || get("/").header("cookie", format!("{cookies}; host_jwt=a.b.c"));
    check_stand_ins(with_jwt(), Purpose::Call, Ok((None, nobody)));
    check(
        with_jwt(),
        Purpose::Call,
        Ok(Some(("a.b.c", Place::Cookie))),
    );
    for (purpose, believed) in [
        (Purpose::Call, true),
        (Purpose::Upgrade, false),
        (Purpose::Change, false),
        (Purpose::Handover, false),
    ] {
        let expected = if believed {
            Ok((None, [Some("a"), Some("b")]))
        } else {
            Err(AuthnError::ForeignOrigin)
        };
        check_stand_ins(get("/").header("cookie", cookies), purpose, expected);
    }
    // What the client shows by its own act needs no proof of where it comes from.
    let shown = Request::post("/")
        .header("x-auth-token", "s")
        .header("cookie", cookies)
        .header("origin", "https://evil.test");
    check_stand_ins(shown, Purpose::Change, Ok((Some("s"), nobody)));
}

#[test]
fn a_jwt_in_place_of_the_auth_token_is_a_jwt() {
    let header = || get("/").header("x-auth-token", "a.b.c");
    check(
        header().header("x-user-id", "made-up"),
        Purpose::Call,
        Ok(Some(("a.b.c", Place::AuthToken))),
    );
    check(
        header().header("authorization", "Bearer a.b.c"),
        Purpose::Call,
        Ok(Some(("a.b.c", Place::Bearer))),
    );
    check(
        header().header("authorization", "Bearer d.e.f"),
        Purpose::Call,
        Err(AuthnError::TwoTokens),
    );
    check(
        header().header("cookie", "host_jwt=d.e.f"),
        Purpose::Call,
        Err(AuthnError::TwoTokens),
    );
}

#[test]
fn doubtful_auth_tokens_fail_unless_the_client_shows_a_jwt_by_its_own_act() {
    let twice = || {
        get("/")
            .header("x-auth-token", "s")
            .header("x-auth-token", "t")
    };
    let broken = || get("/").header("x-auth-token", &b"\xff"[..]);
    for (request, error) in [
        (twice(), AuthnError::Duplicated),
        (broken(), AuthnError::Malformed),
    ] {
        check_stand_ins(request, Purpose::Call, Err(error));
    }
    for request in [twice(), broken()] {
        let with_bearer = request.header("authorization", "Bearer a.b.c");
        check(
            with_bearer,
            Purpose::Call,
            Ok(Some(("a.b.c", Place::Bearer))),
        );
    }
    check_stand_ins(
        twice().header("cookie", "host_jwt=a.b.c"),
        Purpose::Call,
        Err(AuthnError::Duplicated),
    );
    check_stand_ins(
        get("/?rc_token=q").header("x-auth-token", "s"),
        Purpose::File,
        Err(AuthnError::TwoTokens),
    );
}
