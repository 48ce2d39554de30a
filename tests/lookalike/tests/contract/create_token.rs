//! RC §3: `users.createToken` in its regimes, the cap, and how tokens age and go.

use std::time::Duration;

use lookalike::{CreateToken, Manner, NewUser, Options};
use serde_json::{Value, json};

use crate::support::{Answer, Credentials, MANNERS, RequestExt as _, Workspace};

const DAY: u64 = 86_400;

async fn workspace(options: Options) -> Workspace {
    let workspace = Workspace::start(options).await;
    workspace.rc.add_user(NewUser::new("alice"));
    workspace
}

fn alice(workspace: &Workspace) -> String {
    workspace.rc.user("alice").unwrap().id
}

fn good_body(workspace: &Workspace, manner: Manner) -> Value {
    match manner {
        Manner::V6 | Manner::V7 => json!({"userId": alice(workspace)}),
        Manner::V80 | Manner::V87 => {
            json!({"userId": alice(workspace), "secret": Options::SECRET})
        }
    }
}

async fn create_token(workspace: &Workspace, who: &Credentials, body: &Value) -> Answer {
    workspace
        .post("/api/v1/users.createToken", body)
        .by(who)
        .answer()
        .await
}

async fn minted(workspace: &Workspace, manner: Manner) -> Credentials {
    let body = good_body(workspace, manner);
    let answer = create_token(workspace, &workspace.service(), &body)
        .await
        .with(200);
    Credentials {
        user_id: answer["data"]["userId"].as_str().unwrap().to_owned(),
        token: answer["data"]["authToken"].as_str().unwrap().to_owned(),
    }
}

async fn probe(workspace: &Workspace, who: &Credentials) -> u16 {
    workspace
        .get("/api/v1/gantry-test.echo")
        .by(who)
        .answer()
        .await
        .status
        .as_u16()
}

#[tokio::test]
async fn rc_3_2_a_minted_token_works_at_once_in_every_manner() {
    for manner in MANNERS {
        let workspace = workspace(Options::new(manner)).await;
        let credentials = minted(&workspace, manner).await;
        assert_eq!(credentials.user_id, alice(&workspace));
        assert_eq!(credentials.token.len(), 43);
        assert_eq!(probe(&workspace, &credentials).await, 200);
        assert_eq!(workspace.rc.live_tokens("alice"), [credentials.token]);
    }
}

#[tokio::test]
async fn rc_3_2_create_token_takes_one_of_three_names_below_8() {
    for manner in [Manner::V6, Manner::V7] {
        let workspace = workspace(Options::new(manner)).await;
        let service = workspace.service();
        for body in [json!({"username": "alice"}), json!({"user": "alice"})] {
            create_token(&workspace, &service, &body).await.with(200);
        }
        let refused = create_token(&workspace, &service, &json!({"userId": "nobody"})).await;
        assert_eq!(refused.with(400)["errorType"], "error-invalid-user");
        let refused = create_token(&workspace, &service, &json!({}))
            .await
            .with(400);
        assert_eq!(refused["errorType"], "error-user-param-not-provided");
    }
}

#[tokio::test]
async fn rc_3_2_create_token_refuses_any_other_key_on_8x() {
    for manner in [Manner::V80, Manner::V87] {
        let workspace = workspace(Options::new(manner)).await;
        let service = workspace.service();
        let secret = Options::SECRET;
        for body in [
            json!({"userId": alice(&workspace)}),
            json!({"userId": alice(&workspace), "secret": ""}),
            json!({"username": "alice", "secret": secret}),
            json!({"userId": alice(&workspace), "secret": secret, "username": "alice"}),
            json!({}),
        ] {
            let refused = create_token(&workspace, &service, &body).await.with(400);
            assert_eq!(refused["errorType"], "invalid-params", "{body}");
        }
        assert_eq!(workspace.rc.user("alice").unwrap().tokens_minted, 0);
    }
}

#[tokio::test]
async fn rc_3_3_environment_secret_and_permission_refuse_alike() {
    let check = async |options: Options, body: Value, revoked: bool| {
        let (manner, below_8) = (options.manner, options.manner < Manner::V80);
        let workspace = workspace(options).await;
        if revoked {
            workspace.rc.revoke_permission("user-generate-access-token");
        }
        let mut body = body;
        if body.get("userId").is_none() {
            body["userId"] = json!(alice(&workspace));
        }
        let refused = create_token(&workspace, &workspace.service(), &body)
            .await
            .with(400);
        let mut expected = json!({
            "success": false,
            "error": "Not authorized [error-not-authorized]",
            "errorType": "error-not-authorized",
        });
        if below_8 {
            expected["details"] = json!({"method": "createToken"});
        }
        assert_eq!(refused, expected, "{manner:?}");
    };
    let off = |manner| Options {
        create_token: CreateToken::Off,
        ..Options::new(manner)
    };
    let secret = json!({"secret": Options::SECRET});
    for manner in MANNERS {
        let body = if manner < Manner::V80 {
            json!({})
        } else {
            secret.clone()
        };
        check(off(manner), body, false).await;
    }
    check(Options::new(Manner::V80), json!({"secret": "wrong"}), false).await;
    check(Options::new(Manner::V87), json!({"secret": "wrong"}), false).await;
    check(Options::new(Manner::V87), secret.clone(), true).await;
    check(Options::new(Manner::V6), json!({}), true).await;
    check(
        Options::new(Manner::V87),
        json!({"userId": "nobody", "secret": "wrong"}),
        false,
    )
    .await;
}

#[tokio::test]
async fn rc_3_2_from_8_0_to_8_6_no_permission_is_asked_and_oneself_never_needs_it() {
    let early = workspace(Options::new(Manner::V80)).await;
    early.rc.revoke_permission("user-generate-access-token");
    minted(&early, Manner::V80).await;
    for manner in MANNERS {
        let workspace = workspace(Options::new(manner)).await;
        let own = minted(&workspace, manner).await;
        let body = good_body(&workspace, manner);
        create_token(&workspace, &own, &body).await.with(200);
    }
}

#[tokio::test]
async fn rc_3_3_an_unknown_user_is_told_apart_on_8x() {
    let workspace = workspace(Options::default()).await;
    let body = json!({"userId": "nobody", "secret": Options::SECRET});
    let refused = create_token(&workspace, &workspace.service(), &body)
        .await
        .with(400);
    assert_eq!(refused["errorType"], "error-invalid-user");
}

#[tokio::test]
async fn rc_3_3_minting_for_the_deactivated_succeeds_and_the_token_works_on_rest() {
    let workspace = workspace(Options::default()).await;
    workspace.rc.set_active("alice", false);
    let credentials = minted(&workspace, Manner::V87).await;
    assert_eq!(probe(&workspace, &credentials).await, 200);
}

#[tokio::test]
async fn rc_3_4_the_51st_token_evicts_the_oldest_and_spares_personal_ones() {
    let workspace = workspace(Options::default()).await;
    let first = minted(&workspace, Manner::V87).await;
    workspace.rc.advance(Duration::from_secs(1));
    let body = json!({"tokenName": "kept"});
    let path = "/api/v1/users.generatePersonalAccessToken";
    let personal = workspace
        .post(path, &body)
        .by(&first)
        .answer()
        .await
        .with(200);
    let personal = personal["token"].as_str().unwrap().to_owned();
    for _ in 1..50 {
        minted(&workspace, Manner::V87).await;
    }
    assert_eq!(probe(&workspace, &first).await, 200);
    let last = minted(&workspace, Manner::V87).await;
    assert_eq!(probe(&workspace, &first).await, 401);
    assert_eq!(probe(&workspace, &last).await, 200);
    let personal = Credentials {
        token: personal,
        ..last
    };
    assert_eq!(probe(&workspace, &personal).await, 200);
    assert_eq!(workspace.rc.live_tokens("alice").len(), 50);
    assert_eq!(workspace.rc.user("alice").unwrap().tokens_minted, 51);
}

#[tokio::test]
async fn rc_3_5_rest_honours_an_expired_token_until_the_cleanup_has_run() {
    let workspace = workspace(Options::default()).await;
    // The job's first look sets its rhythm, so the token is made somewhat after one of its runs.
    assert_eq!(probe(&workspace, &workspace.service()).await, 200);
    workspace.rc.advance(Duration::from_secs(60));
    let credentials = minted(&workspace, Manner::V87).await;
    workspace.rc.advance(Duration::from_secs(90 * DAY - 60));
    assert_eq!(probe(&workspace, &credentials).await, 200);
    workspace.rc.advance(Duration::from_secs(120));
    assert_eq!(
        probe(&workspace, &credentials).await,
        200,
        "over age, not cleaned up"
    );
    let resume = json!({"resume": credentials.token});
    let expired = workspace
        .post("/api/v1/login", &resume)
        .answer()
        .await
        .with(401);
    assert_eq!(
        expired["message"],
        "Your session has expired. Please log in again."
    );
    workspace.rc.advance(Duration::from_secs(600));
    assert_eq!(probe(&workspace, &credentials).await, 401);
    assert_eq!(
        probe(&workspace, &workspace.service()).await,
        200,
        "personal tokens never expire"
    );
}

#[tokio::test]
async fn rc_3_5_the_expiration_setting_counts_from_the_making_and_nonsense_is_90_days() {
    let workspace = workspace(Options::default()).await;
    let credentials = minted(&workspace, Manner::V87).await;
    workspace
        .rc
        .set_setting("Accounts_LoginExpiration", json!(0));
    workspace.rc.advance(Duration::from_secs(2 * DAY));
    assert_eq!(probe(&workspace, &credentials).await, 200);
    workspace
        .rc
        .set_setting("Accounts_LoginExpiration", json!(1));
    workspace.rc.advance(Duration::from_secs(601));
    assert_eq!(probe(&workspace, &credentials).await, 401);
}

#[tokio::test]
async fn rc_3_4_an_unsettled_token_is_refused_for_its_first_use() {
    let options = Options {
        unsettled_uses: 1,
        ..Options::default()
    };
    let workspace = workspace(options).await;
    let credentials = minted(&workspace, Manner::V87).await;
    assert_eq!(probe(&workspace, &credentials).await, 401);
    assert_eq!(probe(&workspace, &credentials).await, 200);
}

#[tokio::test]
async fn rc_1_5_two_factor_on_minting_is_skipped_by_the_bypassing_token_only() {
    let options = Options {
        two_factor_on_users: true,
        ..Options::default()
    };
    let workspace = workspace(options).await;
    minted(&workspace, Manner::V87).await;
    workspace.rc.set_totp(
        &workspace.rc.service_username(),
        Some(b"12345678901234567890"),
    );
    minted(&workspace, Manner::V87).await;
    let service = workspace.service();
    let path = "/api/v1/users.generatePersonalAccessToken";
    let body = json!({"tokenName": "plain"});
    let plain = workspace
        .post(path, &body)
        .by(&service)
        .answer()
        .await
        .with(200);
    let plain = Credentials {
        token: plain["token"].as_str().unwrap().to_owned(),
        ..service
    };
    let body = good_body(&workspace, Manner::V87);
    let challenge = create_token(&workspace, &plain, &body).await.with(400);
    assert_eq!(challenge["errorType"], "totp-required");
    assert_eq!(challenge["details"]["method"], "totp");
}
