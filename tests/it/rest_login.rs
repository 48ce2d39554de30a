//! Logins over REST with a stand-in or the host's JWT: Rocket.Chat's own answer, and nothing of its token in it.

use lookalike::{Manner, Options};
use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};

use crate::support::gateway::{Gateway, Settings, slug};

const LOGIN: &str = "/api/v1/login";
const TUNNELLED: &str = "/api/v1/method.callAnon/login";

fn login(gateway: &Gateway, path: &str, body: &Value) -> RequestBuilder {
    gateway.client.post(gateway.url(path)).json(body)
}

/// The method inside a REST call.
fn method(claim: &str) -> Value {
    let message =
        json!({ "msg": "method", "id": "7", "method": "login", "params": [{ "resume": claim }] });
    json!({ "message": message.to_string() })
}

/// What a tunnelled method answered.
async fn inner(answer: Response) -> Value {
    let answer: Value = answer.json().await.unwrap();
    serde_json::from_str(answer["message"].as_str().unwrap()).unwrap()
}

async fn manner(manner: Manner) -> Gateway {
    Gateway::with(Settings {
        options: Options {
            rate_limiter: false,
            ..Options::new(manner)
        },
        config: |_| {},
    })
    .await
}

#[tokio::test]
async fn rc_2_1_a_jwt_logs_in_as_every_client_sends_it_and_gets_a_stand_in() {
    for version in [Manner::V6, Manner::V7, Manner::V80, Manner::V87] {
        let gateway = manner(version).await;
        let token = gateway.issuer.token("alice");
        let mut stand_ins = Vec::new();
        for body in [
            json!({ "resume": token }),
            json!({ "service": "hostapp", "access_token": token }),
            json!({ "serviceName": "hostapp", "accessToken": token }),
        ] {
            let answer = login(&gateway, LOGIN, &body).send().await.unwrap();
            assert_eq!(answer.status(), 200, "{version:?} {body}");
            assert_eq!(answer.headers()["cache-control"], "no-store");
            let answer: Value = answer.json().await.unwrap();
            assert_eq!(answer["status"], "success");
            let data = &answer["data"];
            assert_eq!(data["userId"], json!(gateway.rc.user("alice").unwrap().id));
            assert_eq!(data["me"]["username"], "alice", "{version:?}");
            stand_ins.push(data["authToken"].as_str().unwrap().to_owned());
            let real = gateway.rc.live_tokens("alice").pop().unwrap();
            assert!(!answer.to_string().contains(&real), "{version:?}");
        }
        stand_ins.dedup();
        let [stand_in] = stand_ins.try_into().unwrap();
        // The stand-in logs in again, and opens what the token would.
        let again = login(&gateway, LOGIN, &json!({ "resume": stand_in }))
            .send()
            .await
            .unwrap();
        let again: Value = again.json().await.unwrap();
        assert_eq!(again["data"]["authToken"], json!(stand_in));
        let me = gateway
            .client
            .get(gateway.url("/api/v1/me"))
            .header("x-auth-token", &stand_in);
        assert_eq!(me.send().await.unwrap().status(), 200);
        assert_eq!(gateway.rc.user("alice").unwrap().tokens_minted, 1);
        let bodies: Vec<_> = gateway
            .received(LOGIN)
            .into_iter()
            .map(|request| String::from_utf8(request.body.to_vec()).unwrap())
            .collect();
        assert_eq!(bodies.len(), 4);
        assert!(
            bodies
                .iter()
                .all(|body| !body.contains(&token) && !body.contains(&stand_in))
        );
    }
}

#[tokio::test]
async fn rc_6_5_the_method_logs_in_inside_a_rest_call() {
    for version in [Manner::V6, Manner::V87] {
        let gateway = manner(version).await;
        let token = gateway.issuer.token("alice");
        for path in [TUNNELLED, "/api/v1/method.call/login"] {
            let answer = login(&gateway, path, &method(&token)).send().await.unwrap();
            assert_eq!(answer.status(), 200, "{path}");
            let said = inner(answer).await;
            assert_eq!(said["id"], "7");
            let result = &said["result"];
            assert_eq!(result["id"], json!(gateway.rc.user("alice").unwrap().id));
            assert_eq!(result["type"], "resume");
            let real = gateway.rc.live_tokens("alice").pop().unwrap();
            assert!(!said.to_string().contains(&real));
            // No later than the session may live: the JWT's ten minutes and the grace.
            let expires = result["tokenExpires"]["$date"].as_u64().unwrap();
            let now = gantry::clock::unix_millis(gateway.clock.now());
            assert!(
                (now..=now + 630_000).contains(&expires),
                "{expires} at {now}"
            );
            let again = login(&gateway, path, &method(result["token"].as_str().unwrap()));
            assert_eq!(
                inner(again.send().await.unwrap()).await["result"]["token"],
                result["token"]
            );
        }
    }
}

#[tokio::test]
async fn what_names_nobody_logs_nobody_in_and_is_not_tried_at_rocketchat() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    gateway.get("/api/v1/me", &token).send().await.unwrap();
    let real = gateway.rc.live_tokens("alice").pop().unwrap();
    let before = gateway.rc.requests().len();
    for claim in [real.as_str(), "x", "a.b.c", ""] {
        for (path, body) in [
            (LOGIN, json!({ "resume": claim })),
            (
                LOGIN,
                json!({ "service": "hostapp", "access_token": claim }),
            ),
            (TUNNELLED, method(claim)),
        ] {
            let answer = login(&gateway, path, &body).send().await.unwrap();
            assert_eq!(slug(answer).await, "invalid-token", "{path} {body}");
        }
    }
    for (path, body) in [
        (LOGIN, json!({ "user": "alice", "password": "p" })),
        (LOGIN, json!({ "resume": token, "user": "alice" })),
        (LOGIN, json!({ "resume": { "$ne": "" } })),
        (
            TUNNELLED,
            json!({ "message": "{\"msg\":\"method\",\"id\":\"1\",\"method\":\"login\",\"params\":[{\"user\":{\"username\":\"a\"},\"password\":\"p\"}]}" }),
        ),
    ] {
        let answer = login(&gateway, path, &body).send().await.unwrap();
        assert_eq!(slug(answer).await, "not-permitted", "{path} {body}");
    }
    assert_eq!(gateway.rc.requests().len(), before);
}

#[tokio::test]
async fn what_a_client_has_left_over_does_not_hinder_its_login() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    let answer = login(&gateway, LOGIN, &json!({ "resume": token }))
        .header("x-auth-token", "left-over")
        .header("x-user-id", "left-over")
        .header(
            "cookie",
            "rc_uid=x; rc_token=left-over; gantry_session=left-over",
        )
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    // A JWT that says otherwise does.
    let bob = gateway.issuer.token("bob");
    let answer = login(&gateway, LOGIN, &json!({ "resume": token })).bearer_auth(&bob);
    assert_eq!(slug(answer.send().await.unwrap()).await, "invalid-token");
    // Bob's session may have begun; nobody's answer was mixed up.
    assert_eq!(gateway.received(LOGIN).len(), 1);
}

#[tokio::test]
async fn rc_1_2_a_login_whose_auth_token_is_refused_gets_a_new_one_unseen() {
    for (path, form) in [
        (LOGIN, false),
        (TUNNELLED, true),
        ("/api/v1/method.call/login", true),
    ] {
        let gateway = Gateway::start().await;
        let token = gateway.issuer.token("alice");
        gateway.get("/api/v1/me", &token).send().await.unwrap();
        gateway.rc.kill_tokens("alice");
        let body = if form {
            method(&token)
        } else {
            json!({ "resume": token })
        };
        let answer = login(&gateway, path, &body).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        let text = answer.text().await.unwrap();
        let [real] = gateway.rc.live_tokens("alice").try_into().unwrap();
        assert!(!text.contains(&real), "{path}");
        assert!(
            text.contains(&gateway.rc.user("alice").unwrap().id),
            "{path}: {text}"
        );
        assert_eq!(gateway.rc.user("alice").unwrap().tokens_minted, 2, "{path}");
    }
}
