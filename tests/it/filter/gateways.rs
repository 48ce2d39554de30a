//! Who is answered at all, and what a yes and a no hold in each dialect.

use gantry::telemetry::metrics::Dialect;
use lookalike::Latch;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use crate::filter::asking::{Gateways, Sent, enable, gateway, grpc, with_secret};
use crate::support::gateway::Gateway;
use crate::support::world::World;

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

#[tokio::test]
async fn a_no_has_what_the_client_is_to_be_answered() {
    let gateway = gateway().await;
    let mut gateways = Gateways::of(&gateway).await;
    for dialect in Dialect::ALL {
        let nobody = gateways.ask(dialect, &Sent::get(ECHO)).await;
        assert_eq!(nobody.status, 401, "{dialect:?}");
        assert_eq!(nobody.fields["www-authenticate"], "Bearer", "{dialect:?}");
        let kind = &nobody.fields["content-type"];
        assert_eq!(kind, "application/problem+json", "{dialect:?}");
        let slug = &nobody.fields["x-gantry-problem"];
        assert_eq!(slug, "missing-token", "{dialect:?}");
        assert_eq!(nobody.problem["status"], 401, "{dialect:?}");

        let odd = gateways.ask(dialect, &Sent::new("TRACE", ECHO)).await;
        let expected = if dialect == Dialect::Nginx { 403 } else { 405 };
        assert_eq!(odd.status, expected, "{dialect:?}");
        let slug = &odd.fields["x-gantry-problem"];
        assert_eq!(slug, "method-not-allowed", "{dialect:?}");
    }
}

#[tokio::test]
async fn a_failure_of_ours_is_told_as_one() {
    let world = World::plain().await;
    world.issuer.stop().await;
    let gateway = world.gantry(|config, _| enable(config)).await;
    let token = gateway.issuer.token("alice");
    let mut gateways = Gateways::of(&gateway).await;
    for dialect in Dialect::ALL {
        let told = gateways.ask(dialect, &Sent::get(ECHO).bearer(&token)).await;
        assert_eq!(told.status, 503, "{dialect:?}");
        let slug = &told.fields["x-gantry-problem"];
        assert_eq!(slug, "keys-unavailable", "{dialect:?}");
        assert_eq!(told.fields["retry-after"], "2", "{dialect:?}");
    }
}

/// What the health service says of a service.
async fn health(gateway: &Gateway, service: &str) -> Result<i32, tonic::Code> {
    let address = gateway.running.grpc_address().unwrap();
    let channel = tonic::transport::Endpoint::new(format!("http://{address}")).unwrap();
    let mut client = HealthClient::new(channel.connect().await.unwrap());
    let asked = HealthCheckRequest {
        service: service.to_owned(),
    };
    let answer = client.check(asked).await.map_err(|status| status.code())?;
    Ok(answer.into_inner().status)
}

#[tokio::test]
async fn health_over_grpc_is_readiness() {
    const SERVICE: &str = "envoy.service.auth.v3.Authorization";
    let gateway = gateway().await;
    assert_eq!(health(&gateway, "").await, Ok(1));
    assert_eq!(health(&gateway, SERVICE).await, Ok(1));
    assert_eq!(health(&gateway, "else").await, Err(tonic::Code::NotFound));

    let world = World::plain().await;
    world.issuer.stop().await;
    let unready = world.gantry(|config, _| enable(config)).await;
    assert_eq!(health(&unready, SERVICE).await, Ok(2));
}

#[tokio::test]
async fn a_question_that_waits_holds_up_no_other_on_its_connection() {
    let gateway = gateway().await;
    let known = Sent::get(ECHO).bearer(&gateway.issuer.token("alice"));
    let new = Sent::get(ECHO).bearer(&gateway.issuer.token("bob"));
    let client = grpc(&gateway).await;
    let ask = |sent: &Sent| {
        let (mut client, message) = (client.clone(), with_secret(sent.message()));
        async move {
            let answer = client.check(message).await.unwrap();
            answer.into_inner().status.unwrap().code
        }
    };
    assert_eq!(ask(&known).await, 0);
    let latch = Latch::new();
    gateway.rc.hold_creates(Some(latch.clone()));
    let waiting = tokio::spawn(ask(&new));
    latch.until_arrived(1).await;

    for _ in 0..50 {
        assert_eq!(ask(&known).await, 0);
    }

    assert!(!waiting.is_finished());
    latch.open();
    assert_eq!(waiting.await.unwrap(), 0);
}
