//! What clients may not say of themselves, said to an ingress: Rocket.Chat hears nothing of it.

use crate::filter::asking::{SECRET, Sent};
use crate::gateways::ingress::Program;
use crate::gateways::stage::{ECHO, FORGED, Stage, check_nothing_survives};
use crate::support::gateway::PUBLIC_URL;

/// Refused, or gone on as alice with nothing of the forgery left.
async fn check_harmless(stage: &Stage, sent: &Sent) {
    stage.gateway.rc.forget_requests();
    let answer = stage.ask(sent).await;
    let received = stage.gateway.rc.requests();
    let what = format!("{sent:?} {answer:?} {received:?}");
    if answer.status == 200 {
        assert_eq!(received.len(), 1, "{what}");
        stage.check_identity(&received[0]);
    } else {
        assert!([400, 401, 403].contains(&answer.status), "{what}");
        assert!(received.is_empty(), "{what}");
    }
}

pub(crate) async fn no_spelling_of_a_forged_identity_survives(program: Program) {
    let stage = Stage::with(program).await;
    let token = stage.alice().await;
    for name in [
        "X-User-Id",
        "X-Auth-Token",
        "Authorization",
        "X-HTTP-Method-Override",
    ] {
        for spelled in [
            name.to_owned(),
            name.to_lowercase(),
            name.to_uppercase(),
            name.replace('-', "_"),
            name.to_lowercase().replacen('-', "_", 1),
            name.replace('-', "."),
            name.replace('-', "~"),
        ] {
            // Before and behind what is real, and without it.
            let forged = Sent::get(ECHO).with(&spelled, FORGED);
            check_harmless(&stage, &forged.clone().bearer(&token)).await;
            check_harmless(
                &stage,
                &Sent::get(ECHO).bearer(&token).with(&spelled, FORGED),
            )
            .await;
            stage.gateway.rc.forget_requests();
            let answer = stage.ask(&forged).await;
            assert!(
                [400, 401, 403].contains(&answer.status),
                "{forged:?} {answer:?}"
            );
            stage.check_nothing_received(&spelled);
        }
    }
    // The real auth token of somebody is no credential for a client either.
    let bob = stage.gateway.issuer.token("bob");
    stage.gateway.get(ECHO, &bob).send().await.unwrap();
    let stolen = stage.gateway.rc.live_tokens("bob").remove(0);
    let bob = stage.gateway.rc.user("bob").unwrap().id;
    stage.gateway.rc.forget_requests();
    let sent = Sent::get(ECHO)
        .with("X-User-Id", &bob)
        .with("X-Auth-Token", &stolen);
    assert_eq!(stage.ask(&sent).await.status, 401);
    stage.check_nothing_received("another's auth token");
    check_harmless(&stage, &sent.bearer(&token)).await;
}

pub(crate) async fn no_forged_cookie_survives(program: Program) {
    let stage = Stage::with(program).await;
    let token = stage.alice().await;
    for cookie in [
        "rc_uid=forged; rc_token=forged",
        "RC_TOKEN=forged; Rc_Uid=forged",
        "%72c_token=forged",
        "\"rc_token\"=forged",
        "a=1,rc_token=forged",
        "a=1;rc_token=forged;rc_uid=forged",
        "gantry_session=forged",
    ] {
        for path in [ECHO, "/avatar/alice", "/file-upload/x/y.png"] {
            stage.gateway.rc.forget_requests();
            let sent = Sent::get(path).bearer(&token).with("Cookie", cookie);
            stage.ask(&sent).await;
            // Two lines of cookies are one to some and two to others.
            let twice = sent.with("Cookie", "rc_token=forged; rc_uid=forged");
            stage.ask(&twice).await;
            let received = stage.gateway.received(path);
            assert!(!received.is_empty(), "{path} {cookie}");
            for received in received {
                stage.check_identity(&received);
                assert!(received.header_values("cookie").len() <= 1, "{received:?}");
            }
        }
    }
}

pub(crate) async fn credentials_in_a_query_go_nowhere(program: Program) {
    let stage = Stage::with(program).await;
    let token = stage.alice().await;
    let page = "https://chat.example.com/channel/general";
    for query in [
        "rc_uid=forged&rc_token=forged",
        "a=1&RC_Token=forged",
        "%72c_token=forged",
        "access_token[$ne]=forged",
        "access_token%5B%24ne%5D=forged",
        "resumeToken=forged",
        "a=1;rc_token=forged",
    ] {
        for path in [ECHO, "/avatar/alice", "/file-upload/x/y.png"] {
            let sent = Sent::get(&format!("{path}?{query}"));
            let referring = Sent::get(path).with("Referer", &format!("{page}?{query}"));
            for sent in [sent.clone(), sent.bearer(&token), referring.bearer(&token)] {
                let answer = stage.ask(&sent).await;
                assert!(
                    [400, 401, 403].contains(&answer.status),
                    "{sent:?} {answer:?}"
                );
                stage.check_nothing_received(query);
            }
        }
    }
}

pub(crate) async fn what_stands_twice_is_refused(program: Program) {
    let stage = Stage::with(program).await;
    let token = stage.alice().await;
    let other = stage.gateway.issuer.token("bob");
    let host = format!("host_jwt={token}");
    for sent in [
        Sent::get(ECHO).bearer(&token).bearer(&other),
        Sent::get(ECHO).bearer(&token).bearer(&token),
        Sent::get(ECHO)
            .with("Authorization", "Basic YTpi")
            .bearer(&token),
        Sent::get(ECHO).bearer(&token).with("X-Auth-Token", &other),
        Sent::get(ECHO)
            .with("X-Auth-Token", &token)
            .with("X-Auth-Token", &other),
        Sent::new("POST", ECHO)
            .with("Cookie", &host)
            .with("Origin", "https://chat.example.com")
            .with("Origin", "https://evil.example.net"),
        Sent::new("POST", ECHO)
            .with("Cookie", &host)
            .with("Sec-Fetch-Site", "same-origin")
            .with("Sec-Fetch-Site", "cross-site"),
        Sent::get(ECHO)
            .bearer(&token)
            .with("Host", "evil.example.net"),
    ] {
        let answer = stage.ask(&sent).await;
        assert!(
            [400, 401, 403].contains(&answer.status),
            "{sent:?} {answer:?} {:?}",
            stage.gateway.rc.requests()
        );
        stage.check_nothing_received(&format!("{sent:?}"));
    }
}

pub(crate) async fn pages_of_other_origins_write_nothing_with_a_cookie(program: Program) {
    let stage = Stage::with(program).await;
    let token = stage.alice().await;
    let cookie = format!("host_jwt={token}");
    for method in ["POST", "PUT", "DELETE"] {
        let sent = Sent::new(method, ECHO).with("Cookie", &cookie);
        for (name, value) in [
            ("Origin", "https://evil.example.net"),
            ("Origin", "null"),
            ("Sec-Fetch-Site", "cross-site"),
        ] {
            let answer = stage.post(&sent.clone().with(name, value), "x").await;
            assert!(
                [401, 403].contains(&answer.status),
                "{method} {value} {answer:?}"
            );
            stage.check_nothing_received(value);
        }
        let own = sent.with("Origin", PUBLIC_URL);
        assert_eq!(stage.post(&own, "x").await.status, 200, "{method}");
        assert_eq!(stage.only(ECHO).method, method);
        stage.gateway.rc.forget_requests();
    }
}

pub(crate) async fn fields_of_gateways_are_believed_from_no_client(program: Program) {
    let stage = Stage::with(program).await;
    let token = stage.alice().await;
    let denied = "/api/v1/users.createToken";
    let public = "/assets/logo.png";
    for (name, value) in [
        ("X-Original-Method", "GET"),
        ("X-Original-URI", public),
        ("X-Original-Url", public),
        ("X-Original-Host", "forged"),
        ("X-Forwarded-Method", "GET"),
        ("X-Forwarded-Uri", public),
        ("X-Forwarded-Prefix", "/assets"),
        ("X-Envoy-Original-Path", public),
        ("X-Rewrite-Url", public),
        ("X-Gantry-Secret", SECRET),
        ("X-Gantry-Retry", "forged"),
        ("X-Gantry-Problem", "forged"),
    ] {
        stage.gateway.rc.forget_requests();
        let what = format!("{name}: {value}");
        for (sent, status) in [
            (Sent::get(denied).bearer(&token), 403),
            (Sent::get(ECHO), 401),
            (Sent::get("/_gantry/filter/nginx").bearer(&token), 404),
        ] {
            let answer = stage.ask(&sent.clone().with(name, value)).await;
            let refused = [400, 403, status].contains(&answer.status);
            assert!(refused, "{what} {sent:?} {answer:?}");
        }
        stage.check_nothing_received(&what);
    }
    // What goes on is told the address that the ingress sees, and nothing of a client's.
    for (name, value) in [
        ("X-Forwarded-For", "10.1.2.3"),
        ("X-Forwarded-For", "forged"),
        ("X_Forwarded_For", "10.1.2.3"),
        ("X-Forwarded-Host", "evil.example.net"),
        ("X-Forwarded-Proto", "forged"),
        ("X-Forwarded-Port", "forged"),
        ("X-Forwarded-Prefix", "/forged"),
        ("X-Real-IP", "10.1.2.3"),
        ("X-Client-IP", "10.1.2.3"),
        ("X-Cluster-Client-IP", "10.1.2.3"),
        ("X-Original-URI", public),
        ("X-Envoy-Original-Path", public),
        ("X-Gantry-Retry", "forged"),
        ("X-Gantry-Secret", SECRET),
        ("Forwarded", "for=10.1.2.3"),
    ] {
        for target in [ECHO, "/api/v1/me"] {
            stage.gateway.rc.forget_requests();
            let sent = Sent::get(target).bearer(&token).with(name, value);
            assert_eq!(stage.ask(&sent).await.status, 200, "{sent:?}");
            let received = stage.only(target);
            let whole = format!("{received:?}");
            assert!(
                !whole.contains("10.1.2.3") && !whole.contains("evil"),
                "{whole}"
            );
            assert!(!whole.contains(SECRET), "{whole}");
            check_nothing_survives(&received);
        }
    }
}

pub(crate) async fn connection_takes_no_identity_off(program: Program) {
    let stage = Stage::with(program).await;
    let token = stage.alice().await;
    for named in [
        "X-Auth-Token, X-User-Id, Cookie",
        "keep-alive, x-user-id",
        "Authorization, close",
    ] {
        let sent = Sent::get("/avatar/alice")
            .bearer(&token)
            .with("Connection", named);
        check_harmless(&stage, &sent).await;
        let nobody = Sent::get(ECHO)
            .with("X-User-Id", FORGED)
            .with("X-Auth-Token", FORGED)
            .with("Connection", named);
        stage.gateway.rc.forget_requests();
        assert!(
            [400, 401].contains(&stage.ask(&nobody).await.status),
            "{named}"
        );
        stage.check_nothing_received(named);
    }
}

pub(crate) async fn the_filter_is_out_of_reach(program: Program) {
    let stage = Stage::with(program).await;
    let token = stage.alice().await;
    for path in [
        "/_gantry/filter",
        "/_gantry/filter/",
        "/_gantry/filter/nginx",
        "/_gantry/filter/traefik",
        "/_gantry/filter/envoy/api/v1/rooms.get",
        "/_gantry/FILTER/nginx",
        "/_gantry/%66ilter/nginx",
        "/_gantry//filter/nginx",
        "//_gantry/filter/nginx",
        "/%5fgantry/filter/nginx",
        "/_gantry/x/../filter/nginx",
        "/_gantry/./filter/nginx",
        "/_gantry/x/%2e%2e/filter/nginx",
        "/_gantry%2ffilter/nginx",
        "/_gantry;/filter/nginx",
        "/_gantry\\filter\\nginx",
        "/api/v1/../../_gantry/filter/nginx",
        "/assets/%2e%2e/_gantry/filter/nginx",
    ] {
        let query = format!("{path}?secret={SECRET}");
        for target in [path, query.as_str()] {
            // Even one who knows the secret asks nothing from outside.
            let sent = Sent::get(target)
                .bearer(&token)
                .with("X-Gantry-Secret", SECRET)
                .with("X-Original-Method", "GET")
                .with("X-Original-URI", ECHO)
                .with("X-Forwarded-Method", "GET")
                .with("X-Forwarded-Proto", "https")
                .with("X-Forwarded-Host", "chat.example.com")
                .with("X-Forwarded-Uri", ECHO);
            let answer = stage.ask(&sent).await;
            if path.starts_with("/_gantry/filter") {
                assert_eq!(answer.status, 404, "{target} {answer:?}");
            }
            for told in [
                "x-user-id",
                "cookie",
                "authorization",
                "x-envoy-auth-headers-to-remove",
            ] {
                assert_eq!(answer.header(told), None, "{target} {answer:?}");
            }
        }
    }
    assert_eq!(stage.decisions(program, "allow").await, 0.0);
}
