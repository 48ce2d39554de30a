//! Who is no gateway gets nothing: neither directly, nor through a gateway that leads everything to Gantry.

use gantry::config::filter::Filter;
use gantry::secret::Secret;
use gantry::telemetry::metrics::Dialect;
use tonic::Code;

use crate::filter::asking::{Gateways, SECRET, Sent, enable, gateway, grpc, with_secret};
use crate::support::gateway::Gateway;
use crate::support::raw::Answer;

const HTTP: [Dialect; 3] = [Dialect::Nginx, Dialect::Traefik, Dialect::Envoy];

async fn answer(gateway: &Gateway, request: &str) -> Answer {
    let mut raw = gateway.raw().await;
    raw.send(request).await;
    raw.answer().await.unwrap()
}

/// There is nothing here, and no auth token in it.
fn check_nothing(gateway: &Gateway, answer: &Answer, what: &str) {
    assert_eq!(answer.status, 404, "{what} {answer:?}");
    assert_eq!(answer.slug(), "not-found", "{what}");
    for name in ["x-auth-token", "x-user-id", "cookie", "x-gantry-retry"] {
        assert_eq!(answer.header(name), None, "{what}");
    }
    let text = format!("{answer:?}");
    for token in gateway.rc.live_tokens("alice") {
        assert!(!text.contains(&token), "{what}");
    }
}

#[tokio::test]
async fn a_peer_that_is_not_trusted_gets_nothing_whatever_it_shows() {
    let gateway = Gateway::configured(|config| {
        enable(config);
        config.listen.trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()];
    })
    .await;
    let token = gateway.issuer.token("alice");
    gateway
        .get("/api/v1/rooms.get", &token)
        .send()
        .await
        .unwrap();
    let sent = Sent::get("/api/v1/rooms.get").bearer(&token);

    for dialect in HTTP {
        let answer = answer(&gateway, &sent.question(dialect)).await;
        check_nothing(&gateway, &answer, dialect.name());
        // Nor by saying that it comes from there.
        let forwarded = sent.clone().with("X-Forwarded-For", "10.0.0.1");
        let answer = self::answer(&gateway, &forwarded.question(dialect)).await;
        check_nothing(&gateway, &answer, dialect.name());
    }
    let refused = grpc(&gateway)
        .await
        .check(with_secret(sent.message()))
        .await;
    assert_eq!(refused.unwrap_err().code(), Code::PermissionDenied);
}

#[tokio::test]
async fn what_a_client_sends_through_a_gateway_without_the_secret_gets_nothing() {
    let gateway = gateway().await;
    let token = gateway.issuer.token("alice");
    gateway
        .get("/api/v1/rooms.get", &token)
        .send()
        .await
        .unwrap();
    let sent = Sent::get("/api/v1/rooms.get").bearer(&token);
    let wrong = "x".repeat(SECRET.len());
    let field = format!("X-Gantry-Secret: {SECRET}\r\n");

    for dialect in HTTP {
        let question = sent.question(dialect);
        let as_field = |shown: &str| question.replace(&field, shown);
        let in_query = |shown: &str| question.replace(&format!("?secret={SECRET}"), shown);
        let mut tries = vec![
            as_field("").replace(&format!("?secret={SECRET}"), ""),
            as_field(&format!("X-Gantry-Secret: {wrong}\r\n")).replace(SECRET, &wrong),
            as_field("X-Gantry-Secret: \r\n").replace(SECRET, ""),
            as_field(&format!("X-Gantry-Secret: {SECRET}x\r\n"))
                .replace(&format!("secret={SECRET}"), &format!("secret={SECRET}x")),
            in_query("?secret"),
            in_query(&format!("?secrets={SECRET}")),
            in_query(&format!("?secret={wrong}&secret={SECRET}")),
        ];
        // Twice: one of them is the client's.
        tries.push(as_field(&format!("{field}{field}")).replacen(
            "Host: gantry\r\n",
            &format!("Host: gantry\r\n{field}{field}"),
            usize::from(dialect == Dialect::Traefik),
        ));
        for request in tries.iter().filter(|request| **request != question) {
            let answer = answer(&gateway, request).await;
            check_nothing(&gateway, &answer, request);
        }
    }
    let mut client = grpc(&gateway).await;
    for shown in [None, Some(wrong.as_str()), Some("")] {
        let mut request = tonic::Request::new(sent.message());
        if let Some(shown) = shown {
            let shown = shown.parse().unwrap();
            request.metadata_mut().insert("x-gantry-secret", shown);
        }
        let refused = client.check(request).await.unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied, "{shown:?}");
    }
    let mut twice = with_secret(sent.message());
    let again = SECRET.parse().unwrap();
    twice.metadata_mut().append("x-gantry-secret", again);
    let refused = client.check(twice).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
}

#[tokio::test]
async fn another_spelling_of_the_endpoint_is_nobodys_question() {
    let gateway = gateway().await;
    let token = gateway.issuer.token("alice");
    for path in [
        "/_gantry/filter/%6eginx",
        "/_gantry/filter/nginx/",
        "/_gantry/filter/nginx;x",
        "/_gantry/filter/NGINX",
        "/_gantry/filter/",
        "/_gantry/filter/envoy",
        "/_gantry/filter/envoyage/api/v1/rooms.get",
        "/_gantry/filter/caddy",
    ] {
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: x\r\nX-Gantry-Secret: {SECRET}\r\nX-Original-Method: GET\r\n\
             X-Original-URI: /api/v1/rooms.get\r\nAuthorization: Bearer {token}\r\n\r\n"
        );
        let answer = answer(&gateway, &request).await;
        check_nothing(&gateway, &answer, path);
    }
}

#[tokio::test]
async fn a_question_about_a_question_is_refused() {
    let gateway = gateway().await;
    let token = gateway.issuer.token("alice");
    let mut gateways = Gateways::of(&gateway).await;
    for target in [
        "/_gantry/filter/nginx",
        "/_gantry/filter/traefik?secret=guess",
        "/_gantry/filter/envoy/api/v1/rooms.get",
        "/_GANTRY/filter/nginx",
        "/_gantry;x/filter/nginx",
        "/%5fgantry/filter/nginx",
    ] {
        for dialect in Dialect::ALL {
            let told = gateways
                .ask(dialect, &Sent::get(target).bearer(&token))
                .await;
            assert_eq!(told.status, 403, "{dialect:?} {target}");
            assert_eq!(told.goes_on("x-auth-token"), "", "{dialect:?} {target}");
        }
    }
    assert_eq!(gateway.rc.user("alice").map(|user| user.id), None);
}

#[tokio::test]
async fn an_answer_to_a_gateway_is_for_no_page_and_no_cache() {
    let gateway = gateway().await;
    let token = gateway.issuer.token("alice");
    let sent = Sent::get("/api/v1/rooms.get")
        .bearer(&token)
        .with("Origin", "https://app.example.com");
    for dialect in HTTP {
        for sent in [sent.clone(), Sent::get("/api/v1/users.createToken")] {
            let answer = answer(&gateway, &sent.question(dialect)).await;
            assert_eq!(answer.header("access-control-allow-origin"), None);
            assert_eq!(answer.header("cache-control"), Some("no-store"));
        }
    }
}

#[tokio::test]
async fn the_secret_goes_nowhere() {
    let gateway = gateway().await;
    let token = gateway.issuer.token("alice");
    let mut gateways = Gateways::of(&gateway).await;
    for dialect in Dialect::ALL {
        let sent = Sent::get("/api/v1/rooms.get").bearer(&token);
        let told = gateways.ask(dialect, &sent).await;
        assert!(!format!("{told:?}").contains(SECRET), "{dialect:?}");
        gateway
            .log
            .until_line(&[
                &format!("\"dialect\":\"{}\"", dialect.name()),
                "/api/v1/rooms.get",
            ])
            .await;
    }
    // A client that shows it in proxy mode tells it to nobody else.
    let request = gateway.get("/api/v1/gantry-test.echo", &token);
    request
        .header("x_gantry_secret", SECRET)
        .send()
        .await
        .unwrap();
    let received = gateway.received("/api/v1/gantry-test.echo");
    assert!(!format!("{received:?}").contains(SECRET));
    assert!(!gateway.log.text().contains(SECRET));
    let shown = Filter {
        secret: Secret::new(SECRET.to_owned()),
        grpc_address: None,
    };
    assert!(!format!("{shown:?}").contains(SECRET));
}
