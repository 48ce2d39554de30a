//! Certificates of clients: a second door, never a name.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::gateway::Gateway;
use crate::tls::stage::{Authority, BOTH, FAR, OVER, Pair, Papers, shake_hands};

/// The status of a request without a JWT, or `None` when there is no connection for it. Under TLS 1.3 the client believes in the
/// handshake before its certificate was looked at.
pub(crate) async fn asked(papers: &Papers, gateway: &Gateway, shown: Option<&Pair>) -> Option<u16> {
    let client = papers.client(BOTH, shown);
    let mut stream = shake_hands(gateway, client).await.ok()?;
    let sent = b"GET /api/v1/me HTTP/1.1\r\nhost: chat.example.com\r\nconnection: close\r\n\r\n";
    stream.write_all(sent).await.ok()?;
    let mut answer = Vec::new();
    let _closed = stream.read_to_end(&mut answer).await;
    let status = answer.strip_prefix(b"HTTP/1.1 ")?.get(..3)?;
    std::str::from_utf8(status).ok()?.parse().ok()
}

#[tokio::test]
async fn where_a_certificate_is_required_only_holders_of_a_sound_one_come_in() {
    let papers = Papers::new();
    let (ours, strange) = (Authority::new(), Authority::new());
    let gateway = papers.guarded(&ours, false).await;
    // It opens the door and says nothing of who comes: a JWT is wanted still.
    let sound = ours.issue(7, FAR);
    assert_eq!(asked(&papers, &gateway, Some(&sound)).await, Some(401));
    assert_eq!(asked(&papers, &gateway, None).await, None);
    let of_strangers = strange.issue(8, FAR);
    assert_eq!(asked(&papers, &gateway, Some(&of_strangers)).await, None);
    let expired = ours.issue(9, OVER);
    assert_eq!(asked(&papers, &gateway, Some(&expired)).await, None);
}

#[tokio::test]
async fn where_it_is_optional_one_may_do_without_but_not_with_a_bad_one() {
    let papers = Papers::new();
    let (ours, strange) = (Authority::new(), Authority::new());
    let gateway = papers.guarded(&ours, true).await;
    assert_eq!(asked(&papers, &gateway, None).await, Some(401));
    let sound = ours.issue(7, FAR);
    assert_eq!(asked(&papers, &gateway, Some(&sound)).await, Some(401));
    let of_strangers = strange.issue(8, FAR);
    assert_eq!(asked(&papers, &gateway, Some(&of_strangers)).await, None);
}
