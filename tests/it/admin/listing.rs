//! What is told of sessions: all of them once, whatever begins and ends meanwhile; filters; and no secret ever.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::Value;

use crate::admin::stage::{Office, open};
use crate::support::issuer::ISSUER;

const MINUTE: Duration = Duration::from_secs(60);

fn id(session: &Value) -> String {
    session["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_session_is_told_with_its_user_and_its_times() {
    let office = Office::start().await;
    let began = office.gateway.clock.now();
    let token = office.enter("alice").await;
    office.gateway.hand.advance(MINUTE);
    office.use_token(&token).await;
    let used = office.gateway.clock.now();
    let _socket = office.socket(&token).await;
    let session = office.session_of("alice").await;
    let time = |time| humantime::format_rfc3339_seconds(time).to_string();
    let user = office.gateway.rc.user("alice").unwrap();
    assert_eq!(session["issuer"], ISSUER);
    assert_eq!(session["userId"], user.id);
    assert_eq!(session["username"], "alice");
    assert_eq!(session["beganAt"], time(began));
    assert_eq!(session["lastUsedAt"], time(used));
    let expires_at = began + 10 * MINUTE + Duration::from_secs(30);
    assert_eq!(session["expiresAt"], time(expires_at));
    assert_eq!(session["sockets"], 1);
    let alone = office.get(&format!("/sessions/{}", id(&session))).await;
    assert_eq!(alone.json(), session);
    assert_eq!(alone.headers["cache-control"], "no-store");
}

#[tokio::test]
async fn looking_is_no_use() {
    let office = Office::configured(|config| {
        open(config);
        config.sessions.idle_timeout = 2 * MINUTE;
    })
    .await;
    office.enter("alice").await;
    office.gateway.hand.advance(MINUTE);
    office.session_of("alice").await;
    office.gateway.hand.advance(MINUTE);
    office.gateway.until_live_tokens("alice", 0).await;
    assert_eq!(office.usernames("").await, [""; 0]);
}

#[tokio::test]
async fn each_filter_takes_what_it_says() {
    let office = Office::start().await;
    office.enter("alice").await;
    office.gateway.hand.advance(MINUTE);
    let bob = office.enter("bob").await;
    office.gateway.hand.advance(MINUTE);
    let carol = office.enter("carol").await;
    let _socket = office.socket(&bob).await;
    office.gateway.hand.advance(MINUTE);
    office.use_token(&carol).await;
    let alices_id = office.gateway.rc.user("alice").unwrap().id;
    let by_id = format!("user={alices_id}");
    let by_issuer = "issuer=https%3A%2F%2Fapp.example.com";
    let both = format!("{by_issuer}&user=bob");
    let neither = format!("{by_id}&older_than=4m");
    for (query, expected) in [
        ("", &["carol", "bob", "alice"][..]),
        ("user=bob", &["bob"]),
        ("user=Bob", &[]),
        ("user=nobody", &[]),
        (&by_id, &["alice"]),
        (by_issuer, &["carol", "bob", "alice"]),
        ("issuer=https://app.example.com/", &[]),
        (&both, &["bob"]),
        ("older_than=1m", &["carol", "bob", "alice"]),
        ("older_than=1m+1s", &["bob", "alice"]),
        ("older_than=3m", &["alice"]),
        ("older_than=3m%201s", &[]),
        ("idle_for=0s", &["carol", "alice"]),
        ("idle_for=3m", &["alice"]),
        ("idle_for=1h", &[]),
        (&neither, &[]),
        ("limit=2", &["carol", "bob"]),
    ] {
        assert_eq!(office.usernames(query).await, expected, "{query}");
    }
}

#[tokio::test]
async fn every_bad_parameter_is_refused_by_name() {
    let office = Office::start().await;
    let long = format!("/sessions?user={}", "x".repeat(9000));
    for (path, detail) in [
        ("/sessions?limit=0", "`limit` should be"),
        ("/sessions?limit=501", "`limit` should be"),
        ("/sessions?limit=-1", "`limit` should be"),
        ("/sessions?limit=ten", "`limit` should be"),
        ("/sessions?limit=", "`limit` is empty"),
        ("/sessions?limit=1&limit=1", "`limit` may stand once"),
        ("/sessions?cursor=x", "`cursor` should be"),
        ("/sessions?cursor=1.%20", "`cursor` should be"),
        ("/sessions?older_than=old", "`older_than` should be"),
        ("/sessions?older_than=-1s", "`older_than` should be"),
        ("/sessions?idle_for=1", "`idle_for` should be"),
        ("/sessions?user=%ff", "`user` cannot be read"),
        ("/sessions?issuer=%zz", "`issuer` cannot be read"),
        ("/sessions?offset=1", "`offset` is not known here"),
        ("/sessions?LIMIT=1", "`LIMIT` is not known here"),
        ("/sessions?%22=1", "A parameter is not known here"),
        ("/sessions/some?limit=1", "`limit` is not known here"),
        ("/principals", "`issuer` is missing"),
        ("/principals?issuer=a", "`subject` is missing"),
        ("/principals?subject=a", "`issuer` is missing"),
        (
            "/principals?issuer=a&subject=b&sid=c",
            "`sid` is not known here",
        ),
        (&long, "The query is too long"),
    ] {
        let (status, slug, told) = office.get(path).await.problem();
        assert_eq!((status, &*slug), (400, "bad-request"), "{path}");
        assert!(told.starts_with(detail), "{path}: {told}");
    }
    let refused = office.delete("/principals?issuer=a&subject=").await;
    assert_eq!(refused.status, 400);
    let refused = office.delete("/sessions/some?force=1").await;
    assert_eq!(refused.status, 400);
}

#[tokio::test]
async fn paging_misses_and_repeats_nothing_while_sessions_begin_and_end() {
    let office = &Office::start().await;
    let mut tokens = HashMap::new();
    for batch in 0..5 {
        let entered = join_all((0..50).map(async |index| {
            let name = format!("person{}", batch * 50 + index);
            let token = office.enter(&name).await;
            (name, token)
        }));
        tokens.extend(entered.await);
        office.gateway.hand.advance(Duration::from_millis(1));
    }
    let mut gone = HashSet::new();
    let mut seen = Vec::new();
    let mut cursor = String::new();
    for page in 0.. {
        let answer = office.get(&format!("/sessions?limit=20{cursor}")).await;
        let list = answer.json();
        let sessions = list["sessions"].as_array().unwrap();
        assert!(sessions.len() <= 20);
        let name = |session: &Value| session["username"].as_str().unwrap().to_owned();
        seen.extend(sessions.iter().map(name));
        let Some(next) = list["next"].as_str() else {
            break;
        };
        cursor = format!("&cursor={next}");
        // Somebody who was seen ends, somebody who was not, at times the one at the very cursor, and somebody begins.
        let last = (page % 2 == 0).then(|| name(sessions.last().unwrap()));
        let unseen = tokens.keys().find(|name| !seen.contains(name)).cloned();
        for name in [Some(seen[page].clone()), last, unseen]
            .into_iter()
            .flatten()
        {
            if let Some(token) = tokens.remove(&name) {
                let ended = office.gateway.post("/_gantry/logout", &token).send().await;
                assert_eq!(ended.unwrap().status(), 204);
                gone.insert(name);
            }
        }
        office.enter(&format!("late{page}")).await;
    }
    let distinct: HashSet<&String> = seen.iter().collect();
    assert_eq!(distinct.len(), seen.len(), "somebody twice");
    for name in tokens.keys() {
        assert!(distinct.contains(name), "{name} was missed");
    }
    assert!(gone.len() > 15 && tokens.len() > 200);
}

#[tokio::test]
async fn no_answer_holds_a_secret() {
    let office = Office::start().await;
    let mut secrets = vec![
        office.gateway.rc.service_token(),
        crate::admin::stage::TOKEN.to_owned(),
    ];
    for name in ["alice", "bob"] {
        let token = office.enter(name).await;
        secrets.push(office.stand_in(&token).await);
        secrets.extend(office.gateway.rc.live_tokens(name));
        let _socket = office.socket(&token).await;
        secrets.push(token);
    }
    let session = office.session_of("alice").await;
    let principal = "/principals?issuer=https://app.example.com&subject=subject%20of%20";
    for path in [
        "/",
        "/status.json",
        "/openapi.json",
        "/livez",
        "/readyz",
        "/metrics",
        "/sessions",
        "/sessions?limit=1",
        &format!("/sessions/{}", id(&session)),
        &format!("{principal}bob"),
    ] {
        assert_eq!(office.get(path).await.status, 200, "{path}");
    }
    let ended = office.delete(&format!("/sessions/{}", id(&session))).await;
    assert_eq!(ended.status, 204);
    let ended = office.delete(&format!("{principal}bob")).await;
    assert_eq!(ended.json()["ended"], 1);
    assert_eq!(secrets.len(), 8);
    office.assert_untold(secrets.iter().map(String::as_str));
    let digests = secrets
        .iter()
        .map(|secret| digest(secret))
        .collect::<Vec<_>>();
    office.assert_untold(digests.iter().flatten().map(String::as_str));
}

/// SHA-256 of a text in the spellings that digests have.
fn digest(text: &str) -> [String; 3] {
    use data_encoding::{BASE64, BASE64URL_NOPAD, HEXLOWER};
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    [BASE64, BASE64URL_NOPAD, HEXLOWER].map(|encoding| encoding.encode(digest.as_ref()))
}
