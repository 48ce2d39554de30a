//! From verified claims to a Rocket.Chat user: its name, its e-mail address, its roles, and what changed since.
//!
//! Whatever the claims say: no role of `users.protected_roles` is ever given, an e-mail address has exactly one `@`, and a
//! username fits Rocket.Chat's default pattern.

use crate::config;
use crate::jwt::{Principal, Profile};
use crate::rocketchat::User;
use crate::session::error::Reason;

pub(in crate::session) mod username;

/// Longest display name that is sent, in characters; longer ones are cut.
const LONGEST_NAME: usize = 128;

/// Longest e-mail address (RFC 5321 section 4.5.3.1.3, without the brackets).
const LONGEST_EMAIL: usize = 254;

/// What a new user is created with, besides its username.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::session) struct Birth {
    pub(in crate::session) name: String,
    pub(in crate::session) email: String,
    pub(in crate::session) email_verified: bool,
    pub(in crate::session) roles: Vec<String>,
}

/// What of a user is out of step with the claims; `None` where nothing is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::session) struct Changes {
    pub(in crate::session) name: Option<String>,
    pub(in crate::session) email: Option<(String, bool)>,
    pub(in crate::session) roles: Option<Vec<String>>,
}

/// The username that `users.username` gives a principal, cleaned to Rocket.Chat's pattern. For a principal that was seen before,
/// the remembered name counts instead.
///
/// # Errors
/// [`Reason::UsernameMissing`] when the template needs a claim that is not there.
pub fn username(rules: &config::users::Users, principal: &Principal) -> Result<String, Reason> {
    let rendered = render(
        &rules.username,
        &principal.profile,
        &principal.subject,
        &principal.issuer,
    )?;
    Ok(username::clean(&rendered))
}

/// What a new user of this name is created with.
pub(in crate::session) fn birth(
    rules: &config::users::Users,
    profile: &Profile,
    username: &str,
) -> Result<Birth, Reason> {
    let (email, email_verified) = match &profile.email {
        Some(email) => (checked_email(email)?, profile.email_verified),
        None if rules.email_domain.is_empty() => return Err(Reason::EmailMissing),
        // Nobody proved to read that address, so it is never called verified.
        None => (format!("{username}@{}", rules.email_domain), false),
    };
    let mut roles = without_protected(rules, rules.default_roles.iter());
    for role in mapped_roles(rules, profile.roles.as_deref().unwrap_or_default()) {
        if !roles.contains(&role) {
            roles.push(role);
        }
    }
    Ok(Birth {
        name: display_name(profile.name.as_deref()).unwrap_or_else(|| username.to_owned()),
        email,
        email_verified,
        roles,
    })
}

/// What must change at Rocket.Chat for this user to follow the claims. What the claims do not say, and what Rocket.Chat does not
/// show, stays as it is; so do roles that `users.roles` does not name, which are the workspace's own.
pub(in crate::session) fn changes(
    rules: &config::users::Users,
    profile: &Profile,
    user: &User,
) -> Changes {
    let name = display_name(profile.name.as_deref())
        .filter(|name| user.name.as_deref() != Some(name.as_str()));
    let email = profile
        .email
        .as_deref()
        .and_then(|email| checked_email(email).ok())
        .filter(|email| {
            user.email
                .as_ref()
                .is_some_and(|shown| !shown.eq_ignore_ascii_case(email))
        })
        .map(|email| (email, profile.email_verified));
    Changes {
        name,
        email,
        roles: changed_roles(rules, profile, user),
    }
}

impl Changes {
    /// Is everything in step?
    pub(in crate::session) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

fn render(
    template: &str,
    profile: &Profile,
    subject: &str,
    issuer: &str,
) -> Result<String, Reason> {
    let mut rendered = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((placeholder, after)) = after.split_once('}') else {
            break;
        };
        rendered.push_str(before);
        let value = match placeholder {
            "username" => profile.username.as_deref(),
            "name" => profile.name.as_deref(),
            "email" => profile.email.as_deref(),
            "subject" => Some(subject),
            "issuer" => Some(issuer),
            // The config refuses other placeholders.
            _ => None,
        };
        let value = value.filter(|value| !value.is_empty());
        rendered.push_str(value.ok_or(Reason::UsernameMissing)?);
        rest = after;
    }
    rendered.push_str(rest);
    Ok(rendered)
}

/// One address with one `@`: a second one has fooled address checks before (CVE-2026-40574).
fn checked_email(email: &str) -> Result<String, Reason> {
    let sound = email.len() <= LONGEST_EMAIL
        && !email.chars().any(|c| {
            c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | ',' | ';' | '"' | '\\')
        });
    match email.split_once('@') {
        Some((local, domain))
            if sound && !local.is_empty() && !domain.is_empty() && !domain.contains('@') =>
        {
            Ok(email.to_owned())
        }
        _ => Err(Reason::EmailMalformed),
    }
}

/// A display name without the characters that Rocket.Chat refuses (RC §4.1) and without control characters; `None` when nothing
/// is left.
fn display_name(name: Option<&str>) -> Option<String> {
    let spaced: String = name?
        .chars()
        .map(|c| match c {
            '<' | '>' | '/' | '\\' => ' ',
            c if c.is_control() => ' ',
            c => c,
        })
        .collect();
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let cut: String = words.join(" ").chars().take(LONGEST_NAME).collect();
    (!cut.is_empty()).then_some(cut)
}

fn mapped_roles(rules: &config::users::Users, host_roles: &[String]) -> Vec<String> {
    let mapped = host_roles
        .iter()
        .filter_map(|role| rules.roles.get(role))
        .flatten();
    without_protected(rules, mapped)
}

fn without_protected<'a>(
    rules: &config::users::Users,
    roles: impl Iterator<Item = &'a String>,
) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    for role in roles {
        if !rules.protected_roles.contains(role) && !kept.contains(role) {
            kept.push(role.clone());
        }
    }
    kept
}

fn changed_roles(
    rules: &config::users::Users,
    profile: &Profile,
    user: &User,
) -> Option<Vec<String>> {
    let (host_roles, current) = (profile.roles.as_ref()?, user.roles.as_ref()?);
    if rules.roles.is_empty() {
        return None;
    }
    let wanted = mapped_roles(rules, host_roles);
    let managed = |role: &String| rules.roles.values().flatten().any(|named| named == role);
    let keep = |role: &&String| {
        !managed(role) || wanted.contains(role) || rules.default_roles.contains(role)
    };
    let mut next: Vec<String> = current.iter().filter(keep).cloned().collect();
    for role in wanted {
        if !next.contains(&role) {
            next.push(role);
        }
    }
    // A user without roles cannot log in (RC §2.2).
    if next.is_empty() {
        next = without_protected(rules, rules.default_roles.iter());
    }
    let same = next.len() == current.len() && next.iter().all(|role| current.contains(role));
    (!same && !next.is_empty()).then_some(next)
}

#[cfg(test)]
mod tests;
