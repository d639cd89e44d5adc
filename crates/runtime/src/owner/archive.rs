//! Ended runs go into archives, a few at a time, beside everything else that an owner does.
//!
//! The store decides which runs are due, and lets nobody lose one: this only asks it again and again. A failure is told when it comes and when it
//! changes, and nothing else depends on it: what could not be archived now is archived later.

use crate::limits::{ARCHIVE_EVERY, ARCHIVE_FIRST_AFTER, ARCHIVED_AT_ONCE_MAX};
use crate::runtime::Deps;
use std::sync::Arc;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

/// Archives what is due, until the owner ends.
pub(super) async fn archive_continuously(deps: Arc<Deps>) {
    let mut looks = interval_at(Instant::now() + ARCHIVE_FIRST_AFTER, ARCHIVE_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut trouble = None;
    loop {
        looks.tick().await;
        let now = deps.clock.now();
        let failed = deps.store.archive(now.minus(deps.retention), ARCHIVED_AT_ONCE_MAX).await.err();
        if failed.is_some() && failed != trouble {
            let reason = failed.as_ref().map(ToString::to_string).unwrap_or_default();
            deps.observer.trouble(&format!("ended runs stay where they are, because they cannot be archived: {reason}"));
        }
        trouble = failed;
    }
}
