//! The documentation holds together: links lead somewhere, examples are valid configurations, and every reason that is logged for a
//! refused token is explained.

use std::path::{Path, PathBuf};

use gantry::config::{Config, Environment};
use gantry::problem::Problem;

use crate::readme::families;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The pages at the root and below `docs`.
fn pages() -> Vec<PathBuf> {
    let mut pages: Vec<_> = [root().to_owned(), root().join("docs")]
        .iter()
        .flat_map(|folder| std::fs::read_dir(folder).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "md"))
        .collect();
    pages.sort();
    assert!(pages.len() > 8, "{pages:?}");
    pages
}

/// What is prose: the lines outside of fenced blocks.
fn prose(page: &str) -> String {
    page.split("```").step_by(2).collect()
}

/// A heading's anchor, as code hosts make it.
fn anchor(heading: &str) -> String {
    let kept = heading
        .trim_start_matches('#')
        .trim()
        .to_lowercase()
        .replace(' ', "-");
    kept.chars()
        .filter(|letter| letter.is_alphanumeric() || matches!(letter, '-' | '_'))
        .collect()
}

fn has_anchor(page: &str, wanted: &str) -> bool {
    let prose = prose(page);
    prose
        .lines()
        .filter(|line| line.starts_with('#'))
        .any(|line| anchor(line) == wanted)
}

#[test]
fn every_link_within_the_project_leads_somewhere() {
    let mut followed = 0;
    for page in pages() {
        let text = read(&page);
        for piece in prose(&text).split("](").skip(1) {
            let link = piece.split(')').next().unwrap();
            if link.contains("://") {
                continue;
            }
            let (path, fragment) = link.split_once('#').unwrap_or((link, ""));
            let target = match path {
                "" => page.clone(),
                path => page.parent().unwrap().join(path),
            };
            assert!(target.exists(), "{}: {link}", page.display());
            let is_there = fragment.is_empty() || has_anchor(&read(&target), fragment);
            assert!(is_there, "{}: {link}", page.display());
            followed += 1;
        }
    }
    assert!(followed > 10, "{followed}");
}

#[test]
fn every_guide_is_among_those_that_the_readme_lists() {
    let readme = read(&root().join("README.md"));
    let (_, listed) = readme.split_once("## More").unwrap();

    for page in pages() {
        let name = page.strip_prefix(root()).unwrap().to_str().unwrap();
        let is_listed = name == "README.md" || listed.contains(&format!("]({name})"));
        assert!(is_listed, "{name} is missing");
    }
}

/// What stands behind `start`, at a line's beginning or in a code span.
fn said_behind(page: &str, start: &str) -> Vec<String> {
    let starts = [format!("\n{start}"), format!("`{start}")];
    let pieces = starts.iter().flat_map(|start| page.split(start).skip(1));
    pieces
        .map(|rest| rest.split(['`', '\n']).next().unwrap().to_owned())
        .collect()
}

#[test]
fn every_make_target_is_named_to_contributors_and_every_one_that_is_named_is_there() {
    let makefile = read(&root().join("Makefile"));
    let targets: Vec<_> = makefile
        .lines()
        .filter(|line| line.contains(": ## "))
        .map(|line| line.split(':').next().unwrap())
        .collect();
    let contributing = read(&root().join("CONTRIBUTING.md"));
    let parts = read(&root().join("bench/src/part.rs"));

    for target in targets.iter().filter(|target| **target != "help") {
        let is_named = contributing.contains(&format!("`make {target}"));
        assert!(is_named, "make {target} is missing");
    }
    let mut named = 0;
    for page in pages() {
        for command in said_behind(&read(&page), "make ") {
            let target = command.split(' ').next().unwrap();
            assert!(targets.contains(&target), "{}: {command}", page.display());
            named += 1;
            let Some(arguments) = command.strip_prefix("bench ARGS=") else {
                continue;
            };
            let arguments = arguments.split('#').next().unwrap();
            for part in arguments.trim().trim_matches('\'').split(' ') {
                let is_there = parts.contains(&format!("(\"{part}\", "));
                assert!(is_there, "{}: {command}", page.display());
            }
        }
    }
    assert!(named > 20, "{named}");
}

#[test]
fn every_command_of_gantry_that_is_named_is_there() {
    let readme = read(&root().join("README.md"));
    let (_, table) = readme.split_once("## Commands").unwrap();
    let (table, _) = table.split_once("## Endpoints").unwrap();
    let commands: Vec<_> = said_behind(table, "gantry ")
        .into_iter()
        .map(|command| command.split(' ').next().unwrap().to_owned())
        .collect();
    assert!(commands.len() > 6, "{commands:?}");

    for page in pages() {
        for said in said_behind(&read(&page), "gantry ") {
            let command = said.split(' ').next().unwrap();
            let is_there = commands.iter().any(|known| known == command);
            assert!(is_there, "{}: gantry {said}", page.display());
        }
    }
}

/// Sections of the configuration; Rocket.Chat has calls that begin with `users.`.
const SECTIONS: [&str; 11] = [
    "admin.",
    "backchannel_logout.",
    "filter.",
    "iframe.",
    "issuers[].",
    "listen.",
    "proxy.",
    "rocketchat.",
    "sessions.",
    "telemetry.",
    "websocket.",
];

/// What begins like a key: a file, and a field of the log.
const NO_KEYS: [&str; 2] = ["rocketchat.yaml", "rocketchat.user_id"];

#[test]
fn every_key_of_the_configuration_that_is_named_is_there() {
    let documented = read(&root().join("docs/configuration.md"));
    let is_part = |letter: char| letter.is_ascii_lowercase() || "_.[]".contains(letter);

    let mut named = 0;
    for page in pages() {
        for key in prose(&read(&page)).split('`') {
            let is_key = SECTIONS.iter().any(|section| key.starts_with(section));
            if !is_key || !key.chars().all(is_part) || NO_KEYS.contains(&key) {
                continue;
            }
            let is_there = [format!("`{key}`"), format!("`{key}.")]
                .iter()
                .any(|row| documented.contains(row));
            assert!(is_there, "{}: {key}", page.display());
            named += 1;
        }
    }
    assert!(named > 200, "{named}");
}

#[test]
fn every_set_up_of_an_issuer_is_a_valid_configuration() {
    let page = read(&root().join("docs/issuers.md"));
    let key = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEf83OJ3D2xF1Bg8vub9tLe1gHMzV7\n\
        6e8Tus9uPHvRVEU6D2gBqm9DFPlSqSHLSUqSLfZRDWB0DRH0SBwKmLBTRw==\n-----END PUBLIC KEY-----\n";
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("jwt-public.pem"), key).unwrap();
    std::fs::write(folder.path().join("jwt-secret"), "s".repeat(64)).unwrap();
    let around = "listen: { public_url: https://chat.example.com }\n\
        rocketchat: { service_account: { user_id: gantry, auth_token: a-token-for-this-test } }\n";

    let mut examples = 0;
    for example in page.split("<!-- configuration -->\n\n```yaml\n").skip(1) {
        let example = example.split("```").next().unwrap();
        let folder = folder.path().to_str().unwrap();
        let text = format!("{around}{}", example.replace("/run/secrets", folder));

        let mistakes = Config::parse(&text, &Environment::default()).err();

        assert_eq!(mistakes.map(|all| all.to_string()), None, "{text}");
        examples += 1;
    }
    assert_eq!(examples, page.matches("```yaml").count());
}

#[test]
fn every_problem_has_its_paragraph() {
    let page = read(&root().join("docs/troubleshooting.md"));
    let headings: Vec<_> = page
        .lines()
        .filter(|line| line.starts_with("### "))
        .collect();

    for problem in Problem::ALL {
        let named = format!("`{}`", problem.slug);
        let is_told = headings.iter().any(|heading| heading.contains(&named));
        assert!(is_told, "{named} is missing");
    }
}

#[test]
fn every_reason_for_which_a_token_is_refused_is_explained() {
    let page = read(&root().join("docs/troubleshooting.md"));
    let source = read(&root().join("src/jwt/error.rs"));
    let kinds = source.split("impl VerifyError").nth(1).unwrap();
    let kinds = kinds.split("pub enum LogoutError").next().unwrap();

    let mut explained = 0;
    for line in kinds.lines() {
        let Some((_, kind)) = line.split_once("=> \"") else {
            continue;
        };
        let kind = kind.trim_end_matches("\",");
        assert!(page.contains(&format!("`{kind}`")), "{kind} is missing");
        explained += 1;
    }
    assert!(explained > 15, "{explained}");
}

#[test]
fn every_metric_that_the_load_test_kit_points_to_is_there() {
    let kit = std::fs::read_dir(root().join("loadtest")).unwrap();
    let mut pages: Vec<PathBuf> = kit.map(|entry| entry.unwrap().path()).collect();
    pages.retain(|path| path.is_file());
    pages.extend(["docs/load-testing.md", "docs/sizing.md"].map(|page| root().join(page)));
    let there = families();

    let mut named = 0;
    for page in pages {
        for piece in read(&page).split("`gantry_").skip(1) {
            let name: String = piece
                .chars()
                .take_while(|letter| letter.is_ascii_lowercase() || *letter == '_')
                .collect();
            let is_there = |(known, _): &(String, String)| known[7..] == name;
            assert!(
                there.iter().any(is_there),
                "{}: gantry_{name}",
                page.display()
            );
            named += 1;
        }
    }
    assert!(named > 15, "{named}");
}
