//! What the files say alike, and the one whose program cannot be run here: Traefik's, held against the form in which Traefik asks.

use std::path::Path;

use gantry::telemetry::metrics::Dialect;
use yaml_rust2::{Yaml, YamlLoader};

use crate::filter::asking::{Gateways, HOST, SECRET, Sent, gateway};

/// Every file that leads paths.
const FILES: [&str; 6] = [
    "nginx.conf",
    "haproxy.cfg",
    "Caddyfile",
    "envoy.yaml",
    "envoy-grpc.yaml",
    "traefik.yml",
];

/// What goes through Gantry, below `/api/v1/`.
const PROXIED: &str =
    "login|logout|me|users.info|users.list|users.updateOwnBasicInfo|method.call|method.callAnon";

/// What is asked about besides the API.
const ASKED: [&str; 13] = [
    "avatar",
    "file-upload",
    "ufs",
    "data-export",
    "assets",
    "custom-sounds",
    "emoji-custom",
    "fonts",
    "i18n",
    "images",
    "packages",
    "public",
    "sounds",
];

fn page(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

fn file(name: &str) -> String {
    page(&format!("config/gateways/{name}"))
}

#[test]
fn every_file_leads_the_same_paths_to_the_same_places() {
    for name in FILES {
        let text = file(name).replace('\\', "");
        assert!(text.contains(PROXIED), "{name}");
        for folder in ASKED {
            assert!(text.contains(folder), "{name} {folder}");
        }
        for part in [
            "OPTIONS",
            "/_gantry/filter",
            "FILTER-SECRET",
            "docs/gateways.md",
        ] {
            let elsewhere = name == "envoy-grpc.yaml" && part == "FILTER-SECRET";
            assert!(elsewhere || text.contains(part), "{name} {part}");
        }
    }
    // What the filter sends to proxy mode by its path is led there without a question.
    let filter = page("docs/filter.md");
    for route in PROXIED.split('|') {
        assert!(filter.contains(route), "{route}");
    }
}

#[test]
fn the_documentation_has_a_section_for_every_file() {
    let docs = page("docs/gateways.md");
    for name in FILES
        .into_iter()
        .chain(["haproxy.lua", "envoy.lua", "haproxy-replicas.cfg"])
    {
        assert!(docs.contains(&format!("config/gateways/{name}")), "{name}");
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/gateways");
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), 9);
}

#[tokio::test]
async fn traefik_asks_where_its_file_says_and_copies_all_that_gantry_tells() {
    let parsed = YamlLoader::load_from_str(&file("traefik.yml")).unwrap();
    let http = &parsed[0]["http"];
    let asked = &http["middlewares"]["gantry"]["forwardAuth"];
    assert_eq!(asked["trustForwardHeader"], Yaml::Boolean(false));
    let address = asked["address"].as_str().unwrap();
    let target = address.strip_prefix("http://127.0.0.1:8080").unwrap();
    let target = target.replace("FILTER-SECRET", SECRET);
    let copied: Vec<String> = asked["authResponseHeaders"]
        .as_vec()
        .unwrap()
        .iter()
        .map(|name| name.as_str().unwrap().to_ascii_lowercase())
        .collect();

    let gateway = gateway().await;
    let token = gateway.issuer.token("alice");
    let sent = Sent::get("/avatar/alice")
        .with("Cookie", "theme=dark; rc_token=forged; rc_uid=forged")
        .with("X-User-Id", "forged")
        .bearer(&token);
    // As recorded: the client's fields, then its own.
    let fields = sent.fields.iter();
    let lines: String = fields
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    let question = format!(
        "GET {target} HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: curl/8\r\n{lines}\
         X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Host: {HOST}\r\nX-Forwarded-Method: GET\r\n\
         X-Forwarded-Port: 443\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Server: edge\r\n\
         X-Forwarded-Uri: {}\r\nAccept-Encoding: gzip\r\n\r\n",
        sent.target
    );
    let mut raw = gateway.raw().await;
    raw.send(question).await;
    let answer = raw.answer().await.unwrap();

    assert_eq!(answer.status, 200, "{answer:?}");
    let live = gateway.rc.live_tokens("alice").remove(0);
    let user_id = gateway.rc.user("alice").unwrap().id;
    let cookie = format!("theme=dark; rc_uid={user_id}; rc_token={live}");
    for (name, value) in [
        ("x-user-id", user_id.as_str()),
        ("x-auth-token", &live),
        ("cookie", &cookie),
        ("authorization", ""),
    ] {
        assert_eq!(answer.header(name), Some(value), "{name}");
        assert!(copied.contains(&name.to_owned()), "{name}");
    }
    assert_eq!(copied.len(), 4);
}

#[test]
fn traefik_asks_before_anything_goes_to_rocketchat() {
    let parsed = YamlLoader::load_from_str(&file("traefik.yml")).unwrap();
    let routers = parsed[0]["http"]["routers"].as_hash().unwrap();
    assert_eq!(routers.len(), 4);
    for (name, router) in routers {
        let middlewares = router["middlewares"].as_vec().unwrap();
        let asks = middlewares
            .iter()
            .any(|name| name.as_str() == Some("gantry"));
        let straight = router["service"].as_str() == Some("rocketchat");
        assert_eq!(asks, straight, "{name:?}");
    }
    let priority = |name: &str| routers[&Yaml::String(name.to_owned())]["priority"].as_i64();
    let order = ["filter", "proxied", "asked", "everything"].map(priority);
    assert!(order.is_sorted_by(|one, other| one > other), "{order:?}");
}

#[tokio::test]
async fn a_gateway_that_cannot_ask_again_is_told_living_credentials_after_a_request_through_gantry()
{
    let gateway = gateway().await;
    let token = gateway.issuer.token("alice");
    let mut gateways = Gateways::of(&gateway).await;
    let sent = Sent::get("/api/v1/rooms.get").bearer(&token);
    let first = gateways.ask(Dialect::Traefik, &sent).await;
    gateway.rc.kill_tokens("alice");
    let dead = gateways.ask(Dialect::Traefik, &sent).await;
    assert_eq!(dead.goes_on("x-auth-token"), first.goes_on("x-auth-token"));

    let me = gateway.get("/api/v1/me", &token).send().await.unwrap();

    assert_eq!(me.status(), 200);
    let living = gateways.ask(Dialect::Traefik, &sent).await;
    assert_eq!(
        gateway.rc.live_tokens("alice"),
        [living.goes_on("x-auth-token")]
    );
}
