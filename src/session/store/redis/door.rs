//! Finds the one node that has the sessions, and opens connections to it.
//!
//! All our keys are in one slot, so there is always exactly one such node, and the same connection does for a single Redis, for a
//! master that sentinels know, and for the owner of a cluster's slot. Which one it is, is asked anew for every connection.

use std::sync::{Mutex, PoisonError};

use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, ClientTlsConfig, Cmd, ConnectionAddr, ConnectionInfo,
    FromRedisValue, IntoConnectionInfo, RedisConnectionInfo, RedisError, TlsCertificates, Value,
};

use crate::session::store::redis::failure::Failure;
use crate::session::store::redis::names::Names;
use crate::session::store::redis::settings::{Login, Node, Place, Settings};

/// Most nodes of a cluster that are remembered; an answer that lists more is not believed further.
const MOST_NODES: usize = 256;

/// Opens connections.
#[derive(Debug)]
pub(super) struct Door {
    settings: Settings,
    names: Names,
    /// Sentinels, or nodes of the cluster, in the order in which they are asked: who answered last is first.
    known: Mutex<Vec<Node>>,
}

/// A connection, and to whom.
pub(super) struct Opened {
    pub(super) connection: MultiplexedConnection,
    pub(super) node: Node,
}

impl Door {
    pub(super) fn new(settings: Settings, names: Names) -> Self {
        let known = match &settings.place {
            Place::Single(node) => vec![node.clone()],
            Place::Sentinel { sentinels, .. } => sentinels.clone(),
            Place::Cluster(nodes) => nodes.clone(),
        };
        Self {
            settings,
            names,
            known: Mutex::new(known),
        }
    }

    /// Opens a connection to the node that has the sessions.
    pub(super) async fn open(&self) -> Result<Opened, Failure> {
        let mut last = Failure::Nowhere;
        for node in self.known() {
            match self.open_by(&node).await {
                Ok(opened) => {
                    self.prefer(node);
                    return Ok(opened);
                }
                Err(failure) => last = failure,
            }
        }
        Err(last)
    }

    async fn open_by(&self, node: &Node) -> Result<Opened, Failure> {
        match &self.settings.place {
            Place::Single(_) => self.open_at(node.clone()).await,
            Place::Sentinel { master, login, .. } => {
                let master = self.ask_sentinel(node, master, login).await?;
                self.open_at(master).await
            }
            Place::Cluster(_) => self.open_owner(node).await,
        }
    }

    async fn open_at(&self, node: Node) -> Result<Opened, Failure> {
        let database = i64::from(self.settings.database);
        let connection = self.connect(&node, &self.settings.login, database).await?;
        Ok(Opened { connection, node })
    }

    async fn ask_sentinel(
        &self,
        sentinel: &Node,
        master: &str,
        login: &Login,
    ) -> Result<Node, Failure> {
        let mut connection = self.connect(sentinel, login, 0).await?;
        let question = redis::cmd("SENTINEL")
            .arg("GET-MASTER-ADDR-BY-NAME")
            .arg(master)
            .take();
        let named: Option<(String, u16)> = self.ask(&mut connection, &question).await??;
        let (host, port) = named.ok_or_else(|| Failure::Nameless {
            master: master.to_owned(),
        })?;
        Ok(Node { host, port })
    }

    /// Whoever is asked about a key that another node has says which one that is.
    async fn open_owner(&self, asked: &Node) -> Result<Opened, Failure> {
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
        match owner {
            Some(owner) => self.open_at(owner).await,
            None => Ok(opened),
        }
    }

    /// A connection may stand to what hangs: only an answer tells.
    async fn ask<T: FromRedisValue>(
        &self,
        connection: &mut MultiplexedConnection,
        question: &Cmd,
    ) -> Result<Result<T, RedisError>, Failure> {
        let patience = self.settings.limits.command;
        tokio::time::timeout(patience, question.query_async(connection))
            .await
            .map_err(|_elapsed| Failure::Late(patience))
    }

    async fn connect(
        &self,
        node: &Node,
        login: &Login,
        database: i64,
    ) -> Result<MultiplexedConnection, Failure> {
        let limits = self.settings.limits;
        // Answers are waited for outside, where it is known whether a command blocks.
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(limits.connect))
            .set_response_timeout(None);
        let client = self.client(node, login, database)?;
        let connecting = client.get_multiplexed_async_connection_with_config(&config);
        // Once more around everything: resolving a name has no end of its own.
        tokio::time::timeout(limits.connect * 2, connecting)
            .await
            .map_err(|_elapsed| Failure::Late(limits.connect * 2))?
            .map_err(Failure::from)
    }

    fn client(&self, node: &Node, login: &Login, database: i64) -> Result<Client, RedisError> {
        let mut entry = RedisConnectionInfo::default()
            .set_db(database)
            // One permission less to ask for.
            .set_skip_set_lib_name();
        if let Some(user) = &login.user {
            entry = entry.set_username(user);
        }
        if let Some(password) = &login.password {
            entry = entry.set_password(password.reveal());
        }
        let (host, port) = (node.host.clone(), node.port);
        let info = |address: ConnectionAddr| -> Result<ConnectionInfo, RedisError> {
            Ok(address.into_connection_info()?.set_redis_settings(entry))
        };
        let Some(tls) = &self.settings.tls else {
            return Client::open(info(ConnectionAddr::Tcp(host, port))?);
        };
        let address = ConnectionAddr::TcpTls {
            host,
            port,
            insecure: false,
            tls_params: None,
        };
        let certificates = TlsCertificates {
            client_tls: tls.own.as_ref().map(|(certificate, key)| ClientTlsConfig {
                client_cert: certificate.clone(),
                client_key: key.reveal().as_bytes().to_vec(),
            }),
            root_cert: tls.authorities.clone(),
        };
        Client::build_with_tls(info(address)?, certificates)
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
        let Place::Cluster(configured) = &self.settings.place else {
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
