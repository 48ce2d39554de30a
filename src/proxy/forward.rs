//! Passes a request on and its answer back: streams both ways, one refresh and one replay when Rocket.Chat no longer knows the
//! auth token (RC §1.2, §13.3).

use std::net::IpAddr;

use bytes::Bytes;
use http::request::Parts;
use http::{Response, StatusCode};
use http_body::Body as _;
use tokio::time::Instant;
use zeroize::Zeroizing;

use crate::body::{Body, Held, Upload};
use crate::gate::{Admission, Gate};
use crate::headers;
use crate::proxy::error::ForwardError;
use crate::proxy::inject::{self, Injection, Injector, UpstreamRequest};
use crate::proxy::kept::Kept;
use crate::proxy::upstream::Upstream;

/// What is known about a request when it is forwarded.
#[derive(Debug)]
pub struct Forward<'a> {
    /// The downstream head.
    pub parts: &'a mut Parts,
    /// Whose it is; `None` on public paths.
    pub admission: Option<&'a mut Admission>,
    /// The client's address.
    pub client: IpAddr,
    /// Credentials as cookies too.
    pub as_cookies: bool,
    /// The answer will be looked into.
    pub readable_answer: bool,
    /// Length of a body that is not the client's own.
    pub rewritten: Option<usize>,
    /// When the waiting for Rocket.Chat begins.
    pub began: Instant,
}

/// A request's body on its way up.
#[derive(Debug)]
pub enum Payload {
    /// Streams from the client.
    Stream(Upload),
    /// Was looked into before.
    Whole(Bytes),
}

/// Forwards requests.
#[derive(Debug)]
pub struct Forwarder {
    upstream: Upstream,
    injector: Injector,
    gate: Gate,
    body_limit: u64,
}

impl Forwarder {
    /// `body_limit` in bytes.
    #[must_use]
    pub fn new(upstream: Upstream, injector: Injector, gate: Gate, body_limit: u64) -> Self {
        Self {
            upstream,
            injector,
            gate,
            body_limit,
        }
    }

    /// Goes over the connections of another one.
    #[must_use]
    pub fn over(self, upstream: Upstream) -> Self {
        Self { upstream, ..self }
    }

    /// Where requests go.
    #[must_use]
    pub fn upstream(&self) -> &Upstream {
        &self.upstream
    }

    /// How requests are made.
    #[must_use]
    pub fn injector(&self) -> &Injector {
        &self.injector
    }

    /// Sends the request, and once more with new credentials if Rocket.Chat refused the old ones and the body can be repeated.
    /// `forward.admission` then holds the new ones.
    ///
    /// # Errors
    /// [`ForwardError`] when there is no answer to pass back.
    pub async fn forward(
        &self,
        mut forward: Forward<'_>,
        payload: Payload,
    ) -> Result<Response<Body>, ForwardError> {
        let (body, replay) = self.body(payload)?;
        let keep = forward.admission.is_some();
        let (request, kept) = self.made(&mut forward, body, keep)?;
        let began = forward.began;
        let answer = self.upstream.send(request, replay.held(), began).await?;
        let (Some(admission), StatusCode::UNAUTHORIZED) = (&mut forward.admission, answer.status())
        else {
            return Ok(self.pass_back(answer));
        };
        // Everyone whose request was refused asks for the same refresh; whoever cannot repeat passes the refusal on and
        // finds new credentials the next time.
        match self.gate.reject(admission).await {
            Ok(refreshed) => **admission = refreshed,
            Err(error) => return Err(ForwardError::Refresh(error)),
        }
        let (Some(body), Some(kept)) = (replay.body(), kept) else {
            return Ok(self.pass_back(answer));
        };
        drop(answer);
        forward.parts.headers = kept.into_headers();
        let (request, _) = self.made(&mut forward, body, false)?;
        let began = Instant::now();
        let answer = self.upstream.send(request, replay.held(), began).await?;
        Ok(self.pass_back(answer))
    }

    /// Sends the request and passes the answer back, whatever it says. The head can be sent again.
    ///
    /// # Errors
    /// [`ForwardError`] when there is no answer to pass back.
    pub async fn once(
        &self,
        forward: &mut Forward<'_>,
        payload: Payload,
    ) -> Result<Response<Body>, ForwardError> {
        let (body, replay) = self.body(payload)?;
        let (request, kept) = self.made(forward, body, true)?;
        let began = forward.began;
        let answer = self.upstream.send(request, replay.held(), began).await?;
        forward.parts.headers = kept.map(Kept::into_headers).unwrap_or_default();
        Ok(self.pass_back(answer))
    }

    /// The request to send upstream, as [`Injector::inject`] makes it.
    ///
    /// # Errors
    /// [`ForwardError::Target`].
    pub fn request(
        &self,
        parts: &mut Parts,
        injection: &Injection<'_>,
        body: Body,
    ) -> Result<(UpstreamRequest, Option<Kept>), ForwardError> {
        // A host application's own cookies, or the address of the page, can hold the token once more.
        let token = if inject::may_hold_jwt(parts) {
            let text = self.gate.token_text(parts);
            text.map(|text| Zeroizing::new(text.to_owned()))
        } else {
            None
        };
        let token = token.as_ref().map(|token| token.as_str());
        self.injector.inject(parts, injection, token, body)
    }

    fn made(
        &self,
        forward: &mut Forward<'_>,
        body: Body,
        keep: bool,
    ) -> Result<(UpstreamRequest, Option<Kept>), ForwardError> {
        let injection = Injection {
            credentials: forward
                .admission
                .as_ref()
                .map(|admission| &*admission.admitted.credentials),
            as_cookies: forward.as_cookies,
            upgrade: false,
            readable_answer: forward.readable_answer,
            rewritten: forward.rewritten,
            client: forward.client,
            keep,
        };
        self.request(forward.parts, &injection, body)
    }

    fn body(&self, payload: Payload) -> Result<(Body, Replay), ForwardError> {
        match payload {
            Payload::Whole(bytes) => Ok((Body::full(bytes.clone()), Replay::Whole(bytes))),
            Payload::Stream(stream) if stream.is_end_stream() => Ok((Body::empty(), Replay::Empty)),
            Payload::Stream(stream) => {
                let declared = stream.size_hint().exact();
                if declared.is_some_and(|size| size > self.body_limit) {
                    return Err(ForwardError::Body(crate::body::BodyError::TooLarge));
                }
                let (body, held) = Body::held(stream, self.body_limit);
                Ok((body, Replay::Held(held)))
            }
        }
    }

    /// The answer as it may go downstream: hop-by-hop fields and anything that would carry a credential stay here.
    fn pass_back(&self, mut answer: Response<Body>) -> Response<Body> {
        headers::strip_response(answer.headers_mut(), self.injector.cookies());
        answer
    }
}

/// Whether and how a request's body can be sent once more.
#[derive(Debug)]
enum Replay {
    Empty,
    Whole(Bytes),
    Held(Held),
}

impl Replay {
    fn held(&self) -> Option<&Held> {
        match self {
            Self::Held(held) => Some(held),
            Self::Empty | Self::Whole(_) => None,
        }
    }

    fn body(&self) -> Option<Body> {
        match self {
            Self::Empty => Some(Body::empty()),
            Self::Whole(bytes) => Some(Body::full(bytes.clone())),
            Self::Held(held) => held.again(),
        }
    }
}
