//! Actions and sources: exec, http, sql, haproxy, wait, manual, gate, Prometheus, OpenMetrics.
