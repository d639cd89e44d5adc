//! What readers see: the document in its forms, the card, the live view, the record.
#![allow(clippy::unwrap_used, clippy::panic)]

mod delivery;
mod document;
mod fixture;
mod flight;
mod rehearsal;
