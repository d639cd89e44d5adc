//! The run as a pure state machine: events are folded, intents come out.
