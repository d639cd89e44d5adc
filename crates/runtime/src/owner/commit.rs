//! Appending to the journal, with patience but without doubt.
//!
//! A full disk and an unavailable store are waited out with backoff; nothing is dispatched meanwhile. A failed append may have been
//! written all the same (the answer was lost): a conflict on a repeated append is therefore looked at, and counts as success when the
//! stream holds exactly what was to be appended.

use crate::limits::{STORE_PAUSE_FIRST, STORE_PAUSE_MAX};
use crate::runtime::Observer;
use glidepath_ports::store::StreamAppend;
use glidepath_ports::{Store, StoreError};
use std::time::Duration;
use tokio::time::Instant;

/// Appends, waiting out a store that fails for at most `patience`.
pub(crate) async fn append_patiently(
    store: &dyn Store,
    epoch: u64,
    append: StreamAppend,
    patience: Duration,
    observer: &dyn Observer,
) -> Result<(), StoreError> {
    let began = Instant::now();
    let mut pause = STORE_PAUSE_FIRST;
    let mut is_repeated = false;
    loop {
        let error = match store.append(epoch, vec![append.clone()]).await {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        match error {
            StoreError::Full { .. } | StoreError::Unavailable { .. } if began.elapsed() < patience => {
                if !is_repeated {
                    observer.trouble(&format!("nothing is started until the journal can be written again: {error}"));
                }
                is_repeated = true;
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(STORE_PAUSE_MAX);
            }
            StoreError::Conflict { .. } if is_repeated && is_written(store, epoch, &append).await => return Ok(()),
            StoreError::Fenced { .. }
            | StoreError::LeaseOver { .. }
            | StoreError::Denied { .. }
            | StoreError::OtherSchema { .. }
            | StoreError::Conflict { .. }
            | StoreError::Archived { .. }
            | StoreError::NotFound { .. }
            | StoreError::Full { .. }
            | StoreError::Unavailable { .. }
            | StoreError::Broken { .. }
            | StoreError::Corrupt { .. } => return Err(error),
        }
    }
}

/// Whether the stream already holds exactly these events at their place.
async fn is_written(store: &dyn Store, epoch: u64, append: &StreamAppend) -> bool {
    let Ok(found) = store.read_run(&append.run, append.expected_seq, append.events.len() + 1).await else { return false };
    found.len() == append.events.len()
        && found.iter().zip(&append.events).all(|(recorded, event)| recorded.epoch == epoch && recorded.event == *event)
}
