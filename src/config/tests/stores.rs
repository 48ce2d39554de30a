//! Where sessions are kept, how Redis is reached, and the keys that seal what is kept.

use std::fs;
use std::path::Path;

use super::{LEAST, good, mistakes};
use crate::config::session::redis::{Node, Reach, Redis};
use crate::config::session::{Scope, Sessions, StoreConfig};
use crate::config::{Config, Environment, effective};

/// 32 bytes in hex, and others in base64.
const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const OTHER: &str = "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=";

/// The least configuration with these lines in section `sessions`.
fn text(lines: &str) -> String {
    let indented: String = lines.lines().map(|line| format!("  {line}\n")).collect();
    format!("{LEAST}sessions:\n{indented}")
}

/// The least configuration with Redis reached as `keys` say.
fn redis(keys: &str) -> String {
    text(&format!(
        "store: redis\nencryption_key: {KEY}\nredis: {{ {keys} }}"
    ))
}

fn reached(keys: &str) -> Redis {
    match good(&redis(keys), &[]).sessions.store {
        StoreConfig::Redis(redis) => *redis,
        StoreConfig::Memory | StoreConfig::File { .. } => panic!("redis"),
    }
}

/// There is one mistake in `text`; it is at `key` and says `expected`.
#[track_caller]
fn refused(text: &str, key: &str, expected: &str) {
    let found = mistakes(text, &[]);
    let [line] = found.as_slice() else {
        panic!("{found:#?}");
    };
    assert!(line.contains(&format!(": {key}: ")), "{line}");
    assert!(line.contains(expected), "{line}");
}

fn node(host: &str, port: u16) -> Node {
    Node {
        host: host.to_owned(),
        port,
    }
}

/// Reads a configuration that lies beside a file of keys.
fn with_keys(keys: &str) -> Result<Sessions, String> {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("gantry.yaml");
    let lines = "store: file\nencryption_key_file: keys\nfile: { path: s.redb }";
    fs::write(&path, text(lines)).expect("a file");
    fs::write(directory.path().join("keys"), keys).expect("a file");
    let config = Config::load(Some(&path), &Environment::default());
    let sessions = config.map(|config| config.sessions);
    if let Ok(Sessions {
        store: StoreConfig::File { path },
        ..
    }) = &sessions
    {
        assert_eq!(*path, directory.path().join("s.redb"));
    }
    sessions.map_err(|mistakes| mistakes.to_string())
}

#[test]
fn by_default_nothing_is_kept_and_every_session_has_its_token() {
    let sessions = good(LEAST, &[]).sessions;
    assert!(matches!(sessions.store, StoreConfig::Memory));
    assert_eq!(sessions.scope, Scope::Session);
    assert!(sessions.keys.is_empty());
    let shared = good(&text("scope: principal"), &[]).sessions;
    assert_eq!(shared.scope, Scope::Principal);
}

#[test]
fn a_store_that_keeps_needs_a_key() {
    let expected = "missing; auth tokens are kept sealed";
    let key = "sessions.encryption_key_file";
    refused(&text("store: file"), key, expected);
    let lines = "store: redis\nredis: { url: redis://redis }";
    refused(&text(lines), key, expected);
    let sessions = good(&text(&format!("store: file\nencryption_key: {KEY}")), &[]).sessions;
    let StoreConfig::File { path } = sessions.store else {
        panic!("a file")
    };
    assert_eq!(path, Path::new("/var/lib/gantry/sessions.redb"));
    let both = format!("store: file\nencryption_key: {KEY}\nencryption_key_file: keys");
    refused(&text(&both), key, "both `encryption_key` and");
    let nowhere = format!("store: file\nencryption_key: {KEY}\nfile: {{ path: '' }}");
    refused(&text(&nowhere), "sessions.file.path", "the path of a file");
}

#[test]
fn a_key_file_holds_a_key_a_line_with_comments() {
    let url_safe = OTHER
        .trim_end_matches('=')
        .replace('+', "-")
        .replace('/', "_");
    for other in [OTHER, &url_safe, OTHER.trim_end_matches('=')] {
        let sessions = with_keys(&format!(
            "# the second since June\r\n\n{KEY}  # new\n\t{other}\n"
        ))
        .expect("two keys");
        let [first, second] = sessions.keys.as_slice() else {
            panic!("{:?}", sessions.keys)
        };
        assert!(first.reveal().iter().copied().eq(0..32));
        assert!(second.reveal().iter().copied().eq(32..64));
    }
    let capitals = with_keys(&KEY.to_uppercase()).expect("a key");
    assert!(capitals.keys[0].reveal().iter().copied().eq(0..32));
}

#[test]
fn a_mistaken_key_is_told_by_its_line_and_never_shown() {
    let told = |keys: &str| with_keys(keys).expect_err("a mistake");
    let wanted = "should be a key of 32 bytes in base64 or hex";
    for bad in [&KEY[2..], &OTHER[4..], "hunter2", &KEY.replace('0', "g")] {
        let said = told(&format!("{KEY}\n\n{bad}\n"));
        assert!(
            said.contains(&format!("encryption_key_file: line 3 {wanted}")),
            "{said}"
        );
        assert!(!said.contains(bad) && !said.contains(KEY), "{said}");
    }
    let said = told(&format!("{KEY}\n# again\n{}\n", KEY.to_uppercase()));
    assert!(
        said.contains("line 3 has the key of line 1 again"),
        "{said}"
    );
    assert!(told("# none yet\n\n").contains("holds no key"));
    assert!(told("").contains("the file is empty"));
    let missing = text("store: file\nencryption_key_file: /none/here");
    refused(&missing, "sessions.encryption_key_file", "No such file");
}

#[test]
fn redis_is_one_server_by_its_url() {
    let Reach::Single { node: at, database } = reached("url: 'redis://cache:7000/3'").reach else {
        panic!("one server")
    };
    assert_eq!((at, database), (node("cache", 7000), 3));
    let redis = reached("url: 'rediss://someone:p%40ss@[fd00::1]'");
    let right = Reach::Single {
        node: node("fd00::1", 6379),
        database: 0,
    };
    assert_eq!(redis.reach, right);
    assert_eq!(redis.username.as_deref(), Some("someone"));
    assert_eq!(redis.password.expect("a password").reveal(), "p@ss");
    assert!(redis.tls.is_some());
    assert_eq!(redis.key_prefix, "gantry:");
    let redis = reached("url: 'redis://cache', password: hunter2, key_prefix: 'a/b:'");
    assert_eq!(redis.password.expect("a password").reveal(), "hunter2");
    assert!(redis.tls.is_none() && redis.username.is_none());
}

#[test]
fn redis_is_a_cluster_by_some_of_its_nodes() {
    let nodes = reached("cluster: true, nodes: ['redis-1:7000', '[fd00::1]:7001']").reach;
    let right = [node("redis-1", 7000), node("fd00::1", 7001)];
    assert_eq!(nodes, Reach::Cluster(right.to_vec()));
    assert_eq!(right[1].to_string(), "[fd00::1]:7001");
    let seed = reached("cluster: true, url: 'redis://cache:7000'").reach;
    assert_eq!(seed, Reach::Cluster(vec![node("cache", 7000)]));
}

#[test]
fn redis_is_a_master_that_sentinels_name() {
    let keys = "sentinel: { service: chat, nodes: ['s:26379'], username: a, password: b }";
    let Reach::Sentinel(sentinel) = reached(keys).reach else {
        panic!("sentinels")
    };
    assert_eq!(sentinel.service, "chat");
    assert_eq!(sentinel.nodes, [node("s", 26379)]);
    assert_eq!(sentinel.username.as_deref(), Some("a"));
    assert_eq!(sentinel.password.expect("a password").reveal(), "b");
}

#[test]
fn there_is_exactly_one_way_to_redis() {
    let refused = |keys: &str, key: &str, expected: &str| {
        refused(&redis(keys), &format!("sessions.redis{key}"), expected);
    };
    let sentinel = "sentinel: { service: chat, nodes: ['s:26379'] }";
    refused("cluster: false", ".url", "missing; give it for one server");
    let both = format!("url: 'redis://cache', {sentinel}");
    refused(&both, ".sentinel", "both `url` and `sentinel`");
    let both = format!("cluster: true, {sentinel}");
    refused(&both, ".sentinel", "both `cluster` and `sentinel`");
    let nodes = "nodes: ['redis-1:7000']";
    refused(nodes, ".nodes", "goes with `cluster: true` only");
    let both = format!("{nodes}, url: 'redis://cache'");
    refused(&both, ".nodes", "goes with `cluster: true` only");
    let both = format!("{nodes}, {sentinel}");
    refused(&both, ".nodes", "goes with `cluster: true` only");
    let both = format!("cluster: true, {nodes}, url: 'redis://cache'");
    refused(&both, ".nodes", "both `url` and `nodes`");
    refused("cluster: true", ".nodes", "at least one node");
    refused(
        "cluster: true, url: 'redis://cache/1'",
        ".url",
        "names a database",
    );
    refused(
        "sentinel: { nodes: ['s:26379'] }",
        ".sentinel.service",
        "the name of the master",
    );
    refused(
        "sentinel: { service: chat }",
        ".sentinel.nodes",
        "at least one sentinel",
    );
    refused(
        "sentinel: { service: chat, nodes: ['s:26379'], username: a }",
        ".sentinel.password",
        "give its password",
    );
}

#[test]
fn what_redis_is_told_is_looked_into() {
    let refused = |keys: &str, key: &str, expected: &str| {
        refused(&redis(keys), &format!("sessions.redis{key}"), expected);
    };
    for url in [
        "http://cache",
        "cache:6379",
        "redis://",
        "redis://cache/x",
        "redis://cache/1/2",
        "redis://cache?timeout=1",
        "redis://cache#x",
        "redis://cache:99999",
    ] {
        refused(
            &format!("url: '{url}'"),
            ".url",
            "should be a URL such as redis://redis:6379/0",
        );
    }
    for node in [
        "redis",
        "redis:0",
        "redis:x",
        "a b:1",
        ":6379",
        "fd00::1:6379",
        "[fd00::1:1",
    ] {
        let keys = format!("cluster: true, nodes: ['{node}']");
        refused(&keys, ".nodes[0]", "should be a host with a port");
    }
    for prefix in ["", "a b", "a{b}", "é", &"x".repeat(33)] {
        let keys = format!("url: 'redis://cache', key_prefix: '{prefix}'");
        refused(&keys, ".key_prefix", "1 to 32 printable");
    }
    refused(
        "url: 'redis://cache', username: a",
        ".password",
        "give its password",
    );
    refused(
        "url: 'redis://a:b@cache', username: c, password: d",
        ".username",
        "`url` has a username too",
    );
    refused(
        "url: 'redis://:b@cache', password: d",
        ".password",
        "`url` has a password too",
    );
}

#[test]
fn tls_files_are_looked_into() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = |name: &str, label: &str| {
        let path = directory.path().join(name);
        fs::write(
            &path,
            format!("-----BEGIN {label}-----\n-----END {label}-----\n"),
        )
        .expect("a file");
        path.to_string_lossy().into_owned()
    };
    let (ca, key) = (file("ca", "CERTIFICATE"), file("key", "EC PRIVATE KEY"));
    let tls = |url: &str, keys: &str| redis(&format!("url: '{url}', tls: {{ {keys} }}"));
    let all = format!("ca_file: {ca}, certificate_file: {ca}, key_file: {key}");
    let secure = "rediss://cache";
    for good_one in [
        tls(secure, &all),
        tls("redis://cache", &format!("enabled: true, {all}")),
    ] {
        let StoreConfig::Redis(redis) = good(&good_one, &[]).sessions.store else {
            panic!("redis")
        };
        let tls = redis.tls.expect("TLS");
        assert_eq!(tls.ca_file.as_deref(), Some(Path::new(&ca)));
        assert!(tls.identity.is_some());
    }
    let at = |name: &str| format!("sessions.redis.tls.{name}");
    let plain = tls("redis://cache", &format!("ca_file: {ca}"));
    refused(&plain, &at("ca_file"), "goes with TLS only");
    let half = tls(secure, &format!("certificate_file: {ca}"));
    refused(&half, &at("key_file"), "without its key");
    let half = tls(secure, &format!("key_file: {key}"));
    refused(&half, &at("certificate_file"), "that it belongs to");
    let wrong = tls(secure, &format!("ca_file: {key}"));
    refused(&wrong, &at("ca_file"), "should hold a certificate as PEM");
    let wrong = tls(secure, &format!("certificate_file: {ca}, key_file: {ca}"));
    refused(&wrong, &at("key_file"), "should hold a private key as PEM");
    let none = tls(secure, "ca_file: /none/here");
    refused(&none, &at("ca_file"), "cannot read");
}

#[test]
fn keys_of_another_store_are_warned_of() {
    let warnings = |lines: &str| good(&text(lines), &[]).warnings;
    let told = warnings(&format!(
        "encryption_key: {KEY}\nfile: {{ path: /x }}\nredis: {{ cluster: true }}"
    ));
    let keys: Vec<&str> = told.iter().map(|it| it.key.as_str()).collect();
    assert_eq!(
        keys,
        [
            "sessions.file.path",
            "sessions.redis",
            "sessions.encryption_key"
        ],
        "{told:#?}"
    );
    let told = warnings(&format!(
        "store: file\nencryption_key: {KEY}\nredis: {{ password: hunter2 }}"
    ));
    assert!(
        told.len() == 1 && told[0].problem.contains("`redis`"),
        "{told:?}"
    );
    assert!(!told[0].to_string().contains("hunter2"));
    let told = warnings(&format!(
        "store: redis\nencryption_key: {KEY}\nredis: {{ url: 'redis://c' }}\nfile: {{ path: /x }}"
    ));
    assert!(
        told.len() == 1 && told[0].problem.contains("`file`"),
        "{told:?}"
    );
}

#[test]
fn no_secret_of_a_store_is_shown() {
    let secrets = ["hunter2", "sesame", KEY];
    let text = redis(
        "url: 'redis://gantry:hunter2@cache/1', sentinel: { password: sesame }, tls: { enabled: true }",
    );
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("gantry.yaml");
    let nothing = Environment::default();
    fs::write(&path, &text).expect("a file");
    let told = effective(Some(&path), &nothing)
        .expect_err("two ways")
        .to_string();
    let mended = text.replace("sentinel: { password: sesame }", "cluster: false");
    fs::write(&path, mended).expect("a file");
    let shown = effective(Some(&path), &nothing).expect("a configuration");
    assert!(
        shown.contains("redis://gantry:[redacted]@cache/1"),
        "{shown}"
    );
    assert!(shown.contains("encryption_key: \"[redacted]\""), "{shown}");
    let config = Config::load(Some(&path), &nothing).expect("a configuration");
    let debug = format!("{config:?}");
    for secret in secrets {
        for text in [&told, &shown, &debug] {
            assert!(!text.contains(secret), "{text}");
        }
    }
    let odd = mistakes(&redis("url: 'redis:hunter2@cache'"), &[]);
    assert!(
        !odd.is_empty() && !odd.concat().contains("hunter2"),
        "{odd:?}"
    );
}
