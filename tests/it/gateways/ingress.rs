//! One ingress process, with the very files that people copy.

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use gantry::telemetry::metrics::Dialect;
use gantry_redis::ports;
use tempfile::TempDir;

use crate::filter::asking::SECRET;
use crate::support::eventually::eventually;

/// Ports that the files name: where clients come, Gantry's, Rocket.Chat's, and that of Gantry's gRPC.
const PORTS: [&str; 4] = ["8000", "8080", "3000", "9191"];

/// Where the files listen.
const EVERYWHERE: &str = "0.0.0.0";

/// What stands for the secret.
const SECRETS_PLACE: &str = "FILTER-SECRET";

/// Where the files look for scripts.
const FOLDERS: [&str; 2] = ["/etc/haproxy", "/etc/envoy"];

/// An ingress program, with one way of asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Program {
    Nginx,
    Haproxy,
    Caddy,
    Envoy,
    EnvoyGrpc,
}

impl Program {
    /// Its files in `config/gateways`; the first is the one that it is started with.
    fn files(self) -> &'static [&'static str] {
        match self {
            Self::Nginx => &["nginx.conf"],
            Self::Haproxy => &["haproxy.cfg", "haproxy.lua"],
            Self::Caddy => &["Caddyfile"],
            Self::Envoy => &["envoy.yaml", "envoy.lua"],
            Self::EnvoyGrpc => &["envoy-grpc.yaml", "envoy.lua"],
        }
    }

    /// How it asks.
    pub(crate) fn dialect(self) -> Dialect {
        match self {
            Self::Nginx | Self::Haproxy => Dialect::Nginx,
            Self::Caddy => Dialect::Traefik,
            Self::Envoy => Dialect::Envoy,
            Self::EnvoyGrpc => Dialect::EnvoyGrpc,
        }
    }

    fn command(self, file: &str) -> Vec<&str> {
        match self {
            Self::Nginx => {
                // One process: workers would outlive a master that is killed.
                let main = "daemon off; master_process off; pid nginx.pid;";
                vec!["nginx", "-p", ".", "-e", "stderr", "-c", file, "-g", main]
            }
            Self::Haproxy => vec!["haproxy", "-db", "-f", file],
            Self::Caddy => vec!["caddy", "run", "--config", file, "--adapter", "caddyfile"],
            Self::Envoy | Self::EnvoyGrpc => {
                let quiet = ["-l", "warn", "--concurrency", "1", "--disable-hot-restart"];
                let mut words = vec![envoy(), "-c", file];
                words.extend(quiet);
                words
            }
        }
    }
}

/// Envoy: where `scripts/test.sh` puts it, or on the path.
fn envoy() -> &'static str {
    let installed = concat!(env!("CARGO_MANIFEST_DIR"), "/.cache/envoy/envoy/_bin/envoy");
    if Path::new(installed).exists() {
        installed
    } else {
        "envoy"
    }
}

/// Where the things are that an ingress stands between.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Places {
    pub(crate) gantry: SocketAddr,
    pub(crate) rocketchat: SocketAddr,
    pub(crate) grpc: SocketAddr,
}

/// An ingress that ends when this is dropped.
pub(crate) struct Ingress {
    address: SocketAddr,
    child: Child,
    folder: TempDir,
}

impl Ingress {
    /// Starts it, and returns when it listens.
    pub(crate) async fn start(program: Program, places: Places) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("gantry-ingress-")
            .tempdir()
            .unwrap();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, ports::free()));
        for file in program.files() {
            let text = adapted(file, folder.path(), address, places);
            std::fs::write(folder.path().join(file), text).unwrap();
        }
        let file = folder.path().join(program.files()[0]);
        let child = spawn(&program.command(file.to_str().unwrap()), folder.path());
        let mut ingress = Self {
            address,
            child,
            folder,
        };
        eventually("the ingress listens", || {
            let ended = ingress.child.try_wait().unwrap();
            assert!(
                ended.is_none(),
                "{program:?} does not run (scripts/test.sh installs it): {}",
                ingress.log()
            );
            TcpStream::connect(address).is_ok()
        })
        .await;
        ingress
    }

    /// Where clients come.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it wrote so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(log(self.folder.path())).unwrap_or_default()
    }
}

impl Drop for Ingress {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // Goes to what the test shows of itself.
            let _shown = writeln!(std::io::stderr(), "the ingress wrote: {}", self.log());
        }
        let _ended_already = self.child.kill();
        let _status = self.child.wait();
    }
}

/// The file as it stands, but for the addresses, the secret and the folder.
fn adapted(file: &str, folder: &Path, clients: SocketAddr, places: Places) -> String {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/gateways");
    let mut text = std::fs::read_to_string(source.join(file))
        .unwrap()
        .replace(EVERYWHERE, "127.0.0.1")
        .replace(SECRETS_PLACE, SECRET);
    // By way of what stands in no file: a free port may be one of those that are written.
    for (at, written) in PORTS.into_iter().enumerate() {
        text = text.replace(written, &format!("<{at}>"));
    }
    let ports = [clients, places.gantry, places.rocketchat, places.grpc];
    for (at, place) in ports.into_iter().enumerate() {
        text = text.replace(&format!("<{at}>"), &place.port().to_string());
    }
    for written in FOLDERS {
        text = text.replace(written, folder.to_str().unwrap());
    }
    text
}

pub(crate) fn log(folder: &Path) -> PathBuf {
    folder.join("log")
}

/// Not even a test that is killed leaves it behind.
pub(crate) fn spawn(command: &[&str], folder: &Path) -> Child {
    let log = std::fs::File::create(log(folder)).unwrap();
    Command::new("setpriv")
        .env("PATH", path())
        // What a program keeps of itself, it keeps here.
        .env("HOME", folder)
        .env_remove("XDG_CONFIG_HOME")
        .env_remove("XDG_DATA_HOME")
        .args(["--pdeathsig", "KILL", "--"])
        .args(command)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .expect("setpriv is there (Debian: util-linux)")
}

/// Where programs are: Debian puts servers where only root looks.
#[expect(clippy::disallowed_methods, reason = "the program's own variable")]
fn path() -> String {
    std::env::var("PATH").unwrap_or_default() + ":/usr/sbin"
}
