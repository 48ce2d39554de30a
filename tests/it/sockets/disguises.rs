//! Messages made to be read in two ways: what is doubtful goes nowhere, and no login handler of Rocket.Chat's is reached.

use serde_json::{Value, json};

use crate::sockets::stage::{BOTH, Client, Framing, call, check_error, names, told};
use crate::support::gateway::Gateway;

/// What is said to a message.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Said {
    /// An `error` with this reason.
    Error(&'static str),
    /// The refusal of the method with the id `1`.
    Refused,
}

use Said::{Error, Refused};

const PARSE: Said = Error("Parse error");
const METHOD: Said = Error("Malformed method invocation");

/// Says this and hears what is expected, and Rocket.Chat hears nothing.
async fn check(client: &mut Client, gateway: &Gateway, message: &str, expected: Said) {
    let before = told(gateway).len();
    client.say(message).await;
    let all = client.all().await;
    let short: String = message.chars().take(200).collect();
    match expected {
        Error(reason) => {
            assert_eq!(
                all,
                [json!({ "msg": "error", "reason": reason })],
                "{short}"
            );
        }
        Refused => {
            assert_eq!(names(&all), ["result 1", "updated 1"], "{short}");
            check_error(&all[0], 403);
        }
    }
    assert_eq!(told(gateway).len(), before, "{short}");
}

async fn check_all(messages: &[(&str, Said)]) {
    for framing in BOTH {
        let gateway = Gateway::start().await;
        let token = gateway.issuer.token("alice");
        let mut known = Client::identified(&gateway, framing, &token).await;
        for (message, expected) in messages {
            check(&mut known, &gateway, message, *expected).await;
        }
        let mut nobody = Client::anonymous(&gateway, framing).await;
        for (message, expected) in messages {
            check(&mut nobody, &gateway, message, *expected).await;
        }
        assert_eq!(names(&told(&gateway)), ["connect"]);
    }
}

#[tokio::test]
async fn a_name_in_disguise_is_the_name_or_nothing() {
    check_all(&[
        (
            r#"{"msg":"method","method":"log\u0069n","id":"1","params":[{"password":"x"}]}"#,
            Refused,
        ),
        (
            r#"{"msg":"m\u0065thod","method":"createT\u006fken","id":"1","params":[]}"#,
            Refused,
        ),
        (
            r#"{"\u006dsg":"method","m\u0065thod":"getNewToken","id":"1"}"#,
            Refused,
        ),
        (
            r#"{"msg":"method","method":"Login","id":"1","params":[{"resume":"x"}]}"#,
            Refused,
        ),
        (
            r#"{"msg":"method","method":"log\ud800in","id":"1","params":[]}"#,
            METHOD,
        ),
        (
            r#"{"msg":"method","method":["login"],"id":"1","params":[]}"#,
            METHOD,
        ),
        (
            r#"{"msg":"method","method":{"toString":"login"},"id":"1"}"#,
            METHOD,
        ),
        (
            r#"{"msg":"method","method":"","id":"1","params":[]}"#,
            METHOD,
        ),
        (r#"{"msg":"method","id":"1","params":[]}"#, METHOD),
        (
            r#"{"msg":["method"],"method":"login","id":"1","params":[]}"#,
            PARSE,
        ),
        (r#"{"msg":"meth\ud800od","method":"login","id":"1"}"#, PARSE),
        (r#"{"msg":null,"method":"login","id":"1"}"#, PARSE),
    ])
    .await;
}

#[tokio::test]
async fn a_key_twice_is_no_message() {
    check_all(&[
        (
            r#"{"msg":"method","method":"public-settings/get","method":"createToken","id":"1"}"#,
            PARSE,
        ),
        (
            r#"{"msg":"method","method":"createToken","m\u0065thod":"public-settings/get","id":"1"}"#,
            PARSE,
        ),
        (
            r#"{"msg":"ping","msg":"method","method":"login","id":"1"}"#,
            PARSE,
        ),
        (
            r#"{"msg":"method","method":"login","id":"1","params":[],"params":[{"password":"x"}]}"#,
            PARSE,
        ),
        (
            r#"{"msg":"method","method":"login","id":"1","params":[{"resume":"x","resume":"y"}]}"#,
            Refused,
        ),
    ])
    .await;
}

#[tokio::test]
async fn what_ejson_or_a_prototype_would_turn_into_another_message_is_none() {
    check_all(&[
        (
            r#"{"$escape":{"msg":"method","method":"login"},"msg":"ping"}"#,
            PARSE,
        ),
        (
            r#"{"msg":"method","id":"1","__proto__":{"method":"createToken"}}"#,
            PARSE,
        ),
        (
            r#"{"msg":"method","id":"1","method":"public-settings/get","__pr\u006fto__":{"method":"login"}}"#,
            PARSE,
        ),
        (
            r#"{"$type":"x","$value":{"msg":"method","method":"login"}}"#,
            PARSE,
        ),
        (
            r#"{"msg":"method","method":"login","id":"1","params":[{"$escape":{"resume":"x"}}]}"#,
            Refused,
        ),
        (
            r#"{"msg":"method","method":"login","id":"1","params":[{"__proto__":{"resume":"x"}}]}"#,
            Refused,
        ),
    ])
    .await;
}

#[tokio::test]
async fn an_id_that_is_no_string_names_no_method() {
    let ids = [
        "1",
        "null",
        "true",
        "{}",
        "[\"1\"]",
        r#"{"$ne":""}"#,
        "1e400",
    ];
    let messages = ids.map(|id| {
        let call = |method: &str| {
            format!(
                r#"{{"msg":"method","method":"{method}","id":{id},"params":[{{"resume":"x"}}]}}"#
            )
        };
        [call("createToken"), call("login")]
    });
    let all: Vec<_> = messages
        .as_flattened()
        .iter()
        .map(|text| (text.as_str(), METHOD))
        .collect();
    check_all(&all).await;
}

#[tokio::test]
async fn what_is_no_json_goes_nowhere() {
    let login = call("1", "login", &json!([{ "password": "x" }]));
    let deep = format!(
        r#"{{"msg":"method","method":"createToken","id":"1","params":{}1{}}}"#,
        "[".repeat(30_000),
        "]".repeat(30_000)
    );
    let bom = format!("\u{feff}{login}");
    let twice = format!("{login}{login}");
    let nul = format!("{login}\0");
    check_all(&[
        (&deep, PARSE),
        (&bom, PARSE),
        (&twice, PARSE),
        (&nul, PARSE),
        ("{", PARSE),
        ("[]", PARSE),
        ("null", PARSE),
        (r#"{"msg":"method","method":"login",}"#, PARSE),
        (r#"{'msg':'method','method':'login'}"#, PARSE),
    ])
    .await;
}

/// The parameters of a login; none reaches Rocket.Chat.
async fn check_logins(all: &[Value]) {
    let said: Vec<String> = all
        .iter()
        .map(|params| call("1", "login", params))
        .collect();
    let said: Vec<_> = said.iter().map(|text| (text.as_str(), Refused)).collect();
    check_all(&said).await;
}

#[tokio::test]
async fn cve_2026_28514_no_password_logs_in() {
    check_logins(&[
        json!([{ "user": { "username": "admin" }, "password": "x" }]),
        json!([{ "user": { "email": "a@example.com" }, "password": { "digest": "x", "algorithm": "sha-256" } }]),
        json!([{ "resume": "x", "user": { "username": "admin" }, "password": "x" }]),
        json!([{ "ldap": true, "username": "x", "ldapPass": "y", "ldapOptions": {} }]),
        json!([{ "totp": { "login": { "resume": "x" }, "code": "123456" } }]),
    ])
    .await;
}

#[tokio::test]
async fn cve_2026_45688_and_30833_operators_in_place_of_a_token_are_refused() {
    check_logins(&[
        json!([{ "resume": { "$ne": "" } }]),
        json!([{ "resume": { "$gt": "" } }]),
        json!([{ "resume": ["x"] }]),
        json!([{ "resume": 1 }]),
        json!([{ "resume": null }]),
        json!([{ "resume": true }]),
        json!([{ "resume": "" }]),
        json!([{ "cas": { "credentialToken": { "$ne": "" } } }]),
        json!([{ "user": { "username": { "$regex": "^a" } }, "password": "x" }]),
    ])
    .await;
}

#[tokio::test]
async fn cve_2026_55759_no_service_of_rocketchats_own_logs_in() {
    check_logins(&[
        json!([{ "oauth": { "credentialToken": "x", "credentialSecret": "y" } }]),
        json!([{ "serviceName": "google", "accessToken": "x", "expiresIn": 200 }]),
        json!([{ "saml": true, "credentialToken": "x" }]),
        json!([{ "iframe": true, "token": "x" }]),
        json!([{ "crowd": true, "username": "x", "crowdPassword": "y" }]),
    ])
    .await;
}

#[tokio::test]
async fn cve_2026_29198_an_operator_in_place_of_an_access_token_is_refused() {
    check_logins(&[
        json!([{ "access_token": { "$ne": "" } }]),
        json!([{ "accessToken": { "$gt": "" }, "serviceName": "x" }]),
    ])
    .await;
}

#[tokio::test]
async fn parameters_in_another_form_than_clients_write_log_nobody_in() {
    check_logins(&[
        json!([]),
        json!({}),
        json!({ "0": { "resume": "x" } }),
        json!("x"),
        json!([["resume", "x"]]),
        json!([{ "resume": "x" }, { "resume": "y" }]),
        json!([{ "resume": "x", "extra": 1 }]),
        json!([{ "Resume": "x" }]),
    ])
    .await;
}

#[tokio::test]
async fn a_message_inside_sockjs_that_is_no_text_goes_nowhere() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    let mut client = Client::identified(&gateway, Framing::SockJs, &token).await;
    let denied = json!(call("1", "createToken", &json!([]))).to_string();
    client
        .write(vec![format!(r#"["\ud800",{denied},"\ud83d"]"#)])
        .await;
    let all = client.all().await;
    assert_eq!(names(&all), ["error", "result 1", "updated 1", "error"]);
    assert_eq!(names(&told(&gateway)), ["connect"]);
}

#[tokio::test]
async fn an_array_is_no_message_outside_sockjs() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    let mut client = Client::identified(&gateway, Framing::Raw, &token).await;
    let frame = json!([call("1", "createToken", &json!([]))]).to_string();
    check(&mut client, &gateway, &frame, PARSE).await;
}
