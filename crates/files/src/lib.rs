//! Reads a Glidepath project from YAML, with the position of every value, into the domain model.
