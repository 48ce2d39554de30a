//! An ingress in front of everything, and what passed through it.

use lookalike::Received;
use serde_json::Value;

use crate::filter::asking::{HOST, Sent, gateway};
use crate::gateways::ingress::{Ingress, Places, Program};
use crate::support::gateway::Gateway;
use crate::support::raw::{Answer, Raw};
use crate::support::tap::Tap;

/// What answers with what it was sent.
pub(crate) const ECHO: &str = "/api/v1/gantry-test.echo";

/// What forged values begin with.
pub(crate) const FORGED: &str = "forged";

/// A client's world, seen from before the ingress.
pub(crate) struct Stage {
    pub(crate) gateway: Gateway,
    pub(crate) ingress: Ingress,
}

impl Stage {
    /// Everything runs.
    pub(crate) async fn with(program: Program) -> Self {
        let gateway = gateway().await;
        let ingress = Ingress::start(program, places(&gateway)).await;
        Self { gateway, ingress }
    }

    /// Everything runs, with a wire between the ingress and Rocket.Chat that keeps what goes there.
    pub(crate) async fn tapped(program: Program) -> (Self, Tap) {
        let gateway = gateway().await;
        let tap = Tap::start(gateway.rc.address()).await;
        let places = Places {
            rocketchat: tap.address(),
            ..places(&gateway)
        };
        let ingress = Ingress::start(program, places).await;
        (Self { gateway, ingress }, tap)
    }

    /// A token of alice, who is known already: what is received afterwards is what a test sends.
    pub(crate) async fn alice(&self) -> String {
        let token = self.gateway.issuer.token("alice");
        let answer = self.gateway.get(ECHO, &token).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        self.gateway.rc.forget_requests();
        token
    }

    /// Alice's live auth token.
    pub(crate) fn auth_token(&self) -> String {
        let mut live = self.gateway.rc.live_tokens("alice");
        assert_eq!(live.len(), 1, "{live:?}");
        live.remove(0)
    }

    /// Sends this to the ingress; nothing that comes back may hold what is Gantry's.
    pub(crate) async fn ask(&self, sent: &Sent) -> Answer {
        self.ask_by(&sent.direct()).await
    }

    /// Sends a POST with this body.
    pub(crate) async fn post(&self, sent: &Sent, body: &str) -> Answer {
        let sent = sent.clone().with("Content-Length", &body.len().to_string());
        self.ask_by(&format!("{}{body}", sent.direct())).await
    }

    /// Sends these bytes.
    pub(crate) async fn ask_by(&self, request: &str) -> Answer {
        let mut raw = Raw::connect(self.ingress.address()).await;
        raw.send(request).await;
        let Some(answer) = raw.answer().await else {
            panic!("no answer to {request}: {}", self.ingress.log());
        };
        let told = format!(
            "{:?} {}",
            answer.headers,
            String::from_utf8_lossy(&answer.body)
        );
        for auth_token in self.gateway.rc.live_tokens("alice") {
            assert!(!told.contains(&auth_token), "{request} {told}");
        }
        for (name, _) in &answer.headers {
            let ours = name.starts_with("x-gantry-retry") || name == "x-auth-token";
            assert!(!ours, "{name} came to the client: {request}");
        }
        answer
    }

    /// The one request that Rocket.Chat received on this path, whose every field of identity is alice's and Gantry's.
    pub(crate) fn only(&self, path: &str) -> Received {
        let mut received = self.gateway.received(path);
        assert_eq!(received.len(), 1, "{path} {}", self.ingress.log());
        let received = received.remove(0);
        self.check_identity(&received);
        received
    }

    /// Every field of identity is alice's and Gantry's, and of what a client may not say nothing is left.
    pub(crate) fn check_identity(&self, received: &Received) {
        let user = self.gateway.rc.user("alice").unwrap();
        for (name, value) in [
            ("x-user-id", user.id.as_str()),
            ("x-auth-token", &self.auth_token()),
            ("x-forwarded-for", "127.0.0.1"),
            ("host", HOST),
        ] {
            assert_eq!(received.header_values(name), [value], "{name}");
        }
        check_nothing_survives(received);
    }

    /// Rocket.Chat received nothing.
    #[track_caller]
    pub(crate) fn check_nothing_received(&self, what: &str) {
        let received = self.gateway.rc.requests();
        assert!(received.is_empty(), "{what} {received:?}");
    }

    /// How many questions Gantry answered in this way.
    pub(crate) async fn decisions(&self, program: Program, decision: &str) -> f64 {
        let dialect = program.dialect().name();
        let series = format!(
            r#"gantry_filter_decisions_total{{dialect="{dialect}",decision="{decision}"}} "#
        );
        self.gateway.metric(&series).await
    }
}

/// Where everything is.
pub(crate) fn places(gateway: &Gateway) -> Places {
    Places {
        gantry: gateway.address(),
        rocketchat: gateway.rc.address(),
        grpc: gateway.running.grpc_address().unwrap(),
    }
}

/// Of what a client may not say nothing is left, and nothing that is between the ingress and Gantry.
pub(crate) fn check_nothing_survives(received: &Received) {
    let whole = format!("{received:?}");
    assert!(!whole.contains(FORGED), "{whole}");
    // Every JWT of the issuer begins so.
    assert!(!whole.contains("eyJ0eXAi"), "{whole}");
    let real = [
        "x-forwarded-for",
        "x-forwarded-proto",
        "x-forwarded-host",
        "x-forwarded-port",
        "x-real-ip",
        "x-user-id",
        "x-auth-token",
    ];
    for (name, _) in &received.headers {
        let normal = name.replace(|mark: char| !mark.is_ascii_alphanumeric(), "-");
        let spelled = real.contains(&normal.as_str()) && *name != normal;
        let doomed = ["authorization", "x-gantry-", "x-original-", "x-envoy-auth-"];
        let doomed = doomed.iter().any(|doomed| normal.starts_with(doomed));
        assert!(!spelled && !doomed, "{name} {whole}");
    }
}

/// An answer's body as JSON.
pub(crate) fn json(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&answer.body)))
}
