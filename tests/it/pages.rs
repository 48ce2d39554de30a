//! What browsers load: the embedded page, pictures, files and exports with the person's own credentials, static files without any.

use lookalike::Received;
use reqwest::Response;
use serde_json::Value;

use crate::support::gateway::{Gateway, HOST_PAGE, slug};

const ROOM: &str = "/channel/general?layout=embedded";
const FORGED: &str = "rc_uid=somebody; rc_token=forged; theme=dark; RC_TOKEN=forged too";

async fn page(gateway: &Gateway) -> Response {
    let answer = gateway.get(ROOM, &gateway.issuer.token("alice"));
    let answer = answer.header("accept", "text/html").send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "text/html; charset=utf-8");
    answer
}

fn policy(answer: &Response) -> Vec<String> {
    let policies = answer.headers().get_all("content-security-policy").iter();
    let text = policies.map(|policy| policy.to_str().unwrap());
    let directives = text.flat_map(|text| text.split(';'));
    directives
        .map(|directive| directive.trim().to_owned())
        .collect()
}

fn last(gateway: &Gateway, path: &str) -> Received {
    let all = gateway.rc.requests();
    all.into_iter()
        .rfind(|request| request.path == path)
        .unwrap()
}

/// Rocket.Chat got the person's own cookies, and the client's others.
fn check_cookies(gateway: &Gateway, path: &str) {
    let received = last(gateway, path);
    let user = gateway.rc.user("alice").unwrap();
    let auth_token = gateway.rc.live_tokens("alice").pop().unwrap();
    let cookies: Vec<_> = received
        .header_values("cookie")
        .into_iter()
        .flat_map(|line| line.split("; "))
        .collect();
    let mut expected = vec![
        "theme=dark".to_owned(),
        format!("rc_uid={}", user.id),
        format!("rc_token={auth_token}"),
    ];
    let mut cookies: Vec<_> = cookies.into_iter().map(str::to_owned).collect();
    cookies.sort();
    expected.sort();
    assert_eq!(cookies, expected, "{path}");
}

#[tokio::test]
async fn host_pages_may_embed_a_room_and_the_rest_of_the_policy_stays() {
    let gateway = Gateway::start().await;
    let answer = page(&gateway).await;
    assert!(!answer.headers().contains_key("x-frame-options"));
    let directives = policy(&answer);
    let ours = format!("frame-ancestors 'self' {HOST_PAGE}");
    let ancestors: Vec<_> = directives
        .iter()
        .filter(|directive| directive.starts_with("frame-ancestors"))
        .collect();
    assert_eq!(ancestors, [&ours]);
    for kept in ["default-src 'self'", "connect-src *", "frame-src *"] {
        assert!(
            directives.iter().any(|directive| directive == kept),
            "{directives:?}"
        );
    }
    assert!(answer.text().await.unwrap().contains("<html"));
}

#[tokio::test]
async fn without_host_pages_rocketchats_own_headers_stay() {
    let gateway = Gateway::configured(|config| config.proxy.frame_ancestors = Vec::new()).await;
    let answer = page(&gateway).await;
    assert_eq!(answer.headers()["x-frame-options"], "sameorigin");
    assert!(
        !policy(&answer)
            .iter()
            .any(|directive| directive.starts_with("frame-ancestors"))
    );
}

#[tokio::test]
async fn a_page_may_be_opened_by_a_cookie_or_by_the_query() {
    let gateway = Gateway::start().await;
    let token = gateway.issuer.token("alice");
    let by_cookie = gateway
        .client
        .get(gateway.url(ROOM))
        .header("cookie", format!("host_jwt={token}"));
    let by_query = gateway
        .client
        .get(gateway.url(&format!("{ROOM}&jwt={token}")));
    for asked in [by_cookie, by_query] {
        assert_eq!(asked.send().await.unwrap().status(), 200);
        let received = last(&gateway, "/channel/general");
        assert_eq!(received.query.as_deref(), Some("layout=embedded"));
        assert_eq!(received.header("cookie"), None);
    }
    let nobody = gateway.client.get(gateway.url(ROOM)).send().await.unwrap();
    assert_eq!(slug(nobody).await, "missing-token");
}

#[tokio::test]
async fn avatars_come_by_cookie_of_the_person_and_for_nobody_elses_cache() {
    let gateway = Gateway::start().await;
    let asked = gateway.get("/avatar/alice?size=36", &gateway.issuer.token("alice"));
    let answer = asked.header("cookie", FORGED).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let cache = answer.headers()["cache-control"].to_str().unwrap();
    assert!(
        cache.contains("private") && !cache.contains("public"),
        "{cache}"
    );
    check_cookies(&gateway, "/avatar/alice");
}

#[tokio::test]
async fn an_upload_is_there_for_members_and_nobody_else() {
    let gateway = Gateway::start().await;
    let (alice, carol) = (gateway.issuer.token("alice"), gateway.issuer.token("carol"));
    for token in [&alice, &carol] {
        gateway.get("/api/v1/me", token).send().await.unwrap();
    }
    let group = gateway.rc.add_group("plans", &["alice"]);
    let form = "--edge\r\nContent-Disposition: form-data; name=\"file\"; filename=\"plan.txt\"\r\n\
                Content-Type: text/plain\r\n\r\nthe plan\r\n--edge--\r\n";
    let uploaded = gateway
        .post(&format!("/api/v1/rooms.media/{group}"), &alice)
        .header("content-type", "multipart/form-data; boundary=edge")
        .body(form)
        .send()
        .await
        .unwrap();
    assert_eq!(uploaded.status(), 200);
    let uploaded: Value = uploaded.json().await.unwrap();
    let url = uploaded["file"]["url"].as_str().unwrap();
    let path = &url[url.find("/file-upload/").unwrap()..];
    let answer = gateway
        .get(path, &alice)
        .header("cookie", FORGED)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    let cache = answer.headers()["cache-control"].to_str().unwrap();
    assert!(
        cache.contains("private") && !cache.contains("public"),
        "{cache}"
    );
    assert_eq!(answer.text().await.unwrap(), "the plan");
    check_cookies(&gateway, path);
    // What somebody else says in the query or in cookies does not make them a member.
    let real = gateway.rc.live_tokens("alice").pop().unwrap();
    let user = gateway.rc.user("alice").unwrap().id;
    let stolen = gateway
        .get(&format!("{path}?rc_uid={user}&rc_token={real}"), &carol)
        .header("cookie", format!("rc_uid={user}; rc_token={real}"))
        .send()
        .await
        .unwrap();
    assert_eq!(stolen.status(), 403);
    let nobody = gateway.client.get(gateway.url(path)).send().await.unwrap();
    assert_eq!(slug(nobody).await, "missing-token");
}

#[tokio::test]
async fn an_export_is_for_its_owner() {
    let gateway = Gateway::start().await;
    let (alice, bob) = (gateway.issuer.token("alice"), gateway.issuer.token("bob"));
    gateway.get("/api/v1/me", &alice).send().await.unwrap();
    let path = format!(
        "/data-export/{}",
        gateway.rc.add_data_export("alice", "everything")
    );
    let answer = gateway
        .get(&path, &alice)
        .header("cookie", FORGED)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.text().await.unwrap(), "everything");
    check_cookies(&gateway, &path);
    assert_eq!(gateway.get(&path, &bob).send().await.unwrap().status(), 403);
}

#[tokio::test]
async fn static_files_need_no_token_and_carry_none() {
    let gateway = Gateway::start().await;
    let html = page(&gateway).await.text().await.unwrap();
    // All of them are relative to the base, which is the root.
    let linked: Vec<String> = html
        .split(['"', '\''])
        .filter(|text| text.contains(".js") || text.contains(".css"))
        .filter(|text| !text.starts_with("/_gantry/"))
        .map(|text| format!("/{text}"))
        .collect();
    assert!(linked.len() >= 2, "{html}");
    let others = ["/assets/favicon.svg", "/i18n/en.json"].map(str::to_owned);
    for path in linked.iter().chain(&others) {
        let answer = gateway
            .client
            .get(gateway.url(path))
            .header("cookie", FORGED)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        let received = last(&gateway, path.split('?').next().unwrap());
        assert_eq!(received.header("x-auth-token"), None, "{path}");
        assert_eq!(received.header("cookie"), Some("theme=dark"), "{path}");
    }
}
