//! A user's document as the routes show it: to its owner, to others, to the privileged (RC §2.3, §2.5, §4.1).

use serde_json::{Map, Value, json};

use crate::clock::iso;
use crate::moment;
use crate::options::Manner;
use crate::user::{Email, User};

/// Fields beside the fixed ones that everybody may see.
const PUBLIC_MORE: &[&str] = &["nickname", "statusText", "bio", "reason"];

/// Who looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sight {
    /// Without `view-full-other-user-info`.
    Public,
    /// With it.
    Full,
    /// The user.
    Own,
}

/// The shape of `me`: the user's own fields, services reduced, no tokens.
pub(crate) fn me(user: &User) -> Value {
    let mut me = json!({
        "_id": user.id,
        "name": user.name,
        "emails": emails(user),
        "status": "offline",
        "statusConnection": "offline",
        "username": user.username,
        "utcOffset": 0,
        "active": user.active,
        "roles": user.roles,
        "settings": {"preferences": {}},
        "customFields": {},
        "services": {
            "password": {"exists": user.password_digest.is_some()},
            "totp": {"enabled": user.totp_secret.is_some()},
            "email2fa": {"enabled": user.email_two_factor},
        },
        "avatarUrl": format!("/avatar/{}", user.username),
    });
    for (key, value) in &user.more {
        me[key] = value.clone();
    }
    if let Some(address) = user.verified_email() {
        me["email"] = Value::from(address);
    }
    me
}

/// The document without its services.
pub(crate) fn of(user: &User, sight: Sight) -> Map<String, Value> {
    let mut document = Map::new();
    let mut put = |key: &str, value: Value| document.insert(key.to_owned(), value);
    put("_id", json!(user.id));
    put("username", json!(user.username));
    put("name", json!(user.name));
    put("type", json!(user.user_type));
    put("active", json!(user.active));
    put("status", json!("offline"));
    put("utcOffset", json!(0));
    for (key, value) in &user.more {
        if sight != Sight::Public || PUBLIC_MORE.contains(&key.as_str()) {
            put(key, value.clone());
        }
    }
    if sight != Sight::Public {
        put("emails", emails(user));
        put("roles", json!(user.roles));
        put("createdAt", json!(iso(user.created_at)));
    }
    document
}

/// What a look-up of oneself adds: 6.x and 7.x show the hashes of all tokens; the newest leaves secrets such
/// as TOTP's in, though no tokens (RC §2.5).
pub(crate) fn services(user: &User, manner: Manner) -> Value {
    let mut services = json!({"email2fa": {"enabled": user.email_two_factor}});
    if let Some(secret) = &user.totp_secret {
        services["totp"] = json!({"enabled": true, "secret": crate::random::hex(secret)});
    }
    if !manner.is_8() {
        let tokens = user.tokens.iter().map(|token| match token.when() {
            Some(when) => json!({"when": iso(when), "hashedToken": token.hashed}),
            None => json!({"hashedToken": token.hashed, "type": "personalAccessToken"}),
        });
        services["resume"] = json!({"loginTokens": tokens.collect::<Vec<_>>()});
    }
    services
}

/// The token array as `userData` tells it on a socket: hashes, and dates as EJSON (RC §6.4).
pub(crate) fn login_tokens(user: &User) -> Value {
    let tokens = user.tokens.iter().map(|token| match token.when() {
        Some(when) => json!({"when": moment::ejson(when), "hashedToken": token.hashed}),
        None => json!({"hashedToken": token.hashed, "type": "personalAccessToken"}),
    });
    tokens.collect()
}

fn emails(user: &User) -> Value {
    let entry = |email: &Email| json!({"address": email.address, "verified": email.verified});
    user.emails.iter().map(entry).collect()
}
