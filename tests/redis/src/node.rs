//! One server process.

use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::tls::Certificates;
use crate::{Program, ports};

/// Far longer than anything here takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Pause between two looks.
const GLANCE: Duration = Duration::from_millis(10);

/// A server that ends when this is dropped.
#[derive(Debug)]
pub struct Node {
    program: Program,
    port: u16,
    arguments: Vec<String>,
    certificates: Option<Certificates>,
    folder: TempDir,
    child: Mutex<Option<Child>>,
}

impl Node {
    /// A single Redis without anything.
    #[must_use]
    pub fn redis() -> Self {
        Self::start(Program::Redis, &[])
    }

    /// Starts a program with further arguments.
    #[must_use]
    pub fn start(program: Program, arguments: &[&str]) -> Self {
        Self::start_as(program, |_, _| {
            arguments.iter().map(ToString::to_string).collect()
        })
    }

    /// Starts a Redis that speaks TLS only, and knows only the users that these lines of an ACL file define.
    #[must_use]
    pub fn with_tls_and_users(users: &str) -> Self {
        let folder = folder();
        let certificates = Certificates::write(folder.path());
        let file = folder.path().join("users.acl");
        std::fs::write(&file, users).expect("the ACL file is written");
        let port = ports::free();
        let arguments = [
            ("--port", "0".to_owned()),
            ("--tls-port", port.to_string()),
            ("--tls-cert-file", text(&certificates.certificate)),
            ("--tls-key-file", text(&certificates.key)),
            ("--tls-ca-cert-file", text(&certificates.authority)),
            ("--tls-auth-clients", "no".to_owned()),
            ("--aclfile", text(&file)),
        ];
        let arguments = arguments
            .into_iter()
            .flat_map(|(name, value)| [name.to_owned(), value]);
        Self::run(Self {
            program: Program::Redis,
            port,
            arguments: plain(None).chain(arguments).collect(),
            certificates: Some(certificates),
            folder,
            child: Mutex::default(),
        })
    }

    /// Starts a program with arguments that depend on its port and its directory.
    pub(crate) fn start_as(
        program: Program,
        arguments: impl FnOnce(u16, &Path) -> Vec<String>,
    ) -> Self {
        let folder = folder();
        let port = ports::free();
        let further = arguments(port, folder.path());
        let arguments = match program {
            // A sentinel has nothing but its file.
            Program::Sentinel => further,
            Program::Redis | Program::Valkey => plain(Some(port)).chain(further).collect(),
        };
        Self::run(Self {
            program,
            port,
            arguments,
            certificates: None,
            folder,
            child: Mutex::default(),
        })
    }

    fn run(node: Self) -> Self {
        node.restart();
        node
    }

    /// Where it listens, on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The file of the authority that signed its certificate.
    ///
    /// # Panics
    /// When it has none.
    #[must_use]
    pub fn authority(&self) -> &Path {
        &self.certificates.as_ref().expect("it speaks TLS").authority
    }

    /// Ends it without warning, as a power cut would.
    pub fn kill(&self) {
        let child = self.child().take();
        if let Some(mut child) = child {
            let _ended_already = child.kill();
            let _status = child.wait();
        }
    }

    /// Starts it again on its port, and returns when it listens.
    ///
    /// # Panics
    /// When it does not start.
    pub fn restart(&self) {
        self.kill();
        let log = std::fs::File::create(self.folder.path().join("log")).expect("a log");
        // Not even a test that is killed leaves a server behind.
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--"])
            .arg(self.program.path())
            .args(&self.arguments)
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log"))
            .stderr(log)
            .spawn()
            .expect("setpriv is there (Debian: util-linux)");
        *self.child() = Some(child);
        eventually("it listens", || {
            let ended = self
                .child()
                .as_mut()
                .and_then(|child| child.try_wait().ok().flatten());
            assert!(
                ended.is_none(),
                "{:?} does not run (install redis-server and redis-sentinel, or run scripts/test.sh): {}",
                self.program,
                self.log()
            );
            TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok()
        });
    }

    /// Stops it from doing anything, as a machine that hangs does: connections stand, and nothing is answered.
    pub fn pause(&self) {
        self.signal("STOP");
    }

    /// Lets it go on.
    pub fn resume(&self) {
        self.signal("CONT");
    }

    /// Asks it something as its default user, and gives the answer as `redis-cli` shows it.
    ///
    /// # Panics
    /// When `redis-cli` is not there.
    pub fn ask(&self, command: &[&str]) -> String {
        let mut cli = Command::new("redis-cli");
        cli.args(["-p", &self.port.to_string()]);
        if let Some(certificates) = &self.certificates {
            cli.arg("--tls")
                .arg("--cacert")
                .arg(&certificates.authority);
        }
        let answer = cli.args(command).output().expect("redis-cli is there");
        String::from_utf8_lossy(&answer.stdout).trim().to_owned()
    }

    /// What it wrote so far.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    fn signal(&self, signal: &str) {
        let process = self.child().as_ref().expect("it runs").id();
        let status = Command::new("sh")
            .args(["-c", &format!("kill -{signal} {process}")])
            .status()
            .expect("a shell");
        assert!(status.success(), "kill -{signal}");
    }

    fn child(&self) -> std::sync::MutexGuard<'_, Option<Child>> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Waits for something to come about.
pub(crate) fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = instant() + PATIENCE;
    while !is_so() {
        assert!(instant() < end, "it does not come about that {what}");
        thread::sleep(GLANCE);
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "another process's time cannot be paused"
)]
fn instant() -> Instant {
    Instant::now()
}

fn folder() -> TempDir {
    tempfile::Builder::new()
        .prefix("gantry-redis-")
        .tempdir()
        .expect("a directory")
}

fn plain(port: Option<u16>) -> impl Iterator<Item = String> {
    let port = port
        .into_iter()
        .flat_map(|port| ["--port".to_owned(), port.to_string()]);
    let rest = [
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--repl-diskless-sync-delay",
        "0",
        "--loglevel",
        "notice",
    ];
    port.chain(rest.into_iter().map(str::to_owned))
}

fn text(path: &Path) -> String {
    PathBuf::from(path).to_string_lossy().into_owned()
}
