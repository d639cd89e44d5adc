//! Keeping the beginning and the end of a command's output in bounded memory, without secrets.

use crate::redaction::Redactor;
use serde::{Deserialize, Serialize};

/// Bytes kept from the beginning of each stream.
pub const HEAD_BYTES_MAX: usize = 64 * 1024;

/// Bytes kept from the end of each stream.
pub const TAIL_BYTES_MAX: usize = 64 * 1024;

/// Longest line handed on while the command runs, in bytes; with its mark it is written to a pipe in one piece.
pub(crate) const LINE_BYTES_MAX: usize = 4000;

/// Lines handed on per second; those above are only counted in the output.
pub(crate) const LINES_PER_SECOND_MAX: u32 = 200;

/// What is kept of one stream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Captured {
    /// Text, secrets redacted; where bytes were left out, a line says how many.
    pub text: String,
    /// Bytes written by the command.
    pub bytes_total: u64,
    /// Bytes left out between beginning and end.
    pub bytes_left_out: u64,
}

/// Collects one stream. Beside what is kept it holds as many bytes as the longest secret has, so that a secret
/// across a border is recognised.
pub(crate) struct Capture {
    redactor: Redactor,
    head: Vec<u8>,
    tail: Vec<u8>,
    total: u64,
}

impl Capture {
    pub(crate) fn new(redactor: Redactor) -> Self {
        Self { redactor, head: Vec::new(), tail: Vec::new(), total: 0 }
    }

    pub(crate) fn push(&mut self, chunk: &[u8]) {
        let head_room = (HEAD_BYTES_MAX + self.redactor.longest()).saturating_sub(self.head.len());
        self.head.extend_from_slice(&chunk[..chunk.len().min(head_room)]);
        self.tail.extend_from_slice(chunk);
        let tail_max = TAIL_BYTES_MAX + self.redactor.longest();
        if self.tail.len() > 2 * tail_max {
            self.tail.drain(..self.tail.len() - tail_max);
        }
        self.total += chunk.len() as u64;
    }

    pub(crate) fn captured(&self) -> Captured {
        let total = usize::try_from(self.total).unwrap_or(usize::MAX);
        let (bytes, left_out) = if total <= HEAD_BYTES_MAX + TAIL_BYTES_MAX {
            let mut whole = self.head[..total.min(HEAD_BYTES_MAX)].to_vec();
            whole.extend_from_slice(&self.tail[self.tail.len() - (total - whole.len())..]);
            (self.redactor.bytes(&whole, 0, whole.len()), 0)
        } else {
            let left_out = self.total - (HEAD_BYTES_MAX + TAIL_BYTES_MAX) as u64;
            let mut bytes = self.redactor.bytes(&self.head, 0, HEAD_BYTES_MAX);
            bytes.extend_from_slice(format!("\n[{left_out} bytes left out]\n").as_bytes());
            bytes.extend(self.redactor.bytes(&self.tail, self.tail.len() - TAIL_BYTES_MAX, self.tail.len()));
            (bytes, left_out)
        };
        Captured { text: String::from_utf8_lossy(&bytes).into_owned(), bytes_total: self.total, bytes_left_out: left_out }
    }
}

/// Cuts a stream into lines. What exceeds the limit of a line is dropped up to the next newline.
pub(crate) struct Lines {
    redactor: Redactor,
    line: Vec<u8>,
}

impl Lines {
    pub(crate) fn new(redactor: Redactor) -> Self {
        Self { redactor, line: Vec::new() }
    }

    /// Hands each complete line to `each`.
    pub(crate) fn push(&mut self, chunk: &[u8], mut each: impl FnMut(&str)) {
        let line_max = LINE_BYTES_MAX + self.redactor.longest();
        let mut parts = chunk.split(|b| *b == b'\n').peekable();
        while let Some(part) = parts.next() {
            let room = line_max.saturating_sub(self.line.len());
            self.line.extend_from_slice(&part[..part.len().min(room)]);
            if parts.peek().is_some() {
                let clean = self.redactor.bytes(&self.line, 0, LINE_BYTES_MAX);
                let text = String::from_utf8_lossy(&clean);
                each(crate::input::shortened(text.trim_end_matches('\r'), LINE_BYTES_MAX));
                self.line.clear();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beginning_and_end_are_kept_and_the_middle_is_counted() {
        let mut capture = Capture::new(Redactor::default());
        for _ in 0..10_000 {
            capture.push(&[b'x'; 1000]);
        }
        capture.push(b"the end");
        let captured = capture.captured();
        assert_eq!(captured.bytes_total, 10_000_007);
        assert_eq!(captured.bytes_left_out, 10_000_007 - (HEAD_BYTES_MAX + TAIL_BYTES_MAX) as u64);
        assert!(captured.text.ends_with("the end") && captured.text.contains(" bytes left out]"));
        assert!(captured.text.len() < HEAD_BYTES_MAX + TAIL_BYTES_MAX + 100);
    }

    #[test]
    fn nothing_is_lost_or_doubled_where_beginning_and_end_meet() {
        for length in [0, 1, HEAD_BYTES_MAX - 1, HEAD_BYTES_MAX, HEAD_BYTES_MAX + 1, HEAD_BYTES_MAX + TAIL_BYTES_MAX] {
            let bytes: Vec<u8> = (0..length).map(|i| b'a' + (i % 26) as u8).collect();
            let mut capture = Capture::new(Redactor::new(["a secret"]));
            bytes.chunks(777).for_each(|c| capture.push(c));
            assert_eq!(capture.captured().text.as_bytes(), bytes, "{length} bytes");
        }
    }

    #[test]
    fn a_secret_across_any_border_is_redacted() {
        let secret = "s3cr3t-s3cr3t";
        for before in [HEAD_BYTES_MAX - 5, HEAD_BYTES_MAX - secret.len(), HEAD_BYTES_MAX] {
            let mut capture = Capture::new(Redactor::new([secret]));
            capture.push(&vec![b'x'; before]);
            capture.push(secret.as_bytes());
            capture.push(&vec![b'x'; HEAD_BYTES_MAX * 3]);
            capture.push(secret.as_bytes());
            capture.push(&vec![b'x'; TAIL_BYTES_MAX - 5]);
            assert!(!capture.captured().text.contains("s3c"), "{before}");
            assert!(!capture.captured().text.contains("cr3t"), "{before}");
        }
        let mut lines = Lines::new(Redactor::new([secret]));
        let mut seen = Vec::new();
        lines.push(&vec![b'x'; LINE_BYTES_MAX - 3], |l| seen.push(l.to_owned()));
        lines.push(secret.as_bytes(), |l| seen.push(l.to_owned()));
        lines.push(b"yy\nnext\n", |l| seen.push(l.to_owned()));
        assert_eq!(seen.len(), 2);
        assert!(!seen[0].contains("s3c") && seen[1] == "next", "{seen:?}");
    }
}
