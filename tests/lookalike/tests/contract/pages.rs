//! The page, its headers, and the static files (RC §7.5, §8, §10).

use lookalike::{Manner, Options};
use serde_json::json;

use crate::support::{RequestExt as _, Workspace};

#[tokio::test]
async fn rc_10_every_path_that_is_no_api_answers_200_html() {
    let workspace = Workspace::of(Manner::V87).await;
    for path in [
        "/",
        "/home",
        "/channel/general?layout=embedded",
        "/group/x",
        "/direct/bob",
        "/nowhere",
    ] {
        let answer = workspace.get(path).answer().await;
        assert_eq!(answer.status.as_u16(), 200, "{path}");
        assert_eq!(
            answer.header("content-type"),
            Some("text/html; charset=utf-8")
        );
    }
    let unknown = workspace.get("/api/v1/nothing").answer().await;
    assert_eq!(unknown.with(404)["error"], "Resource not found");
}

#[tokio::test]
async fn rc_7_5_the_page_has_rcs_policy_and_no_inline_script() {
    let workspace = Workspace::of(Manner::V87).await;
    let answer = workspace.get("/channel/general").answer().await;
    let policy = answer.header("content-security-policy").unwrap();
    assert!(
        policy.contains("default-src 'self'") && policy.contains("connect-src *"),
        "{policy}"
    );
    let scripts = policy
        .split(';')
        .find(|part| part.trim().starts_with("script-src"))
        .unwrap();
    assert!(scripts.contains("'self' 'unsafe-eval'"), "{scripts}");
    assert_eq!(scripts.matches("'sha256-").count(), 2);
    assert!(!scripts.contains("unsafe-inline"));
    assert!(!policy.contains("frame-ancestors"));
    for script in answer.text.split("<script").skip(1) {
        let (attributes, rest) = script.split_once('>').unwrap();
        assert!(attributes.contains("src="), "{attributes}");
        assert!(
            rest.starts_with("</script>"),
            "an inline script would be blocked"
        );
    }
}

#[tokio::test]
async fn rc_7_5_framing_is_restricted_on_all_answers_until_a_setting_lifts_it() {
    let workspace = Workspace::of(Manner::V87).await;
    for path in [
        "/",
        "/api/info",
        "/api/v1/me",
        "/avatar/x",
        "/assets/favicon.svg",
    ] {
        let answer = workspace.get(path).answer().await;
        assert_eq!(
            answer.header("x-frame-options"),
            Some("sameorigin"),
            "{path}"
        );
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("x-xss-protection"), Some("1"));
    }
    workspace
        .rc
        .set_setting("Iframe_Restrict_Access", json!(false));
    workspace.rc.set_setting("Enable_CSP", json!(false));
    let answer = workspace.get("/").answer().await;
    assert_eq!(answer.header("x-frame-options"), None);
    assert_eq!(answer.header("content-security-policy"), None);
}

#[tokio::test]
async fn rc_8_files_named_by_hash_are_public_and_kept_for_ever() {
    let workspace = Workspace::of(Manner::V87).await;
    let page = workspace.get("/home").answer().await.text;
    let named: Vec<&str> = page
        .split('"')
        .filter(|text| text.contains("_resource=true"))
        .collect();
    assert_eq!(named.len(), 2, "a style sheet and a script");
    for path in named {
        let answer = workspace.get(&format!("/{path}")).answer().await;
        assert_eq!(answer.status.as_u16(), 200);
        assert_eq!(
            answer.header("cache-control"),
            Some("public, max-age=31536000")
        );
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    }
    assert_eq!(
        workspace
            .get("/lookalike-room.js")
            .answer()
            .await
            .status
            .as_u16(),
        200
    );
    for path in [
        "/assets/nothing.png",
        "/i18n/xx.json",
        "/packages/nothing.js",
        "/robots.txt",
    ] {
        assert_eq!(
            workspace.get(path).answer().await.status.as_u16(),
            404,
            "{path}"
        );
    }
}

#[tokio::test]
async fn rc_12_the_runtime_configuration_wants_its_hash_which_follows_the_site_url() {
    let workspace = Workspace::of(Manner::V87).await;
    let address = async || {
        let page = workspace.get("/").answer().await.text;
        let path = page
            .split('"')
            .find(|text| text.starts_with("meteor_runtime_config.js"));
        format!("/{}", path.unwrap())
    };
    let before = address().await;
    let answer = workspace.get(&before).answer().await;
    assert!(
        answer.text.starts_with("__meteor_runtime_config__ = {"),
        "{answer:?}"
    );
    for path in [
        "/meteor_runtime_config.js",
        "/meteor_runtime_config.js?hash=0",
    ] {
        assert_eq!(
            workspace.get(path).answer().await.status.as_u16(),
            404,
            "{path}"
        );
    }
    workspace
        .rc
        .set_setting("Site_Url", json!("https://elsewhere.example"));
    assert_eq!(workspace.get(&before).answer().await.status.as_u16(), 404);
    assert_eq!(
        workspace
            .get(&address().await)
            .answer()
            .await
            .status
            .as_u16(),
        200
    );
}

#[tokio::test]
async fn rc_7_5_force_ssl_redirects_whoever_did_not_come_over_https() {
    let workspace = Workspace::of(Manner::V87).await;
    workspace.rc.set_setting("Force_SSL", json!(true));
    let from_afar = |proto: &str| {
        let request = workspace
            .get("/livez")
            .header("X-Forwarded-For", "203.0.113.9");
        request
            .header("X-Forwarded-Proto", proto.to_owned())
            .header("Host", "chat.test")
    };
    let plain = workspace.rc.requests().len();
    let answer = from_afar("https").answer().await;
    assert_eq!(answer.status.as_u16(), 200);
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build();
    let request = from_afar("http").build().unwrap();
    let answer = client.unwrap().execute(request).await.unwrap();
    assert_eq!(answer.status().as_u16(), 302);
    assert_eq!(answer.headers()["location"], "https://chat.test/livez");
    assert_eq!(
        workspace.get("/livez").answer().await.status.as_u16(),
        200,
        "loopback is spared"
    );
    assert_eq!(workspace.rc.requests().len(), plain + 3);
}

#[tokio::test]
async fn rc_6_1_a_path_in_root_url_goes_before_everything() {
    let root_url = Some("https://host.example/chat".to_owned());
    let workspace = Workspace::start(Options {
        root_url,
        ..Options::default()
    })
    .await;
    let page = workspace.get("/channel/general").answer().await.text;
    assert!(page.contains("<base href=\"/chat/\">"), "{page}");
    workspace.get("/api/info").answer().await.with(200);
    workspace.get("/sockjs/info").answer().await.with(200);
    let outside = reqwest::get(format!("http://{}/api/info", workspace.rc.address())).await;
    assert_eq!(outside.unwrap().status().as_u16(), 404);
}
