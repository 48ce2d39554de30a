//! RC's refusal of credentials, which only the gateway sees: asked again with the mark of those, Gantry refreshes once and no oftener
//! than in proxy mode, and nobody can make it do so who was not told them.

use gantry::telemetry::metrics::Dialect;

use crate::filter::asking::{Gateways, Sent, gateway};

const PATH: &str = "/api/v1/rooms.get";

#[tokio::test]
async fn credentials_that_were_refused_are_refreshed_once_for_all_who_say_so() {
    for dialect in [Dialect::Nginx, Dialect::Traefik, Dialect::Envoy] {
        let gateway = gateway().await;
        let token = gateway.issuer.token("alice");
        let mut gateways = Gateways::of(&gateway).await;
        let sent = Sent::get(PATH).bearer(&token);
        let first = gateways.ask(dialect, &sent).await;
        let mark = first.set["x-gantry-retry"].clone();
        gateway.rc.kill_tokens("alice");

        let again = sent.clone().with("X-Gantry-Retry", &mark);
        let second = gateways.ask(dialect, &again).await;
        let third = gateways.ask(dialect, &again).await;

        let live = gateway.rc.live_tokens("alice");
        assert_eq!(live, [second.goes_on("x-auth-token")], "{dialect:?}");
        assert_ne!(first.goes_on("x-auth-token"), live[0], "{dialect:?}");
        assert_eq!(third.goes_on("x-auth-token"), live[0], "{dialect:?}");
        assert_ne!(second.set["x-gantry-retry"], mark, "{dialect:?}");
        assert_eq!(refreshes(&gateway).await, 1.0, "{dialect:?}");
    }
}

async fn refreshes(gateway: &crate::support::gateway::Gateway) -> f64 {
    let (_, page) = gateway.admin("/metrics").await;
    let series = page
        .lines()
        .filter(|line| line.starts_with("gantry_credentials_refreshed_total"));
    series
        .map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap())
        .sum()
}

#[tokio::test]
async fn over_grpc_the_mark_stands_in_the_metadata() {
    let gateway = gateway().await;
    let token = gateway.issuer.token("alice");
    let mut gateways = Gateways::of(&gateway).await;
    let sent = Sent::get(PATH).bearer(&token);
    let told = gateways.ask(Dialect::EnvoyGrpc, &sent).await;
    let nginx = gateways.ask(Dialect::Nginx, &sent).await;
    assert_eq!(
        told.retry.as_deref(),
        Some(nginx.set["x-gantry-retry"].as_str())
    );
    gateway.rc.kill_tokens("alice");

    let again = sent.with("x-gantry-retry", &told.retry.unwrap());
    let second = gateways.ask(Dialect::EnvoyGrpc, &again).await;

    assert_eq!(
        gateway.rc.live_tokens("alice"),
        [second.goes_on("x-auth-token")]
    );
}

#[tokio::test]
async fn a_mark_that_was_made_up_refreshes_nothing() {
    let gateway = gateway().await;
    let token = gateway.issuer.token("alice");
    let mut gateways = Gateways::of(&gateway).await;
    let sent = Sent::get(PATH).bearer(&token);
    let first = gateways.ask(Dialect::Nginx, &sent).await;
    let mark = &first.set["x-gantry-retry"];
    let auth_token = first.goes_on("x-auth-token").to_owned();
    let other = gateway.issuer.token("bob");
    let theirs = gateways
        .ask(Dialect::Nginx, &Sent::get(PATH).bearer(&other))
        .await;

    for dialect in Dialect::ALL {
        for made_up in ["", "1", "true", &mark[1..], &theirs.set["x-gantry-retry"]] {
            let again = sent.clone().with("X-Gantry-Retry", made_up);
            let told = gateways.ask(dialect, &again).await;
            assert_eq!(
                told.goes_on("x-auth-token"),
                auth_token,
                "{dialect:?} {made_up}"
            );
        }
        // Two, of which one is somebody else's.
        let twice = sent
            .clone()
            .with("X-Gantry-Retry", mark)
            .with("X-Gantry-Retry", "x");
        let told = gateways.ask(dialect, &twice).await;
        assert_eq!(told.goes_on("x-auth-token"), auth_token, "{dialect:?}");
    }
    // In proxy mode it means nothing, and goes no further.
    let request = gateway.get("/api/v1/gantry-test.echo", &token);
    request
        .header("x-gantry-retry", mark.as_str())
        .send()
        .await
        .unwrap();
    let received = gateway.received("/api/v1/gantry-test.echo");
    assert_eq!(received[0].header("x-gantry-retry"), None);
    assert_eq!(
        received[0].header("x-auth-token"),
        Some(auth_token.as_str())
    );
    assert_eq!(refreshes(&gateway).await, 0.0);
}

#[tokio::test]
async fn a_rocketchat_that_refuses_everything_is_not_fed_with_tokens() {
    let gateway = gateway().await;
    let token = gateway.issuer.token("alice");
    let mut gateways = Gateways::of(&gateway).await;
    let sent = Sent::get(PATH).bearer(&token);
    let mut told = gateways.ask(Dialect::Nginx, &sent).await;
    let mut rounds = 0;
    while told.allowed() {
        rounds += 1;
        assert!(rounds < 20, "it ends");
        gateway.rc.kill_tokens("alice");
        let again = sent
            .clone()
            .with("X-Gantry-Retry", &told.set["x-gantry-retry"]);
        told = gateways.ask(Dialect::Nginx, &again).await;
    }
    assert_eq!(told.status, 503);
    assert_eq!(told.fields["x-gantry-problem"], "overloaded");
    assert_eq!(rounds, 6);
}
