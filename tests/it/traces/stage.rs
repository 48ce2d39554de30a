//! A Gantry that tells a collector.

use gantry::config::Config;
use gantry::config::telemetry::{OtlpProtocol, Traces};
use http::HeaderMap;
use opentelemetry_proto::tonic::trace::v1::Span;

use super::receiver::{Receiver, attribute};
use crate::support::eventually::eventually;
use crate::support::gateway::Gateway;
use crate::support::world::World;

/// Where everything is told of, unless a test says otherwise.
pub(super) fn traces(receiver: &Receiver) -> Traces {
    let mut endpoint: url::Url = receiver.url().parse().unwrap();
    if receiver.protocol == OtlpProtocol::Http {
        endpoint.set_path("/v1/traces");
    }
    Traces {
        endpoint,
        protocol: receiver.protocol,
        headers: HeaderMap::new(),
        sample_ratio: 1.0,
        service_name: "gantry".to_owned(),
    }
}

/// One over HTTP.
pub(super) async fn traced() -> (Gateway, Receiver) {
    traced_by(OtlpProtocol::Http, |_| {}).await
}

/// One with a changed config.
pub(super) async fn traced_by(
    protocol: OtlpProtocol,
    change: impl FnOnce(&mut Config),
) -> (Gateway, Receiver) {
    let receiver = Receiver::start(protocol).await;
    let world = World::plain().await;
    let gateway = world.gantry(|config, _| {
        config.telemetry.traces = Some(traces(&receiver));
        change(config);
    });
    let gateway = gateway.await;
    gateway.until_ready().await;
    (gateway, receiver)
}

/// What is asked of spans.
pub(super) trait Told {
    fn attribute(&self, key: &str) -> Option<String>;
    fn is_part_of(&self, other: &Span) -> bool;
}

impl Told for Span {
    fn attribute(&self, key: &str) -> Option<String> {
        attribute(&self.attributes, key)
    }

    fn is_part_of(&self, other: &Span) -> bool {
        self.trace_id == other.trace_id && self.parent_span_id == other.span_id
    }
}

impl Receiver {
    /// Waits until the request to this path has been told of, with its parts, which end before it.
    pub(super) async fn of_request(&self, path: &str) -> Span {
        let find = || {
            let mut spans = self.spans();
            spans.retain(|span| span.attribute("url.path").as_deref() == Some(path));
            assert!(spans.len() < 2, "{spans:?}");
            spans.pop()
        };
        eventually("a span of the request", || find().is_some()).await;
        find().unwrap()
    }

    /// The one part of `whole` with this name.
    pub(super) fn part(&self, whole: &Span, name: &str) -> Span {
        let mut parts = self.parts(whole);
        parts.retain(|span| span.name == name);
        assert_eq!(parts.len(), 1, "{name}: {parts:?}");
        parts.remove(0)
    }

    pub(super) fn parts(&self, whole: &Span) -> Vec<Span> {
        let mut spans = self.spans();
        spans.retain(|span| span.is_part_of(whole));
        spans
    }
}
