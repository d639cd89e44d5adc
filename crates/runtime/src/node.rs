//! A node of a shared store: an owner that joins, flies what it is given, and joins again when its lease was lost.

use crate::limits::{REJOIN_PAUSE_FIRST, REJOIN_PAUSE_MAX};
use crate::runtime::{FlightEnd, Runtime, RuntimeError, Until};
use glidepath_model::Timestamp;
use glidepath_ports::{CancelToken, StoreError};
use tokio::time::Instant;

impl Runtime {
    /// Flies as a node of a shared store, until it is cancelled or asked to drain; joins again whenever its lease was lost. The name is the one
    /// under which the store joins: when another living node has it, this one waits for as long as a dead one of that name would be
    /// waited for, and then gives `HeldByAnother`.
    ///
    /// # Errors
    /// When the store cannot be used for good: it refuses this user or has tables of another version.
    pub async fn fly_as_node(&self, name: &str, cancel: &CancelToken) -> Result<FlightEnd, RuntimeError> {
        let (mut pause, mut trouble, mut namesake) = (REJOIN_PAUSE_FIRST, None, None);
        loop {
            let began = Instant::now();
            let line = match self.own_and_fly(&Until::Cancelled, cancel).await {
                Ok(FlightEnd::HeldByAnother) => {
                    let found = self.lease_of(name).await;
                    if found.is_some() && namesake.is_some() && found != namesake {
                        return Ok(FlightEnd::HeldByAnother);
                    }
                    namesake = namesake.or(found);
                    format!("a node named {name} left its lease; this one joins when it is over")
                }
                Ok(end) => return Ok(end),
                Err(error) => {
                    // It may have joined meanwhile: what has its name next may be what it left itself.
                    namesake = None;
                    match error {
                        RuntimeError::LeaseOver { .. } | RuntimeError::Fenced { .. } => format!("{error}; this node joins again"),
                        RuntimeError::Store(StoreError::Unavailable { .. } | StoreError::Full { .. }) => {
                            format!("this node flies nothing and joins again when the store can be used: {error}")
                        }
                        _ => return Err(error),
                    }
                }
            };
            if began.elapsed() > REJOIN_PAUSE_MAX {
                (pause, trouble) = (REJOIN_PAUSE_FIRST, None);
            }
            if trouble.as_ref() != Some(&line) {
                self.deps().observer.trouble(&line);
                trouble = Some(line);
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => pause = (pause * 2).min(REJOIN_PAUSE_MAX),
                () = cancel.cancelled() => return Ok(FlightEnd::Interrupted),
            }
        }
    }

    /// Epoch and end of the lease of the living node of this name.
    async fn lease_of(&self, name: &str) -> Option<(u64, Timestamp)> {
        let nodes = self.deps().store.nodes().await.ok().flatten()?;
        nodes.into_iter().find(|node| node.name == name).map(|node| (node.epoch, node.lease_until))
    }
}
