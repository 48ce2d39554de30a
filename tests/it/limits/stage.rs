//! What the attacks share: somebody well-behaved who must be served meanwhile, and what the metrics say.

use std::net::IpAddr;
use std::time::Duration;

use gantry::config::Config;

use crate::support::gateway::Gateway;
use crate::support::raw::Raw;

pub(crate) const ECHO: &str = "/api/v1/gantry-test.echo";

/// What nobody asks for whose requests are counted.
const ME: &str = "/api/v1/me";

/// Where the attacker is; everybody else is at 127.0.0.1.
pub(crate) const ATTACKER: [u8; 4] = [127, 0, 0, 2];

/// Long enough for whatever is due, whatever else the machine does.
pub(crate) const BOUND: Duration = Duration::from_secs(30);

/// What only clients can move must move within this; everything else has all the time it needs.
pub(crate) fn impatient(config: &mut Config) {
    config.listen.limits.body_timeout = Duration::from_secs(1);
    config.listen.limits.send_timeout = Duration::from_secs(1);
}

/// The value of an `authorization` field.
pub(crate) fn bearer(gateway: &Gateway) -> String {
    format!("Bearer {}", gateway.issuer.token("alice"))
}

/// A GET of this path, with a token.
pub(crate) fn get(gateway: &Gateway, path: &str) -> String {
    let bearer = bearer(gateway);
    format!("GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {bearer}\r\n\r\n")
}

/// A connection of the attacker's.
pub(crate) async fn attacker(gateway: &Gateway) -> Raw {
    Raw::connect_from(IpAddr::from(ATTACKER), gateway.address()).await
}

/// How often a limit was reached.
pub(crate) async fn reached(gateway: &Gateway, limit: &str) -> f64 {
    let series = format!("gantry_limits_reached_total{{limit=\"{limit}\"}}");
    gateway.metric(&series).await
}

/// Waits until a limit was reached so often.
pub(crate) async fn until_reached(gateway: &Gateway, limit: &str, times: f64) {
    let counted = async {
        while reached(gateway, limit).await < times {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let counted = tokio::time::timeout(BOUND, counted).await;
    counted.unwrap_or_else(|_| panic!("{limit} is reached {times} times"));
}

/// Attacks while a well-behaved client asks on a connection of its own, and sees nothing of it.
pub(crate) async fn attack<T>(gateway: &Gateway, attack: impl Future<Output = T>) -> T {
    let request = get(gateway, ME);
    let mut behaved = gateway.raw().await;
    let mut served = async || {
        behaved.send(&request).await;
        let answer = behaved
            .answer()
            .await
            .expect("a well-behaved client is served");
        assert_eq!(answer.status, 200);
    };
    served().await;
    let outcome = {
        let serving = async {
            loop {
                served().await;
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::select! {
            outcome = tokio::time::timeout(BOUND * 2, attack) => outcome.ok(),
            () = serving => None,
        }
    };
    // A new connection, since the attack may have ended in the middle of an answer on the other.
    let mut later = gateway.raw().await;
    later.send(&request).await;
    assert_eq!(later.answer().await.unwrap().status, 200);
    outcome.expect("the attack comes to its end")
}
