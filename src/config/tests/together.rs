//! What works but is seldom meant, variables that are nearly ours, and files that are too open or hold no key.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::{LEAST, good};
use crate::config::{Config, Environment, Mistake, check};

/// The one warning of the least configuration with these variables.
#[track_caller]
fn warned(variables: &[(&str, &str)], key: &str, part: &str) {
    let warnings = good(LEAST, variables).warnings;
    let [warning] = warnings.as_slice() else {
        panic!("{variables:?} gives {warnings:#?}");
    };
    assert_eq!(warning.key, key, "{warning}");
    assert!(warning.problem.contains(part), "{warning}");
}

#[test]
fn combinations_that_have_no_effect_are_warned_of() {
    warned(
        &[("GANTRY_USERS__ROLES", "{teacher: [moderator]}")],
        "users.roles",
        "no issuer names a claim",
    );
    warned(
        &[("GANTRY_ISSUERS__0__CLAIMS__EMAIL", "")],
        "issuers[0].claims.email",
        "give `users.email_domain`",
    );
    warned(
        &[
            ("GANTRY_USERS__PROVISION", "false"),
            ("GANTRY_USERS__ADOPT_EXISTING", "false"),
        ],
        "users.provision",
        "nobody comes in",
    );
    let key = "0123456789abcdef0123456789abcdef";
    warned(
        &[
            ("GANTRY_USERS__PROVISION", "false"),
            ("GANTRY_ROCKETCHAT__MINT", "password"),
            ("GANTRY_ROCKETCHAT__PASSWORD_KEY", key),
        ],
        "users.provision",
        "only users that Gantry created",
    );
    warned(
        &[
            ("GANTRY_ROCKETCHAT__CREATE_TOKEN_SECRET", "s"),
            ("GANTRY_ROCKETCHAT__MINT", "password"),
            ("GANTRY_ROCKETCHAT__PASSWORD_KEY", key),
        ],
        "rocketchat.create_token_secret",
        "unless `rocketchat.mint` is `create_token`",
    );
    warned(
        &[
            ("GANTRY_ROCKETCHAT__CREATE_TOKEN_SECRET", "s"),
            ("GANTRY_ROCKETCHAT__VERSION", "7"),
        ],
        "rocketchat.create_token_secret",
        "before Rocket.Chat 8.0",
    );
    warned(
        &[("GANTRY_ROCKETCHAT__TIMEOUTS__CONNECT", "20s")],
        "rocketchat.timeouts.connect",
        "`rocketchat.timeouts.call` is shorter",
    );
    warned(
        &[("GANTRY_SESSIONS__IDLE_TIMEOUT", "8d")],
        "sessions.idle_timeout",
        "`sessions.max_lifetime` is shorter",
    );
    warned(
        &[("GANTRY_SESSIONS__END_ON_LAST_SOCKET", "1d")],
        "sessions.end_on_last_socket",
        "`sessions.idle_timeout` is shorter",
    );
    warned(
        &[
            ("GANTRY_ISSUERS__0__LEEWAY", "5m"),
            ("GANTRY_ISSUERS__0__MAX_AGE", "5m"),
        ],
        "issuers[0].max_age",
        "no longer than `leeway`",
    );
    warned(
        &[("GANTRY_PROXY__DENIED", "[/_gantry/session]")],
        "proxy.denied[0]",
        "Gantry's own",
    );
    warned(
        &[
            ("GANTRY_IFRAME__BOOT_SCRIPT", "false"),
            ("GANTRY_PROXY__FRAME_ANCESTORS", "[https://app.example.com]"),
        ],
        "iframe.boot_script",
        "login form",
    );
}

#[test]
fn gantry_is_not_put_before_itself() {
    let check = |variables: &[(&str, &str)], is_circle: bool| {
        let environment = Environment::of(variables.iter().copied());
        let read = Config::parse(LEAST, &environment);
        assert_eq!(read.is_err(), is_circle, "{variables:?} {:?}", read.err());
    };
    let url = "GANTRY_ROCKETCHAT__URL";
    let address = "GANTRY_LISTEN__ADDRESS";
    check(&[(url, "http://127.0.0.1:8080")], true);
    check(&[(url, "http://[::1]:8080"), (address, "[::]:8080")], true);
    check(
        &[(url, "http://10.0.0.5:8080"), (address, "10.0.0.5:8080")],
        true,
    );
    check(&[(url, "http://10.0.0.5:8080")], false);
    check(
        &[(url, "http://127.0.0.1:8080"), (address, "10.0.0.5:8080")],
        false,
    );
    check(&[(url, "http://127.0.0.1:3000")], false);
    check(&[(url, "http://rocketchat:8080")], false);
    let public = ("GANTRY_LISTEN__PUBLIC_URL", "http://localhost:9999");
    check(&[(url, "http://localhost:9999"), public], true);
}

#[test]
fn a_variable_with_single_underscores_is_warned_of_when_it_would_be_a_key() {
    warned(
        &[("GANTRY_LISTEN_PUBLIC_URL", "https://other.example.com")],
        "listen.public_url",
        "did you mean `GANTRY_LISTEN__PUBLIC_URL`?",
    );
    warned(
        &[("GANTRY_ROCKETCHAT_SERVICE_ACCOUNT_USER_ID", "x")],
        "rocketchat.service_account.user_id",
        "`GANTRY_ROCKETCHAT__SERVICE_ACCOUNT__USER_ID`",
    );
    // Kubernetes makes these for a service of the name gantry.
    let links = [
        ("GANTRY_PORT", "tcp://10.0.0.1:80"),
        ("GANTRY_SERVICE_HOST", "10.0.0.1"),
        ("GANTRY_PORT_80_TCP_ADDR", "10.0.0.1"),
    ];
    assert!(good(LEAST, &links).warnings.is_empty());
}

/// What is said of a configuration that lies beside a file of this content and mode.
fn beside(text: &str, content: &str, mode: u32) -> (Vec<Mistake>, Vec<Mistake>) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("gantry.yaml");
    fs::write(&path, text).expect("a file");
    let file = folder.path().join("file");
    fs::write(&file, content).expect("a file");
    fs::set_permissions(&file, fs::Permissions::from_mode(mode)).expect("its mode");
    let (mistakes, warnings) = check(Some(&path), &Environment::default());
    (mistakes.iter().cloned().collect(), warnings)
}

#[test]
fn a_secret_in_a_file_that_others_may_read_is_warned_of() {
    let text = LEAST.replace("auth_token: not-to-be-shown", "auth_token_file: file");
    for (mode, part) in [
        (0o600, None),
        (0o400, None),
        (0o640, Some("chmod g-rwx")),
        (0o660, Some("chmod g-rwx")),
        (0o604, Some("chmod o-rwx")),
        (0o644, Some("chmod o-rwx")),
        (0o666, Some("chmod o-rwx")),
    ] {
        let (mistakes, warnings) = beside(&text, "token", mode);
        assert!(mistakes.is_empty(), "{mistakes:?}");
        assert_eq!(
            warnings.len(),
            usize::from(part.is_some()),
            "{mode:o} {warnings:?}"
        );
        if let (Some(part), [warning]) = (part, warnings.as_slice()) {
            assert!(warning.problem.contains(part), "{mode:o} {warning}");
            assert_eq!(warning.key, "rocketchat.service_account.auth_token_file");
            assert!(warning.to_string().contains("gantry.yaml:4:"), "{warning}");
        }
    }
}

#[test]
fn warnings_are_told_beside_mistakes() {
    let text = LEAST.replace("audiences", "audience") + "users: { protected_roles: [] }\n";
    let (mistakes, warnings) = beside(&text, "", 0o600);
    assert!(mistakes.iter().any(|it| it.key == "issuers[0].audience"));
    assert!(
        warnings.iter().any(|it| it.key == "users.protected_roles"),
        "{warnings:?}"
    );
}

#[test]
fn a_directory_in_place_of_a_file_is_told() {
    let (mistakes, _) = check(Some(Path::new("/")), &Environment::default());
    assert!(
        mistakes
            .to_string()
            .contains("/: cannot be read: Is a directory"),
        "{mistakes}"
    );
}

#[test]
fn files_that_hold_no_key_of_use_are_told() {
    let of = |source: &str, algorithms: &str, content: &str, part: &str| {
        let text = LEAST
            .replace(
                "jwks_url: https://app.example.com/jwks.json",
                &format!("{source}: file"),
            )
            .replace("RS256", algorithms);
        let (mistakes, _) = beside(&text, content, 0o644);
        if part.is_empty() {
            assert!(mistakes.is_empty(), "{mistakes:?}");
            return;
        }
        let [mistake] = mistakes.as_slice() else {
            panic!("{content}: {mistakes:?}");
        };
        assert_eq!(mistake.key, format!("issuers[0].{source}"));
        assert!(mistake.problem.contains(part), "{mistake}");
    };
    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).expect("a key");
    let public = {
        use rcgen::PublicKeyData as _;
        pem::encode(&pem::Pem::new("PUBLIC KEY", pair.subject_public_key_info()))
    };
    let cut = &public[..public.len() / 2];
    let hollow = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n";
    let certificate = public.replace("PUBLIC KEY", "CERTIFICATE");
    let pem = "public_key_file";
    of(pem, "ES256", &public, "");
    of(pem, "RS256", &public, "goes with none of `algorithms`");
    of(
        pem,
        "ES256",
        "",
        "beginning with -----BEGIN PUBLIC KEY-----",
    );
    of(
        pem,
        "ES256",
        cut,
        "beginning with -----BEGIN PUBLIC KEY-----",
    );
    of(pem, "ES256", hollow, "was it cut off?");
    of(pem, "ES256", &certificate, "openssl x509 -pubkey -noout");
    of(
        pem,
        "ES256",
        &pair.serialize_pem(),
        "belongs to the issuer alone",
    );
    of(pem, "ES256", &format!("{public}{public}"), "holds 2 keys");
    let set = "jwks_file";
    of(set, "ES256", r#"{"keys":[{"kty":"EC","crv":"P-256"}]}"#, "");
    of(
        set,
        "RS256",
        r#"{"keys":[{"kty":"EC","crv":"P-256"}]}"#,
        "goes with `algorithms`",
    );
    of(
        set,
        "ES256",
        r#"{"keys":[{"kty":"oct","k":"AA"}]}"#,
        "goes with `algorithms`",
    );
    of(
        set,
        "ES256",
        r#"{"keys":[{"kty":"EC","d":"AA"}]}"#,
        "holds a private key",
    );
    of(set, "ES256", r#"{"keys":[]}"#, "at least one key");
    of(set, "ES256", "<html>", "should hold a JWK set");
}
