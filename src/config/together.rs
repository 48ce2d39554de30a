//! What must hold between sections: combinations that cannot work are mistakes, those that are seldom meant are warnings.
//!
//! Every rule looks at the sections that it needs, so that a mistake in another one hides nothing.

use std::sync::Arc;

use super::admin::Admin;
use super::filter::{self, Filter};
use super::iframe::{self, Iframe};
use super::issuer::Issuer;
use super::key::Key;
use super::listen::{self, Listen};
use super::proxy::{PathRule, Proxy};
use super::rocketchat::{Mint, Regime, RocketChat, VersionSetting};
use super::session::Sessions;
use super::tokens::Tokens;
use super::types::Origin;
use super::users::{self, Users};
use super::validation::{Checked, Validation};

/// Where Gantry's own endpoints stand.
const OWN: &str = "/_gantry";

/// The sections as they came out of their own checks.
pub(super) struct Sections<'s> {
    pub(super) listen: &'s Checked<Listen>,
    pub(super) admin: &'s Checked<Admin>,
    pub(super) rocketchat: &'s Checked<RocketChat>,
    pub(super) issuers: &'s Checked<Vec<Arc<Issuer>>>,
    pub(super) tokens: &'s Checked<Tokens>,
    pub(super) users: &'s Checked<Users>,
    pub(super) sessions: &'s Checked<Sessions>,
    pub(super) proxy: &'s Checked<Proxy>,
    pub(super) iframe: &'s Checked<Iframe>,
    pub(super) filter: &'s Checked<Option<Filter>>,
}

fn at(path: &[&str]) -> Key {
    let whole = Key::default();
    path.iter().fold(whole, |key, name| key.field(name))
}

impl Sections<'_> {
    /// Looks at all of them.
    pub(super) fn look(&self, validation: &mut Validation<'_>) {
        self.listeners(validation);
        if let (Ok(listen), Ok(rocketchat)) = (self.listen, self.rocketchat) {
            circle(listen, rocketchat, validation);
        }
        if let (Ok(users), Ok(issuers)) = (self.users, self.issuers) {
            users::claims_for_template(validation, &users.username, issuers);
            profiles(users, issuers, validation);
        }
        if let (Ok(users), Ok(rocketchat)) = (self.users, self.rocketchat) {
            entrance(users, rocketchat, validation);
        }
        if let Ok(rocketchat) = self.rocketchat {
            minting(rocketchat, validation);
        }
        if let (Ok(iframe), Ok(tokens)) = (self.iframe, self.tokens) {
            iframe::apart(iframe, tokens, validation);
        }
        if let (Ok(iframe), Ok(listen)) = (self.iframe, self.listen) {
            iframe::reachable(iframe, listen, validation);
        }
        if let (Ok(iframe), Ok(proxy)) = (self.iframe, self.proxy) {
            embedded(iframe, proxy, validation);
        }
        if let Ok(proxy) = self.proxy {
            paths(proxy, validation);
        }
        if let Ok(sessions) = self.sessions {
            lives(sessions, validation);
        }
        if let Ok(issuers) = self.issuers {
            ages(issuers, validation);
        }
    }

    fn listeners(&self, validation: &mut Validation<'_>) {
        if let (Ok(listen), Ok(admin)) = (self.listen, self.admin) {
            let public = ("listen.address", listen.address);
            let key = at(&["admin", "address"]);
            listen::differ(admin.address, public, &key, validation);
        }
        if let (Ok(Some(filter)), Ok(listen)) = (self.filter, self.listen) {
            filter::asked(listen, validation);
            if let (Some(grpc), Ok(admin)) = (filter.grpc_address, self.admin) {
                let key = at(&["filter", "grpc_address"]);
                listen::differ(grpc, ("listen.address", listen.address), &key, validation);
                listen::differ(grpc, ("admin.address", admin.address), &key, validation);
            }
        }
        if let Ok(listen) = self.listen
            && listen.tls.is_some()
            && listen.public_url.scheme() == "http"
        {
            validation.warn(
                &at(&["listen", "public_url"]),
                "is http, while `listen.tls` is given; browsers would see https",
            );
        }
    }
}

/// Gantry before itself: every request would go round until something breaks.
fn circle(listen: &Listen, rocketchat: &RocketChat, validation: &mut Validation<'_>) {
    let key = at(&["rocketchat", "url"]);
    let url = &rocketchat.url;
    if Origin::parse(url.as_str()).as_ref() == Some(&listen.public_url) {
        let problem =
            "is `listen.public_url`, which leads to Gantry itself; give Rocket.Chat's own address";
        validation.mistake(&key, problem);
        return;
    }
    let own = listen.address;
    // A listener on every address is met on the loopback one, and a loopback one there only.
    let on_loopback = own.ip().is_unspecified() || own.ip().is_loopback();
    let same_host = match url.host() {
        Some(url::Host::Ipv4(ip)) => own.ip() == ip || (ip.is_loopback() && on_loopback),
        Some(url::Host::Ipv6(ip)) => own.ip() == ip || (ip.is_loopback() && on_loopback),
        Some(url::Host::Domain(name)) => name == "localhost" && on_loopback,
        None => false,
    };
    let same_port = own.port() != 0 && url.port_or_known_default() == Some(own.port());
    if same_host && same_port {
        let problem = "leads to `listen.address`, which is Gantry itself; give Rocket.Chat's own address, or take another port";
        validation.mistake(&key, problem);
    }
}

/// Principals without an address, and roles without a claim.
fn profiles(users: &Users, issuers: &[Arc<Issuer>], validation: &mut Validation<'_>) {
    for (index, issuer) in issuers.iter().enumerate() {
        let claims = Key::default().field("issuers").entry(index).field("claims");
        if users.provision && users.email_domain.is_empty() && issuer.claims.email.is_empty() {
            validation.warn(
                &claims.field("email"),
                "is empty, so nobody of this issuer can be created; name the claim, or give `users.email_domain`",
            );
        }
    }
    if !users.roles.is_empty() && issuers.iter().all(|it| it.claims.roles.is_empty()) {
        let text = "has no effect, because no issuer names a claim in `claims.roles`";
        validation.warn(&at(&["users", "roles"]), text);
    }
}

/// Can anybody come in?
fn entrance(users: &Users, rocketchat: &RocketChat, validation: &mut Validation<'_>) {
    if users.provision {
        return;
    }
    let key = at(&["users", "provision"]);
    if !users.adopt_existing {
        let text =
            "is false, and so is `users.adopt_existing`: nobody comes in who was not in already";
        validation.warn(&key, text);
    }
    if matches!(rocketchat.mint, Mint::Password { .. }) {
        let text =
            "is false, and `rocketchat.mint: password` logs in only users that Gantry created";
        validation.warn(&key, text);
    }
}

fn minting(rocketchat: &RocketChat, validation: &mut Validation<'_>) {
    let key = at(&["rocketchat", "create_token_secret"]);
    if rocketchat.create_token_secret.is_some() {
        if matches!(rocketchat.mint, Mint::Password { .. }) {
            let text = "has no effect unless `rocketchat.mint` is `create_token`";
            validation.warn(&key, text);
        } else if matches!(rocketchat.version, VersionSetting::Fixed(Regime::NoSecret)) {
            let text =
                "has no effect before Rocket.Chat 8.0, which is what `rocketchat.version` says";
            validation.warn(&key, text);
        }
    }
    let timeouts = &rocketchat.timeouts;
    if timeouts.connect > timeouts.call {
        let text = "has no effect, because `rocketchat.timeouts.call` is shorter";
        validation.warn(&at(&["rocketchat", "timeouts", "connect"]), text);
    }
}

fn embedded(iframe: &Iframe, proxy: &Proxy, validation: &mut Validation<'_>) {
    if !iframe.boot_script && !proxy.frame_ancestors.is_empty() {
        let text = "is false, so pages in `proxy.frame_ancestors` show Rocket.Chat's login form";
        validation.warn(&at(&["iframe", "boot_script"]), text);
    }
}

fn paths(proxy: &Proxy, validation: &mut Validation<'_>) {
    let lists = [
        ("public_paths", &proxy.public_paths),
        ("denied", &proxy.denied),
    ];
    for (name, rules) in lists {
        let list = at(&["proxy", name]);
        for (index, rule) in rules.iter().enumerate() {
            let (PathRule::Exact(path) | PathRule::Below(path)) = rule;
            let below = path.strip_prefix(OWN);
            if below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) {
                let text = "has no effect: what is below `/_gantry/` is Gantry's own";
                validation.warn(&list.entry(index), text);
            }
            if name == "public_paths" && proxy.denied.contains(rule) {
                let problem = "is in `proxy.denied`, too; take it out of one of them";
                validation.mistake(&list.entry(index), problem);
            }
        }
    }
}

fn lives(sessions: &Sessions, validation: &mut Validation<'_>) {
    if sessions.idle_timeout > sessions.max_lifetime {
        let text = "has no effect, because `sessions.max_lifetime` is shorter";
        validation.warn(&at(&["sessions", "idle_timeout"]), text);
    }
    let delay = sessions.end_on_last_socket;
    if delay.is_some_and(|delay| delay > sessions.idle_timeout) {
        let text = "has no effect, because `sessions.idle_timeout` is shorter";
        validation.warn(&at(&["sessions", "end_on_last_socket"]), text);
    }
}

fn ages(issuers: &[Arc<Issuer>], validation: &mut Validation<'_>) {
    for (index, issuer) in issuers.iter().enumerate() {
        if issuer.leeway >= issuer.max_age {
            let key = Key::default()
                .field("issuers")
                .entry(index)
                .field("max_age");
            let text = "is no longer than `leeway`, so the tolerance for clocks lasts longer than tokens do";
            validation.warn(&key, text);
        }
    }
}
