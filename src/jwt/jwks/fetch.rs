//! One GET of a key set or discovery document, bounded in time, size and reach.
//!
//! Redirects are followed here, hop by hop, and only to where [`reach`](super::reach) allows; the client must not follow any by itself.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CACHE_CONTROL, LOCATION};
use http::{HeaderMap, HeaderValue, Method};
use reqwest::Response;
use url::Url;

use crate::jwt::jwks::reach::Reach;
use crate::jwt::jwks::source::{FetchError, MAX_BYTES};
use crate::telemetry::outgoing::Outgoing;

/// Longest time for one document, redirects and body included: key sets are small, and readiness waits for them.
pub(super) const TIME_LIMIT: Duration = Duration::from_secs(5);

/// Most redirects that are followed.
const MAX_REDIRECTS: usize = 3;

/// How long keys are fresh when the issuer does not say.
const DEFAULT_FRESHNESS: Duration = Duration::from_secs(300);

/// Shortest freshness, whatever the issuer says: or `max-age=0` would make us ask all the time.
const MIN_FRESHNESS: Duration = Duration::from_secs(60);

/// Longest freshness, whatever the issuer says: a withdrawn key dies within the hour.
const MAX_FRESHNESS: Duration = Duration::from_secs(3600);

/// Share of the freshness after which keys are fetched again, so that the new ones are there before the old ones expire.
const REFRESH_AT: f64 = 0.8;

/// Fetches documents with the control plane's client.
#[derive(Clone, Debug)]
pub(in crate::jwt) struct Fetcher(Outgoing);

/// A document.
pub(super) struct Fetched {
    pub body: Vec<u8>,
    /// When to fetch it again.
    pub fresh_for: Duration,
}

impl Fetcher {
    /// `client` must follow no redirects by itself: one that did would make the fetch fail.
    pub(in crate::jwt) fn new(client: Outgoing) -> Self {
        Self(client)
    }

    /// Gets `url`, which the config or a document of `start` named; `start` itself is from the config and trusted as it is.
    pub(super) async fn get(&self, url: &Url, start: &Url) -> Result<Fetched, FetchError> {
        tokio::time::timeout(TIME_LIMIT, self.follow(url.clone(), start))
            .await
            .map_err(|_| FetchError::Timeout)?
    }

    async fn follow(&self, mut url: Url, start: &Url) -> Result<Fetched, FetchError> {
        let reach = Reach::from(start);
        for _ in 0..=MAX_REDIRECTS {
            let hop = reach.hop(&url).await?;
            let response = self.once(url.clone()).await?;
            if response.url() != &url {
                return Err(FetchError::Redirect("the client followed it by itself"));
            }
            // The name may lead to another address than when it was looked at.
            if let Some(address) = response.remote_addr() {
                hop.allows(address.ip())?;
            }
            let status = response.status();
            if status.is_redirection() {
                url = target(&response)?;
                continue;
            }
            if !status.is_success() {
                return Err(FetchError::Status(status.as_u16()));
            }
            let fresh_for = refresh_after(freshness(response.headers()));
            let body = body(response).await?;
            return Ok(Fetched { body, fresh_for });
        }
        Err(FetchError::Redirect("there are more than three"))
    }

    async fn once(&self, url: Url) -> Result<Response, FetchError> {
        let mut request = reqwest::Request::new(Method::GET, url);
        let accepted = HeaderValue::from_static("application/json");
        request.headers_mut().insert(ACCEPT, accepted);
        let mut span = self.0.begin(("issuer", "keys"), &mut request);
        let answer = self.0.execute(request).await.map_err(unreachable);
        match (&mut span, &answer) {
            (Some(span), Ok(answer)) => span.answered(answer.status().as_u16()),
            (Some(span), Err(error)) => span.failed(error.kind()),
            (None, _) => {}
        }
        answer
    }
}

fn target(response: &Response) -> Result<Url, FetchError> {
    response
        .headers()
        .get(LOCATION)
        .and_then(|location| location.to_str().ok())
        .and_then(|location| response.url().join(location).ok())
        .ok_or(FetchError::Redirect("its target is no URL"))
}

async fn body(mut response: Response) -> Result<Vec<u8>, FetchError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
        let chunk: Bytes = chunk;
        if body.len() + chunk.len() > MAX_BYTES {
            return Err(FetchError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn unreachable(error: reqwest::Error) -> FetchError {
    if error.is_timeout() {
        return FetchError::Timeout;
    }
    // The URL may hold a query that is nobody's business in a log.
    FetchError::Unreachable(error.without_url())
}

/// RFC 9111 §5.2.2, as far as a key set needs it; directives that forbid keeping count as no time at all.
fn freshness(headers: &HeaderMap) -> Duration {
    let mut freshness = None;
    let values = headers.get_all(CACHE_CONTROL).into_iter();
    for directive in values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
    {
        let directive = directive.trim().to_ascii_lowercase();
        if directive == "no-store" || directive == "no-cache" {
            return Duration::ZERO;
        }
        if let Some(seconds) = directive.strip_prefix("max-age=") {
            let seconds = seconds.trim_matches('"').parse().map(Duration::from_secs);
            freshness = seconds.ok().or(freshness);
        }
    }
    freshness.unwrap_or(DEFAULT_FRESHNESS)
}

fn refresh_after(freshness: Duration) -> Duration {
    freshness
        .clamp(MIN_FRESHNESS, MAX_FRESHNESS)
        .mul_f64(REFRESH_AT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_fetched_again_ahead_of_expiry_within_bounds() {
        let rows = [
            (&[][..], 240.0),
            (&["max-age=600"], 480.0),
            (&["public, Max-Age=\"600\", must-revalidate"], 480.0),
            (&["public", "max-age=600"], 480.0),
            (&["max-age=0"], 48.0),
            (&["no-store"], 48.0),
            (&["max-age=600, no-cache"], 48.0),
            (&["max-age=31536000"], 2880.0),
            (&["max-age=18446744073709551615"], 2880.0),
            (&["max-age=99999999999999999999"], 240.0),
            (&["max-age=-5"], 240.0),
            (&["max-age"], 240.0),
            (&["s-maxage=600"], 240.0),
        ];
        for (values, seconds) in rows {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(CACHE_CONTROL, value.parse().expect("a header value"));
            }
            let after = refresh_after(freshness(&headers)).as_secs_f64();
            assert!((after - seconds).abs() < 0.001, "{values:?}: {after}");
        }
    }
}
