//! DDP methods tunnelled over REST (RC §6.5, §5.4, §9).

use lookalike::{Manner, Options};
use serde_json::{Value, json};

use crate::support::{Answer, Credentials, MANNERS, RequestExt as _, Workspace};

fn message(method: &str, params: &Value) -> Value {
    let inner = json!({"msg": "method", "id": "7", "method": method, "params": params});
    json!({"message": inner.to_string()})
}

fn inner(answer: &Answer) -> Value {
    serde_json::from_str(answer.json()["message"].as_str().unwrap()).unwrap()
}

async fn call(workspace: &Workspace, who: &Credentials, method: &str, params: Value) -> Answer {
    let path = format!("/api/v1/method.call/{}", method.replace('/', ":"));
    workspace
        .post(&path, &message(method, &params))
        .by(who)
        .answer()
        .await
}

#[tokio::test]
async fn rc_6_5_a_result_comes_as_text_within_json() {
    for manner in MANNERS {
        let workspace = Workspace::with_people(Options::new(manner)).await;
        let alice = workspace.log_in("alice").await;
        let answer = call(&workspace, &alice, "rooms/get", json!([])).await;
        assert_eq!(answer.with(200)["success"], true);
        let result = inner(&answer);
        assert_eq!(
            (&result["msg"], &result["id"]),
            (&json!("result"), &json!("7"))
        );
        assert_eq!(result["result"][0]["name"], "general");
        assert!(
            result["result"][0]["_updatedAt"]["$date"].is_i64(),
            "EJSON, not REST dates"
        );
    }
}

#[tokio::test]
async fn rc_6_5_a_failed_method_is_200_in_6_x_and_400_in_8_x() {
    for (manner, status, success) in [
        (Manner::V6, 200, true),
        (Manner::V80, 400, false),
        (Manner::V87, 400, false),
    ] {
        let workspace = Workspace::with_people(Options::new(manner)).await;
        let alice = workspace.log_in("alice").await;
        let answer = call(&workspace, &alice, "loadHistory", json!(["nowhere"])).await;
        assert_eq!(answer.with(status)["success"], success, "{manner:?}");
        assert_eq!(inner(&answer)["error"]["error"], "error-invalid-room");
    }
}

#[tokio::test]
async fn rc_6_5_the_inner_method_runs_whatever_the_address_says() {
    let workspace = Workspace::with_people(Options::default()).await;
    let alice = workspace.log_in("alice").await;
    let body = message("getNewToken", &json!([]));
    let answer = workspace
        .post("/api/v1/method.call/rooms:get", &body)
        .by(&alice)
        .answer()
        .await;
    let token = inner(&answer)["result"]["token"].clone();
    assert_eq!(
        json!(workspace.rc.live_tokens("alice")),
        json!([alice.token, token])
    );
}

#[tokio::test]
async fn rc_6_5_malformed_messages_are_an_invalid_method_call() {
    let workspace = Workspace::with_people(Options::default()).await;
    let alice = workspace.log_in("alice").await;
    for body in [
        json!({}),
        json!({"message": {"method": "rooms/get"}}),
        json!({"message": "{"}),
        json!({"message": "{\"msg\":\"method\"}"}),
        json!({"message": "{\"method\":\"rooms/get\",\"params\":7}"}),
    ] {
        let answer = workspace
            .post("/api/v1/method.call/rooms:get", &body)
            .by(&alice)
            .answer()
            .await;
        assert_eq!(answer.with(400)["error"], "Invalid method call", "{body}");
    }
}

#[tokio::test]
async fn rc_6_5_the_tunnel_wants_headers_and_its_anonymous_twin_does_not() {
    let workspace = Workspace::with_people(Options::default()).await;
    let body = message("public-settings/get", &json!([]));
    workspace
        .post("/api/v1/method.call/x", &body)
        .answer()
        .await
        .with(401);
    let answer = workspace
        .post("/api/v1/method.callAnon/x", &body)
        .answer()
        .await;
    answer.with(200);
    let settings = inner(&answer)["result"].clone();
    assert!(
        settings
            .as_array()
            .unwrap()
            .iter()
            .any(|one| one["_id"] == "Accounts_LoginExpiration")
    );
}

#[tokio::test]
async fn rc_6_5_a_password_login_goes_through_the_anonymous_tunnel() {
    let workspace = Workspace::with_people(Options::default()).await;
    let params = json!([{"user": {"username": "alice"}, "password": "alice-password"}]);
    let body = message("login", &params);
    let answer = workspace
        .post("/api/v1/method.callAnon/login", &body)
        .answer()
        .await;
    answer.with(200);
    let result = inner(&answer)["result"].clone();
    assert_eq!(result["type"], "password");
    assert_eq!(
        json!(workspace.rc.live_tokens("alice")),
        json!([result["token"]])
    );
}

#[tokio::test]
async fn rc_9_a_tunnelled_logout_ends_the_token_of_the_headers() {
    let workspace = Workspace::with_people(Options::default()).await;
    let alice = workspace.log_in("alice").await;
    let answer = call(&workspace, &alice, "logout", json!([])).await;
    answer.with(200);
    assert!(inner(&answer).get("result").is_none());
    call(&workspace, &alice, "rooms/get", json!([]))
        .await
        .with(401);
}

#[tokio::test]
async fn rc_3_1_create_token_is_a_method_below_8_0_only() {
    for (manner, refused) in [
        (Manner::V6, None),
        (Manner::V7, None),
        (Manner::V80, Some(404)),
    ] {
        let workspace = Workspace::with_people(Options::new(manner)).await;
        let alice = workspace.log_in("alice").await;
        let answer = call(&workspace, &alice, "createToken", json!([alice.user_id])).await;
        let result = inner(&answer);
        assert_eq!(result["error"]["error"].as_i64(), refused, "{manner:?}");
        let minted = result["result"]["authToken"].is_string();
        assert_eq!(minted, refused.is_none(), "{manner:?}");
        if refused.is_none() {
            let bob = workspace.rc.user("bob").unwrap().id;
            let other = call(&workspace, &alice, "createToken", json!([bob])).await;
            assert_eq!(inner(&other)["error"]["error"], "error-not-authorized");
        }
    }
}

#[tokio::test]
async fn rc_5_4_one_token_shares_the_limits_of_one_connection() {
    let workspace = Workspace::with_people(Options::default()).await;
    let (alice, bob) = (
        workspace.log_in("alice").await,
        workspace.log_in("bob").await,
    );
    for _ in 0..10 {
        call(&workspace, &alice, "getRoomRoles", json!(["GENERAL"]))
            .await
            .with(200);
    }
    let refused = call(&workspace, &alice, "getRoomRoles", json!(["GENERAL"])).await;
    refused.with(400);
    let error = inner(&refused)["error"].clone();
    assert_eq!(error["error"], "too-many-requests");
    assert!(error["details"]["timeToReset"].is_i64());
    call(&workspace, &bob, "getRoomRoles", json!(["GENERAL"]))
        .await
        .with(200);
}

#[tokio::test]
async fn rc_5_4_all_anonymous_callers_of_8_x_share_one_bucket() {
    for (manner, shared) in [(Manner::V6, false), (Manner::V87, true)] {
        let workspace = Workspace::with_people(Options::new(manner)).await;
        let body = message("login", &json!([{"resume": "nobody's"}]));
        let mut last = Value::Null;
        for from in 1..=6 {
            let request = workspace.post("/api/v1/method.callAnon/login", &body);
            let answer = request
                .header("X-Forwarded-For", format!("10.0.0.{from}"))
                .answer()
                .await;
            last = inner(&answer)["error"]["error"].clone();
        }
        let expected = if shared {
            json!("too-many-requests")
        } else {
            json!(403)
        };
        assert_eq!(last, expected, "{manner:?}");
    }
}

#[tokio::test]
async fn rc_5_1_the_rest_limiter_leaves_the_tunnel_alone() {
    let workspace = Workspace::with_people(Options::default()).await;
    let alice = workspace.log_in("alice").await;
    let answer = call(&workspace, &alice, "rooms/get", json!([])).await;
    assert_eq!(answer.header("x-ratelimit-limit"), None);
}
