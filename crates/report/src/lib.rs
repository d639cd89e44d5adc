//! Documents and pictures: rollout plan, flight card, run record.
