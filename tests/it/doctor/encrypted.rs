//! Rocket.Chat behind TLS: the doctor goes the way that traffic goes, by the same authorities and the same name.

use gantry::app::doctor::State;
use gantry::tls::upstream::Files;
use tokio_rustls::rustls::pki_types::ServerName;

use super::{assert_told, find, report, world};
use crate::tls::front::Front;
use crate::tls::stage::{Authority, FAR, NAME, Papers};
use lookalike::Manner;

fn files(papers: &Papers, authority: &Authority) -> Files {
    papers.write("ca.crt", &authority.pem);
    Files {
        ca: Some(papers.path("ca.crt")),
        identity: Some((papers.path("tls.crt"), papers.path("tls.key"))),
        name: ServerName::try_from(NAME).unwrap(),
    }
}

#[tokio::test]
async fn what_is_behind_tls_is_tried_by_tls() {
    let (papers, world) = (Papers::new(), world(Manner::V87).await);
    papers.put(&papers.authority.issue(7, FAR));
    let shown = papers.authority.issue(5, FAR);
    let front = Front::before(world.rc.address(), &shown, Some(&papers.authority)).await;
    let told = report(&world, |config| {
        config.rocketchat.url = front.url("127.0.0.1");
        config.rocketchat.tls = Some(files(&papers, &papers.authority));
    })
    .await;
    for (id, subject) in [
        ("rocketchat-reachable", ""),
        ("websocket", ""),
        ("clock", "Rocket.Chat"),
        ("certificate", "rocketchat.tls"),
    ] {
        assert_eq!(
            find(&told, id, subject).state,
            State::Ok,
            "{}",
            told.table()
        );
    }
    let seen = front.seen();
    assert!(seen.len() >= 2, "{seen:?}");
    for shake in seen {
        assert_eq!((shake.name.as_deref(), shake.serial), (Some(NAME), Some(7)));
    }
}

#[tokio::test]
async fn a_rocket_chat_that_nobody_vouches_for_is_not_reached() {
    let (papers, world) = (Papers::new(), world(Manner::V87).await);
    papers.put(&papers.authority.issue(7, FAR));
    let shown = papers.authority.issue(5, FAR);
    let front = Front::before(world.rc.address(), &shown, None).await;
    let told = report(&world, |config| {
        config.rocketchat.url = front.url("127.0.0.1");
        config.rocketchat.tls = Some(files(&papers, &Authority::new()));
    })
    .await;
    let mend = "rocketchat.tls.ca_file";
    assert_told(&told, "rocketchat-reachable", State::Failed, mend);
    assert!(front.seen().is_empty(), "{:?}", front.seen());
}
