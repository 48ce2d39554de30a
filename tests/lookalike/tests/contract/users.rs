//! RC §2.5 to §2.9, §1.4, §1.5: looking users up, ending their tokens, changing them.

use lookalike::{Manner, NewUser};
use serde_json::{Value, json};

use crate::support::{Answer, Credentials, MANNERS, RequestExt as _, Workspace};

async fn workspace(manner: Manner) -> Workspace {
    let workspace = Workspace::of(manner).await;
    workspace
        .rc
        .set_setting("API_Enable_Rate_Limiter", json!(false));
    workspace.rc.add_user(NewUser {
        email: Some("alice@example.org".to_owned()),
        password: Some("secret".to_owned()),
        ..NewUser::new("alice")
    });
    workspace
}

async fn login(workspace: &Workspace, user: &str) -> Credentials {
    let body = json!({"user": user, "password": "secret"});
    let answer = workspace
        .post("/api/v1/login", &body)
        .answer()
        .await
        .with(200);
    Credentials {
        user_id: answer["data"]["userId"].as_str().unwrap().to_owned(),
        token: answer["data"]["authToken"].as_str().unwrap().to_owned(),
    }
}

async fn info(workspace: &Workspace, query: &str, who: &Credentials) -> Answer {
    workspace
        .get(&format!("/api/v1/users.info?{query}"))
        .by(who)
        .answer()
        .await
}

async fn alive(workspace: &Workspace, who: &Credentials) -> bool {
    workspace.get("/api/v1/me").by(who).answer().await.status == 200
}

#[tokio::test]
async fn rc_2_3_me_shows_no_tokens() {
    for manner in MANNERS {
        let workspace = workspace(manner).await;
        let alice = login(&workspace, "alice").await;
        let me = workspace
            .get("/api/v1/me")
            .by(&alice)
            .answer()
            .await
            .with(200);
        assert_eq!(me["services"]["password"], json!({"exists": true}));
        assert_eq!(me["emails"][0]["address"], "alice@example.org");
        assert_eq!(me["services"].get("resume"), None);
    }
}

#[tokio::test]
async fn rc_2_5_info_matches_id_or_username_exactly() {
    for manner in MANNERS {
        let workspace = workspace(manner).await;
        let (service, id) = (workspace.service(), workspace.rc.user("alice").unwrap().id);
        for query in ["username=alice", "userId=alice", &format!("username={id}")] {
            let found = info(&workspace, query, &service).await.with(200);
            assert_eq!(found["user"]["_id"], id, "{query}");
            assert_eq!(found["user"]["active"], true);
            assert_eq!(found["user"]["type"], "user");
        }
        let missed = info(&workspace, "username=Alice", &service).await.with(400);
        assert_eq!(
            missed,
            json!({"success": false, "error": "User not found."})
        );
    }
}

#[tokio::test]
async fn rc_2_5_a_query_must_hold_exactly_one_known_key() {
    let workspace = workspace(Manner::V80).await;
    let service = workspace.service();
    for query in [
        "",
        "username=alice&userId=alice",
        "name=alice",
        "email=alice@example.org",
    ] {
        let refused = info(&workspace, query, &service).await.with(400);
        assert_eq!(refused["errorType"], "invalid-params", "{query}");
    }
    info(&workspace, "username=alice&includeUserRooms=true", &service)
        .await
        .with(200);
}

#[tokio::test]
async fn rc_2_5_search_by_email_is_late_and_wants_the_permission() {
    let workspace = workspace(Manner::V87).await;
    let service = workspace.service();
    let query = "email=ALICE@example.org";
    assert_eq!(
        info(&workspace, query, &service).await.with(200)["user"]["username"],
        "alice"
    );
    workspace.rc.revoke_permission("view-full-other-user-info");
    let refused = info(&workspace, query, &service).await.with(400);
    assert_eq!(refused["error"], "User not found.");
}

#[tokio::test]
async fn rc_2_5_private_fields_are_for_the_privileged_and_oneself() {
    let workspace = workspace(Manner::V87).await;
    let service = workspace.service();
    let seen = info(&workspace, "username=alice", &service).await.with(200);
    assert!(seen["user"].get("roles").is_some() && seen["user"].get("emails").is_some());
    assert_eq!(seen["user"].get("services"), None);
    let alice = login(&workspace, "alice").await;
    let other = info(&workspace, "username=gantry.bot", &alice)
        .await
        .with(200);
    assert_eq!(
        (other["user"].get("roles"), other["user"].get("emails")),
        (None, None)
    );
    let own = info(&workspace, "username=alice", &alice).await.with(200);
    assert!(own["user"].get("emails").is_some());
}

#[tokio::test]
async fn rc_2_5_a_look_at_oneself_leaks_services_by_version() {
    for manner in MANNERS {
        let workspace = workspace(manner).await;
        let alice = login(&workspace, "alice").await;
        workspace
            .rc
            .set_totp("alice", Some(b"12345678901234567890"));
        let own = info(&workspace, "username=alice", &alice).await.with(200);
        let services = &own["user"]["services"];
        assert!(services["totp"]["secret"].is_string());
        let hashes = services["resume"]["loginTokens"].as_array().map(Vec::len);
        assert_eq!(hashes, (manner < Manner::V80).then_some(1), "{manner:?}");
        assert!(!own.to_string().contains(&alice.token));
    }
}

#[tokio::test]
async fn rc_2_6_users_logout_wipes_everything_personal_tokens_included() {
    let workspace = workspace(Manner::V87).await;
    let (service, alice) = (workspace.service(), login(&workspace, "alice").await);
    let path = "/api/v1/users.generatePersonalAccessToken";
    let body = json!({"tokenName": "mine"});
    let personal = workspace
        .post(path, &body)
        .by(&alice)
        .answer()
        .await
        .with(200);
    let token = personal["token"].as_str().unwrap().to_owned();
    let personal = Credentials {
        token,
        ..alice.clone()
    };
    assert!(alive(&workspace, &personal).await);
    let logout =
        |user_id: &str| workspace.post("/api/v1/users.logout", &json!({"userId": user_id}));
    let unknown = logout("nobody").by(&service).answer().await.with(400);
    assert_eq!(unknown["errorType"], "error-invalid-user-id");
    let answer = logout(&alice.user_id).by(&service).answer().await.with(200);
    let message = format!("User {} has been logged out!", alice.user_id);
    assert_eq!(answer, json!({"message": message, "success": true}));
    assert!(!alive(&workspace, &alice).await && !alive(&workspace, &personal).await);
}

#[tokio::test]
async fn rc_2_6_logging_others_out_wants_the_permission() {
    let workspace = workspace(Manner::V87).await;
    let alice = login(&workspace, "alice").await;
    let body = json!({"userId": workspace.rc.service_user_id()});
    let refused = workspace
        .post("/api/v1/users.logout", &body)
        .by(&alice)
        .answer()
        .await;
    assert_eq!(
        refused.with(403),
        json!({"success": false, "error": "unauthorized"})
    );
}

#[tokio::test]
async fn rc_2_7_ending_other_clients_spares_the_callers_token_and_returns_it() {
    for path in [
        "/api/v1/users.logoutOtherClients",
        "/api/v1/users.removeOtherTokens",
    ] {
        let workspace = workspace(Manner::V87).await;
        let other = login(&workspace, "alice").await;
        let own = login(&workspace, "alice").await;
        let answer = workspace
            .post(path, &json!({}))
            .by(&own)
            .answer()
            .await
            .with(200);
        assert!(alive(&workspace, &own).await && !alive(&workspace, &other).await);
        if path.ends_with("logoutOtherClients") {
            assert_eq!(answer["token"], own.token);
            assert!(answer["tokenExpires"].is_string());
        } else {
            assert_eq!(answer, json!({"success": true}));
        }
    }
}

#[tokio::test]
async fn rc_2_8_deactivation_empties_the_tokens() {
    let workspace = workspace(Manner::V87).await;
    let (service, alice) = (workspace.service(), login(&workspace, "alice").await);
    let body = json!({"userId": alice.user_id, "activeStatus": false});
    let path = "/api/v1/users.setActiveStatus";
    let answer = workspace
        .post(path, &body)
        .by(&service)
        .answer()
        .await
        .with(200);
    assert_eq!(
        answer["user"],
        json!({"_id": alice.user_id, "active": false})
    );
    assert!(!alive(&workspace, &alice).await);
    assert!(!workspace.rc.user("alice").unwrap().active);
}

#[tokio::test]
async fn rc_1_4_a_missing_route_permission_is_a_403() {
    let workspace = workspace(Manner::V87).await;
    let alice = login(&workspace, "alice").await;
    let body = json!({"userId": alice.user_id, "activeStatus": true});
    let path = "/api/v1/users.setActiveStatus";
    let refused = workspace
        .post(path, &body)
        .by(&alice)
        .answer()
        .await
        .with(403);
    let text = "User does not have the permissions required for this action [error-unauthorized]";
    assert_eq!(refused, json!({"success": false, "error": text}));
}

#[tokio::test]
async fn rc_2_9_update_wants_a_second_factor_unless_the_token_bypasses_it() {
    let workspace = workspace(Manner::V87).await;
    let (service, id) = (workspace.service(), workspace.rc.user("alice").unwrap().id);
    let body = json!({"userId": id, "data": {"name": "Alice B.", "email": "b@example.org"}});
    let path = "/api/v1/users.update";
    let answer = workspace
        .post(path, &body)
        .by(&service)
        .answer()
        .await
        .with(200);
    assert_eq!(answer["user"]["name"], "Alice B.");
    assert_eq!(
        workspace.rc.user("alice").unwrap().emails[0].address,
        "b@example.org"
    );
    let alice = login(&workspace, "alice").await;
    workspace.rc.advance(std::time::Duration::from_secs(1800));
    let challenge = workspace
        .post(path, &body)
        .by(&alice)
        .answer()
        .await
        .with(400);
    let expected = json!({
        "success": false,
        "error": "TOTP Required [totp-required]",
        "errorType": "totp-required",
        "details": {"method": "password", "codeGenerated": false, "availableMethods": []},
    });
    assert_eq!(challenge, expected);
    let digest = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";
    let with_code = workspace
        .post(path, &body)
        .by(&alice)
        .header("X-2fa-code", digest);
    with_code
        .header("X-2fa-method", "password")
        .answer()
        .await
        .with(200);
    workspace
        .post(path, &body)
        .by(&alice)
        .answer()
        .await
        .with(200);
    let elsewhere = workspace
        .post(path, &body)
        .by(&alice)
        .header("User-Agent", "other");
    elsewhere.answer().await.with(400);
}

#[tokio::test]
async fn rc_2_9_update_keeps_to_the_rules_of_accounts() {
    let workspace = workspace(Manner::V87).await;
    let (service, id) = (workspace.service(), workspace.rc.user("alice").unwrap().id);
    workspace.rc.add_user(NewUser::new("bob"));
    let check = async |data: Value, error: Value| {
        let body = json!({"userId": id, "data": data});
        let answer = workspace
            .post("/api/v1/users.update", &body)
            .by(&service)
            .answer()
            .await;
        assert_eq!(answer.with(400)["errorType"], error);
    };
    check(json!({"username": "BOB"}), json!("error-field-unavailable")).await;
    check(
        json!({"username": "a b"}),
        json!("error-input-is-not-a-valid-field"),
    )
    .await;
    check(
        json!({"email": "admin@lookalike.test"}),
        json!("error-field-unavailable"),
    )
    .await;
    check(json!({"unknown": 1}), json!("invalid-params")).await;
    workspace.rc.revoke_permission("edit-other-user-info");
    check(json!({"name": "X"}), json!("error-action-not-allowed")).await;
}

#[tokio::test]
async fn rc_1_5_personal_tokens_are_made_listed_renewed_and_removed() {
    let workspace = workspace(Manner::V87).await;
    let alice = login(&workspace, "alice").await;
    let call = async |route: &str, body: Value| {
        let path = format!("/api/v1/users.{route}PersonalAccessToken");
        workspace.post(&path, &body).by(&alice).answer().await
    };
    let name = json!({"tokenName": "mine"});
    let token = |answer: &Value| Credentials {
        token: answer["token"].as_str().unwrap().to_owned(),
        ..alice.clone()
    };
    let first = token(&call("generate", name.clone()).await.with(200));
    let twice = call("generate", name.clone()).await.with(400);
    assert_eq!(twice["errorType"], "error-token-already-exists");
    let second = token(&call("regenerate", name.clone()).await.with(200));
    assert!(!alive(&workspace, &first).await && alive(&workspace, &second).await);
    let path = "/api/v1/users.getPersonalAccessTokens";
    let listed = workspace.get(path).by(&alice).answer().await.with(200);
    assert_eq!(listed["tokens"][0]["lastTokenPart"], second.token[37..]);
    call("remove", name.clone()).await.with(200);
    assert!(!alive(&workspace, &second).await);
    assert_eq!(
        call("remove", name).await.with(400)["errorType"],
        "error-token-does-not-exists"
    );
}
