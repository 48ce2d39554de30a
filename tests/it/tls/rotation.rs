//! Files that change while Gantry serves: sound ones are taken for new handshakes, and nothing else ever takes their place.

use std::os::unix::fs::symlink;
use std::path::Path;

use crate::support::http::{request, whole};
use crate::support::socket::Socket;
use crate::tls::clients::asked;
use crate::tls::stage::{self, Authority, BOTH, FAR, OVER, Papers, files_in};

const ECHO: &str = "/api/v1/gantry-test.echo";
const RELOADS: &str = "gantry_tls_certificate_reloads_total";

#[tokio::test]
async fn new_handshakes_see_the_new_certificate_and_open_connections_live_on() {
    let papers = Papers::new();
    let gateway = papers.gateway().await;
    let token = gateway.issuer.token("alice");
    let stream = papers.connect(&gateway, "h2").await;
    assert_eq!(stage::serial(&stream), 1);
    let mut connection = stage::http2(stream).await;
    let stream = papers.connect(&gateway, "http/1.1").await;
    let mut socket = Socket::over(stream, "/websocket", &token).await;
    socket.connect_ddp().await;

    papers.put(&papers.authority.issue(2, FAR - 1));
    papers.until_serial(&gateway, 2).await;

    let sent = request(&gateway, ECHO, &token, whole("one"));
    assert_eq!(connection.send_request(sent).await.unwrap().status(), 200);
    socket.ping().await;
    let expiry = "gantry_tls_certificate_expiry_timestamp_seconds{side=\"downstream\"}";
    // The first of January 2089.
    assert_eq!(gateway.metric(expiry).await, 3_755_376_000.0);
}

/// A change that cannot be used: the old certificate stays, the log names the file and the fault, and a sound one is taken after it.
async fn check_refused(spoil: impl FnOnce(&Papers), kind: &str, file: &str) {
    let papers = Papers::new();
    let gateway = papers.gateway().await;
    spoil(&papers);
    gateway
        .log
        .until_line(&["those from before stay in use", kind, file])
        .await;
    assert_eq!(papers.serial(&gateway).await, 1);
    let counted = format!("{RELOADS}{{side=\"downstream\",result=\"{kind}\"}}");
    assert!(gateway.metric(&counted).await >= 1.0);
    papers.put(&papers.authority.issue(2, FAR));
    papers.until_serial(&gateway, 2).await;
}

#[tokio::test]
async fn an_expired_certificate_is_not_taken() {
    let spoil = |papers: &Papers| papers.put(&papers.authority.issue(9, OVER));
    check_refused(spoil, "expired", "tls.crt").await;
}

#[tokio::test]
async fn a_key_of_another_certificate_is_not_taken() {
    let spoil = |papers: &Papers| {
        let other = papers.authority.issue(9, FAR);
        papers.write("tls.key", &other.key);
    };
    check_refused(spoil, "mismatch", "tls.key").await;
}

#[tokio::test]
async fn a_half_written_certificate_is_not_taken() {
    let spoil = |papers: &Papers| {
        let whole = papers.authority.issue(9, FAR).certificate;
        papers.write("tls.crt", &whole[..whole.len() / 2]);
    };
    check_refused(spoil, "incomplete", "tls.crt").await;
}

#[tokio::test]
async fn a_half_written_chain_is_not_taken_for_a_short_one() {
    let spoil = |papers: &Papers| {
        let pair = papers.authority.issue(9, FAR);
        let cut = &papers.authority.pem[..papers.authority.pem.len() / 2];
        papers.write("tls.key", &pair.key);
        papers.write("tls.crt", &format!("{}{cut}", pair.certificate));
    };
    check_refused(spoil, "incomplete", "tls.crt").await;
}

#[tokio::test]
async fn a_missing_key_is_no_reason_to_stop() {
    let spoil = |papers: &Papers| std::fs::remove_file(papers.path("tls.key")).unwrap();
    check_refused(spoil, "unreadable", "tls.key").await;
}

#[tokio::test]
async fn authorities_of_clients_that_are_replaced_are_believed_from_then_on() {
    let papers = Papers::new();
    let (before, after) = (Authority::new(), Authority::new());
    let gateway = papers.guarded(&before, false).await;
    let (old, new) = (before.issue(7, FAR), after.issue(8, FAR));
    assert_eq!(asked(&papers, &gateway, Some(&old)).await, Some(401));
    assert_eq!(asked(&papers, &gateway, Some(&new)).await, None);
    // An open connection was let in, and stays.
    let open = papers.client(BOTH, Some(&old));
    let mut open = stage::http1(stage::shake_hands(&gateway, open).await.unwrap()).await;

    papers.write("clients.crt", &after.pem);
    let taken = "new handshakes get the changed certificate";
    gateway.log.until_line(&[taken]).await;
    assert_eq!(asked(&papers, &gateway, Some(&new)).await, Some(401));
    assert_eq!(asked(&papers, &gateway, Some(&old)).await, None);
    let sent = request(&gateway, ECHO, &gateway.issuer.token("alice"), whole("one"));
    assert_eq!(open.send_request(sent).await.unwrap().status(), 200);

    // What cannot be used opens the door to nobody and closes it to nobody.
    papers.write("clients.crt", &Authority::until(OVER).pem);
    let refused = ["those from before stay in use", "expired", "clients.crt"];
    gateway.log.until_line(&refused).await;
    assert_eq!(asked(&papers, &gateway, Some(&new)).await, Some(401));
    assert_eq!(asked(&papers, &gateway, None).await, None);
}

#[tokio::test]
async fn a_swap_of_the_directory_behind_a_symlink_is_seen() {
    let papers = Papers::new();
    let versions = |name: &str, serial| {
        let directory = papers.path(name);
        std::fs::create_dir(&directory).unwrap();
        let pair = papers.authority.issue(serial, FAR);
        std::fs::write(directory.join("tls.crt"), pair.certificate).unwrap();
        std::fs::write(directory.join("tls.key"), pair.key).unwrap();
    };
    // As Kubernetes mounts a secret: the names lead through `..data`, which is swapped at once.
    versions("..1", 11);
    let mounted = papers.path("mounted");
    std::fs::create_dir(&mounted).unwrap();
    swap(&papers, "..1");
    for name in ["tls.crt", "tls.key"] {
        symlink(Path::new("../..data").join(name), mounted.join(name)).unwrap();
    }
    let gateway = papers.configured(files_in(&mounted), |_| {}).await;
    assert_eq!(papers.serial(&gateway).await, 11);
    versions("..2", 12);
    swap(&papers, "..2");
    papers.until_serial(&gateway, 12).await;
}

fn swap(papers: &Papers, to: &str) {
    let beside = papers.path("..data.new");
    symlink(to, &beside).unwrap();
    std::fs::rename(beside, papers.path("..data")).unwrap();
}
