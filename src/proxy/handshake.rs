//! The client's half of a WebSocket handshake: over HTTP/1.1 (RFC 6455 §4.2), or over a stream of an HTTP/2 connection (RFC 8441 §5).
//!
//! Rocket.Chat is asked over HTTP/1.1 in both cases. In the second the client brings no key to prove an upgrade by, so we bring one and
//! look at the proof ourselves.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use data_encoding::BASE64;
use http::header::{self, HeaderValue};
use http::request::Parts;
use http::{Method, StatusCode, Version, response};
use http_body::Body as _;
use hyper::upgrade::OnUpgrade;

use crate::body::{Guard, Upload};
use crate::headers::hop;
use crate::proxy::error::ForwardError;
use crate::random;

/// What the proof is made of besides the key (RFC 6455 §1.3).
const PROOF: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// A handshake that is sound.
#[derive(Debug)]
pub struct Handshake {
    client: OnUpgrade,
    streamed: Option<Streamed>,
}

/// What a stream has more.
#[derive(Debug)]
struct Streamed {
    /// Keeps its connection from seeming idle.
    stay: Arc<Guard>,
    /// What Rocket.Chat must answer.
    proof: HeaderValue,
}

impl Handshake {
    /// Checks what the client must send and takes its half of the upgrade.
    ///
    /// # Errors
    /// [`ForwardError::Handshake`].
    pub fn read(parts: &mut Parts, body: &Upload) -> Result<Self, ForwardError> {
        let stay = parts.extensions.remove::<Arc<Guard>>();
        let asks = match stay {
            Some(_) => parts.version == Version::HTTP_2,
            // An `Upgrade` to something else, or one that `Connection` does not name, must not be answered as if it were one to this.
            None => {
                hop::asks_websocket(&parts.headers)
                    && parts.version == Version::HTTP_11
                    && parts.headers.contains_key(header::SEC_WEBSOCKET_KEY)
            }
        };
        let version = parts.headers.get(header::SEC_WEBSOCKET_VERSION);
        let sound = asks
            && parts.method == Method::GET
            && body.is_end_stream()
            && version.is_some_and(|version| version == "13");
        if !sound {
            return Err(ForwardError::Handshake);
        }
        let client = parts.extensions.remove::<OnUpgrade>();
        let client = client.ok_or(ForwardError::Handshake)?;
        let streamed = stay.map(|stay| Streamed {
            stay,
            proof: bring_key(parts),
        });
        Ok(Self { client, streamed })
    }

    /// Does it ask for a stream? Every good answer then agrees to it.
    #[must_use]
    pub fn is_streamed(&self) -> bool {
        self.streamed.is_some()
    }

    /// Makes of Rocket.Chat's agreement one to the client, whose half comes back, with what it must hold while it is open.
    ///
    /// # Errors
    /// [`ForwardError::Disagreed`] when the proof is missing or wrong.
    pub fn agree(
        self,
        agreed: &mut response::Parts,
    ) -> Result<(OnUpgrade, Option<Arc<Guard>>), ForwardError> {
        let Some(Streamed { stay, proof }) = self.streamed else {
            hop::set_websocket_upgrade(&mut agreed.headers);
            return Ok((self.client, None));
        };
        if agreed.headers.remove(header::SEC_WEBSOCKET_ACCEPT) != Some(proof) {
            return Err(ForwardError::Disagreed);
        }
        agreed.headers.remove(header::CONTENT_LENGTH);
        agreed.status = StatusCode::OK;
        Ok((self.client, Some(stay)))
    }
}

/// Puts a key of ours in the place of the client's, and says what proves that it was understood.
fn bring_key(parts: &mut Parts) -> HeaderValue {
    let key = BASE64.encode(&random::bits().to_ne_bytes());
    let proof = proof(&key);
    parts.headers.insert(header::SEC_WEBSOCKET_KEY, text(&key));
    text(&proof)
}

fn proof(key: &str) -> String {
    let made = digest(
        &SHA1_FOR_LEGACY_USE_ONLY,
        format!("{key}{PROOF}").as_bytes(),
    );
    BASE64.encode(made.as_ref())
}

fn text(base64: &str) -> HeaderValue {
    HeaderValue::from_str(base64).expect("base64 is plain ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_proof_is_the_one_of_the_rfc() {
        let expected = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
        assert_eq!(proof("dGhlIHNhbXBsZSBub25jZQ=="), expected);
    }
}
