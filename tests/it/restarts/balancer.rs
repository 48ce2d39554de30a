//! HAProxy with the file that people copy.

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::process::Child;

use gantry_redis::ports;
use tempfile::TempDir;

use super::replica::Replica;
use crate::gateways::ingress::{log, spawn};
use crate::support::eventually::eventually;

/// A HAProxy that ends when this is dropped.
pub(super) struct Balancer {
    address: SocketAddr,
    child: Child,
    folder: TempDir,
}

impl Balancer {
    /// Starts it in front of these, and returns when it listens.
    pub(super) async fn start(replicas: &[Replica]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, ports::free()));
        let file = folder.path().join("haproxy.cfg");
        std::fs::write(&file, adapted(address, replicas)).unwrap();
        let command = ["haproxy", "-db", "-f", file.to_str().unwrap()];
        let mut balancer = Self {
            address,
            child: spawn(&command, folder.path()),
            folder,
        };
        eventually("HAProxy listens", || {
            let ended = balancer.child.try_wait().unwrap();
            assert!(ended.is_none(), "{}", balancer.log());
            TcpStream::connect(address).is_ok()
        })
        .await;
        balancer
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Did it see that a replica was about to stop, and not find out by connections that were refused?
    pub(super) fn saw_leave(&self, number: usize) -> bool {
        let seen =
            format!("requests/gantry-{number} is DOWN, reason: Layer7 wrong status, code: 503");
        self.log().contains(&seen)
    }

    fn log(&self) -> String {
        std::fs::read_to_string(log(self.folder.path())).unwrap_or_default()
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let _shown = writeln!(std::io::stderr(), "HAProxy wrote: {}", self.log());
        }
        let _ended_already = self.child.kill();
        let _status = self.child.wait();
    }
}

/// The file as it stands, but for the addresses.
fn adapted(clients: SocketAddr, replicas: &[Replica]) -> String {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/gateways/haproxy-replicas.cfg");
    let mut text = std::fs::read_to_string(source)
        .unwrap()
        .replace("0.0.0.0:8000", &clients.to_string());
    for (at, replica) in replicas.iter().enumerate() {
        let written = format!("10.0.0.1{}:8080", at + 1);
        let checked = format!("{written} check port 9090");
        assert!(text.contains(&checked), "{text}");
        let (public, admin) = (replica.public(), replica.admin().port());
        text = text
            .replace(&checked, &format!("{public} check port {admin}"))
            .replace(&written, &public.to_string());
    }
    text
}
