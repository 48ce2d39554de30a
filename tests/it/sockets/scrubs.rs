//! What Rocket.Chat tells a user of the own record passes without token hashes and second-factor secrets; all else as it came.

use serde_json::{Value, json};

use crate::sockets::played::played;
use crate::sockets::stage::{BOTH, Client, call, sub};
use crate::support::gateway::Gateway;

/// Written as no writer of ours would.
const ODD: &str = r#"{ "msg":"changed" ,"collection":"stream-room-messages","fields":{"args":[1.50e3,"\u00fc\/"]},"id":"id"}"#;

#[tokio::test]
async fn the_own_records_events_come_without_token_hashes() {
    for framing in BOTH {
        let gateway = Gateway::start().await;
        let token = gateway.issuer.token("alice");
        let mut client = Client::identified(&gateway, framing, &token).await;
        let user = gateway.rc.user("alice").unwrap();
        let event = format!("{}/userData", user.id);
        client
            .say(sub("s1", "stream-notify-user", &json!([event])))
            .await;
        client.until(|said| said["msg"] == "ready").await;
        // Another session's token is a change of the record.
        let other = gateway
            .issuer
            .token_with("alice", json!({ "sid": "other" }));
        gateway.get("/api/v1/me", &other).send().await.unwrap();
        let told = client.until(|said| said["msg"] == "changed").await;
        assert_eq!(told["fields"]["eventName"], *event);
        assert_eq!(told["fields"]["args"][0]["diff"], json!({}));
        assert!(!client.heard.contains("loginTokens"));
        assert!(!client.heard.contains("hashedToken"));
    }
}

#[tokio::test]
async fn the_own_record_asked_for_by_method_comes_without_secrets() {
    let (gateway, mut client, mut server) = played().await;
    client.say(call("m1", "getUserData", &json!([]))).await;
    server.log_in(&gateway).await;
    assert_eq!(server.hear().await["method"], "getUserData");
    let record = json!({
        "username": "alice",
        "services": {
            "resume": { "loginTokens": [{ "hashedToken": "hash" }] },
            "totp": { "secret": "JBSW", "hashedBackup": ["x"], "enabled": true },
            "email2fa": { "enabled": true },
        },
    });
    let answer = json!({ "msg": "result", "id": "m1", "result": record });
    server.say(&answer.to_string()).await;
    let heard: Value = serde_json::from_str(&client.hear().await).unwrap();
    let clean = json!({ "username": "alice", "services": { "email2fa": { "enabled": true } } });
    assert_eq!(
        heard,
        json!({ "msg": "result", "id": "m1", "result": clean })
    );
}

#[tokio::test]
async fn other_messages_pass_byte_for_byte_even_beside_scrubbed_ones() {
    let (gateway, mut client, mut server) = played().await;
    client.say(sub("s1", "userData", &json!([]))).await;
    server.log_in(&gateway).await;
    assert_eq!(server.hear().await["name"], "userData");
    server.say(ODD).await;
    assert_eq!(client.hear().await, ODD);
    let hashes = r#"{"msg":"added","collection":"users","id":"x","fields":{"services":{"resume":{}},"name":"a"}}"#;
    server.say(hashes).await;
    let clean: Value = serde_json::from_str(&client.hear().await).unwrap();
    assert_eq!(clean["fields"], json!({ "services": {}, "name": "a" }));
    server.say(ODD).await;
    assert_eq!(client.hear().await, ODD);
}

#[tokio::test]
async fn nothing_is_looked_into_where_no_secret_can_be() {
    let (gateway, mut client, mut server) = played().await;
    client
        .say(sub("s1", "stream-room-messages", &json!(["GENERAL"])))
        .await;
    server.log_in(&gateway).await;
    server.hear().await;
    // A message that quotes a key is somebody's words.
    let quoted = ODD.replace("1.50e3", r#"{"services.resume.loginTokens" : "a word"}"#);
    for text in [ODD, &quoted, "no json at all"] {
        server.say(text).await;
        assert_eq!(client.hear().await, text);
    }
}
