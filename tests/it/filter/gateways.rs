//! Who is answered at all, and what a yes and a no hold in each dialect.

use gantry::telemetry::metrics::Dialect;

use crate::filter::asking::{Gateways, Sent, gateway};
use crate::support::gateway::Gateway;

const ECHO: &str = "/api/v1/gantry-test.echo";

#[tokio::test]
async fn a_yes_tells_the_credentials_and_empties_everything_else() {
    let gateway = gateway().await;
    let token = gateway.issuer.token("alice");
    let mut gateways = Gateways::of(&gateway).await;
    let sent = Sent::get(ECHO)
        .bearer(&token)
        .with("Cookie", "theme=dark; rc_token=stale; gantry_session=old");

    for dialect in Dialect::ALL {
        let told = gateways.ask(dialect, &sent).await;
        assert!(told.allowed(), "{dialect:?} {told:?}");
        let live = gateway.rc.live_tokens("alice");
        let [auth_token] = live.as_slice() else {
            panic!("one token: {live:?}");
        };
        assert_eq!(told.goes_on("x-auth-token"), auth_token, "{dialect:?}");
        let user = gateway.rc.user("alice").unwrap();
        assert_eq!(told.goes_on("x-user-id"), user.id, "{dialect:?}");
        assert_eq!(told.goes_on("cookie"), "theme=dark", "{dialect:?}");
        assert_eq!(told.goes_on("authorization"), "", "{dialect:?}");
        let named = told.set.contains_key("authorization")
            || told.removed.contains(&"authorization".to_owned());
        assert!(named, "{dialect:?}");
    }
}

#[tokio::test]
async fn without_the_filter_there_is_nothing_to_ask() {
    let gateway = Gateway::configured(|config| {
        config.listen.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
    })
    .await;
    assert_eq!(gateway.running.grpc_address(), None);
    let token = gateway.issuer.token("alice");
    let sent = Sent::get(ECHO).bearer(&token);
    for dialect in [Dialect::Nginx, Dialect::Traefik, Dialect::Envoy] {
        let mut raw = gateway.raw().await;
        raw.send(sent.question(dialect)).await;
        let answer = raw.answer().await.unwrap();
        assert_eq!(answer.status, 404, "{dialect:?}");
        assert_eq!(answer.header("x-auth-token"), None, "{dialect:?}");
    }
}
