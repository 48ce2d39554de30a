//! What operators are told about keys in the log: each change of state once, with the cause and the mend, and nothing secret.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jsonwebtoken::Algorithm;
use serde_json::json;
use tracing::subscriber::DefaultGuard;

use crate::config::issuer::KeySource;
use crate::jwt::tests::host::Host;
use crate::jwt::tests::signer::{Signer, key_set};
use crate::jwt::tests::{Bench, eventually, issuer};

/// The log of this thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn start() -> (Self, DefaultGuard) {
        let log = Self::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::INFO)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    fn lines(&self) -> Vec<String> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        text.lines()
            .filter(|line| line.contains("gantry::jwt"))
            .map(str::to_owned)
            .collect()
    }
}

impl io::Write for Log {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn each_change_of_state_is_told_once_and_says_what_to_do() {
    let (log, _recording) = Log::start();
    let (host, signer) = (Host::start().await, Signer::new(Algorithm::ES256, "a"));
    host.fail("/keys", 500);
    let url = host.at("/keys?token=hunter2");
    let bench = Bench::new([issuer(KeySource::JwksUrl(url))]);
    let seconds = async |asked| {
        eventually("asked", || {
            bench.hand.advance(Duration::from_secs(1));
            host.asked() >= asked
        })
        .await;
    };
    seconds(4).await;
    eventually("told", || !log.lines().is_empty()).await;
    host.serve("/keys", key_set([signer.jwk()]));
    eventually("ready", || {
        bench.hand.advance(Duration::from_secs(1));
        bench.readiness.missing().is_empty()
    })
    .await;
    let before = host.asked();
    host.serve("/keys", json!({"keys": []}).to_string());
    seconds(before + 3).await;

    eventually("all told", || log.lines().len() >= 3).await;
    let lines = log.lines();
    let [failed, read, empty] = lines.as_slice() else {
        panic!("{lines:#?}");
    };
    assert!(failed.contains("WARN"), "{failed}");
    assert!(failed.contains("all its tokens are refused"), "{failed}");
    assert!(failed.contains("answered 500"), "{failed}");
    assert!(failed.contains("see that `jwks_url`"), "{failed}");
    assert!(failed.contains("error.kind=\"status\""), "{failed}");
    assert!(read.contains("INFO"), "{read}");
    assert!(read.contains("keys of issuer https://app.example.com have been read"));
    assert!(empty.contains("WARN"), "{empty}");
    assert!(empty.contains("publish a key that fits"), "{empty}");
    assert!(!lines.concat().contains("hunter2"));
}

#[tokio::test]
async fn the_cause_of_an_unreachable_issuer_is_told_without_its_query() {
    let (log, _recording) = Log::start();
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/k?token=hunter2", closed.local_addr().unwrap());
    drop(closed);
    let bench = Bench::new([issuer(KeySource::JwksUrl(url.parse().unwrap()))]);
    eventually("told", || log.lines().len() == 1).await;
    let line = log.lines().concat();
    assert!(line.to_lowercase().contains("connection refused"), "{line}");
    assert!(!line.contains("hunter2"), "{line}");
    assert_eq!(bench.readiness.missing().len(), 1);
}
