//! What an audit found, up to a limit.

/// Findings that are told one by one; further ones are counted.
const FINDINGS_MAX: usize = 100;

/// Findings up to a limit.
#[derive(Default)]
pub(crate) struct Findings {
    told: Vec<String>,
    untold: usize,
}

impl Findings {
    pub(crate) fn add(&mut self, line: String) {
        if self.told.len() < FINDINGS_MAX { self.told.push(line) } else { self.untold += 1 }
    }

    pub(crate) fn told(mut self) -> Vec<String> {
        if self.untold > 0 {
            self.told.push(format!("{} further findings are not listed.", self.untold));
        }
        self.told
    }
}
