//! What is no logout, and how its sender is told; whatever is refused ends nothing.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use super::{ENDPOINT, FORM, changed, ends, post, send, status};
use crate::support::gateway::{Gateway, HOST_PAGE, slug};
use crate::support::world::World;

/// The person whose session must not end.
async fn with_alice() -> (Gateway, String) {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    assert_eq!(status(&gateway, &token).await, 200);
    (gateway, token)
}

async fn refused_as(answer: reqwest::Response, description: &str) {
    assert_eq!(answer.status(), 400);
    assert_eq!(answer.headers()["content-type"], "application/json");
    assert_eq!(answer.headers()["cache-control"], "no-store");
    let told: Value = answer.json().await.unwrap();
    let expected = json!({ "error": "invalid_request", "error_description": description });
    assert_eq!(told, expected);
}

const INVALID: &str = "The logout token is not valid.";
const NONE: &str = "The form must have exactly one logout_token.";

#[tokio::test]
async fn tokens_that_are_no_logout_tokens_end_nothing_and_are_told_in_one_way() {
    let (gateway, alice) = with_alice().await;
    let issuer = &gateway.issuer;
    let names = json!({ "sid": "main" });
    let sound = issuer.logout_token(names.clone());
    let with = |more: Value| {
        let mut names = names.clone();
        names
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        issuer.logout_token(names)
    };
    let event = "http://schemas.openid.net/event/backchannel-logout";
    let forged = {
        let (signed, _) = sound.rsplit_once('.').unwrap();
        let (_, of_another) = alice.rsplit_once('.').unwrap();
        format!("{signed}.{of_another}")
    };
    let rows = [
        ("malformed", "no.such.token".to_owned()),
        ("malformed", String::new()),
        ("missing-claim", alice.clone()),
        ("bad-signature", forged),
        (
            "unknown-issuer",
            with(json!({ "iss": "https://other.example" })),
        ),
        ("wrong-audience", with(json!({ "aud": "other" }))),
        ("nonce", with(json!({ "nonce": "n" }))),
        (
            "other-event",
            with(json!({ "events": { "urn:other": {} } })),
        ),
        (
            "wrong-claim-type",
            with(json!({ "events": { event: null } })),
        ),
        ("wrong-claim-type", with(json!({ "sid": null, "sub": "x" }))),
        ("names-nobody", issuer.logout_token(json!({}))),
        ("expired", with(json!({ "exp": 1 }))),
        ("wrong-claim-type", with(json!({ "exp": "never" }))),
    ];
    for (kind, token) in rows {
        let series = format!("gantry_backchannel_logouts_total{{result=\"{kind}\"}} ");
        let before = gateway.metric(&series).await;
        refused_as(send(&gateway, &token).await, INVALID).await;
        assert_eq!(
            gateway.metric(&series).await,
            before + 1.0,
            "{kind}: {token}"
        );
    }
    assert_eq!(status(&gateway, &alice).await, 200);
    assert_eq!(gateway.rc.live_tokens("alice").len(), 1);
    // The log says why, to the operator.
    gateway
        .log
        .until_line(&[
            ENDPOINT,
            "endpoint refused: logout token is refused: token has a nonce",
        ])
        .await;
}

#[tokio::test]
async fn a_logout_token_is_no_login() {
    let (gateway, _) = with_alice().await;
    let full = json!({ "sub": "subject of bob", "sid": "s", "preferred_username": "bob" });
    let token = gateway.issuer.logout_token(full);
    assert_eq!(status(&gateway, &token).await, 401);
    ends(&gateway, json!({ "sid": "of nobody" })).await;
    assert_eq!(send(&gateway, &token).await.status(), 200);
    assert_eq!(status(&gateway, &token).await, 401);
    assert!(gateway.rc.user("bob").is_none());
}

#[tokio::test]
async fn a_logout_token_counts_once() {
    let (gateway, _) = with_alice().await;
    let token = gateway
        .issuer
        .logout_token(json!({ "sub": "subject of alice" }));
    assert_eq!(send(&gateway, &token).await.status(), 200);
    gateway.hand.advance(Duration::from_secs(5));
    let newer = gateway.issuer.token("alice");
    assert_eq!(status(&gateway, &newer).await, 200);
    refused_as(send(&gateway, &token).await, INVALID).await;
    assert_eq!(status(&gateway, &newer).await, 200);
    let replayed = r#"gantry_backchannel_logouts_total{result="replayed"} "#;
    assert_eq!(gateway.metric(replayed).await, 1.0);
    assert_eq!(
        gateway
            .metric(r#"gantry_backchannel_logouts_total{result="ok"} "#)
            .await,
        1.0
    );
}

#[tokio::test]
async fn only_one_logout_token_in_the_body_of_a_form_is_looked_at() {
    let (gateway, alice) = with_alice().await;
    let token = gateway.issuer.logout_token(json!({ "sid": "main" }));
    for form in [
        String::new(),
        "state=7".to_owned(),
        format!("Logout_Token={token}"),
        format!("logout_token={token}&logout_token={token}"),
        format!("logout_token={token}&logout%5Ftoken="),
    ] {
        refused_as(post(&gateway, form, FORM).await, NONE).await;
    }
    let query = format!("{ENDPOINT}?logout_token={token}");
    let in_query = gateway.client.post(gateway.url(&query));
    let in_query = in_query.header("content-type", FORM).send().await.unwrap();
    refused_as(in_query, NONE).await;
    assert_eq!(status(&gateway, &alice).await, 200);

    let more = format!("state=7&logout_token={token}&x=%zz");
    let kind = "Application/X-WWW-Form-Urlencoded; charset=UTF-8";
    assert_eq!(post(&gateway, more, kind).await.status(), 200);
    assert_eq!(status(&gateway, &alice).await, 401);
}

#[tokio::test]
async fn other_bodies_are_415_and_large_ones_413() {
    let (gateway, alice) = with_alice().await;
    let token = gateway.issuer.logout_token(json!({ "sid": "main" }));
    for kind in [
        "application/json",
        "text/plain",
        "multipart/form-data; boundary=x",
        "",
    ] {
        let answer = post(&gateway, format!("logout_token={token}"), kind).await;
        assert_eq!(answer.status(), 415, "{kind}");
        assert_eq!(slug(answer).await, "unsupported-media-type");
    }
    let request = gateway.client.post(gateway.url(ENDPOINT));
    let answer = request
        .body(format!("logout_token={token}"))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 415);

    let large = format!("logout_token={token}&more={}", "x".repeat(33 * 1024));
    let answer = post(&gateway, large, FORM).await;
    assert_eq!(answer.status(), 413);
    assert_eq!(slug(answer).await, "too-large");
    let long = format!("logout_token={}", "x".repeat(20 * 1024));
    refused_as(post(&gateway, long, FORM).await, INVALID).await;
    assert_eq!(status(&gateway, &alice).await, 200);
}

#[tokio::test]
async fn other_methods_are_405_and_no_page_may_read_an_answer() {
    let (gateway, _) = with_alice().await;
    for method in [
        Method::GET,
        Method::HEAD,
        Method::PUT,
        Method::DELETE,
        Method::OPTIONS,
    ] {
        let request = gateway
            .client
            .request(method.clone(), gateway.url(ENDPOINT));
        let request = request.header("origin", HOST_PAGE);
        let answer = request
            .header("access-control-request-method", "POST")
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 405, "{method}");
        assert_eq!(answer.headers()["allow"], "POST");
        let cors = |name: &&str| answer.headers().contains_key(*name);
        let told = [
            "access-control-allow-origin",
            "access-control-allow-credentials",
        ];
        assert_eq!(told.iter().find(|name| cors(name)), None, "{method}");
    }
}

#[tokio::test]
async fn whatever_else_the_request_shows_counts_for_nothing() {
    let (gateway, alice) = with_alice().await;
    let bob = gateway.issuer.token_with("bob", json!({ "sid": "bobs" }));
    assert_eq!(status(&gateway, &bob).await, 200);
    let form = format!(
        "logout_token={}",
        gateway.issuer.logout_token(json!({ "sid": "main" }))
    );
    let request = gateway.client.post(gateway.url(ENDPOINT)).bearer_auth(&bob);
    let request = request.header("cookie", format!("host_jwt={bob}"));
    let request = request
        .header("x-auth-token", "x")
        .header("content-type", FORM);
    let answer = request.body(form).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(!answer.headers().contains_key("set-cookie"));
    assert_eq!(status(&gateway, &bob).await, 200);
    assert_eq!(status(&gateway, &alice).await, 401);
}

#[tokio::test]
async fn without_keys_the_provider_is_asked_to_come_again() {
    let world = World::plain().await;
    world.issuer.stop().await;
    let gateway = world.gantry(|_, _| ()).await;
    let token = gateway.issuer.logout_token(json!({ "sid": "main" }));
    let answer = send(&gateway, &token).await;
    assert_eq!(answer.status(), 503);
    assert!(answer.headers().contains_key("retry-after"));
    assert_eq!(slug(answer).await, "keys-unavailable");

    gateway.issuer.restart().await;
    gateway.hand.advance(Duration::from_secs(31));
    gateway.until_ready().await;
    // It was not taken, so it still counts.
    let alice = gateway.issuer.token("alice");
    assert_eq!(send(&gateway, &token).await.status(), 200);
    assert_eq!(status(&gateway, &alice).await, 401);
}

#[tokio::test]
async fn made_up_key_ids_cause_no_fetches() {
    let (gateway, _) = with_alice().await;
    let fetches = r#"gantry_jwks_fetches_total{result="ok"} "#;
    let before = gateway.metric(fetches).await;
    let sound = gateway.issuer.logout_token(json!({ "sid": "main" }));
    let (_, rest) = sound.split_once('.').unwrap();
    for kid in 0..20 {
        let header = json!({ "alg": "ES256", "kid": kid.to_string() }).to_string();
        let header = data_encoding::BASE64URL_NOPAD.encode(header.as_bytes());
        refused_as(send(&gateway, &format!("{header}.{rest}")).await, INVALID).await;
    }
    assert_eq!(gateway.metric(fetches).await, before);
}

#[tokio::test]
async fn the_endpoint_can_be_switched_off() {
    let gateway = Gateway::configured(|config| config.backchannel_logout.enabled = false).await;
    let alice = gateway.issuer.token("alice");
    assert_eq!(status(&gateway, &alice).await, 200);
    let token = gateway.issuer.logout_token(json!({ "sid": "main" }));
    let answer = send(&gateway, &token).await;
    assert_eq!(answer.status(), 404);
    assert_eq!(slug(answer).await, "not-found");
    assert_eq!(status(&gateway, &alice).await, 200);
}

#[tokio::test]
async fn logout_tokens_may_be_for_another_audience_than_jwts() {
    let gateway = Gateway::configured(|config| {
        config.issuers = vec![changed(&config.issuers[0], |setting| {
            setting.logout_audiences = vec!["the client".to_owned()];
        })];
    })
    .await;
    let alice = gateway.issuer.token("alice");
    assert_eq!(status(&gateway, &alice).await, 200);
    let token = gateway.issuer.logout_token(json!({ "sid": "main" }));
    refused_as(send(&gateway, &token).await, INVALID).await;
    assert_eq!(status(&gateway, &alice).await, 200);
    ends(&gateway, json!({ "sid": "main", "aud": "the client" })).await;
    assert_eq!(status(&gateway, &alice).await, 401);
}
