//! An authority that signs certificates, made by openssl and gone with the test.

use super::finish;
use std::path::PathBuf;
use std::process::Command;
use tempfile::TempDir;

/// Debian package that brings it.
const INSTALL: &str = "openssl";

/// Its certificate is `ca.pem`. What it signs is for this machine, as server and as client, and holds for two days.
pub struct Authority {
    folder: TempDir,
}

impl Authority {
    /// A new one, which nobody trusts yet.
    pub fn new() -> Self {
        let authority = Self { folder: tempfile::Builder::new().prefix("glidepath-ca-").tempdir().unwrap() };
        let subject = ["-subj", "/CN=an authority of a test", "-addext", "basicConstraints=critical,CA:TRUE", "-x509", "-days", "2"];
        authority.openssl(
            &["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", "ca.key", "-out", "ca.pem"],
            &subject,
        );
        authority
    }

    /// A file of it: `ca.pem`, or what was signed.
    pub fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    /// Signs a certificate for 127.0.0.1: `NAME.pem` with its key `NAME.key`.
    pub fn sign(&self, name: &str) {
        std::fs::write(self.path("extensions"), "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n").unwrap();
        let [key, request, pem] = ["key", "csr", "pem"].map(|ending| format!("{name}.{ending}"));
        let new = ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=127.0.0.1"];
        self.openssl(&new, &["-keyout", &key, "-out", &request]);
        let sign = ["x509", "-req", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "extensions"];
        self.openssl(&sign, &["-in", &request, "-out", &pem]);
    }

    fn openssl(&self, first: &[&str], more: &[&str]) {
        finish(INSTALL, Command::new("openssl").args(first).args(more).current_dir(self.folder.path()));
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}
