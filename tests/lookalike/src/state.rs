//! Everything the workspace remembers, behind one mutex, and the core that every route holds.
//!
//! The mutex is never held across an await; changes that sockets must hear of go out as [`Event`]s
//! after it is released.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use tokio::sync::broadcast;

use crate::chat::Chat;
use crate::clock::Clock;
use crate::ddp::MethodLimits;
use crate::documents;
use crate::fault::{Faults, LoginFaults};
use crate::latch::Latch;
use crate::limits::Limits;
use crate::lockout::Lockout;
use crate::options::{Manner, Options};
use crate::permissions::Permissions;
use crate::presence::{Presence, SeenAs};
use crate::record::Recorder;
use crate::settings::Settings;
use crate::talk::Said;
use crate::token_file::TokenFile;
use crate::tokens::StampedToken;
use crate::user::User;
use crate::users::Users;

/// Bounded so that a socket that reads nothing costs no memory; who lags must look at the state again.
const EVENTS_KEPT: usize = 1024;

/// What every route holds.
pub(crate) type App = Arc<Core>;

/// What sockets must hear of.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// These tokens (hashes) of the user are gone by an act that the monolith announces, so it closes
    /// the connections that logged in with them (RC §3.6). Expiry and the cap announce nothing.
    TokensRemoved {
        user_id: String,
        hashed: Vec<String>,
    },
    /// A message was said in a room.
    Said(Arc<Said>),
    /// A room was opened, or found again, for its members.
    RoomOpened { room: String },
    /// Members tell each other what they are doing, under an event name of `stream-notify-room`.
    Noticed { name: String, args: Vec<Value> },
    /// A user has read a room, which concerns the user alone.
    Read { room: String, user_id: String },
    /// A user is seen otherwise than before.
    Seen(Box<SeenAs>),
    /// Fields of the user's own document changed.
    UserChanged { user_id: String, diff: Value },
}

impl Event {
    /// [`Event::UserChanged`].
    pub(crate) fn user_changed(user_id: &str, diff: Value) -> Self {
        Self::UserChanged {
            user_id: user_id.to_owned(),
            diff,
        }
    }
}

/// How many subscriptions hear of people. Such events are made for them alone: a storm of logins that
/// nobody watches must not push what sockets need out of the queue.
#[derive(Debug, Default)]
pub(crate) struct Ears(Arc<AtomicUsize>);

impl Ears {
    pub(crate) fn anybody(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }

    /// One more, until it is dropped.
    pub(crate) fn one(&self) -> Ear {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ear(Arc::clone(&self.0))
    }
}

/// One subscription that hears of people.
#[derive(Debug)]
pub(crate) struct Ear(Arc<AtomicUsize>);

impl Drop for Ear {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The mutable state of the workspace.
pub(crate) struct State {
    pub(crate) users: Users,
    /// Tokens of RC's own OAuth2 server, with whose they are (RC §1.1).
    pub(crate) oauth_tokens: HashMap<String, String>,
    pub(crate) settings: Settings,
    pub(crate) permissions: Permissions,
    pub(crate) limits: Limits,
    pub(crate) lockout: Lockout,
    pub(crate) chat: Chat,
    pub(crate) method_limits: MethodLimits,
    pub(crate) presence: Presence,
}

impl State {
    /// Whether the user holds the permission through a role.
    pub(crate) fn may(&self, user_id: &str, permission: &str) -> bool {
        self.users
            .get(user_id)
            .is_some_and(|user| self.permissions.held(permission, &user.roles))
    }
}

/// The lookalike without its listener.
pub(crate) struct Core {
    pub(crate) options: Options,
    pub(crate) clock: Clock,
    pub(crate) recorder: Recorder,
    pub(crate) faults: Faults,
    pub(crate) login_faults: LoginFaults,
    pub(crate) ears: Ears,
    pub(crate) token_file: TokenFile,
    pub(crate) events: broadcast::Sender<Event>,
    /// Open WebSockets.
    pub(crate) sockets: AtomicUsize,
    /// Where `users.create` waits between check and insert, when a test wants it to (RC §4.4).
    pub(crate) create_latch: Mutex<Option<Latch>>,
    state: Mutex<State>,
}

impl Core {
    pub(crate) fn new(options: Options) -> io::Result<Self> {
        let token_file = TokenFile::open(options.tokens_file.as_deref())?;
        let clock = Clock::default();
        let state = State {
            users: Users::default(),
            oauth_tokens: HashMap::new(),
            settings: Settings::new(&options),
            permissions: Permissions::new(),
            limits: Limits::default(),
            lockout: Lockout::default(),
            chat: Chat::new(clock.now_ms()),
            method_limits: MethodLimits::default(),
            presence: Presence::default(),
        };
        Ok(Self {
            options,
            clock,
            recorder: Recorder::default(),
            faults: Faults::default(),
            login_faults: LoginFaults::default(),
            ears: Ears::default(),
            token_file,
            events: broadcast::Sender::new(EVENTS_KEPT),
            sockets: AtomicUsize::new(0),
            create_latch: Mutex::new(None),
            state: Mutex::new(state),
        })
    }

    pub(crate) fn manner(&self) -> Manner {
        self.options.manner
    }

    /// The state, locked. The cleanup job has run if it was due.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let days = state.settings.number("Accounts_LoginExpiration");
        state.users.expire(self.clock.now_ms(), days);
        state
    }

    /// Mints a login token for the user; `None` if there is no such user (RC §3.4).
    pub(crate) fn mint(&self, user_id: &str) -> Option<StampedToken> {
        let now = self.clock.now_ms();
        let mut state = self.state();
        let user = state.users.get_mut(user_id)?;
        let token = user.mint(now, self.options.max_login_tokens);
        if let Some(kept) = user.tokens.last_mut() {
            kept.unsettled_uses = self.options.unsettled_uses;
        }
        self.token_file.note(&token);
        self.tell_tokens(user);
        Some(token)
    }

    /// Tells the user's clients of a change of the token array, hashes and all, as RC does (RC §6.4).
    pub(crate) fn tell_tokens(&self, user: &User) {
        if self.ears.anybody() {
            let diff = json!({"services.resume.loginTokens": documents::login_tokens(user)});
            let _ = self.events.send(Event::user_changed(&user.id, diff));
        }
    }

    /// Removes the user's tokens that `doomed` names and announces it; how many went.
    pub(crate) fn remove_tokens(
        &self,
        user_id: &str,
        doomed: impl Fn(&StampedToken) -> bool,
    ) -> usize {
        let mut state = self.state();
        let Some(user) = state.users.get_mut(user_id) else {
            return 0;
        };
        let (gone, kept): (Vec<_>, Vec<_>) = user.tokens.drain(..).partition(|token| doomed(token));
        user.tokens = kept;
        if !gone.is_empty() {
            self.tell_tokens(user);
        }
        drop(state);
        let hashed: Vec<_> = gone.into_iter().map(|token| token.hashed).collect();
        let count = hashed.len();
        if count > 0 {
            // Nobody listening is the usual case: no socket is open.
            let _ = self.events.send(Event::TokensRemoved {
                user_id: user_id.to_owned(),
                hashed,
            });
        }
        count
    }
}
