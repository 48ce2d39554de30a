//! Makes the request that goes upstream: strips whatever a client could claim, then sets ours, once (RC §13.1, §13.2).
//!
//! An [`UpstreamRequest`] can be made nowhere else, so nothing reaches Rocket.Chat with a credential that the client supplied, nor
//! with the issuer's JWT. The fields of the downstream head go upstream; what a replay needs of them is kept where one may come.

use std::borrow::Cow;
use std::net::IpAddr;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{Request, Uri, Version};
use memchr::memmem;

use crate::body::Body;
use crate::config::Config;
use crate::headers::names::Names;
use crate::headers::{
    self, X_AUTH_TOKEN, X_FORWARDED_FOR, X_FORWARDED_HOST, X_FORWARDED_PROTO, X_REAL_IP, X_USER_ID,
    cookie, credentials, hop, query, token_text,
};
use crate::proxy::error::ForwardError;
use crate::proxy::kept::Kept;
use crate::rocketchat::Credentials;

mod own;

use own::Own;

/// A request that may go to Rocket.Chat, target in origin form.
#[derive(Debug)]
pub struct UpstreamRequest(Request<Body>);

impl UpstreamRequest {
    /// The request.
    #[must_use]
    pub fn into_request(self) -> Request<Body> {
        self.0
    }
}

/// Whether anything that goes on looks as if it held a JWT; one look at long values, so that hardly any request is looked at more
/// closely. What is stripped by its name does not count.
#[must_use]
pub fn may_hold_jwt(parts: &Parts) -> bool {
    let query = parts.uri.query().unwrap_or_default();
    token_text::may_stand_in(query.as_bytes())
        || parts.headers.iter().any(|(name, value)| {
            token_text::may_stand_in(value.as_bytes())
                && !credentials::is_client_credential(name.as_str())
        })
}

/// Takes out every cookie, offer and field that holds this text: the issuer's JWT goes nowhere but to us, wherever else a client or
/// the host application put it.
fn forget(headers: &mut HeaderMap, holds: &impl Fn(&[u8]) -> bool) {
    let found: Vec<HeaderName> = headers
        .iter()
        .filter(|(_, value)| holds(value.as_bytes()))
        .map(|(name, _)| name.clone())
        .collect();
    for name in found {
        let separator = match name {
            header::COOKIE => Some(b';'),
            header::SEC_WEBSOCKET_PROTOCOL => Some(b','),
            _ => None,
        };
        let value = headers.remove(&name);
        if let (Some(separator), Some(value)) = (separator, value)
            && let Ok(mut kept) =
                HeaderValue::from_bytes(&token_text::without(value.as_bytes(), separator, holds))
            && !kept.is_empty()
        {
            kept.set_sensitive(value.is_sensitive());
            headers.insert(name, kept);
        }
    }
}

/// The target without the parameters that hold it.
fn forget_in_target(target: Uri, holds: &impl Fn(&[u8]) -> bool) -> Result<Uri, ForwardError> {
    match target.query() {
        Some(query) if holds(query.as_bytes()) => {
            let kept = token_text::without(query.as_bytes(), b'&', holds);
            join(target.path(), &String::from_utf8_lossy(&kept))
        }
        _ => Ok(target),
    }
}

fn join(path: &str, query: &str) -> Result<Uri, ForwardError> {
    let target = if query.is_empty() {
        path.to_owned()
    } else {
        format!("{path}?{query}")
    };
    PathAndQuery::try_from(target)
        .map(Uri::from)
        .map_err(|_| ForwardError::Target)
}

/// A value that costs nothing to clone: shared bytes would make all cores write to one counter with every request. There is one for
/// each configuration, so what it holds may live as long as the program.
fn unshared(text: &str) -> Option<HeaderValue> {
    HeaderValue::from_str(text).ok()?;
    Some(HeaderValue::from_static(Box::leak(Box::from(text))))
}

/// What one request is given.
#[derive(Clone, Copy, Debug)]
pub struct Injection<'a> {
    /// Whose request it is; `None` for public paths.
    pub credentials: Option<&'a Credentials>,
    /// Also as cookies, which the file routes look at first and avatars alone (RC §8).
    pub as_cookies: bool,
    /// The request asks for a WebSocket.
    pub upgrade: bool,
    /// The answer must be readable to us: no compression.
    pub readable_answer: bool,
    /// Length of a body that is not the client's own.
    pub rewritten: Option<usize>,
    /// The client, as Rocket.Chat shall count it.
    pub client: IpAddr,
    /// The request may have to be made once more.
    pub keep: bool,
}

/// The rules of stripping and injecting, prepared once.
#[derive(Debug)]
pub struct Injector {
    cookies: Names,
    parameters: Names,
    subprotocol: Option<String>,
    host: HeaderValue,
    proto: HeaderValue,
}

impl Injector {
    /// JWTs and stand-ins go no further from wherever the config says they stand; `listen.public_url` is what Rocket.Chat shall think
    /// it is called.
    #[must_use]
    pub fn new(config: &Config) -> Option<Self> {
        let (tokens, public_url) = (&config.tokens, &config.listen.public_url);
        let session_cookie = config.iframe.cookie.name.as_str();
        Some(Self {
            cookies: Names::cookies(tokens.cookie.as_deref().into_iter().chain([session_cookie])),
            parameters: Names::parameters(tokens.query.as_deref()),
            subprotocol: tokens.subprotocol.clone(),
            host: unshared(public_url.authority())?,
            proto: HeaderValue::from_static(public_url.scheme()),
        })
    }

    /// The subprotocol that announces a JWT.
    #[must_use]
    pub fn subprotocol(&self) -> Option<&str> {
        self.subprotocol.as_deref()
    }

    /// The names of credential cookies, for answers.
    #[must_use]
    pub fn cookies(&self) -> &Names {
        &self.cookies
    }

    /// The request to send, and what a replay needs if one may come. It takes the fields of `parts`; `token` is the JWT's text where
    /// it may stand in more than one place.
    ///
    /// # Errors
    /// [`ForwardError::Target`] when the target is no origin form.
    pub fn inject(
        &self,
        parts: &mut Parts,
        injection: &Injection<'_>,
        token: Option<&str>,
        body: Body,
    ) -> Result<(UpstreamRequest, Option<Kept>), ForwardError> {
        let mut request = Request::new(body);
        *request.uri_mut() = self.target(&parts.uri)?;
        *request.method_mut() = parts.method.clone();
        *request.version_mut() = Version::HTTP_11;
        // The fields as they came, because their map has room for more.
        *request.headers_mut() = std::mem::take(&mut parts.headers);
        let headers = request.headers_mut();
        headers::strip_request(headers);
        let credential_cookies = injection
            .credentials
            .filter(|_| injection.as_cookies)
            .map(Credentials::cookie_value);
        cookie::rewrite(headers, &self.cookies, credential_cookies);
        query::strip_referer(headers, &self.parameters);
        if injection.upgrade {
            self.strip_subprotocol(headers);
            // Compressed frames could not be read: with none offered, none is chosen (RC §6.1).
            headers.remove(header::SEC_WEBSOCKET_EXTENSIONS);
        } else {
            headers.remove(header::SEC_WEBSOCKET_PROTOCOL);
        }
        if let Some(token) = token {
            let finder = memmem::Finder::new(token.as_bytes());
            let holds = |text: &[u8]| finder.find(text).is_some();
            forget(headers, &holds);
            let target = forget_in_target(std::mem::take(request.uri_mut()), &holds)?;
            // A replay could not find it any more.
            parts.uri.clone_from(&target);
            *request.uri_mut() = target;
        }
        let headers = request.headers_mut();
        let kept = injection.keep.then(|| Kept::of(headers));
        let own = Own::of(injection.client, injection.credentials);
        if let Some((user_id, auth_token)) = own.credentials {
            headers.insert(X_USER_ID, user_id);
            headers.insert(X_AUTH_TOKEN, auth_token);
        }
        if injection.upgrade {
            hop::set_websocket_upgrade(headers);
        }
        if injection.readable_answer {
            headers.insert(
                header::ACCEPT_ENCODING,
                HeaderValue::from_static("identity"),
            );
        }
        if let Some(length) = injection.rewritten {
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        }
        self.tell_of_client(headers, own.client);
        Ok((UpstreamRequest(request), kept))
    }

    /// One entry, whatever the chain was: Rocket.Chat's default of one trusted hop then counts right (RC §5.3).
    fn tell_of_client(&self, headers: &mut HeaderMap, client: HeaderValue) {
        headers.insert(X_FORWARDED_FOR, client.clone());
        headers.insert(X_REAL_IP, client);
        headers.insert(X_FORWARDED_PROTO, self.proto.clone());
        headers.insert(X_FORWARDED_HOST, self.host.clone());
        headers.insert(header::HOST, self.host.clone());
    }

    fn target(&self, uri: &Uri) -> Result<Uri, ForwardError> {
        let target = uri.path_and_query().ok_or(ForwardError::Target)?;
        let Some(text) = target.query() else {
            return Ok(Uri::from(target.clone()));
        };
        match query::strip(text, &self.parameters) {
            Cow::Borrowed(_) => Ok(Uri::from(target.clone())),
            Cow::Owned(text) => join(target.path(), &text),
        }
    }

    /// Takes the announced JWT out of the offers; the rest stays in its order.
    fn strip_subprotocol(&self, headers: &mut HeaderMap) {
        let Some(name) = &self.subprotocol else {
            return;
        };
        let mut kept: Vec<String> = Vec::new();
        let mut announced = false;
        for value in headers.get_all(header::SEC_WEBSOCKET_PROTOCOL) {
            let mut offers = value.to_str().unwrap_or_default().split(',').map(str::trim);
            while let Some(offer) = offers.next() {
                if offer == name {
                    announced = true;
                    offers.next();
                } else {
                    kept.push(offer.to_owned());
                }
            }
        }
        if !announced {
            return;
        }
        headers.remove(header::SEC_WEBSOCKET_PROTOCOL);
        if let Ok(value) = HeaderValue::try_from(kept.join(", "))
            && !kept.is_empty()
        {
            headers.insert(header::SEC_WEBSOCKET_PROTOCOL, value);
        }
    }
}
