//! RC §1: REST authentication.

use std::time::Duration;

use lookalike::{Manner, NewUser, Options};
use serde_json::json;

use crate::support::{Credentials, MANNERS, RequestExt as _, Workspace};

#[tokio::test]
async fn rc_1_1_the_two_headers_make_the_user() {
    for manner in MANNERS {
        let workspace = Workspace::of(manner).await;
        let me = workspace
            .get("/api/v1/me")
            .by(&workspace.service())
            .answer()
            .await
            .with(200);
        assert_eq!(me["_id"], workspace.rc.service_user_id());
        assert_eq!(me["success"], true);
    }
}

#[tokio::test]
async fn rc_1_2_every_bad_credential_gets_the_same_401() {
    for manner in MANNERS {
        let workspace = Workspace::of(manner).await;
        let service = workspace.service();
        let text = "You must be logged in to do this.";
        let expected = match manner {
            Manner::V6 => json!({"status": "error", "message": text}),
            Manner::V7 | Manner::V80 | Manner::V87 => {
                json!({"success": false, "status": "error", "error": text, "message": text})
            }
        };
        let wrong_token = Credentials {
            token: "x".repeat(43),
            ..service.clone()
        };
        let wrong_user = Credentials {
            user_id: "nobody".to_owned(),
            ..service.clone()
        };
        let me = || workspace.get("/api/v1/me");
        for request in [
            me(),
            me().header("X-User-Id", &service.user_id),
            me().header("X-Auth-Token", &service.token),
            me().by(&wrong_token),
            me().by(&wrong_user),
            me().bearer_auth(&service.token),
            me().header(
                "Cookie",
                format!("rc_uid={}; rc_token={}", service.user_id, service.token),
            ),
        ] {
            assert_eq!(request.answer().await.with(401), expected);
        }
    }
}

#[tokio::test]
async fn rc_1_1_an_oauth_token_comes_before_the_headers_on_6x_and_after_them_later() {
    for manner in MANNERS {
        let workspace = Workspace::of(manner).await;
        workspace.rc.add_user(NewUser::new("alice"));
        let oauth = workspace.rc.grant_oauth_token("alice");
        let whose = async |request: reqwest::RequestBuilder| {
            request.answer().await.with(200)["username"].clone()
        };
        let me = || workspace.get("/api/v1/me");
        let in_query = workspace.get(&format!("/api/v1/me?access_token={oauth}"));
        assert_eq!(whose(me().bearer_auth(&oauth)).await, "alice");
        let expected = if manner == Manner::V6 {
            "alice"
        } else {
            "gantry.bot"
        };
        let service = workspace.service();
        assert_eq!(whose(me().by(&service).bearer_auth(&oauth)).await, expected);
        assert_eq!(whose(in_query.by(&service)).await, expected);
        assert_eq!(
            whose(me().by(&service).bearer_auth("unknown")).await,
            "gantry.bot"
        );
    }
}

#[tokio::test]
async fn rc_1_2_refusals_of_6x_can_be_held_back() {
    let delay = Duration::from_millis(30);
    let options = |manner| Options {
        refusal_delay: Some(delay),
        ..Options::new(manner)
    };
    let workspace = Workspace::start(options(Manner::V6)).await;
    let began = tokio::time::Instant::now();
    workspace.get("/api/v1/me").answer().await.with(401);
    assert!(began.elapsed() >= delay);
}
