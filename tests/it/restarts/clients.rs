//! Load: people with kept connections, people who come for the first time, and sockets that reconnect and log in as real clients do.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::connect_async;
use tokio_util::sync::CancellationToken;

use super::{PATIENCE, PEOPLE, SOCKETS};
use crate::replicas::stage::ECHO;
use crate::support::gateway::client;
use crate::support::socket::Socket;
use crate::support::world::World;

/// Between two requests of one client: many are under way at any time, and the machine is not the bottleneck.
const PAUSE: Duration = Duration::from_millis(20);

pub(super) struct Load {
    shared: Arc<Shared>,
    tasks: JoinSet<()>,
}

struct Shared {
    world: World,
    address: SocketAddr,
    /// No more requests.
    end: CancellationToken,
    answered: AtomicUsize,
    logged_in: AtomicUsize,
    told: AtomicUsize,
    failures: Mutex<Vec<String>>,
    newcomers: Mutex<Vec<String>>,
}

impl Load {
    pub(super) fn start(world: &World, address: SocketAddr) -> Self {
        let shared = Arc::new(Shared {
            world: world.clone(),
            address,
            end: CancellationToken::new(),
            answered: AtomicUsize::new(0),
            logged_in: AtomicUsize::new(0),
            told: AtomicUsize::new(0),
            failures: Mutex::default(),
            newcomers: Mutex::default(),
        });
        let mut tasks = JoinSet::new();
        for number in 0..PEOPLE {
            tasks.spawn(Arc::clone(&shared).ask(person(number)));
        }
        for number in 0..SOCKETS {
            tasks.spawn(Arc::clone(&shared).listen(person(number % PEOPLE)));
        }
        tasks.spawn(Arc::clone(&shared).arrive());
        Self { shared, tasks }
    }

    pub(super) async fn until_logged_in(&self, count: usize) {
        let looking = async {
            while self.shared.logged_in.load(Ordering::SeqCst) != count {
                sleep(PAUSE).await;
            }
        };
        if timeout(PATIENCE, looking).await.is_err() {
            panic!(
                "{} are logged in; {:?}",
                self.shared.logged_in.load(Ordering::SeqCst),
                self.shared.failures.lock().unwrap()
            );
        }
    }

    /// How often a socket was closed with the word to come back.
    pub(super) fn told_to_come_back(&self) -> usize {
        self.shared.told.load(Ordering::SeqCst)
    }

    /// Ends the requests, and leaves the sockets; everybody who was there comes back.
    pub(super) async fn finish(self) -> Vec<String> {
        let Self { shared, mut tasks } = self;
        shared.end.cancel();
        // What asked ends now; what listens goes on.
        for _ in 0..=PEOPLE {
            let ended = timeout(PATIENCE, tasks.join_next()).await;
            ended.expect("a client ends").unwrap().unwrap();
        }
        let failures = shared.failures.lock().unwrap().clone();
        let answered = shared.answered.load(Ordering::SeqCst);
        assert!(
            failures.is_empty(),
            "{answered} answered, but {failures:#?}"
        );
        assert!(answered > 20 * PEOPLE, "{answered} answered");
        let newcomers = shared.newcomers.lock().unwrap().clone();
        assert!(newcomers.len() > 5, "{newcomers:?}");
        tasks.detach_all();
        (0..PEOPLE).map(person).chain(newcomers).collect()
    }
}

impl Shared {
    /// One person's requests over kept connections, every other one of a kind that must not be sent twice.
    async fn ask(self: Arc<Self>, name: String) {
        let (client, url) = (client(), format!("http://{}{ECHO}", self.address));
        let token = self.world.issuer.token(&name);
        while !self.end.is_cancelled() {
            self.count(&name, client.get(&url).bearer_auth(&token))
                .await;
            sleep(PAUSE).await;
            let posted = client.post(&url).bearer_auth(&token).body("posted");
            self.count(&name, posted).await;
            sleep(PAUSE).await;
        }
    }

    /// People who were never there before: each begins a session.
    async fn arrive(self: Arc<Self>) {
        let (client, url) = (client(), format!("http://{}{ECHO}", self.address));
        let mut number = 0;
        while !self.end.is_cancelled() {
            let name = format!("newcomer{number}");
            let token = self.world.issuer.token(&name);
            self.newcomers.lock().unwrap().push(name.clone());
            self.count(&name, client.post(&url).bearer_auth(token))
                .await;
            number += 1;
            sleep(10 * PAUSE).await;
        }
    }

    async fn count(&self, name: &str, request: reqwest::RequestBuilder) {
        let failure = match request.send().await {
            Ok(answer) if answer.status() == 200 => match answer.json::<Value>().await {
                Ok(said) if said["username"] == name => {
                    self.answered.fetch_add(1, Ordering::SeqCst);
                    return;
                }
                other => format!("{name}: {other:?}"),
            },
            Ok(answer) => {
                let (status, text) = (answer.status(), answer.text().await);
                format!("{name}: {status} {text:?}")
            }
            Err(error) => format!("{name}: {error:?}"),
        };
        self.failures.lock().unwrap().push(failure);
    }

    /// A socket that comes back whenever it is closed.
    async fn listen(self: Arc<Self>, name: String) {
        loop {
            let url = format!("ws://{}/websocket", self.address);
            let mut socket = match connect_async(url).await {
                Ok((socket, _)) => Socket(socket),
                Err(error) => {
                    self.failed(format!("{name}'s socket was not opened: {error}"));
                    sleep(PAUSE).await;
                    continue;
                }
            };
            let how = self.carry(&mut socket, &name).await;
            match how {
                Some(1001) => {
                    self.told.fetch_add(1, Ordering::SeqCst);
                }
                other => self.failed(format!("{name}'s socket was closed with {other:?}")),
            }
        }
    }

    /// Logs in and listens until the socket is closed; the code that it is closed with.
    async fn carry(&self, socket: &mut Socket, name: &str) -> Option<u16> {
        let greeting = json!({ "msg": "connect", "version": "1", "support": ["1"] });
        let login = json!({
            "msg": "method", "method": "login", "id": "login",
            "params": [{ "resume": self.world.issuer.token(name) }],
        });
        socket.try_say(greeting.to_string()).await;
        socket.try_say(login.to_string()).await;
        let mut counted = false;
        let code = socket
            .closed_told(|text| {
                let said: Value = serde_json::from_str(text).unwrap_or_default();
                if said["id"] == "login" && said["result"]["id"].is_string() && !counted {
                    counted = true;
                    self.logged_in.fetch_add(1, Ordering::SeqCst);
                }
            })
            .await;
        if counted {
            self.logged_in.fetch_sub(1, Ordering::SeqCst);
        }
        code
    }

    fn failed(&self, failure: String) {
        self.failures.lock().unwrap().push(failure);
    }
}

fn person(number: usize) -> String {
    format!("person{number}")
}
