//! On a full disk nothing new begins, so that what is left of the room is there for the way back.
//!
//! The store keeps a reserve, and frees it when an append finds no space. From then on it says that it is short of room. Every run that flies forward
//! is paused then, by a request that is journaled with its reason like that of a person, so that its hold limit counts; and from the very append that
//! freed the reserve on no attempt that goes forward is begun and no start is taken, whatever a run says. Results, requests, timers and everything of
//! the way back are decided on and journaled as always. When the store has made its reserve anew, the runs that were paused for it are resumed;
//! one that somebody else paused meanwhile stays as it is. A new owner finds in the journal which those are.

use super::flight::Then;
use super::{Flight, Message, Owner};
use crate::limits::ROOM_LOOK_EVERY;
use glidepath_engine::Input;
use glidepath_model::RunId;
use glidepath_model::projection::RunStatus;
use glidepath_model::request::{Request, Verb, Who};
use glidepath_ports::Store;
use std::sync::Arc;
use tokio::sync::mpsc;

/// What people are told.
const SHORT: &str = "GP0433: the disk that holds the journal is full, and what was kept back for a rollback is in use: nothing new is started until there is room again";
/// How a request of this owner for want of room is known.
const KNOWN_BY: &str = "full-disk";

/// Asks the store again and again to look for room, and says whether it has some while it is, or was, short of it.
pub(super) async fn look_for_room(store: Arc<dyn Store>, loop_inbox: mpsc::Sender<Message>) {
    let mut was_short = false;
    loop {
        tokio::time::sleep(ROOM_LOOK_EVERY).await;
        let is_short = store.is_short_of_room();
        if (is_short || was_short) && loop_inbox.send(Message::Room { is_short }).await.is_err() {
            return;
        }
        was_short = is_short;
        if is_short {
            // What it finds is seen at the next look; a store that cannot look now is asked again.
            let _ = store.look_for_room().await;
        }
    }
}

/// Whether a run is paused for want of room, and by nobody else since.
pub(super) fn is_paused_for_room(flight: &Flight) -> bool {
    let is_of_pilot = |request: &&Request| matches!(request.verb, Verb::Pause | Verb::Stop | Verb::Resume);
    flight.state.status() == RunStatus::Paused
        && flight.granted_requests().rev().find(is_of_pilot).is_some_and(|last| last.verb == Verb::Pause && last.who.known_by == KNOWN_BY)
}

impl Owner<'_> {
    pub(super) fn take_room(&mut self, is_short: bool) {
        if is_short { self.short_of_room() } else { self.room_again() }
    }

    /// Pauses what flies forward, and tells people once each time.
    pub(super) fn short_of_room(&mut self) {
        if !std::mem::replace(&mut self.is_short_of_room, true) {
            self.deps.observer.trouble(SHORT);
        }
        let flies_on = |flight: &Flight| flight.state.status().is_live() && flight.state.rollback.is_none() && !flight.state.is_resting();
        let forward: Vec<RunId> = self.flights.iter().filter(|(_, flight)| flies_on(flight)).map(|(run, _)| run.clone()).collect();
        for run in forward {
            self.deps.notifier.page(&run, SHORT);
            self.ask_for_want_of_room(&run, Verb::Pause, "the disk that holds the journal is full; what room is left is for the way back");
        }
    }

    /// Goes on with what was paused or left out.
    fn room_again(&mut self) {
        if !std::mem::take(&mut self.is_short_of_room) {
            return;
        }
        self.deps.observer.trouble("there is room for the journal again, and the runs that were paused for want of it go on");
        let runs: Vec<RunId> = self.flights.iter().map(|(run, _)| run.clone()).collect();
        runs.iter().for_each(|run| self.go_on_if_there_is_room(run));
    }

    /// Resumes a run that was paused for want of room; any other is asked again what is due.
    pub(super) fn go_on_if_there_is_room(&mut self, run: &RunId) {
        if self.deps.store.is_short_of_room() {
            return;
        }
        if self.flights.get(run).is_some_and(is_paused_for_room) {
            return self.ask_for_want_of_room(run, Verb::Resume, "there is room for the journal again");
        }
        if let Some(flight) = self.flights.touch(run) {
            flight.push(Input::Wake, Then::Nothing);
        }
    }

    fn ask_for_want_of_room(&mut self, run: &RunId, verb: Verb, reason: &str) {
        let who = Who { name: self.deps.who.name.clone(), known_by: KNOWN_BY.to_owned() };
        let (run, at, reason) = (run.clone(), self.deps.clock.now(), Some(reason.to_owned()));
        if let Some(flight) = self.flights.touch(&run) {
            flight.push(Input::Request(Request { run, verb, step: None, who, reason, at, signal: None }), Then::Nothing);
        }
    }
}
