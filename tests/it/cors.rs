//! Pages of other origins: preflights are answered here, allowed origins may read with credentials, all others may not.

use reqwest::{Method, Response};

use crate::support::gateway::{Gateway, HOST_PAGE, PUBLIC_URL, slug};

const ECHO: &str = "/api/v1/gantry-test.echo";
const FOREIGN: [&str; 5] = [
    "https://evil.example",
    "null",
    "http://app.example.com",
    "https://app.example.com.evil.example",
    "HTTPS://APP.EXAMPLE.COM",
];

async fn preflight(gateway: &Gateway, path: &str, origin: &str) -> Response {
    gateway
        .client
        .request(Method::OPTIONS, gateway.url(path))
        .header("origin", origin)
        .header("access-control-request-method", "POST")
        .header(
            "access-control-request-headers",
            "content-type,x-auth-token,x-user-id",
        )
        .send()
        .await
        .unwrap()
}

/// What the answer says of readers, in the order of the names.
fn said(answer: &Response) -> Vec<(String, String)> {
    let fields = answer.headers().iter();
    let mut said: Vec<_> = fields
        .filter(|(name, _)| name.as_str().starts_with("access-control-"))
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    said.sort();
    said
}

fn varies_by_origin(answer: &Response) -> bool {
    let values = answer.headers().get_all("vary").iter();
    values.into_iter().any(|value| value == "Origin")
}

#[track_caller]
fn readable_by_the_host_page(answer: &Response) {
    assert_eq!(answer.headers()["access-control-allow-origin"], HOST_PAGE);
    assert_eq!(answer.headers()["access-control-allow-credentials"], "true");
    assert!(varies_by_origin(answer), "{answer:?}");
}

#[tokio::test]
async fn an_allowed_origins_preflight_is_answered_here_without_credentials() {
    let gateway = Gateway::start().await;
    for path in [
        ECHO,
        "/api/info",
        "/_gantry/session",
        "/file-upload/1/a.png",
    ] {
        let before = gateway.rc.requests().len();
        let answer = preflight(&gateway, path, HOST_PAGE).await;
        assert_eq!(answer.status(), 204, "{path}");
        readable_by_the_host_page(&answer);
        let headers = answer.headers();
        for (name, wanted) in [
            ("access-control-allow-methods", "POST"),
            ("access-control-allow-headers", "X-Auth-Token, X-User-Id"),
            ("access-control-allow-headers", "Content-Type"),
            ("access-control-allow-headers", "Authorization"),
            ("access-control-allow-headers", "X-2fa-Code, X-2fa-Method"),
        ] {
            let value = headers[name].to_str().unwrap();
            assert!(value.contains(wanted), "{path}: {name}: {value}");
        }
        assert!(headers.contains_key("access-control-max-age"));
        assert_eq!(gateway.rc.requests().len(), before, "{path} stays here");
    }
}

#[tokio::test]
async fn a_foreign_preflight_is_refused_and_never_sent_on() {
    let gateway = Gateway::start().await;
    for path in [ECHO, "/_gantry/session"] {
        for origin in FOREIGN {
            let before = gateway.rc.requests().len();
            let answer = preflight(&gateway, path, origin).await;
            assert_eq!(answer.status(), 403, "{origin}");
            assert_eq!(said(&answer), [], "{origin}");
            assert_eq!(slug(answer).await, "not-permitted");
            assert_eq!(gateway.rc.requests().len(), before);
        }
    }
}

#[tokio::test]
async fn cve_2026_26308_two_origins_are_refused() {
    let gateway = Gateway::start().await;
    let twice = gateway
        .client
        .request(Method::OPTIONS, gateway.url(ECHO))
        .header("origin", HOST_PAGE)
        .header("origin", "https://evil.example")
        .header("access-control-request-method", "POST");
    let answer = twice.send().await.unwrap();
    assert_eq!(answer.status(), 400);
    assert_eq!(said(&answer), []);
    let token = gateway.issuer.token("alice");
    let asked = gateway
        .get(ECHO, &token)
        .header("origin", HOST_PAGE)
        .header("origin", "https://evil.example");
    let answer = asked.send().await.unwrap();
    assert_eq!(answer.status(), 401);
    assert_eq!(said(&answer), []);
    assert!(gateway.received(ECHO).is_empty());
}

#[tokio::test]
async fn options_that_ask_for_no_leave_are_requests_like_others() {
    let gateway = Gateway::start().await;
    let plain = gateway
        .client
        .request(Method::OPTIONS, gateway.url(ECHO))
        .header("origin", HOST_PAGE);
    let answer = plain.send().await.unwrap();
    assert_eq!(answer.status(), 401);
    assert_eq!(slug(answer).await, "missing-token");
}

#[tokio::test]
async fn an_allowed_origin_reads_answers_with_credentials() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    for path in [ECHO, "/api/info", "/_gantry/session", "/avatar/alice"] {
        let asked = gateway.get(path, &token).header("origin", HOST_PAGE);
        let answer = asked.send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        readable_by_the_host_page(&answer);
        let exposed = answer.headers()["access-control-expose-headers"].to_str();
        assert!(exposed.unwrap().contains("X-RateLimit-Remaining"));
        assert_eq!(said(&answer).len(), 3, "one of each: {answer:?}");
    }
}

#[tokio::test]
async fn rocketchats_word_on_readers_does_not_count_for_what_is_somebodys() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    for origin in FOREIGN.iter().chain([&PUBLIC_URL]) {
        let asked = gateway.get(ECHO, &token).header("origin", *origin);
        let answer = asked.send().await.unwrap();
        assert_eq!(
            answer.status(),
            200,
            "a bearer counts wherever it comes from"
        );
        assert_eq!(said(&answer), [], "{origin}");
        assert!(varies_by_origin(&answer));
    }
    let answer = gateway.get(ECHO, &token).send().await.unwrap();
    assert_eq!(said(&answer), []);
    assert!(varies_by_origin(&answer), "a cache must not mix them up");
}

#[tokio::test]
async fn refusals_can_be_read_too() {
    let gateway = Gateway::start().await;
    for (path, status) in [
        (ECHO, 401),
        ("/_gantry/session", 401),
        ("/_gantry/nothing", 404),
        ("/api/v1/users.register", 403),
        ("/api/v1/a%2fb", 400),
    ] {
        let asked = gateway.client.get(gateway.url(path));
        let answer = asked.header("origin", HOST_PAGE).send().await.unwrap();
        assert_eq!(answer.status(), status, "{path}");
        readable_by_the_host_page(&answer);
    }
}

#[tokio::test]
async fn static_files_keep_rocketchats_word() {
    let gateway = Gateway::start().await;
    for origin in [HOST_PAGE, "https://evil.example"] {
        let asked = gateway.client.get(gateway.url("/assets/favicon.svg"));
        let answer = asked.header("origin", origin).send().await.unwrap();
        assert_eq!(
            said(&answer),
            [("access-control-allow-origin".to_owned(), "*".to_owned())]
        );
    }
}

#[tokio::test]
async fn without_allowed_origins_nothing_varies() {
    let gateway = Gateway::configured(|config| config.proxy.allowed_origins = Vec::new()).await;
    let token = gateway.issuer.token("alice");
    let asked = gateway.get(ECHO, &token).header("origin", HOST_PAGE);
    let answer = asked.send().await.unwrap();
    assert_eq!(said(&answer), []);
    assert!(!varies_by_origin(&answer));
    assert_eq!(preflight(&gateway, ECHO, HOST_PAGE).await.status(), 403);
}
