//! What a filter cannot do goes through Gantry.

use serde_json::json;

use crate::filter::asking::Sent;
use crate::gateways::ingress::Program;
use crate::gateways::stage::{ECHO, Stage, json as body_of};
use crate::support::gateway::{HOST_PAGE, PUBLIC_URL};

/// Nothing was asked about.
async fn check_unasked(stage: &Stage, program: Program) {
    for decision in ["allow", "deny"] {
        assert_eq!(stage.decisions(program, decision).await, 0.0, "{decision}");
    }
}

pub(crate) async fn own_endpoints_are_reached(program: Program) {
    let stage = Stage::with(program).await;
    let token = stage.alice().await;
    let begun = stage
        .post(&Sent::new("POST", "/_gantry/session").bearer(&token), "")
        .await;
    assert_eq!(begun.status, 200);
    let stand_in = body_of(&begun)["token"].as_str().unwrap().to_owned();
    let page = stage.ask(&Sent::get("/_gantry/iframe/page")).await;
    assert_eq!(page.status, 200);
    let iframe = Sent::get("/_gantry/iframe/login")
        .with("Cookie", &format!("host_jwt={token}"))
        .with("Sec-Fetch-Site", "same-origin");
    let iframe = stage.ask(&iframe).await;
    assert_eq!(body_of(&iframe)["loginToken"], stand_in.as_str());
    check_unasked(&stage, program).await;

    let by_stand_in = Sent::get(ECHO)
        .with("X-Auth-Token", &stand_in)
        .with("X-User-Id", "any");
    let answer = stage.ask(&by_stand_in).await;
    assert_eq!(answer.status, 200, "{}", stage.ingress.log());
    stage.only(ECHO);

    let ended = stage
        .post(&Sent::new("POST", "/_gantry/logout").bearer(&token), "")
        .await;
    assert!(matches!(ended.status, 200 | 204), "{ended:?}");
    stage.gateway.rc.forget_requests();
    for sent in [by_stand_in, Sent::get(ECHO).bearer(&token)] {
        assert_eq!(stage.ask(&sent).await.status, 401);
    }
    assert!(stage.gateway.received(ECHO).is_empty());
}

pub(crate) async fn logins_and_logouts_are_answered_by_gantry(program: Program) {
    let stage = Stage::with(program).await;
    let token = stage.alice().await;
    let login = Sent::new("POST", "/api/v1/login").with("Content-Type", "application/json");
    let answer = stage
        .post(&login, &json!({ "resume": token }).to_string())
        .await;
    assert_eq!(answer.status, 200);
    let stand_in = body_of(&answer)["data"]["authToken"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_ne!(stand_in, stage.auth_token());
    let as_client = |sent: Sent| {
        sent.with("X-Auth-Token", &stand_in)
            .with("X-User-Id", "any")
    };
    let me = stage.ask(&as_client(Sent::get("/api/v1/me"))).await;
    assert_eq!(body_of(&me)["username"], "alice");
    let method = as_client(Sent::new("POST", "/api/v1/method.call/getRoomRoles"))
        .with("Content-Type", "application/json");
    let message = json!({ "msg": "method", "id": "1", "method": "getRoomRoles", "params": [] });
    let called = json!({ "message": message.to_string() }).to_string();
    assert_eq!(stage.post(&method, &called).await.status, 200);
    let logout = stage
        .post(&as_client(Sent::new("POST", "/api/v1/logout")), "")
        .await;
    assert_eq!(logout.status, 200);
    stage.gateway.until_live_tokens("alice", 0).await;
    check_unasked(&stage, program).await;
}

pub(crate) async fn preflights_are_answered_by_gantry(program: Program) {
    let stage = Stage::with(program).await;
    for path in [ECHO, "/api/v1/me", "/avatar/alice"] {
        let sent = Sent::new("OPTIONS", path)
            .with("Origin", HOST_PAGE)
            .with("Access-Control-Request-Method", "POST");
        let answer = stage.ask(&sent).await;
        assert_eq!(
            answer.header("access-control-allow-origin"),
            Some(HOST_PAGE),
            "{path}"
        );
        assert_eq!(stage.gateway.rc.calls("OPTIONS", path), 0);
    }
    check_unasked(&stage, program).await;
}

pub(crate) async fn pages_get_the_boot_script(program: Program) {
    let stage = Stage::with(program).await;
    let token = stage.alice().await;
    let sent = Sent::get("/channel/general?layout=embedded")
        .with("Cookie", &format!("host_jwt={token}"))
        .with("Accept", "text/html")
        .with("Origin", PUBLIC_URL);
    let answer = stage.ask(&sent).await;
    assert_eq!(answer.status, 200);
    assert!(String::from_utf8_lossy(&answer.body).contains("/_gantry/boot.js"));
    check_unasked(&stage, program).await;
}
