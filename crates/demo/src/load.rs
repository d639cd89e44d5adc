//! The users: a steady stream of requests into each region, and what became of them.
//!
//! The stream is open: a request is sent when its time has come, whether or not earlier ones were answered, up to a bound that
//! keeps a machine that is too slow from drowning. What came back is counted per second, and by the versions that took part, which
//! each answer names.

use crate::http::Client;
use crate::keeper::until_unwanted;
use crate::layout::{Layout, write_whole};
use crate::service::PATH_HEADER;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::Semaphore;
use tokio::time::{MissedTickBehavior, interval};

/// File with what became of the requests, relative to the demo's folder.
pub const LOAD_FILE: &str = "fleet/load.json";

/// How long a user waits.
const PATIENCE: Duration = Duration::from_secs(3);
/// Between two writings of the figures.
const WRITE_EVERY: Duration = Duration::from_millis(250);
/// Requests of a region under way at most; beyond it users wait for their turn.
const UNDER_WAY_MAX: usize = 200;
/// Seconds remembered one by one.
const SECONDS_MAX: usize = 1800;

/// Requests and how many of them failed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tally {
    /// Requests answered or given up.
    pub sent: u64,
    /// Those that failed.
    pub failed: u64,
}

impl Tally {
    fn count(&mut self, failed: bool) {
        self.sent += 1;
        self.failed += u64::from(failed);
    }

    /// What was counted since `earlier`.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self { sent: self.sent.saturating_sub(earlier.sent), failed: self.failed.saturating_sub(earlier.failed) }
    }

    /// Failed over all; 0 where nothing was sent.
    pub fn ratio(self) -> f64 {
        if self.sent == 0 { 0.0 } else { self.failed as f64 / self.sent as f64 }
    }
}

/// What became of the requests.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LoadFigures {
    /// Since the start.
    pub total: Tally,
    /// By version that took part: `payments@4.12.0`.
    pub by_version: BTreeMap<String, Tally>,
    /// By version, failures charged to the version at which they arose: the last in the chain.
    pub by_origin: BTreeMap<String, Tally>,
    /// Requests to which no service put its name: they were lost on the way.
    pub lost: u64,
    /// By second of the UNIX clock, the newest ones.
    pub seconds: BTreeMap<u64, Tally>,
}

impl LoadFigures {
    /// Reads the figures of the demo in `root`.
    ///
    /// # Errors
    /// When there are none yet.
    pub fn read(root: &Path) -> io::Result<Self> {
        serde_json::from_slice(&std::fs::read(root.join(LOAD_FILE))?).map_err(io::Error::other)
    }

    /// What was counted of one version.
    pub fn version(&self, service: &str, version: &str) -> Tally {
        self.by_version.get(&format!("{service}@{version}")).copied().unwrap_or_default()
    }

    /// What was counted of one version, without the failures of those it called.
    pub fn origin(&self, service: &str, version: &str) -> Tally {
        self.by_origin.get(&format!("{service}@{version}")).copied().unwrap_or_default()
    }

    /// What was counted in the `span` whole seconds before `now`, in seconds of the UNIX clock.
    pub fn lately(&self, now: u64, span: u64) -> Tally {
        self.seconds
            .range(now.saturating_sub(span)..now)
            .fold(Tally::default(), |sum, (_, tally)| Tally { sent: sum.sent + tally.sent, failed: sum.failed + tally.failed })
    }

    fn count(&mut self, second: u64, path: Option<&str>, failed: bool) {
        self.total.count(failed);
        self.seconds.entry(second).or_default().count(failed);
        if self.seconds.len() > SECONDS_MAX {
            self.seconds.pop_first();
        }
        let Some(path) = path else {
            self.lost += 1;
            return;
        };
        let mut chain = path.split(' ').peekable();
        while let Some(who) = chain.next() {
            self.by_version.entry(who.to_owned()).or_default().count(failed);
            self.by_origin.entry(who.to_owned()).or_default().count(failed && chain.peek().is_none());
        }
    }
}

/// Sends requests to each region until the fleet is no longer wanted.
///
/// # Errors
/// When the figures cannot be written.
pub async fn run(root: &Path) -> io::Result<()> {
    let layout = Layout::read(root)?;
    let figures = Arc::new(Mutex::new(LoadFigures::default()));
    for region in layout.routes.keys() {
        if let Some(address) = layout.route(region, "frontend") {
            tokio::spawn(stream(Arc::new(Client::new(address, PATIENCE)), layout.rate, Arc::clone(&figures)));
        }
    }
    let written = async {
        let mut tick = interval(WRITE_EVERY);
        loop {
            tick.tick().await;
            let bytes = serde_json::to_vec(&*figures.lock().unwrap_or_else(PoisonError::into_inner))?;
            write_whole(&root.join(LOAD_FILE), &bytes)?;
        }
    };
    tokio::select! {
        result = written => result,
        () = until_unwanted(root) => Ok(()),
    }
}

async fn stream(client: Arc<Client>, rate: f64, figures: Arc<Mutex<LoadFigures>>) {
    let mut tick = interval(Duration::from_secs_f64(1.0 / rate.clamp(0.1, 10_000.0)));
    tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let turns = Arc::new(Semaphore::new(UNDER_WAY_MAX));
    loop {
        tick.tick().await;
        if turns.available_permits() == 0 {
            // What was not sent meanwhile is not made up for.
            tick.reset();
        }
        let Ok(turn) = Arc::clone(&turns).acquire_owned().await else { return };
        let (client, figures) = (Arc::clone(&client), Arc::clone(&figures));
        tokio::spawn(async move {
            let answer = client.get("/").await;
            drop(turn);
            let second = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
            let (failed, path) = match &answer {
                Ok(answer) => (answer.status != 200, answer.header(PATH_HEADER)),
                Err(_) => (true, None),
            };
            figures.lock().unwrap_or_else(PoisonError::into_inner).count(second, path, failed);
        });
    }
}
