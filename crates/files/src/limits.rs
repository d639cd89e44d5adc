//! Limits on what is read, so that no input takes unbounded time or memory.

/// Greatest size of one file, in bytes.
pub const FILE_BYTES_MAX: u64 = 1 << 20;
/// Most files read in one project.
pub const FILES_MAX: usize = 20_000;
/// Deepest nesting of folders below the project's root.
pub const FOLDER_DEPTH_MAX: usize = 16;
/// Deepest nesting of lists and mappings in a document, aliases included.
pub const NESTING_MAX: usize = 48;
/// Most values in one file, aliases counted each time they are used.
pub const VALUES_MAX: usize = 100_000;
/// Most findings kept for one project.
pub const FINDINGS_MAX: usize = 1_000;
/// Longest source line shown with a finding, in characters.
pub const SNIPPET_CHARS_MAX: usize = 400;
/// Most hosts read from one inventory group.
pub const HOSTS_MAX: usize = 10_000;
/// Most elements of one fan-out of a runbook.
pub const ELEMENTS_MAX: usize = 1_000;
/// Longest condition of a step, in characters.
pub const CONDITION_CHARS_MAX: usize = 1_000;
/// Most units of a resource that are counted.
pub const LOCK_UNITS_MAX: u64 = 1_000_000;
/// Most tries of a step.
pub const ATTEMPTS_MAX: u64 = 100;
/// Most retries of all steps of a run together.
pub const RETRIES_MAX: u64 = 100_000;
/// Most flights of one rehearsal.
pub const REHEARSAL_FLIGHTS_MAX: u64 = 1_000_000;
/// Most steps of a run, or elements of a fan-out, at work at the same time.
pub const IN_FLIGHT_MAX: u64 = 64;
/// Greatest distance, in edits, at which a name is offered as the one that was meant.
pub const TYPO_EDITS_MAX: usize = 3;
