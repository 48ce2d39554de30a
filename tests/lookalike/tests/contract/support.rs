//! A client that speaks to a lookalike as programs speak to Rocket.Chat.

use lookalike::{Lookalike, Manner, Options};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::Value;

/// Every manner, for tests of what all share.
pub(crate) const MANNERS: [Manner; 4] = [Manner::V6, Manner::V7, Manner::V80, Manner::V87];

/// A lookalike with a client at it.
pub(crate) struct Workspace {
    pub(crate) rc: Lookalike,
    client: Client,
}

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

/// A user's id and token.
#[derive(Clone, Debug)]
pub(crate) struct Credentials {
    pub(crate) user_id: String,
    pub(crate) token: String,
}

impl Workspace {
    pub(crate) async fn start(options: Options) -> Self {
        let rc = Lookalike::start(options).await.unwrap();
        Self {
            rc,
            client: Client::new(),
        }
    }

    pub(crate) async fn of(manner: Manner) -> Self {
        Self::start(Options::new(manner)).await
    }

    /// The service account.
    pub(crate) fn service(&self) -> Credentials {
        Credentials {
            user_id: self.rc.service_user_id(),
            token: self.rc.service_token(),
        }
    }

    /// A request without credentials.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client
            .request(method, format!("{}{path}", self.rc.url()))
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.request(Method::GET, path)
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> RequestBuilder {
        self.request(Method::POST, path).json(body)
    }
}

/// What a request can be given, and how it is sent.
pub(crate) trait RequestExt {
    fn by(self, who: &Credentials) -> Self;
    async fn answer(self) -> Answer;
}

impl RequestExt for RequestBuilder {
    fn by(self, who: &Credentials) -> Self {
        self.header("X-User-Id", &who.user_id)
            .header("X-Auth-Token", &who.token)
    }

    async fn answer(self) -> Answer {
        Answer::read(self.send().await.unwrap()).await
    }
}

impl Answer {
    async fn read(response: Response) -> Self {
        let (status, headers) = (response.status(), response.headers().clone());
        Self {
            status,
            headers,
            text: response.text().await.unwrap(),
        }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {self:?}"))
    }

    /// The answer as JSON, which must have come with this status.
    pub(crate) fn with(&self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{self:?}");
        self.json()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}
