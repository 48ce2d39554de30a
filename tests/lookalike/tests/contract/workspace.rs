//! RC §3.5, §10, §1.3: public settings, version, health, CORS, and what public routes make of headers.

use lookalike::{Manner, Options};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, MANNERS, RequestExt as _, Workspace};

async fn expiration(workspace: &Workspace, query: &str) -> Value {
    let path = format!("/api/v1/settings.public?{query}");
    workspace.get(&path).answer().await.with(200)
}

#[tokio::test]
async fn rc_3_5_the_expiration_is_read_by_id_from_7_and_by_query_on_6() {
    for manner in MANNERS {
        let workspace = Workspace::of(manner).await;
        let right = match manner {
            Manner::V6 => "query=%7B%22_id%22%3A%22Accounts_LoginExpiration%22%7D",
            Manner::V7 | Manner::V80 | Manner::V87 => "_id=Accounts_LoginExpiration",
        };
        let answer = expiration(&workspace, right).await;
        assert_eq!(answer["settings"][0]["_id"], "Accounts_LoginExpiration");
        assert_eq!(answer["settings"][0]["value"], json!(90));
        assert_eq!((&answer["count"], &answer["total"]), (&json!(1), &json!(1)));
        let wrong = if manner == Manner::V6 {
            "_id=Accounts_LoginExpiration"
        } else {
            "query={}"
        };
        assert_eq!(
            expiration(&workspace, wrong).await["count"],
            50,
            "{manner:?}"
        );
    }
}

#[tokio::test]
async fn rc_10_info_is_short_without_the_permission_and_headers_count_on_8x_only() {
    for manner in MANNERS {
        let workspace = Workspace::of(manner).await;
        let version = |answer: Value| answer["version"].as_str().unwrap().matches('.').count();
        let anonymous = workspace.get("/api/info").answer().await.with(200);
        assert_eq!(version(anonymous), 1);
        let service = workspace
            .get("/api/info")
            .by(&workspace.service())
            .answer()
            .await
            .with(200);
        let long = manner >= Manner::V80;
        assert_eq!(service.get("info").is_some(), long, "{manner:?}");
        assert_eq!(version(service), if long { 2 } else { 1 });
    }
}

#[tokio::test]
async fn rc_0_1_a_version_can_be_set_apart_from_its_manner() {
    let options = Options {
        version: Some("8.6.3".to_owned()),
        ..Options::new(Manner::V80)
    };
    let workspace = Workspace::start(options).await;
    assert_eq!(
        workspace.get("/api/info").answer().await.with(200)["version"],
        "8.6"
    );
}

#[tokio::test]
async fn rc_10_health_is_text_on_6_and_json_later() {
    for manner in MANNERS {
        let workspace = Workspace::of(manner).await;
        let health = workspace.get("/health").answer().await;
        let ready = workspace.get("/readyz").answer().await;
        if manner == Manner::V6 {
            assert_eq!(health.text, "ok");
            assert_ne!(ready.header("content-type"), Some("application/json"));
        } else {
            assert_eq!(health.with(200), json!({"status": "ok"}));
            assert_eq!(ready.with(200)["status"], "ok");
            workspace.get("/livez").answer().await.with(200);
        }
    }
}

#[tokio::test]
async fn rc_10_preflights_are_refused_until_the_setting_allows_them() {
    let workspace = Workspace::of(Manner::V87).await;
    let preflight = async |origin: &str| -> Answer {
        let request = workspace
            .request(Method::OPTIONS, "/api/v1/me")
            .header("Origin", origin);
        request
            .header("Access-Control-Request-Method", "GET")
            .answer()
            .await
    };
    assert_eq!(preflight("https://a.test").await.status, 405);
    workspace.rc.set_setting("API_Enable_CORS", json!(true));
    let open = preflight("https://a.test").await;
    assert_eq!(open.header("access-control-allow-origin"), Some("*"));
    assert!(
        open.header("access-control-allow-headers")
            .unwrap()
            .contains("X-Auth-Token")
    );
    assert_eq!(open.header("access-control-allow-credentials"), None);
    workspace
        .rc
        .set_setting("API_CORS_Origin", json!("https://b.test"));
    assert_eq!(preflight("https://a.test").await.status, 403);
    let allowed = preflight("https://b.test").await;
    assert_eq!(
        allowed.header("access-control-allow-origin"),
        Some("https://b.test")
    );
    let actual = workspace.get("/api/v1/me").answer().await;
    assert_eq!(actual.header("access-control-allow-origin"), Some("*"));
}

#[tokio::test]
async fn rc_1_4_unknown_routes_and_methods_are_not_found() {
    for manner in MANNERS {
        let workspace = Workspace::of(manner).await;
        let not_found = json!({"success": false, "error": "Resource not found"});
        assert_eq!(
            workspace.get("/api/v1/no.such").answer().await.with(404),
            not_found
        );
        let wrong = workspace
            .request(Method::DELETE, "/api/v1/me")
            .answer()
            .await;
        if manner == Manner::V6 {
            let body = json!({"status": "error", "message": "API endpoint does not exist"});
            assert_eq!(wrong.with(405), body);
        } else {
            assert_eq!(wrong.with(404), not_found);
        }
    }
}

#[tokio::test]
async fn the_path_part_of_the_root_url_prefixes_every_route() {
    let root_url = Some("https://chat.test/team/chat/".to_owned());
    let workspace = Workspace::start(Options {
        root_url,
        ..Options::default()
    })
    .await;
    assert!(workspace.rc.url().ends_with("/team/chat"));
    workspace
        .get("/api/v1/me")
        .by(&workspace.service())
        .answer()
        .await
        .with(200);
    let limited = workspace.get("/api/v1/settings.public").answer().await;
    assert_eq!(limited.header("x-ratelimit-limit"), Some("10"));
}
