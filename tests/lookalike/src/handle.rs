//! The handle that tests hold: start, stop, look at the state, change it from outside.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::Mutex;

use crate::fault::{Fault, LoginFault};
use crate::furnish::{self, Service};
use crate::latch::Latch;
use crate::options::Options;
use crate::permissions::{SERVICE, SERVICE_ROLE};
use crate::random;
use crate::record::Received;
use crate::routes;
use crate::serve::Serving;
use crate::state::{App, Core};
use crate::talk;
use crate::user::{NewUser, User, UserView};
use crate::users::Duplicate;

/// A running workspace. Clones are the same one; it ends with the last of them.
#[derive(Clone)]
pub struct Lookalike {
    inner: Arc<Inner>,
}

struct Inner {
    app: App,
    router: Router,
    address: SocketAddr,
    service: Service,
    serving: Mutex<Option<Serving>>,
}

impl Lookalike {
    /// Starts a workspace with an administrator, `rocket.cat` and the service account in it.
    ///
    /// # Errors
    /// If the address cannot be listened on.
    pub async fn start(options: Options) -> io::Result<Self> {
        let listener = TcpListener::bind(options.address).await?;
        let address = listener.local_addr()?;
        let app: App = Arc::new(Core::new(options)?);
        let service = furnish::workspace(&app);
        let router = routes::router(Arc::clone(&app));
        let serving = Serving::start(listener, Arc::clone(&app), router.clone());
        let serving = Mutex::new(Some(serving));
        Ok(Self {
            inner: Arc::new(Inner {
                app,
                router,
                address,
                service,
                serving,
            }),
        })
    }

    /// The address it listens on, kept through [`Lookalike::restart`].
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.inner.address
    }

    /// `http://` with the address and the path part of `ROOT_URL`, without a final slash.
    #[must_use]
    pub fn url(&self) -> String {
        format!(
            "http://{}{}",
            self.address(),
            self.inner.app.options.path_prefix()
        )
    }

    /// Closes the listener and every connection, and waits until they are gone; the state stays.
    pub async fn stop(&self) {
        let serving = self.inner.serving.lock().await.take();
        if let Some(serving) = serving {
            serving.stop().await;
        }
    }

    /// Stops if it runs, and listens again on the same port with the state kept; what RC holds in memory
    /// alone, the rate limiter, begins anew.
    ///
    /// # Errors
    /// If the port has been taken meanwhile.
    pub async fn restart(&self) -> io::Result<()> {
        self.stop().await;
        self.app().state().limits.clear();
        let listener = TcpListener::bind(self.inner.address).await?;
        let serving = Serving::start(listener, Arc::clone(self.app()), self.inner.router.clone());
        *self.inner.serving.lock().await = Some(serving);
        Ok(())
    }

    /// `_id` of the service account.
    #[must_use]
    pub fn service_user_id(&self) -> String {
        self.inner.service.user_id.clone()
    }

    /// The service account's personal access token, made with `bypassTwoFactor`.
    #[must_use]
    pub fn service_token(&self) -> String {
        self.inner.service.token.clone()
    }

    /// The service account's username.
    #[must_use]
    pub fn service_username(&self) -> String {
        furnish::SERVICE_USERNAME.to_owned()
    }

    /// The service account's password.
    #[must_use]
    pub fn service_password(&self) -> String {
        self.inner.service.password.clone()
    }

    /// Takes a permission from the service account's role.
    pub fn revoke_permission(&self, permission: &str) {
        self.app()
            .state()
            .permissions
            .revoke(permission, SERVICE_ROLE);
    }

    /// Gives a permission to the service account's role.
    pub fn grant_permission(&self, permission: &str) {
        self.app()
            .state()
            .permissions
            .grant(permission, SERVICE_ROLE);
    }

    /// Takes everything from the service account's role that it does not hold in a fresh workspace.
    pub fn revoke_grants(&self) {
        let state = &mut self.app().state();
        for permission in SERVICE {
            // Bots hold it from the start.
            if *permission != "api-bypass-rate-limit" {
                state.permissions.revoke(permission, SERVICE_ROLE);
            }
        }
    }

    /// The user with exactly this username.
    #[must_use]
    pub fn user(&self, username: &str) -> Option<UserView> {
        self.app()
            .state()
            .users
            .find_username(username)
            .map(User::view)
    }

    /// Every user in the order they were made, those of the fresh workspace included.
    #[must_use]
    pub fn users(&self) -> Vec<UserView> {
        self.app().state().users.all().map(User::view).collect()
    }

    /// The users made through the API.
    #[must_use]
    pub fn created_users(&self) -> Vec<UserView> {
        self.app()
            .state()
            .users
            .all()
            .filter(|user| user.by_api)
            .map(User::view)
            .collect()
    }

    /// The plain login tokens of a user that still live, oldest first; personal access tokens are left out.
    #[must_use]
    pub fn live_tokens(&self, username: &str) -> Vec<String> {
        let state = self.app().state();
        let tokens = state
            .users
            .find_username(username)
            .map_or(&[][..], |user| &user.tokens);
        let login = tokens.iter().filter(|token| !token.is_personal());
        login.map(|token| token.plain.clone()).collect()
    }

    /// Puts a user in, and into the default channels.
    ///
    /// # Panics
    /// If the username, the mail address or the id is taken.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "callers build the user in place"
    )]
    pub fn add_user(&self, new: NewUser) -> UserView {
        let user = furnish::user(self.app(), &new);
        let view = user.view();
        let mut state = self.app().state();
        assert!(
            state.users.get(&user.id).is_none(),
            "the id {} is taken",
            user.id
        );
        match state.users.insert(user) {
            Ok(()) => {
                talk::join_defaults(self.app(), &mut state, &view.id);
                view
            }
            Err(Duplicate::Username) => panic!("the username {} is taken", new.username),
            Err(Duplicate::Email) => panic!("the address {:?} is taken", new.email),
        }
    }

    /// Activates or deactivates as `users.setActiveStatus` does: deactivation empties the tokens (RC §2.8).
    pub fn set_active(&self, username: &str, active: bool) {
        let Some(user_id) = self.id_of(username) else {
            return;
        };
        if let Some(user) = self.app().state().users.get_mut(&user_id) {
            user.active = active;
        }
        if !active {
            self.app().remove_tokens(&user_id, |_| true);
        }
    }

    /// Ends every login token of a user, as `users.removeOtherTokens` from elsewhere would.
    pub fn kill_tokens(&self, username: &str) {
        if let Some(user_id) = self.id_of(username) {
            self.app()
                .remove_tokens(&user_id, |token| !token.is_personal());
        }
    }

    /// A token of RC's own OAuth2 server for a user: 6.x tries it before the two headers (RC §1.1).
    #[must_use]
    pub fn grant_oauth_token(&self, username: &str) -> String {
        let token = random::token();
        if let Some(user_id) = self.id_of(username) {
            let mut state = self.app().state();
            state.oauth_tokens.insert(token.clone(), user_id);
        }
        token
    }

    /// Gives a user a TOTP second factor, by its raw secret, or takes it away.
    pub fn set_totp(&self, username: &str, secret: Option<&[u8]>) {
        let Some(user_id) = self.id_of(username) else {
            return;
        };
        if let Some(user) = self.app().state().users.get_mut(&user_id) {
            user.totp_secret = secret.map(<[u8]>::to_vec);
        }
    }

    /// The code last mailed to a user, while unused (RC §1.5).
    #[must_use]
    pub fn mailed_code(&self, username: &str) -> Option<String> {
        self.app()
            .state()
            .users
            .find_username(username)
            .and_then(|user| user.mailed_code.clone())
    }

    /// Changes a setting.
    pub fn set_setting(&self, id: &str, value: Value) {
        self.app().state().settings.set(id, value);
    }

    /// Moves the lookalike's own clock forward: ages of tokens, windows of limits, the cleanup job.
    pub fn advance(&self, by: Duration) {
        self.app().clock.advance(by);
    }

    /// The present on the lookalike's own clock.
    #[must_use]
    pub fn now(&self) -> SystemTime {
        let ms = u64::try_from(self.app().clock.now_ms()).unwrap_or(0);
        UNIX_EPOCH + Duration::from_millis(ms)
    }

    /// How many requests came with this method and path, answered or not.
    #[must_use]
    pub fn calls(&self, method: &str, path: &str) -> usize {
        self.app().recorder.calls(method, path)
    }

    /// Waits until at least so many requests have come with this method and path.
    pub async fn until_called(&self, method: &str, path: &str, at_least: usize) {
        self.app()
            .recorder
            .until_called(method, path, at_least)
            .await;
    }

    /// Every request received, oldest first.
    #[must_use]
    pub fn requests(&self) -> Vec<Received> {
        self.app().recorder.requests()
    }

    /// The DDP texts that came on each socket, without SockJS around them and before they are acted on; the sockets in the
    /// order in which they opened, those that said nothing left out.
    #[must_use]
    pub fn socket_texts(&self) -> Vec<Vec<String>> {
        self.app().recorder.texts()
    }

    /// Forgets the requests, their counts, and what sockets said.
    pub fn forget_requests(&self) {
        self.app().recorder.forget();
    }

    /// Switches the recording on or off.
    pub fn set_recording(&self, on: bool) {
        self.app().recorder.set_on(on);
    }

    /// Makes trouble; of several faults that fit, the first made is met.
    pub fn fault(&self, fault: Fault) {
        self.app().faults.add(fault);
    }

    /// Makes trouble for one login on a socket; several faults meet one login after the other.
    pub fn fault_login(&self, fault: LoginFault) {
        self.app().login_faults.add(fault);
    }

    /// Ends all trouble; requests already waiting at a latch go on waiting.
    pub fn clear_faults(&self) {
        self.app().faults.clear();
        self.app().login_faults.clear();
    }

    /// From now on every `users.create` waits between its check and its insert until the latch is open
    /// (RC §4.4); `None` ends that.
    pub fn hold_creates(&self, latch: Option<Latch>) {
        *self
            .app()
            .create_latch
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = latch;
    }

    /// Open WebSockets now.
    #[must_use]
    pub fn sockets(&self) -> usize {
        self.app().sockets.load(Ordering::Relaxed)
    }

    pub(crate) fn app(&self) -> &App {
        &self.inner.app
    }

    pub(crate) fn id_of(&self, username: &str) -> Option<String> {
        self.app()
            .state()
            .users
            .find_username(username)
            .map(|user| user.id.clone())
    }
}
