//! Finds the one node that has the sessions, and opens connections to it.
//!
//! All our keys are in one slot, so there is always exactly one such node, and the same connection does for a single Redis, for a
//! master that sentinels know, and for the owner of a cluster's slot. Which one it is, is asked anew for every connection.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, ClientTlsConfig, Cmd, ConnectionAddr, ConnectionInfo,
    FromRedisValue, IntoConnectionInfo, RedisConnectionInfo, RedisError, TlsCertificates, Value,
};

use crate::config::session::redis::{Node, Reach, Redis as Config, Sentinel, Tls};
use crate::secret::Secret;
use crate::session::store::redis::failure::Failure;
use crate::session::store::redis::limits::Limits;
use crate::session::store::redis::names::Names;

/// Most nodes of a cluster that are remembered; an answer that lists more is not believed further.
const MOST_NODES: usize = 256;

/// Opens connections.
#[derive(Debug)]
pub(super) struct Door {
    config: Config,
    limits: Limits,
    names: Names,
    /// Sentinels, or nodes of the cluster, in the order in which they are asked: who answered last is first.
    known: Mutex<Vec<Node>>,
}

/// A connection, and to whom.
pub(super) struct Opened {
    pub(super) connection: MultiplexedConnection,
    pub(super) node: Node,
}

/// What asking one of many came to.
enum Found {
    Here(Opened),
    At(Node),
}

impl Door {
    pub(super) fn new(config: Config, limits: Limits, names: Names) -> Self {
        let known = match &config.reach {
            Reach::Single { node, .. } => vec![node.clone()],
            Reach::Sentinel(sentinel) => sentinel.nodes.clone(),
            Reach::Cluster(nodes) => nodes.clone(),
        };
        Self {
            config,
            limits,
            names,
            known: Mutex::new(known),
        }
    }

    /// Opens a connection to the node that has the sessions.
    pub(super) async fn open(&self) -> Result<Opened, Failure> {
        let mut last = Failure::Nowhere;
        let mut tried = Vec::new();
        for node in self.known() {
            let opened = match self.find(&node).await {
                Ok(Found::Here(opened)) => Ok(opened),
                // All of them may name the same dead one, and its time-out is paid once.
                Ok(Found::At(owner)) if tried.contains(&owner) => continue,
                Ok(Found::At(owner)) => {
                    tried.push(owner.clone());
                    self.open_at(owner).await
                }
                Err(failure) => Err(failure),
            };
            match opened {
                Ok(opened) => {
                    self.prefer(node);
                    return Ok(opened);
                }
                Err(failure) => last = failure,
            }
        }
        Err(last)
    }

    async fn find(&self, node: &Node) -> Result<Found, Failure> {
        match &self.config.reach {
            Reach::Single { .. } => self.open_at(node.clone()).await.map(Found::Here),
            Reach::Sentinel(sentinel) => self.ask_sentinel(node, sentinel).await.map(Found::At),
            Reach::Cluster(_) => self.ask_member(node).await,
        }
    }

    async fn open_at(&self, node: Node) -> Result<Opened, Failure> {
        let database = match &self.config.reach {
            Reach::Single { database, .. } => i64::from(*database),
            Reach::Sentinel(_) | Reach::Cluster(_) => 0,
        };
        let entry = entry(
            self.config.username.as_deref(),
            self.config.password.as_ref(),
        );
        let connection = self.connect(&node, entry.set_db(database)).await?;
        Ok(Opened { connection, node })
    }

    async fn ask_sentinel(&self, asked: &Node, sentinel: &Sentinel) -> Result<Node, Failure> {
        let entry = entry(sentinel.username.as_deref(), sentinel.password.as_ref());
        let mut connection = self.connect(asked, entry).await?;
        let question = redis::cmd("SENTINEL")
            .arg("GET-MASTER-ADDR-BY-NAME")
            .arg(&sentinel.service)
            .take();
        let named: Option<(String, u16)> = self.ask(&mut connection, &question).await??;
        let (host, port) = named.ok_or_else(|| Failure::Nameless {
            master: sentinel.service.clone(),
        })?;
        Ok(Node { host, port })
    }

    /// Whoever is asked about a key that another node has says which one that is.
    async fn ask_member(&self, asked: &Node) -> Result<Found, Failure> {
        let mut opened = self.open_at(asked.clone()).await?;
        let question = redis::cmd("XLEN").arg(self.names.words()).take();
        let answer: Result<u64, RedisError> = self.ask(&mut opened.connection, &question).await?;
        let moved = answer
            .as_ref()
            .err()
            .and_then(|error| error.redirect_node());
        let owner = match (&answer, moved) {
            (_, Some((address, _))) => Some(redirection(address, asked)),
            (Err(error), None) => return Err(error.clone().into()),
            (Ok(_), None) => None,
        };
        // Not needed today: but the nodes of the configuration may be gone tomorrow.
        let question = redis::cmd("CLUSTER").arg("SLOTS").take();
        if let Ok(slots) = self.ask(&mut opened.connection, &question).await? {
            self.learn(&slots, asked);
        }
        Ok(owner.map_or(Found::Here(opened), Found::At))
    }

    /// A connection may stand to what hangs: only an answer tells.
    async fn ask<T: FromRedisValue>(
        &self,
        connection: &mut MultiplexedConnection,
        question: &Cmd,
    ) -> Result<Result<T, RedisError>, Failure> {
        let patience = self.limits.command;
        tokio::time::timeout(patience, question.query_async(connection))
            .await
            .map_err(|_elapsed| Failure::Late(patience))
    }

    async fn connect(
        &self,
        node: &Node,
        entry: RedisConnectionInfo,
    ) -> Result<MultiplexedConnection, Failure> {
        let patience = self.limits.connect;
        // Answers are waited for outside, where it is known whether a command blocks.
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(patience))
            .set_response_timeout(None);
        let client = self.client(node, entry).await?;
        let connecting = client.get_multiplexed_async_connection_with_config(&config);
        // Once more around everything: resolving a name has no end of its own.
        tokio::time::timeout(patience * 2, connecting)
            .await
            .map_err(|_elapsed| Failure::Late(patience * 2))?
            .map_err(Failure::from)
    }

    async fn client(&self, node: &Node, entry: RedisConnectionInfo) -> Result<Client, Failure> {
        let (host, port) = (node.host.clone(), node.port);
        let info = |address: ConnectionAddr| -> Result<ConnectionInfo, RedisError> {
            Ok(address.into_connection_info()?.set_redis_settings(entry))
        };
        let Some(tls) = &self.config.tls else {
            return Ok(Client::open(info(ConnectionAddr::Tcp(host, port))?)?);
        };
        let address = ConnectionAddr::TcpTls {
            host,
            port,
            insecure: false,
            tls_params: None,
        };
        Ok(Client::build_with_tls(
            info(address)?,
            certificates(tls).await?,
        )?)
    }

    fn known(&self) -> Vec<Node> {
        self.known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The next time this one is asked first: a dead one before it would cost its time-out again and again.
    fn prefer(&self, node: Node) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|other| *other != node);
        known.insert(0, node);
    }

    fn learn(&self, slots: &Value, asked: &Node) {
        let Reach::Cluster(configured) = &self.config.reach else {
            return;
        };
        let mut known = configured.clone();
        for node in nodes(slots, asked) {
            if known.len() < MOST_NODES && !known.contains(&node) {
                known.push(node);
            }
        }
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = known;
    }
}

fn entry(username: Option<&str>, password: Option<&Secret>) -> RedisConnectionInfo {
    // One permission less to ask for.
    let mut entry = RedisConnectionInfo::default().set_skip_set_lib_name();
    if let Some(username) = username {
        entry = entry.set_username(username);
    }
    if let Some(password) = password {
        entry = entry.set_password(password.reveal());
    }
    entry
}

/// Read for each connection, so that renewed ones are used without a restart.
async fn certificates(tls: &Tls) -> Result<TlsCertificates, Failure> {
    let read = async |path: &Path| {
        tokio::fs::read(path)
            .await
            .map_err(|cause| Failure::Certificate {
                path: path.to_owned(),
                cause: Arc::new(cause),
            })
    };
    let client_tls = match &tls.identity {
        Some((certificate, key)) => Some(ClientTlsConfig {
            client_cert: read(certificate).await?,
            client_key: read(key).await?,
        }),
        None => None,
    };
    let root_cert = match &tls.ca_file {
        Some(file) => Some(read(file).await?),
        None => None,
    };
    Ok(TlsCertificates {
        client_tls,
        root_cert,
    })
}

/// Where a node of the cluster sends us; without a host it means its own.
fn redirection(address: &str, asked: &Node) -> Node {
    let (host, port) = address.rsplit_once(':').unwrap_or((address, ""));
    let host = host.trim_start_matches('[').trim_end_matches(']');
    Node {
        host: if host.is_empty() || host == "?" {
            asked.host.clone()
        } else {
            host.to_owned()
        },
        port: port.parse().unwrap_or(asked.port),
    }
}

/// The nodes in an answer to `CLUSTER SLOTS`: ranges, each with its ends and then its nodes, each with host and port first.
fn nodes(slots: &Value, asked: &Node) -> Vec<Node> {
    let mut nodes = Vec::new();
    let Value::Array(ranges) = slots else {
        return nodes;
    };
    for range in ranges {
        let Value::Array(range) = range else { continue };
        for node in range.iter().skip(2) {
            let Value::Array(node) = node else { continue };
            let (host, port) = (node.first(), node.get(1));
            let host = match host {
                Some(Value::BulkString(host)) => String::from_utf8_lossy(host).into_owned(),
                _ => String::new(),
            };
            if let Some(Value::Int(port)) = port {
                nodes.push(redirection(&format!("{host}:{port}"), asked));
            }
        }
    }
    nodes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirections_of_every_form_are_followed() {
        let asked = Node {
            host: "asked".to_owned(),
            port: 1,
        };
        let table = [
            ("10.0.0.1:6379", "10.0.0.1", 6379),
            ("fd00::1:6379", "fd00::1", 6379),
            ("[fd00::1]:6379", "fd00::1", 6379),
            ("node.example:7000", "node.example", 7000),
            (":7000", "asked", 7000),
            ("?:7000", "asked", 7000),
            ("node.example", "node.example", 1),
        ];
        for (address, host, port) in table {
            let host = host.to_owned();
            assert_eq!(redirection(address, &asked), Node { host, port });
        }
    }
}
