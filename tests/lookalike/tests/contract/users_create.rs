//! RC §4: `users.create`, its checks in their order, its duplicates and races.

use lookalike::{Latch, Manner, NewUser, Options};
use serde_json::{Value, json};

use crate::support::{Answer, MANNERS, RequestExt as _, Workspace};

const PATH: &str = "/api/v1/users.create";

fn body(username: &str) -> Value {
    json!({
        "username": username,
        "name": "Alice A.",
        "email": format!("{username}@example.org"),
        "password": "correct horse battery staple",
    })
}

async fn create(workspace: &Workspace, body: &Value) -> Answer {
    workspace
        .post(PATH, body)
        .by(&workspace.service())
        .answer()
        .await
}

async fn refused(workspace: &Workspace, change: Value) -> Value {
    let mut body = body("alice");
    let Value::Object(change) = change else {
        panic!("{change} is no object")
    };
    for (key, value) in change {
        body[key] = value;
    }
    let answer = create(workspace, &body).await.with(400);
    assert_eq!(answer["success"], false);
    answer
}

#[tokio::test]
async fn rc_4_1_a_user_is_made_with_the_defaults_of_the_workspace() {
    for manner in MANNERS {
        let workspace = Workspace::of(manner).await;
        let answer = create(&workspace, &body("alice")).await.with(200);
        assert_eq!(answer["user"]["username"], "alice");
        assert_eq!(answer["user"].get("services"), None);
        let alice = workspace.rc.user("alice").unwrap();
        assert_eq!(answer["user"]["_id"], alice.id);
        assert_eq!(
            (alice.roles.as_slice(), alice.active),
            (&["user".to_owned()][..], true)
        );
        assert!(alice.by_api && alice.live_tokens.is_empty());
        assert!(!alice.emails[0].verified);
    }
}

#[tokio::test]
async fn rc_4_1_the_answer_is_poor_without_the_permission_to_see_others() {
    let workspace = Workspace::of(Manner::V87).await;
    assert!(
        create(&workspace, &body("alice")).await.with(200)["user"]
            .get("emails")
            .is_some()
    );
    workspace.rc.revoke_permission("view-full-other-user-info");
    let poor = create(&workspace, &body("bob")).await.with(200);
    assert_eq!(poor["user"].get("emails"), None);
    assert_eq!(poor["user"].get("roles"), None);
}

#[tokio::test]
async fn rc_4_1_the_schema_is_strict() {
    let workspace = Workspace::of(Manner::V87).await;
    for change in [
        json!({"extra": 1}),
        json!({"verified": "maybe"}),
        json!({"roles": {}}),
    ] {
        assert_eq!(
            refused(&workspace, change).await["errorType"],
            "invalid-params"
        );
    }
    let mut without_password = body("alice");
    without_password.as_object_mut().unwrap().remove("password");
    let answer = create(&workspace, &without_password).await.with(400);
    assert_eq!(answer["errorType"], "invalid-params");
    assert_eq!(workspace.rc.created_users(), []);
}

#[tokio::test]
async fn rc_4_3_every_rule_has_its_error() {
    let workspace = Workspace::of(Manner::V87).await;
    workspace.rc.add_user(NewUser {
        email: Some("taken@example.org".to_owned()),
        ..NewUser::new("Taken")
    });
    workspace
        .rc
        .set_setting("Accounts_BlockedDomainsList", json!("blocked.test"));
    let check = async |change: Value, error_type: &str| {
        assert_eq!(
            refused(&workspace, change.clone()).await["errorType"],
            error_type,
            "{change}"
        );
    };
    check(json!({"roles": ["nosuchrole"]}), "error-action-not-allowed").await;
    check(json!({"roles": ["admin"]}), "error-action-not-allowed").await;
    check(json!({"name": ""}), "error-the-field-is-required").await;
    check(json!({"username": ""}), "error-the-field-is-required").await;
    check(json!({"password": ""}), "error-the-field-is-required").await;
    check(
        json!({"username": "a b"}),
        "error-input-is-not-a-valid-field",
    )
    .await;
    check(
        json!({"username": "alice+x@y"}),
        "error-input-is-not-a-valid-field",
    )
    .await;
    check(json!({"username": "all"}), "error-blocked-username").await;
    check(
        json!({"username": "Administrator"}),
        "error-blocked-username",
    )
    .await;
    check(json!({"username": "tAKEN"}), "error-field-unavailable").await;
    check(
        json!({"email": "TAKEN@example.org"}),
        "error-field-unavailable",
    )
    .await;
    check(json!({"email": "nonsense"}), "error-invalid-email").await;
    check(
        json!({"email": "a@blocked.test"}),
        "error-email-domain-blacklisted",
    )
    .await;
    check(
        json!({"email": "a@mailinator.com"}),
        "error-email-domain-blacklisted",
    )
    .await;
    workspace
        .rc
        .set_setting("Accounts_AllowedDomainsList", json!("corp.test"));
    check(json!({}), "error-invalid-domain").await;
    workspace.rc.revoke_permission("create-user");
    check(json!({}), "error-action-not-allowed").await;
    assert_eq!(workspace.rc.created_users(), []);
}

#[tokio::test]
async fn rc_4_3_a_name_with_markup_is_a_plain_failure() {
    let workspace = Workspace::of(Manner::V87).await;
    let answer = refused(&workspace, json!({"name": "<b>"})).await;
    assert_eq!(
        answer,
        json!({"success": false, "error": "Name contains invalid characters"})
    );
}

#[tokio::test]
async fn rc_4_3_details_of_a_taken_field_hold_the_value() {
    let workspace = Workspace::of(Manner::V87).await;
    workspace.rc.add_user(NewUser::new("alice"));
    let answer = refused(&workspace, json!({})).await;
    assert_eq!(answer["details"]["field"], "alice");
    assert_eq!(
        answer["error"],
        "alice is already in use :( [error-field-unavailable]"
    );
}

#[tokio::test]
async fn rc_4_3_custom_fields_follow_their_setting() {
    let workspace = Workspace::of(Manner::V87).await;
    let rules = json!({"team": {"required": true, "options": ["red", "blue"]}}).to_string();
    workspace
        .rc
        .set_setting("Accounts_CustomFields", json!(rules));
    let answer = refused(&workspace, json!({"customFields": {"team": "green"}})).await;
    assert_eq!(answer["errorType"], "error-user-registration-custom-field");
    let mut good = body("alice");
    good["customFields"] = json!({"team": "red"});
    create(&workspace, &good).await.with(200);
    assert_eq!(
        workspace.rc.user("alice").unwrap().more["customFields"],
        json!({"team": "red"})
    );
}

#[tokio::test]
async fn rc_4_3_a_failed_mail_leaves_the_user_behind() {
    let workspace = Workspace::of(Manner::V87).await;
    let answer = refused(&workspace, json!({"sendWelcomeEmail": true})).await;
    assert_eq!(answer["errorType"], "error-email-send-failed");
    assert!(workspace.rc.user("alice").is_some());
}

#[tokio::test]
async fn rc_4_3_seats_are_counted() {
    let seats = Workspace::of(Manner::V87).await.rc.users().len();
    let options = Options {
        seats: Some(seats),
        ..Options::default()
    };
    let workspace = Workspace::start(options).await;
    create(&workspace, &body("first")).await.with(200);
    let answer = refused(&workspace, json!({})).await;
    assert_eq!(answer["errorType"], "error-license-user-limit-reached");
}

#[tokio::test]
async fn rc_4_4_of_racing_creates_one_wins_and_the_others_get_the_number_403() {
    let workspace = Workspace::of(Manner::V87).await;
    let latch = Latch::new();
    workspace.rc.hold_creates(Some(latch.clone()));
    let body = body("alice");
    let (first, second, ()) = tokio::join!(
        create(&workspace, &body),
        create(&workspace, &body),
        async {
            latch.until_arrived(2).await;
            latch.open();
        }
    );
    let (won, lost) = if first.status == 200 {
        (first, second)
    } else {
        (second, first)
    };
    won.with(200);
    let lost = lost.with(400);
    assert_eq!(lost["errorType"], json!(403));
    assert_eq!(lost["error"], "Username already exists. [403]");
    assert_eq!(workspace.rc.created_users().len(), 1);
}

#[tokio::test]
async fn rc_4_4_an_address_taken_in_the_window_is_told_so() {
    let workspace = Workspace::of(Manner::V87).await;
    let latch = Latch::new();
    workspace.rc.hold_creates(Some(latch.clone()));
    let body = body("alice");
    let (answer, ()) = tokio::join!(create(&workspace, &body), async {
        latch.until_arrived(1).await;
        let email = Some("alice@example.org".to_owned());
        workspace.rc.add_user(NewUser {
            email,
            ..NewUser::new("bob")
        });
        latch.open();
    });
    assert_eq!(answer.with(400)["error"], "Email already exists. [403]");
}

#[tokio::test]
async fn rc_4_4_a_variant_in_case_that_came_in_the_window_rolls_the_later_one_back() {
    let workspace = Workspace::of(Manner::V87).await;
    let latch = Latch::new();
    workspace.rc.hold_creates(Some(latch.clone()));
    let body = body("alice");
    let (answer, ()) = tokio::join!(create(&workspace, &body), async {
        latch.until_arrived(1).await;
        workspace.rc.add_user(NewUser::new("ALICE"));
        latch.open();
    });
    assert_eq!(answer.with(400)["errorType"], json!(403));
    assert_eq!(workspace.rc.user("alice"), None);
    assert!(workspace.rc.user("ALICE").is_some());
}

#[tokio::test]
async fn rc_4_5_manual_approval_makes_the_user_inactive() {
    let workspace = Workspace::of(Manner::V87).await;
    workspace
        .rc
        .set_setting("Accounts_ManuallyApproveNewUsers", json!(true));
    create(&workspace, &body("alice")).await.with(200);
    let alice = workspace.rc.user("alice").unwrap();
    assert!(!alice.active);
    assert_eq!(alice.more["inactiveReason"], "pending_approval");
}

#[tokio::test]
async fn rc_4_5_a_verified_address_brings_mailed_codes_to_password_logins() {
    let workspace = Workspace::of(Manner::V87).await;
    let mut body = body("alice");
    body["verified"] = json!(true);
    create(&workspace, &body).await.with(200);
    let login = json!({"user": "alice", "password": body["password"]});
    let challenge = workspace
        .post("/api/v1/login", &login)
        .answer()
        .await
        .with(401);
    assert_eq!(challenge["error"], "totp-required");
    assert_eq!(challenge["details"]["method"], "email");
}

#[tokio::test]
async fn rc_1_3_registering_with_credentials_fails_on_8x_and_is_limited_to_one_a_minute() {
    let register = json!({
        "username": "alice", "name": "Alice", "email": "alice@example.org", "pass": "secret",
    });
    let workspace = Workspace::of(Manner::V87).await;
    workspace.rc.revoke_permission("api-bypass-rate-limit");
    let request = || workspace.post("/api/v1/users.register", &register);
    let refused = request().by(&workspace.service()).answer().await.with(400);
    assert_eq!(refused["error"], "Logged in users can not register again.");
    request().answer().await.with(429);
    let workspace = Workspace::of(Manner::V6).await;
    let request = workspace
        .post("/api/v1/users.register", &register)
        .by(&workspace.service());
    request.answer().await.with(200);
}

#[tokio::test]
async fn three_hundred_creates_at_once_make_three_hundred_users() {
    let workspace = Workspace::of(Manner::V87).await;
    let bodies: Vec<Value> = (0..300).map(|n| body(&format!("user{n}"))).collect();
    let creates = bodies.iter().map(|body| create(&workspace, body));
    let answers = futures_util::future::join_all(creates).await;
    assert!(answers.iter().all(|answer| answer.status == 200));
    assert_eq!(workspace.rc.created_users().len(), 300);
}
