//! A host application's web server on loopback that publishes keys, counts who asks, and misbehaves on demand.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, LOCATION};
use http::{HeaderMap, StatusCode};
use tokio::sync::{Semaphore, watch};
use url::Url;

/// The server; it ends with the test's runtime.
#[derive(Clone)]
pub(in crate::jwt) struct Host {
    pub url: Url,
    state: Arc<Served>,
}

struct Served {
    answers: Mutex<HashMap<&'static str, Answer>>,
    asked: watch::Sender<usize>,
    /// Each answer takes a permit; there are always some unless the test holds them.
    gate: Semaphore,
}

#[derive(Clone)]
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

/// Permits of an open gate: more than any test asks for.
const OPEN: usize = 10_000;

impl Host {
    pub(in crate::jwt) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let state = Arc::new(Served {
            answers: Mutex::default(),
            asked: watch::Sender::new(0),
            gate: Semaphore::new(OPEN),
        });
        let router = Router::new()
            .fallback(answer)
            .with_state(Arc::clone(&state));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self {
            url: url.parse().unwrap(),
            state,
        }
    }

    /// The URL of a path here.
    pub(in crate::jwt) fn at(&self, path: &str) -> Url {
        self.url.join(path).unwrap()
    }

    /// Answers 200 with this body from now on.
    pub(in crate::jwt) fn serve(&self, path: &'static str, body: impl Into<String>) {
        self.put(path, StatusCode::OK, HeaderMap::new(), body.into());
    }

    pub(in crate::jwt) fn serve_for(&self, path: &'static str, max_age: u32, body: String) {
        let value = format!("max-age={max_age}").parse().unwrap();
        let headers = [(CACHE_CONTROL, value)].into_iter().collect();
        self.put(path, StatusCode::OK, headers, body);
    }

    pub(in crate::jwt) fn fail(&self, path: &'static str, status: u16) {
        let status = StatusCode::from_u16(status).unwrap();
        self.put(path, status, HeaderMap::new(), String::new());
    }

    pub(in crate::jwt) fn redirect(&self, path: &'static str, to: &str) {
        let headers = [(LOCATION, to.parse().unwrap())].into_iter().collect();
        self.put(path, StatusCode::FOUND, headers, String::new());
    }

    /// Requests so far.
    pub(in crate::jwt) fn asked(&self) -> usize {
        *self.state.asked.borrow()
    }

    /// Waits for the request with this number.
    pub(in crate::jwt) async fn asked_times(&self, times: usize) {
        let mut asked = self.state.asked.subscribe();
        asked.wait_for(|asked| *asked >= times).await.unwrap();
    }

    /// Answers nobody until [`release`](Self::release).
    pub(in crate::jwt) fn hold(&self) {
        self.state.gate.forget_permits(OPEN);
    }

    pub(in crate::jwt) fn release(&self) {
        self.state.gate.add_permits(OPEN);
    }

    fn put(&self, path: &'static str, status: StatusCode, headers: HeaderMap, body: String) {
        let answer = Answer {
            status,
            headers,
            body,
        };
        self.state.answers.lock().unwrap().insert(path, answer);
    }
}

async fn answer(State(state): State<Arc<Served>>, request: Request) -> Response {
    state.asked.send_modify(|asked| *asked += 1);
    let _permit = state.gate.acquire().await.unwrap();
    let answer = state
        .answers
        .lock()
        .unwrap()
        .get(request.uri().path())
        .cloned();
    match answer {
        Some(answer) => (answer.status, answer.headers, answer.body).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
