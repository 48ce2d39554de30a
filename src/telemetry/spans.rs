//! Spans: what a request took where, told to an OpenTelemetry collector where one is configured.
//!
//! Without a collector nothing is made, kept or read from a clock for them: what remains is one branch. With one, whatever the collector
//! does, a request only ever puts its spans into a bounded queue. Attributes hold no token and no query.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use futures_util::future::Either;
use http::HeaderMap;
use http::request::Parts;
use opentelemetry::trace::{
    Span as _, SpanBuilder, SpanContext, SpanKind, Status, TraceContextExt as _, Tracer as _,
    TracerProvider as _,
};
use opentelemetry::{Context, Key, KeyValue, Value};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Sampler, SdkTracer, SdkTracerProvider};
use tokio::task_local;

use crate::clock::Clock;
use crate::config::telemetry::Traces;
use crate::telemetry::access_log::Entry;
use crate::telemetry::metrics::Metrics;

pub mod attribute;
mod collector;
mod queue;
mod trace_context;

use collector::Collector;
use queue::Delivery;

task_local! {
    /// What the running task works on.
    static HERE: Here;
}

/// Makes spans, or nothing; cheap to clone.
#[derive(Clone, Default)]
pub struct Spans(Option<Arc<Tracing>>);

struct Tracing {
    tracer: SdkTracer,
    clock: Clock,
    delivery: Mutex<Option<Delivery>>,
}

/// A span that runs, as its parts see it.
#[derive(Clone)]
struct Here {
    tracing: Arc<Tracing>,
    context: SpanContext,
}

/// Something that is being done. It ends when this is dropped.
pub struct Span {
    here: Here,
    span: opentelemetry_sdk::trace::Span,
}

impl Spans {
    /// Tells `traces.endpoint` through `http`, from a task of its own, so it must be called within a runtime. `http` must follow no
    /// redirects: they would carry the collector's credentials away.
    #[must_use]
    pub fn new(traces: &Traces, http: reqwest::Client, clock: Clock, metrics: Metrics) -> Self {
        // Not the builder that looks around: it would read the environment, which is the config's business.
        let resource = Resource::builder_empty()
            .with_service_name(traces.service_name.clone())
            .with_attribute(KeyValue::new("service.version", crate::VERSION))
            .build();
        let collector = Collector::new(traces, http);
        let (queue, delivery) = queue::new(collector, &resource, metrics);
        let sampler =
            Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(traces.sample_ratio)));
        let provider = SdkTracerProvider::builder()
            .with_sampler(sampler)
            .with_resource(resource)
            .with_span_processor(queue)
            .build();
        Self(Some(Arc::new(Tracing {
            tracer: provider.tracer("gantry"),
            clock,
            delivery: Mutex::new(Some(delivery)),
        })))
    }

    /// The span of a request that came at `now`; a well-formed `traceparent` says whose part it is and whether it is to be told (W3C
    /// Trace Context, level 1).
    #[must_use]
    pub fn of_request(&self, parts: &Parts, now: SystemTime) -> Option<Box<Span>> {
        let tracing = self.0.as_ref()?;
        let method = attribute::known(parts.method.as_str());
        let builder = SpanBuilder::from_name(method)
            .with_kind(SpanKind::Server)
            .with_start_time(now);
        let mut span = tracing.begin(builder, trace_context::read(&parts.headers));
        // Now, because nobody is left to tell it when the client goes away.
        span.note(attribute::METHOD, method);
        Some(span)
    }

    /// The span of a call of ours to `callee`: a part of what the task works on, or else a trace of its own.
    #[must_use]
    pub fn of_call(&self, callee: &'static str, operation: &'static str) -> Option<Box<Span>> {
        let tracing = self.0.as_ref()?;
        let parent = HERE.try_with(|here| here.context.clone()).ok();
        let builder = tracing.now(format!("{callee} {operation}").into(), SpanKind::Client);
        Some(tracing.begin(builder, parent))
    }

    /// Tells what is still waiting to be told, within a few seconds.
    pub async fn close(&self) {
        let delivery = self.0.as_ref().and_then(|tracing| {
            let delivery = tracing.delivery.lock();
            delivery.unwrap_or_else(PoisonError::into_inner).take()
        });
        if let Some(delivery) = delivery {
            delivery.finish().await;
        }
    }
}

impl fmt::Debug for Spans {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Spans")
    }
}

impl Tracing {
    fn now(&self, name: Cow<'static, str>, kind: SpanKind) -> SpanBuilder {
        SpanBuilder::from_name(name)
            .with_kind(kind)
            .with_start_time(self.clock.now())
    }

    fn begin(self: &Arc<Self>, builder: SpanBuilder, parent: Option<SpanContext>) -> Box<Span> {
        let parent = parent.map_or_else(Context::new, |parent| {
            Context::new().with_remote_span_context(parent)
        });
        let span = self.tracer.build_with_context(builder, &parent);
        let here = Here {
            tracing: Arc::clone(self),
            context: span.span_context().clone(),
        };
        Box::new(Span { here, span })
    }
}

/// The span of a part of what the task works on; none where that is not traced.
#[must_use]
pub fn part(name: &'static str, kind: Kind) -> Option<Box<Span>> {
    let begin = |here: &Here| {
        let kind = match kind {
            Kind::Internal => SpanKind::Internal,
            Kind::Call => SpanKind::Client,
        };
        let builder = here.tracing.now(name.into(), kind);
        here.tracing.begin(builder, Some(here.context.clone()))
    };
    HERE.try_with(begin).ok()
}

/// Where a part is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// In this program.
    Internal,
    /// By whom it waits for.
    Call,
}

/// Does `work` as a part of what the task works on; `failure` names an error.
///
/// # Errors
/// Those of `work`.
pub async fn within<T, E>(
    name: &'static str,
    failure: fn(&E) -> &'static str,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let Some(mut span) = part(name, Kind::Internal) else {
        return work.await;
    };
    // Boxed, so that there is no second place for it where nothing is traced.
    let outcome = Box::pin(span.around(work)).await;
    if let Err(error) = &outcome {
        span.failed(failure(error));
    }
    outcome
}

/// Takes what this task works on along, into a task that `work` will be.
pub fn carried<F: Future>(work: F) -> impl Future<Output = F::Output> {
    match HERE.try_with(Here::clone) {
        Ok(here) => Either::Left(HERE.scope(here, work)),
        Err(_) => Either::Right(work),
    }
}

impl Span {
    /// Does `work`, whose parts are this span's.
    pub fn around<F: Future>(&self, work: F) -> impl Future<Output = F::Output> + use<F> {
        HERE.scope(self.here.clone(), work)
    }

    /// Whether what is noted here will be told.
    #[must_use]
    pub fn is_recording(&self) -> bool {
        self.span.is_recording()
    }

    /// Notes what the access log says of the span's request.
    pub fn logged(&mut self, entry: &Entry<'_>) {
        if !self.is_recording() {
            return;
        }
        let method = attribute::known(entry.method);
        self.span.update_name(format!("{method} {}", entry.route));
        // Only now: a gateway's question is about another path than it came to.
        let path = entry.path.chars().take(attribute::LONGEST_PATH);
        self.note(attribute::PATH, path.collect::<String>());
        self.note(attribute::ROUTE, entry.route);
        self.note(attribute::STATUS, i64::from(entry.status));
        self.note(attribute::REQUEST, entry.request_id.to_string());
        if let Some(session_id) = entry.session_id {
            self.note(attribute::SESSION, session_id.to_owned());
        }
        if let Some(dialect) = entry.dialect {
            self.note(attribute::DIALECT, dialect);
        }
        if let Some((kind, _)) = &entry.error {
            self.note(attribute::ERROR, *kind);
        }
        if entry.status >= 500 {
            if entry.error.is_none() {
                self.note(attribute::ERROR, entry.status.to_string());
            }
            self.span.set_status(Status::error(""));
        }
    }

    /// Notes an attribute of [`attribute`].
    pub fn note(&mut self, key: &'static str, value: impl Into<Value>) {
        if self.is_recording() {
            let value = value.into();
            self.span
                .set_attribute(KeyValue::new(Key::from_static_str(key), value));
        }
    }

    /// Notes what was answered to a call; 400 and more is a failure of it.
    pub fn answered(&mut self, status: u16) {
        self.note(attribute::STATUS, i64::from(status));
        if status >= 400 && self.is_recording() {
            self.note(attribute::ERROR, status.to_string());
            self.span.set_status(Status::error(""));
        }
    }

    /// Notes that it failed in this way.
    pub fn failed(&mut self, kind: &'static str) {
        self.note(attribute::ERROR, kind);
        self.span.set_status(Status::error(""));
    }

    /// The trace's id, in 32 hexadecimal digits.
    #[must_use]
    pub fn trace_id(&self) -> String {
        self.here.context.trace_id().to_string()
    }

    /// Tells whom a request with these header fields goes to that it is a part of this; what the fields said of traces before goes.
    pub fn tell(&self, headers: &mut HeaderMap) {
        trace_context::write(&self.here.context, headers);
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        if self.span.is_recording() {
            self.span.end_with_timestamp(self.here.tracing.clock.now());
        }
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Span")
    }
}
