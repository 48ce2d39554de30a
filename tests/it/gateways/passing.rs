//! What is asked about and goes on: straight to Rocket.Chat, as the person whom Gantry named.

use crate::filter::asking::Sent;
use crate::gateways::ingress::Program;
use crate::gateways::stage::{ECHO, Stage, check_nothing_survives, json};

pub(crate) async fn rest_goes_straight_to_rocketchat_as_its_user(program: Program) {
    let stage = Stage::with(program).await;
    let token = stage.alice().await;
    let sent = Sent::get(&format!("{ECHO}?a=%20b&c=/d/../e")).bearer(&token);
    let answer = stage.ask(&sent).await;
    assert_eq!(answer.status, 200, "{}", stage.ingress.log());
    assert_eq!(json(&answer)["username"], "alice");
    let received = stage.only(ECHO);
    assert_eq!(received.query.as_deref(), Some("a=%20b&c=/d/../e"));
    assert!(received.header_values("cookie").concat().is_empty());

    stage.gateway.rc.forget_requests();
    let body = "x".repeat(100_000);
    let sent = Sent::new("POST", ECHO).bearer(&token);
    let answer = stage.post(&sent, &body).await;
    assert_eq!(json(&answer)["length"], 100_000);
    let received = stage.only(ECHO);
    assert_eq!(received.method, "POST");
    assert_eq!(stage.decisions(program, "allow").await, 2.0);
}

pub(crate) async fn files_and_avatars_carry_their_readers_cookies(program: Program) {
    let stage = Stage::with(program).await;
    let token = stage.alice().await;
    let export = stage.gateway.rc.add_data_export("alice", "everything");
    let export = format!("/data-export/{export}");
    let user_id = stage.gateway.rc.user("alice").unwrap().id;
    let ours = format!(
        "theme=dark; rc_uid={user_id}; rc_token={}",
        stage.auth_token()
    );
    for (path, holds) in [
        ("/avatar/alice", r#"data-avatar="picture""#),
        (export.as_str(), "everything"),
    ] {
        stage.gateway.rc.forget_requests();
        let cookie = format!("theme=dark; host_jwt={token}; rc_token=forged");
        let answer = stage.ask(&Sent::get(path).with("Cookie", &cookie)).await;
        assert_eq!(answer.status, 200, "{path}");
        let body = String::from_utf8_lossy(&answer.body);
        assert!(body.contains(holds), "{path} {body}");
        let cached = answer.header("cache-control").unwrap();
        assert!(
            cached.contains("private") && !cached.contains("public"),
            "{path} {cached}"
        );
        assert_eq!(
            stage.only(path).header_values("cookie"),
            [ours.as_str()],
            "{path}"
        );
    }
    assert_eq!(stage.decisions(program, "allow").await, 2.0);
}

pub(crate) async fn static_files_go_on_as_nobodys(program: Program) {
    let stage = Stage::with(program).await;
    stage.alice().await;
    let path = "/assets/logo.png";
    let sent = Sent::get(path)
        .with("X-User-Id", "forged")
        .with("X-Auth-Token", "forged")
        .with("Cookie", "rc_uid=forged; rc_token=forged");
    stage.ask(&sent).await;
    let received = stage.gateway.received(path);
    assert_eq!(received.len(), 1);
    for name in ["x-user-id", "x-auth-token", "cookie"] {
        assert_eq!(received[0].header_values(name).concat(), "", "{name}");
    }
    check_nothing_survives(&received[0]);
    assert_eq!(stage.decisions(program, "allow").await, 1.0);
}
