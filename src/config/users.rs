//! Section `users`: how a principal becomes a Rocket.Chat user.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::issuer::Issuer;
use super::key::Key;
use super::validation::{Checked, Validation};
use super::walk::quoted;

/// Rules for finding, creating and keeping users.
#[derive(Clone, Debug)]
pub struct Users {
    /// Create unknown users; default true. False answers them 403.
    pub provision: bool,
    /// Template over mapped claims (`{username}`, `{name}`, `{email}`, `{subject}`, `{issuer}`); default `{username}`.
    pub username: String,
    /// Domain for principals without e-mail; empty means such principals are refused at creation.
    pub email_domain: String,
    /// May a principal take over a user that was there before; default true.
    pub adopt_existing: bool,
    /// Roles whose holders are never impersonated; default `[admin]`.
    pub protected_roles: Vec<String>,
    /// Host role to Rocket.Chat roles.
    pub roles: BTreeMap<String, Vec<String>>,
    /// Roles every created user gets; default `[user]`.
    pub default_roles: Vec<String>,
    /// Join the workspace's default channels at creation; default true.
    pub join_default_channels: bool,
    /// Keep name, e-mail and roles in step with the claims; default true.
    pub sync_profile: bool,
}

/// What may stand in the template's braces.
const PLACEHOLDERS: [&str; 5] = ["username", "name", "email", "subject", "issuer"];

/// The section as the file has it.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct UsersFile {
    /// Create users that Rocket.Chat does not know yet; `false` answers them 403.
    provision: bool,
    /// Template of usernames over mapped claims: `{username}`, `{name}`, `{email}`, `{subject}`, `{issuer}`. The result is
    /// cleaned to what Rocket.Chat takes.
    username: String,
    /// Mail domain for principals without an e-mail; empty refuses to create them.
    email_domain: String,
    /// May a principal take over a Rocket.Chat user of the same name that was there before?
    adopt_existing: bool,
    /// Roles whose holders are never impersonated.
    protected_roles: Vec<String>,
    /// Host role to Rocket.Chat roles, such as `{teacher: [moderator]}`.
    roles: BTreeMap<String, Vec<String>>,
    /// Roles that every created user gets.
    default_roles: Vec<String>,
    /// Join the workspace's default channels at creation.
    join_default_channels: bool,
    /// Keep name, e-mail and roles in step with the claims.
    sync_profile: bool,
}

impl Default for UsersFile {
    fn default() -> Self {
        Self {
            provision: true,
            username: "{username}".to_owned(),
            email_domain: String::new(),
            adopt_existing: true,
            protected_roles: vec!["admin".to_owned()],
            roles: BTreeMap::new(),
            default_roles: vec!["user".to_owned()],
            join_default_channels: true,
            sync_profile: true,
        }
    }
}

impl UsersFile {
    /// Checks the section at `key`.
    pub(super) fn validate(&self, validation: &mut Validation<'_>, key: &Key) -> Checked<Users> {
        let template_key = key.field("username");
        let username = match placeholders(&self.username) {
            Ok(_) => Ok(self.username.clone()),
            Err(problem) => Err(validation.mistake(&template_key, problem)),
        };
        let email_domain = if self.email_domain.is_empty() {
            Ok(String::new())
        } else {
            let wanted = "a domain such as users.example.com, without `@`";
            validation.parse(
                &key.field("email_domain"),
                &self.email_domain,
                wanted,
                domain,
            )
        };
        let protected_key = key.field("protected_roles");
        let protected_roles = roles(validation, &protected_key, &self.protected_roles);
        if self.protected_roles.is_empty() {
            validation.warn(
                &protected_key,
                "nobody is protected, so a host can act as a Rocket.Chat administrator",
            );
        }
        let default_roles =
            self.granted(validation, &key.field("default_roles"), &self.default_roles);
        let mut mapped = Ok(BTreeMap::new());
        for (host_role, granted) in &self.roles {
            let granted = self.granted(validation, &key.field("roles").field(host_role), granted);
            match (&mut mapped, granted) {
                (Ok(mapped), Ok(granted)) => {
                    mapped.insert(host_role.clone(), granted);
                }
                (_, Err(mistaken)) => mapped = Err(mistaken),
                (Err(_), Ok(_)) => {}
            }
        }
        Ok(Users {
            provision: self.provision,
            username: username?,
            email_domain: email_domain?,
            adopt_existing: self.adopt_existing,
            protected_roles: protected_roles?,
            roles: mapped?,
            default_roles: default_roles?,
            join_default_channels: self.join_default_channels,
            sync_profile: self.sync_profile,
        })
    }

    /// Roles that users are given: a protected one would shut its holder out at once.
    fn granted(
        &self,
        validation: &mut Validation<'_>,
        key: &Key,
        names: &[String],
    ) -> Checked<Vec<String>> {
        let names = roles(validation, key, names)?;
        if let Some(index) = names
            .iter()
            .position(|role| self.protected_roles.contains(role))
        {
            let problem = "is one of `users.protected_roles`, so whoever is given it would be refused; take it out of one of them";
            return Err(validation.mistake(&key.entry(index), problem));
        }
        Ok(names)
    }
}

/// Role ids as Rocket.Chat has them.
fn roles(validation: &mut Validation<'_>, key: &Key, names: &[String]) -> Checked<Vec<String>> {
    validation.each(
        key,
        names,
        "the id of a Rocket.Chat role, such as user",
        |role| {
            let fits =
                !role.is_empty() && role.trim() == role && !role.chars().any(char::is_control);
            fits.then(|| role.to_owned())
        },
    )
}

/// A host name with a dot-free start and end.
fn domain(text: &str) -> Option<String> {
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    (text.len() <= 253 && text.split('.').all(label)).then(|| text.to_ascii_lowercase())
}

/// The placeholders of a username template.
///
/// # Errors
/// Says what is wrong with the template: an unknown or open brace, or no placeholder at all, which would make all principals
/// one user.
pub(super) fn placeholders(template: &str) -> Result<Vec<&str>, String> {
    let known = PLACEHOLDERS.map(|name| format!("{{{name}}}")).join(", ");
    let mut found = Vec::new();
    let mut rest = template;
    while let Some(at) = rest.find(['{', '}']) {
        let (Some(inner), true) = (rest.get(at + 1..), rest[at..].starts_with('{')) else {
            return Err(format!("a `}}` without its `{{`; placeholders are {known}"));
        };
        let Some((name, after)) = inner.split_once('}') else {
            return Err(format!("a `{{` without its `}}`; placeholders are {known}"));
        };
        if !PLACEHOLDERS.contains(&name) {
            return Err(format!(
                "unknown placeholder {}; known are {known}",
                quoted(name)
            ));
        }
        found.push(name);
        rest = after;
    }
    if found.is_empty() {
        return Err(format!(
            "needs a placeholder, else all principals are one user; known are {known}"
        ));
    }
    Ok(found)
}

/// Refuses templates that use claims which an issuer does not have.
pub(super) fn claims_for_template(
    validation: &mut Validation<'_>,
    template: &str,
    issuers: &[Arc<Issuer>],
) {
    for (index, issuer) in issuers.iter().enumerate() {
        for name in placeholders(template).unwrap_or_default() {
            let claim = match name {
                "username" => &issuer.claims.username,
                "name" => &issuer.claims.name,
                "email" => &issuer.claims.email,
                // `iss` and `sub` are always there.
                _ => continue,
            };
            if claim.is_empty() {
                let key = Key::default()
                    .field("issuers")
                    .entry(index)
                    .field("claims")
                    .field(name);
                let problem = format!(
                    "is empty, but `users.username` uses {{{name}}}; name the claim or change the template"
                );
                validation.mistake(&key, problem);
            }
        }
    }
}
