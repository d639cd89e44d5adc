//! An airspace that a test opens and closes.

use glidepath_model::{Plan, Timestamp};
use glidepath_ports::{Airspace, AirspaceError, BoxFuture};
use std::sync::{Arc, Mutex, PoisonError};

/// Open until a test says otherwise. Clones share one sky.
#[derive(Clone, Debug, Default)]
pub struct ScriptedAirspace {
    now: Arc<Mutex<Script>>,
}

#[derive(Debug, Default)]
struct Script {
    answer: Option<Result<String, AirspaceError>>,
    asked: usize,
}

impl ScriptedAirspace {
    /// Closes it, with the reason to tell.
    pub fn close(&self, reason: &str) {
        self.script().answer = Some(Ok(reason.to_owned()));
    }

    /// Opens it.
    pub fn open(&self) {
        self.script().answer = None;
    }

    /// Makes every question fail.
    pub fn break_down(&self, reason: &str) {
        self.script().answer = Some(Err(AirspaceError { reason: reason.to_owned() }));
    }

    /// How often it was asked.
    pub fn asked(&self) -> usize {
        self.script().asked
    }

    fn script(&self) -> std::sync::MutexGuard<'_, Script> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Airspace for ScriptedAirspace {
    fn closed<'a>(&'a self, _plan: &'a Plan, _at: Timestamp) -> BoxFuture<'a, Result<Option<String>, AirspaceError>> {
        let mut script = self.script();
        script.asked += 1;
        let answer = script.answer.clone().transpose();
        Box::pin(std::future::ready(answer))
    }
}
