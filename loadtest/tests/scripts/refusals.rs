//! No script loads another machine by a slip; and what oha is called with.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Output;

use tokio::process::Command;

use crate::stage::{SCRIPTS, Stage, k6, told};

/// From the range that documentation has for itself: nobody is there.
const FOREIGN: &str = "http://192.0.2.1:8080";

/// What no script may take for loopback.
const ODD: [&str; 6] = [
    FOREIGN,
    "http://127.0.0.1.example:8080",
    "http://127.0.0.1@192.0.2.1:8080",
    "http://localhost.example",
    "http://[::2]:8080",
    "127.0.0.1:8080",
];

/// k6 reads the script and runs nothing.
async fn inspect(stage: &Stage, script: &str, target: &str, allowed: &str) -> Output {
    k6("inspect")
        .env("TARGET", target)
        .env("ALLOW_TARGET", allowed)
        .env("TOKENS", stage.tokens_file())
        .arg("--include-system-env-vars")
        .arg(script)
        .output()
        .await
        .unwrap()
}

#[tokio::test]
async fn k6_loads_another_machine_only_when_it_is_named_twice() {
    let stage = Stage::new().await;

    for script in ["rest.js", "sockets.js", "storm.js"] {
        for target in ODD {
            let refused = inspect(&stage, script, target, "").await;
            assert!(!refused.status.success(), "{script} takes {target}");
            let why = told(&refused);
            assert!(
                why.contains("ALLOW_TARGET=") || why.contains("is no origin"),
                "{why}"
            );
        }
        let other = inspect(&stage, script, FOREIGN, "192.0.2.2").await;
        assert!(!other.status.success(), "{script}");
        for (target, allowed) in [
            (FOREIGN, "192.0.2.1"),
            ("http://[::1]:8080/", ""),
            ("https://localhost", ""),
        ] {
            let taken = inspect(&stage, script, target, allowed).await;
            assert!(
                taken.status.success(),
                "{script} {target}: {}",
                told(&taken)
            );
        }
    }
}

#[tokio::test]
async fn wrk_loads_another_machine_only_when_it_is_named_twice() {
    let stage = Stage::new().await;
    // This machine, and not loopback by its name.
    let here = format!("http://0.0.0.0:{}", stage.port());

    for (target, allowed) in [
        (FOREIGN, ""),
        (FOREIGN, "192.0.2.2"),
        (&here, ""),
        (&here, "0.0.0.1"),
    ] {
        let refused = stage.wrk(target, allowed).await;
        assert_eq!(
            refused.status.code(),
            Some(2),
            "{target}: {}",
            told(&refused)
        );
        assert!(
            told(&refused).contains("say ALLOW_TARGET="),
            "{}",
            told(&refused)
        );
    }
    let taken = stage.wrk(&here, "0.0.0.0").await;
    assert!(taken.status.success(), "{}", told(&taken));
}

/// oha.sh with a program in oha's place that says what it was given.
async fn oha(stage: &Stage, target: &str, allowed: &str) -> Output {
    let stand_in = stage.path("oha");
    std::fs::write(&stand_in, "#!/bin/sh\nprintf '%s\\n' \"$@\"\n").unwrap();
    std::fs::set_permissions(&stand_in, std::fs::Permissions::from_mode(0o755)).unwrap();
    Command::new("sh")
        .arg("-c")
        .arg(r#"PATH="$0:$PATH" exec ./oha.sh --insecure"#)
        .arg(stage.folder.path())
        .env("TARGET", target)
        .env("ALLOW_TARGET", allowed)
        .env("TOKENS", stage.tokens_file())
        .current_dir(SCRIPTS)
        .output()
        .await
        .unwrap()
}

#[tokio::test]
async fn oha_is_given_one_jwt_a_rate_and_the_path() {
    let stage = Stage::new().await;
    let tokens = std::fs::read_to_string(stage.tokens_file()).unwrap();
    let first = tokens.lines().next().unwrap();

    let run = oha(&stage, "http://127.0.0.1:8080/", "").await;

    let given = String::from_utf8(run.stdout).unwrap();
    let given: Vec<&str> = given.lines().collect();
    let bearer = format!("Authorization: Bearer {first}");
    let wanted = [
        "-z",
        "30s",
        "-q",
        "200",
        "-c",
        "32",
        "--latency-correction",
        "--no-tui",
        "--redirect",
        "0",
        "-H",
        &bearer,
        "--insecure",
        "http://127.0.0.1:8080/api/v1/me",
    ];
    assert_eq!(given, wanted);
}

#[tokio::test]
async fn oha_loads_another_machine_only_when_it_is_named_twice() {
    let stage = Stage::new().await;

    for target in ODD {
        let refused = oha(&stage, target, "").await;
        assert_eq!(
            refused.status.code(),
            Some(2),
            "{target}: {}",
            told(&refused)
        );
    }
    assert_eq!(
        oha(&stage, FOREIGN, "192.0.2.2").await.status.code(),
        Some(2)
    );
    let taken = oha(&stage, FOREIGN, "192.0.2.1").await;
    assert!(taken.status.success(), "{}", told(&taken));
}
