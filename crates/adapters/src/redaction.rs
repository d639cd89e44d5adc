//! Taking secret values out of text, also where they were escaped on the way.

/// What stands in the place of a secret.
pub(crate) const REDACTED: &str = "[redacted]";

/// Shorter values are not looked for, in bytes: replacing every `1` would ruin all text and hide nothing.
pub(crate) const SECRET_BYTES_MIN: usize = 4;

/// Shortest line of a secret of several lines that is looked for by itself, in bytes.
const SECRET_LINE_BYTES_MIN: usize = 8;

/// Texts to be replaced, longest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Redactor {
    needles: Vec<Vec<u8>>,
}

impl Redactor {
    /// A redactor of these values.
    pub(crate) fn new<'a>(values: impl IntoIterator<Item = &'a str>) -> Self {
        let mut redactor = Self::default();
        for value in values {
            redactor.add(value);
        }
        redactor
    }

    /// Looks for `value` too: as it is, trimmed, line by line, percent-encoded, and escaped as in JSON.
    pub(crate) fn add(&mut self, value: &str) {
        let lines = value.lines().map(str::trim).filter(|l| l.len() >= SECRET_LINE_BYTES_MIN);
        for form in [value, value.trim()].into_iter().chain(lines).flat_map(forms) {
            if form.len() >= SECRET_BYTES_MIN && !self.needles.contains(&form) {
                self.needles.push(form);
            }
        }
        self.needles.sort_by_key(|n| std::cmp::Reverse(n.len()));
    }

    /// Length of the longest text looked for, in bytes.
    pub(crate) fn longest(&self) -> usize {
        self.needles.first().map_or(0, Vec::len)
    }

    /// The text without secrets.
    pub(crate) fn text(&self, text: &str) -> String {
        if self.needles.is_empty() {
            return text.to_owned();
        }
        String::from_utf8_lossy(&self.bytes(text.as_bytes(), 0, text.len())).into_owned()
    }

    /// What begins in `from..to` of `bytes`, without secrets. A secret that reaches across either border is replaced
    /// whole, so that cutting a text never leaves half a secret.
    pub(crate) fn bytes(&self, bytes: &[u8], from: usize, to: usize) -> Vec<u8> {
        let mut out = Vec::with_capacity(to.saturating_sub(from));
        let mut at = 0;
        while at < to.min(bytes.len()) {
            match self.needles.iter().find(|n| bytes[at..].starts_with(n)) {
                Some(needle) => {
                    if at + needle.len() > from {
                        out.extend_from_slice(REDACTED.as_bytes());
                    }
                    at += needle.len();
                }
                None => {
                    if at >= from {
                        out.push(bytes[at]);
                    }
                    at += 1;
                }
            }
        }
        out
    }
}

/// A value as it may appear: plain, percent-encoded (both cases), with `+` for blanks, JSON-escaped.
fn forms(value: &str) -> Vec<Vec<u8>> {
    let percent = |upper: bool, blank_plus: bool| {
        let mut out = String::new();
        for byte in value.bytes() {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
                b' ' if blank_plus => out.push('+'),
                _ if upper => out.push_str(&format!("%{byte:02X}")),
                _ => out.push_str(&format!("%{byte:02x}")),
            }
        }
        out.into_bytes()
    };
    let json = serde_json::to_string(value).unwrap_or_default();
    let json = json.get(1..json.len().saturating_sub(1)).unwrap_or_default().as_bytes().to_vec();
    vec![value.as_bytes().to_vec(), percent(true, false), percent(false, false), percent(true, true), json]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_found_in_every_form_and_short_ones_are_left_alone() {
        let redactor = Redactor::new(["p@ss \"word\"", "abc", "first line of key\nsecond line of key\n"]);
        for (text, shown) in [
            ("x p@ss \"word\" y", "x [redacted] y"),
            ("x=p%40ss%20%22word%22", "x=[redacted]"),
            ("x=p%40ss+%22word%22&", "x=[redacted]&"),
            (r#"{"k":"p@ss \"word\""}"#, r#"{"k":"[redacted]"}"#),
            ("abc stays", "abc stays"),
            ("only second line of key leaks", "only [redacted] leaks"),
        ] {
            assert_eq!(redactor.text(text), shown);
        }
    }

    #[test]
    fn cutting_never_leaves_half_a_secret() {
        let redactor = Redactor::new(["secret-value"]);
        let text = b"aaa secret-value bbb";
        assert_eq!(redactor.bytes(text, 0, 8), b"aaa [redacted]");
        assert_eq!(redactor.bytes(text, 8, text.len()), b"[redacted] bbb");
    }
}
