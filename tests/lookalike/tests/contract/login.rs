//! RC §2.1, §2.2, §2.4, §1.5: login by REST, its refusals, the second factor, logout.

use std::time::Duration;

use lookalike::{Manner, NewUser};
use serde_json::{Value, json};

use crate::support::{Answer, Credentials, MANNERS, RequestExt as _, Workspace};

const OTP: &[u8] = b"12345678901234567890";

async fn alice(manner: Manner) -> Workspace {
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

async fn login(workspace: &Workspace, body: Value) -> Answer {
    workspace.post("/api/v1/login", &body).answer().await
}

fn credentials(answer: &Value) -> Credentials {
    Credentials {
        user_id: answer["data"]["userId"].as_str().unwrap().to_owned(),
        token: answer["data"]["authToken"].as_str().unwrap().to_owned(),
    }
}

fn code(workspace: &Workspace) -> String {
    let now = workspace
        .rc
        .now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let totp = totp_rs::Builder::new()
        .with_secret(OTP.to_vec())
        .build_noncompliant();
    totp.generate(now).to_string()
}

#[tokio::test]
async fn rc_2_1_every_form_of_password_login_mints_a_token() {
    let digest = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";
    for manner in MANNERS {
        let workspace = alice(manner).await;
        for body in [
            json!({"user": "alice", "password": "secret"}),
            json!({"user": "alice@example.org", "password": "secret"}),
            json!({"username": "alice", "password": "secret"}),
            json!({"email": "alice@example.org", "password": "secret"}),
            json!({"user": "alice", "password": {"digest": digest, "algorithm": "sha-256"}}),
        ] {
            let answer = login(&workspace, body).await.with(200);
            assert_eq!(answer["status"], "success");
            let success = (manner != Manner::V6).then_some(Value::Bool(true));
            assert_eq!(answer.get("success"), success.as_ref());
            assert_eq!(answer["data"]["me"]["username"], "alice");
            let me = workspace
                .get("/api/v1/me")
                .by(&credentials(&answer))
                .answer()
                .await;
            assert_eq!(me.with(200)["username"], "alice");
        }
        assert_eq!(workspace.rc.user("alice").unwrap().live_tokens.len(), 5);
    }
}

#[tokio::test]
async fn rc_2_1_resume_answers_the_same_token_and_mints_nothing() {
    let workspace = alice(Manner::V87).await;
    let first = login(&workspace, json!({"user": "alice", "password": "secret"}))
        .await
        .with(200);
    let token = credentials(&first).token;
    let again = login(&workspace, json!({"resume": token})).await.with(200);
    assert_eq!(credentials(&again).token, token);
    assert_eq!(workspace.rc.user("alice").unwrap().tokens_minted, 1);
}

#[tokio::test]
async fn rc_2_1_a_refused_login_is_a_401_with_a_number_or_a_code() {
    for manner in MANNERS {
        let workspace = alice(manner).await;
        let check = async |body: Value, error: Value| {
            let answer = login(&workspace, body).await.with(401);
            assert_eq!(answer["status"], "error");
            assert_eq!(answer["error"], error);
            let success = (manner != Manner::V6).then_some(Value::Bool(false));
            assert_eq!(answer.get("success"), success.as_ref());
        };
        check(json!({"user": "alice", "password": "wrong"}), json!(403)).await;
        check(
            json!({"user": "nobody", "password": "x"}),
            json!("Unauthorized"),
        )
        .await;
        check(json!({"resume": "gone"}), json!(403)).await;
        check(json!({"strange": true}), json!(400)).await;
    }
}

#[tokio::test]
async fn rc_2_2_state_of_the_user_refuses_after_the_credential_held() {
    let workspace = alice(Manner::V87).await;
    let check = async |name: &str, user: NewUser, error: &str| {
        let password = Some("secret".to_owned());
        workspace.rc.add_user(NewUser {
            username: name.to_owned(),
            password,
            ..user
        });
        let wrong = login(&workspace, json!({"user": name, "password": "wrong"}))
            .await
            .with(401);
        assert_eq!(wrong["error"], 403);
        let right = login(&workspace, json!({"user": name, "password": "secret"}))
            .await
            .with(401);
        assert_eq!(right["error"], error);
    };
    let plain = NewUser::new;
    let app = NewUser {
        user_type: "app".to_owned(),
        ..plain("x")
    };
    check("app", app, "error-app-user-is-not-allowed-to-login").await;
    check(
        "off",
        NewUser {
            active: false,
            ..plain("x")
        },
        "error-user-is-not-activated",
    )
    .await;
    check(
        "bare",
        NewUser {
            roles: vec![],
            ..plain("x")
        },
        "error-user-has-no-roles",
    )
    .await;
    let verified = NewUser {
        email: Some("v@example.org".to_owned()),
        verified: true,
        ..plain("x")
    };
    check("verified", verified, "totp-required").await;
    workspace
        .rc
        .set_setting("Accounts_EmailVerification", json!(true));
    check("unverified", plain("x"), "error-invalid-email").await;
}

#[tokio::test]
async fn rc_1_5_a_login_with_totp_wants_a_code_in_body_or_header() {
    for manner in MANNERS {
        let workspace = alice(manner).await;
        workspace.rc.set_totp("alice", Some(OTP));
        let challenge = login(&workspace, json!({"user": "alice", "password": "secret"})).await;
        let challenge = challenge.with(401);
        assert_eq!(challenge["error"], "totp-required");
        assert_eq!(
            challenge["details"],
            json!({"method": "totp", "codeGenerated": false, "availableMethods": ["totp"]})
        );
        let body = json!({"user": "alice", "password": "secret", "code": code(&workspace)});
        login(&workspace, body).await.with(200);
        let request = workspace.post(
            "/api/v1/login",
            &json!({"user": "alice", "password": "secret"}),
        );
        request
            .header("X-2fa-code", code(&workspace))
            .answer()
            .await
            .with(200);
        let body = json!({"user": "alice", "password": "secret", "code": "000000"});
        assert_eq!(
            login(&workspace, body).await.with(401)["error"],
            "totp-invalid"
        );
    }
}

#[tokio::test]
async fn rc_1_5_the_mailed_code_works_once() {
    let workspace = alice(Manner::V87).await;
    workspace.rc.add_user(NewUser {
        email: Some("mail@example.org".to_owned()),
        verified: true,
        password: Some("secret".to_owned()),
        ..NewUser::new("mail")
    });
    let body = json!({"user": "mail", "password": "secret"});
    let challenge = login(&workspace, body).await.with(401);
    assert_eq!(challenge["details"]["method"], "email");
    assert_eq!(challenge["details"]["codeGenerated"], true);
    let mailed = workspace.rc.mailed_code("mail").unwrap();
    let body = json!({"user": "mail", "password": "secret", "code": mailed});
    login(&workspace, body.clone()).await.with(200);
    assert_eq!(
        login(&workspace, body).await.with(401)["error"],
        "totp-invalid"
    );
}

#[tokio::test]
async fn rc_2_4_logout_ends_the_one_token_and_a_second_call_is_a_401() {
    for manner in MANNERS {
        let workspace = alice(manner).await;
        let body = json!({"user": "alice", "password": "secret"});
        let ended = credentials(&login(&workspace, body.clone()).await.with(200));
        let other = credentials(&login(&workspace, body).await.with(200));
        let logout = || workspace.post("/api/v1/logout", &json!({})).by(&ended);
        let expected = json!({"status": "success", "data": {"message": "You've been logged out!"}});
        assert_eq!(logout().answer().await.with(200), expected);
        logout().answer().await.with(401);
        assert_eq!(workspace.rc.live_tokens("alice"), [other.token]);
    }
}

#[tokio::test]
async fn rc_2_4_logout_works_by_get_and_on_personal_access_tokens() {
    let workspace = alice(Manner::V87).await;
    let service = workspace.service();
    workspace
        .get("/api/v1/logout")
        .by(&service)
        .answer()
        .await
        .with(200);
    workspace
        .get("/api/v1/me")
        .by(&service)
        .answer()
        .await
        .with(401);
}

#[tokio::test]
async fn rc_5_5_failures_block_the_user_and_then_the_address() {
    let workspace = alice(Manner::V87).await;
    let from = async |address: &str, user: &str, password: &str| {
        let body = json!({"user": user, "password": password});
        let request = workspace
            .post("/api/v1/login", &body)
            .header("X-Forwarded-For", address);
        request.answer().await
    };
    for _ in 0..10 {
        assert_eq!(
            from("198.51.100.1", "alice", "wrong").await.with(401)["error"],
            403
        );
    }
    let blocked = from("198.51.100.2", "alice", "secret").await.with(401);
    assert_eq!(blocked["error"], "error-login-blocked-for-user");
    for attempt in 0..50 {
        from("198.51.100.3", &format!("nobody{attempt}"), "x")
            .await
            .with(401);
    }
    workspace.rc.add_user(NewUser {
        password: Some("p".to_owned()),
        ..NewUser::new("bob")
    });
    let blocked = from("198.51.100.3", "bob", "p").await.with(401);
    assert_eq!(blocked["error"], "error-login-blocked-for-ip");
    from("198.51.100.4", "bob", "p").await.with(200);
    workspace.rc.advance(Duration::from_secs(5 * 60));
    from("198.51.100.3", "bob", "p").await.with(200);
    from("198.51.100.2", "alice", "secret").await.with(200);
}

#[tokio::test]
async fn rc_5_5_bad_resumes_count_refused_headers_do_not_and_the_whitelist_is_spared() {
    let workspace = alice(Manner::V87).await;
    let stale = Credentials {
        user_id: "x".to_owned(),
        token: "y".to_owned(),
    };
    for _ in 0..50 {
        workspace
            .get("/api/v1/me")
            .by(&stale)
            .answer()
            .await
            .with(401);
    }
    let body = json!({"user": "alice", "password": "secret"});
    login(&workspace, body.clone()).await.with(200);
    for _ in 0..50 {
        login(&workspace, json!({"resume": "stale"}))
            .await
            .with(401);
    }
    let blocked = login(&workspace, body.clone()).await.with(401);
    assert_eq!(blocked["error"], "error-login-blocked-for-ip");
    let whitelist = "Block_Multiple_Failed_Logins_Ip_Whitelist";
    workspace
        .rc
        .set_setting(whitelist, json!("192.0.2.1, 127.0.0.1"));
    login(&workspace, body).await.with(200);
}
