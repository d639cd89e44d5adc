//! Secrets from the environment and from files.

use crate::input::coded;
use crate::redaction::Redactor;
use glidepath_model::Code;
use glidepath_ports::world::Secret;
use glidepath_ports::{SecretError, Secrets};
use std::io::Read;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

/// Longest secret, in bytes.
pub const SECRET_BYTES_MAX: u64 = 64 * 1024;

/// Resolves `env:NAME` and `file:PATH` (relative to the project's root, one trailing newline removed), and
/// remembers what it resolved so that it can be redacted.
pub struct EnvFileSecrets {
    root: PathBuf,
    resolved: Mutex<Redactor>,
}

impl EnvFileSecrets {
    /// A resolver for the project at `root`.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), resolved: Mutex::default() }
    }

    fn read(&self, reference: &str) -> Result<String, String> {
        let value = match reference.split_once(':') {
            Some(("env", name)) => std::env::var(name)
                .map_err(|_| format!("the variable {name} is not set, or is not text; set it for the process that flies the run"))?,
            Some(("file", path)) => self.read_file(path)?,
            // The text itself is not repeated: somebody may have written the secret where its reference belongs.
            _ => return Err("it is neither `env:NAME` nor `file:PATH`; a secret is never written down itself".to_owned()),
        };
        if value.is_empty() { Err("it is empty".to_owned()) } else { Ok(value) }
    }

    fn read_file(&self, path: &str) -> Result<String, String> {
        let full = self.root.join(path);
        let file = std::fs::File::open(&full).map_err(|error| format!("the file {path} cannot be opened: {error}"))?;
        let mut text = String::new();
        let read = file
            .take(SECRET_BYTES_MAX + 1)
            .read_to_string(&mut text)
            .map_err(|error| format!("the file {path} cannot be read: {error}"))?;
        if read as u64 > SECRET_BYTES_MAX {
            return Err(format!("the file {path} is longer than {SECRET_BYTES_MAX} bytes"));
        }
        if text.ends_with('\n') {
            text.pop();
            if text.ends_with('\r') {
                text.pop();
            }
        }
        Ok(text)
    }
}

impl Secrets for EnvFileSecrets {
    fn resolve(&self, reference: &str) -> Result<Secret, SecretError> {
        let known = matches!(reference.split_once(':'), Some(("env" | "file", _)));
        match self.read(reference) {
            Ok(value) => {
                self.resolved.lock().unwrap_or_else(PoisonError::into_inner).add(&value);
                Ok(Secret::new(value))
            }
            Err(reason) => {
                let shown = if known { reference.to_owned() } else { "reference".to_owned() };
                Err(SecretError { reference: shown, reason: coded(Code(555), reason) })
            }
        }
    }

    fn redact(&self, text: &str) -> String {
        self.resolved.lock().unwrap_or_else(PoisonError::into_inner).text(text)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_and_their_values_are_redacted_from_then_on() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("token"), "s3cr3t-token\n").unwrap();
        let secrets = EnvFileSecrets::new(folder.path());
        assert_eq!(secrets.redact("s3cr3t-token"), "s3cr3t-token", "nothing is known yet");
        assert_eq!(secrets.resolve("file:token").unwrap().expose(), "s3cr3t-token");
        assert_eq!(secrets.redact("Bearer s3cr3t-token."), "Bearer [redacted].");
    }

    #[test]
    fn a_secret_written_where_its_reference_belongs_is_refused_and_not_repeated() {
        let secrets = EnvFileSecrets::new("/");
        for reference in ["hunter2-hunter2", "path:/etc/passwd", "postgres://u:hunter2-hunter2@h/d"] {
            let error = secrets.resolve(reference).unwrap_err().to_string();
            assert!(error.contains("GP0555") && !error.contains("hunter2"), "{error}");
        }
        for reference in ["env:GLIDEPATH_TEST_NOT_SET", "file:no/such/file"] {
            assert!(secrets.resolve(reference).unwrap_err().to_string().contains(reference.split_once(':').unwrap().1));
        }
    }
}
