//! The commands as people call them: what they print, where, and how they exit.

use std::path::Path;
use std::process::{Command, Output, Stdio};

const LEAST: &str = "\
listen:
  public_url: https://chat.example.com
rocketchat:
  service_account: { user_id: gantry, auth_token: not-to-be-shown }
issuers:
  - issuer: https://app.example.com
    audiences: [chat]
    algorithms: [RS256]
    jwks_url: https://app.example.com/jwks.json
";

/// The program with an empty environment.
fn gantry(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gantry"));
    command.args(arguments).env_clear().stdin(Stdio::null());
    command
}

fn output(command: &mut Command) -> (Option<i32>, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().expect("the program runs");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (status.code(), text(stdout), text(stderr))
}

/// A configuration file in a directory of its own.
fn file(text: &str) -> (tempfile::TempDir, String) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("gantry.yaml");
    std::fs::write(&path, text).expect("a file");
    let path = path.to_string_lossy().into_owned();
    (directory, path)
}

#[test]
fn check_accepts_what_is_right() {
    let (_directory, path) = file(LEAST);
    let (code, out, err) = output(&mut gantry(&["check", "--config", &path]));
    assert_eq!(
        (code, out.as_str(), err.as_str()),
        (Some(0), "the configuration is valid\n", "")
    );
}

#[test]
fn check_tells_machines_every_mistake_and_warning() {
    let text = LEAST.replace("public_url", "public_ur") + "users: { protected_roles: [] }\n";
    let (_directory, path) = file(&text);
    let mut command = gantry(&["check", "--json", "--config", &path]);
    command.env("GANTRY_TOKENS__BEARER", "perhaps");
    let (code, out, _) = output(&mut command);
    assert_eq!(code, Some(1), "{out}");
    let told: Vec<serde_json::Value> = serde_json::from_str(&out).expect("JSON");
    let find = |key: &str| told.iter().find(|it| it["key"] == key).expect(key);
    let misspelt = find("listen.public_ur");
    assert_eq!(
        (&misspelt["file"], &misspelt["line"], &misspelt["column"]),
        (&path.as_str().into(), &2.into(), &3.into())
    );
    assert_eq!(misspelt["severity"], "error");
    assert_eq!(
        misspelt["problem"],
        "unknown key; did you mean `public_url`?"
    );
    let set = find("tokens.bearer");
    assert_eq!(set["variable"], "GANTRY_TOKENS__BEARER");
    assert!(set["file"].is_null() && set["line"].is_null());
    let open = find("users.protected_roles");
    assert_eq!(
        (&open["severity"], &open["line"]),
        (&"warning".into(), &10.into())
    );
    let (_directory, path) = file(LEAST);
    let (code, out, err) = output(&mut gantry(&["check", "--json", "--config", &path]));
    assert_eq!((code, out.as_str(), err.as_str()), (Some(0), "[]\n", ""));
}

#[test]
fn check_tells_every_mistake_with_its_place_and_fails() {
    let (_directory, path) = file(
        &LEAST
            .replace("public_url", "public_ur")
            .replace("RS256", "none"),
    );
    let mut command = gantry(&["check", "--config", &path]);
    let (code, out, err) = output(
        command
            .env("GANTRY_ADMIN__ADDRESS", "here")
            .env("GANTRY_PORT", "tcp://x"),
    );
    assert_eq!((code, out.as_str()), (Some(1), ""));
    for expected in [
        "gantry: the configuration has 4 mistakes:\n".to_owned(),
        format!("{path}:2:3: listen.public_ur: unknown key; did you mean `public_url`?\n"),
        format!("{path}:8:18: issuers[0].algorithms[0]: unsigned tokens are never believed"),
        "environment variable GANTRY_ADMIN__ADDRESS: admin.address: \"here\" should be".to_owned(),
    ] {
        assert!(err.contains(&expected), "{expected}\n{err}");
    }
}

#[test]
fn check_prints_warnings_and_succeeds() {
    let (_directory, path) = file(&LEAST.replace("jwks_url: https", "jwks_url: http"));
    let (code, out, _) = output(&mut gantry(&["check", "--config", &path]));
    assert_eq!(code, Some(0));
    assert!(
        out.starts_with("warning: ") && out.contains("keys come over plain http"),
        "{out}"
    );
}

#[test]
fn every_command_that_needs_a_configuration_refuses_a_bad_one() {
    let (directory, path) = file("listn: {}");
    let token = directory.path().join("token");
    std::fs::write(&token, "x.y.z").expect("a file");
    let token = token.to_string_lossy();
    for arguments in [
        &["run"][..],
        &["check"],
        &["print-config"],
        &["healthcheck"],
        &["whois", "--token-file", &token],
    ] {
        let (code, out, err) = output(gantry(arguments).args(["--config", &path]));
        assert_eq!((code, out.as_str()), (Some(1), ""), "{arguments:?}");
        assert!(
            err.contains("did you mean `listen`?"),
            "{arguments:?}: {err}"
        );
    }
}

#[test]
fn print_config_lays_the_environment_over_the_file_and_hides_secrets() {
    let (_directory, path) = file(LEAST);
    let mut command = gantry(&["print-config", "--config", &path]);
    let (code, out, err) =
        output(command.env("GANTRY_ROCKETCHAT__CREATE_TOKEN_SECRET", "not-to-be-shown"));
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert!(
        out.contains("create_token_secret: \"[redacted]\"")
            && out.contains("auth_token: \"[redacted]\""),
        "{out}"
    );
    assert!(!out.contains("not-to-be-shown"));
}

#[test]
fn schema_is_json_that_knows_every_section() {
    let (code, out, _) = output(&mut gantry(&["schema"]));
    assert_eq!(code, Some(0));
    let schema: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    let sections: Vec<&str> = schema["properties"]
        .as_object()
        .expect("sections")
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(
        sections,
        [
            "listen",
            "admin",
            "rocketchat",
            "issuers",
            "tokens",
            "users",
            "sessions",
            "proxy",
            "websocket",
            "iframe",
            "filter",
            "backchannel_logout",
            "telemetry"
        ]
    );
    assert_eq!(schema["additionalProperties"], false);
}

#[test]
fn version_names_version_revision_and_target() {
    let (code, out, _) = output(&mut gantry(&["version"]));
    assert_eq!(code, Some(0));
    let words: Vec<&str> = out
        .lines()
        .filter_map(|line| line.split(' ').next())
        .collect();
    assert_eq!(words, ["gantry", "revision", "target"]);
    assert!(out.contains(gantry::VERSION), "{out}");
}

#[test]
fn a_wrong_command_line_exits_with_two() {
    for arguments in [&[][..], &["serve"], &["check", "--confg", "x"], &["whois"]] {
        assert_eq!(output(&mut gantry(arguments)).0, Some(2), "{arguments:?}");
    }
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let mut child = gantry(&["schema"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program runs");
    // The pipe's end is dropped before the program has written: the schema is larger than one write takes, or is refused whole.
    drop(child.stdout.take());
    let finished = child.wait_with_output().expect("the program ends");
    assert_eq!(
        (finished.status.code(), finished.stderr.as_slice()),
        (Some(0), &b""[..])
    );
}

#[test]
fn whois_says_when_the_token_file_cannot_be_read() {
    let (_directory, path) = file(LEAST);
    let missing = Path::new("/nowhere/token").to_string_lossy().into_owned();
    let (code, _, err) = output(&mut gantry(&[
        "whois",
        "--config",
        &path,
        "--token-file",
        &missing,
    ]));
    assert_eq!(code, Some(1));
    assert!(
        err.contains("cannot read the token from /nowhere/token"),
        "{err}"
    );
}
