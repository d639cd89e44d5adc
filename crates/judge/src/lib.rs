//! Canary verdicts, power and error-budget arithmetic.
