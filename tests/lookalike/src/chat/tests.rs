//! Tests of the chat's rules: who reads, who writes, what is counted.

use super::*;

fn person(name: &str) -> Person {
    Person {
        id: format!("id-{name}"),
        username: name.to_owned(),
        name: name.to_uppercase(),
    }
}

fn all() -> Stretch {
    Stretch {
        oldest: None,
        latest: None,
        inclusive: false,
        offset: 0,
        count: 100,
    }
}

#[test]
fn new_users_join_the_default_channel_once() {
    let mut chat = Chat::new(1);
    assert_eq!(chat.join_defaults(&person("alice"), 2).len(), 1);
    assert!(chat.join_defaults(&person("alice"), 3).is_empty());
    assert_eq!(chat.rooms_of("id-alice").count(), 1);
}

#[test]
fn channels_are_open_to_users_and_groups_to_members() {
    let mut chat = Chat::new(1);
    let (alice, bob) = (person("alice"), person("bob"));
    let group = chat
        .create(RoomKind::Group, "secret", std::slice::from_ref(&alice), 2)
        .unwrap()
        .id
        .clone();
    assert!(chat.readable(&group, Some(&alice.id)).is_some());
    assert!(chat.readable(&group, Some(&bob.id)).is_none());
    assert!(chat.readable("general", Some(&bob.id)).is_some());
    assert!(chat.readable("general", None).is_none());
}

#[test]
fn both_sides_find_the_same_direct_room() {
    let mut chat = Chat::new(1);
    let (alice, bob) = (person("alice"), person("bob"));
    let first = chat
        .direct(&[alice.clone(), bob.clone()], 2)
        .unwrap()
        .id
        .clone();
    let again = chat.direct(&[bob.clone(), alice], 3).unwrap();
    assert_eq!(again.id, first);
    assert_eq!(
        again.title_for(&bob.id),
        ("alice".to_owned(), "ALICE".to_owned())
    );
}

#[test]
fn only_members_write_and_others_count_it_as_unread() {
    let mut chat = Chat::new(1);
    let (alice, bob) = (person("alice"), person("bob"));
    chat.join_defaults(&alice, 2);
    let refused = chat.post(GENERAL, &bob, Draft::text("hi"), 3).unwrap_err();
    assert_eq!(refused.code(), "error-not-allowed");
    chat.join_defaults(&bob, 4);
    chat.post(GENERAL, &bob, Draft::text("hi @alice!"), 5)
        .unwrap();
    let subscription = &chat.subscriptions_of(&alice.id, 0)[0];
    assert_eq!(
        (&subscription["unread"], &subscription["userMentions"]),
        (&json!(1), &json!(1))
    );
    assert!(chat.read(GENERAL, &alice.id, 6));
    assert_eq!(chat.subscriptions_of(&alice.id, 5)[0]["unread"], 0);
}

#[test]
fn names_are_unique_and_of_the_allowed_letters() {
    let mut chat = Chat::new(1);
    let alice = person("alice");
    for (name, code) in [
        ("general", "error-duplicate-channel-name"),
        ("a b", "error-invalid-room-name"),
        ("", "error-invalid-room-name"),
    ] {
        let refused = chat
            .create(RoomKind::Channel, name, std::slice::from_ref(&alice), 2)
            .unwrap_err();
        assert_eq!(refused.code(), code, "{name}");
    }
}

#[test]
fn messages_that_say_nothing_or_too_much_are_refused() {
    let mut chat = Chat::new(1);
    let alice = person("alice");
    chat.join_defaults(&alice, 2);
    for (text, code) in [
        (" ".to_owned(), "error-message-empty"),
        (
            "x".repeat(LONGEST_MESSAGE + 1),
            "error-message-size-exceeded",
        ),
    ] {
        let refused = chat
            .post(GENERAL, &alice, Draft::text(text), 3)
            .unwrap_err();
        assert_eq!(refused.code(), code);
    }
}

#[test]
fn history_is_newest_first_and_respects_its_bounds() {
    let mut chat = Chat::new(1);
    let alice = person("alice");
    let room = chat
        .create(RoomKind::Channel, "talk", std::slice::from_ref(&alice), 2)
        .unwrap()
        .id
        .clone();
    for at in 10..15 {
        chat.post(&room, &alice, Draft::text(at.to_string()), at)
            .unwrap();
    }
    let said = |stretch| -> Vec<String> {
        let messages = chat.history(&room, stretch);
        messages
            .iter()
            .map(|message| message["msg"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(said(Stretch { count: 2, ..all() }), ["14", "13"]);
    assert_eq!(said(Stretch { offset: 3, ..all() }), ["11", "10"]);
    assert_eq!(
        said(Stretch {
            oldest: Some(12),
            ..all()
        }),
        ["14", "13"]
    );
    assert_eq!(
        said(Stretch {
            oldest: Some(12),
            inclusive: true,
            ..all()
        }),
        ["14", "13", "12"]
    );
    assert_eq!(
        said(Stretch {
            latest: Some(11),
            ..all()
        }),
        ["10"]
    );
    assert_eq!(chat.since(&room, 12).len(), 2);
    assert_eq!(chat.since(&room, 12)[0]["msg"], "13");
}
