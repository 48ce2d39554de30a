//! Claims to user data, case by case.

use std::collections::BTreeMap;

use super::*;

fn rules() -> config::users::Users {
    config::users::Users {
        provision: true,
        username: "{username}".to_owned(),
        email_domain: String::new(),
        adopt_existing: true,
        protected_roles: vec!["admin".to_owned()],
        roles: BTreeMap::from([
            ("staff".to_owned(), words(&["moderator", "leader"])),
            ("root".to_owned(), words(&["admin"])),
        ]),
        default_roles: words(&["user"]),
        join_default_channels: true,
        sync_profile: true,
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

fn profile() -> Profile {
    Profile {
        username: Some("alice".to_owned()),
        name: Some("Alice A.".to_owned()),
        email: Some("alice@example.org".to_owned()),
        email_verified: true,
        roles: None,
    }
}

fn user() -> User {
    User {
        id: "id".to_owned(),
        username: "alice".to_owned(),
        name: Some("Alice A.".to_owned()),
        active: true,
        user_type: Some("user".to_owned()),
        roles: Some(words(&["user"])),
        email: Some("alice@example.org".to_owned()),
    }
}

#[test]
fn the_template_takes_mapped_claims() {
    let check = |template: &str, expected: Result<&str, Reason>| {
        let rendered = render(template, &profile(), "42", "https://app");
        assert_eq!(rendered, expected.map(str::to_owned), "for {template:?}");
    };
    check("{username}", Ok("alice"));
    check("x-{username}.{subject}", Ok("x-alice.42"));
    check("{email}", Ok("alice@example.org"));
    check("{issuer}-{name}", Ok("https://app-Alice A."));
    check("{nickname}", Err(Reason::UsernameMissing));
    check("{username", Ok("{username"));
}

#[test]
fn a_missing_or_empty_claim_makes_no_username() {
    for username in [None, Some(String::new())] {
        let profile = Profile {
            username,
            ..profile()
        };
        assert_eq!(
            render("{username}", &profile, "42", "https://app"),
            Err(Reason::UsernameMissing)
        );
    }
}

#[test]
fn cve_2026_40574_an_address_with_two_at_signs_is_refused() {
    let check = |email: &str, sound: bool| {
        let profile = Profile {
            email: Some(email.to_owned()),
            ..profile()
        };
        let birth = birth(&rules(), &profile, "alice");
        assert_eq!(birth.is_ok(), sound, "for {email:?}");
    };
    check("alice@example.org", true);
    check("a+b@example.org", true);
    check("alice@evil.org@example.org", false);
    check("alice@@example.org", false);
    check("@example.org", false);
    check("alice@", false);
    check("alice", false);
    check("", false);
    check("alice@example.org\r\nBcc: x", false);
    check("Alice <alice@example.org>", false);
    check(&format!("{}@example.org", "a".repeat(250)), false);
}

#[test]
fn a_principal_without_an_address_needs_the_domain() {
    let profile = Profile {
        email: None,
        ..profile()
    };
    assert_eq!(
        birth(&rules(), &profile, "alice"),
        Err(Reason::EmailMissing)
    );
    let rules = config::users::Users {
        email_domain: "users.example.org".to_owned(),
        ..rules()
    };
    let birth = birth(&rules, &profile, "alice").expect("the domain makes an address");
    assert_eq!(birth.email, "alice@users.example.org");
    assert!(!birth.email_verified);
}

#[test]
fn display_names_lose_what_rocket_chat_refuses() {
    let check = |name: Option<&str>, expected: &str| {
        let profile = Profile {
            name: name.map(str::to_owned),
            ..profile()
        };
        let birth = birth(&rules(), &profile, "alice").expect("an address is there");
        assert_eq!(birth.name, expected, "for {name:?}");
    };
    check(Some("Alice A."), "Alice A.");
    check(Some("<b>Alice</b>"), "b Alice b");
    check(Some("a\\b\u{0}c"), "a b c");
    check(Some("</>"), "alice");
    check(Some(""), "alice");
    check(None, "alice");
    check(Some(&"é".repeat(300)), &"é".repeat(128));
}

#[test]
fn a_protected_role_is_never_given() {
    let profile = Profile {
        roles: Some(words(&["root", "staff", "unmapped"])),
        ..profile()
    };
    let created = birth(&rules(), &profile, "alice").expect("an address is there");
    assert_eq!(created.roles, words(&["user", "moderator", "leader"]));
    let changed = changes(&rules(), &profile, &user());
    assert_eq!(changed.roles, Some(words(&["user", "moderator", "leader"])));
    let careless = config::users::Users {
        default_roles: words(&["admin", "user"]),
        ..rules()
    };
    let created = birth(&careless, &profile, "alice").expect("an address is there");
    assert!(!created.roles.contains(&"admin".to_owned()));
}

#[test]
fn a_user_in_step_needs_no_change() {
    assert!(changes(&rules(), &profile(), &user()).is_empty());
    let silent = Profile::default();
    assert!(changes(&rules(), &silent, &user()).is_empty());
}

#[test]
fn name_and_address_follow_the_claims() {
    let renamed = Profile {
        name: Some("Alice B.".to_owned()),
        email: Some("alice.b@example.org".to_owned()),
        ..profile()
    };
    let changed = changes(&rules(), &renamed, &user());
    assert_eq!(changed.name.as_deref(), Some("Alice B."));
    assert_eq!(
        changed.email,
        Some(("alice.b@example.org".to_owned(), true))
    );
    let hidden = User {
        email: None,
        ..user()
    };
    assert_eq!(changes(&rules(), &renamed, &hidden).email, None);
    let upper = User {
        email: Some("Alice.B@example.org".to_owned()),
        ..user()
    };
    assert_eq!(changes(&rules(), &renamed, &upper).email, None);
}

#[test]
fn only_the_roles_that_the_mapping_names_follow_the_claims() {
    let check = |host_roles: &[&str], current: &[&str], expected: Option<&[&str]>| {
        let profile = Profile {
            roles: Some(words(host_roles)),
            ..profile()
        };
        let user = User {
            roles: Some(words(current)),
            ..user()
        };
        let changed = changes(&rules(), &profile, &user);
        assert_eq!(
            changed.roles,
            expected.map(words),
            "for {host_roles:?} over {current:?}"
        );
    };
    check(
        &["staff"],
        &["user", "guide"],
        Some(&["user", "guide", "moderator", "leader"]),
    );
    check(&["staff"], &["leader", "user", "moderator"], None);
    check(
        &[],
        &["user", "moderator", "guide"],
        Some(&["user", "guide"]),
    );
    check(&[], &["moderator"], Some(&["user"]));
}
