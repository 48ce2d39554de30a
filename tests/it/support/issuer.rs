//! A host application's issuer over TCP: signs ES256 tokens and serves its keys.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use data_encoding::BASE64URL_NOPAD;
use gantry::clock::{Clock, unix_seconds};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rcgen::PublicKeyData as _;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// The `iss` of every token, unless a test says otherwise.
pub(crate) const ISSUER: &str = "https://app.example.com";

/// The `aud` that Gantry expects.
pub(crate) const AUDIENCE: &str = "chat";

/// A running issuer.
pub(crate) struct Issuer {
    clock: Clock,
    address: SocketAddr,
    key: Mutex<Key>,
    published: Arc<Mutex<Value>>,
    server: Mutex<Option<JoinHandle<()>>>,
    logouts: AtomicU32,
}

struct Key {
    id: String,
    private: EncodingKey,
    public: Value,
    pem: String,
}

impl Issuer {
    /// Starts on a free port with one key; tokens are issued by `clock`.
    pub(crate) async fn start(clock: Clock) -> Self {
        let key = Key::new("first");
        let published = Arc::new(Mutex::new(json!({ "keys": [key.public] })));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = serve(listener, address, Arc::clone(&published));
        Self {
            clock,
            address,
            key: Mutex::new(key),
            published,
            server: Mutex::new(Some(server)),
            logouts: AtomicU32::new(0),
        }
    }

    /// Goes away: nobody listens any more.
    pub(crate) async fn stop(&self) {
        let server = self.server.lock().unwrap().take();
        if let Some(server) = server {
            server.abort();
            let _aborted = server.await;
        }
    }

    /// Comes back on the same port.
    pub(crate) async fn restart(&self) {
        self.stop().await;
        let listener = TcpListener::bind(self.address).await.unwrap();
        let server = serve(listener, self.address, Arc::clone(&self.published));
        *self.server.lock().unwrap() = Some(server);
    }

    /// Its URL, which is its name where it is found by discovery.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The public key as PEM.
    pub(crate) fn public_key(&self) -> String {
        self.key.lock().unwrap().pem.clone()
    }

    /// Where the keys are.
    pub(crate) fn jwks_url(&self) -> String {
        format!("http://{}/jwks.json", self.address)
    }

    /// Signs with a new key from now on, which is published; the old one no longer is.
    pub(crate) fn rotate(&self) {
        let key = Key::new("second");
        *self.published.lock().unwrap() = json!({ "keys": [key.public] });
        *self.key.lock().unwrap() = key;
    }

    /// A token of this person, in the host session `main`, good for ten minutes.
    pub(crate) fn token(&self, username: &str) -> String {
        self.token_with(username, json!({}))
    }

    /// A token with some claims changed or, by `null`, left out.
    pub(crate) fn token_with(&self, username: &str, changes: Value) -> String {
        let claims = self.claims(username, changes);
        let key = self.key.lock().unwrap();
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some(key.id.clone());
        jsonwebtoken::encode(&header, &claims, &key.private).unwrap()
    }

    /// A logout token for what `names` says, `sub` or `sid` or both; each with an id of its own unless that is given.
    pub(crate) fn logout_token(&self, names: Value) -> String {
        let now = unix_seconds(self.clock.now());
        let id = self.logouts.fetch_add(1, Ordering::Relaxed);
        let mut claims = json!({
            "iss": ISSUER,
            "aud": AUDIENCE,
            "iat": now,
            "exp": now + 120,
            "jti": format!("logout {id}"),
            "events": { "http://schemas.openid.net/event/backchannel-logout": {} },
        });
        let Value::Object(names) = names else {
            panic!("names are an object");
        };
        claims.as_object_mut().unwrap().extend(names);
        let key = self.key.lock().unwrap();
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some(key.id.clone());
        header.typ = Some("logout+jwt".to_owned());
        jsonwebtoken::encode(&header, &claims, &key.private).unwrap()
    }

    /// What such a token says.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "callers write the changes in place"
    )]
    pub(crate) fn claims(&self, username: &str, changes: Value) -> Value {
        let now = unix_seconds(self.clock.now());
        let mut claims = json!({
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": format!("subject of {username}"),
            "sid": "main",
            "preferred_username": username,
            "name": format!("Name of {username}"),
            "email": format!("{username}@example.com"),
            "email_verified": true,
            "iat": now,
            "exp": now + Duration::from_secs(600).as_secs(),
        });
        let map = claims.as_object_mut().unwrap();
        for (name, value) in changes.as_object().unwrap() {
            if value.is_null() {
                map.remove(name);
            } else {
                map.insert(name.clone(), value.clone());
            }
        }
        claims
    }
}

/// Answers with the keys, and with a discovery document that leads to them.
fn serve(
    listener: TcpListener,
    address: SocketAddr,
    published: Arc<Mutex<Value>>,
) -> JoinHandle<()> {
    let json = |text: String| async move { ([("content-type", "application/json")], text) };
    let keys = move || json(published.lock().unwrap().to_string());
    let url = format!("http://{address}");
    let document = json!({ "issuer": url, "jwks_uri": format!("{url}/jwks.json") }).to_string();
    let router = Router::new().route("/jwks.json", get(keys)).route(
        "/.well-known/openid-configuration",
        get(move || json(document.clone())),
    );
    tokio::spawn(async move {
        axum::serve(listener, router).await.unwrap();
    })
}

impl Drop for Issuer {
    fn drop(&mut self) {
        if let Some(server) = self.server.lock().unwrap().take() {
            server.abort();
        }
    }
}

impl Key {
    fn new(id: &str) -> Self {
        let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        // An uncompressed point: 4, then both coordinates.
        let point = pair.der_bytes().to_vec();
        let (x, y) = point[1..].split_at(32);
        let public = json!({
            "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": id,
            "x": BASE64URL_NOPAD.encode(x), "y": BASE64URL_NOPAD.encode(y),
        });
        let private = EncodingKey::from_ec_pem(pair.serialize_pem().as_bytes()).unwrap();
        Self {
            id: id.to_owned(),
            private,
            public,
            pem: pair.public_key_pem(),
        }
    }
}
