//! Stand-ins and JWTs where Rocket.Chat's clients put their token: who is believed, and what Rocket.Chat gets to see of it.

use std::time::Duration;

use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::support::gateway::{Gateway, PUBLIC_URL, slug};

const ECHO: &str = "/api/v1/gantry-test.echo";
const AVATAR: &str = "/avatar/alice";
const PAGE: &str = "/channel/general";

/// The stand-in of whoever this token is of.
async fn stand_in(gateway: &Gateway, token: &str) -> String {
    let answer = gateway
        .post("/_gantry/session", token)
        .send()
        .await
        .unwrap();
    let established: Value = answer.json().await.unwrap();
    established["token"].as_str().unwrap().to_owned()
}

fn get(gateway: &Gateway, path: &str) -> RequestBuilder {
    gateway.client.get(gateway.url(path))
}

/// Whose request Rocket.Chat took the latest one to this path for, as headers and as cookies.
fn identity(gateway: &Gateway, path: &str) -> [Option<String>; 3] {
    let received = gateway.received(path).pop().unwrap();
    ["x-user-id", "x-auth-token", "cookie"].map(|name| received.header(name).map(str::to_owned))
}

#[tokio::test]
async fn a_stand_in_is_taken_wherever_a_client_puts_its_token() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    let stand_in = stand_in(&gateway, &token).await;
    let real = gateway.rc.live_tokens("alice").pop().unwrap();
    let id = gateway.rc.user("alice").unwrap().id;
    let cookie = |name: &str| format!("a=1; {name}={stand_in}; b=2");
    let file = format!("{AVATAR}?rc_uid={id}&rc_token={stand_in}&size=40");
    let page = format!("{PAGE}?resumeToken={stand_in}&layout=embedded");
    for (what, request) in [
        (
            "header",
            get(&gateway, ECHO).header("x-auth-token", &stand_in),
        ),
        (
            "header and id",
            get(&gateway, ECHO)
                .header("x-auth-token", &stand_in)
                .header("x-user-id", &id),
        ),
        (
            "header and another's id",
            get(&gateway, ECHO)
                .header("x-auth-token", &stand_in)
                .header("x-user-id", "bob"),
        ),
        (
            "session cookie",
            get(&gateway, ECHO).header("cookie", cookie("gantry_session")),
        ),
        (
            "token cookie",
            get(&gateway, ECHO).header("cookie", cookie("rc_token")),
        ),
        (
            "token cookie of a file",
            get(&gateway, AVATAR).header("cookie", cookie("rc_token")),
        ),
        ("file query", get(&gateway, &file)),
        ("page query", get(&gateway, &page)),
    ] {
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200, "{what}");
        let path = answer.url().path().to_owned();
        let [user, auth_token, cookie] = identity(&gateway, &path);
        assert_eq!(user.as_deref(), Some(&*id), "{what}");
        assert_eq!(auth_token.as_deref(), Some(&*real), "{what}");
        let received = gateway.received(&path).pop().unwrap();
        let shown = format!("{received:?}");
        assert!(!shown.contains(&stand_in), "{what}: {shown}");
        let cookie = cookie.unwrap_or_default();
        assert_eq!(
            cookie.contains(&format!("rc_token={real}")),
            path == AVATAR,
            "{what}: {cookie}"
        );
    }
    assert_eq!(gateway.rc.user("alice").unwrap().tokens_minted, 1);
}

#[tokio::test]
async fn a_jwt_is_taken_in_place_of_the_auth_token_whatever_the_user_id_says() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    for user_id in [None, Some(""), Some("made-up"), Some("rocket.cat")] {
        let mut request = get(&gateway, ECHO).header("x-auth-token", &token);
        if let Some(user_id) = user_id {
            request = request.header("x-user-id", user_id);
        }
        let both = request.try_clone().unwrap().bearer_auth(&token);
        for request in [request, both] {
            assert_eq!(request.send().await.unwrap().status(), 200, "{user_id:?}");
            let received = gateway.received(ECHO).pop().unwrap();
            assert!(!format!("{received:?}").contains(&token));
        }
    }
    assert_eq!(
        identity(&gateway, ECHO)[0],
        Some(gateway.rc.user("alice").unwrap().id)
    );
}

#[tokio::test]
async fn rc_5_5_what_names_no_session_is_refused_and_never_tried_at_rocketchat() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    gateway.get(ECHO, &token).send().await.unwrap();
    // Even a token that Rocket.Chat would take.
    let real = gateway.rc.live_tokens("alice").pop().unwrap();
    let before = gateway.rc.requests().len();
    for text in [
        real.as_str(),
        "x",
        "0000000000000000000000000000000000000000000",
    ] {
        for request in [
            get(&gateway, ECHO).header("x-auth-token", text),
            get(&gateway, ECHO).header("cookie", format!("gantry_session={text}")),
            get(&gateway, AVATAR).header("cookie", format!("rc_uid=a; rc_token={text}")),
            get(&gateway, &format!("{AVATAR}?rc_token={text}")),
            get(&gateway, &format!("{PAGE}?resumeToken={text}")),
            // The client says that it is somebody else than the cookie that came along.
            get(&gateway, ECHO)
                .header("x-auth-token", text)
                .header("cookie", format!("host_jwt={token}")),
        ] {
            let answer = request.send().await.unwrap();
            assert_eq!(answer.status(), 401, "{text}");
            assert_eq!(slug(answer).await, "invalid-token", "{text}");
        }
    }
    assert_eq!(gateway.rc.requests().len(), before);
}

#[tokio::test]
async fn a_stand_in_and_a_jwt_in_one_request_must_mean_one_session() {
    let gateway = Gateway::start().await;
    let alice = gateway.issuer.token("alice");
    let renewed = gateway
        .issuer
        .token_with("alice", json!({ "jti": "newer" }));
    let other_login = gateway
        .issuer
        .token_with("alice", json!({ "sid": "other" }));
    let bob = gateway.issuer.token("bob");
    let stand_in = stand_in(&gateway, &alice).await;
    for (token, status) in [
        (&alice, 200),
        (&renewed, 200),
        (&other_login, 401),
        (&bob, 401),
    ] {
        let shown = get(&gateway, ECHO).header("x-auth-token", &stand_in);
        let by_cookie = shown
            .try_clone()
            .unwrap()
            .header("cookie", format!("host_jwt={token}"));
        for request in [shown.bearer_auth(token), by_cookie] {
            let answer = request.send().await.unwrap();
            assert_eq!(answer.status(), status);
        }
    }
    assert!(gateway.rc.user("bob").is_none());
    assert_eq!(gateway.rc.user("alice").unwrap().tokens_minted, 1);
}

#[tokio::test]
async fn rc_15788_the_next_person_on_a_browser_is_not_the_previous_one() {
    let gateway = Gateway::start().await;
    let alice = gateway.issuer.token("alice");
    let left_over = stand_in(&gateway, &alice).await;
    let bob = gateway.issuer.token("bob");
    let cookies =
        format!("rc_uid=x; rc_token={left_over}; gantry_session={left_over}; host_jwt={bob}");
    for path in [ECHO, AVATAR, PAGE] {
        let answer = get(&gateway, path)
            .header("cookie", &cookies)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        let bob_id = gateway.rc.user("bob").unwrap().id;
        assert_eq!(identity(&gateway, path)[0], Some(bob_id), "{path}");
    }
}

#[tokio::test]
async fn a_session_can_be_let_go_and_logged_out_by_its_stand_in() {
    for (path, again) in [
        ("/_gantry/release", 200),
        ("/_gantry/logout", 401),
        ("/api/v1/logout", 200),
    ] {
        let gateway = Gateway::start().await;
        let token = gateway.issuer.token("alice");
        let bare = gateway
            .issuer
            .token_with("alice", json!({ "iat": null, "jti": "bare" }));
        let stand_in = stand_in(&gateway, &token).await;
        gateway.get(ECHO, &bare).send().await.unwrap();
        let request = gateway
            .client
            .post(gateway.url(path))
            .header("x-auth-token", &stand_in);
        assert!(
            request.send().await.unwrap().status().is_success(),
            "{path}"
        );
        gateway.until_live_tokens("alice", 0).await;
        let answer = get(&gateway, ECHO)
            .header("x-auth-token", &stand_in)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 401, "{path}");
        for token in [token, bare] {
            let answer = gateway.get(ECHO, &token).send().await.unwrap();
            assert_eq!(answer.status(), again, "{path}");
        }
    }
}

#[tokio::test]
async fn a_logout_by_stand_in_buries_every_jwt_without_iat_however_many_there_were() {
    let gateway = Gateway::start().await;
    let bare: Vec<_> = (0..40)
        .map(|number| json!({ "iat": null, "jti": format!("bare {number}") }))
        .map(|claims| gateway.issuer.token_with("alice", claims))
        .collect();
    for token in &bare {
        let answer = gateway.get(ECHO, token).send().await.unwrap();
        assert_eq!(answer.status(), 200);
    }
    let stand_in = stand_in(&gateway, &bare[0]).await;
    let logout = gateway.client.post(gateway.url("/_gantry/logout"));
    let answer = logout.header("x-auth-token", &stand_in).send().await;
    assert_eq!(answer.unwrap().status(), 204);
    for token in &bare {
        let answer = gateway.get(ECHO, token).send().await.unwrap();
        assert_eq!(slug(answer).await, "invalid-token");
    }
}

#[tokio::test]
async fn a_stand_in_lives_as_long_as_its_session_and_keeps_it_in_use() {
    let gateway = Gateway::configured(|config| {
        config.sessions.idle_timeout = Duration::from_secs(100);
    })
    .await;
    let token = gateway.issuer.token("alice");
    let stand_in = stand_in(&gateway, &token).await;
    let ask = async || {
        get(&gateway, ECHO)
            .header("x-auth-token", &stand_in)
            .send()
            .await
            .unwrap()
    };
    for _ in 0..4 {
        gateway.hand.advance(Duration::from_secs(90));
        assert_eq!(ask().await.status(), 200);
    }
    gateway.hand.advance(Duration::from_secs(101));
    assert_eq!(slug(ask().await).await, "invalid-token");
    gateway.until_live_tokens("alice", 0).await;
}

#[tokio::test]
async fn a_refused_auth_token_is_replaced_behind_the_same_stand_in() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    let stand_in = stand_in(&gateway, &token).await;
    gateway.rc.kill_tokens("alice");
    let answer = get(&gateway, "/api/v1/me")
        .header("x-auth-token", &stand_in)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(gateway.rc.user("alice").unwrap().tokens_minted, 2);
}

#[tokio::test]
async fn a_cookie_with_a_stand_in_needs_the_same_proof_as_one_with_a_jwt() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    let stand_in = stand_in(&gateway, &token).await;
    for name in ["gantry_session", "rc_token"] {
        for (origin, status) in [
            (None, 401),
            (Some("https://evil.example"), 401),
            (Some(PUBLIC_URL), 200),
        ] {
            let post = gateway
                .client
                .post(gateway.url(ECHO))
                .header("cookie", format!("{name}={stand_in}"));
            let post = match origin {
                Some(origin) => post.header("origin", origin),
                None => post,
            };
            assert_eq!(
                post.send().await.unwrap().status(),
                status,
                "{name} {origin:?}"
            );
        }
    }
}
