//! A process that dies at any step between minting and logout leaves no auth token that nobody sees to.
//!
//! The real program, ended at each place of [`PLACES`] as `kill -9` would, over a file and over Redis; then the next one begins over
//! the same store, and what lives at Rocket.Chat is compared with what is live in the store.

pub(crate) mod program;

use std::collections::BTreeSet;
use std::time::Duration;

use gantry::failpoint::PLACES;
use gantry_redis::node::Node;
use serde_json::json;

use crate::support::world::World;
use program::{Program, Stores};

/// What is done until the process dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    /// A first request.
    Begin,
    /// A request whose auth token Rocket.Chat has forgotten.
    Refresh,
    /// A logout for good.
    Logout,
    /// A logout by the issuer, of all the principal's sessions.
    IssuersLogout,
    /// A release.
    Release,
    /// The start after a death between the minting and the writing down of what was minted.
    Recovery,
}

/// Which places each deed passes.
const DEEDS: [(Deed, &[&str]); 6] = [
    (
        Deed::Begin,
        &[
            "claimed",
            "before-intent",
            "intended",
            "minted",
            "committed",
            "begun",
        ],
    ),
    (
        Deed::Refresh,
        &[
            "before-intent",
            "intended",
            "minted",
            "replaced",
            "before-logout",
            "logged-out",
        ],
    ),
    (
        Deed::Logout,
        &[
            "ended-here",
            "buried",
            "ended",
            "before-logout",
            "logged-out",
        ],
    ),
    (
        Deed::IssuersLogout,
        &[
            "ended-here",
            "buried",
            "ended",
            "before-logout",
            "logged-out",
        ],
    ),
    (
        Deed::Release,
        &["ended-here", "ended", "before-logout", "logged-out"],
    ),
    (
        Deed::Recovery,
        &["fresh-minted", "others-removed", "fresh-logged-out"],
    ),
];

#[test]
fn every_place_is_died_at() {
    let died: BTreeSet<_> = DEEDS.iter().flat_map(|(_, places)| *places).collect();
    assert_eq!(died, PLACES.iter().collect());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_death_over_a_file_leaves_a_token_behind() {
    let folder = tempfile::tempdir().unwrap();
    let stores = |name: &str| Stores::File(folder.path().join(format!("{name}.redb")));
    die_everywhere(stores).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_death_over_redis_leaves_a_token_behind() {
    let redis = Node::redis();
    let port = redis.port();
    let stores = |name: &str| Stores::Redis(port, name.to_owned());
    die_everywhere(stores).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_replica_goes_on_where_one_died() {
    let redis = Node::redis();
    let store = Stores::Redis(redis.port(), "taken-over".to_owned());
    let world = World::plain().await;
    let other = Program::start(&world, &store, None).await;
    let dying = Program::start(&world, &store, Some("minted")).await;
    let token = world.issuer.token("alice");
    dying.get(&token).await.unwrap_err();
    dying.dead().await;
    // Its lease ends within seconds, and so does the wait of whoever asks the other.
    assert_eq!(other.get(&token).await.unwrap(), 200);
    assert_eq!(world.rc.created_users().len(), 1);
    // What the dead one minted is removed, and the token of the session that lives is not.
    other.until_tokens(&world, ("alice", 2), "before").await;
    other.until_tokens(&world, ("alice", 1), "after").await;
    assert_eq!(other.get(&token).await.unwrap(), 200);
    assert_eq!(world.rc.calls("POST", "/api/v1/users.createToken"), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_that_is_owed_spares_who_logged_in_after_it() {
    let redis = Node::redis();
    let store = Stores::Redis(redis.port(), "spared".to_owned());
    let world = World::plain().await;
    let dying = Program::start(&world, &store, Some("buried")).await;
    let old = world.issuer.token("alice");
    assert_eq!(dying.get(&old).await.unwrap(), 200);
    drop(dying.post("/_gantry/logout", &old).await);
    dying.dead().await;
    let after = Program::start(&world, &store, None).await;
    world.hand.advance(Duration::from_secs(2));
    let new = world.issuer.token_with("alice", json!({ "sid": "after" }));
    assert_eq!(after.get(&new).await.unwrap(), 200);
    after
        .until_tokens(&world, ("alice", 2), "before the end")
        .await;
    after.until_tokens(&world, ("alice", 1), "after it").await;
    assert_eq!(after.get(&new).await.unwrap(), 200);
    assert_eq!(world.rc.calls("POST", "/api/v1/users.createToken"), 2);
}

async fn die_everywhere(stores: impl Fn(&str) -> Stores) {
    let mut deaths = tokio::task::JoinSet::new();
    for (deed, places) in DEEDS {
        for place in places {
            let store = stores(&format!("{deed:?}-{place}"));
            deaths.spawn(async move { die(deed, place, &store).await });
        }
    }
    deaths.join_all().await;
}

async fn die(deed: Deed, place: &str, store: &Stores) {
    let world = World::plain().await;
    let token = world.issuer.token_with("alice", json!({ "sid": place }));
    let was_live = deed != Deed::Begin && deed != Deed::Recovery;
    if was_live {
        let before = Program::start(&world, store, None).await;
        assert_eq!(before.get(&token).await.unwrap(), 200, "{deed:?} {place}");
        before.kill().await;
    }
    if deed == Deed::Recovery {
        let before = Program::start(&world, store, Some("minted")).await;
        before.get(&token).await.unwrap_err();
        before.dead().await;
        assert_eq!(world.rc.live_tokens("alice").len(), 1, "{place}");
    }
    let dying = Program::start(&world, store, Some(place)).await;
    match deed {
        Deed::Begin => drop(dying.get(&token).await),
        Deed::Refresh => {
            world.rc.kill_tokens("alice");
            drop(dying.get(&token).await);
        }
        Deed::Logout => drop(dying.post("/_gantry/logout", &token).await),
        Deed::Release => drop(dying.post("/_gantry/release", &token).await),
        Deed::IssuersLogout => {
            let names = json!({ "sub": "subject of alice" });
            drop(
                dying
                    .issuers_logout(&world.issuer.logout_token(names))
                    .await,
            );
        }
        Deed::Recovery => {}
    }
    dying.dead().await;
    let after = Program::start(&world, store, None).await;
    // A logout that was answered by nobody, and of which nothing was written down, has not been.
    let undone = place == "ended-here";
    let live = match deed {
        Deed::Begin => usize::from(matches!(place, "committed" | "begun")),
        // The session's own token is dead until the next request, and a new one that was written down is alive.
        Deed::Refresh => usize::from(matches!(place, "replaced" | "before-logout" | "logged-out")),
        Deed::Logout | Deed::IssuersLogout | Deed::Release => usize::from(undone),
        Deed::Recovery => 0,
    };
    let when = format!("{deed:?} {place}");
    let name = "alice";
    after.until_tokens(&world, (name, live), &when).await;
    let refused = matches!(deed, Deed::Logout | Deed::IssuersLogout) && !undone;
    let live = usize::from(!refused);
    if refused {
        assert_eq!(after.get(&token).await.unwrap(), 401, "{when}");
    } else {
        // What does away with a token that nobody knows may take one that was minted at that moment with it, until the next request:
        // that one request is refused by Rocket.Chat, and the one after it is not.
        let asking = async {
            while after.get(&token).await.unwrap() != 200
                || world.rc.live_tokens(name).len() != live
            {}
        };
        tokio::time::timeout(PATIENCE, asking).await.expect(&when);
    }
    after.until_tokens(&world, (name, live), &when).await;
    assert_eq!(world.rc.created_users().len(), 1, "{deed:?} {place}");
    after.kill().await;
}

/// How long a scenario may take; its longest wait is for what nobody has seen to for a while.
const PATIENCE: Duration = Duration::from_secs(180);
