//! Texts that want to break the reading.

use proptest::prelude::*;

use super::{LEAST, mistakes};
use crate::config::{Config, Environment};

#[track_caller]
fn refused(text: &str, expected: &str) {
    let lines = mistakes(text, &[]);
    assert!(
        lines.iter().any(|line| line.contains(expected)),
        "{lines:#?}"
    );
}

#[test]
fn what_makes_small_files_large_is_refused() {
    refused("a: &a [x, x]\nb: [*a, *a]\n", "config:1:");
    refused("a: &a [x, x]\n", "anchors (`&name`) are not read");
    refused("listen: !!map {}\n", "tags (`!name`) are not read");
    refused(&"[".repeat(500_000), "recursion limit exceeded");
    refused(&"- ".repeat(100_000), "nested deeper than 32 levels");
    refused(&"{a: ".repeat(100_000), "recursion limit exceeded");
}

#[test]
fn files_past_the_limit_are_not_read() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("gantry.yaml");
    std::fs::write(&path, format!("{LEAST}#{}", "x".repeat(1024 * 1024))).expect("a file");
    let told = Config::load(Some(&path), &Environment::default())
        .expect_err("too large")
        .to_string();
    assert!(
        told.contains("gantry.yaml: cannot be read: the file is larger than 1048576 bytes"),
        "{told}"
    );
}

#[test]
fn a_flood_of_mistakes_is_cut_when_shown() {
    let text: String = (0..5000).map(|number| format!("zz{number}: 1\n")).collect();
    let told = Config::parse(&text, &Environment::default())
        .expect_err("unknown keys")
        .to_string();
    assert_eq!(
        told.lines().count(),
        102,
        "a heading, a hundred mistakes, and how many more"
    );
    assert!(told.ends_with("\n  and 4903 more"), "{told}");
}

#[test]
fn text_that_is_not_utf8_is_told_with_its_place() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("gantry.yaml");
    std::fs::write(&path, b"listen:\n  address: \xff\n").expect("a file");
    let told = Config::load(Some(&path), &Environment::default())
        .expect_err("not UTF-8")
        .to_string();
    assert!(
        told.contains("gantry.yaml:2:12: the file is not UTF-8"),
        "{told}"
    );
}

#[test]
#[cfg(unix)]
fn variables_that_are_not_utf8_are_mistakes() {
    use std::os::unix::ffi::OsStringExt as _;
    let value = std::ffi::OsString::from_vec(vec![0xff]);
    let told = Config::parse(LEAST, &Environment::of([("GANTRY_LISTEN__ADDRESS", value)]))
        .expect_err("not UTF-8");
    assert!(
        told.to_string()
            .contains("GANTRY_LISTEN__ADDRESS: the value is not UTF-8"),
        "{told}"
    );
}

#[test]
fn a_byte_order_mark_is_no_mistake() {
    assert!(mistakes(&format!("\u{feff}{LEAST}"), &[]).is_empty());
}

#[test]
fn yaml_that_is_none_is_told_with_its_place() {
    refused("listen:\n\taddress: x\n", "config:2:");
    refused("listen: {\n", "not YAML");
    refused("a: 1\n---\nb: 2\n", "a second document begins here");
    refused("? [a]\n: 1\n", "a key must be plain text");
    refused("[1, 2]\n", "should be a map of keys, not a list");
    refused("word\n", "should be a map of keys, not a single value");
    refused(
        "listen:\n  address: a\n  address: b\n",
        "config:3:3: listen.address: the key is given twice, first at config:2:3",
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    /// Text made of YAML's own signs reaches more of the parser than any text would.
    #[test]
    fn no_text_panics(text in "([ \\n\\t]|[-?:,\\[\\]{}#&*!|>'\"%@`~.0-9]|listen|issuers|limits|null|a|é){0,80}") {
        let _ = Config::parse(&text, &Environment::default());
    }

    #[test]
    fn no_cut_or_changed_configuration_panics(at in 0..LEAST.len(), sign in "[-?:,\\[\\]{}#&*!|>'\"%\\n\\t ]") {
        if let Some((head, tail)) = LEAST.split_at_checked(at) {
            let _ = Config::parse(head, &Environment::default());
            let _ = Config::parse(&format!("{head}{sign}{tail}"), &Environment::default());
        }
    }

    #[test]
    fn no_variable_panics(name in "(LISTEN|ISSUERS|USERS|ROLES|CLAIMS|0|1|99999999999999999999|_|__|X){1,7}", value in "[\\[\\]{}:, a0\"'\\n-]{0,12}") {
        let _ = Config::parse(LEAST, &Environment::of([(format!("GANTRY_{name}"), value)]));
    }
}
