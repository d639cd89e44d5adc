//! Until when processes of an owner may work, where its ownership is a lease.
//!
//! A command goes on when the process that started it is killed. On one machine the next owner waits for it; an owner elsewhere cannot even
//! see it. So a node writes down until when its commands may work, each time its lease is renewed, and who watches over a command ends it
//! when that time has come and nothing newer is written. It is gone before another node may take the run over.

use std::time::Duration;

/// Two moments, as time since the machine was started, its sleep included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkTime {
    /// When work is told to end.
    pub stop_at: Duration,
    /// When it must be gone.
    pub gone_by: Duration,
}

impl WorkTime {
    /// As one line of text: both in microseconds.
    pub fn to_text(self) -> String {
        format!("{} {}\n", self.stop_at.as_micros(), self.gone_by.as_micros())
    }

    /// Reads the line; `None` when it is not one.
    pub fn from_text(text: &str) -> Option<Self> {
        let (stop_at, gone_by) = text.strip_suffix('\n')?.split_once(' ')?;
        let moment = |text: &str| text.parse().ok().map(Duration::from_micros);
        Some(Self { stop_at: moment(stop_at)?, gone_by: moment(gone_by)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_and_half_of_it_is_not() {
        let time = WorkTime { stop_at: Duration::from_micros(12_345_678), gone_by: Duration::from_secs(20) };
        assert_eq!(WorkTime::from_text(&time.to_text()), Some(time));
        for cut in ["", "12", "12 34", "12 x\n", "-1 2\n"] {
            assert_eq!(WorkTime::from_text(cut), None, "{cut:?}");
        }
    }
}
