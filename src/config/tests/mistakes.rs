//! What is refused, and what is said of it.

use super::{LEAST, mistakes};

/// One key is set to `value` over the least configuration; there is one mistake, at this key, that says `expected`.
#[track_caller]
fn refused(key: &str, value: &str, expected: &str) {
    let variable = format!("GANTRY_{}", key.to_uppercase().replace('.', "__"));
    let found = mistakes(LEAST, &[(&variable, value)]);
    let [line] = found.as_slice() else {
        panic!("{key}={value} gives {found:#?}");
    };
    assert!(
        line.starts_with(&format!("environment variable {variable}")),
        "{line}"
    );
    assert!(line.contains(expected), "{key}={value}: {line}");
}

#[test]
fn values_of_the_public_side_are_refused_with_the_mend() {
    refused("listen.address", "localhost:8080", "such as 0.0.0.0:8080");
    refused("listen.address", ":8080", "such as 0.0.0.0:8080");
    refused(
        "listen.trusted_proxies",
        "[10.0.0.0/33]",
        "[0]: \"10.0.0.0/33\" should be a CIDR",
    );
    refused(
        "listen.trusted_proxies",
        "10.0.0.0/8",
        "a list such as [a, b], not a single value",
    );
    refused("listen.trusted_proxies", "", "is empty");
    refused(
        "listen.public_url",
        "chat.example.com",
        "such as https://chat.example.com",
    );
    refused(
        "listen.public_url",
        "https://chat.example.com/rc",
        "without a path",
    );
    refused(
        "listen.public_url",
        "https://*.example.com",
        "should be the origin",
    );
    refused("listen.limits.header_bytes", "4KiB", "from 8KiB to 1MiB");
    refused("listen.limits.header_bytes", "65536", "with its unit");
    refused("listen.limits.headers", "0", "from 16 to 4096");
    refused("listen.limits.body", "lots", "with its unit");
    refused("listen.limits.connections", "1e3", "a whole number from 1");
    refused("listen.limits.idle_timeout", "0s", "above zero");
    refused("listen.limits.body_timeout", "0s", "above zero");
    refused("listen.limits.send_timeout", "0s", "above zero");
    refused(
        "listen.limits.connections_per_client",
        "some",
        "from 0 to 1000000",
    );
    refused("listen.limits.resets_per_second", "0", "from 1 to 100000");
    refused("websocket.pending", "0", "from 1 to 1000000");
    refused("websocket.pending_per_client", "some", "from 0 to 1000000");
    refused("listen.drain.timeout", "0s", "above zero");
    refused("listen.drain.timeout", "2h", "from 1s to 1h");
    refused("listen.drain.delay", "soon", "such as 0s or 30s");
    refused("listen.limits.idle_timeout", "90", "such as 500ms, 30s");
    refused(
        "listen.limits.header_timeout",
        "100years",
        "at most 10years",
    );
    refused(
        "admin.address",
        "127.0.0.1:8080",
        "has the port of `listen.address`",
    );
    refused("tokens.bearer", "yes", "true or false");
    refused("tokens.cookie", "rc_token", "another meaning");
    refused("tokens.cookie", "a b", "letters, digits");
    refused("tokens.subprotocol", "gantry,jwt", "letters, digits");
    refused("tokens.query", "resumetoken", "another meaning");
    refused("proxy.public_paths", "[/*]", "every path without identity");
    refused("proxy.denied", "[/x/../y]", "a decoded absolute path");
    refused("proxy.allowed_origins", "['*']", "one exact origin");
    refused("proxy.allowed_origins", "['null']", "one exact origin");
    refused(
        "proxy.frame_ancestors",
        "[https://app.example.com/x]",
        "without wildcard and path",
    );
    refused("websocket.anonymous", "all", "minimal or none");
    refused("websocket.login_timeout", "0s", "above zero");
    refused("websocket.login_timeout", "5m", "from 1s to 2m");
    refused("websocket.ping_interval", "10ms", "from 1s to 10m");
    refused("websocket.max_message", "1B", "from 16KiB to 64MiB");
    refused("iframe.ticket_ttl", "1h", "from 1s to 5m");
    refused("iframe.boot_script", "yes", "true or false");
    refused("iframe.cookie.name", "rc_uid", "another meaning");
    refused("iframe.cookie.name", "a=b", "letters, digits");
    refused("iframe.cookie.name", "", "letters, digits");
    refused("iframe.cookie.same_site", "None", "did you mean `none`?");
    refused("tokens.cookie", "GANTRY_session", "is the session cookie");
    refused(
        "telemetry.log.level",
        "verbose",
        "error, warn, info or debug",
    );
    refused("telemetry.log.format", "jsn", "did you mean `json`?");
}

#[test]
fn values_about_rocketchat_are_refused_with_the_mend() {
    refused("rocketchat.url", "http://rc:3000/chat", "without path");
    refused(
        "rocketchat.url",
        "http://me:pw@rc:3000",
        "without path, query and user",
    );
    refused(
        "rocketchat.url",
        "unix:/run/rc",
        "such as http://127.0.0.1:3000",
    );
    refused("rocketchat.version", "8.1", "auto, 6, 7, 8.0 or 8.7");
    refused("rocketchat.mint", "token", "create_token or password");
    refused(
        "rocketchat.service_account.user_id",
        "",
        "a name without spaces",
    );
    refused("rocketchat.timeouts.call", "-1s", "above zero");
    refused("rocketchat.minting.concurrency", "0", "from 1 to 1024");
    refused("users.username", "everybody", "needs a placeholder");
    refused("users.username", "{sub}", "unknown placeholder \"sub\"");
    refused("users.username", "{name", "without its `}`");
    refused("users.username", "name}", "without its `{`");
    refused("users.email_domain", "@example.com", "without `@`");
    refused(
        "users.protected_roles",
        "['']",
        "the id of a Rocket.Chat role",
    );
    refused("users.default_roles", "[user, admin]", "would be refused");
    refused("users.roles", "{boss: [admin]}", "would be refused");
    refused(
        "users.roles.boss",
        "[admin]",
        "give the whole as {name: value}",
    );
    refused("sessions.store", "disk", "memory, file or redis");
    refused("sessions.scope", "user", "session or principal");
    refused("sessions.refresh_at", "1", "above 0 and below 1");
    refused("sessions.refresh_at", "NaN", "a number");
    refused("sessions.grace", "2h", "at most 1h");
    refused("sessions.end_on_last_socket", "true", "such as 500ms, 30s");
    refused("sessions.max_per_principal", "0", "from 1 to 1000");
}

#[test]
fn values_about_issuers_are_refused_with_the_mend() {
    refused("issuers.x.issuer", "y", "counted from 0");
    refused("issuers.2.issuer", "y", "no entry 1 before");
    refused("issuers.0.issuer", "", "the exact `iss`");
    refused("issuers.0.audiences", "[]", "at least one value of `aud`");
    refused("issuers.0.algorithms", "[]", "what the issuer signs with");
    refused("issuers.0.algorithms", "[none]", "never believed");
    refused("issuers.0.algorithms", "[rs256]", "did you mean `RS256`?");
    refused(
        "issuers.0.algorithms",
        "[RS256, HS256]",
        "does not go with public keys",
    );
    refused("issuers.0.jwks_url", "file:///keys", "an https URL");
    refused("issuers.0.jwks_url", "https://u:p@app/keys", "without user");
    refused("issuers.0.leeway", "1h", "at most 5m");
    refused("issuers.0.max_age", "0s", "above zero");
    refused("issuers.0.claims.session", "a..b", "single dots");
    refused(
        "issuers.0.claims.username",
        "",
        "`users.username` uses {username}",
    );
    refused("issuers.0.claims", "[x]", "a map of keys, not a list");
}

#[test]
fn every_mistake_is_told_at_once_in_the_order_of_the_file() {
    let text = "\
listen:
  adress: 0.0.0.0:8080
  limits: { headers: many }
rocketchat:
  version: 8.0
  service_account: { username: gantry }
issuers:
  - issuer: https://app.example.com
    audiences: [chat]
    algorithms: [HS256]
    secret: short
  - issuer: https://app.example.com
    audiences: [chat]
    algorithms: [ES256]
";
    insta::assert_snapshot!(mistakes(text, &[("GANTRY_TOKENS__BEARER", "no")]).join("\n"));
}

#[test]
fn misspelt_and_misplaced_keys_are_led_home() {
    let lines = mistakes(
        "listn: {}\nlimits: {}\nadmin: { adress: x }\nusers: { protectd_roles: [] }\nzzz: 1\n",
        &[],
    );
    for expected in [
        "config:1:1: listn: unknown key; did you mean `listen`?",
        "config:2:1: limits: unknown key here; did you mean `listen.limits`?",
        "config:3:10: admin.adress: unknown key; did you mean `address`?",
        "config:4:10: users.protectd_roles: unknown key; did you mean `protected_roles`?",
        "config:5:1: zzz: unknown key; known here: listen, admin, rocketchat,",
    ] {
        assert!(
            lines.iter().any(|line| line.starts_with(expected)),
            "{expected}\n{lines:#?}"
        );
    }
}

#[test]
fn a_mistaken_value_is_not_called_missing_too() {
    let text = LEAST.replace("https://chat.example.com", "[https://chat.example.com]");
    assert_eq!(
        mistakes(&text, &[]),
        ["config:2:15: listen.public_url: should be a single text, not a list"]
    );
}

#[test]
fn without_anything_the_required_keys_are_asked_for() {
    let lines = mistakes("", &[]);
    let keys: Vec<&str> = lines
        .iter()
        .filter_map(|line| line.split(": ").nth(1))
        .collect();
    assert_eq!(
        keys,
        ["issuers", "listen.public_url", "rocketchat.service_account"]
    );
}

#[test]
fn the_secret_of_create_token_is_asked_for_where_it_is_needed() {
    let needs = |version: &str, mint: &str| {
        let variables = [
            ("GANTRY_ROCKETCHAT__VERSION", version),
            ("GANTRY_ROCKETCHAT__MINT", mint),
            (
                "GANTRY_ROCKETCHAT__PASSWORD_KEY",
                "0123456789abcdef0123456789abcdef",
            ),
        ];
        mistakes(LEAST, &variables)
            .iter()
            .any(|line| line.contains("rocketchat.create_token_secret: missing"))
    };
    assert!(needs("8.0", "create_token") && needs("8.7", "create_token"));
    assert!(
        !needs("7", "create_token") && !needs("auto", "create_token") && !needs("8.7", "password")
    );
}

#[test]
fn a_cookie_that_browsers_would_drop_is_refused() {
    let insecure = ("GANTRY_IFRAME__COOKIE__SECURE", "false");
    let lines = mistakes(
        LEAST,
        &[insecure, ("GANTRY_IFRAME__COOKIE__NAME", "__Host-chat")],
    );
    for expected in [
        "iframe.cookie.name: \"__Host-chat\" goes with `secure: true` only",
        "iframe.cookie.same_site: `none` goes with `secure: true` only; write `lax` or `strict`",
        "iframe.cookie.partitioned: goes with `secure: true` only; write `partitioned: false`",
    ] {
        assert!(
            lines.iter().any(|line| line.ends_with(expected)),
            "{expected}\n{lines:#?}"
        );
    }
    assert_eq!(lines.len(), 3, "{lines:#?}");
    let kept = [
        insecure,
        ("GANTRY_IFRAME__COOKIE__SAME_SITE", "lax"),
        ("GANTRY_IFRAME__COOKIE__PARTITIONED", "false"),
    ];
    assert!(mistakes(LEAST, &kept).is_empty());
}

#[test]
fn the_name_that_the_session_cookie_gave_up_is_free() {
    let variables = [
        ("GANTRY_IFRAME__COOKIE__NAME", "chat_session"),
        ("GANTRY_TOKENS__COOKIE", "gantry_session"),
    ];
    assert!(mistakes(LEAST, &variables).is_empty());
}

#[test]
fn a_jwt_must_have_a_place_to_stand() {
    let lines = mistakes(
        LEAST,
        &[
            ("GANTRY_TOKENS__BEARER", "false"),
            ("GANTRY_TOKENS__SUBPROTOCOL", ""),
        ],
    );
    let [line] = lines.as_slice() else {
        panic!("{lines:#?}")
    };
    assert!(line.contains("tokens: no place is left"), "{line}");
}

#[test]
fn a_drain_whose_parts_do_not_fit_names_them() {
    for (delay, spread, timeout) in [
        ("20s", "10s", "25s"),
        ("26s", "0s", "25s"),
        ("0s", "26s", "25s"),
    ] {
        let text = LEAST.replace(
            "listen:\n",
            &format!(
                "listen:\n  drain: {{ delay: {delay}, spread: {spread}, timeout: {timeout} }}\n"
            ),
        );
        let expected = format!("`delay` ({delay}) and `spread` ({spread}) do not fit in {timeout}");
        let found = mistakes(&text, &[]);
        let [line] = found.as_slice() else {
            panic!("{found:#?}");
        };
        assert!(line.contains("config:2:"), "{line}");
        assert!(line.contains("listen.drain.timeout"), "{line}");
        assert!(line.contains(&expected), "{line}");
    }
    let fitting = LEAST.replace(
        "listen:\n",
        "listen:\n  drain: { delay: 5s, spread: 20s, timeout: 25s }\n",
    );
    assert_eq!(mistakes(&fitting, &[]), Vec::<String>::new());
}
