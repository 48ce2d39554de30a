//! What the service account's roles permit, against what this configuration needs (RC §11).

use super::{Finding, Report, within};
use crate::config::Config;
use crate::config::rocketchat::{Mint, Regime};
use crate::rocketchat::{Account, Release, RocketChat};
use crate::telemetry::logging::chain;

const ID: &str = "permission";

/// A permission, what lacks without it, and whether nothing goes without it.
struct Need {
    name: &'static str,
    needed: bool,
    vital: bool,
    without: &'static str,
}

/// Permissions that Gantry never uses, and that would make its token worth more to a thief.
const NEVER: [&str; 3] = [
    "assign-admin-role",
    "delete-user",
    "view-privileged-setting",
];

pub(super) async fn examine(
    config: &Config,
    chat: &RocketChat,
    release: &Release,
    account: &Account,
) -> Report {
    let mut report = Report::default();
    let held = match within(chat.permissions_of(&account.roles)).await {
        Ok(held) => held,
        Err(error) => {
            report.add(Finding::warning(
                ID,
                "",
                format!(
                    "Rocket.Chat does not tell what the roles permit: {}",
                    chain(&error)
                ),
                "see that /api/v1/permissions.listAll is open to the service account",
            ));
            return report;
        }
    };
    for need in needs(config, release).iter().filter(|need| need.needed) {
        let (name, seen) = (need.name, format!("not held: {}", need.without));
        let mend = format!("give a role of the service account the permission {name}");
        report.add(match (held.contains(name), need.vital) {
            (true, _) => Finding::ok(ID, name, "held"),
            (false, true) => Finding::failed(ID, name, seen, mend),
            (false, false) => Finding::warning(ID, name, seen, mend),
        });
    }
    // An administrator holds them all, and is told to give that role back.
    let is_admin = account.roles.iter().any(|role| role == "admin");
    for name in NEVER
        .into_iter()
        .filter(|name| !is_admin && held.contains(*name))
    {
        report.add(Finding::warning(
            ID,
            name,
            "held, and Gantry never needs it",
            "take it away from the service account's roles",
        ));
    }
    report
}

fn needs(config: &Config, release: &Release) -> [Need; 5] {
    let creates_tokens = matches!(config.rocketchat.mint, Mint::CreateToken);
    let asked_of_minters = release.regime != Some(Regime::Secret);
    [
        Need {
            name: "create-user",
            needed: config.users.provision,
            vital: true,
            without: "nobody new gets in",
        },
        Need {
            name: "user-generate-access-token",
            needed: creates_tokens && asked_of_minters,
            vital: true,
            without: "no session begins",
        },
        Need {
            name: "view-full-other-user-info",
            needed: true,
            vital: true,
            without: "users that were there before are refused, because their roles are not seen",
        },
        Need {
            name: "api-bypass-rate-limit",
            needed: true,
            vital: false,
            without: "Rocket.Chat limits each kind of Gantry's calls, to 10 a minute by default",
        },
        Need {
            name: "edit-other-user-info",
            needed: config.users.sync_profile,
            vital: false,
            without: "names, addresses and roles do not follow the JWT",
        },
    ]
}
