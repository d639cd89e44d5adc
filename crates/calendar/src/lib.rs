//! Change windows and freezes: when a change may start.
