//! Settings of Rocket.Chat that get in the way of people whose only login is the host application's.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Finding, Report, within};
use crate::config::Config;
use crate::config::rocketchat::Mint;
use crate::rocketchat::{Release, RocketChat};
use crate::telemetry::logging::chain;

const ID: &str = "setting";

/// Where the addresses of Rocket.Chat's pages begin.
const SITE_URL: &str = "Site_Url";

/// Mail domains that are let in, and kept out.
const ALLOWED: &str = "Accounts_AllowedDomainsList";
const BLOCKED: &str = "Accounts_BlockedDomainsList";

/// Rocket.Chat's login by a host page.
const IFRAME: &str = "Accounts_iframe_enabled";

/// A setting, the value that fits, and why.
struct Wish {
    id: &'static str,
    fits: Value,
    because: &'static str,
}

pub(super) async fn examine(config: &Config, chat: &RocketChat, release: &Release) -> Report {
    let mut report = Report::default();
    let wishes = wishes(config);
    let mut ids: Vec<&str> = wishes.iter().map(|wish| wish.id).collect();
    ids.extend([SITE_URL, ALLOWED, BLOCKED, IFRAME]);
    ids.extend(iframe(config).map(|wish| wish.id));
    let shown = match within(chat.settings(&ids, release)).await {
        Ok(shown) => shown,
        Err(error) => {
            report.add(Finding::warning(
                ID,
                "",
                format!("settings cannot be read: {}", chain(&error)),
                "see that /api/v1/settings.public is open to the service account",
            ));
            return report;
        }
    };
    let mut findings: Vec<Finding> = wishes
        .iter()
        .filter_map(|wish| wish.judge(&shown))
        .collect();
    findings.extend(site(config, &shown));
    findings.extend(domains(config, &shown));
    if shown.get(IFRAME) == Some(&Value::Bool(true)) {
        findings.extend(iframe(config).iter().filter_map(|wish| wish.judge(&shown)));
    }
    let hidden: Vec<&str> = ids
        .into_iter()
        .filter(|id| !shown.contains_key(*id))
        .collect();
    if !hidden.is_empty() {
        let because = format!("Rocket.Chat does not show {}", hidden.join(", "));
        report.add(Finding::skipped(ID, &because));
    }
    if findings.is_empty() {
        report.add(Finding::ok(ID, "", "those that are shown fit"));
    }
    for finding in findings {
        report.add(finding);
    }
    report
}

impl Wish {
    fn new(id: &'static str, fits: Value, because: &'static str) -> Self {
        Self { id, fits, because }
    }

    fn judge(&self, shown: &BTreeMap<String, Value>) -> Option<Finding> {
        let value = shown.get(self.id).filter(|value| **value != self.fits)?;
        let mend = format!("set {} to {}: {}", self.id, plain(&self.fits), self.because);
        Some(Finding::warning(ID, self.id, plain(value), mend))
    }
}

fn wishes(config: &Config) -> Vec<Wish> {
    let mut wishes = vec![
        Wish::new(
            "Accounts_RegistrationForm",
            json!("Disabled"),
            "accounts come from Gantry",
        ),
        Wish::new(
            "Accounts_ShowFormLogin",
            json!(false),
            "logins come from Gantry",
        ),
        Wish::new(
            "Accounts_PasswordReset",
            json!(false),
            "users have no password there",
        ),
        Wish::new(
            "Accounts_ManuallyApproveNewUsers",
            json!(false),
            "a user pending approval gets no session",
        ),
        Wish::new(
            "Accounts_AllowAnonymousRead",
            json!(false),
            "a request without identity is refused anyway",
        ),
        Wish::new(
            "Accounts_ForgetUserSessionOnWindowClose",
            json!(false),
            "sessions end when the host's do",
        ),
        Wish::new(
            "UTF8_User_Names_Validation",
            json!("[0-9a-zA-Z-_.]+"),
            "usernames are cleaned to this pattern",
        ),
    ];
    wishes.extend(
        [
            "Accounts_TwoFactorAuthentication_By_Email_Auto_Opt_In",
            "Accounts_TwoFactorAuthentication_Enforce_Password_Fallback",
        ]
        .map(|id| {
            let because = "users cannot answer a question for a code or a password of Rocket.Chat";
            Wish::new(id, json!(false), because)
        }),
    );
    if matches!(config.rocketchat.mint, Mint::Password { .. }) {
        wishes.push(Wish::new(
            "Accounts_EmailVerification",
            json!(false),
            "logins of users whose address is not verified are refused",
        ));
    }
    wishes
}

/// What the login by a host page must be set to where it is used at all.
fn iframe(config: &Config) -> [Wish; 3] {
    let at = |path: &str| {
        json!(format!(
            "{}/_gantry/iframe/{path}",
            config.listen.public_url
        ))
    };
    let because = "else Rocket.Chat asks somebody else who is there";
    [
        Wish::new("Accounts_iframe_url", at("page"), because),
        Wish::new("Accounts_Iframe_api_url", at("login"), because),
        Wish::new("Accounts_Iframe_api_method", json!("POST"), because),
    ]
}

fn site(config: &Config, shown: &BTreeMap<String, Value>) -> Option<Finding> {
    let public = config.listen.public_url.to_string();
    let seen = shown.get(SITE_URL).map(plain)?;
    (seen.trim_end_matches('/') != public).then(|| {
        let mend = format!(
            "set Site_Url, or ROOT_URL in Rocket.Chat's environment, to {public}: pages and links lead there"
        );
        Finding::warning(ID, SITE_URL, seen, mend)
    })
}

fn domains(config: &Config, shown: &BTreeMap<String, Value>) -> Option<Finding> {
    let domain = config.users.email_domain.as_str();
    let listed = |id: &str| {
        let list = shown.get(id).map(plain).unwrap_or_default();
        let listed = list.split(',').any(|entry| entry.trim() == domain);
        (list, listed)
    };
    if domain.is_empty() {
        return None;
    }
    let ((allowed, let_in), (blocked, kept_out)) = (listed(ALLOWED), listed(BLOCKED));
    if kept_out {
        let mend =
            format!("take {domain} out of it: users.email_domain gives users such addresses");
        return Some(Finding::warning(ID, BLOCKED, blocked, mend));
    }
    (!allowed.is_empty() && !let_in).then(|| {
        let mend = format!("add {domain} to it: users.email_domain gives users such addresses");
        Finding::warning(ID, ALLOWED, allowed, mend)
    })
}

/// A value as the administration shows it.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) if text.is_empty() => String::new(),
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}
