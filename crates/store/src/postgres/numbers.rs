//! Numbers as PostgreSQL keeps them: it has no unsigned ones.

/// A number beyond the range of the database is beyond every row.
pub(super) fn to_stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A stored number; none that this program writes is negative.
pub(super) fn from_stored(number: i64) -> u64 {
    number.unsigned_abs()
}

/// How many rows a query may give.
pub(super) fn limit(rows_max: usize) -> i64 {
    i64::try_from(rows_max).unwrap_or(i64::MAX)
}
