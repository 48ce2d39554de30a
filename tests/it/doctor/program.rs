//! The program itself: how it exits, what it prints for machines, what an interrupt does, and certificates of https issuers.

use std::path::Path;
use std::process::Output;
use std::sync::Arc;
use std::time::Duration;

use gantry::tls::Files;
use lookalike::{Fault, FaultKind, Latch, Options};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::login_tokens;
use crate::support::world::World;

/// A certificate for localhost that is over at the beginning of a year, and its authority as `ca.pem`.
pub(super) fn certificate(folder: &Path, until: i32) -> Files {
    let authority_key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let own = authority.self_signed(&authority_key).unwrap();
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    params.not_after = rcgen::date_time_ymd(until, 1, 1);
    let issuer = Issuer::new(authority, authority_key);
    let signed = params.signed_by(&key, &issuer).unwrap();
    let write = |name: &str, text: String| {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    write("ca.pem", own.pem());
    Files {
        certificate: write("tls.crt", signed.pem()),
        key: write("tls.key", key.serialize_pem()),
        client_ca: None,
    }
}

/// The config file of this world, with its keys at `jwks`.
fn file(folder: &Path, world: &World, jwks: &str) -> String {
    let text = format!(
        "\
listen: {{ address: \"127.0.0.1:0\", public_url: \"https://chat.example.com\" }}
admin: {{ address: \"127.0.0.1:0\" }}
rocketchat:
  url: {}
  service_account: {{ user_id: \"{}\", auth_token: \"{}\" }}
  create_token_secret: {}
issuers:
  - {{ issuer: \"https://app.example.com\", audiences: [chat], algorithms: [ES256], jwks_url: \"{jwks}\" }}
",
        world.rc.url(),
        world.rc.service_user_id(),
        world.rc.service_token(),
        Options::SECRET,
    );
    let path = folder.join("gantry.yaml");
    std::fs::write(&path, text).unwrap();
    path.to_string_lossy().into_owned()
}

fn doctor(path: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gantry"));
    command
        .args(["doctor", "--config", path])
        .env_clear()
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .kill_on_drop(true);
    command
}

fn told(output: &Output) -> (Option<i32>, String) {
    let text = [&*output.stdout, &*output.stderr].concat();
    (output.status.code(), String::from_utf8(text).unwrap())
}

#[tokio::test]
async fn it_exits_with_nought_though_there_are_warnings() {
    let (world, folder) = (World::plain().await, tempfile::tempdir().unwrap());
    let path = file(folder.path(), &world, &world.issuer.jwks_url());
    let (code, text) = told(&doctor(&path).output().await.unwrap());
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("warning  setting Site_Url"), "{text}");
    assert!(text.contains("-> set Site_Url"), "{text}");
    assert_eq!(login_tokens(&world), 0);
}

#[tokio::test]
async fn it_exits_with_one_when_a_check_failed_and_shows_no_secret() {
    let (world, folder) = (World::plain().await, tempfile::tempdir().unwrap());
    let path = file(folder.path(), &world, "http://127.0.0.1:1/jwks.json");
    let mut command = doctor(&path);
    command.arg("--json");
    let output = command.output().await.unwrap();
    let (code, text) = told(&output);
    assert_eq!(code, Some(1), "{text}");
    let findings: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let keys = findings
        .iter()
        .find(|it| it["id"] == "issuer-keys")
        .unwrap();
    assert_eq!(keys["state"], "failed");
    assert_eq!(keys["subject"], "https://app.example.com");
    assert!(keys["mend"].is_string() && keys["seen"].is_string());
    assert!(!text.contains(&world.rc.service_token()), "{text}");
}

#[tokio::test]
async fn a_config_that_cannot_be_used_is_reported_and_nothing_is_tried() {
    let (world, folder) = (World::plain().await, tempfile::tempdir().unwrap());
    let path = file(folder.path(), &world, &world.issuer.jwks_url());
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("audiences", "audience")).unwrap();
    let (code, text) = told(&doctor(&path).output().await.unwrap());
    assert_eq!(code, Some(1), "{text}");
    assert!(
        text.contains("failed   config issuers[0].audience"),
        "{text}"
    );
    assert!(text.contains("did you mean `audiences`?"), "{text}");
    assert!(world.rc.requests().is_empty());
}

fn interrupt(child: &Child) {
    let process = child.id().unwrap().to_string();
    let status = std::process::Command::new("sh")
        .args(["-c", &format!("kill -INT {process}")])
        .status();
    assert!(status.unwrap().success());
}

/// A doctor whose probe token was minted, and who has not heard of it.
async fn waiting(world: &World, folder: &Path) -> (Child, Latch) {
    let latch = Latch::new();
    let held = FaultKind::HoldAnswer(latch.clone());
    world
        .rc
        .fault(Fault::times("/api/v1/users.createToken", 1, held));
    // Without this it could end by itself.
    world
        .rc
        .fault(Fault::always("/websocket", FaultKind::HalfOpen));
    let path = file(folder, world, &world.issuer.jwks_url());
    let child = doctor(&path).spawn().unwrap();
    latch.until_arrived(1).await;
    assert_eq!(login_tokens(world), 1);
    (child, latch)
}

#[tokio::test]
async fn an_interrupt_leaves_no_token_behind() {
    let (world, folder) = (World::plain().await, tempfile::tempdir().unwrap());
    let (child, latch) = waiting(&world, folder.path()).await;
    interrupt(&child);
    latch.open();
    let (code, text) = told(&child.wait_with_output().await.unwrap());
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("interrupted"), "{text}");
    assert_eq!(login_tokens(&world), 0);
}

#[tokio::test]
async fn a_second_interrupt_ends_the_waiting_and_says_what_may_be_left() {
    let (world, folder) = (World::plain().await, tempfile::tempdir().unwrap());
    let (mut child, _latch) = waiting(&world, folder.path()).await;
    // Signals that come together count as one.
    let beat = Duration::from_millis(100);
    loop {
        interrupt(&child);
        if tokio::time::timeout(beat, child.wait()).await.is_ok() {
            break;
        }
    }
    let (code, text) = told(&child.wait_with_output().await.unwrap());
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("may be left"), "{text}");
}

/// An https server at localhost that shows this certificate and hangs up; its URL.
async fn showing(files: &Files) -> String {
    let read = |path: &Path| std::fs::read(path).unwrap();
    let certificate = CertificateDer::from_pem_slice(&read(&files.certificate)).unwrap();
    let key = PrivateKeyDer::from_pem_slice(&read(&files.key)).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _refused = acceptor.accept(stream).await;
        }
    });
    format!("https://localhost:{port}/jwks.json")
}

#[tokio::test]
async fn certificates_of_issuers_that_are_not_believed_are_told_with_the_cause() {
    let table = [
        (2020, true, "renew the issuer's certificate"),
        (2090, false, "SSL_CERT_FILE"),
    ];
    for (year, known, mend) in table {
        let (world, folder) = (World::plain().await, tempfile::tempdir().unwrap());
        let url = showing(&certificate(folder.path(), year)).await;
        let path = file(folder.path(), &world, &url);
        let mut command = doctor(&path);
        if known {
            command.env("SSL_CERT_FILE", folder.path().join("ca.pem"));
        }
        let (code, text) = told(&command.output().await.unwrap());
        assert_eq!(code, Some(1), "{text}");
        assert!(text.contains("failed   issuer-keys"), "{text}");
        assert!(text.contains(mend), "{text}");
    }
}

#[tokio::test]
async fn a_certificate_for_another_host_is_told_as_such() {
    let (world, folder) = (World::plain().await, tempfile::tempdir().unwrap());
    let url = showing(&certificate(folder.path(), 2090)).await;
    let path = file(
        folder.path(),
        &world,
        &url.replace("localhost", "127.0.0.1"),
    );
    let mut command = doctor(&path);
    command.env("SSL_CERT_FILE", folder.path().join("ca.pem"));
    let (code, text) = told(&command.output().await.unwrap());
    assert_eq!(code, Some(1), "{text}");
    assert!(
        text.contains("a host that its certificate is for"),
        "{text}"
    );
}
