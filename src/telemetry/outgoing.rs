//! The control plane's HTTP client, with a span for each of its calls where they are traced.

use std::ops::Deref;

use crate::telemetry::spans::{Span, Spans, attribute};

/// The client; cheap to clone.
#[derive(Clone, Debug)]
pub struct Outgoing {
    http: reqwest::Client,
    spans: Spans,
}

impl Outgoing {
    /// Tells `spans` of its calls.
    #[must_use]
    pub fn new(http: reqwest::Client, spans: Spans) -> Self {
        Self { http, spans }
    }

    /// Another client for the same callee, told of to the same.
    #[must_use]
    pub fn by(&self, http: reqwest::Client) -> Self {
        Self::new(http, self.spans.clone())
    }

    /// Begins a call, and tells whom it goes to what it is a part of. `None` where it is not traced.
    #[must_use]
    pub fn begin(
        &self,
        name: (&'static str, &'static str),
        request: &mut reqwest::Request,
    ) -> Option<Box<Span>> {
        let (callee, operation) = name;
        let mut span = self.spans.of_call(callee, operation)?;
        span.note(
            attribute::METHOD,
            attribute::known(request.method().as_str()),
        );
        if let Some(host) = request.url().host_str() {
            span.note(attribute::CALLEE, host.to_owned());
        }
        span.tell(request.headers_mut());
        Some(span)
    }
}

/// Whose calls nobody traces.
impl From<reqwest::Client> for Outgoing {
    fn from(http: reqwest::Client) -> Self {
        Self::new(http, Spans::default())
    }
}

impl Deref for Outgoing {
    type Target = reqwest::Client;

    fn deref(&self) -> &reqwest::Client {
        &self.http
    }
}
