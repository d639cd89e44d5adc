//! The planner: facts and a change become ranked, explained candidate plans.
