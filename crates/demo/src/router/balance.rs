//! Servers of a backend, and which one takes the next request.

use crate::http::Client;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How long a server may take.
const DEADLINE: Duration = Duration::from_secs(3);
/// Weight of a server at the start.
const WEIGHT_FIRST: u32 = 100;

/// What an operator said of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AdminState {
    Ready,
    Drain,
    Maint,
}

/// One server of a backend.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) name: String,
    pub(super) address: SocketAddr,
    pub(super) client: Client,
    weight: AtomicU32,
    up: AtomicBool,
    admin: Mutex<AdminState>,
    sessions: AtomicU64,
    sessions_ever: AtomicU64,
}

impl Server {
    pub(super) fn new(name: &str, address: SocketAddr) -> Self {
        Self {
            name: name.to_owned(),
            address,
            client: Client::new(address, DEADLINE),
            weight: AtomicU32::new(WEIGHT_FIRST),
            up: AtomicBool::new(false),
            admin: Mutex::new(AdminState::Ready),
            sessions: AtomicU64::new(0),
            sessions_ever: AtomicU64::new(0),
        }
    }

    pub(super) fn weight(&self) -> u32 {
        self.weight.load(Ordering::Relaxed)
    }

    pub(super) fn set_weight(&self, weight: u32) {
        self.weight.store(weight, Ordering::Relaxed);
    }

    pub(super) fn is_up(&self) -> bool {
        self.up.load(Ordering::Relaxed)
    }

    pub(super) fn set_up(&self, up: bool) {
        self.up.store(up, Ordering::Relaxed);
    }

    pub(super) fn admin(&self) -> AdminState {
        *self.admin.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_admin(&self, state: AdminState) {
        *self.admin.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }

    /// Requests under way, and requests ever.
    pub(super) fn sessions(&self) -> (u64, u64) {
        (self.sessions.load(Ordering::Relaxed), self.sessions_ever.load(Ordering::Relaxed))
    }

    pub(super) fn open_session(&self) -> Session<'_> {
        self.sessions.fetch_add(1, Ordering::Relaxed);
        self.sessions_ever.fetch_add(1, Ordering::Relaxed);
        Session(self)
    }
}

/// A request under way.
pub(super) struct Session<'a>(&'a Server);

impl Drop for Session<'_> {
    fn drop(&mut self) {
        self.0.sessions.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Servers that take the same requests.
#[derive(Debug)]
pub(super) struct Backend {
    pub(super) name: String,
    pub(super) servers: Vec<Server>,
    credits: Mutex<Vec<i64>>,
}

impl Backend {
    pub(super) fn new(name: &str, servers: Vec<Server>) -> Self {
        let credits = Mutex::new(vec![0; servers.len()]);
        Self { name: name.to_owned(), servers, credits }
    }

    pub(super) fn server(&self, name: &str) -> Option<&Server> {
        self.servers.iter().find(|s| s.name == name)
    }

    /// The server for the next request, none of `except`: smooth weighted round robin, so that shares are exact over any short run.
    pub(super) fn choose(&self, except: &[usize]) -> Option<usize> {
        let weights: Vec<i64> = self
            .servers
            .iter()
            .enumerate()
            .map(|(at, s)| if s.is_up() && s.admin() == AdminState::Ready && !except.contains(&at) { i64::from(s.weight()) } else { 0 })
            .collect();
        let total: i64 = weights.iter().sum();
        if total == 0 {
            return None;
        }
        let mut credits = self.credits.lock().unwrap_or_else(PoisonError::into_inner);
        for (credit, weight) in credits.iter_mut().zip(&weights) {
            // A server without weight owns nothing, so that it is not flooded when it returns.
            *credit = if *weight == 0 { 0 } else { *credit + weight };
        }
        let best = (0..weights.len()).filter(|at| weights[*at] > 0).max_by_key(|at| credits[*at])?;
        credits[best] -= total;
        Some(best)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::layout::local;

    fn counts(weights: &[u32], requests: usize) -> Vec<usize> {
        let servers: Vec<Server> = weights.iter().enumerate().map(|(at, _)| Server::new(&format!("s{at}"), local(1))).collect();
        let backend = Backend::new("b", servers);
        for (server, weight) in backend.servers.iter().zip(weights) {
            server.set_up(true);
            server.set_weight(*weight);
        }
        let mut counts = vec![0; weights.len()];
        for _ in 0..requests {
            counts[backend.choose(&[]).unwrap()] += 1;
        }
        counts
    }

    #[test]
    fn requests_follow_the_weights() {
        assert_eq!(counts(&[100, 100, 100], 300), [100, 100, 100]);
        assert_eq!(counts(&[10, 95, 95], 2000), [100, 950, 950]);
        assert_eq!(counts(&[0, 1, 3], 400), [0, 100, 300]);
    }

    #[test]
    fn a_server_that_is_down_or_out_gets_nothing_and_the_last_one_leaves_none() {
        let backend = Backend::new("b", vec![Server::new("a", local(1)), Server::new("b", local(1))]);
        assert_eq!(backend.choose(&[]), None, "no server has answered its health check yet");
        backend.servers.iter().for_each(|s| s.set_up(true));
        backend.servers[0].set_admin(AdminState::Drain);
        assert!((0..10).all(|_| backend.choose(&[]) == Some(1)));
        assert_eq!(backend.choose(&[1]), None);
    }
}
