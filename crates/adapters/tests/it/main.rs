//! Actions and sources against real processes and real servers.
