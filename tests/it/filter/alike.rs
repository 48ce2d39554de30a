//! One large table of requests, each decided in proxy mode and by every dialect: the same decisions, the same credentials, and no
//! differences but those that are listed.

use gantry::filter::{Need, nginx};
use gantry::telemetry::metrics::Dialect;
use http::StatusCode;
use lookalike::{NewUser, Received};
use serde_json::json;

use crate::filter::asking::{Gateways, Sent, Told, gateway};
use crate::support::gateway::{Gateway, HOST_PAGE};

mod table;

use table::{Case, Row};

/// The people of the table and what they have.
pub(crate) struct People {
    pub(crate) live: String,
    pub(crate) stand_in: String,
    pub(crate) other: String,
    pub(crate) deactivated: String,
    pub(crate) protected: String,
    pub(crate) logged_out: String,
    pub(crate) expired: String,
    pub(crate) foreign: String,
}

impl People {
    async fn of(gateway: &Gateway) -> Self {
        let issuer = &gateway.issuer;
        let live = issuer.token("alice");
        let session = gateway
            .post("/_gantry/session", &live)
            .send()
            .await
            .unwrap();
        let session: serde_json::Value = session.json().await.unwrap();
        let logged_out = issuer.token("dave");
        for path in ["/_gantry/session", "/_gantry/logout"] {
            let answer = gateway.post(path, &logged_out).send().await.unwrap();
            assert!(answer.status().is_success(), "{path}");
        }
        gateway.rc.add_user(NewUser::new("carol"));
        gateway.rc.set_active("carol", false);
        gateway.rc.add_user(NewUser {
            roles: vec!["admin".to_owned()],
            ..NewUser::new("root")
        });
        let past = json!({ "iat": 1_600_000_000, "exp": 1_600_000_600 });
        Self {
            stand_in: session["token"].as_str().unwrap().to_owned(),
            other: issuer.token("erin"),
            deactivated: issuer.token("carol"),
            protected: issuer.token("root"),
            expired: issuer.token_with("alice", past),
            foreign: issuer.token_with("alice", json!({ "iss": "https://else.example.com" })),
            live,
            logged_out,
        }
    }
}

/// What became of a request, in one form for all ways.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    /// It goes on with these: user, auth token, cookies.
    GoesOn([String; 3]),
    /// It is refused with this status.
    Refused(u16),
}

/// In proxy mode: what Rocket.Chat received, if it received anything.
async fn in_proxy_mode(gateway: &Gateway, gateways: &mut Gateways<'_>, sent: &Sent) -> Outcome {
    gateway.rc.forget_requests();
    let answer = gateways.send(&sent.direct()).await;
    let received = gateway.rc.requests();
    let marked = |request: &&Received| request.header("x-marker").is_some();
    let Some(request) = received.iter().find(marked) else {
        return Outcome::Refused(answer.status);
    };
    let value = |name| request.header(name).unwrap_or_default().to_owned();
    assert_eq!(value("authorization"), "", "{sent:?}");
    Outcome::GoesOn([value("x-user-id"), value("x-auth-token"), value("cookie")])
}

fn told(told: &Told) -> Outcome {
    if !told.allowed() {
        return Outcome::Refused(told.status);
    }
    assert_eq!(told.goes_on("authorization"), "");
    let value = |name| told.goes_on(name).to_owned();
    Outcome::GoesOn([value("x-user-id"), value("x-auth-token"), value("cookie")])
}

/// What the gateway of this dialect is told where proxy mode answers so.
fn expected(dialect: Dialect, proxied: &Outcome) -> Outcome {
    match proxied {
        Outcome::GoesOn(credentials) => Outcome::GoesOn(credentials.clone()),
        Outcome::Refused(status) if dialect == Dialect::Nginx => {
            let status = StatusCode::from_u16(*status).unwrap();
            Outcome::Refused(nginx::passable(status).as_u16())
        }
        Outcome::Refused(status) => Outcome::Refused(*status),
    }
}

/// Compares all ways; true when the request goes on in all of them.
async fn check(gateway: &Gateway, gateways: &mut Gateways<'_>, row: &Row) -> bool {
    let Row { sent, needs } = row;
    let proxied = in_proxy_mode(gateway, gateways, sent).await;
    for dialect in Dialect::ALL {
        let answer = gateways.ask(dialect, sent).await;
        let Some(need) = needs.filter(|need| *need != Need::Field || takes_no_names(dialect))
        else {
            let expected = expected(dialect, &proxied);
            assert_eq!(told(&answer), expected, "{dialect:?} {sent:?} {answer:?}");
            continue;
        };
        assert_eq!(
            answer.status, 403,
            "{dialect:?} {need:?} {sent:?} {answer:?}"
        );
        if dialect != Dialect::Nginx || !answer.problem.is_null() {
            assert_eq!(answer.detail(), need.detail(), "{dialect:?} {sent:?}");
        }
    }
    needs.is_none() && matches!(proxied, Outcome::GoesOn(_))
}

/// Gateways that cannot be told to take a field off by its name.
fn takes_no_names(dialect: Dialect) -> bool {
    matches!(dialect, Dialect::Nginx | Dialect::Traefik)
}

#[tokio::test]
async fn every_way_of_asking_decides_as_proxy_mode_does() {
    let gateway = gateway().await;
    let people = People::of(&gateway).await;
    let mut gateways = Gateways::of(&gateway).await;

    let rows = table::rows(&people);
    assert!(rows.len() >= 300, "{}", rows.len());
    let mut allowed = 0;
    for row in &rows {
        allowed += usize::from(check(&gateway, &mut gateways, row).await);
    }

    // The table is no table of refusals.
    assert!(allowed > 200, "{allowed}");
    let needed = |need: &Need| rows.iter().any(|row| row.needs == Some(*need));
    for need in Need::ALL {
        assert!(needed(&need), "{need:?} is in no row");
    }
}

#[tokio::test]
async fn somebody_new_gets_a_session_by_every_way() {
    let gateway = gateway().await;
    let mut gateways = Gateways::of(&gateway).await;
    for (index, dialect) in Dialect::ALL.into_iter().enumerate() {
        for (path, cookies) in [("/api/v1/rooms.get", false), ("/avatar/x", true)] {
            let name = format!("new.{index}.{cookies}");
            let sent = Sent::get(path).bearer(&gateway.issuer.token(&name));

            let answer = gateways.ask(dialect, &sent).await;

            let user = gateway.rc.user(&name).expect("was created");
            let tokens = gateway.rc.live_tokens(&name);
            assert_eq!(tokens.len(), 1, "{dialect:?}");
            let cookie = format!("rc_uid={}; rc_token={}", user.id, tokens[0]);
            let expected = if cookies { cookie } else { String::new() };
            assert_eq!(
                told(&answer),
                Outcome::GoesOn([user.id, tokens[0].clone(), expected])
            );
        }
    }
}

#[tokio::test]
async fn whoever_logs_out_is_refused_by_every_way_at_once() {
    let gateway = gateway().await;
    let mut gateways = Gateways::of(&gateway).await;
    for dialect in Dialect::ALL {
        let name = format!("gone.{}", dialect.name());
        let token = gateway.issuer.token(&name);
        let sent = Sent::get("/api/v1/rooms.get").bearer(&token);
        assert!(gateways.ask(dialect, &sent).await.allowed());

        let answer = gateway
            .post("/_gantry/logout", &token)
            .send()
            .await
            .unwrap();

        assert!(answer.status().is_success());
        assert_eq!(
            gateways.ask(dialect, &sent).await.status,
            401,
            "{dialect:?}"
        );
    }
}

impl Row {
    fn of(case: &Case, sent: Sent) -> Self {
        Self {
            needs: case.needs(&sent),
            // By this its request is known among those that Gantry makes itself.
            sent: sent.with("X-Marker", "1"),
        }
    }
}

/// A host page's origin, for the table.
pub(crate) const OURS: &str = HOST_PAGE;
