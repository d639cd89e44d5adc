//! Test support: fake clock, scripted actions, crash points, real test servers.
