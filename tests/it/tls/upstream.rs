//! TLS towards Rocket.Chat: traffic, sockets and our own calls go by it, to nobody but whom the authorities vouch for.

use gantry::config::Config;
use gantry::tls::upstream::Files;
use serde_json::json;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::support::eventually::eventually;
use crate::support::gateway::{Gateway, slug};
use crate::support::http::{json as read, request, whole};
use crate::support::socket::Socket;
use crate::support::world::World;
use crate::tls::front::Front;
use crate::tls::stage::{self, Authority, FAR, NAME, OVER, Papers};

const ECHO: &str = "/api/v1/gantry-test.echo";
const RELOADS: &str = "gantry_tls_certificate_reloads_total";

/// What Gantry is told: the authority of `papers`, this name, and a certificate of its own or none.
fn files(papers: &Papers, name: &str, own: bool) -> Files {
    papers.write("ca.crt", &papers.authority.pem);
    Files {
        ca: Some(papers.path("ca.crt")),
        identity: own.then(|| (papers.path("tls.crt"), papers.path("tls.key"))),
        name: ServerName::try_from(name.to_owned()).unwrap(),
    }
}

/// A Gantry that goes to the front by this host.
async fn gantry(world: World, front: &Front, host: &str, files: Files) -> Gateway {
    let url = front.url(host);
    let change = |config: &mut Config, _: &World| {
        config.rocketchat.url = url;
        config.rocketchat.tls = Some(files);
    };
    world.gantry(change).await
}

#[tokio::test]
async fn requests_sockets_and_calls_go_by_tls_and_ask_for_the_configured_name() {
    let (papers, world) = (Papers::new(), World::plain().await);
    let shown = papers.authority.issue(5, FAR);
    let front = Front::before(world.rc.address(), &shown, None).await;
    let gateway = gantry(world, &front, "127.0.0.1", files(&papers, NAME, false)).await;
    gateway.until_ready().await;
    let token = gateway.issuer.token("alice");
    let mut connection = crate::support::http::http1(&gateway).await;
    let sent = request(&gateway, ECHO, &token, whole("one"));
    let (status, said) = read(connection.send_request(sent).await.unwrap()).await;
    assert_eq!((status.as_u16(), &said["username"]), (200, &json!("alice")));
    let mut socket = Socket::open(&gateway, &token).await;
    socket.connect_ddp().await;
    // More than TLS and the network take at once, so that something has to wait on both sides.
    let large = "x".repeat(900_000);
    socket
        .say(json!({ "msg": "ping", "id": large }).to_string())
        .await;
    socket.hear_until(|text| text.contains(&large)).await;

    let seen = front.seen();
    assert!(seen.len() >= 3, "{seen:?}");
    for shake in seen {
        assert_eq!(shake.name.as_deref(), Some(NAME));
        assert_eq!(shake.serial, None);
        assert_eq!(shake.protocol.as_deref(), Some("http/1.1"));
    }
    // Our own calls name Rocket.Chat as the URL does, whatever its certificate is called.
    let called = gateway.received("/api/v1/me");
    let host = front.url("127.0.0.1");
    assert_eq!(called[0].header("host"), Some(host.authority()));
    assert_eq!(
        gateway.received(ECHO)[0].header("host"),
        Some("chat.example.com")
    );
}

#[tokio::test]
async fn a_large_body_passes_whole_in_both_directions() {
    let (papers, world) = (Papers::new(), World::plain().await);
    let shown = papers.authority.issue(5, FAR);
    let front = Front::before(world.rc.address(), &shown, None).await;
    let gateway = gantry(world, &front, "127.0.0.1", files(&papers, NAME, false)).await;
    gateway.until_ready().await;
    let token = gateway.issuer.token("alice");
    let sent = gateway.post(ECHO, &token).body(vec![b'x'; 3_000_000]);
    let said: serde_json::Value = sent.send().await.unwrap().json().await.unwrap();
    assert_eq!(said["length"], 3_000_000);
    let path = "/api/v1/gantry-test.stream?chunks=64&size=65536";
    let answer = gateway.get(path, &token).send().await.unwrap();
    assert_eq!(answer.bytes().await.unwrap().len(), 64 * 65536);
}

#[tokio::test]
async fn without_a_name_of_its_own_the_host_of_the_url_is_asked_for() {
    let (papers, world) = (Papers::new(), World::plain().await);
    let shown = papers.authority.issue_for("localhost", 5, FAR);
    let front = Front::before(world.rc.address(), &shown, None).await;
    let files = files(&papers, "localhost", false);
    let gateway = gantry(world, &front, "localhost", files).await;
    gateway.until_ready().await;
    let token = gateway.issuer.token("alice");
    let answer = gateway.get(ECHO, &token).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    for shake in front.seen() {
        assert_eq!(shake.name.as_deref(), Some("localhost"));
    }
}

/// Nothing is said to whoever shows this: not ready, with a reason that names TLS, and no connection for traffic.
async fn check_disbelieved(papers: &Papers, shown: &stage::Pair, reason: &str) {
    let world = World::plain().await;
    let front = Front::before(world.rc.address(), shown, None).await;
    let gateway = gantry(world, &front, "127.0.0.1", files(papers, NAME, false)).await;
    let told = async {
        loop {
            let (status, page) = gateway.admin("/readyz").await;
            assert_eq!(status, 503);
            if page.contains(reason) && page.contains("check rocketchat.tls") {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    let in_time = tokio::time::timeout(std::time::Duration::from_secs(30), told).await;
    in_time.expect("readiness says why");
    // A public path, which wants nothing of the control plane.
    let url = gateway.url("/assets/logo.png");
    let answer = gateway.client.get(url).send().await.unwrap();
    assert_eq!(answer.status(), 502);
    assert_eq!(slug(answer).await, "upstream-unreachable");
    assert_eq!(gateway.rc.requests().len(), 0);
}

#[tokio::test]
async fn a_certificate_for_another_name_is_not_believed() {
    let papers = Papers::new();
    let shown = papers.authority.issue_for("other.example.com", 5, FAR);
    check_disbelieved(&papers, &shown, "not valid for name").await;
}

#[tokio::test]
async fn a_certificate_of_another_authority_is_not_believed() {
    let shown = Authority::new().issue(5, FAR);
    check_disbelieved(&Papers::new(), &shown, "invalid peer certificate").await;
}

#[tokio::test]
async fn an_expired_certificate_of_rocket_chat_is_not_believed() {
    let papers = Papers::new();
    let shown = papers.authority.issue(5, OVER);
    check_disbelieved(&papers, &shown, "expired").await;
}

#[tokio::test]
async fn where_rocket_chat_wants_a_certificate_ours_is_shown_and_a_renewed_one_after_it() {
    let (papers, world) = (Papers::new(), World::plain().await);
    let shown = papers.authority.issue(5, FAR);
    let front = Front::before(world.rc.address(), &shown, Some(&papers.authority)).await;
    let gateway = gantry(world, &front, "127.0.0.1", files(&papers, NAME, true)).await;
    gateway.until_ready().await;
    let token = gateway.issuer.token("alice");
    let mut socket = Socket::open(&gateway, &token).await;
    socket.connect_ddp().await;
    for shake in front.seen() {
        assert_eq!(shake.serial, Some(1));
    }

    papers.put(&papers.authority.issue(2, FAR - 1));
    gateway
        .log
        .until_line(&["new connections to Rocket.Chat are made with the changed"])
        .await;
    let before = front.seen().len();
    // A new person's exchange is our own call, a socket is traffic.
    let _bob = Socket::open(&gateway, &gateway.issuer.token("bob")).await;
    let shakes = front.seen().split_off(before);
    assert!(shakes.len() >= 2, "{shakes:?}");
    for shake in shakes {
        assert_eq!(shake.serial, Some(2));
    }
    socket.ping().await;
    let expiry = "gantry_tls_certificate_expiry_timestamp_seconds{side=\"upstream\"}";
    // The first of January 2089.
    assert_eq!(gateway.metric(expiry).await, 3_755_376_000.0);
    let reloads = format!("{RELOADS}{{side=\"upstream\",result=\"ok\"}}");
    assert!(gateway.metric(&reloads).await >= 1.0);
}

#[tokio::test]
async fn without_a_certificate_where_one_is_wanted_nothing_reaches_rocket_chat() {
    let (papers, world) = (Papers::new(), World::plain().await);
    let shown = papers.authority.issue(5, FAR);
    let front = Front::before(world.rc.address(), &shown, Some(&papers.authority)).await;
    let gateway = gantry(world, &front, "127.0.0.1", files(&papers, NAME, false)).await;
    let url = gateway.url("/assets/logo.png");
    let answer = gateway.client.get(url).send().await.unwrap();
    assert_eq!(slug(answer).await, "upstream-unreachable");
    assert_eq!(gateway.rc.requests().len(), 0);
}

#[tokio::test]
async fn authorities_that_are_replaced_are_believed_from_then_on() {
    let (papers, world) = (Papers::new(), World::plain().await);
    let shown = papers.authority.issue(5, FAR);
    let front = Front::before(world.rc.address(), &shown, None).await;
    let gateway = gantry(world, &front, "127.0.0.1", files(&papers, NAME, false)).await;
    gateway.until_ready().await;
    let token = gateway.issuer.token("alice");
    let mut socket = Socket::open(&gateway, &token).await;
    socket.connect_ddp().await;

    let next = Authority::new();
    papers.write("ca.crt", &next.pem);
    gateway
        .log
        .until_line(&["new connections to Rocket.Chat are made with the changed"])
        .await;
    // The old one shows what is no longer believed.
    assert!(refused(&gateway, &token).await);
    front.show(&next.issue(6, FAR), None);
    Socket::open(&gateway, &token).await.connect_ddp().await;
    // Our own calls believe it, too.
    Socket::open(&gateway, &gateway.issuer.token("bob")).await;
    socket.ping().await;
}

/// Does a socket get no connection to Rocket.Chat?
async fn refused(gateway: &Gateway, token: &str) -> bool {
    let url = format!("ws://{}/websocket?access_token={token}", gateway.address());
    tokio_tungstenite::connect_async(url).await.is_err()
}

/// A change that cannot be used: the old files stay, the log names the file and the fault, and sound ones are taken after it.
async fn check_refused(spoil: impl FnOnce(&Papers), kind: &str, file: &str) {
    let (papers, world) = (Papers::new(), World::plain().await);
    let shown = papers.authority.issue(5, FAR);
    let front = Front::before(world.rc.address(), &shown, Some(&papers.authority)).await;
    let gateway = gantry(world, &front, "127.0.0.1", files(&papers, NAME, true)).await;
    gateway.until_ready().await;
    spoil(&papers);
    let told = ["towards Rocket.Chat cannot be used", kind, file];
    gateway.log.until_line(&told).await;
    Socket::open(&gateway, &gateway.issuer.token("alice")).await;
    assert_eq!(front.seen().last().unwrap().serial, Some(1));
    let counted = format!("{RELOADS}{{side=\"upstream\",result=\"{kind}\"}}");
    assert!(gateway.metric(&counted).await >= 1.0);
    papers.write("ca.crt", &papers.authority.pem);
    papers.put(&papers.authority.issue(2, FAR));
    let taken = format!("{RELOADS}{{side=\"upstream\",result=\"ok\"}}");
    eventually("sound files are taken", || {
        gateway
            .log
            .text()
            .contains("made with the changed TLS files")
    })
    .await;
    assert!(gateway.metric(&taken).await >= 1.0);
}

#[tokio::test]
async fn an_expired_certificate_of_ours_is_not_taken() {
    let spoil = |papers: &Papers| papers.put(&papers.authority.issue(9, OVER));
    check_refused(spoil, "expired", "tls.crt").await;
}

#[tokio::test]
async fn a_key_of_another_certificate_is_not_taken() {
    let spoil = |papers: &Papers| papers.write("tls.key", &papers.authority.issue(9, FAR).key);
    check_refused(spoil, "mismatch", "tls.key").await;
}

#[tokio::test]
async fn half_written_authorities_are_not_taken() {
    let spoil = |papers: &Papers| {
        let pem = &papers.authority.pem;
        papers.write("ca.crt", &format!("{pem}{}", &pem[..pem.len() / 2]));
    };
    check_refused(spoil, "incomplete", "ca.crt").await;
}

#[tokio::test]
async fn expired_authorities_are_not_taken() {
    let spoil = |papers: &Papers| papers.write("ca.crt", &Authority::until(OVER).pem);
    check_refused(spoil, "expired", "ca.crt").await;
}

#[tokio::test]
async fn a_missing_file_is_no_reason_to_stop() {
    let spoil = |papers: &Papers| std::fs::remove_file(papers.path("ca.crt")).unwrap();
    check_refused(spoil, "unreadable", "ca.crt").await;
}
