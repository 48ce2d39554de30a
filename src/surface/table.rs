//! The one table of what Rocket.Chat offers and Gantry denies, intercepts, looks into or scrubs (RC §9).
//!
//! One row serves the REST routes and the DDP methods that do the same thing, so that neither is a way around the other. What
//! no row takes is left to Rocket.Chat's permissions.

use super::{Denial, Scrub};

/// A thing Rocket.Chat does, under all its names.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// REST routes behind `/api/v1/`. A trailing `*` takes every name that begins so; without one, what stands below the route
    /// (`login/x`) is taken too. Case does not count.
    pub rest: &'static [&'static str],
    /// DDP methods, by socket and by `method.call`, in the same notation.
    pub methods: &'static [&'static str],
    /// What is done about it.
    pub rule: Rule,
}

/// What a row says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Log in. Only by a stand-in or the host's JWT, never by what Rocket.Chat itself would accept.
    Login,
    /// End the session.
    Logout,
    /// Refuse.
    Deny(Denial),
    /// Decide by the method inside the body (RC §6.5).
    MethodCall,
    /// Refuse when the body would change a name to log in by, an address or a password.
    OwnProfile,
    /// Take secrets out of the answer.
    Scrub(Scrub),
    /// Pass without credentials when livechat is on, refuse when it is off.
    Livechat,
    /// Pass: Rocket.Chat's permissions decide. Written down where RC §9 names it, so that its absence is no accident.
    Pass,
}

const ACCOUNT: Rule = Rule::Deny(Denial::Account);
const TOKENS: Rule = Rule::Deny(Denial::Tokens);

/// The rows, in the order of RC §9. The first that takes a name decides.
pub const ROWS: &[Row] = &[
    // CVE-2026-28514, CVE-2026-45688, CVE-2026-30833, CVE-2026-55759: no login handler of Rocket.Chat's own is reachable.
    Row {
        rest: &["login"],
        methods: &["login"],
        rule: Rule::Login,
    },
    Row {
        rest: &["logout"],
        methods: &["logout"],
        rule: Rule::Logout,
    },
    Row {
        rest: &["users.createToken"],
        methods: &["createToken"],
        rule: TOKENS,
    },
    Row {
        rest: &[
            "users.generatePersonalAccessToken",
            "users.regeneratePersonalAccessToken",
        ],
        methods: &[
            "personalAccessTokens:generateToken",
            "personalAccessTokens:regenerateToken",
        ],
        rule: TOKENS,
    },
    // Listing shows six characters of a token, removing one only takes power away.
    Row {
        rest: &[
            "users.getPersonalAccessTokens",
            "users.removePersonalAccessToken",
        ],
        methods: &["personalAccessTokens:removeToken"],
        rule: Rule::Pass,
    },
    // Both answer with the auth token.
    Row {
        rest: &["users.logoutOtherClients"],
        methods: &["logoutOtherClients", "getNewToken"],
        rule: TOKENS,
    },
    Row {
        rest: &["users.removeOtherTokens"],
        methods: &["removeOtherTokens"],
        rule: Rule::Pass,
    },
    Row {
        rest: &["loginCode.*"],
        methods: &[],
        rule: TOKENS,
    },
    // Second-factor challenges and passkeys answer `{loginToken, userId}` in the newest versions.
    Row {
        rest: &["2fa.*", "twoFactor*", "passkey*", "webauthn*"],
        methods: &["passkey*", "webauthn*"],
        rule: TOKENS,
    },
    Row {
        rest: &[
            "users.register",
            "users.registerUser",
            "users.forgotPassword",
            "users.resetPassword",
            "users.sendConfirmationEmail",
            "users.verifyEmail",
        ],
        methods: &[
            "registerUser",
            "createUser",
            "sendForgotPasswordEmail",
            "forgotPassword",
            "sendConfirmationEmail",
            "resetPassword",
            "verifyEmail",
        ],
        rule: ACCOUNT,
    },
    Row {
        rest: &["users.updateOwnBasicInfo"],
        methods: &["saveUserProfile"],
        rule: Rule::OwnProfile,
    },
    Row {
        rest: &["users.setUsername", "users.setPassword", "users.setEmail"],
        methods: &[
            "setUsername",
            "setUserPassword",
            "changePassword",
            "setEmail",
        ],
        rule: ACCOUNT,
    },
    Row {
        rest: &["users.deleteOwnAccount"],
        methods: &["deleteUserOwnAccount"],
        rule: ACCOUNT,
    },
    Row {
        rest: &["users.2fa.*", "users.totp.*"],
        methods: &["2fa:*"],
        rule: Rule::Deny(Denial::SecondFactor),
    },
    Row {
        rest: &["users.info", "users.list"],
        methods: &[],
        rule: Rule::Scrub(Scrub::Users),
    },
    Row {
        rest: &["me"],
        methods: &[],
        rule: Rule::Scrub(Scrub::Me),
    },
    Row {
        rest: &[],
        methods: &["getUserData", "getFullUserData"],
        rule: Rule::Scrub(Scrub::MethodResult),
    },
    Row {
        rest: &[
            "users.create",
            "users.update",
            "users.setActiveStatus",
            "users.logout",
        ],
        methods: &["insertOrUpdateUser"],
        rule: Rule::Pass,
    },
    Row {
        rest: &[
            "sessions",
            "settings",
            "settings.*",
            "integrations.*",
            "push.token",
        ],
        methods: &[],
        rule: Rule::Pass,
    },
    Row {
        rest: &["oauth-apps.*"],
        methods: &["addOAuthApp", "updateOAuthApp", "deleteOAuthApp"],
        rule: Rule::Deny(Denial::OAuth),
    },
    Row {
        rest: &["livechat"],
        methods: &["livechat:*"],
        rule: Rule::Livechat,
    },
    Row {
        rest: &["method.call", "method.callAnon"],
        methods: &[],
        rule: Rule::MethodCall,
    },
];

/// Paths outside `/api` that are ways to log in or to get a token: Rocket.Chat as an OAuth server (RC §9), and its own sign-on.
pub const DENIED_PATHS: &[(&str, Denial)] = &[
    ("/oauth", Denial::OAuth),
    ("/_oauth", Denial::Login),
    ("/_saml", Denial::Login),
    ("/_cas", Denial::Login),
];

/// The letters that routes of the table begin with: those of most calls (`channels.history`, `rooms.info`) are not among them.
const REST_BEGINNINGS: [bool; 256] = {
    let mut beginnings = [false; 256];
    let mut row = 0;
    while row < ROWS.len() {
        let mut name = 0;
        while name < ROWS[row].rest.len() {
            let first = ROWS[row].rest[name].as_bytes()[0];
            beginnings[first.to_ascii_lowercase() as usize] = true;
            name += 1;
        }
        row += 1;
    }
    beginnings
};

/// What the table says about a REST route, given as it stands behind `/api/v1/`.
#[must_use]
pub fn rest(route: &str) -> Rule {
    let first = route.bytes().next().map(|first| first.to_ascii_lowercase());
    if !first.is_some_and(|first| REST_BEGINNINGS[usize::from(first)]) {
        return Rule::Pass;
    }
    rule(|row| row.rest, route)
}

/// What the table says about a DDP method, however it is called.
#[must_use]
pub fn method(name: &str) -> Rule {
    rule(|row| row.methods, name)
}

fn rule(names: impl Fn(&Row) -> &'static [&'static str], name: &str) -> Rule {
    ROWS.iter()
        .find(|row| names(row).iter().any(|pattern| takes(pattern, name)))
        .map_or(Rule::Pass, |row| row.rule)
}

/// Does the pattern, in the notation of [`Row::rest`], take the name?
fn takes(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => begins(name, prefix).is_some(),
        None => below(name, pattern),
    }
}

/// Is `name` this one or something below it, case aside?
pub(super) fn below(name: &str, whole: &str) -> bool {
    begins(name, whole).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// What follows the prefix, case aside.
fn begins<'a>(name: &'a str, prefix: &str) -> Option<&'a str> {
    // The first letters differ almost always.
    if let (Some(expected), Some(first)) = (prefix.bytes().next(), name.bytes().next())
        && !first.eq_ignore_ascii_case(&expected)
    {
        return None;
    }
    let (start, rest) = name.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_in_any_case_and_whole() {
        assert_eq!(rest("LOGIN"), Rule::Login);
        assert_eq!(rest("login/x"), Rule::Login);
        assert_eq!(rest("loginX"), Rule::Pass);
        assert_eq!(
            rest("users.2fa.enableEmail"),
            Rule::Deny(Denial::SecondFactor)
        );
        assert_eq!(rest("users.2fa"), Rule::Pass);
        assert_eq!(rest("livechat/room"), Rule::Livechat);
        assert_eq!(rest("livechats"), Rule::Pass);
        assert_eq!(rest(""), Rule::Pass);
        assert_eq!(rest("é"), Rule::Pass);
        assert_eq!(method("2FA:enable"), Rule::Deny(Denial::SecondFactor));
        assert_eq!(method("sendMessage"), Rule::Pass);
    }

    #[test]
    fn no_name_stands_in_two_rows() {
        let mut seen = std::collections::HashSet::new();
        for row in ROWS {
            for name in row.rest {
                assert!(seen.insert(("rest", *name)), "{name} twice");
                assert_eq!(
                    rest(name.trim_end_matches('*')),
                    row.rule,
                    "{name} is shadowed"
                );
            }
            for name in row.methods {
                assert!(seen.insert(("method", *name)), "{name} twice");
                assert_eq!(
                    method(name.trim_end_matches('*')),
                    row.rule,
                    "{name} is shadowed"
                );
            }
        }
    }
}
