//! Places of which there are only so many, in all and for each client: for connections, and for sockets that nobody is logged in on.
//!
//! Only clients that hold a place are remembered, so the bookkeeping is never larger than the number of places.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::workers::Share;

/// Whoever is one client where clients are counted: an IPv4 address, or the /64 that a site gets, in which a machine has more
/// IPv6 addresses than there are places anywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Client {
    V4(Ipv4Addr),
    V6([u8; 8]),
}

/// So many places.
#[derive(Debug)]
pub struct Places {
    all: Arc<Semaphore>,
    clients: Option<Arc<Clients>>,
}

/// What each client holds.
#[derive(Debug)]
struct Clients {
    most: usize,
    held: Mutex<HashMap<Client, usize>>,
}

/// One of all places, not yet anybody's.
#[derive(Debug)]
pub struct Free(OwnedSemaphorePermit);

/// A place that is held until this is dropped.
#[derive(Debug)]
pub struct Place {
    _of_all: OwnedSemaphorePermit,
    _of_client: Option<Seat>,
    _of_worker: Option<Share>,
}

/// A client's share in its count.
#[derive(Debug)]
struct Seat {
    clients: Arc<Clients>,
    client: Client,
}

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// All are taken.
    All,
    /// This client has as many as it may have.
    Client,
}

impl Places {
    /// `all` places, of which one client gets at most `each`; `None` for as many as there are.
    #[must_use]
    pub fn new(all: usize, each: Option<usize>) -> Self {
        let clients = each.map(|most| {
            Arc::new(Clients {
                most,
                held: Mutex::default(),
            })
        });
        Self {
            all: Arc::new(Semaphore::new(all.min(Semaphore::MAX_PERMITS))),
            clients,
        }
    }

    /// A free place, if there is one.
    #[must_use]
    pub fn try_free(&self) -> Option<Free> {
        let permit = Arc::clone(&self.all).try_acquire_owned().ok()?;
        Some(Free(permit))
    }

    /// Waits for a free place.
    pub async fn free(&self) -> Option<Free> {
        let permit = Arc::clone(&self.all).acquire_owned().await.ok()?;
        Some(Free(permit))
    }

    /// Gives a free place to the client of this address; `None` for one whose places are not counted.
    ///
    /// # Errors
    /// The place, when the client has as many as it may have.
    pub fn give(&self, place: Free, address: Option<IpAddr>) -> Result<Place, Free> {
        let seat = match (&self.clients, address) {
            (Some(clients), Some(address)) => match clients.seat(Client::of(address)) {
                Some(seat) => Some(seat),
                None => return Err(place),
            },
            _ => None,
        };
        Ok(Place {
            _of_all: place.0,
            _of_client: seat,
            _of_worker: None,
        })
    }

    /// A place for the client of this address, at once or not at all.
    ///
    /// # Errors
    /// [`Full`].
    pub fn take(&self, address: IpAddr) -> Result<Place, Full> {
        let place = self.try_free().ok_or(Full::All)?;
        self.give(place, Some(address)).map_err(|_| Full::Client)
    }
}

impl Place {
    /// Holds its thread's share, too.
    #[must_use]
    pub fn with(self, share: Share) -> Self {
        Self {
            _of_worker: Some(share),
            ..self
        }
    }
}

impl Client {
    fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address),
            IpAddr::V6(address) => {
                let [a, b, c, d, e, f, g, h, ..] = address.octets();
                Self::V6([a, b, c, d, e, f, g, h])
            }
        }
    }
}

impl Clients {
    fn seat(self: &Arc<Self>, client: Client) -> Option<Seat> {
        let mut held = self.held();
        let count = held.entry(client).or_default();
        // An entry that was made just now is below any limit, so none stays behind for nobody.
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Seat {
            clients: Arc::clone(self),
            client,
        })
    }

    fn held(&self) -> MutexGuard<'_, HashMap<Client, usize>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut held = self.clients.held();
        if let Some(count) = held.get_mut(&self.client) {
            *count -= 1;
            if *count == 0 {
                held.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(places: &Places, address: &str) -> Result<Place, Full> {
        places.take(address.parse().unwrap())
    }

    #[test]
    fn a_client_gets_no_more_than_its_share_and_others_get_theirs() {
        let places = Places::new(4, Some(2));
        let one = taken(&places, "10.0.0.1").unwrap();
        let _two = taken(&places, "10.0.0.1").unwrap();
        assert_eq!(taken(&places, "10.0.0.1").unwrap_err(), Full::Client);
        let _other = taken(&places, "10.0.0.2").unwrap();
        drop(one);
        let _again = taken(&places, "10.0.0.1").unwrap();
        let _last = taken(&places, "10.0.0.3").unwrap();
        assert_eq!(taken(&places, "10.0.0.4").unwrap_err(), Full::All);
    }

    #[test]
    fn a_site_is_one_client_however_many_addresses_it_has() {
        let places = Places::new(10, Some(1));
        for (first, second, same) in [
            ("2001:db8::1", "2001:db8::ffff:1", true),
            ("2001:db8:0:1::1", "2001:db8:0:2::1", false),
            ("::ffff:10.0.0.1", "10.0.0.1", true),
            ("10.0.0.1", "10.0.0.2", false),
        ] {
            let _held = taken(&places, first).unwrap();
            let got = taken(&places, second);
            assert_eq!(got.is_err(), same, "{first} and {second}");
        }
    }

    #[test]
    fn nobody_is_remembered_who_holds_nothing() {
        let places = Places::new(10, Some(1));
        for last in 0..100 {
            drop(taken(&places, &format!("10.0.0.{last}")));
        }
        assert!(places.clients.unwrap().held().is_empty());
    }
}
