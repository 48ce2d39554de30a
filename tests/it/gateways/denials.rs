//! A no is a no, in Gantry's words as far as the ingress passes them, and never a silent yes.

use std::net::{Ipv4Addr, SocketAddr};

use futures_util::future::join_all;
use gantry_redis::ports;

use crate::filter::asking::{Sent, gateway};
use crate::gateways::ingress::{Ingress, Places, Program};
use crate::gateways::stage::{ECHO, Stage, json, places};

pub(crate) async fn nobody_is_refused_with_gantrys_words(program: Program) {
    let stage = Stage::with(program).await;
    stage.alice().await;
    for sent in [
        Sent::get(ECHO),
        Sent::get("/avatar/alice"),
        Sent::get(ECHO).bearer("forged.forged.forged"),
        Sent::get(ECHO)
            .with("X-Auth-Token", "forged")
            .with("X-User-Id", "forged"),
        Sent::new("POST", ECHO).with("Content-Length", "0"),
    ] {
        let answer = stage.ask(&sent).await;
        assert_eq!(answer.status, 401, "{sent:?}");
        assert!(
            answer
                .header("www-authenticate")
                .unwrap()
                .starts_with("Bearer"),
            "{sent:?}"
        );
        assert!(
            ["missing-token", "invalid-token"].contains(&answer.slug().as_str()),
            "{answer:?}"
        );
        assert_eq!(json(&answer)["status"], 401);
    }
    stage.check_nothing_received("nobody");
}

pub(crate) async fn what_is_denied_to_all_is_refused(program: Program) {
    let stage = Stage::with(program).await;
    let token = stage.alice().await;
    for path in [
        "/api/v1/users.createToken",
        "/api/v1/users.register",
        "/api/v1/USERS.CREATETOKEN",
        "/api/v1/users%2ecreateToken",
        "/api/v1/users.logoutOtherClients",
    ] {
        for method in ["GET", "POST"] {
            let sent = Sent::new(method, path)
                .bearer(&token)
                .with("Content-Length", "0");
            let answer = stage.ask(&sent).await;
            assert_eq!(answer.status, 403, "{method} {path}");
            assert_eq!(answer.slug(), "not-permitted", "{method} {path}");
        }
    }
    stage.check_nothing_received("denied");
}

pub(crate) async fn without_gantry_nothing_goes_on(program: Program) {
    let gateway = gateway().await;
    let nowhere = SocketAddr::from((Ipv4Addr::LOCALHOST, ports::free()));
    let places = Places {
        gantry: nowhere,
        grpc: nowhere,
        ..places(&gateway)
    };
    let ingress = Ingress::start(program, places).await;
    let stage = Stage { gateway, ingress };
    let token = stage.alice().await;
    // At once, because some ingresses try to connect for seconds.
    let paths = [ECHO, "/assets/logo.png", "/avatar/alice", "/api/v1/me", "/"];
    let answers = paths.map(|path| {
        let (stage, sent) = (&stage, Sent::get(path).bearer(&token));
        async move { stage.ask(&sent).await }
    });
    for answer in join_all(answers).await {
        assert!((500..=504).contains(&answer.status), "{answer:?}");
    }
    stage.check_nothing_received("without Gantry");
}
