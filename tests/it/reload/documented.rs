//! What the page about reloads promises is what the code does.

use std::collections::BTreeSet;

use gantry::config::outline::{APPLIED, needs_restart};
use serde_json::Value;

const PAGE: &str = include_str!("../../../docs/reload.md");

/// The keys of the table under a heading.
fn keys(heading: &str) -> BTreeSet<&'static str> {
    let section = PAGE.split("\n## ").find(|part| part.starts_with(heading));
    let rows = section.unwrap().lines();
    let rows = rows.filter(|line| line.starts_with("| `"));
    rows.map(|row| row.split('`').nth(1).unwrap()).collect()
}

/// Is it a key of the configuration, or a section?
fn is_there(key: &str) -> bool {
    let schema = gantry::config::schema();
    let mut place: &Value = &schema;
    for name in key.split('.') {
        place = &place["properties"][name];
    }
    place.is_object()
}

#[test]
fn the_table_of_what_is_applied_has_every_key_that_is_and_no_other() {
    assert_eq!(keys("What is applied"), BTreeSet::from(APPLIED));
    for key in APPLIED {
        assert!(is_there(key), "{key}");
    }
}

#[test]
fn the_keys_that_need_a_restart_do() {
    let keys = keys("What needs a restart");
    assert!(keys.len() > 10, "{keys:?}");
    for key in keys {
        assert!(is_there(key), "{key}");
        assert!(needs_restart(key), "{key}");
    }
    for applied in ["issuers[3].audiences", "users.roles.teacher", "proxy"] {
        assert!(!needs_restart(applied), "{applied}");
    }
    for unlike in ["userspace", "proxy_other", "sessions", "sessions.graceful"] {
        assert!(needs_restart(unlike), "{unlike}");
    }
}
