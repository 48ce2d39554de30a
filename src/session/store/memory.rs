//! The store of a process that forgets at its end: it keeps nothing, because the process's own maps know everything there is.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::mpsc;

use crate::session::store::{
    Applied, Batch, Entry, Heard, Index, Key, Range, Store, StoreError, Value,
};

/// Keeps nothing.
#[derive(Debug)]
pub(in crate::session) struct Memory;

#[async_trait]
impl Store for Memory {
    fn keeps(&self) -> bool {
        false
    }

    async fn read(&self, keys: &[Key]) -> Result<Vec<Option<Value>>, StoreError> {
        Ok(vec![None; keys.len()])
    }

    async fn write(&self, _batch: &Batch) -> Result<Applied, StoreError> {
        Ok(Applied::Yes)
    }

    async fn range(&self, _range: &Range) -> Result<Vec<Entry>, StoreError> {
        Ok(Vec::new())
    }

    async fn count(&self, _index: &Index) -> Result<u64, StoreError> {
        Ok(0)
    }

    fn follow(self: Arc<Self>) -> mpsc::Receiver<Heard> {
        // Without a sender there is nothing to wait for.
        mpsc::channel(1).1
    }
}
