//! What this process still has to write into the shared store: ends, tombstones and notes of use.
//!
//! Whatever ends a session has its effect in this process at once; here it is carried to the store, and tried until the store has it, so
//! that a store that is away loses nothing while the process lives.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::jwt::{ClaimKey, HostSession, PrincipalKey, TokenFingerprint};
use crate::random;
use crate::rocketchat::Credentials;
use crate::session::flight::{Flight, Pilot};
use crate::session::grave::Grave;
use crate::session::moment::Moment;
use crate::session::record::Session;
use crate::session::store::StoreError;
use crate::session::tombstone::{Token, Tombstone};
use crate::session::{EndCause, Inner};

/// Orders carried out at a time: a busy store answers hundreds of calls in the time of one.
const AT_A_TIME: usize = 64;

/// Of what nobody waits for, as many at a time: when very many sessions are over at once, requests still have the cores and the disk.
const CHORES: usize = 8;

/// Between two tries while the store is away.
const AWAY_PAUSE: Duration = Duration::from_millis(500);

/// Between two tries of what the store cannot do: somebody must mend it.
const BROKEN_PAUSE: Duration = Duration::from_secs(10);

/// How long an answer waits for the store to have what it says. Past that the order stands all the same.
const ANSWERED_WITHIN: Duration = Duration::from_secs(2);

/// Whose sessions end.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::session) enum Whom {
    Session(Arc<str>),
    HostSession(HostSession),
    Principal(PrincipalKey),
    Claim(ClaimKey),
}

/// Sessions that end, and what is buried with them.
#[derive(Debug)]
pub(in crate::session) struct Ending {
    /// Its name in the store, where what is buried is written together with the order to end what it buries.
    pub(in crate::session) id: String,
    pub(in crate::session) whom: Whom,
    pub(in crate::session) cause: EndCause,
    /// Only those that had begun by then; all when it is not owed from before.
    pub(in crate::session) begun_by: Moment,
    pub(in crate::session) buried: Option<(Grave, Arc<Tombstone>)>,
    /// The token by which it was asked for; if it is dead, nothing ends. Taken away when it was found not to be: from then on what is
    /// buried here refuses it.
    pub(in crate::session) token: Mutex<Option<Token<TokenFingerprint>>>,
    /// What the sessions held that ended in this process.
    pub(in crate::session) held: Mutex<Vec<Arc<Credentials>>>,
}

/// Something to be carried to the store.
#[derive(Debug)]
pub(in crate::session) enum Order {
    End(Ending),
    /// End it if its time is over by what all know.
    Overdue(Arc<str>, Option<Arc<Session>>),
    /// Note its use.
    Note(Arc<Session>),
}

/// Takes orders.
#[derive(Debug)]
pub(in crate::session) struct Outbox {
    orders: mpsc::UnboundedSender<Task>,
    /// Those that nobody waits for.
    chores: mpsc::UnboundedSender<Task>,
    waiting: watch::Sender<usize>,
}

/// An order, and who is told when it is carried out.
type Task = (Order, Pilot<()>);

/// An end on its way to the store; it has had its effect here, and need not be waited for.
#[derive(Debug, Default)]
pub struct Written(Option<Arc<Flight<()>>>);

impl Outbox {
    /// Carries orders out until `closed`.
    pub(in crate::session) fn start(
        closed: CancellationToken,
    ) -> (Arc<Self>, impl FnOnce(Weak<Inner>)) {
        // Unbounded, because nothing may be lost; a session brings at most a handful.
        let (orders, taken) = mpsc::unbounded_channel();
        let (chores, taken_chores) = mpsc::unbounded_channel();
        let outbox = Arc::new(Self {
            orders,
            chores,
            waiting: watch::Sender::new(0),
        });
        let begin = move |inner: Weak<Inner>| {
            let carrying = [(taken, AT_A_TIME), (taken_chores, CHORES)];
            for (taken, at_a_time) in carrying {
                let carrying = carry_all(inner.clone(), taken, at_a_time);
                tokio::spawn(closed.clone().run_until_cancelled_owned(carrying));
            }
        };
        (outbox, begin)
    }

    pub(in crate::session) fn send(&self, order: Order) -> Written {
        let (flight, pilot) = Flight::begin(());
        let orders = match &order {
            // Whoever has sockets open would be heard and answered until then.
            Order::Overdue(_, Some(session)) if session.open_sockets() > 0 => &self.orders,
            Order::Overdue(..) => &self.chores,
            // A newer JWT that others have not heard of would not keep them from ending its session.
            Order::End(_) | Order::Note(_) => &self.orders,
        };
        self.waiting.send_modify(|waiting| *waiting += 1);
        // Whoever takes them ends with the process only.
        let _sent = orders.send((order, pilot));
        Written(Some(flight))
    }

    /// Waits until nothing is left to be written. Cancel-safe.
    pub(in crate::session) async fn empty(&self) {
        let mut waiting = self.waiting.subscribe();
        let _empty = waiting.wait_for(|waiting| *waiting == 0).await;
    }
}

impl Written {
    /// Waits until the store has it.
    pub(in crate::session) async fn written(self) {
        if let Some(flight) = self.0 {
            flight.outcome().await;
        }
    }

    /// Waits until the store has it, or for as long as an answer may wait.
    pub async fn settled(self) {
        if let Some(flight) = self.0 {
            let _in_time = tokio::time::timeout(ANSWERED_WITHIN, flight.outcome()).await;
        }
    }
}

impl Ending {
    pub(in crate::session) fn new(whom: Whom, cause: EndCause) -> Self {
        Self {
            id: random::text::<16>(),
            whom,
            cause,
            begun_by: Moment::NEVER,
            buried: None,
            token: Mutex::default(),
            held: Mutex::default(),
        }
    }

    pub(in crate::session) fn by(self, token: Token<TokenFingerprint>) -> Self {
        Self {
            token: Mutex::new(Some(token)),
            ..self
        }
    }

    pub(in crate::session) fn burying(self, buried: (Grave, Arc<Tombstone>)) -> Self {
        Self {
            buried: Some(buried),
            ..self
        }
    }

    pub(in crate::session) fn holding(self, credentials: Arc<Credentials>) -> Self {
        self.held
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(credentials);
        self
    }

    pub(in crate::session) fn token(&self) -> MutexGuard<'_, Option<Token<TokenFingerprint>>> {
        self.token.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was held, once.
    pub(in crate::session) fn take_held(&self) -> Vec<Arc<Credentials>> {
        std::mem::take(&mut self.held.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Carries out what comes, for ever.
async fn carry_all(inner: Weak<Inner>, mut taken: mpsc::UnboundedReceiver<Task>, at_a_time: usize) {
    let mut running = JoinSet::new();
    loop {
        tokio::select! {
            Some(_) = running.join_next(), if !running.is_empty() => {}
            order = taken.recv(), if running.len() < at_a_time => {
                let Some((order, pilot)) = order else { return };
                running.spawn(carry_out(inner.clone(), order, pilot));
            }
        }
    }
}

async fn carry_out(inner: Weak<Inner>, order: Order, pilot: Pilot<()>) {
    let mut failed = false;
    loop {
        let Some(inner) = inner.upgrade() else { return };
        let Err(error) = inner.carry_out(&order).await else {
            if let Some(together) = &inner.shared {
                together.outbox.waiting.send_modify(|waiting| *waiting -= 1);
            }
            pilot.land(());
            return;
        };
        if !failed {
            failed = true;
            inner.not_carried_out(&order, &error);
        }
        drop(inner);
        tokio::time::sleep(match error {
            StoreError::Away(_) => AWAY_PAUSE,
            StoreError::Broken(_) => BROKEN_PAUSE,
        })
        .await;
    }
}
