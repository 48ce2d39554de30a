//! Rocket.Chat: is it there, which one is it, does it take the service account, what may that do, and does minting work?

use super::{Finding, Report, within};
use crate::config::Config;
use crate::config::rocketchat::{Mint, Regime, VersionSetting};
use crate::rocketchat::{Account, ApiError, Release, RocketChat};

/// Major versions that Gantry is made for.
const SUPPORTED: [&str; 3] = ["6", "7", "8"];

pub(super) async fn examine(config: &Config, chat: &RocketChat, report: &mut Report) {
    let release = match chat.release().await {
        Ok(release) => release,
        Err(error) => {
            report.add(Finding::failed(
                "rocketchat-reachable",
                "",
                error.to_string(),
                "check rocketchat.url, and that Rocket.Chat runs and is open to this host",
            ));
            for id in [
                "rocketchat-version",
                "service-account",
                "permission",
                "minting",
            ] {
                report.add(Finding::skipped(id, "Rocket.Chat does not answer"));
            }
            return;
        }
    };
    report.add(Finding::ok("rocketchat-reachable", "", "answers"));
    report.add(version(config, &release));
    let account = match chat.own_account().await {
        Ok(account) => account,
        Err(error) => {
            report.add(Finding::failed(
                "service-account",
                "",
                error.to_string(),
                chat.complaint().unwrap_or(
                    "check rocketchat.service_account and what stands before Rocket.Chat",
                ),
            ));
            for id in ["permission", "minting"] {
                report.add(Finding::skipped(id, "the service account is not taken"));
            }
            return;
        }
    };
    report.add(roles(&account));
    permissions(config, chat, &release, &account, report).await;
    report.add(minting(config, chat, &release, &account).await);
}

fn version(config: &Config, release: &Release) -> Finding {
    let id = "rocketchat-version";
    let version = &release.version;
    let Some(regime) = release.regime else {
        return Finding::failed(
            id,
            "",
            "the version cannot be read",
            "set rocketchat.version, and see what stands before Rocket.Chat",
        );
    };
    if let VersionSetting::Fixed(set) = config.rocketchat.version
        && set != regime
    {
        return Finding::failed(
            id,
            "",
            format!("{version}, which rocketchat.version does not fit"),
            "set rocketchat.version to auto",
        );
    }
    let major = version.split('.').next().unwrap_or_default();
    if !SUPPORTED.contains(&major) {
        return Finding::warning(
            id,
            "",
            format!("{version}, which Gantry was not made for"),
            "run Rocket.Chat 6, 7 or 8",
        );
    }
    Finding::ok(id, "", version.as_str())
}

fn roles(account: &Account) -> Finding {
    let held = account.roles.join(", ");
    if account.roles.iter().any(|role| role == "admin") {
        return Finding::warning(
            "service-account",
            "",
            format!("accepted, with the roles {held}"),
            "take the role admin away; give a role of its own the permissions that it needs",
        );
    }
    Finding::ok(
        "service-account",
        "",
        format!("accepted, with the roles {held}"),
    )
}

async fn permissions(
    config: &Config,
    chat: &RocketChat,
    release: &Release,
    account: &Account,
    report: &mut Report,
) {
    let held = match chat.permissions_of(&account.roles).await {
        Ok(held) => held,
        Err(error) => {
            report.add(Finding::warning(
                "permission",
                "",
                format!("Rocket.Chat does not tell what the roles permit: {error}"),
                "see that /api/v1/permissions.listAll is open to the service account",
            ));
            return;
        }
    };
    let creates_tokens = matches!(config.rocketchat.mint, Mint::CreateToken);
    let asked_of_minters = release.regime != Some(Regime::Secret);
    let needs = [
        ("create-user", config.users.provision, true),
        (
            "user-generate-access-token",
            creates_tokens && asked_of_minters,
            true,
        ),
        ("view-full-other-user-info", true, true),
        ("edit-other-user-info", config.users.sync_profile, false),
        ("api-bypass-rate-limit", true, false),
    ];
    for (name, _, vital) in needs.into_iter().filter(|(_, needed, _)| *needed) {
        let mend = format!("give a role of the service account the permission {name}");
        report.add(match (held.contains(name), vital) {
            (true, _) => Finding::ok("permission", name, "held"),
            (false, true) => Finding::failed("permission", name, "not held", mend),
            (false, false) => Finding::warning("permission", name, "not held", mend),
        });
    }
    if held.contains("assign-admin-role") {
        report.add(Finding::warning(
            "permission",
            "assign-admin-role",
            "held",
            "take it away from the service account's roles: Gantry never needs it",
        ));
    }
}

/// Mints for the service account itself, so that no user is made or touched, and logs the token out.
async fn minting(
    config: &Config,
    chat: &RocketChat,
    release: &Release,
    account: &Account,
) -> Finding {
    let id = "minting";
    if matches!(config.rocketchat.mint, Mint::Password { .. }) {
        return Finding::skipped(id, "rocketchat.mint is password, which logs users in");
    }
    // Nothing is minted for a user of whom it is not known that it is active.
    let user = match chat.user_by_id(&account.id).await {
        Ok(Some(user)) if user.active => user,
        Ok(_) => return Finding::skipped(id, "the service account is not shown as active"),
        Err(error) => return failed_minting(chat, release, &error),
    };
    let credentials = match chat.mint(&user).await {
        Ok(credentials) => credentials,
        Err(error) => return failed_minting(chat, release, &error),
    };
    // Once more when the first answer is lost: a token that is gone is answered as gone.
    let mut gone = chat.revoke(&credentials).await;
    if gone.is_err() {
        gone = within(chat.revoke(&credentials))
            .await
            .unwrap_or(Err(ApiError::Timeout));
    }
    match gone {
        Ok(()) => Finding::ok(id, "", "a probe token was minted and logged out"),
        Err(error) => Finding::failed(
            id,
            "",
            format!("a probe token was minted, and could not be logged out: {error}"),
            "see that /api/v1/logout is open; until it expires, the token lives on in the service account",
        ),
    }
}

fn failed_minting(chat: &RocketChat, release: &Release, error: &ApiError) -> Finding {
    let mend = match (error, release.regime) {
        (ApiError::NotPermitted(_), Some(regime)) => chat.minting_mend(regime),
        (ApiError::RateLimited(_), _) => {
            "give a role of the service account the permission api-bypass-rate-limit"
        }
        _ => "see Rocket.Chat's log, and what stands before it",
    };
    Finding::failed("minting", "", error.to_string(), mend)
}
