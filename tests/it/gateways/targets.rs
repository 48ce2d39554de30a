//! Targets that one reads so and another otherwise: what is asked about is what goes on.

use crate::filter::asking::Sent;
use crate::gateways::ingress::Program;
use crate::gateways::stage::{ECHO, Stage, check_nothing_survives, json};

pub(crate) async fn no_spelling_of_a_path_goes_around_the_question(program: Program) {
    let stage = Stage::with(program).await;
    let token = stage.alice().await;
    for target in [
        "/api/v1/gantry-test.echo?/assets/logo.png",
        "/api/v1/gantry-test.echo#/assets/logo.png",
        "/api/v1/gantry-test.echo%23/assets/logo.png",
        "/assets/../api/v1/gantry-test.echo",
        "/assets/%2e%2e/api/v1/gantry-test.echo",
        "/assets/%2E%2e%2fapi/v1/gantry-test.echo",
        "/assets/..%2fapi/v1/gantry-test.echo",
        "/assets/..;/api/v1/gantry-test.echo",
        "/assets/..\\..\\api/v1/gantry-test.echo",
        "/assets%5c..%5capi/v1/gantry-test.echo",
        "//api/v1/gantry-test.echo",
        "/api//v1/gantry-test.echo",
        "/api/v1//gantry-test.echo",
        "/api/./v1/gantry-test.echo",
        "/api/v1/gantry-test.echo;/assets/logo.png",
        "/api/v1/gantry-test.echo/../../../assets/logo.png",
        "/api/v1/gantry-test.echo%00/assets",
        "/api/v1/gantry-test.echo%2f",
        "/api/v1/gantry%2dtest.echo",
        "/api%2fv1/gantry-test.echo",
        "/ASSETS/../api/v1/gantry-test.echo",
        "/API/v1/gantry-test.echo",
    ] {
        // As nobody, with what would be somebody if it were passed on: never as anybody.
        let sent = Sent::get(target)
            .with("X-User-Id", "forged")
            .with("X-Auth-Token", "forged");
        stage.gateway.rc.forget_requests();
        let answer = stage.ask(&sent).await;
        assert_ne!(answer.status, 200, "{target} {answer:?}");
        for received in stage.gateway.rc.requests() {
            check_nothing_survives(&received);
            for name in ["x-user-id", "x-auth-token", "cookie"] {
                assert_eq!(
                    received.header_values(name).concat(),
                    "",
                    "{target} {received:?}"
                );
            }
        }
        // As alice, with a denied path behind it: what goes on is as it was written.
        stage.gateway.rc.forget_requests();
        stage.ask(&Sent::get(target).bearer(&token)).await;
        for received in stage.gateway.rc.requests() {
            let query = received.query.as_ref().map(|query| format!("?{query}"));
            let went = format!("{}{}", received.path, query.unwrap_or_default());
            // To some a fragment is a part of the path, and they say so in the question, too.
            assert_eq!(went, target.replace('#', "%23"));
        }
    }
    for target in [
        "/assets/../api/v1/users.createToken",
        "/api/v1/users.createToken/",
        "/api/v1//users.createToken",
        "/api/v1/x/../users.createToken",
        "/api/v1/users%2EcreateToken",
        "/api/v1/users.createToken;x",
        "/api/v1/Users.CreateToken?x",
        "/assets/..%2fapi%2fv1%2fusers.createToken",
        "/api\\v1\\users.createToken",
    ] {
        stage.gateway.rc.forget_requests();
        let sent = Sent::new("POST", target)
            .bearer(&token)
            .with("Content-Length", "0");
        let answer = stage.ask(&sent).await;
        assert!(
            [400, 403, 404].contains(&answer.status),
            "{target} {answer:?}"
        );
        stage.check_nothing_received(target);
    }
}

pub(crate) async fn the_absolute_form_leads_nowhere_else(program: Program) {
    let (stage, tap) = Stage::tapped(program).await;
    let token = stage.alice().await;
    for (target, own) in [
        ("http://chat.example.com/api/v1/gantry-test.echo", true),
        ("http://evil.example.net/api/v1/gantry-test.echo", false),
        ("http://127.0.0.1:1/api/v1/gantry-test.echo", false),
        (
            "http://chat.example.com@evil.example.net/api/v1/gantry-test.echo",
            false,
        ),
        ("https://chat.example.com/_gantry/filter/nginx", false),
        ("http://chat.example.com/api/v1/users.createToken", false),
    ] {
        stage.gateway.rc.forget_requests();
        let answer = stage.ask(&Sent::get(target).bearer(&token)).await;
        let received = stage.gateway.rc.requests();
        if answer.status == 200 {
            // To Rocket.Chat as ever, whatever host was named.
            assert_eq!(received.len(), 1, "{target}");
            assert_eq!(received[0].path, ECHO, "{target}");
            assert!(
                !target.contains("createToken") && !target.contains("filter"),
                "{target}"
            );
        } else {
            assert!(!own || answer.status < 500, "{target} {answer:?}");
            assert!(received.is_empty(), "{target} {received:?}");
        }
        let nobody = stage.ask(&Sent::get(target)).await;
        assert!((400..500).contains(&nobody.status), "{target} {nobody:?}");
    }
    // Nor does it name a host to Rocket.Chat.
    let lines = tap.sent().concat();
    let mut lines = lines.lines().filter(|line| line.ends_with(" HTTP/1.1"));
    assert!(lines.all(|line| line.starts_with(&format!("GET {ECHO} "))));
    for target in ["*", "api/v1/me", "chat.example.com:443", ""] {
        for method in ["GET", "CONNECT", "OPTIONS"] {
            stage.gateway.rc.forget_requests();
            let answer = stage.ask(&Sent::new(method, target).bearer(&token)).await;
            let own = (method, target) == ("OPTIONS", "*");
            assert!(own || answer.status >= 400, "{method} {target} {answer:?}");
            stage.check_nothing_received(target);
        }
    }
}

pub(crate) async fn no_request_hides_in_the_body_of_another(program: Program) {
    let stage = Stage::with(program).await;
    let token = stage.alice().await;
    let hidden = "GET /api/v1/users.createToken HTTP/1.1\r\nHost: chat.example.com\r\nX-User-Id: nobody\r\n\r\n";
    let chunked = format!("0\r\n\r\n{hidden}");
    let length = chunked.len().to_string();
    for (name, value) in [
        ("Transfer-Encoding", "chunked"),
        ("transfer-encoding", "Chunked"),
        ("Transfer-Encoding", "xchunked"),
        ("Transfer-Encoding", "identity, chunked"),
        ("Transfer-Encoding", "chunked, identity"),
        ("Transfer_Encoding", "chunked"),
        ("Content-Length", "5"),
    ] {
        let sent = Sent::new("POST", ECHO).bearer(&token);
        for sent in [
            sent.clone()
                .with("Content-Length", &length)
                .with(name, value),
            sent.with(name, value).with("Content-Length", &length),
        ] {
            stage.ask_by(&format!("{}{chunked}", sent.direct())).await;
            // Whoever comes next gets an answer of their own.
            let next = stage.ask(&Sent::get(ECHO).bearer(&token)).await;
            assert_eq!(json(&next)["method"], "GET", "{name}: {value}");
            for received in stage.gateway.rc.requests() {
                assert_eq!(received.path, ECHO, "{name}: {value}");
                stage.check_identity(&received);
            }
        }
    }
}
