//! The example files of `config/` are accepted as they stand, given their secret files.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::Value;

use crate::config::{Config, Environment, schema};

/// Copies an example beside secret files made up for it, and reads it there.
fn load(name: &str, files: &[(&str, &str)]) -> Config {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join(name);
    fs::write(&path, example(name)).expect("a file");
    for (name, content) in files {
        let path = directory.path().join(name);
        fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
        fs::write(&path, content).expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("its mode");
    }
    Config::load(Some(&path), &Environment::default())
        .unwrap_or_else(|mistakes| panic!("{mistakes}"))
}

fn example(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("config")
        .join(name);
    fs::read_to_string(path).expect("the example")
}

#[test]
fn the_minimal_example_is_accepted() {
    let config = load(
        "minimal.yaml",
        &[
            ("secrets/auth-token", "t"),
            ("secrets/create-token-secret", "s"),
        ],
    );
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
}

#[test]
fn the_full_example_is_accepted_and_shows_every_default() {
    let files = [
        ("secrets/auth-token", "t"),
        ("secrets/create-token-secret", "s"),
        ("secrets/host-secret", "0123456789abcdef0123456789abcdef"),
    ];
    let config = load("gantry.yaml", &files);
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
    assert_eq!(config.issuers.len(), 2);
}

#[test]
fn the_full_example_names_every_key() {
    let text = example("gantry.yaml");
    let mut names = Vec::new();
    collect(&schema(), &mut names);
    for name in names {
        assert!(
            text.contains(&format!("{name}:")),
            "config/gantry.yaml does not show `{name}`"
        );
    }
}

fn collect(schema: &Value, names: &mut Vec<String>) {
    for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
        names.push(name.clone());
        collect(schema, names);
        collect(&schema["items"], names);
    }
}
