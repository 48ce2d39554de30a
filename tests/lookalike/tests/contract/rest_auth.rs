//! RC §1: REST authentication.

use lookalike::Manner;
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
