//! Which bodies are logins, and what goes up and down in their place.

use http::header::{CONTENT_TYPE, HeaderValue};
use proptest::prelude::*;

use super::*;

fn headers() -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers
}

fn rest(body: &str) -> Result<Login, Denial> {
    Login::read(
        LoginForm::Rest,
        "/api/v1/login",
        &headers(),
        body.as_bytes(),
    )
}

fn tunnelled(message: &str) -> Result<Login, Denial> {
    let body = json!({ "message": message }).to_string();
    let path = "/api/v1/method.callAnon/login";
    Login::read(LoginForm::MethodCall, path, &headers(), body.as_bytes())
}

#[test]
fn a_claim_is_read_from_every_form_of_login_that_is_ours() {
    for body in [
        r#"{"resume":"claim"}"#,
        r#" { "resume" : "cl\u0061im" } "#,
        r#"{"service":"hostapp","access_token":"claim"}"#,
        r#"{"serviceName":"hostapp","accessToken":"claim"}"#,
        r#"{"accessToken":"claim","serviceName":"x","secret":"s","expiresIn":3600}"#,
    ] {
        assert_eq!(rest(body).unwrap().claim.reveal(), "claim", "{body}");
    }
    for message in [
        r#"{"msg":"method","id":"7","method":"login","params":[{"resume":"claim"}]}"#,
        r#"{"params":[{"resume":"claim"}],"method":"log\u0069n"}"#,
    ] {
        assert_eq!(
            tunnelled(message).unwrap().claim.reveal(),
            "claim",
            "{message}"
        );
    }
}

#[test]
fn every_other_login_is_denied() {
    for body in [
        "",
        "null",
        "[]",
        "{}",
        r#"{"user":"alice","password":"p"}"#,
        r#"{"resume":"claim","user":"alice"}"#,
        r#"{"resume":"claim","resume":"claim"}"#,
        r#"{"resume":"claim","code":"123456"}"#,
        r#"{"resume":"claim","accessToken":"claim"}"#,
        r#"{"resume":"claim","service":"x"}"#,
        r#"{"resume":{"$ne":""}}"#,
        r#"{"resume":["claim"]}"#,
        r#"{"resume":null}"#,
        r#"{"resume":1}"#,
        r#"{"accessToken":"claim"}"#,
        r#"{"service":"a","serviceName":"b","accessToken":"claim"}"#,
        r#"{"service":"a","accessToken":"claim","access_token":"claim"}"#,
        r#"{"service":{"$gt":""},"accessToken":"claim"}"#,
        r#"{"iframe":true,"token":"t"}"#,
        r#"{"loginToken":"t"}"#,
        r#"{"ldap":true,"username":"a","ldapPass":"p","ldapOptions":{}}"#,
        r#"{"resume":"claim"}{"#,
    ] {
        assert_eq!(rest(body).unwrap_err(), Denial::Login, "{body}");
    }
    for params in [
        "[]",
        "[{}]",
        r#"[{"resume":"claim"},{}]"#,
        r#"[{"resume":"claim","user":{"username":"alice"}}]"#,
        r#"[{"user":{"username":"alice"},"password":"p"}]"#,
        r#"[{"resume":{"$ne":""}}]"#,
        r#"{"resume":"claim"}"#,
        r#"["claim"]"#,
    ] {
        let message = format!(r#"{{"msg":"method","id":"7","method":"login","params":{params}}}"#);
        assert_eq!(tunnelled(&message).unwrap_err(), Denial::Login, "{message}");
    }
    for message in [
        r#"{"msg":"method","method":"login"}"#,
        r#"{"msg":"method","method":"logout","params":[{"resume":"claim"}]}"#,
        r#"{"method":"login","method":"login","params":[{"resume":"claim"}]}"#,
    ] {
        assert_eq!(tunnelled(message).unwrap_err(), Denial::Login, "{message}");
    }
}

#[test]
fn a_body_that_is_no_plain_json_is_no_login() {
    let mut form = headers();
    form.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/x-www-form-urlencoded"),
    );
    let login = Login::read(
        LoginForm::Rest,
        "/api/v1/login",
        &form,
        b"{\"resume\":\"claim\"}",
    );
    assert_eq!(login.unwrap_err(), Denial::Login);
}

#[test]
fn rocketchat_gets_the_same_login_with_its_own_token() {
    let read = |body: Vec<u8>| serde_json::from_slice::<Value>(&body).unwrap();
    let login = rest(r#"{"service":"hostapp","access_token":"claim"}"#).unwrap();
    assert_eq!(
        read(login.with_token("t0ken")),
        json!({ "resume": "t0ken" })
    );
    for id in ["\"7\"", "7", "null", r#"{"a":[1]}"#] {
        let message = format!(
            r#"{{"msg":"method","id":{id},"method":"login","params":[{{"resume":"claim"}}]}}"#
        );
        let body = read(tunnelled(&message).unwrap().with_token("t0ken"));
        let inner: Value = serde_json::from_str(body["message"].as_str().unwrap()).unwrap();
        assert_eq!(inner["params"], json!([{ "resume": "t0ken" }]));
        assert_eq!(inner["method"], "login");
        assert_eq!(inner["id"], serde_json::from_str::<Value>(id).unwrap());
    }
}

proptest! {
    #[test]
    fn no_body_makes_the_reader_panic(body in prop::collection::vec(any::<u8>(), 0..80), text in "\\PC{0,60}") {
        let _ = Login::read(LoginForm::Rest, "/api/v1/login", &headers(), &body);
        let _ = rest(&text);
        let _ = tunnelled(&text);
    }

    #[test]
    fn any_claim_comes_out_as_it_went_in(claim in "\\PC{1,80}") {
        let login = rest(&json!({ "resume": claim }).to_string()).unwrap();
        prop_assert_eq!(login.claim.reveal(), &claim);
    }
}
