//! The imperative shell: ownership, timers, dispatch, recovery, guard.
