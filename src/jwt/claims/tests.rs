//! Tables of claims, each with what becomes of it.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use crate::clock::unix_seconds;
use crate::config::issuer::Issuer;
use crate::jwt::claims::{Claims, profile};
use crate::jwt::tests::{claims_at, secret_issuer};
use crate::jwt::{Profile, VerifyError};

/// Some moment in 2001, in seconds.
const NOW: u64 = 1_000_000_000;

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(NOW)
}

fn with<T>(
    changes: Value,
    read: impl FnOnce(&Claims<'_>) -> Result<T, VerifyError>,
) -> Result<T, VerifyError> {
    let json = claims_at(NOW, changes).to_string();
    read(&Claims::parse(json.as_bytes())?)
}

fn times(changes: Value) -> Result<(), VerifyError> {
    with(changes, |claims| {
        claims.times(&secret_issuer(), now()).map(drop)
    })
}

fn purpose(changes: Value, rules: &Issuer) -> Result<(), VerifyError> {
    with(changes, |claims| claims.check_purpose(None, rules))
}

#[test]
fn times_are_honoured_with_their_leeway() {
    let rows = [
        (json!({}), Ok(())),
        (json!({"exp": NOW - 29}), Ok(())),
        (json!({"exp": NOW - 30}), Err(VerifyError::Expired)),
        (json!({"exp": 0}), Err(VerifyError::Expired)),
        (
            json!({"exp": null}),
            Err(VerifyError::MissingClaim { claim: "exp" }),
        ),
        (json!({"nbf": NOW + 30}), Ok(())),
        (json!({"nbf": NOW + 31}), Err(VerifyError::NotYetValid)),
        (json!({"nbf": 0}), Ok(())),
        (json!({"iat": NOW + 30}), Ok(())),
        (json!({"iat": NOW + 31}), Err(VerifyError::IssuedInFuture)),
        (json!({"iat": NOW - 24 * 3600 - 29}), Ok(())),
        (
            json!({"iat": NOW - 24 * 3600 - 30}),
            Err(VerifyError::TooOld),
        ),
        (json!({"iat": null}), Ok(())),
        (json!({"iat": null, "exp": 253_402_300_799_u64}), Ok(())),
    ];
    for (changes, expected) in rows {
        assert_eq!(times(changes.clone()), expected, "{changes}");
    }
}

#[test]
fn cve_2026_25537_times_of_a_wrong_type_are_refused() {
    let wrong = [
        r#""1000000300""#,
        "[1000000300]",
        "null",
        "1000000300.0",
        "1000000300.5",
        "1e9",
        "-1",
        "true",
        "{}",
        "253402300800",
        "18446744073709551615",
        "18446744073709551616",
        "1e400",
    ];
    for claim in ["exp", "nbf", "iat"] {
        for value in wrong {
            let json = match claim {
                "exp" => format!(r#"{{"exp":{value}}}"#),
                _ => format!(r#"{{"exp":1000000300,"{claim}":{value}}}"#),
            };
            let outcome = Claims::parse(json.as_bytes())
                .and_then(|claims| claims.times(&secret_issuer(), now()).map(drop));
            let expected = Err(VerifyError::WrongClaimType { claim });
            assert_eq!(outcome, expected, "{json}");
        }
    }
}

#[test]
fn the_latest_leeway_and_age_leave_no_calendar() {
    let rules = Issuer {
        leeway: Duration::MAX,
        max_age: Duration::MAX,
        ..secret_issuer()
    };
    let admitted = with(json!({"nbf": NOW}), |claims| claims.times(&rules, now()));
    let window = admitted.unwrap().window;
    assert!(window.contains(now()));
    assert!(!window.is_over(now()));
}

#[test]
fn a_window_closes_for_good() {
    let window = with(json!({}), |claims| claims.times(&secret_issuer(), now()))
        .unwrap()
        .window;
    let at = |seconds| now() + Duration::from_secs(seconds);
    assert!(window.contains(at(329)) && !window.is_over(at(329)));
    assert!(!window.contains(at(330)) && window.is_over(at(330)));
    // A clock that went back to before 1970 is no clock.
    assert!(!window.contains(SystemTime::UNIX_EPOCH - Duration::from_secs(1)));
}

#[test]
fn given_times_are_kept_without_leeway() {
    let times = with(json!({}), |claims| claims.times(&secret_issuer(), now())).unwrap();
    assert_eq!(unix_seconds(times.expires_at), NOW + 300);
    assert_eq!(times.issued_at.map(unix_seconds), Some(NOW));
}

#[test]
fn one_of_the_audiences_must_be_ours() {
    let rules = Issuer {
        audiences: vec!["chat".to_owned(), "talk".to_owned()],
        ..secret_issuer()
    };
    let claim = "aud";
    let rows = [
        (json!("chat"), Ok(())),
        (json!("talk"), Ok(())),
        (json!(["x", "talk"]), Ok(())),
        (json!("Chat"), Err(VerifyError::WrongAudience)),
        (json!("chat talk"), Err(VerifyError::WrongAudience)),
        (json!(""), Err(VerifyError::WrongAudience)),
        (json!([]), Err(VerifyError::WrongAudience)),
        (json!(["x"]), Err(VerifyError::WrongAudience)),
        (json!(7), Err(VerifyError::WrongClaimType { claim })),
        (
            json!({"chat": true}),
            Err(VerifyError::WrongClaimType { claim }),
        ),
        (
            json!(["chat", 7]),
            Err(VerifyError::WrongClaimType { claim }),
        ),
        (
            json!([["chat"]]),
            Err(VerifyError::WrongClaimType { claim }),
        ),
        (Value::Null, Err(VerifyError::MissingClaim { claim })),
    ];
    for (audience, expected) in rows {
        let outcome = purpose(json!({"aud": audience}), &rules);
        assert_eq!(outcome, expected, "{audience}");
    }
}

#[test]
fn only_token_types_of_sessions_are_accepted() {
    let accepted = [
        "JWT",
        "jwt",
        "at+jwt",
        "AT+JWT",
        "application/jwt",
        "application/at+jwt",
    ];
    let refused = [
        "logout+jwt",
        "application/logout+jwt",
        "secevent+jwt",
        "dpop+jwt",
        "JOSE",
        "",
        "application/",
        "jwt ",
    ];
    let judge = |typ| {
        with(json!({}), |claims| {
            claims.check_purpose(Some(typ), &secret_issuer())
        })
    };
    for typ in accepted {
        assert_eq!(judge(typ), Ok(()), "{typ}");
    }
    for typ in refused {
        assert_eq!(judge(typ), Err(VerifyError::WrongType), "{typ}");
    }
}

#[test]
fn a_logout_token_is_no_session_token_even_without_its_type() {
    for events in [
        json!({"http://schemas.openid.net/event/backchannel-logout": {}}),
        json!({}),
        json!("x"),
    ] {
        let outcome = purpose(json!({"events": events}), &secret_issuer());
        assert_eq!(outcome, Err(VerifyError::SecurityEvent), "{events}");
    }
}

#[test]
fn required_claims_must_be_there_with_exactly_their_value() {
    let rules = Issuer {
        required_claims: [
            ("tenant".to_owned(), json!("acme")),
            ("plan.chat".to_owned(), json!(true)),
        ]
        .into(),
        ..secret_issuer()
    };
    let good = json!({"tenant": "acme", "plan": {"chat": true}});
    assert_eq!(purpose(good, &rules), Ok(()));
    for changes in [
        json!({}),
        json!({"tenant": "acme"}),
        json!({"tenant": "ACME", "plan": {"chat": true}}),
        json!({"tenant": ["acme"], "plan": {"chat": true}}),
        json!({"tenant": "acme", "plan": {"chat": "true"}}),
        json!({"tenant": "acme", "plan": {"chat": 1}}),
        json!({"tenant": "acme", "plan": true}),
    ] {
        let outcome = purpose(changes.clone(), &rules);
        assert_eq!(outcome, Err(VerifyError::RequiredClaim), "{changes}");
    }
}

#[test]
fn a_dotted_name_is_a_whole_key_first_and_then_a_way_into_objects() {
    let rows = [
        (json!({"a.b": "x", "a": {"b": "y"}}), "a.b", Some("x")),
        (json!({"a": {"b": "y"}}), "a.b", Some("y")),
        (json!({"a": {"b.c": "z"}}), "a.b.c", Some("z")),
        (json!({"a.b": {"c": "z"}}), "a.b.c", Some("z")),
        (json!({"a": {"b": {"c": "z"}}}), "a.b.c", Some("z")),
        (
            json!({"https://x.example/n": "z"}),
            "https://x.example/n",
            Some("z"),
        ),
        (json!({"a": {"b": {"c": "z"}}}), "a.b", None),
        (json!({"a": ["z"]}), "a.0", None),
        (json!({"a": {"": "z"}}), "a.", Some("z")),
        (json!({"": "z"}), "", None),
    ];
    for (claims, path, expected) in rows {
        let found = with(claims.clone(), |claims| claims.find(path)).unwrap();
        let found = found.as_ref().and_then(Value::as_str);
        assert_eq!(found, expected, "{path} in {claims}");
    }
}

#[test]
fn subject_and_session_claim_name_somebody() {
    let long = "x".repeat(1025);
    let subject = |value: &Value| {
        with(json!({"sub": value}), |claims| {
            claims.subject().map(|subject| subject.into_owned())
        })
    };
    assert_eq!(subject(&json!("u\u{e9}1")), Ok("u\u{e9}1".to_owned()));
    let claim = "sub";
    let missing = Err(VerifyError::MissingClaim { claim });
    assert_eq!(subject(&Value::Null), missing);
    for value in [json!(""), json!(42), json!(["u1"]), json!(&long)] {
        let expected = Err(VerifyError::WrongClaimType { claim });
        assert_eq!(subject(&value), expected, "{value}");
    }

    let session = |value: Value| {
        let json = json!({"sid": value}).to_string();
        Claims::parse(json.as_bytes())
            .unwrap()
            .session(&secret_issuer())
    };
    assert_eq!(session(json!("s1")), Ok(Some("s1".to_owned())));
    assert_eq!(session(Value::Null), Ok(None));
    for value in [json!(""), json!(42), json!(["s1"]), json!(&long)] {
        let expected = Err(VerifyError::WrongClaimType { claim: "session" });
        assert_eq!(session(value.clone()), expected, "{value}");
    }
}

#[test]
fn a_profile_takes_only_claims_of_the_right_type() {
    let mut rules = secret_issuer();
    "access.roles".clone_into(&mut rules.claims.roles);
    let read = |changes| with(changes, |claims| profile(claims, &rules.claims)).unwrap();
    let full = read(json!({
        "preferred_username": "alice", "name": "Alice", "email": "a@example.com",
        "email_verified": "true", "access": {"roles": ["a", 7, "", "b"]},
    }));
    assert_eq!(
        full,
        Profile {
            username: Some("alice".to_owned()),
            name: Some("Alice".to_owned()),
            email: Some("a@example.com".to_owned()),
            email_verified: true,
            roles: Some(vec!["a".to_owned(), "b".to_owned()]),
        }
    );
    let odd = read(json!({
        "preferred_username": 7, "name": " ", "email": ["a"], "email_verified": 1,
        "access": {"roles": {"admin": true}},
    }));
    let expected = Profile {
        roles: Some(Vec::new()),
        ..Profile::default()
    };
    assert_eq!(odd, expected);
    assert_eq!(read(json!({})), Profile::default());
    assert_eq!(
        read(json!({"access": {"roles": "a"}})).roles,
        Some(vec!["a".to_owned()])
    );
}

#[test]
fn claims_that_can_be_read_in_two_ways_are_refused() {
    let many = |count: usize| {
        let members: Vec<_> = (0..count).map(|index| format!(r#""c{index}":1"#)).collect();
        format!("{{{}}}", members.join(","))
    };
    assert!(Claims::parse(many(256).as_bytes()).is_ok());
    let rows = [
        r#"{"sub":"a","sub":"b"}"#.to_owned(),
        r#"{"sub":"a","s\u0075b":"b"}"#.to_owned(),
        r#"["https://app.example.com"]"#.to_owned(),
        r#"{"sub":"a"} {"sub":"b"}"#.to_owned(),
        "\u{feff}{}".to_owned(),
        "null".to_owned(),
        String::new(),
        many(257),
    ];
    for json in rows {
        let outcome = Claims::parse(json.as_bytes()).map(drop);
        assert_eq!(outcome, Err(VerifyError::Malformed), "{json}");
    }
    assert!(Claims::parse(b"{\"sub\":\"\xff\"}").is_err());
}

#[test]
fn a_claim_that_is_no_text_is_not_taken_for_absent() {
    let claims = Claims::parse(br#"{"sid":"\ud800"}"#);
    let outcome = claims.and_then(|claims| claims.session(&secret_issuer()));
    assert_eq!(outcome, Err(VerifyError::Malformed));
}
