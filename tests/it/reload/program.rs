//! The real program: SIGHUP has it read its file again.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::json;

use crate::reload::stage::{ECHO, config};
use crate::support::eventually::eventually;
use crate::support::gateway::client;
use crate::support::world::World;

/// Ends with the test.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ended = self.0.kill();
        let _reaped = self.0.wait();
    }
}

#[tokio::test]
async fn sighup_has_the_file_and_the_environment_read_again() {
    let world = World::plain().await;
    let directory = tempfile::TempDir::new().unwrap();
    let path = directory.path().join("gantry.yaml");
    let mut said = config(&world.rc, &world.issuer);
    std::fs::write(&path, said.to_string()).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_gantry"))
        .args(["run", "--config"])
        .arg(&path)
        .env("GANTRY_USERS__SYNC_PROFILE", "false")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let program = Program(child);
    let log = Arc::new(Mutex::new(Vec::<String>::new()));
    let heard = Arc::clone(&log);
    std::thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            heard.lock().unwrap().push(line);
        }
    });
    let line = |parts: &[&str]| {
        let log = log.lock().unwrap();
        let mut found = log
            .iter()
            .filter(|line| parts.iter().all(|part| line.contains(part)));
        found.next().cloned()
    };
    eventually("it serves", || line(&["gantry serves"]).is_some()).await;
    let serves: serde_json::Value =
        serde_json::from_str(&line(&["gantry serves"]).unwrap()).unwrap();
    let address = serves["address"].as_str().unwrap();
    let token = world.issuer.token("alice");
    let status = async || {
        let asked = client().get(format!("http://{address}{ECHO}"));
        let answer = asked.bearer_auth(&token).send().await.unwrap();
        answer.status().as_u16()
    };
    while matches!(status().await, 502 | 503) {
        tokio::task::yield_now().await;
    }
    assert_eq!(status().await, 200);

    said["proxy"]["denied"] = json!([ECHO]);
    std::fs::write(&path, said.to_string()).unwrap();
    let id = i32::try_from(program.0.id()).unwrap();
    hang_up(id);
    eventually("it is read again", || {
        line(&["is in force", "\"keys\":\"proxy.denied\""]).is_some()
    })
    .await;
    assert_eq!(status().await, 403);
}

fn hang_up(id: i32) {
    // The shell knows it everywhere.
    let sent = Command::new("sh")
        .args(["-c", &format!("kill -HUP {id}")])
        .status();
    assert!(sent.unwrap().success());
}
