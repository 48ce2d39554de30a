//! Reloads without end, and traffic meanwhile: no request fails, no session is lost, and they are not as many as were asked for.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;

use crate::reload::stage::{ECHO, Stage};
use crate::support::http::{h2c, request, whole};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_notices_a_storm_of_reloads() {
    let mut stage = Stage::start().await;
    let names = ["alice", "bob", "carol"];
    let tokens = names.map(|name| stage.gateway.issuer.token(name));
    let mut sockets = Vec::new();
    for token in &tokens {
        assert_eq!(stage.status(token).await, 200);
        sockets.push(stage.socket(token).await);
    }
    let over = Arc::new(AtomicBool::new(false));
    let asking = tokens.clone().map(|token| {
        let (client, url) = (stage.gateway.client.clone(), stage.gateway.url(ECHO));
        let over = Arc::clone(&over);
        tokio::spawn(async move {
            let mut answered = 0;
            while !over.load(Ordering::Relaxed) {
                let asked = client.post(&url).bearer_auth(&token).body("x").send();
                assert_eq!(asked.await.unwrap().status(), 200);
                answered += 1;
            }
            answered
        })
    });
    let mut connection = h2c(&stage.gateway).await;
    let began = tokio::time::Instant::now();
    let mut asked = 0;
    while stage.reloads("ok") < 6 {
        for _ in 0..20 {
            stage.gateway.running.reload();
            asked += 1;
        }
        let leeway = format!("{}s", asked % 50 + 1);
        stage.edit(|config| {
            config["issuers"][0]["leeway"] = json!(leeway);
            config["users"]["sync_profile"] = json!(asked % 40 == 0);
        });
        let sent = request(&stage.gateway, ECHO, &tokens[0], whole("one"));
        assert_eq!(connection.send_request(sent).await.unwrap().status(), 200);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let reloads = stage.reloads("ok");
    // Five a second at most, however often they are asked for.
    let most = began.elapsed().as_millis() / 200 + 2;
    assert!(u128::from(reloads) <= most, "{reloads} of {asked}, {most}");
    over.store(true, Ordering::Relaxed);
    for asking in asking {
        assert!(asking.await.unwrap() > 0);
    }
    for socket in &mut sockets {
        socket.ping().await;
    }
    for name in names {
        assert_eq!(stage.gateway.rc.live_tokens(name).len(), 1);
    }
    assert_eq!(stage.reloads("invalid"), 0);
}

#[tokio::test]
async fn an_exchange_that_runs_through_a_reload_ends_well() {
    let mut stage = Stage::start().await;
    let latch = lookalike::Latch::new();
    let hold = lookalike::FaultKind::Hold(latch.clone());
    let minting = lookalike::Fault::times("/api/v1/users.createToken", 1, hold);
    stage.gateway.rc.fault(minting);
    let alice = stage.gateway.issuer.token("alice");
    let running = tokio::spawn(stage.gateway.get(ECHO, &alice).send());
    latch.until_arrived(1).await;
    stage
        .change(|config| {
            config["issuers"][0]["leeway"] = json!("7s");
            config["users"]["default_roles"] = json!(["user", "guest"]);
        })
        .await;
    latch.open();
    assert_eq!(running.await.unwrap().unwrap().status(), 200);
    assert_eq!(stage.status(&alice).await, 200);
    assert_eq!(stage.gateway.rc.live_tokens("alice").len(), 1);
}
