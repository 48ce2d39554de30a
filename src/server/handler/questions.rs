//! Questions of gateways that come as messages: the same id, timer, metrics and access line as for any request.

use std::net::IpAddr;

use http::request::Parts;
use http::{Request, Response, Uri};
use tokio::time::Instant;

use super::{Answered, Handler, Seen, deny};
use crate::filter::original::OriginalError;
use crate::filter::{Allowed, FilterError, Question};
use crate::server::cors::Readers;
use crate::server::rejection::Rejection;
use crate::telemetry::metrics::{Dialect, Route};

/// What stands in the log for a question that is about no request.
const NOWHERE: &str = "/_gantry/filter/envoy-grpc";

/// More than any answer of ours that refuses.
const LONGEST_REFUSAL: usize = 64 * 1024;

impl Handler {
    /// Is this peer, with what it shows, a gateway that may ask?
    #[must_use]
    pub fn knows_gateway(&self, peer: IpAddr, shown: &[u8]) -> bool {
        let filter = self.0.filter.as_ref();
        filter.is_some_and(|filter| filter.is_gateway(peer, shown))
    }

    /// Decides about the request that a message describes.
    ///
    /// # Errors
    /// What the client is to be answered when it may not go on.
    pub async fn check(
        &self,
        original: Result<Parts, OriginalError>,
        peer: IpAddr,
    ) -> Result<Allowed, Response<String>> {
        let inner = &*self.0;
        let request_id = inner.ids.next();
        let mut seen = Seen {
            now: inner.clock.now(),
            began: Instant::now(),
            route: Route::Filter,
            dialect: Some(Dialect::EnvoyGrpc),
            acting: None,
            readers: Readers::Nobodys,
        };
        let (mut parts, original) = match original {
            Ok(parts) => (parts, Ok(())),
            Err(error) => {
                let (mut parts, ()) = Request::new(()).into_parts();
                parts.uri = Uri::from_static(NOWHERE);
                (parts, Err(error))
            }
        };
        let span = inner.spans.of_request(&parts, seen.now);
        let decided = match (original, &inner.filter) {
            (Ok(()), Some(filter)) => {
                let question = Question {
                    dialect: Dialect::EnvoyGrpc,
                    parts: &mut parts,
                    peer,
                    now: seen.now,
                };
                match &span {
                    None => filter.decide(question, &mut seen.acting).await,
                    Some(span) => {
                        let deciding = filter.decide(question, &mut seen.acting);
                        Box::pin(span.around(deciding)).await
                    }
                }
            }
            (Err(error), _) => Err(FilterError::Original(error)),
            (Ok(()), None) => Err(FilterError::Original(OriginalError::Missing("filter"))),
        };
        let (decided, status, error) = match decided {
            Ok(allowed) => (Ok(allowed), 200, None),
            Err(error) => {
                let rejection = Rejection::Filter(error);
                let slug = rejection.problem().slug;
                inner.metrics.request_rejected(slug);
                let mut answer = rejection.answer(&request_id.to_string());
                deny(Dialect::EnvoyGrpc, slug, &mut answer);
                let (head, body) = answer.into_parts();
                // It is in memory, and a problem document is text.
                let body = body
                    .collect_up_to(LONGEST_REFUSAL)
                    .await
                    .unwrap_or_default();
                let body = String::from_utf8_lossy(&body).into_owned();
                let status = head.status.as_u16();
                let error = (rejection.kind(), rejection.chain());
                (Err(Response::from_parts(head, body)), status, Some(error))
            }
        };
        let answered = Answered {
            request_id,
            status,
            duration: seen.began.elapsed(),
            error,
            span,
        };
        inner.note(&parts, &seen, answered);
        decided
    }
}
