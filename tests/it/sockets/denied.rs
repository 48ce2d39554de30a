//! What the surface denies is denied on sockets: every method of the table, whoever asks (RC §9).

use gantry::surface::table::{ROWS, Rule};
use serde_json::{Value, json};

use crate::sockets::stage::{BOTH, Client, call, check_error, names, told};
use crate::support::gateway::Gateway;

/// Every method that does not pass, with parameters it would be called with.
fn denied() -> Vec<(String, Value)> {
    let mut methods = Vec::new();
    for row in ROWS {
        let params = match row.rule {
            Rule::Deny(_) | Rule::Login | Rule::Livechat => json!(["x"]),
            Rule::OwnProfile => json!([{ "username": "root" }, {}]),
            Rule::Logout | Rule::MethodCall | Rule::Scrub(_) | Rule::Pass => continue,
        };
        for name in row.methods {
            let name = name.replace('*', "x");
            methods.push((name.to_uppercase(), params.clone()));
            methods.push((format!("{name}/x"), params.clone()));
            methods.push((name, params.clone()));
        }
    }
    // In another case these are not Rocket.Chat's own, and not ours either.
    for name in ["LOGIN", "Logout", "logout/x"] {
        methods.push((name.to_owned(), json!([{ "resume": "x" }])));
    }
    methods
}

async fn check(client: &mut Client, gateway: &Gateway) {
    let methods = denied();
    assert!(methods.len() > 60, "{methods:?}");
    let said: Vec<String> = methods
        .iter()
        .map(|(name, params)| call(name, name, params))
        .collect();
    client.say_at_once(&said).await;
    let all = client.all().await;
    let expected: Vec<String> = methods
        .iter()
        .flat_map(|(name, _)| [format!("result {name}"), format!("updated {name}")])
        .collect();
    assert_eq!(names(&all), expected);
    for result in all.iter().step_by(2) {
        check_error(result, 403);
    }
    assert_eq!(names(&told(gateway)), ["connect"]);
}

#[tokio::test]
async fn rc_9_every_denied_method_is_refused_to_whom_the_upgrade_identified() {
    for framing in BOTH {
        let gateway = Gateway::start().await;
        let token = gateway.issuer.token("alice");
        let mut client = Client::identified(&gateway, framing, &token).await;
        check(&mut client, &gateway).await;
    }
}

#[tokio::test]
async fn rc_9_every_denied_method_is_refused_to_nobody() {
    for framing in BOTH {
        let gateway = Gateway::start().await;
        let mut client = Client::anonymous(&gateway, framing).await;
        check(&mut client, &gateway).await;
    }
}

#[tokio::test]
async fn rc_9_a_denied_method_is_refused_to_who_is_logged_in() {
    for framing in BOTH {
        let gateway = Gateway::start().await;
        let token = gateway.issuer.token("alice");
        let mut client = Client::identified(&gateway, framing, &token).await;
        client.log_in("1", &token).await;
        client.all().await;
        for method in ["getNewToken", "personalAccessTokens:generateToken"] {
            client.say(call("m", method, &json!(["x"]))).await;
            check_error(&client.result("m").await, 403);
        }
        client.say(call("m1", "rooms/get", &json!([]))).await;
        client.result("m1").await;
        let expected = ["connect", "method login", "method rooms/get"];
        assert_eq!(names(&told(&gateway)), expected);
        assert_eq!(gateway.rc.live_tokens("alice").len(), 1);
    }
}

#[tokio::test]
async fn what_changes_no_identity_in_the_own_profile_passes() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    let mut client = Client::identified(&gateway, BOTH[0], &token).await;
    let said = call("m", "saveUserProfile", &json!([{ "statusText": "x" }, {}]));
    client.say(said).await;
    client.result("m").await;
    assert_eq!(names(&told(&gateway))[2], "method saveUserProfile");
}
