//! Spans that wait to be told: a bounded queue, and the task that tells batches of them.
//!
//! Nobody waits for that task. What finds the queue full, and what the collector does not take in a few tries, is dropped and
//! counted; the log says so once, until the collector takes something again.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use opentelemetry::Context;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Span, SpanData, SpanProcessor};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::collector::Collector;
use crate::telemetry::logging;
use crate::telemetry::metrics::Metrics;

/// Spans that wait at most, a few MB: what a busy second makes. OpenTelemetry's own default.
const CAPACITY: usize = 2048;

/// Spans in one batch at most; OpenTelemetry's own default.
const BATCH: usize = 512;

/// How long the first span of a batch waits for others: whoever follows a trace sees it soon.
const GATHERING: Duration = Duration::from_secs(1);

/// How long to wait before a batch is tried once more, for each time that it is: a collector that restarts is back by then.
const AGAIN_AFTER: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(4)];

/// How long what is left may take when the service stops.
const LAST: Duration = Duration::from_secs(5);

/// The near end.
#[derive(Debug)]
pub(super) struct Queue {
    waiting: mpsc::Sender<SpanData>,
    loss: Loss,
}

/// The task at the far end.
#[derive(Debug)]
pub(super) struct Delivery {
    closing: CancellationToken,
    task: JoinHandle<()>,
}

/// What is said of spans that nobody will see.
#[derive(Clone, Debug)]
struct Loss {
    metrics: Metrics,
    /// The log has been told.
    told: Arc<AtomicBool>,
}

/// Starts the task.
pub(super) fn new(
    collector: Collector,
    resource: &Resource,
    metrics: Metrics,
) -> (Queue, Delivery) {
    let (waiting, spans) = mpsc::channel(CAPACITY);
    let loss = Loss {
        metrics,
        told: Arc::default(),
    };
    let closing = CancellationToken::new();
    let deliverer = Deliverer {
        spans,
        collector,
        resource: resource.into(),
        loss: loss.clone(),
        closing: closing.clone(),
        gathered: Vec::new(),
        pending: None,
    };
    let task = tokio::spawn(deliverer.run());
    (Queue { waiting, loss }, Delivery { closing, task })
}

impl SpanProcessor for Queue {
    fn on_start(&self, _span: &mut Span, _context: &Context) {}

    fn on_end(&self, span: SpanData) {
        if self.waiting.try_send(span).is_err() {
            self.loss.of(1, "queue-full", || {
                "more spans end than the collector takes".to_owned()
            });
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    /// The task sees to it, see [`Delivery::finish`].
    fn shutdown_with_timeout(&self, _timeout: Duration) -> OTelSdkResult {
        Ok(())
    }
}

impl Delivery {
    /// Tells what waits, and ends the task.
    pub(super) async fn finish(self) {
        self.closing.cancel();
        // The task keeps its own time; a bug in it must not hold up the stop.
        let _ended = timeout(2 * LAST, self.task).await;
    }
}

impl Loss {
    fn of(&self, spans: usize, kind: &'static str, why: impl FnOnce() -> String) {
        self.metrics.spans_dropped(spans);
        if !self.told.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                error.kind = kind,
                error = why(),
                "spans are dropped; see that the collector of telemetry.otlp_endpoint runs and takes them"
            );
        }
    }

    fn none(&self) {
        if self.told.swap(false, Ordering::Relaxed) {
            tracing::info!("the collector takes spans again");
        }
    }
}

struct Deliverer {
    spans: mpsc::Receiver<SpanData>,
    collector: Collector,
    resource: ResourceAttributesWithSchema,
    loss: Loss,
    closing: CancellationToken,
    gathered: Vec<SpanData>,
    pending: Option<Batch>,
}

/// Spans as they go over the wire.
struct Batch {
    framed: Bytes,
    spans: usize,
}

impl Deliverer {
    async fn run(mut self) {
        let closing = self.closing.clone();
        // What this leaves off in the midst of is kept, and done with the rest.
        let _closed = closing.run_until_cancelled(self.work()).await;
        self.spans.close();
        if timeout(LAST, self.finish()).await.is_err() {
            let pending = self.pending.as_ref().map_or(0, |batch| batch.spans);
            let left = self.spans.len() + self.gathered.len() + pending;
            let why = || "the service stopped before the collector took them".to_owned();
            self.loss.of(left, "stopping", why);
        }
    }

    async fn work(&mut self) {
        while self.gather().await {
            self.pack();
            self.deliver(&AGAIN_AFTER).await;
        }
    }

    async fn finish(&mut self) {
        self.deliver(&[]).await;
        loop {
            let room = BATCH - self.gathered.len().min(BATCH);
            if room > 0 {
                self.spans.recv_many(&mut self.gathered, room).await;
            }
            if self.gathered.is_empty() {
                return;
            }
            self.pack();
            self.deliver(&[]).await;
        }
    }

    /// Waits for the next batch; no when no more spans can come.
    async fn gather(&mut self) -> bool {
        if self.spans.recv_many(&mut self.gathered, BATCH).await == 0 {
            return false;
        }
        let mut full = pin!(sleep(GATHERING));
        while self.gathered.len() < BATCH {
            let room = BATCH - self.gathered.len();
            tokio::select! {
                came = self.spans.recv_many(&mut self.gathered, room) => {
                    if came == 0 {
                        break;
                    }
                }
                () = &mut full => break,
            }
        }
        true
    }

    fn pack(&mut self) {
        let spans = std::mem::take(&mut self.gathered);
        let count = spans.len();
        let request = ExportTraceServiceRequest {
            resource_spans: group_spans_by_resource_and_scope(spans, &self.resource),
        };
        self.pending = Some(Batch {
            framed: self.collector.framed(&request),
            spans: count,
        });
    }

    async fn deliver(&mut self, again_after: &[Duration]) {
        let Some(batch) = &self.pending else {
            return;
        };
        let mut waits = again_after.iter();
        loop {
            let error = match self.collector.send(batch.framed.clone()).await {
                Ok(0) => {
                    self.loss.none();
                    break;
                }
                Ok(left_out) => {
                    let why = || "the collector left spans out of a batch".to_owned();
                    self.loss.of(left_out, "rejected", why);
                    break;
                }
                Err(error) => error,
            };
            match waits.next().filter(|_| error.passes()) {
                Some(wait) => sleep(*wait).await,
                None => {
                    let why = || logging::chain(&error);
                    self.loss.of(batch.spans, error.kind(), why);
                    break;
                }
            }
        }
        self.pending = None;
    }
}
