//! One call to Rocket.Chat: built, paced, sent, timed, bounded, measured. What the answer means is its caller's business.
//!
//! A call that mints runs in a task of its own: when its caller gave up or was dropped, the token that still comes is logged out
//! and not lost ([`Unclaimed`]).

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use reqwest::header::{CONTENT_TYPE, HOST, HeaderName, HeaderValue};
use serde::Serialize;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;
use url::Url;

use crate::clock::Clock;
use crate::config;
use crate::rocketchat::ApiError;
use crate::rocketchat::answer::Answer;
use crate::rocketchat::limits::{Limits, Quota};
use crate::rocketchat::operation::Operation;
use crate::rocketchat::unclaimed::Unclaimed;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::outgoing::Outgoing;
use crate::telemetry::spans;

/// Largest answer that is read. Rocket.Chat's answers to our calls have a few KiB; `settings.public` of 6.x is the longest.
const LARGEST_ANSWER: usize = 1024 * 1024;

/// How long after its caller gave up an answer with an auth token is still waited for, to log the token out.
const LATE_ANSWER: Duration = Duration::from_secs(60);

/// As whom a call is made: the values of `X-User-Id` and `X-Auth-Token`.
#[derive(Clone, Debug)]
pub(in crate::rocketchat) struct Identity {
    user_id: HeaderValue,
    auth_token: HeaderValue,
}

impl Identity {
    /// `None` when no header can carry the texts.
    pub(in crate::rocketchat) fn new(user_id: &str, auth_token: &str) -> Option<Self> {
        let user_id = HeaderValue::from_str(user_id).ok()?;
        let auth_token = HeaderValue::from_str(auth_token).ok()?;
        Some(Self::of_values(user_id, auth_token))
    }

    /// From header values that exist already.
    pub(in crate::rocketchat) fn of_values(
        user_id: HeaderValue,
        mut auth_token: HeaderValue,
    ) -> Self {
        auth_token.set_sensitive(true);
        Self {
            user_id,
            auth_token,
        }
    }
}

/// The answer to a challenge of RC §1.5.
pub(in crate::rocketchat) struct SecondFactor {
    pub(in crate::rocketchat) method: &'static str,
    pub(in crate::rocketchat) code: String,
}

/// A call to make.
pub(in crate::rocketchat) struct Request<'a> {
    operation: Operation,
    query: Option<(&'static str, &'a str)>,
    forwarded_for: Option<IpAddr>,
    body: Option<Vec<u8>>,
    identity: Option<Identity>,
    second_factor: Option<SecondFactor>,
}

impl<'a> Request<'a> {
    /// Without query, body and identity.
    pub(in crate::rocketchat) fn new(operation: Operation) -> Self {
        Self {
            operation,
            query: None,
            forwarded_for: None,
            body: None,
            identity: None,
            second_factor: None,
        }
    }

    /// With a query of one key.
    pub(in crate::rocketchat) fn query(mut self, key: &'static str, value: &'a str) -> Self {
        self.query = Some((key, value));
        self
    }

    /// For a client at this address (RC §5.3).
    pub(in crate::rocketchat) fn forwarded_for(mut self, client: IpAddr) -> Self {
        self.forwarded_for = Some(client);
        self
    }

    /// With a JSON body.
    pub(in crate::rocketchat) fn json(mut self, body: &impl Serialize) -> Self {
        self.body = Some(serde_json::to_vec(body).expect("our bodies hold strings and flags only"));
        self
    }

    /// As somebody.
    pub(in crate::rocketchat) fn identity(&mut self, identity: Identity) {
        self.identity = Some(identity);
    }

    /// With the answer to a challenge.
    pub(in crate::rocketchat) fn second_factor(&mut self, factor: SecondFactor) {
        self.second_factor = Some(factor);
    }
}

/// The way to Rocket.Chat.
#[derive(Debug)]
pub(in crate::rocketchat) struct Transport {
    http: ArcSwap<Outgoing>,
    base: Url,
    /// What Rocket.Chat is called, where the URL has the name that its certificate holds for in the place of it.
    host: Option<HeaderValue>,
    patience: Duration,
    clock: Clock,
    metrics: Metrics,
    limits: Limits,
    tasks: TaskTracker,
}

impl Transport {
    /// `http` must not follow redirects: they would carry the service account's token to wherever an answer says. Where
    /// `rocketchat.tls.server_name` differs from the URL's host, it is asked for that name, and must connect to the URL's host all the same.
    pub(in crate::rocketchat) fn new(
        config: &config::rocketchat::RocketChat,
        http: Outgoing,
        clock: Clock,
        metrics: Metrics,
    ) -> Arc<Self> {
        let mut base = config.url.clone();
        let name = config.tls.as_ref().and_then(|tls| tls.other_name(&base));
        let host = name.and_then(|name| {
            base.set_host(Some(name)).ok()?;
            HeaderValue::from_str(config.url.authority()).ok()
        });
        Arc::new(Self {
            http: ArcSwap::from_pointee(http),
            base,
            host,
            patience: config.timeouts.call,
            limits: Limits::new(clock.clone()),
            clock,
            metrics,
            tasks: TaskTracker::new(),
        })
    }

    /// Calls that begin from now on go by this client.
    pub(in crate::rocketchat) fn go_by(&self, http: reqwest::Client) {
        let next = self.http.load().by(http);
        self.http.store(Arc::new(next));
    }

    /// The clock of all calls.
    pub(in crate::rocketchat) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Tasks that hold auth tokens nobody else knows: mintings under way, and logouts of tokens that nobody took.
    pub(in crate::rocketchat) fn tasks(&self) -> &TaskTracker {
        &self.tasks
    }

    /// `rocketchat.timeouts.call`.
    pub(in crate::rocketchat) fn patience(&self) -> Duration {
        self.patience
    }

    /// Makes a call and gives any answer but 429, which is waited out once and never longer than a call may take.
    ///
    /// # Errors
    /// [`ApiError::Unreachable`], [`ApiError::Timeout`], [`ApiError::Invalid`] for an answer too large,
    /// [`ApiError::RateLimited`].
    pub(in crate::rocketchat) async fn call(
        self: &Arc<Self>,
        request: &Request<'_>,
    ) -> Result<Answer, ApiError> {
        let operation = request.operation;
        let deadline = self.clock.now() + self.patience;
        let mut refused = None;
        // A second refusal after the named reset means that others use the window up: the caller hears of it.
        for _attempt in 0..2 {
            let leave = self
                .limits
                .leave(operation, deadline, self.patience)
                .await?;
            let answer = self.send(operation, self.build(request)?).await?;
            refused = self
                .limits
                .heard(operation, answer.status(), answer.quota());
            drop(leave);
            if refused.is_none() {
                return Ok(answer);
            }
        }
        Err(ApiError::RateLimited(refused.unwrap_or_default()))
    }

    fn build(&self, request: &Request<'_>) -> Result<reqwest::Request, ApiError> {
        let mut url = self
            .base
            .join(request.operation.path())
            .map_err(|_malformed| ApiError::Invalid)?;
        if let Some((key, value)) = request.query {
            url.query_pairs_mut().append_pair(key, value);
        }
        let mut built = reqwest::Request::new(request.operation.method(), url);
        // The client's own limit would cut late answers off and lose the tokens in them.
        *built.timeout_mut() = Some(self.patience_of(request.operation));
        if let Some(body) = &request.body {
            *built.body_mut() = Some(body.clone().into());
        }
        let headers = built.headers_mut();
        if let Some(host) = &self.host {
            headers.insert(HOST, host.clone());
        }
        if request.body.is_some() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        if let Some(client) = request.forwarded_for {
            let client = HeaderValue::try_from(client.to_string());
            let name = HeaderName::from_static("x-forwarded-for");
            headers.insert(name, client.map_err(|_odd| ApiError::Invalid)?);
        }
        if let Some(identity) = &request.identity {
            headers.insert(
                HeaderName::from_static("x-user-id"),
                identity.user_id.clone(),
            );
            headers.insert(
                HeaderName::from_static("x-auth-token"),
                identity.auth_token.clone(),
            );
        }
        if let Some(factor) = &request.second_factor {
            let mut code = HeaderValue::from_str(&factor.code).map_err(|_odd| ApiError::Invalid)?;
            code.set_sensitive(true);
            headers.insert(HeaderName::from_static("x-2fa-code"), code);
            headers.insert(
                HeaderName::from_static("x-2fa-method"),
                HeaderValue::from_static(factor.method),
            );
        }
        Ok(built)
    }

    async fn send(
        self: &Arc<Self>,
        operation: Operation,
        request: reqwest::Request,
    ) -> Result<Answer, ApiError> {
        if !operation.mints() {
            return self.send_within(operation, request).await;
        }
        let (sender, receiver) = oneshot::channel();
        let transport = Arc::clone(self);
        self.tasks.spawn(spans::carried(async move {
            let answer = transport.send_within(operation, request).await;
            let answer = answer.map(|answer| Unclaimed::take_from(answer, &transport));
            // When nobody waits any more, the answer is dropped here, and with it goes its token: logged out.
            drop(sender.send(answer));
        }));
        match tokio::time::timeout(self.patience, receiver).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) | Err(_) => Err(ApiError::Timeout),
        }
    }

    async fn send_within(
        &self,
        operation: Operation,
        mut request: reqwest::Request,
    ) -> Result<Answer, ApiError> {
        let patience = self.patience_of(operation);
        let http = self.http.load_full();
        let mut span = http.begin(("rocketchat", operation.name()), &mut request);
        let started = Instant::now();
        let answer = tokio::time::timeout(patience, self.exchange(request)).await;
        self.metrics
            .rocketchat_called(operation.name(), started.elapsed());
        let answer = answer.unwrap_or(Err(ApiError::Timeout));
        match (&mut span, &answer) {
            (Some(span), Ok(answer)) => span.answered(answer.status()),
            (Some(span), Err(error)) => span.failed(error.kind()),
            (None, _) => {}
        }
        answer
    }

    fn patience_of(&self, operation: Operation) -> Duration {
        if operation.mints() {
            return self.patience + LATE_ANSWER;
        }
        self.patience
    }

    async fn exchange(&self, request: reqwest::Request) -> Result<Answer, ApiError> {
        let http = self.http.load_full();
        let mut response = http.execute(request).await.map_err(failure)?;
        let status = response.status().as_u16();
        let quota = Quota::read(response.headers());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failure)? {
            if body.len() + chunk.len() > LARGEST_ANSWER {
                return Err(ApiError::Invalid);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer::new(status, quota, body))
    }
}

/// The URL goes: its query holds usernames. Nobody at the door in time is nobody there.
fn failure(error: reqwest::Error) -> ApiError {
    if error.is_timeout() && !error.is_connect() {
        return ApiError::Timeout;
    }
    ApiError::Unreachable(error.without_url())
}
