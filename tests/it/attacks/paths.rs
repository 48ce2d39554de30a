//! What is judged is what goes on: odd paths, hosts and targets are refused or mean one thing, and nothing but the path counts.

use crate::support::gateway::Gateway;
use crate::support::raw::Answer;

/// The answer to a GET of this target, sent as it stands.
async fn get(gateway: &Gateway, target: &str, lines: &str) -> Answer {
    let mut raw = gateway.raw().await;
    raw.send(format!("GET {target} HTTP/1.1\r\nHost: x\r\n{lines}\r\n"))
        .await;
    raw.answer().await.unwrap()
}

fn bearer(gateway: &Gateway) -> String {
    format!(
        "Authorization: Bearer {}\r\n",
        gateway.issuer.token("alice")
    )
}

#[tokio::test]
async fn cve_2026_33494_a_path_with_two_meanings_is_refused() {
    let gateway = Gateway::start().await;
    let bearer = bearer(&gateway);
    let before = gateway.rc.requests().len();
    for target in [
        "/assets/../api/v1/me",
        "/assets/%2e%2e/api/v1/me",
        "/assets/.%2E/api/v1/me",
        "/assets/..;/api/v1/me",
        "/assets/..;a=b/api/v1/me",
        "/./api/v1/me",
        "//api/v1/me",
        "/api//v1/me",
        "/assets/..%2fapi/v1/me",
        "/assets%2f..%2fapi/v1/me",
        "/assets/..%5capi/v1/me",
        "/assets\\..\\api",
        "/assets/%252e%252e/api/v1/me",
        "/assets/..%252fapi/v1/me",
        "/api/v1/me%00.js",
        "/api/v1/me%0d%0aX-User-Id:%20x",
        "/api/v1/%c0%ae%c0%ae/me",
        "/api/v1/%",
        "/api/v1/%zz",
        "/api/v1/%u0041",
        "*",
    ] {
        let answer = get(&gateway, target, &bearer).await;
        assert_eq!(answer.status, 400, "{target}");
    }
    assert_eq!(gateway.rc.requests().len(), before);
}

#[tokio::test]
async fn a_decorated_path_leads_around_no_denial() {
    let gateway = Gateway::start().await;
    let bearer = bearer(&gateway);
    let before = gateway.rc.requests().len();
    for target in [
        "/api/v1/users.createToken",
        "/API/V1/USERS.CREATETOKEN",
        "/api/users.createToken",
        "/api/v1/users.createToken/",
        "/api/v1/users.createToken;x=y",
        "/api/v1/users.createToken.",
        "/api/v1/users.createToken%20",
        "/api/v1/users%2ecreateToken",
        "/api/v1/%75sers.createToken",
        "/api/v1/users.createToken?/api/info",
        "http://other.example.com/api/v1/users.createToken",
    ] {
        let answer = get(&gateway, target, &bearer).await;
        assert_eq!(answer.status, 403, "{target}");
        assert_eq!(answer.slug(), "not-permitted", "{target}");
    }
    assert_eq!(gateway.rc.requests().len(), before);
}

#[tokio::test]
async fn cve_2025_54576_a_query_opens_no_path() {
    let gateway = Gateway::start().await;
    let before = gateway.rc.requests().len();
    for target in [
        "/api/v1/rooms.get?/api/info",
        "/api/v1/rooms.get?path=/assets/logo.png",
        "/api/v1/rooms.get?/assets/x.js",
        "/channel/general?x.js",
    ] {
        let answer = get(&gateway, target, "").await;
        assert_eq!(answer.status, 401, "{target}");
        assert_eq!(answer.slug(), "missing-token");
    }
    assert_eq!(gateway.rc.requests().len(), before);
}

#[tokio::test]
async fn ghsa_pxq7_a_target_with_a_fragment_is_refused() {
    let gateway = Gateway::start().await;
    let bearer = bearer(&gateway);
    let before = gateway.rc.requests().len();
    for target in [
        "/api/v1/rooms.get#/api/info",
        "/api/info#",
        "/api/v1/me?x#y",
        "/#/../api/v1/me",
        "http://x/api/v1/me#x",
    ] {
        let answer = get(&gateway, target, &bearer).await;
        assert_eq!(answer.slug(), "bad-request", "{target}");
    }
    assert_eq!(gateway.rc.requests().len(), before);
}

#[tokio::test]
async fn a_fragment_that_comes_ahead_of_its_turn_steers_nothing_and_goes_nowhere() {
    let (gateway, tap) = Gateway::tapped().await;
    let bearer = bearer(&gateway);
    let mut raw = gateway.raw().await;
    let request = |target: &str| format!("GET {target} HTTP/1.1\r\nHost: x\r\n{bearer}\r\n");
    raw.send(
        request("/_gantry/session")
            + &request("/api/v1/me#/api/info")
            + &request("/api/v1/login#/api/info"),
    )
    .await;
    for status in [200, 200, 403] {
        assert_eq!(raw.answer().await.unwrap().status, status);
    }
    assert!(
        tap.sent_with("GET /api/v1/me HTTP/1.1\r\n")
            .contains("x-user-id")
    );
    assert!(!tap.sent().concat().contains('#'));
}

#[tokio::test]
async fn cve_2026_40575_no_field_names_another_path_than_the_one_that_is_asked_for() {
    let gateway = Gateway::start().await;
    let bearer = bearer(&gateway);
    for field in [
        "X-Forwarded-Uri",
        "X-Original-URL",
        "X-Original-URI",
        "X-Rewrite-URL",
        "X-Forwarded-Prefix",
        "X_Original_Url",
    ] {
        let opening = format!("{field}: /api/info\r\n");
        let answer = get(&gateway, "/api/v1/rooms.get", &opening).await;
        assert_eq!(answer.slug(), "missing-token", "{field}");
        let closing = format!("{bearer}{field}: /api/v1/users.createToken\r\n");
        let answer = get(&gateway, "/api/v1/me", &closing).await;
        assert_eq!(answer.status, 200, "{field}");
    }
    for field in [
        "X-HTTP-Method-Override",
        "X-Method-Override",
        "X-HTTP-Method",
    ] {
        let overriding = format!("{bearer}{field}: POST\r\n");
        let answer = get(&gateway, "/api/v1/gantry-test.echo", &overriding).await;
        assert_eq!(answer.status, 200, "{field}");
    }
    for request in gateway.received("/api/v1/gantry-test.echo") {
        let odd = |name: &str| name.contains("method") || name.contains("url");
        assert!(
            !request.headers.iter().any(|(name, _)| odd(name)),
            "{request:?}"
        );
    }
}

#[tokio::test]
async fn cve_2026_34457_no_user_agent_and_no_field_selects_a_health_route() {
    let gateway = Gateway::start().await;
    let before = gateway.rc.requests().len();
    for agent in [
        "kube-probe/1.30",
        "GoogleHC/1.0",
        "ELB-HealthChecker/2.0",
        "Prometheus/2",
    ] {
        for path in ["/api/v1/rooms.get", "/channel/general", "/_gantry/session"] {
            let lines = format!("User-Agent: {agent}\r\nX-Health-Check: 1\r\n");
            let answer = get(&gateway, path, &lines).await;
            assert_eq!(answer.slug(), "missing-token", "{agent} {path}");
        }
    }
    assert_eq!(gateway.rc.requests().len(), before);
}

#[tokio::test]
async fn cve_2022_24797_the_public_listener_has_no_admin_paths() {
    let gateway = Gateway::start().await;
    for path in [
        "/livez",
        "/readyz",
        "/metrics",
        "/status.json",
        "/openapi.json",
        "/sessions",
        "/principals",
        "/debug/pprof",
    ] {
        let answer = get(&gateway, path, "").await;
        assert_eq!(answer.slug(), "missing-token", "{path}");
    }
    for path in [
        "/_gantry/metrics",
        "/_gantry/readyz",
        "/_gantry/",
        "/_gantry/sessions",
    ] {
        let answer = get(&gateway, path, &bearer(&gateway)).await;
        assert_eq!(answer.slug(), "not-found", "{path}");
    }
}

#[tokio::test]
async fn the_admin_listener_leads_to_nothing_but_its_own_pages() {
    let gateway = Gateway::start().await;
    let before = gateway.rc.requests().len();
    for path in ["/api/v1/me", "/_gantry/session", "/home", "/readyz/x"] {
        assert_eq!(gateway.admin(path).await.0, 404, "{path}");
    }
    let url = format!("http://{}/metrics", gateway.running.admin_address());
    assert_eq!(gateway.client.post(url).send().await.unwrap().status(), 405);
    assert_eq!(gateway.rc.requests().len(), before);
}

#[tokio::test]
async fn a_request_without_a_host_or_with_two_is_refused() {
    let gateway = Gateway::start().await;
    let bearer = bearer(&gateway);
    for hosts in ["", "Host: a\r\nHost: b\r\n", "Host: a\r\nHost: a\r\n"] {
        let mut raw = gateway.raw().await;
        raw.send(format!("GET /api/v1/me HTTP/1.1\r\n{hosts}{bearer}\r\n"))
            .await;
        let answer = raw.answer().await.unwrap();
        assert_eq!(answer.slug(), "bad-request", "{hosts:?}");
    }
    let mut raw = gateway.raw().await;
    raw.send(format!("GET /api/v1/me HTTP/1.0\r\n{bearer}\r\n"))
        .await;
    assert_eq!(raw.answer().await.unwrap().status, 200);
}

#[tokio::test]
async fn other_verbs_than_rocketchats_go_nowhere() {
    let gateway = Gateway::start().await;
    let bearer = bearer(&gateway);
    let before = gateway.rc.requests().len();
    for verb in ["TRACE", "PROPFIND", "LOCK", "GETS", "get"] {
        let mut raw = gateway.raw().await;
        raw.send(format!(
            "{verb} /api/v1/me HTTP/1.1\r\nHost: x\r\n{bearer}\r\n"
        ))
        .await;
        assert_eq!(raw.answer().await.unwrap().status, 405, "{verb}");
    }
    let mut raw = gateway.raw().await;
    raw.send(format!(
        "CONNECT /api/v1/me HTTP/1.1\r\nHost: x\r\n{bearer}\r\n"
    ))
    .await;
    let answer = raw.answer().await;
    assert!(answer.is_none_or(|answer| answer.status == 400));
    assert_eq!(gateway.rc.requests().len(), before);
}
