//! Which logout tokens are taken, what they say has ended, and that no token passes for one of the other kind.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::clock::unix_seconds;
use crate::config::issuer::Issuer;
use crate::jwt::tests::signer::Signer;
use crate::jwt::tests::{Bench, ISSUER, SECRET, secret_issuer};
use crate::jwt::{Ended, LogoutError, Verified, VerifyError};
use crate::secret::Bearer;

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

struct Desk {
    bench: Bench,
    signer: Signer,
}

impl Desk {
    fn new() -> Self {
        Self::of(secret_issuer())
    }

    fn of(issuer: Issuer) -> Self {
        Self {
            bench: Bench::new([issuer]),
            signer: Signer::secret(SECRET.as_bytes()),
        }
    }

    /// Claims of a sound logout token, with some replaced; `null` takes one away.
    fn claims(&self, changes: Value) -> Value {
        let mut claims = self.bench.claims(json!({
            "sid": "s1", "jti": "id of a logout token", "events": { EVENT: {} },
        }));
        let Value::Object(changes) = changes else {
            panic!("changes are an object");
        };
        for (name, value) in changes {
            match value {
                Value::Null => claims.as_object_mut().unwrap().shift_remove(&name),
                value => claims.as_object_mut().unwrap().insert(name, value),
            };
        }
        claims
    }

    async fn take(&self, token: String) -> Result<Ended, LogoutError> {
        let taken = self
            .bench
            .verifier
            .verify_logout_token(&Bearer::new(token))
            .await?;
        assert_eq!(&*taken.issuer, ISSUER);
        Ok(taken.ended)
    }

    async fn taken_with(&self, changes: Value) -> Result<Ended, LogoutError> {
        let token = self.signer.token(&self.claims(changes));
        self.take(token).await
    }

    /// A signed token with exactly this text of claims.
    fn of_text(&self, claims: &str) -> String {
        self.signer.sign(r#"{"alg":"HS256","typ":"JWT"}"#, claims)
    }

    async fn principal_of(&self, changes: Value) -> Arc<Verified> {
        let token = self.signer.token(&self.bench.claims(changes));
        self.bench.verify(&token).await.unwrap()
    }
}

#[tokio::test]
async fn what_it_names_is_what_session_tokens_call_the_same() {
    let desk = Desk::new();
    let whole = desk.principal_of(json!({"sid": "s1"})).await;
    let bare = desk.principal_of(json!({})).await;
    assert_eq!(
        desk.taken_with(json!({"jti": "1", "sid": null})).await,
        Ok(Ended::Principal(whole.principal.key))
    );
    assert_eq!(
        desk.taken_with(json!({"jti": "2", "sub": null})).await,
        Ok(Ended::Claim(whole.principal.claim.unwrap()))
    );
    assert_eq!(
        desk.taken_with(json!({"jti": "3"})).await,
        Ok(Ended::HostSession {
            named: whole.principal.host_session,
            unnamed: bare.principal.host_session,
        })
    );
    assert_eq!(bare.principal.claim, None);
}

#[tokio::test]
async fn every_form_that_providers_write_is_taken() {
    let desk = Desk::new();
    let now = unix_seconds(desk.bench.clock.now());
    for (index, changes) in [
        json!({"aud": ["other", "chat"]}),
        json!({"iat": now - 629}),
        json!({"iat": now + 30}),
        json!({"exp": now - 29}),
        json!({"exp": now + 1_000_000}),
        json!({"events": { EVENT: {"more": 1}, "urn:other": [] }}),
        json!({"client_id": "x", "trace_id": 7}),
    ]
    .into_iter()
    .enumerate()
    {
        let mut changes = changes;
        changes["jti"] = json!(index.to_string());
        assert!(desk.taken_with(changes.clone()).await.is_ok(), "{changes}");
    }
    for typ in ["JWT", "logout+jwt", "LOGOUT+JWT", "application/logout+jwt"] {
        let claims = desk.claims(json!({"jti": typ}));
        let token = desk.signer.token_with(json!({"typ": typ}), &claims);
        assert!(desk.take(token).await.is_ok(), "{typ}");
    }
    let claims = desk.claims(json!({"jti": "untyped"})).to_string();
    let token = desk.signer.sign(r#"{"alg":"HS256"}"#, &claims);
    assert!(desk.take(token).await.is_ok());
}

#[tokio::test]
async fn claims_that_are_missing_or_wrong_are_refused() {
    let desk = Desk::new();
    let now = unix_seconds(desk.bench.clock.now());
    let missing = |claim| LogoutError::Token(VerifyError::MissingClaim { claim });
    let wrong = |claim| LogoutError::Token(VerifyError::WrongClaimType { claim });
    let rows = [
        (json!({"iss": null}), missing("iss")),
        (json!({"aud": null}), missing("aud")),
        (json!({"iat": null}), missing("iat")),
        (json!({"exp": null}), missing("exp")),
        (json!({"jti": null}), missing("jti")),
        (json!({"events": null}), missing("events")),
        (json!({"sub": null, "sid": null}), LogoutError::NamesNobody),
        (
            json!({"iss": "https://other.example"}),
            VerifyError::UnknownIssuer.into(),
        ),
        (json!({"aud": "other"}), VerifyError::WrongAudience.into()),
        (json!({"aud": []}), VerifyError::WrongAudience.into()),
        (json!({"aud": [7, "chat"]}), wrong("aud")),
        (json!({"iat": now - 630}), VerifyError::TooOld.into()),
        (json!({"iat": now + 31}), VerifyError::IssuedInFuture.into()),
        (json!({"iat": now.to_string()}), wrong("iat")),
        (json!({"iat": 1.5}), wrong("iat")),
        (json!({"exp": now - 30}), VerifyError::Expired.into()),
        (json!({"exp": [now + 60]}), wrong("exp")),
        (json!({"nbf": now + 60}), VerifyError::NotYetValid.into()),
        (json!({"jti": 7}), wrong("jti")),
        (json!({"jti": ""}), wrong("jti")),
        (json!({"jti": "x".repeat(1025)}), wrong("jti")),
        (json!({"sub": 7}), wrong("sub")),
        (json!({"sub": ""}), wrong("sub")),
        (json!({"sub": {}}), wrong("sub")),
        (json!({"sid": 7}), wrong("sid")),
        (json!({"sid": ""}), wrong("sid")),
        (json!({"sid": ["s1"]}), wrong("sid")),
        (json!({"nonce": "n"}), LogoutError::Nonce),
        (json!({"nonce": false}), LogoutError::Nonce),
        (json!({"events": EVENT}), wrong("events")),
        (json!({"events": [EVENT]}), wrong("events")),
        (json!({"events": true}), wrong("events")),
        (json!({"events": {}}), LogoutError::OtherEvent),
        (
            json!({"events": {"urn:other": {}}}),
            LogoutError::OtherEvent,
        ),
        (
            json!({"events": { format!("{EVENT}/"): {} }}),
            LogoutError::OtherEvent,
        ),
        (json!({"events": { EVENT: null }}), wrong("events")),
        (json!({"events": { EVENT: "" }}), wrong("events")),
        (json!({"events": { EVENT: [] }}), wrong("events")),
        (json!({"events": { EVENT: true }}), wrong("events")),
    ];
    for (changes, expected) in rows {
        let outcome = desk.taken_with(changes.clone()).await;
        assert_eq!(outcome, Err(expected), "{changes}");
    }
    // None of them counts as taken.
    assert!(desk.taken_with(json!({})).await.is_ok());
}

#[tokio::test]
async fn null_is_no_absence() {
    let desk = Desk::new();
    let sound = desk.claims(json!({})).to_string();
    for (claim, written) in [("sub", r#""sub":"u1""#), ("sid", r#""sid":"s1""#)] {
        assert!(sound.contains(written));
        let claims = sound.replace(written, &format!(r#""{claim}":null"#));
        let token = desk.of_text(&claims);
        let expected = VerifyError::WrongClaimType { claim };
        assert_eq!(desk.take(token).await, Err(expected.into()), "{claims}");
    }
    let claims = sound.replace(r#""sid":"s1""#, r#""sid":"s1","nonce":null"#);
    let token = desk.of_text(&claims);
    assert_eq!(desk.take(token).await, Err(LogoutError::Nonce));
}

#[tokio::test]
async fn a_claim_or_event_that_stands_twice_is_refused() {
    let desk = Desk::new();
    let sound = desk.claims(json!({})).to_string();
    let event = format!(r#""{EVENT}":{{}}"#);
    let rows = [
        (
            r#""sid":"s1""#,
            r#""sid":"s1","sid":"s2""#.to_owned(),
            VerifyError::Malformed,
        ),
        (
            event.as_str(),
            format!("{event},{event}"),
            VerifyError::WrongClaimType { claim: "events" },
        ),
    ];
    for (written, twice, expected) in rows {
        assert!(sound.contains(written));
        let token = desk.of_text(&sound.replace(written, &twice));
        assert_eq!(desk.take(token).await, Err(expected.into()), "{twice}");
    }
}

#[tokio::test]
async fn headers_of_other_tokens_and_other_signatures_are_refused() {
    let desk = Desk::new();
    let claims = desk.claims(json!({}));
    let rows = [
        (json!({"typ": "at+jwt"}), VerifyError::WrongType),
        (json!({"typ": "secevent+jwt"}), VerifyError::WrongType),
        (json!({"typ": ""}), VerifyError::WrongType),
        (json!({"typ": 7}), VerifyError::Malformed),
        (json!({"crit": ["exp"]}), VerifyError::CriticalExtension),
        (json!({"alg": "none"}), VerifyError::UnsupportedAlgorithm),
        (json!({"alg": "HS384"}), VerifyError::AlgorithmNotAccepted),
        (json!({"alg": "RS256"}), VerifyError::AlgorithmNotAccepted),
    ];
    for (header, expected) in rows {
        let token = desk.signer.token_with(header.clone(), &claims);
        assert_eq!(desk.take(token).await, Err(expected.into()), "{header}");
    }
    let forged = Signer::secret(b"another secret of thirty-two bytes").token(&claims);
    assert_eq!(
        desk.take(forged).await,
        Err(VerifyError::BadSignature.into())
    );
    let sound = desk.signer.token(&claims);
    let (signed, _) = sound.rsplit_once('.').unwrap();
    assert_eq!(
        desk.take(format!("{signed}.")).await,
        Err(VerifyError::BadSignature.into())
    );
    assert!(desk.take(sound).await.is_ok());
}

#[tokio::test]
async fn no_token_passes_for_one_of_the_other_kind() {
    let desk = Desk::new();
    let now = unix_seconds(desk.bench.clock.now());
    let session = json!({"sid": "s1", "jti": "1", "iat": now});
    let token = desk.signer.token(&desk.bench.claims(session));
    assert!(desk.bench.verify(&token).await.is_ok());
    let expected = VerifyError::MissingClaim { claim: "events" };
    assert_eq!(desk.take(token).await, Err(expected.into()));

    for typ in ["JWT", "logout+jwt"] {
        let claims = desk.claims(json!({"jti": typ}));
        let token = desk.signer.token_with(json!({"typ": typ}), &claims);
        assert!(desk.bench.verify(&token).await.is_err(), "{typ}");
        assert!(desk.take(token.clone()).await.is_ok(), "{typ}");
        assert!(desk.bench.verify(&token).await.is_err(), "{typ}");
    }
}

#[tokio::test]
async fn a_logout_token_is_taken_once() {
    let desk = Desk::new();
    let token = desk.signer.token(&desk.claims(json!({})));
    assert!(desk.take(token.clone()).await.is_ok());
    assert_eq!(desk.take(token.clone()).await, Err(LogoutError::Replayed));
    // The same identifier in another token is the same token.
    assert_eq!(
        desk.taken_with(json!({"sid": "s2"})).await,
        Err(LogoutError::Replayed)
    );
    desk.bench.hand.advance(Duration::from_secs(329));
    assert_eq!(desk.take(token.clone()).await, Err(LogoutError::Replayed));
    desk.bench.hand.advance(Duration::from_secs(1));
    assert_eq!(desk.take(token).await, Err(VerifyError::Expired.into()));
}

#[tokio::test]
async fn the_audience_of_logout_tokens_may_be_another() {
    let desk = Desk::of(Issuer {
        logout_audiences: vec!["the client".to_owned()],
        ..secret_issuer()
    });
    let of = async |aud: &str| desk.taken_with(json!({"aud": aud, "jti": aud})).await;
    assert!(of("the client").await.is_ok());
    assert_eq!(of("chat").await, Err(VerifyError::WrongAudience.into()));
    let session = desk.bench.claims(json!({"aud": "the client"}));
    let outcome = desk.bench.verify(&desk.signer.token(&session)).await;
    assert_eq!(outcome.unwrap_err(), VerifyError::WrongAudience);
}

proptest! {
    #[test]
    fn no_text_of_claims_is_taken_unless_it_is_whole(cut in 0..400_usize, junk in ".{0,4}") {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let desk = Desk::new();
            let sound = desk.claims(json!({})).to_string();
            let cut = cut % sound.len();
            let (head, tail) = sound.split_at(cut);
            let claims = format!("{head}{junk}{}", tail.get(1..).unwrap_or_default());
            let token = desk.of_text(&claims);
            if desk.take(token).await.is_ok() {
                let read: Value = serde_json::from_str(&claims).unwrap();
                assert!(read["events"][EVENT].is_object(), "{claims}");
                assert_eq!(read["aud"], "chat", "{claims}");
                assert!(read["jti"].is_string() && read.get("nonce").is_none(), "{claims}");
            }
        });
    }
}
