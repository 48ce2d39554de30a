//! Tickets at the level of sessions: one use however many try at once, and no more of them than there may be.

use std::sync::Arc;
use std::time::Duration;

use gantry::session::ticket::MAX_TICKETS;
use gantry::session::{Admitted, EndCause, Tickets};

use super::stage::Stage;
use crate::support::eventually::eventually;

const LIFE: Duration = Duration::from_secs(30);

async fn opened() -> (Stage, Tickets, Admitted) {
    let stage = Stage::new().await;
    let tickets = Tickets::new(LIFE, stage.sessions.clone());
    let admitted = stage.admitted("alice", "main").await;
    (stage, tickets, admitted)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_of_many_who_redeem_at_once_wins() {
    let (_stage, tickets, admitted) = opened().await;
    for _ in 0..50 {
        let (ticket, _) = tickets.issue(&admitted).await.unwrap();
        let attempts = (0..8).map(|_| {
            let (tickets, ticket) = (tickets.clone(), ticket.clone());
            tokio::spawn(async move { tickets.redeem(ticket.reveal()).await.unwrap().is_some() })
        });
        let won = futures_util::future::join_all(attempts).await;
        let winners = won.into_iter().filter(|won| *won.as_ref().unwrap());
        assert_eq!(winners.count(), 1);
    }
}

#[tokio::test]
async fn a_ticket_names_its_own_session_and_keeps_it_not_alive() {
    let (stage, tickets, admitted) = opened().await;
    let other = stage.admitted("alice", "other").await;
    let (ticket, until) = tickets.issue(&other).await.unwrap();
    // Sessions count in milliseconds.
    let left = until.duration_since(stage.clock.now()).unwrap();
    assert!(left <= LIFE && LIFE - left <= Duration::from_millis(1));
    let redeemed = tickets.redeem(ticket.reveal()).await.unwrap().unwrap();
    assert!(Arc::ptr_eq(&redeemed.session, &other.session));
    let (ticket, _) = tickets.issue(&admitted).await.unwrap();
    let session = Arc::downgrade(&admitted.session);
    stage.sessions.end(&admitted.session, EndCause::Release);
    assert!(tickets.redeem(ticket.reveal()).await.unwrap().is_none());
    drop(admitted);
    let (_kept, _) = tickets.issue(&other).await.unwrap();
    eventually("the session is gone", || session.upgrade().is_none()).await;
}

#[tokio::test]
async fn the_oldest_gives_way_when_there_are_too_many() {
    let (_stage, tickets, admitted) = opened().await;
    let (oldest, _) = tickets.issue(&admitted).await.unwrap();
    let (mut newest, _) = tickets.issue(&admitted).await.unwrap();
    for _ in 0..2 * MAX_TICKETS {
        (newest, _) = tickets.issue(&admitted).await.unwrap();
    }
    assert!(tickets.redeem(oldest.reveal()).await.unwrap().is_none());
    assert!(tickets.redeem(newest.reveal()).await.unwrap().is_some());
}
