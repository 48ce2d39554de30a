//! Keys `listen.tls`: every fault of the files is told at the key that names the file.

use std::path::Path;

use rcgen::{CertificateParams, KeyPair};
use tempfile::TempDir;

use super::{LEAST, good, mistakes};
use crate::clock::Clock;

/// Writes a certificate that ends in so many days, and its key.
fn pair(directory: &Path, name: &str, days: i64) {
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(vec!["chat.example.com".to_owned()]).expect("a name");
    let now = Clock::system().now();
    let day = std::time::Duration::from_secs(24 * 60 * 60 * days.unsigned_abs());
    let ends = if days < 0 { now - day } else { now + day };
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = ends.into();
    let certificate = params.self_signed(&key).expect("a certificate").pem();
    std::fs::write(directory.join(format!("{name}.crt")), certificate).expect("a file");
    std::fs::write(directory.join(format!("{name}.key")), key.serialize_pem()).expect("a file");
}

/// The least with these keys below `listen.tls`, `~` standing for the directory.
fn text(directory: &Path, keys: &str) -> String {
    let keys = keys.replace('~', &directory.to_string_lossy());
    LEAST.replacen("listen:\n", &format!("listen:\n  tls: {{ {keys} }}\n"), 1)
}

const SOUND: &str = "certificate_file: ~/far.crt, key_file: ~/far.key";

#[test]
fn absent_there_is_no_tls_and_sound_files_give_it() {
    let directory = TempDir::new().expect("a directory");
    pair(directory.path(), "far", 400);
    assert_eq!(good(LEAST, &[]).listen.tls, None);
    let config = good(&text(directory.path(), SOUND), &[]);
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
    let tls = config.listen.tls.expect("TLS");
    assert_eq!(tls.certificate, directory.path().join("far.crt"));
    assert_eq!(tls.client_ca, None);
    for (given, optional) in [("", false), ("required", false), ("optional", true)] {
        let mut keys = format!("{SOUND}, client_ca_file: ~/far.crt");
        if !given.is_empty() {
            keys.push_str(&format!(", client_certificates: {given}"));
        }
        let tls = good(&text(directory.path(), &keys), &[]).listen.tls;
        let client_ca = tls.and_then(|tls| tls.client_ca).expect("authorities");
        assert_eq!(client_ca.optional, optional, "{given}");
    }
}

#[test]
fn a_certificate_that_ends_within_two_weeks_is_warned_of() {
    let directory = TempDir::new().expect("a directory");
    pair(directory.path(), "far", 13);
    let config = good(&text(directory.path(), SOUND), &[]);
    assert_eq!(config.warnings.len(), 1, "{:?}", config.warnings);
    let told = config.warnings[0].to_string();
    assert!(told.contains("listen.tls.certificate_file: the certificate expires at"));
}

#[test]
fn faults_are_told_with_their_key() {
    let directory = TempDir::new().expect("a directory");
    pair(directory.path(), "far", 400);
    pair(directory.path(), "over", -1);
    std::fs::write(directory.path().join("text"), "no certificate").expect("a file");
    let sound_key = "key_file: ~/far.key";
    let sound_certificate = "certificate_file: ~/far.crt";
    for (keys, key, problem) in [
        (sound_certificate.to_owned(), "key_file", "missing"),
        (sound_key.to_owned(), "certificate_file", "missing"),
        (
            format!("certificate_file: ~/none, {sound_key}"),
            "certificate_file",
            "cannot read the file",
        ),
        (
            format!("certificate_file: ~/text, {sound_key}"),
            "certificate_file",
            "should hold a certificate as PEM",
        ),
        (
            "certificate_file: ~/over.crt, key_file: ~/over.key".to_owned(),
            "certificate_file",
            "the certificate expired at",
        ),
        (
            format!("{sound_certificate}, key_file: ~/over.key"),
            "key_file",
            "the key does not belong to the certificate",
        ),
        (
            format!("{sound_certificate}, key_file: ~/text"),
            "key_file",
            "should hold a private key",
        ),
        (
            format!("{SOUND}, client_ca_file: ~/text"),
            "client_ca_file",
            "should hold a certificate as PEM",
        ),
        (
            format!("{SOUND}, client_certificates: optional"),
            "client_ca_file",
            "missing",
        ),
        (
            "client_ca_file: ~/far.crt".to_owned(),
            "client_ca_file",
            "goes with TLS only",
        ),
    ] {
        let told = mistakes(&text(directory.path(), &keys), &[]);
        assert_eq!(told.len(), 1, "{keys}: {told:?}");
        assert!(told[0].contains(&format!("listen.tls.{key}: ")), "{told:?}");
        assert!(told[0].contains(problem), "{told:?}");
    }
}

/// The least with an `https` URL and these keys below `rocketchat.tls`, `~` standing for the directory.
fn upstream(directory: &Path, url: &str, keys: &str) -> String {
    let keys = keys.replace('~', &directory.to_string_lossy());
    let section = format!("rocketchat:\n  url: {url}\n  tls: {{ {keys} }}\n");
    LEAST.replacen("rocketchat:\n", &section, 1)
}

#[test]
fn tls_towards_rocketchat_takes_the_name_of_its_url_unless_another_is_given() {
    let directory = TempDir::new().expect("a directory");
    pair(directory.path(), "far", 400);
    assert_eq!(good(LEAST, &[]).rocketchat.tls, None);
    for (url, name, expected) in [
        ("https://rc.example.com", "", "rc.example.com"),
        ("https://127.0.0.1:3000", "", "127.0.0.1"),
        ("https://[::1]:3000", "", "::1"),
        (
            "https://127.0.0.1",
            ", server_name: rc.internal",
            "rc.internal",
        ),
    ] {
        let keys = format!("ca_file: ~/far.crt{name}");
        let config = good(&upstream(directory.path(), url, &keys), &[]);
        assert!(config.warnings.is_empty(), "{:?}", config.warnings);
        let tls = config.rocketchat.tls.expect("TLS");
        assert_eq!(tls.name.to_str(), expected);
        assert_eq!(tls.ca, Some(directory.path().join("far.crt")));
        assert_eq!(tls.identity, None);
    }
    pair(directory.path(), "soon", 13);
    let keys = "ca_file: ~/far.crt, certificate_file: ~/soon.crt, key_file: ~/soon.key";
    let config = good(&upstream(directory.path(), "https://rc", keys), &[]);
    assert_eq!(config.warnings.len(), 1, "{:?}", config.warnings);
    let warned = "rocketchat.tls.certificate_file: the certificate expires at";
    assert!(config.warnings[0].to_string().contains(warned));
}

#[test]
fn faults_of_tls_towards_rocketchat_are_told_with_their_key() {
    let directory = TempDir::new().expect("a directory");
    for (name, days) in [("far", 400), ("over", -1)] {
        pair(directory.path(), name, days);
    }
    let text = std::fs::read_to_string(directory.path().join("far.crt")).expect("a file");
    std::fs::write(directory.path().join("half"), &text[..text.len() / 2]).expect("a file");
    let far = "https://rc.example.com";
    for (url, keys, key, problem) in [
        (
            "http://rc",
            "ca_file: ~/far.crt",
            "ca_file",
            "goes with TLS only",
        ),
        (
            "http://rc",
            "server_name: rc",
            "server_name",
            "goes with TLS only",
        ),
        (far, "ca_file: ~/none", "ca_file", "cannot read the file"),
        (far, "ca_file: ~/half", "ca_file", "is the file complete?"),
        (far, "ca_file: ~/over.crt", "ca_file", "expired at"),
        (far, "certificate_file: ~/far.crt", "key_file", "missing"),
        (
            far,
            "ca_file: ~/far.crt, certificate_file: ~/far.crt, key_file: ~/over.key",
            "key_file",
            "does not belong to the certificate",
        ),
        (
            far,
            "ca_file: ~/far.crt, certificate_file: ~/over.crt, key_file: ~/over.key",
            "certificate_file",
            "expired at",
        ),
        (
            far,
            "ca_file: ~/far.crt, server_name: 10.0.0.1",
            "server_name",
            "should be a DNS name",
        ),
        (
            far,
            "ca_file: ~/far.crt, server_name: 'https://rc'",
            "server_name",
            "should be a DNS name",
        ),
    ] {
        let told = mistakes(&upstream(directory.path(), url, keys), &[]);
        assert_eq!(told.len(), 1, "{keys}: {told:?}");
        assert!(
            told[0].contains(&format!("rocketchat.tls.{key}: ")),
            "{told:?}"
        );
        assert!(told[0].contains(problem), "{told:?}");
    }
}
