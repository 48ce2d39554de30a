//! Uploads, files, avatars and exports, and whose credentials they take in which order (RC §8).

use lookalike::{Manner, Options};
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::support::{Answer, Credentials, RequestExt as _, Workspace};

/// A form with one file in it.
fn with_file(request: RequestBuilder, name: &str, kind: &str, content: &str) -> RequestBuilder {
    let body = format!(
        "--edge\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\
         Content-Type: {kind}\r\n\r\n{content}\r\n--edge--\r\n"
    );
    request
        .header("Content-Type", "multipart/form-data; boundary=edge")
        .body(body)
}

async fn media(workspace: &Workspace, who: &Credentials, room: &str) -> Value {
    let path = format!("/api/v1/rooms.media/{room}");
    let request = workspace.request(reqwest::Method::POST, &path);
    with_file(request.by(who), "plan b.txt", "text/plain", "the plan")
        .answer()
        .await
        .with(200)
}

/// Uploads a file into a group of alice and bob; its address.
async fn uploaded(workspace: &Workspace, alice: &Credentials) -> String {
    let group = workspace.rc.add_group("plans", &["alice", "bob"]);
    media(workspace, alice, &group).await["file"]["url"]
        .as_str()
        .unwrap()
        .to_owned()
}

fn cookies(who: &Credentials) -> String {
    format!("rc_uid={}; rc_token={}", who.user_id, who.token)
}

fn query(who: &Credentials) -> String {
    format!("rc_uid={}&rc_token={}", who.user_id, who.token)
}

fn is_forbidden(answer: &Answer) {
    assert_eq!((answer.status.as_u16(), answer.text.as_str()), (403, ""));
}

#[tokio::test]
async fn rc_8_uploads_want_the_headers_and_a_room_one_may_see() {
    let workspace = Workspace::with_people(Options::default()).await;
    let carol = workspace.log_in("carol").await;
    let group = workspace.rc.add_group("plans", &["alice"]);
    let path = format!("/api/v1/rooms.media/{group}");
    let request = || workspace.request(reqwest::Method::POST, &path);
    with_file(request(), "a", "text/plain", "x")
        .answer()
        .await
        .with(401);
    with_file(request().by(&carol), "a", "text/plain", "x")
        .answer()
        .await
        .with(403);
}

#[tokio::test]
async fn rc_8_a_confirmed_upload_is_a_message_with_the_file() {
    let workspace = Workspace::with_people(Options::default()).await;
    let alice = workspace.log_in("alice").await;
    let file = media(&workspace, &alice, "GENERAL").await["file"].clone();
    assert!(
        workspace.rc.messages("general").is_empty(),
        "nobody is told before"
    );
    let path = format!(
        "/api/v1/rooms.mediaConfirm/GENERAL/{}",
        file["_id"].as_str().unwrap()
    );
    let body = json!({"msg": "see", "description": "the plan"});
    let answer = workspace
        .post(&path, &body)
        .by(&alice)
        .answer()
        .await
        .with(200);
    let message = &answer["message"];
    assert_eq!(message["file"]["name"], "plan b.txt");
    assert_eq!(message["attachments"][0]["title_link"], file["url"]);
    let again = workspace
        .post(&path, &body)
        .by(&alice)
        .answer()
        .await
        .with(400);
    assert_eq!(again["errorType"], "invalid-file");
    assert_eq!(workspace.rc.messages("general").len(), 1);
}

#[tokio::test]
async fn rc_8_the_older_upload_says_its_message_at_once() {
    let workspace = Workspace::with_people(Options::new(Manner::V6)).await;
    let alice = workspace.log_in("alice").await;
    let request = workspace.request(reqwest::Method::POST, "/api/v1/rooms.upload/GENERAL");
    let answer = with_file(request.by(&alice), "a.png", "image/png", "png")
        .answer()
        .await;
    let shown = answer.with(200)["message"]["attachments"][0]["image_url"].clone();
    let answer = workspace
        .get(shown.as_str().unwrap())
        .by(&alice)
        .answer()
        .await;
    assert_eq!((answer.status.as_u16(), answer.text.as_str()), (200, "png"));
}

#[tokio::test]
async fn rc_8_a_file_takes_query_cookies_or_headers_of_a_member() {
    let workspace = Workspace::with_people(Options::default()).await;
    let alice = workspace.log_in("alice").await;
    let (bob, carol) = (
        workspace.log_in("bob").await,
        workspace.log_in("carol").await,
    );
    let url = uploaded(&workspace, &alice).await;
    assert!(url.ends_with("/plan%20b.txt"), "{url}");
    for request in [
        workspace.get(&url).by(&bob),
        workspace.get(&url).header("Cookie", cookies(&bob)),
        workspace.get(&format!("{url}?{}", query(&bob))),
    ] {
        let answer = request.answer().await;
        assert_eq!(
            (answer.status.as_u16(), answer.text.as_str()),
            (200, "the plan")
        );
        assert_eq!(answer.header("content-type"), Some("text/plain"));
        assert_eq!(answer.header("cache-control"), Some("max-age=31536000"));
        assert_eq!(
            answer.header("content-security-policy"),
            Some("default-src 'none'")
        );
    }
    is_forbidden(&workspace.get(&url).answer().await);
    is_forbidden(&workspace.get(&url).by(&carol).answer().await);
    let unknown = workspace.get("/file-upload/nothing/at-all").answer().await;
    assert_eq!(unknown.status.as_u16(), 404);
}

#[tokio::test]
async fn rc_8_a_stale_cookie_masks_valid_headers_and_a_query_masks_both() {
    let workspace = Workspace::with_people(Options::default()).await;
    let alice = workspace.log_in("alice").await;
    let url = uploaded(&workspace, &alice).await;
    let stale = "rc_uid=somebody; rc_token=old";
    is_forbidden(
        &workspace
            .get(&url)
            .by(&alice)
            .header("Cookie", stale)
            .answer()
            .await,
    );
    let half = "rc_uid=somebody";
    is_forbidden(
        &workspace
            .get(&url)
            .by(&alice)
            .header("Cookie", half)
            .answer()
            .await,
    );
    let foreign = "other=1";
    let answer = workspace
        .get(&url)
        .by(&alice)
        .header("Cookie", foreign)
        .answer()
        .await;
    assert_eq!(answer.status.as_u16(), 200);
    let bad = format!("{url}?rc_uid=somebody&rc_token=old");
    let request = workspace
        .get(&bad)
        .by(&alice)
        .header("Cookie", cookies(&alice));
    is_forbidden(&request.answer().await);
}

#[tokio::test]
async fn rc_8_files_are_public_where_protection_is_off() {
    let workspace = Workspace::with_people(Options::default()).await;
    let alice = workspace.log_in("alice").await;
    let url = uploaded(&workspace, &alice).await;
    workspace
        .rc
        .set_setting("FileUpload_ProtectFiles", json!(false));
    assert_eq!(workspace.get(&url).answer().await.text, "the plan");
}

#[tokio::test]
async fn rc_8_avatars_ignore_headers_and_fall_back_to_initials_with_200() {
    let workspace = Workspace::with_people(Options::default()).await;
    let alice = workspace.log_in("alice").await;
    let seen = async |request: RequestBuilder| {
        let answer = request.answer().await;
        assert_eq!(answer.status.as_u16(), 200);
        assert_eq!(answer.header("content-type"), Some("image/svg+xml"));
        assert_eq!(answer.header("cache-control"), Some("public, max-age=3600"));
        answer.text.contains("data-avatar=\"picture\"")
    };
    for path in ["/avatar/bob", "/avatar/room/GENERAL"] {
        assert!(!seen(workspace.get(path)).await);
        assert!(!seen(workspace.get(path).by(&alice)).await);
        assert!(seen(workspace.get(path).header("Cookie", cookies(&alice))).await);
        assert!(seen(workspace.get(&format!("{path}?{}", query(&alice)))).await);
    }
}

#[tokio::test]
async fn rc_8_avatars_are_open_by_default_in_6_x_only() {
    for (manner, open) in [(Manner::V6, true), (Manner::V87, false)] {
        let workspace = Workspace::with_people(Options::new(manner)).await;
        let answer = workspace.get("/avatar/bob").answer().await;
        assert_eq!(
            answer.text.contains("data-avatar=\"picture\""),
            open,
            "{manner:?}"
        );
    }
}

#[tokio::test]
async fn rc_8_an_export_is_for_its_owner_alone() {
    let workspace = Workspace::with_people(Options::default()).await;
    let (alice, bob) = (
        workspace.log_in("alice").await,
        workspace.log_in("bob").await,
    );
    let path = format!(
        "/data-export/{}",
        workspace.rc.add_data_export("alice", "everything")
    );
    for request in [
        workspace.get(&path).by(&alice),
        workspace.get(&path).header("Cookie", cookies(&alice)),
        workspace.get(&format!("{path}?{}", query(&alice))),
    ] {
        assert_eq!(request.answer().await.text, "everything");
    }
    is_forbidden(&workspace.get(&path).answer().await);
    is_forbidden(&workspace.get(&path).by(&bob).answer().await);
}

#[tokio::test]
async fn rc_8_the_avatar_of_the_api_redirects_to_the_one_outside() {
    let workspace = Workspace::with_people(Options::default()).await;
    let alice = workspace.log_in("alice").await;
    let request = workspace.get("/api/v1/users.getAvatar?username=bob");
    let request = request.by(&alice).build().unwrap();
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
    let answer = client.build().unwrap().execute(request).await.unwrap();
    assert_eq!(answer.status().as_u16(), 307);
    assert_eq!(answer.headers()["location"], "/avatar/bob");
}

#[tokio::test]
async fn rc_8_for_apps_cookies_override_headers() {
    let workspace = Workspace::with_people(Options::default()).await;
    let (alice, bob) = (
        workspace.log_in("alice").await,
        workspace.log_in("bob").await,
    );
    let path = "/api/apps/installed";
    let both = workspace
        .get(path)
        .by(&alice)
        .header("Cookie", cookies(&bob));
    assert_eq!(both.answer().await.with(200)["userId"], *bob.user_id);
    let headers = workspace.get(path).by(&alice).answer().await;
    assert_eq!(headers.with(200)["userId"], *alice.user_id);
    let nobody = workspace.get(path).answer().await;
    assert_eq!(
        (nobody.status.as_u16(), nobody.text.as_str()),
        (401, "Unauthorized")
    );
}
