//! Rocket.Chat refuses credentials, which the ingress sees and Gantry does not: it is told at once, and the request is repeated.

use lookalike::{Fault, FaultKind};

use crate::filter::asking::Sent;
use crate::gateways::ingress::Program;
use crate::gateways::stage::{ECHO, Stage, json};
use crate::support::raw::Answer;

/// What a client does with a 307: the same once more.
async fn followed(stage: &Stage, sent: &Sent, body: &str) -> Answer {
    let answer = stage.post(sent, body).await;
    if answer.status != 307 {
        return answer;
    }
    assert_eq!(
        answer.header("location"),
        Some(sent.target.as_str()),
        "{answer:?}"
    );
    stage.post(sent, body).await
}

pub(crate) async fn dead_credentials_are_dropped_at_once(program: Program) {
    let stage = Stage::with(program).await;
    let token = stage.alice().await;
    let body = "x".repeat(30_000);
    for (method, body) in [("GET", ""), ("POST", body.as_str()), ("DELETE", "")] {
        let dead = stage.auth_token();
        stage.gateway.rc.kill_tokens("alice");
        stage.gateway.rc.forget_requests();
        let sent = Sent::new(method, &format!("{ECHO}?a=1")).bearer(&token);
        let answer = followed(&stage, &sent, body).await;
        assert_eq!(
            answer.status,
            200,
            "{method} {answer:?} {}",
            stage.ingress.log()
        );
        assert_eq!(json(&answer)["length"], body.len());
        let live = stage.auth_token();
        let received = stage.gateway.received(ECHO);
        let tokens: Vec<_> = received
            .iter()
            .map(|request| request.header("x-auth-token"))
            .collect();
        assert_eq!(tokens, [Some(dead.as_str()), Some(&live)], "{method}");
        stage.check_identity(&received[1]);
    }
}

pub(crate) async fn a_rocketchat_that_refuses_everything_is_not_asked_for_ever(program: Program) {
    let stage = Stage::with(program).await;
    let token = stage.alice().await;
    stage
        .gateway
        .rc
        .fault(Fault::always(ECHO, FaultKind::Status(401, "{}".to_owned())));
    let sent = Sent::get(ECHO).bearer(&token);
    let mut answer = stage.ask(&sent).await;
    let mut rounds = 0;
    while answer.status == 307 {
        rounds += 1;
        assert!(rounds < 10, "it ends");
        answer = stage.ask(&sent).await;
    }
    // Who repeats by itself does it once and passes the refusal on, as Gantry does; who has the client repeat is stopped by Gantry.
    let last = if program == Program::Nginx { 401 } else { 503 };
    assert_eq!(answer.status, last, "{answer:?} {}", stage.ingress.log());
    let minted = stage.gateway.rc.calls("POST", "/api/v1/users.createToken");
    assert!(minted < 10, "{minted}");
}
