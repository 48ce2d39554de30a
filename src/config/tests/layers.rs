//! Defaults, file and environment over one another.

use std::time::Duration;

use super::{LEAST, good, mistakes};
use crate::config::iframe::SameSite;
use crate::config::rocketchat::{Mint, Regime, ServiceAccount, VersionSetting};
use crate::config::websocket::Anonymous;
use crate::config::{Environment, effective};

#[test]
fn what_is_not_given_has_its_default() {
    let config = good(LEAST, &[]);
    assert_eq!(config.listen.address.to_string(), "0.0.0.0:8080");
    assert_eq!(config.admin.address.to_string(), "127.0.0.1:9090");
    assert_eq!(config.listen.limits.header_bytes, 65_536);
    assert_eq!(config.listen.limits.body, 104_857_600);
    assert_eq!(config.rocketchat.url.as_str(), "http://127.0.0.1:3000/");
    assert_eq!(config.rocketchat.version, VersionSetting::Auto);
    assert!(matches!(config.rocketchat.mint, Mint::CreateToken));
    assert!(
        config.tokens.bearer && config.tokens.cookie.is_none() && config.tokens.query.is_none()
    );
    assert_eq!(config.tokens.subprotocol.as_deref(), Some("gantry.jwt"));
    assert_eq!(config.users.protected_roles, ["admin"]);
    assert_eq!(
        config.sessions.max_lifetime,
        Duration::from_secs(7 * 24 * 60 * 60)
    );
    assert_eq!(config.sessions.end_on_last_socket, None);
    assert_eq!(config.websocket.anonymous, Anonymous::Minimal);
    assert_eq!(config.websocket.max_message, 1_048_576);
    assert_eq!(config.iframe.cookie.name, "gantry_session");
    assert_eq!(config.iframe.cookie.same_site, SameSite::None);
    assert!(config.iframe.cookie.partitioned && config.iframe.cookie.secure);
    assert_eq!(config.iframe.ticket_ttl, Duration::from_secs(30));
    let [issuer] = config.issuers.as_slice() else {
        panic!("one issuer")
    };
    assert_eq!(issuer.leeway, Duration::from_secs(30));
    assert_eq!(issuer.claims.session, "sid");
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
}

#[test]
fn the_environment_stands_over_the_file() {
    let config = good(
        LEAST,
        &[
            ("GANTRY_LISTEN__ADDRESS", "[::1]:0"),
            ("GANTRY_LISTEN__TRUSTED_PROXIES", "[10.0.0.0/8, 192.0.2.7]"),
            ("GANTRY_ISSUERS__0__AUDIENCES__1", "second"),
            ("GANTRY_ISSUERS__0__CLAIMS", "{session: host.sid}"),
            (
                "GANTRY_ISSUERS__1",
                "{issuer: other, audiences: [b], algorithms: [EdDSA], discovery: false}",
            ),
            (
                "GANTRY_ISSUERS__1__JWKS_URL",
                "https://other.example.com/jwks",
            ),
            ("GANTRY_USERS__ROLES", "{Teacher: [moderator]}"),
            ("GANTRY_SESSIONS__END_ON_LAST_SOCKET", "1m 30s"),
        ],
    );
    assert_eq!(config.listen.address.to_string(), "[::1]:0");
    let proxies: Vec<String> = config
        .listen
        .trusted_proxies
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(proxies, ["10.0.0.0/8", "192.0.2.7/32"]);
    let [first, second] = config.issuers.as_slice() else {
        panic!("two issuers")
    };
    assert_eq!(first.audiences, ["chat", "second"]);
    assert_eq!(
        (
            first.claims.session.as_str(),
            first.claims.username.as_str()
        ),
        ("host.sid", "preferred_username")
    );
    assert_eq!(second.issuer, "other");
    assert_eq!(
        config.users.roles.get("Teacher").map(Vec::as_slice),
        Some(&["moderator".to_owned()][..])
    );
    assert_eq!(
        config.sessions.end_on_last_socket,
        Some(Duration::from_secs(90))
    );
}

#[test]
fn the_environment_alone_is_enough() {
    let config = good(
        "",
        &[
            ("GANTRY_LISTEN__PUBLIC_URL", "https://chat.example.com"),
            ("GANTRY_ROCKETCHAT__SERVICE_ACCOUNT__USERNAME", "gantry"),
            ("GANTRY_ROCKETCHAT__SERVICE_ACCOUNT__PASSWORD", "{[0123: #"),
            ("GANTRY_ISSUERS__0__ISSUER", "app"),
            ("GANTRY_ISSUERS__0__AUDIENCES__0", "chat"),
            ("GANTRY_ISSUERS__0__ALGORITHMS", "[HS256]"),
            (
                "GANTRY_ISSUERS__0__SECRET",
                "0123456789abcdef0123456789abcdef",
            ),
        ],
    );
    let ServiceAccount::Password { password, .. } = &config.rocketchat.service_account else {
        panic!("a password")
    };
    assert_eq!(
        password.reveal(),
        "{[0123: #",
        "values of single keys are taken as they are"
    );
}

#[test]
fn variables_without_levels_and_of_others_are_none_of_ours() {
    let variables = [
        ("GANTRY_PORT", "tcp://10.0.0.1:8080"),
        ("GANTRY_SERVICE_HOST", "10.0.0.1"),
        ("LISTEN__ADDRESS", "x"),
        ("gantry_LISTEN__ADDRESS", "x"),
    ];
    assert_eq!(good(LEAST, &variables).listen.address.port(), 8080);
}

#[test]
fn variables_that_name_no_key_are_mistakes() {
    let lines = mistakes(
        LEAST,
        &[
            ("GANTRY_LISTEN__ADRESS", "0.0.0.0:1"),
            ("GANTRY_LISTEN__TLS__KEY_FIL", "/key"),
            ("GANTRY_LISTEN__ADDRESS__PORT", "1"),
            ("GANTRY_Listen__address", "0.0.0.0:1"),
            ("GANTRY___X", "1"),
        ],
    );
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn empty_places_and_null_leave_the_default() {
    let config = good(
        &format!("{LEAST}admin:\nproxy: {{ denied: null, livechat: ~ }}\nsessions:\n  grace:\n"),
        &[],
    );
    assert_eq!(config.sessions.grace, Duration::from_secs(30));
    assert!(config.proxy.denied.is_empty() && !config.proxy.livechat);
}

#[test]
fn versions_are_taken_as_yaml_numbers_and_as_text() {
    for (written, regime) in [
        ("6", Regime::NoSecret),
        ("7", Regime::NoSecret),
        ("8.0", Regime::Secret),
        ("'8.0'", Regime::Secret),
        ("8.7", Regime::SecretAndPermission),
    ] {
        let text = LEAST.replace(
            "rocketchat:\n",
            &format!("rocketchat:\n  version: {written}\n  create_token_secret: s\n"),
        );
        assert_eq!(
            good(&text, &[]).rocketchat.version,
            VersionSetting::Fixed(regime),
            "{written}"
        );
    }
}

#[test]
fn required_claims_keep_the_type_they_were_written_in() {
    let text = LEAST.replace("    audiences", "    required_claims: { tier: 2, beta: true, org: '7', none: null, groups: [a], at: {x: 0.5} }\n    audiences");
    let config = good(&text, &[]);
    let claims = serde_json::to_value(&config.issuers[0].required_claims).expect("JSON");
    let expected = serde_json::json!({
        "at": {"x": 0.5}, "beta": true, "groups": ["a"], "none": null, "org": "7", "tier": 2
    });
    assert_eq!(claims, expected);
}

#[test]
fn what_works_but_is_seldom_meant_is_warned_of() {
    let config = good(
        LEAST,
        &[
            ("GANTRY_LISTEN__PUBLIC_URL", "http://chat.example.com"),
            ("GANTRY_LISTEN__TRUSTED_PROXIES", "['::/0']"),
            ("GANTRY_ISSUERS__0__JWKS_URL", "http://app.example.com/jwks"),
            ("GANTRY_USERS__PROTECTED_ROLES", "[]"),
            ("GANTRY_ROCKETCHAT__PASSWORD_KEY", "k"),
        ],
    );
    let told: Vec<String> = config.warnings.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(told.join("\n"));
    let local = [
        ("GANTRY_LISTEN__PUBLIC_URL", "http://localhost:8080"),
        ("GANTRY_ISSUERS__0__JWKS_URL", "http://127.0.0.1:9000/jwks"),
    ];
    assert!(good(LEAST, &local).warnings.is_empty());
}

#[test]
fn a_share_of_everything_is_warned_of_and_none_is_meant_so() {
    let shares = |all, each| {
        let variables = [
            ("GANTRY_LISTEN__LIMITS__CONNECTIONS", all),
            ("GANTRY_LISTEN__LIMITS__CONNECTIONS_PER_CLIENT", each),
        ];
        good(LEAST, &variables)
    };
    let warnings = shares("5000", "5000").warnings;
    assert!(
        warnings[0].to_string().contains("one client can take all"),
        "{warnings:?}"
    );
    for (each, expected) in [("4999", Some(4999)), ("0", None)] {
        let config = shares("5000", each);
        assert_eq!(config.listen.limits.connections_per_client, expected);
        assert!(config.warnings.is_empty());
    }
}

#[test]
fn a_file_that_is_not_there_is_one_mistake() {
    let lines = effective(
        Some("/nowhere/gantry.yaml".as_ref()),
        &Environment::default(),
    )
    .expect_err("no file");
    assert!(
        lines
            .to_string()
            .contains("/nowhere/gantry.yaml: cannot be read: No such file"),
        "{lines}"
    );
}
