//! Secrets: given inline or by file, exactly one, and shown nowhere.

use std::fs;

use tempfile::TempDir;

use super::{LEAST, good, mistakes};
use crate::config::issuer::KeySource;
use crate::config::rocketchat::{Mint, ServiceAccount};
use crate::config::{Config, Environment, effective};

/// A directory with a configuration in it.
fn directory(text: &str) -> TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    fs::write(directory.path().join("gantry.yaml"), text).expect("a file");
    directory
}

fn load(directory: &TempDir) -> Result<Config, String> {
    let path = directory.path().join("gantry.yaml");
    Config::load(Some(&path), &Environment::default()).map_err(|mistakes| {
        mistakes
            .to_string()
            .replace(&*directory.path().to_string_lossy(), "DIR")
    })
}

#[test]
fn secret_files_are_read_beside_the_file_that_names_them() {
    let directory = directory(&LEAST.replace(
        "auth_token: not-to-be-shown",
        "auth_token_file: secrets/token",
    ));
    fs::create_dir(directory.path().join("secrets")).expect("a directory");
    fs::write(directory.path().join("secrets/token"), "from-the-file\n").expect("a file");
    let config = load(&directory).expect("a configuration");
    let ServiceAccount::Token { auth_token, .. } = &config.rocketchat.service_account else {
        panic!("a token")
    };
    assert_eq!(auth_token.reveal(), "from-the-file");
}

#[test]
fn missing_empty_large_and_odd_secret_files_are_mistakes() {
    let text = LEAST.replace("auth_token: not-to-be-shown", "auth_token_file: token");
    let directory = directory(&text);
    let token = directory.path().join("token");
    assert!(load(&directory).expect_err("missing").contains("gantry.yaml:4:56: rocketchat.service_account.auth_token_file: \"token\" should be a file that holds the secret: No such file"));
    fs::write(&token, "\n").expect("a file");
    assert!(
        load(&directory)
            .expect_err("empty")
            .contains("the file is empty")
    );
    fs::write(&token, vec![b'x'; 65_537]).expect("a file");
    assert!(
        load(&directory)
            .expect_err("large")
            .contains("larger than a secret can be")
    );
    fs::write(&token, [0xff, 0xfe]).expect("a file");
    assert!(
        load(&directory)
            .expect_err("not UTF-8")
            .contains("auth_token_file")
    );
}

#[test]
fn a_secret_is_given_once() {
    let both = mistakes(
        LEAST,
        &[(
            "GANTRY_ROCKETCHAT__SERVICE_ACCOUNT__AUTH_TOKEN_FILE",
            "/run/token",
        )],
    );
    let [line] = both.as_slice() else {
        panic!("{both:#?}")
    };
    assert!(
        line.ends_with("both `auth_token` and `auth_token_file` are given; keep one"),
        "{line}"
    );
    let neither = mistakes(&LEAST.replace(", auth_token: not-to-be-shown", ""), &[]);
    let [line] = neither.as_slice() else {
        panic!("{neither:#?}")
    };
    assert!(
        line.contains("rocketchat.service_account.auth_token: missing"),
        "{line}"
    );
}

#[test]
fn a_service_account_is_of_one_kind() {
    let account = |keys: &str| LEAST.replace("user_id: gantry, auth_token: not-to-be-shown", keys);
    let mixed = mistakes(&account("user_id: a, password: b"), &[]);
    assert!(
        mixed.iter().any(|line| line.contains("not parts of both")),
        "{mixed:#?}"
    );
    let half = mistakes(&account("totp_secret: JBSWY3DP"), &[]);
    assert_eq!(half.len(), 2, "{half:#?}");
    let odd = mistakes(
        &account("username: a, password: b, totp_secret: '0189'"),
        &[],
    );
    assert!(
        odd.iter()
            .any(|line| line.contains("totp_secret: should be the Base32 text")),
        "{odd:#?}"
    );
    let config = good(
        &account("username: a, password: 123456, totp_secret: jbsw y3dp="),
        &[],
    );
    let ServiceAccount::Password {
        password,
        totp_secret,
        ..
    } = config.rocketchat.service_account
    else {
        panic!("a password")
    };
    assert_eq!(password.reveal(), "123456", "a password of digits is text");
    assert_eq!(
        totp_secret
            .map(|secret| secret.reveal().to_owned())
            .as_deref(),
        Some("JBSWY3DP")
    );
}

#[test]
fn keys_that_are_too_short_to_hold_are_refused() {
    let short = mistakes(
        LEAST,
        &[
            ("GANTRY_ROCKETCHAT__MINT", "password"),
            ("GANTRY_ROCKETCHAT__PASSWORD_KEY", "short"),
        ],
    );
    assert!(
        short
            .iter()
            .any(|line| line.contains("rocketchat.password_key: should be at least 32 bytes long")),
        "{short:#?}"
    );
    let none = mistakes(LEAST, &[("GANTRY_ROCKETCHAT__MINT", "password")]);
    assert!(
        none.iter()
            .any(|line| line.contains("rocketchat.password_key: missing")),
        "{none:#?}"
    );
    let text = LEAST
        .replace(
            "jwks_url: https://app.example.com/jwks.json",
            "secret: too-short",
        )
        .replace("RS256", "HS256");
    let short = mistakes(&text, &[]);
    assert!(
        short
            .iter()
            .any(|line| line
                .contains("issuers[0].secret: should be at least 32 bytes long for HS256")),
        "{short:#?}"
    );
    let key = "0123456789abcdef0123456789abcdef";
    let config = good(
        &text.replace("too-short", key),
        &[
            ("GANTRY_ROCKETCHAT__MINT", "password"),
            ("GANTRY_ROCKETCHAT__PASSWORD_KEY", key),
        ],
    );
    assert!(matches!(&config.issuers[0].keys, KeySource::Secret(secret) if secret.reveal() == key));
    assert!(
        matches!(&config.rocketchat.mint, Mint::Password { key: derived } if derived.reveal() == key)
    );
}

#[test]
fn an_admin_token_is_long_and_fits_into_a_header() {
    let check = |token: &str, expected: &str| {
        let lines = mistakes(LEAST, &[("GANTRY_ADMIN__TOKEN", token)]);
        assert!(
            lines.iter().any(|line| line.contains(expected)),
            "{lines:#?}"
        );
    };
    check("0123456789abcdef0123456789abcde", "at least 32 characters");
    check("0123456789abcdef 0123456789abcdef", "without blanks");
    check("0123456789abcdef0123456789abcdé", "of ASCII");
    let key = "0123456789abcdef0123456789abcdef";
    let config = good(LEAST, &[("GANTRY_ADMIN__TOKEN", key)]);
    assert!(
        config
            .admin
            .token
            .is_some_and(|token| token.reveal() == key)
    );
    assert!(good(LEAST, &[]).admin.token.is_none());
}

#[test]
fn a_public_key_never_serves_as_a_shared_secret() {
    let keys = LEAST.replace(
        "jwks_url: https://app.example.com/jwks.json",
        "public_key_file: key.pem",
    );
    let directory = directory(&keys.replace("RS256", "HS256"));
    let pair = rcgen::KeyPair::generate().expect("a key");
    let public = rcgen::PublicKeyData::subject_public_key_info(&pair);
    let public = pem::encode(&pem::Pem::new("PUBLIC KEY", public));
    fs::write(directory.path().join("key.pem"), public).expect("a file");
    let told = load(&directory).expect_err("HS256 with a public key");
    assert!(
        told.contains("issuers[0].algorithms[0]: HS256 needs a `secret`"),
        "{told}"
    );
}

#[test]
fn key_files_are_looked_into() {
    let file = |name: &str| {
        LEAST.replace(
            "jwks_url: https://app.example.com/jwks.json",
            &format!("{name}: key"),
        )
    };
    let told = |name: &str, content: &str| {
        let directory = directory(&file(name));
        fs::write(directory.path().join("key"), content).expect("a file");
        load(&directory).err().unwrap_or_default()
    };
    assert!(
        load(&directory(&file("jwks_file")))
            .expect_err("missing")
            .contains("cannot read \"key\"")
    );
    assert!(
        told("public_key_file", "-----BEGIN PRIVATE KEY-----\n").contains("holds a private key")
    );
    assert!(told("public_key_file", "ssh-rsa AAAA").contains("one public key as PEM"));
    assert!(told("jwks_file", "{\"keys\": []}").contains("a JWK set"));
    assert_eq!(told("jwks_file", "{\"keys\": [{\"kty\": \"RSA\"}]}"), "");
}

#[test]
fn an_issuer_has_one_source_of_keys() {
    let line = "    jwks_url: https://app.example.com/jwks.json\n";
    let none = mistakes(&LEAST.replace(line, ""), &[]);
    assert!(
        none.iter()
            .any(|line| line.contains("issuers[0]: has no keys")),
        "{none:#?}"
    );
    let two = mistakes(&format!("{LEAST}    discovery: true\n"), &[]);
    assert!(
        two.iter()
            .any(|line| line.contains("`jwks_url`, `discovery` are given; keep one")),
        "{two:#?}"
    );
    let opaque = LEAST
        .replace(line, "    discovery: true\n")
        .replace("issuer: https://app.example.com", "issuer: app");
    let told = mistakes(&opaque, &[]);
    assert!(
        told.iter()
            .any(|line| line.contains("discovery: needs an `issuer` that is a URL")),
        "{told:#?}"
    );
}

#[test]
fn the_effective_configuration_shows_which_secrets_there_are_and_none_of_them() {
    let directory = directory(&format!(
        "{LEAST}    required_claims: {{ tier: 2, on: 'true' }}\n"
    ));
    fs::write(directory.path().join("shared"), "file-secret").expect("a file");
    let path = directory.path().join("gantry.yaml");
    let environment = Environment::of([
        ("GANTRY_ROCKETCHAT__CREATE_TOKEN_SECRET_FILE", "shared"),
        ("GANTRY_ROCKETCHAT__VERSION", "8.0"),
        ("GANTRY_SESSIONS__END_ON_LAST_SOCKET", "60s"),
    ]);
    let shown = effective(Some(&path), &environment).expect("a configuration");
    assert!(!shown.contains("not-to-be-shown") && !shown.contains("file-secret"));
    insta::assert_snapshot!(shown);
    fs::write(&path, &shown).expect("a file");
    assert_eq!(
        effective(Some(&path), &Environment::default()).expect("a configuration"),
        shown
    );
}

#[test]
fn no_mistake_and_no_debug_output_repeats_a_secret() {
    let text = LEAST.replace(
        "auth_token: not-to-be-shown",
        "auth_tokn: hunter2, password: [hunter2], auth_token_file: {hunter2: 1}",
    );
    let lines = mistakes(
        &text,
        &[
            ("GANTRY_ROCKETCHAT__PASWORD_KEY", "hunter2"),
            ("GANTRY_ROCKETCHAT__MINT", "password"),
        ],
    );
    assert!(
        lines.len() > 3 && !lines.join("\n").contains("hunter2"),
        "{lines:#?}"
    );
    let environment = Environment::of([("GANTRY_ROCKETCHAT__PASSWORD_KEY", "hunter2")]);
    let shown = format!("{environment:?} {:?}", good(LEAST, &[]));
    assert!(!shown.contains("hunter2") && !shown.contains("not-to-be-shown"));
}
