//! Who is logged in at the host application, and the JWT each of them has at the moment.
//!
//! Bounded: past [`MOST`] logins the one unused for longest goes. A JWT is renewed at half of its life by the next request,
//! so a page that is open always has a good one; its `sid` stays the same, so Gantry keeps the session.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use crate::jwt::Signer;
use crate::people::Person;
use crate::random;

/// A JWT's life: short, because it is what a thief could use.
pub(crate) const JWT_LIFE: Duration = Duration::from_secs(600);
/// Logins kept: a demo has a handful, and a loop of logins must not fill the memory.
const MOST: usize = 1_000;
/// A login unused for a working day is over.
const IDLE: Duration = Duration::from_secs(8 * 3600);

/// A login as one request sees it.
#[derive(Clone)]
pub(crate) struct HostSession {
    /// Who logged in.
    pub(crate) person: &'static Person,
    /// The session claim of its JWTs.
    pub(crate) sid: String,
    /// The present JWT.
    pub(crate) jwt: String,
    /// When the present JWT expires.
    pub(crate) jwt_expires: SystemTime,
    last_used: SystemTime,
}

/// Every login, by the value of the host application's own cookie.
#[derive(Default)]
pub(crate) struct HostSessions(Mutex<HashMap<String, HostSession>>);

impl HostSessions {
    /// Begins a login; the cookie value comes back.
    ///
    /// # Errors
    /// When no randomness is to be had, or the key refuses to sign.
    pub(crate) fn begin(
        &self,
        person: &'static Person,
        signer: &Signer,
        now: SystemTime,
    ) -> anyhow::Result<(String, HostSession)> {
        let id = random::text(32)?;
        let sid = random::text(12)?;
        let session = HostSession {
            person,
            jwt: signer.sign(person, &sid, now, JWT_LIFE)?,
            jwt_expires: now + JWT_LIFE,
            sid,
            last_used: now,
        };
        let mut sessions = self.lock();
        sessions.retain(|_, known| now < known.last_used + IDLE);
        if sessions.len() >= MOST {
            let oldest = sessions.iter().min_by_key(|(_, known)| known.last_used);
            if let Some(id) = oldest.map(|(id, _)| id.clone()) {
                sessions.remove(&id);
            }
        }
        sessions.insert(id.clone(), session.clone());
        Ok((id, session))
    }

    /// The login behind a cookie, its JWT renewed when half of its life is over.
    ///
    /// # Errors
    /// When the key refuses to sign.
    pub(crate) fn find(
        &self,
        id: &str,
        signer: &Signer,
        now: SystemTime,
    ) -> anyhow::Result<Option<HostSession>> {
        let mut sessions = self.lock();
        let Some(session) = sessions.get_mut(id) else {
            return Ok(None);
        };
        if now >= session.last_used + IDLE {
            sessions.remove(id);
            return Ok(None);
        }
        session.last_used = now;
        if now + JWT_LIFE / 2 >= session.jwt_expires {
            session.jwt = signer.sign(session.person, &session.sid, now, JWT_LIFE)?;
            session.jwt_expires = now + JWT_LIFE;
        }
        Ok(Some(session.clone()))
    }

    /// Ends a login.
    pub(crate) fn end(&self, id: &str) -> Option<HostSession> {
        self.lock().remove(id)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, HostSession>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use gantry::clock::Clock;

    use super::*;
    use crate::people::PEOPLE;

    fn signer() -> Signer {
        Signer::new("http://host.test".to_owned()).unwrap()
    }

    #[test]
    fn a_jwt_is_renewed_at_half_of_its_life_and_keeps_its_sid() {
        let (signer, sessions, now) = (signer(), HostSessions::default(), Clock::system().now());
        let (id, first) = sessions.begin(&PEOPLE[0], &signer, now).unwrap();

        let early = sessions.find(&id, &signer, now + JWT_LIFE / 3).unwrap();
        let late = sessions.find(&id, &signer, now + JWT_LIFE / 2).unwrap();

        assert_eq!(early.unwrap().jwt, first.jwt);
        let late = late.unwrap();
        assert_ne!(late.jwt, first.jwt);
        assert_eq!(late.sid, first.sid);
    }

    #[test]
    fn an_ended_or_idle_login_is_gone() {
        let (signer, sessions, now) = (signer(), HostSessions::default(), Clock::system().now());
        let (ended, _) = sessions.begin(&PEOPLE[0], &signer, now).unwrap();
        let (idle, _) = sessions.begin(&PEOPLE[1], &signer, now).unwrap();

        sessions.end(&ended);

        assert!(sessions.find(&ended, &signer, now).unwrap().is_none());
        assert!(sessions.find(&idle, &signer, now + IDLE).unwrap().is_none());
    }

    #[test]
    fn logins_are_bounded() {
        let (signer, sessions, now) = (signer(), HostSessions::default(), Clock::system().now());
        let (first, _) = sessions.begin(&PEOPLE[0], &signer, now).unwrap();

        for second in 1..=MOST as u64 {
            let later = now + Duration::from_secs(second);
            sessions.begin(&PEOPLE[1], &signer, later).unwrap();
        }

        assert_eq!(sessions.lock().len(), MOST);
        assert!(sessions.end(&first).is_none());
    }
}
