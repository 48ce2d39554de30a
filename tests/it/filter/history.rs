//! Holes that others had between a gateway and what it asks, each tried on every dialect.

use std::collections::HashMap;

use envoy_types::pb::envoy::config::core::v3::{HeaderMap, HeaderValue};
use envoy_types::pb::envoy::service::auth::v3::attribute_context::HttpRequest;
use gantry::telemetry::metrics::Dialect;

use crate::filter::asking::{Gateways, HOST, SECRET, Sent, Told, gateway, message};

const PATH: &str = "/api/v1/rooms.get";
const PUBLIC: &str = "/assets/logo.png";
const DENIED: &str = "/api/v1/users.createToken";

/// Refused, with nothing in it that a gateway could copy.
#[track_caller]
fn check_refused(told: &Told, statuses: &[u16], what: &str) {
    assert!(statuses.contains(&told.status), "{what} {told:?}");
    for name in ["x-user-id", "x-auth-token", "cookie"] {
        assert_eq!(told.goes_on(name), "", "{what}");
    }
}

#[tokio::test]
async fn cve_2026_30851_and_52845_a_yes_names_every_field_of_identity() {
    let gateway = gateway().await;
    let token = gateway.issuer.token("alice");
    let mut gateways = Gateways::of(&gateway).await;
    let claims = |sent: Sent| {
        sent.with("X-User-Id", "admin")
            .with("X-Auth-Token", "stolen")
            .with("Cookie", "rc_uid=admin; rc_token=stolen")
    };
    for dialect in Dialect::ALL {
        for sent in [
            Sent::get(PATH).bearer(&token),
            claims(Sent::get(PATH).bearer(&token)),
            Sent::get(PUBLIC),
            claims(Sent::get(PUBLIC)).with("Authorization", "Bearer x"),
        ] {
            let told = gateways.ask(dialect, &sent).await;
            assert!(told.allowed(), "{dialect:?} {sent:?}");
            for name in ["x-user-id", "x-auth-token", "cookie", "authorization"] {
                let named =
                    told.set.contains_key(name) || told.removed.iter().any(|known| known == name);
                assert!(named, "{dialect:?} {name} {sent:?}");
                assert!(!told.goes_on(name).contains("stolen"), "{dialect:?} {name}");
                assert_ne!(told.goes_on(name), "admin", "{dialect:?} {name}");
            }
        }
    }
}

#[tokio::test]
async fn cve_2026_40575_another_gateways_fields_do_not_choose_the_request() {
    let gateway = gateway().await;
    let token = gateway.issuer.token("alice");
    let mut gateways = Gateways::of(&gateway).await;
    let all = [
        ("X-Forwarded-Uri", PUBLIC),
        ("X-Forwarded-Method", "GET"),
        ("X-Original-URI", PUBLIC),
        ("X-Original-Method", "GET"),
        ("X-Original-Url", PUBLIC),
        ("X-Envoy-Original-Path", PUBLIC),
    ];
    for dialect in Dialect::ALL {
        let own = match dialect {
            Dialect::Nginx => "X-Original-",
            Dialect::Traefik => "X-Forwarded-",
            Dialect::Envoy | Dialect::EnvoyGrpc => "none",
        };
        for (name, value) in all.iter().filter(|(name, _)| !name.starts_with(own)) {
            let denied = Sent::new("POST", DENIED).bearer(&token).with(name, value);
            let told = gateways.ask(dialect, &denied).await;
            check_refused(&told, &[403], &format!("{dialect:?} {name}"));
            let nobody = Sent::get(PATH).with(name, value);
            let told = gateways.ask(dialect, &nobody).await;
            check_refused(&told, &[401], &format!("{dialect:?} {name}"));
        }
    }
}

#[tokio::test]
async fn cve_2026_35051_a_prefix_or_a_port_of_the_client_changes_nothing() {
    let gateway = gateway().await;
    let token = gateway.issuer.token("alice");
    let mut gateways = Gateways::of(&gateway).await;
    for dialect in Dialect::ALL {
        for (name, value) in [
            ("X-Forwarded-Prefix", "/assets"),
            ("X-Forwarded-Port", "0x"),
            ("X-Forwarded-Server", "a, b"),
            ("Forwarded", "for=;host=\""),
        ] {
            let what = format!("{dialect:?} {name}");
            let denied = Sent::get(DENIED).bearer(&token).with(name, value);
            check_refused(&gateways.ask(dialect, &denied).await, &[403], &what);
            let nobody = Sent::get(PATH).with(name, value);
            check_refused(&gateways.ask(dialect, &nobody).await, &[401], &what);
            let good = Sent::get(PATH).bearer(&token).with(name, value);
            assert!(gateways.ask(dialect, &good).await.allowed(), "{what}");
        }
    }
}

#[tokio::test]
async fn cve_2024_47070_and_ghsa_wr5q_an_address_that_cannot_be_read_denies() {
    let gateway = gateway().await;
    let token = gateway.issuer.token("alice");
    let mut gateways = Gateways::of(&gateway).await;
    for dialect in Dialect::ALL {
        for chain in [
            "",
            "unknown",
            "10.0.0.1:80",
            "127.0.0.1, nonsense",
            "[::1]",
            ",",
        ] {
            for path in [PATH, PUBLIC] {
                let sent = Sent::get(path)
                    .bearer(&token)
                    .with("X-Forwarded-For", chain);
                let told = gateways.ask(dialect, &sent).await;
                check_refused(&told, &[400, 403], &format!("{dialect:?} {chain} {path}"));
            }
        }
        // No address is an exemption from anything.
        for chain in ["127.0.0.1", "10.0.0.1", "::1"] {
            let sent = Sent::get(PATH).with("X-Forwarded-For", chain);
            check_refused(&gateways.ask(dialect, &sent).await, &[401], chain);
        }
    }
}

#[tokio::test]
async fn cve_2026_34457_nothing_that_a_client_says_of_itself_lets_it_pass() {
    let gateway = gateway().await;
    let mut gateways = Gateways::of(&gateway).await;
    for dialect in Dialect::ALL {
        for (name, value) in [
            ("User-Agent", "kube-probe/1.33"),
            ("User-Agent", "GoogleHC/1.0"),
            ("User-Agent", "ELB-HealthChecker/2.0"),
            ("X-Health-Check", "1"),
            ("X-Gantry-Secret-Of-Mine", SECRET),
            ("X-Real-IP", "127.0.0.1"),
        ] {
            let sent = Sent::get(PATH).with(name, value);
            check_refused(&gateways.ask(dialect, &sent).await, &[401], value);
        }
    }
}

#[tokio::test]
async fn cve_2025_54576_33494_and_ghsa_pxq7_only_the_path_chooses_the_rule() {
    let gateway = gateway().await;
    let mut gateways = Gateways::of(&gateway).await;
    for dialect in Dialect::ALL {
        for target in [
            "/api/v1/rooms.get?/assets/logo.png",
            "/api/v1/rooms.get?x=/assets/",
            "/api/v1/rooms.get?path=/health",
            "/api/v1/rooms.get#/assets/logo.png",
            "/api/v1/rooms.get#/health",
            "/assets/../api/v1/rooms.get",
            "/assets/%2e%2e/api/v1/rooms.get",
            "/assets/..%2fapi/v1/rooms.get",
            "/assets/..;/api/v1/rooms.get",
            "/assets%5c..%5capi/v1/rooms.get",
            "//api/v1/rooms.get",
            "/api/v1/rooms.get;/assets/logo.png",
            "/ASSETS/logo.png",
        ] {
            let told = gateways.ask(dialect, &Sent::get(target)).await;
            check_refused(&told, &[400, 401, 403], &format!("{dialect:?} {target}"));
        }
    }
}

fn raw_message(
    fields: &[(&str, &[u8])],
) -> envoy_types::pb::envoy::service::auth::v3::CheckRequest {
    let headers = fields.iter().map(|(name, value)| HeaderValue {
        key: (*name).to_owned(),
        value: String::new(),
        raw_value: value.to_vec(),
    });
    message(HttpRequest {
        method: "POST".to_owned(),
        path: PATH.to_owned(),
        host: HOST.to_owned(),
        header_map: Some(HeaderMap {
            headers: headers.collect(),
        }),
        ..HttpRequest::default()
    })
}

#[tokio::test]
async fn cve_2026_26308_of_two_values_none_counts() {
    let gateway = gateway().await;
    let alice = format!("Bearer {}", gateway.issuer.token("alice"));
    let bob = format!("Bearer {}", gateway.issuer.token("bob"));
    let cookie = alice.replace("Bearer ", "host_jwt=");
    let mut gateways = Gateways::of(&gateway).await;
    let sets: [&[(&str, &str)]; 5] = [
        &[("Authorization", &alice), ("Authorization", &bob)],
        &[("Authorization", &alice), ("Authorization", &alice)],
        &[("Authorization", "Basic YTpi"), ("Authorization", &alice)],
        &[
            ("Cookie", &cookie),
            ("Origin", "https://chat.example.com"),
            ("Origin", "https://evil.example.net"),
        ],
        &[
            ("Cookie", &cookie),
            ("Sec-Fetch-Site", "same-origin"),
            ("Sec-Fetch-Site", "cross-site"),
        ],
    ];
    for fields in sets {
        let mut sent = Sent::new("POST", PATH);
        for (name, value) in fields {
            sent = sent.with(name, value);
        }
        for dialect in Dialect::ALL {
            let told = gateways.ask(dialect, &sent).await;
            check_refused(&told, &[401], &format!("{dialect:?} {fields:?}"));
        }
        let raw: Vec<(&str, &[u8])> = fields
            .iter()
            .map(|(name, value)| (*name, value.as_bytes()))
            .collect();
        let told = gateways.ask_about(raw_message(&raw)).await;
        check_refused(&told, &[401], &format!("raw {fields:?}"));
    }
    let two = [
        ("cookie", cookie.as_bytes()),
        ("cookie", b"a=1"),
        ("origin", b"https://chat.example.com"),
    ];
    check_refused(
        &gateways.ask_about(raw_message(&two)).await,
        &[401],
        "two cookies",
    );
    let one = [two[0], two[2]];
    assert!(gateways.ask_about(raw_message(&one)).await.allowed());
}

#[tokio::test]
async fn cve_2026_25748_a_credential_that_cannot_be_read_is_no_missing_one() {
    let gateway = gateway().await;
    let mut gateways = Gateways::of(&gateway).await;
    for dialect in Dialect::ALL {
        for (name, value) in [
            ("Cookie", "host_jwt=\u{fc}; a=1"),
            ("Authorization", "Bearer \u{fc}"),
            ("Authorization", "Bearer"),
            ("X-Auth-Token", "\u{fc}"),
            ("Cookie", "host_jwt=a.b.c; host_jwt=d.e.f"),
            ("Sec-WebSocket-Protocol", "gantry.jwt"),
        ] {
            let told = gateways
                .ask(dialect, &Sent::get(PATH).with(name, value))
                .await;
            check_refused(&told, &[401, 403], &format!("{dialect:?} {name}: {value}"));
        }
    }
    let message = message(HttpRequest {
        method: "GET".to_owned(),
        path: PATH.to_owned(),
        host: HOST.to_owned(),
        headers: HashMap::from([("cookie".to_owned(), "host_jwt=\u{fc}".to_owned())]),
        ..HttpRequest::default()
    });
    check_refused(&gateways.ask_about(message).await, &[401], "merged");
}

#[tokio::test]
async fn cve_2021_32813_connection_takes_no_credentials_out_of_an_answer() {
    let gateway = gateway().await;
    let token = gateway.issuer.token("alice");
    let mut gateways = Gateways::of(&gateway).await;
    let sent = Sent::get("/avatar/alice")
        .bearer(&token)
        .with("Connection", "X-Auth-Token, X-User-Id, Cookie");
    for dialect in Dialect::ALL {
        let told = gateways.ask(dialect, &sent).await;
        let live = gateway.rc.live_tokens("alice");
        assert_eq!(told.goes_on("x-auth-token"), live[0], "{dialect:?}");
        assert!(told.goes_on("cookie").contains(&live[0]), "{dialect:?}");
    }
}
