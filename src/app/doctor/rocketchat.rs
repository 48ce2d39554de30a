//! Rocket.Chat: is it there, which one is it, does it take the service account, and does minting work?

use super::{Finding, Report, Ways, permissions, settings, sockets, within};
use crate::config::Config;
use crate::config::rocketchat::{Mint, ServiceAccount, VersionSetting};
use crate::rocketchat::{Account, ApiError, Release, RocketChat, Trial, User};
use crate::telemetry::logging::chain;
use crate::tls::disbelief;

/// Major versions that Gantry is made for.
const SUPPORTED: std::ops::RangeInclusive<u32> = 6..=8;

/// What means nothing without a service account.
const OF_THE_ACCOUNT: [&str; 3] = ["permission", "minting", "setting"];

pub(super) async fn examine(config: &Config, chat: &RocketChat, ways: &Ways) -> Report {
    let mut report = Report::default();
    let release = match within(chat.release()).await {
        Ok(release) => release,
        Err(error) => {
            report.add(away(&error));
            for id in ["rocketchat-version", "service-account"]
                .into_iter()
                .chain(OF_THE_ACCOUNT)
                .chain(["client-address", "websocket"])
            {
                report.add(Finding::skipped(id, "Rocket.Chat does not answer"));
            }
            return report;
        }
    };
    let url = config.rocketchat.url.as_str();
    report.add(Finding::ok(
        "rocketchat-reachable",
        "",
        format!("answers at {url}"),
    ));
    report.add(version(config, &release));
    match within(chat.own_account()).await {
        Ok(account) => {
            let user = within(chat.user_by_id(&account.id)).await;
            report.add(taken(&account, user.as_ref().ok()));
            report.extend(permissions::examine(config, chat, &release, &account).await);
            report.add(minting(config, chat, user).await);
            report.extend(settings::examine(config, chat, &release).await);
        }
        Err(error) => {
            report.add(refused(config, chat, &error));
            for id in OF_THE_ACCOUNT {
                report.add(Finding::skipped(id, "the service account is not taken"));
            }
        }
    }
    report.add(addresses(chat).await);
    report.add(sockets::examine(ways).await);
    report
}

fn away(error: &ApiError) -> Finding {
    let mend = match error {
        ApiError::Invalid | ApiError::NotPermitted(_) | ApiError::ServiceAccountRefused => {
            "what answers at rocketchat.url is no Rocket.Chat, or something before it keeps /api/info back: correct the URL"
        }
        ApiError::Failed(_) => "see Rocket.Chat's log and its database, and what stands before it",
        ApiError::RateLimited(_) => {
            "something limits Gantry's calls: see what stands before Rocket.Chat"
        }
        ApiError::Unreachable(cause) if disbelief::of(cause).is_some() => {
            "name the authority of Rocket.Chat's certificate in rocketchat.tls.ca_file and the name that it is for in \
             rocketchat.tls.server_name; renew it there if it has expired"
        }
        _ => "check rocketchat.url, and that Rocket.Chat runs and is open to this host",
    };
    Finding::failed("rocketchat-reachable", "", chain(error), mend)
}

fn version(config: &Config, release: &Release) -> Finding {
    let id = "rocketchat-version";
    let version = &release.version;
    let (Some(regime), Some(major)) = (release.regime, release.major()) else {
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
    if major < *SUPPORTED.start() {
        let seen = format!("{version}, which is too old");
        return Finding::failed(id, "", seen, "upgrade to Rocket.Chat 6, 7 or 8");
    }
    if !SUPPORTED.contains(&major) {
        return Finding::warning(
            id,
            "",
            format!("{version}, which is newer than this Gantry knows"),
            "look for a release of Gantry that knows it, and try everything before it is used",
        );
    }
    Finding::ok(id, "", version.as_str())
}

fn refused(config: &Config, chat: &RocketChat, error: &ApiError) -> Finding {
    let seen = match chat.complaint() {
        Some(complaint) => format!("{}: {complaint}", chain(error)),
        None => chain(error),
    };
    let mend = match (error, &config.rocketchat.service_account) {
        (ApiError::ServiceAccountRefused, ServiceAccount::Token { .. }) => {
            "see that the account is active; as the account, make a personal access token that ignores two factors, and give it and the \
             user id shown with it in rocketchat.service_account"
        }
        (ApiError::ServiceAccountRefused, ServiceAccount::Password { .. }) => {
            "check username, password_file and totp_secret_file of rocketchat.service_account, and that the account is active, of type \
             user, and has a role"
        }
        (ApiError::RateLimited(_), _) => {
            "give a role of the service account the permission api-bypass-rate-limit, or wait a minute"
        }
        _ => "see Rocket.Chat's log, and what stands before it",
    };
    Finding::failed("service-account", "", seen, mend)
}

fn taken(account: &Account, user: Option<&Option<User>>) -> Finding {
    let id = "service-account";
    let seen = format!("accepted, with the roles {}", account.roles.join(", "));
    if account.roles.iter().any(|role| role == "admin") {
        return Finding::warning(
            id,
            "",
            seen,
            "take the role admin away; give another role of the account the permissions that it needs",
        );
    }
    let kind = user.and_then(|user| user.as_ref()?.user_type.as_deref());
    match kind {
        None | Some("user") => Finding::ok(id, "", seen),
        Some(kind) => Finding::warning(
            id,
            "",
            format!("{seen}, of type {kind}"),
            "use an account of type user, as the administration makes them",
        ),
    }
}

/// Mints for the service account itself, so that no user is made or touched.
async fn minting(
    config: &Config,
    chat: &RocketChat,
    user: Result<Option<User>, ApiError>,
) -> Finding {
    let id = "minting";
    if matches!(config.rocketchat.mint, Mint::Password { .. }) {
        return Finding::skipped(id, "rocketchat.mint is password: users log in with theirs");
    }
    // Rocket.Chat mints for users who are not active, too (RC §3.3).
    let user = match user {
        Ok(Some(user)) if user.active => user,
        Ok(_) => return Finding::skipped(id, "the service account is not shown as active"),
        Err(error) => return not_minted(chat, &error),
    };
    let trial = within(async { Ok(chat.try_minting(&user).await) }).await;
    match trial.unwrap_or_else(Trial::Refused) {
        Trial::Passed => Finding::ok(id, "", "a probe token was minted and logged out"),
        Trial::Refused(error) => not_minted(chat, &error),
        Trial::LeftBehind(error) => Finding::failed(
            id,
            "",
            format!(
                "a probe token was minted, and could not be logged out: {}",
                chain(&error)
            ),
            "see that /api/v1/logout is open; as the service account, end its other logins in My Account → Security",
        ),
    }
}

fn not_minted(chat: &RocketChat, error: &ApiError) -> Finding {
    let mend = match error {
        ApiError::NotPermitted(_) => chat.minting_mend(),
        ApiError::RateLimited(_) => {
            Some("give a role of the service account the permission api-bypass-rate-limit")
        }
        _ => None,
    };
    let mend = mend.unwrap_or("see Rocket.Chat's log, and what stands before it");
    Finding::failed("minting", "", chain(error), mend)
}

async fn addresses(chat: &RocketChat) -> Finding {
    let id = "client-address";
    match within(chat.tells_clients_apart()).await {
        Ok(Some(true)) => Finding::ok(id, "", "Rocket.Chat tells clients apart by X-Forwarded-For"),
        Ok(Some(false)) => Finding::warning(
            id,
            "",
            "Rocket.Chat takes all clients for one, so that they share its limits",
            "set HTTP_FORWARDED_COUNT in Rocket.Chat's environment to the number of proxies before it, Gantry among them",
        ),
        Ok(None) => Finding::skipped(id, "Rocket.Chat counts no calls, so it cannot be told"),
        Err(error) => Finding::skipped(id, &chain(&error)),
    }
}
