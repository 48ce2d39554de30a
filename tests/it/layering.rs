//! The house rules that a compiler does not check, over the files of `src/`.
//!
//! Every failure names the file and the line.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Layers from the bottom up; modules of one layer do not know each other, unless listed in [`SIBLINGS`].
const LAYERS: [&[&str]; 8] = [
    &[
        "changes",
        "bell",
        "clock",
        "failpoint",
        "random",
        "recent",
        "secret",
        "headers",
        "body",
        "places",
        "problem",
        "tls",
        "transport",
        "workers",
    ],
    &["config", "telemetry"],
    &["jwt", "rocketchat"],
    &["authn", "session", "ddp", "surface"],
    &["gate"],
    &["proxy", "filter", "endpoints"],
    &["server"],
    &["app", "cli", "main", "lib"],
];

/// Layers whose modules may use each other: primitives are small things made of each other, instruments are configured, and the
/// program is one thing in three files.
const SIBLINGS: [usize; 3] = [0, 1, 7];

/// Where all Rust code stands.
const SOURCES: [&str; 9] = [
    "src",
    "tests",
    "demo/src",
    "bench/src",
    "loadtest/src",
    "loadtest/tests",
    "fuzz/src",
    "fuzz/tests",
    "fuzz/fuzz_targets",
];

/// Lines a file may have at most.
const LONGEST: usize = 400;

/// Where the inside of a secret may be read.
const REVEALS: &[&str] = &[
    "cli.rs",
    "config",
    "ddp/login.rs",
    "endpoints/boot.rs",
    "endpoints/cookie.rs",
    "endpoints/iframe.rs",
    "endpoints/session.rs",
    "endpoints/ticket.rs",
    "gate.rs",
    "jwt",
    "proxy/login.rs",
    "rocketchat",
    "secret.rs",
    "session.rs",
    "session/handle.rs",
    "session/shared/codec.rs",
    "session/store/redis/door.rs",
    "session/store/seal.rs",
];

struct Source {
    path: PathBuf,
    text: String,
}

impl Source {
    fn name(&self) -> String {
        self.path.to_string_lossy().into_owned()
    }

    fn module(&self) -> String {
        let first = self
            .path
            .iter()
            .next()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        first.trim_end_matches(".rs").to_owned()
    }

    fn is_test(&self) -> bool {
        self.name().contains("tests")
    }

    /// The lines above the file's unit tests, with their numbers.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text
            .lines()
            .take_while(|line| *line != "#[cfg(test)]")
            .enumerate()
            .map(|(index, line)| (index + 1, line))
    }
}

fn sources(below: &str) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(below);
    let mut sources = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                if !path.ends_with("target") && !path.ends_with("node_modules") {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                sources.push(Source {
                    path: path.strip_prefix(&root).unwrap().to_owned(),
                    text,
                });
            }
        }
    }
    assert!(!sources.is_empty(), "no sources below {below}");
    sources
}

fn layer_of(module: &str) -> usize {
    LAYERS
        .iter()
        .position(|layer| layer.contains(&module))
        .unwrap_or_else(|| panic!("module {module} has no layer: give it one in LAYERS and lib.rs"))
}

/// Modules that a line of code names behind `crate::`.
fn named(line: &str) -> Vec<String> {
    line.split("crate::")
        .skip(1)
        .flat_map(|rest| {
            let inner = rest
                .strip_prefix('{')
                .map_or(rest, |group| group.split('}').next().unwrap());
            let several = rest.starts_with('{');
            inner
                .split(',')
                .take(if several { usize::MAX } else { 1 })
                .map(|path| {
                    let name = path
                        .trim()
                        .split(|c: char| !c.is_alphanumeric() && c != '_')
                        .next();
                    name.unwrap().to_owned()
                })
        })
        .filter(|name| name.chars().next().is_some_and(char::is_lowercase))
        .collect()
}

#[test]
fn modules_use_only_layers_below_their_own() {
    let mut broken = String::new();
    for source in sources("src").iter().filter(|source| !source.is_test()) {
        let own = source.module();
        let layer = layer_of(&own);
        for (number, line) in source
            .code()
            .filter(|(_, line)| !line.trim_start().starts_with("//"))
        {
            for used in named(line).iter().filter(|used| **used != own) {
                let other = layer_of(used);
                let allowed = other < layer || other == layer && SIBLINGS.contains(&layer);
                if !allowed {
                    writeln!(broken, "src/{}:{number}: {own} uses {used}", source.name()).unwrap();
                }
            }
        }
    }
    assert!(broken.is_empty(), "\n{broken}");
}

#[test]
fn files_are_short_and_say_what_they_are() {
    let mut broken = String::new();
    for below in SOURCES {
        for source in sources(below) {
            let lines = source.text.lines().count();
            if lines > LONGEST {
                writeln!(broken, "{below}/{}: {lines} lines", source.name()).unwrap();
            }
            if !source.text.starts_with("//! ") {
                writeln!(broken, "{below}/{}:1: no //! line", source.name()).unwrap();
            }
            if source.path.ends_with("mod.rs") {
                writeln!(broken, "{below}/{}: mod.rs", source.name()).unwrap();
            }
        }
    }
    assert!(broken.is_empty(), "\n{broken}");
}

#[test]
fn secrets_are_revealed_in_few_places() {
    let mut broken = String::new();
    for source in sources("src").iter().filter(|source| !source.is_test()) {
        let allowed = REVEALS.iter().any(|place| source.path.starts_with(place))
            || REVEALS
                .iter()
                .any(|place| source.name() == format!("{place}.rs"));
        for (number, _) in source.code().filter(|(_, line)| line.contains(".reveal()")) {
            if !allowed {
                writeln!(broken, "src/{}:{number}: reveals a secret", source.name()).unwrap();
            }
        }
    }
    assert!(broken.is_empty(), "\n{broken}");
}

#[test]
fn principals_credentials_and_upstream_requests_are_made_in_one_place_each() {
    let made = [
        ("Principal {", "jwt"),
        ("Verified {", "jwt"),
        ("LoggedOut {", "jwt"),
        ("Credentials::new(", "rocketchat"),
        ("UpstreamRequest(", "proxy/inject.rs"),
    ];
    let mut broken = String::new();
    for source in sources("src").iter().filter(|source| !source.is_test()) {
        for (number, line) in source.code() {
            for (expression, home) in made {
                let names_type = line.contains("struct ") || line.contains("impl ");
                if line.contains(expression) && !names_type && !source.path.starts_with(home) {
                    writeln!(broken, "src/{}:{number}: {expression}", source.name()).unwrap();
                }
            }
        }
    }
    assert!(broken.is_empty(), "\n{broken}");
}

#[test]
fn metrics_log_fields_and_attributes_are_named_in_one_file_each() {
    let mut broken = String::new();
    for source in sources("src").iter().filter(|source| !source.is_test()) {
        for (number, line) in source.code() {
            // The config knows the name of a cookie that begins so.
            let metric = line.contains("\"gantry_")
                && !source.path.ends_with("telemetry/metrics.rs")
                && !source.path.starts_with("config");
            let field = [
                "\"http.response.status_code\"",
                "\"http.request.method\"",
                "\"url.path\"",
            ]
            .iter()
            .any(|field| line.contains(field))
                && !source.path.ends_with("telemetry/access_log.rs")
                && !source.path.ends_with("telemetry/spans/attribute.rs");
            if metric || field {
                writeln!(broken, "src/{}:{number}: {}", source.name(), line.trim()).unwrap();
            }
        }
    }
    assert!(broken.is_empty(), "\n{broken}");
}

#[test]
fn nothing_is_left_to_do_in_the_code() {
    let marks = ["TO".to_owned() + "DO", "FIX".to_owned() + "ME"];
    let mut broken = String::new();
    for below in SOURCES {
        for source in sources(below) {
            for (index, line) in source.text.lines().enumerate() {
                if marks.iter().any(|mark| line.contains(mark.as_str())) {
                    writeln!(broken, "{below}/{}:{}: {line}", source.name(), index + 1).unwrap();
                }
            }
        }
    }
    assert!(broken.is_empty(), "\n{broken}");
}
