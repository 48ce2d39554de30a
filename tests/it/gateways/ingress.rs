//! One ingress process, with the very file that people copy.

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use gantry::telemetry::metrics::Dialect;
use gantry_redis::ports;
use tempfile::TempDir;

use crate::filter::asking::SECRET;
use crate::support::eventually::eventually;

/// What the files say, and what stands there instead in a test: where clients come, Gantry, Rocket.Chat, Gantry's gRPC, the secret, and
/// HAProxy's script.
const WRITTEN: [&str; 6] = [
    "0.0.0.0:8000",
    "127.0.0.1:8080",
    "127.0.0.1:3000",
    "127.0.0.1:9191",
    "FILTER-SECRET",
    "/etc/haproxy/gantry.lua",
];

/// An ingress program, with one way of asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Program {
    Nginx,
    Haproxy,
}

impl Program {
    /// The file in `config/gateways`.
    fn file(self) -> &'static str {
        match self {
            Self::Nginx => "nginx.conf",
            Self::Haproxy => "haproxy.cfg",
        }
    }

    /// How it asks.
    pub(crate) fn dialect(self) -> Dialect {
        match self {
            Self::Nginx | Self::Haproxy => Dialect::Nginx,
        }
    }

    fn command(self, file: &Path, folder: &Path) -> Vec<String> {
        let file = file.to_string_lossy().into_owned();
        let folder = folder.to_string_lossy();
        let words: Vec<String> = match self {
            Self::Nginx => {
                let main = format!("daemon off; pid {folder}/pid;");
                let words = [
                    "nginx", "-p", &folder, "-e", "stderr", "-c", &file, "-g", &main,
                ];
                words.map(str::to_owned).to_vec()
            }
            Self::Haproxy => ["haproxy", "-db", "-f", &file].map(str::to_owned).to_vec(),
        };
        words
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
        let instead = [address, places.gantry, places.rocketchat, places.grpc];
        let instead = instead.map(|address| address.to_string());
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/gateways");
        let script = source.join("gantry.lua");
        let further = [SECRET, script.to_str().unwrap()];
        let instead = instead.iter().map(String::as_str).chain(further);
        let mut text = std::fs::read_to_string(source.join(program.file())).unwrap();
        for (written, instead) in WRITTEN.into_iter().zip(instead) {
            text = text.replace(written, instead);
        }
        let file = folder.path().join(program.file());
        std::fs::write(&file, text).unwrap();
        let child = spawn(&program.command(&file, folder.path()), folder.path());
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

fn log(folder: &Path) -> PathBuf {
    folder.join("log")
}

/// Not even a test that is killed leaves it behind.
fn spawn(command: &[String], folder: &Path) -> Child {
    let log = std::fs::File::create(log(folder)).unwrap();
    // Debian puts servers where only root looks.
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin";
    Command::new("setpriv")
        .env("PATH", path)
        .args(["--pdeathsig", "KILL", "--"])
        .args(command)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .expect("setpriv is there (Debian: util-linux)")
}
