//! A host application's issuer over TCP: signs ES256 tokens and serves its keys.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use data_encoding::BASE64URL_NOPAD;
use gantry::clock::{Clock, unix_seconds};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rcgen::PublicKeyData as _;
use serde_json::{Value, json};

/// The `iss` of every token, unless a test says otherwise.
pub(crate) const ISSUER: &str = "https://app.example.com";

/// The `aud` that Gantry expects.
pub(crate) const AUDIENCE: &str = "chat";

/// A running issuer.
pub(crate) struct Issuer {
    clock: Clock,
    address: std::net::SocketAddr,
    key: Mutex<Key>,
    published: Arc<Mutex<Value>>,
    server: tokio::task::JoinHandle<()>,
}

struct Key {
    id: String,
    private: EncodingKey,
    public: Value,
}

impl Issuer {
    /// Starts on a free port with one key; tokens are issued by `clock`.
    pub(crate) async fn start(clock: Clock) -> Self {
        let key = Key::new("first");
        let published = Arc::new(Mutex::new(json!({ "keys": [key.public] })));
        let served = Arc::clone(&published);
        let answer = move || {
            let keys = served.lock().unwrap().to_string();
            async move { ([("content-type", "application/json")], keys) }
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move {
            axum::serve(listener, Router::new().route("/jwks.json", get(answer)))
                .await
                .unwrap();
        });
        Self {
            clock,
            address,
            key: Mutex::new(key),
            published,
            server,
        }
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
    #[expect(
        clippy::needless_pass_by_value,
        reason = "callers build the changes in place"
    )]
    pub(crate) fn token_with(&self, username: &str, changes: Value) -> String {
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
        let key = self.key.lock().unwrap();
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some(key.id.clone());
        jsonwebtoken::encode(&header, &claims, &key.private).unwrap()
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.server.abort();
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
        }
    }
}
