//! Long runs of batches that nobody thought up, held against the model.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::collection::vec;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use proptest::{prelude::*, prop_assert_eq};
use tokio::runtime::Handle;
use tokio::task::{JoinSet, block_in_place};

use super::model::{Model, NAMES, Step, batch, step};
use super::{Stage, Time, i, k, leave, remove};
use crate::session::store::{Applied, Batch, Change, Range};

/// Runs of steps, each on an emptied store.
const RUNS: u32 = 32;

/// Tasks that write at once, and how often each does.
const TASKS: usize = 8;
const BATCHES: usize = 40;

pub(in crate::session::store) async fn one_after_the_other_it_does_what_the_model_does(
    stage: &Stage,
) {
    let config = Config {
        cases: RUNS,
        failure_persistence: None,
        ..Config::default()
    };
    let run = |steps: Vec<Step>| {
        block_in_place(|| Handle::current().block_on(follow_model(stage, steps)))
    };
    let result = TestRunner::new(config).run(&vec(step(), 1..60), run);
    if let Err(failure) = result {
        panic!("{failure}");
    }
}

async fn follow_model(stage: &Stage, steps: Vec<Step>) -> Result<(), TestCaseError> {
    empty(stage).await;
    let mut model = Model::default();
    for step in steps {
        match step {
            Step::Write(batch) => {
                let applied = stage.store.write(&batch).await.expect("an answer");
                prop_assert_eq!(applied, model.write(&batch));
            }
            Step::Read(keys) => {
                let values = stage.store.read(&keys).await.expect("an answer");
                let right: Vec<_> = keys.iter().map(|key| model.read(key)).collect();
                prop_assert_eq!(values, right);
            }
            Step::Range(range) => {
                let entries = stage.store.range(&range).await.expect("an answer");
                prop_assert_eq!(entries, model.range(&range));
            }
            Step::Count(index) => {
                let count = stage.store.count(&index).await.expect("an answer");
                prop_assert_eq!(count, model.count(&index));
            }
            Step::Pass(time) => {
                if let Time::ByHand(hand) = &stage.time {
                    hand.advance(time);
                    model.pass(time);
                }
            }
        }
    }
    same(stage, &model).await
}

pub(in crate::session::store) async fn all_at_once_it_does_what_the_model_does_in_the_order_heard(
    stage: &Stage,
) {
    let mut follower = stage.follower().await;
    let mut runner = TestRunner::default();
    let mut batches = BTreeMap::new();
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let mut own = Vec::new();
        for number in 0..BATCHES {
            let word = format!("{task}.{number}");
            let batch = Batch {
                tell: vec![word.clone()],
                ..batch().new_tree(&mut runner).expect("a batch").current()
            };
            batches.insert(word, batch.clone());
            own.push(batch);
        }
        let store = Arc::clone(&stage.store);
        tasks.spawn(async move {
            let mut applied = 0;
            for batch in own {
                if store.write(&batch).await.expect("an answer") == Applied::Yes {
                    applied += 1;
                }
            }
            applied
        });
    }
    let applied: usize = tasks.join_all().await.into_iter().sum();
    assert!(applied > 0 && applied < TASKS * BATCHES, "{applied}");
    let mut model = Model::default();
    for word in follower.words(applied).await {
        let batch = batches.remove(&word).expect("every word is heard once");
        assert_eq!(model.write(&batch), Applied::Yes, "{word}: {batch:?}");
    }
    stage.tell("the end").await;
    assert_eq!(follower.words(1).await, ["the end"]);
    if let Err(failure) = same(stage, &model).await {
        panic!("{failure}");
    }
}

/// Takes out everything that a run may have left.
async fn empty(stage: &Stage) {
    let mut changes: Vec<Change> = NAMES.map(remove).to_vec();
    for index in NAMES {
        changes.extend(NAMES.map(|member| leave(index, member)));
    }
    stage.change(changes).await;
}

/// Store and model hold the same.
async fn same(stage: &Stage, model: &Model) -> Result<(), TestCaseError> {
    let keys = NAMES.map(k);
    let values = stage.store.read(&keys).await.expect("an answer");
    let right: Vec<_> = keys.iter().map(|key| model.read(key)).collect();
    prop_assert_eq!(values, right);
    for index in NAMES.map(i) {
        let count = stage.store.count(&index).await.expect("an answer");
        prop_assert_eq!(count, model.count(&index));
        let range = Range {
            index,
            after: None,
            up_to: u64::MAX,
            limit: usize::MAX,
        };
        let entries = stage.store.range(&range).await.expect("an answer");
        prop_assert_eq!(entries, model.range(&range));
    }
    Ok(())
}
