//! What administrators see and end is what all replicas have.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::stage::{Replicas, status};
use crate::support::gateway::Gateway;
use crate::support::socket::Socket;

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

async fn started() -> Replicas {
    let open = |config: &mut gantry::config::Config| {
        config.admin.token = Some(gantry::secret::Secret::new(TOKEN.to_owned()));
    };
    Replicas::configured(2, open).await
}

async fn ask(gateway: &Gateway, method: reqwest::Method, path: &str) -> (u16, Value) {
    let url = format!("http://{}{path}", gateway.running.admin_address());
    let asked = gateway.client.request(method, url).bearer_auth(TOKEN);
    let answer = asked.send().await.unwrap();
    let status = answer.status().as_u16();
    (status, answer.json().await.unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_hold_the_sessions_of_all_replicas_once_each() {
    let replicas = started().await;
    let [a, b] = &replicas.all[..] else { panic!() };
    for number in 0..23 {
        let gateway = [a, b][number % 2];
        let token = gateway.issuer.token(&format!("user{number}"));
        assert_eq!(status(gateway, &token).await, 200);
    }
    let (mut seen, mut path) = (Vec::new(), "/sessions?limit=5".to_owned());
    loop {
        let (_, page) = ask(b, reqwest::Method::GET, &path).await;
        let sessions = page["sessions"].as_array().unwrap();
        seen.extend(
            sessions
                .iter()
                .map(|session| session["username"].to_string()),
        );
        let Some(next) = page["next"].as_str() else {
            break;
        };
        path = format!("/sessions?limit=5&cursor={next}");
    }
    assert_eq!(seen.len(), 23);
    assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), 23);
    let (_, found) = ask(a, reqwest::Method::GET, "/sessions?user=user7").await;
    assert_eq!(found["sessions"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_of_one_replica_is_revoked_at_another() {
    let replicas = started().await;
    let [a, b] = &replicas.all[..] else { panic!() };
    let token = a.issuer.token("alice");
    let mut socket = Socket::open(a, &token).await;
    let (_, page) = ask(b, reqwest::Method::GET, "/sessions").await;
    let id = page["sessions"][0]["id"].as_str().unwrap();
    let path = format!("/sessions/{id}");
    assert_eq!(ask(b, reqwest::Method::GET, &path).await.0, 200);
    assert_eq!(ask(b, reqwest::Method::DELETE, &path).await.0, 204);
    assert_eq!(socket.closed().await, Some(4401));
    assert_eq!(
        [status(a, &token).await, status(b, &token).await],
        [401, 401]
    );
    assert_eq!(ask(a, reqwest::Method::GET, &path).await.0, 404);
    a.until_live_tokens("alice", 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_principal_is_revoked_with_the_sessions_of_all_replicas() {
    let replicas = started().await;
    let [a, b] = &replicas.all[..] else { panic!() };
    let tokens = ["one", "two"].map(|sid| a.issuer.token_with("alice", json!({ "sid": sid })));
    assert_eq!(status(a, &tokens[0]).await, 200);
    assert_eq!(status(b, &tokens[1]).await, 200);
    let issuer = crate::support::issuer::ISSUER;
    let path = format!("/principals?issuer={issuer}&subject=subject%20of%20alice");
    let (_, known) = ask(a, reqwest::Method::GET, &path).await;
    assert_eq!(known["sessions"].as_array().unwrap().len(), 2, "{known}");
    assert_eq!(ask(a, reqwest::Method::DELETE, &path).await.0, 200);
    for (gateway, token) in [(a, &tokens[1]), (b, &tokens[0]), (b, &tokens[1])] {
        assert_eq!(status(gateway, token).await, 401);
    }
    a.until_live_tokens("alice", 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_store_nothing_is_made_up() {
    let replicas = started().await;
    let a = &replicas.all[0];
    replicas.redis.kill();
    let (status, problem) = ask(a, reqwest::Method::GET, "/sessions").await;
    assert_eq!(status, 503);
    assert!(
        problem["type"]
            .as_str()
            .unwrap()
            .ends_with("store-unavailable")
    );
}
