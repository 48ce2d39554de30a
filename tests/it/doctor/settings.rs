//! Settings of Rocket.Chat: what does not fit is told with the value that does.

use gantry::app::doctor::State;
use lookalike::{Fault, FaultKind, Manner};
use serde_json::{Value, json};

use super::{assert_told, find, report, world};
use crate::support::gateway::PUBLIC_URL;
use crate::support::world::World;

/// What the documentation asks for.
fn right() -> Vec<(&'static str, Value)> {
    vec![
        ("Accounts_RegistrationForm", json!("Disabled")),
        ("Accounts_ShowFormLogin", json!(false)),
        ("Accounts_PasswordReset", json!(false)),
        ("Accounts_ManuallyApproveNewUsers", json!(false)),
        ("Accounts_AllowAnonymousRead", json!(false)),
        (
            "Accounts_TwoFactorAuthentication_By_Email_Auto_Opt_In",
            json!(false),
        ),
        (
            "Accounts_TwoFactorAuthentication_Enforce_Password_Fallback",
            json!(false),
        ),
        ("Site_Url", json!(format!("{PUBLIC_URL}/"))),
    ]
}

async fn set_right(manner: Manner) -> World {
    let world = world(manner).await;
    for (id, value) in right() {
        world.rc.set_setting(id, value);
    }
    world
}

#[tokio::test]
async fn settings_that_fit_are_one_line() {
    for manner in [Manner::V6, Manner::V7, Manner::V87] {
        let world = set_right(manner).await;
        let report = report(&world, |_| ()).await;
        let finding = find(&report, "setting", "");
        assert_eq!(finding.state, State::Ok, "{manner:?}\n{}", report.table());
    }
}

#[tokio::test]
async fn each_setting_that_does_not_fit_is_told_with_the_value_that_does() {
    let table = [
        ("Accounts_RegistrationForm", json!("Public"), "to Disabled"),
        (
            "Accounts_RegistrationForm",
            json!("Secret URL"),
            "to Disabled",
        ),
        ("Accounts_ShowFormLogin", json!(true), "to false"),
        ("Accounts_PasswordReset", json!(true), "to false"),
        (
            "Accounts_ManuallyApproveNewUsers",
            json!(true),
            "gets no session",
        ),
        ("Accounts_AllowAnonymousRead", json!(true), "to false"),
        (
            "Accounts_ForgetUserSessionOnWindowClose",
            json!(true),
            "to false",
        ),
        (
            "UTF8_User_Names_Validation",
            json!("[a-z]+"),
            "[0-9a-zA-Z-_.]+",
        ),
        (
            "Accounts_TwoFactorAuthentication_By_Email_Auto_Opt_In",
            json!(true),
            "to false",
        ),
        (
            "Accounts_TwoFactorAuthentication_Enforce_Password_Fallback",
            json!(true),
            "to false",
        ),
        ("Site_Url", json!("http://localhost:3000"), PUBLIC_URL),
        (
            "Accounts_AllowedDomainsList",
            json!("example.org"),
            "add chat.example.net",
        ),
        (
            "Accounts_BlockedDomainsList",
            json!("a.example, chat.example.net"),
            "take chat.example.net out",
        ),
    ];
    for manner in [Manner::V6, Manner::V87] {
        let world = set_right(manner).await;
        for (id, wrong, mend) in table.clone() {
            let right = right().into_iter().find(|(it, _)| *it == id);
            let right = right.map_or_else(|| default(id), |(_, value)| value);
            world.rc.set_setting(id, wrong);
            let report = report(&world, |config| {
                config.users.email_domain = "chat.example.net".to_owned();
            })
            .await;
            let finding = find(&report, "setting", id);
            assert_eq!(finding.state, State::Warning, "{}", report.table());
            assert!(
                finding.mend.as_deref().unwrap().contains(mend),
                "{finding:?}"
            );
            assert!(!report.has_failed(), "{}", report.table());
            world.rc.set_setting(id, right);
        }
    }
}

fn default(id: &str) -> Value {
    match id {
        "UTF8_User_Names_Validation" => json!("[0-9a-zA-Z-_.]+"),
        "Accounts_ForgetUserSessionOnWindowClose" => json!(false),
        _ => json!(""),
    }
}

#[tokio::test]
async fn a_login_by_a_host_page_that_leads_elsewhere_is_told() {
    let world = set_right(Manner::V87).await;
    world
        .rc
        .set_setting("Accounts_iframe_url", json!("https://old.example.com"));
    let told = report(&world, |_| ()).await;
    assert_eq!(find(&told, "setting", "").state, State::Ok);
    world.rc.set_setting("Accounts_iframe_enabled", json!(true));
    let told = report(&world, |_| ()).await;
    let finding = find(&told, "setting", "Accounts_iframe_url");
    let page = format!("{PUBLIC_URL}/_gantry/iframe/page");
    assert!(finding.mend.as_deref().unwrap().contains(&page));
}

#[tokio::test]
async fn settings_that_cannot_be_read_are_a_warning() {
    let world = World::plain().await;
    let kind = FaultKind::Status(500, "{}".to_owned());
    world
        .rc
        .fault(Fault::always("/api/v1/settings.public", kind));
    let told = report(&world, |_| ()).await;
    assert_told(&told, "setting", State::Warning, "settings.public");
    assert!(!told.has_failed(), "{}", told.table());
}
