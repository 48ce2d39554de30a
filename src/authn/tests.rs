//! Where tokens are found, and when a cookie is believed.

use http::Request;

use super::*;

mod stand_ins;

fn authn() -> Authn {
    let tokens = Tokens {
        bearer: true,
        cookie: Some("host_jwt".into()),
        subprotocol: Some("gantry.jwt".into()),
        query: Some("jwt".into()),
    };
    let origin = |text| Origin::parse(text).unwrap();
    Authn::new(
        &tokens,
        "gantry_session",
        &origin("https://chat.example.com"),
        &[origin("https://app.example.com")],
    )
}

fn check(
    request: http::request::Builder,
    purpose: Purpose,
    expected: Result<Option<(&str, Place)>, AuthnError>,
) {
    let (parts, ()) = request.body(()).unwrap().into_parts();
    let found = authn().find(&parts, purpose);
    let found = found.map(|found| {
        let bearer = found.bearer;
        bearer.map(|presented| (presented.bearer, presented.place))
    });
    assert_eq!(found, expected, "{parts:?}");
}

fn get(uri: &str) -> http::request::Builder {
    Request::get(uri)
}

#[test]
fn each_place_presents_its_token() {
    check(get("/"), Purpose::Call, Ok(None));
    check(
        get("/").header("authorization", "bearer  a.b.c"),
        Purpose::Call,
        Ok(Some(("a.b.c", Place::Bearer))),
    );
    check(
        get("/").header("authorization", "Basic eDp5"),
        Purpose::Call,
        Ok(None),
    );
    check(
        get("/").header("cookie", "x=1; host_jwt=a.b.c; y=\"2\""),
        Purpose::Call,
        Ok(Some(("a.b.c", Place::Cookie))),
    );
    check(
        get("/")
            .version(http::Version::HTTP_2)
            .header("cookie", "x=1")
            .header("cookie", "host_jwt=\"a.b.c\""),
        Purpose::Call,
        Ok(Some(("a.b.c", Place::Cookie))),
    );
    check(
        get("/").header("sec-websocket-protocol", "ddp, gantry.jwt, a.b.c"),
        Purpose::Upgrade,
        Ok(Some(("a.b.c", Place::Subprotocol))),
    );
    check(
        get("/?x=1&jwt=a.b.c"),
        Purpose::Upgrade,
        Ok(Some(("a.b.c", Place::Query))),
    );
    check(
        get("/?x=1&jwt=a.b.c"),
        Purpose::Navigation,
        Ok(Some(("a.b.c", Place::Query))),
    );
}

#[test]
fn a_query_token_counts_on_upgrades_and_navigations_only() {
    check(get("/?jwt=a.b.c"), Purpose::Call, Ok(None));
}

#[test]
fn broken_tokens_fail_instead_of_counting_as_absent() {
    let broken = Err(AuthnError::Malformed);
    check(
        get("/").header("authorization", "Bearer"),
        Purpose::Call,
        broken,
    );
    check(
        get("/").header("authorization", "Bearer "),
        Purpose::Call,
        broken,
    );
    check(
        get("/").header("authorization", &b"Bearer \xff"[..]),
        Purpose::Call,
        broken,
    );
    check(
        get("/").header("cookie", &b"host_jwt=\xff"[..]),
        Purpose::Call,
        broken,
    );
    check(
        get("/").header("sec-websocket-protocol", "gantry.jwt"),
        Purpose::Upgrade,
        broken,
    );
    check(get("/?jwt="), Purpose::Upgrade, broken);
    check(get("/?jwt=a%2eb"), Purpose::Upgrade, broken);
}

#[test]
fn two_tokens_are_refused_and_the_same_one_twice_is_not() {
    let two = Err(AuthnError::TwoTokens);
    check(
        get("/")
            .header("authorization", "Bearer a")
            .header("cookie", "host_jwt=b"),
        Purpose::Call,
        two,
    );
    check(
        get("/").header("cookie", "host_jwt=a; host_jwt=b"),
        Purpose::Call,
        two,
    );
    check(
        get("/").header("sec-websocket-protocol", "gantry.jwt, a, gantry.jwt, b"),
        Purpose::Upgrade,
        two,
    );
    check(get("/?jwt=a&jwt=b"), Purpose::Upgrade, two);
    check(
        get("/")
            .header("authorization", "Bearer a")
            .header("cookie", "host_jwt=a"),
        Purpose::Call,
        Ok(Some(("a", Place::Bearer))),
    );
}

#[test]
fn cve_2026_26308_duplicated_headers_are_refused() {
    for name in ["authorization", "origin", "sec-fetch-site"] {
        check(
            get("/").header(name, "Bearer a").header(name, "Bearer a"),
            Purpose::Call,
            Err(AuthnError::Duplicated),
        );
    }
}

#[test]
fn a_cookie_needs_proof_of_origin_where_a_foreign_page_could_do_harm() {
    let foreign = Err(AuthnError::ForeignOrigin);
    let ours = Ok(Some(("a", Place::Cookie)));
    let with = |method: &str, header: Option<(&str, &str)>| {
        let request = Request::builder()
            .method(method)
            .uri("/")
            .header("cookie", "host_jwt=a");
        match header {
            Some((name, value)) => request.header(name, value),
            None => request,
        }
    };
    check(with("GET", None), Purpose::Call, ours);
    check(with("GET", None), Purpose::Navigation, ours);
    check(with("GET", None), Purpose::Upgrade, foreign);
    check(with("GET", None), Purpose::Handover, foreign);
    check(with("POST", None), Purpose::Call, foreign);
    for origin in ["https://chat.example.com", "https://app.example.com"] {
        check(with("POST", Some(("origin", origin))), Purpose::Call, ours);
        check(
            with("GET", Some(("origin", origin))),
            Purpose::Upgrade,
            ours,
        );
    }
    for origin in [
        "null",
        "",
        "https://chat.example.com.evil.test",
        "http://chat.example.com",
    ] {
        check(
            with("POST", Some(("origin", origin))),
            Purpose::Call,
            foreign,
        );
        check(
            with("GET", Some(("origin", origin))),
            Purpose::Upgrade,
            foreign,
        );
    }
    check(
        with("POST", Some(("sec-fetch-site", "same-origin"))),
        Purpose::Call,
        ours,
    );
    for site in ["none", "same-site", "cross-site", "Same-Origin"] {
        check(
            with("POST", Some(("sec-fetch-site", site))),
            Purpose::Call,
            foreign,
        );
    }
}

#[test]
fn what_is_handed_over_to_a_cookie_goes_to_our_own_pages_only() {
    let foreign = Err(AuthnError::ForeignOrigin);
    let ours = Ok(Some(("a", Place::Cookie)));
    let with = |name, value| get("/").header("cookie", "host_jwt=a").header(name, value);
    check(
        with("sec-fetch-site", "same-origin"),
        Purpose::Handover,
        ours,
    );
    check(
        with("sec-fetch-site", "same-site"),
        Purpose::Handover,
        foreign,
    );
    check(
        with("origin", "https://chat.example.com"),
        Purpose::Handover,
        ours,
    );
    check(
        with("origin", "https://app.example.com"),
        Purpose::Handover,
        foreign,
    );
    check(
        with("referer", "https://chat.example.com/home"),
        Purpose::Handover,
        ours,
    );
    check(
        with("referer", "https://chat.example.com.evil.test/"),
        Purpose::Handover,
        foreign,
    );
    let mixed = with("origin", "https://chat.example.com").header("sec-fetch-site", "cross-site");
    check(mixed, Purpose::Handover, foreign);
}

#[test]
fn a_bearer_needs_no_origin() {
    check(
        Request::post("/")
            .header("authorization", "Bearer a")
            .header("origin", "https://evil.test"),
        Purpose::Call,
        Ok(Some(("a", Place::Bearer))),
    );
}
