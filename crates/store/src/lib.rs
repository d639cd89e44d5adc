//! Journal streams and projections on SQLite and in memory.
