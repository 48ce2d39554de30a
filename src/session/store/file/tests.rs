//! The file store does what every store must do.

use crate::clock::Clock;
use crate::session::store::tests::{Stage, Time, contract};

use super::File;

contract!(stage);

async fn stage() -> Stage {
    let (clock, hand) = Clock::manual();
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("sessions.redb");
    let store = File::open(&path, clock, &[]).await.expect("a file");
    Stage {
        store: std::sync::Arc::new(store),
        time: Time::ByHand(hand),
        _props: Box::new(directory),
    }
}
