//! As whom a source is asked, and whose certificates are trusted.
//!
//! Secrets and files are read anew for every question, so that a token or a certificate that was renewed is used at once; a client, which holds connections,
//! is made anew only when the certificates differ. A source's own authority is the only one that is trusted for it. There is no way to trust anybody.

use super::{out_of_reach, untrusted};
use crate::input::{chain, quoted};
use crate::redaction::{REDACTED, SECRET_BYTES_MIN};
use glidepath_model::catalog::{Access, BasicAuth, TlsFiles};
use glidepath_ports::{Secrets, TelemetryError};
use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{Certificate, Client, ClientBuilder, Identity, IntoUrl, RequestBuilder};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Longest wait for a connection.
const CONNECT_MAX: Duration = Duration::from_secs(5);

/// Longest file of certificates, in bytes.
const CERTIFICATES_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Clients with certificates of their own that are kept.
const CLIENTS_MAX: usize = 16;

/// Clients by the certificates that they use. They are made at the first question: reading the system's roots takes longer than most commands that ask none.
pub(super) struct Clients {
    root: PathBuf,
    known: Mutex<Vec<(Certificates, Client)>>,
}

/// What a client trusts, and what it shows of itself; as the files have it.
#[derive(Clone, Default, PartialEq, Eq)]
struct Certificates {
    authorities: Option<Vec<u8>>,
    own: Option<Vec<u8>>,
}

/// One source as it is asked now.
pub(super) struct Session<'a> {
    client: Client,
    authorization: Option<HeaderValue>,
    /// User and password as they are sent; a server may answer with what it was sent.
    encoded: Option<String>,
    secrets: &'a dyn Secrets,
    /// What to look at when it refuses.
    pub(super) advice: &'static str,
}

impl Clients {
    /// Clients that find relative files below `root`.
    pub(super) fn new(root: &Path) -> Self {
        Self { root: root.to_path_buf(), known: Mutex::default() }
    }

    /// Resolves the secrets and reads the files of a source.
    pub(super) fn session<'a>(&self, name: &str, access: &Access, secrets: &'a dyn Secrets) -> Result<Session<'a>, TelemetryError> {
        let resolved = |reference: &str| secrets.resolve(reference).map_err(|error| out_of_reach(name, error.to_string()));
        let certificates = match &access.tls {
            Some(files) => self.certificates(name, files, secrets)?,
            None => Certificates::default(),
        };
        let client = self.client(name, certificates)?;
        let (authorization, encoded, advice) = match (&access.basic, &access.bearer) {
            (Some(BasicAuth { user, password }), _) => {
                let encoded = base64(format!("{user}:{}", resolved(password)?.expose()).as_bytes());
                (Some(format!("Basic {encoded}")), Some(encoded), "check the user and the password of `basic`, and what it may read")
            }
            (None, Some(reference)) => {
                (Some(format!("Bearer {}", resolved(reference)?.expose())), None, "check `bearer` and what it may read")
            }
            (None, None) => (None, None, "it wants credentials: declare `bearer` or `basic`"),
        };
        let authorization = authorization.map(|text| HeaderValue::from_str(&text)).transpose();
        let mut authorization =
            authorization.map_err(|_| out_of_reach(name, "its secret holds characters that no header field can have (GP0555)"))?;
        if let Some(value) = &mut authorization {
            value.set_sensitive(true);
        }
        Ok(Session { client, authorization, encoded, secrets, advice })
    }

    fn certificates(&self, name: &str, files: &TlsFiles, secrets: &dyn Secrets) -> Result<Certificates, TelemetryError> {
        let authorities = files.ca_file.as_deref().map(|file| self.read(name, file)).transpose()?;
        let mut own = None;
        if let Some(client) = &files.client {
            let key = secrets.resolve(&client.key).map_err(|error| untrusted(name, error.to_string()))?;
            let mut pem = self.read(name, &client.cert_file)?;
            pem.push(b'\n');
            pem.extend_from_slice(key.expose().as_bytes());
            own = Some(pem);
        }
        Ok(Certificates { authorities, own })
    }

    fn read(&self, name: &str, file: &str) -> Result<Vec<u8>, TelemetryError> {
        let failed = |what: &str| untrusted(name, format!("the file {file} {what}"));
        let opened = std::fs::File::open(self.root.join(file)).map_err(|error| failed(&format!("cannot be opened: {error}")))?;
        let mut bytes = Vec::new();
        let read = opened.take(CERTIFICATES_BYTES_MAX + 1).read_to_end(&mut bytes);
        read.map_err(|error| failed(&format!("cannot be read: {error}")))?;
        if bytes.len() as u64 > CERTIFICATES_BYTES_MAX {
            return Err(failed(&format!("is longer than {CERTIFICATES_BYTES_MAX} bytes")));
        }
        Ok(bytes)
    }

    fn client(&self, name: &str, certificates: Certificates) -> Result<Client, TelemetryError> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, client)) = known.iter().find(|(used, _)| *used == certificates) {
            return Ok(client.clone());
        }
        crate::install_tls_provider();
        let client = built(name, &certificates)?;
        if known.len() >= CLIENTS_MAX {
            known.remove(0);
        }
        known.push((certificates, client.clone()));
        Ok(client)
    }
}

fn built(name: &str, certificates: &Certificates) -> Result<Client, TelemetryError> {
    let mut builder: ClientBuilder =
        Client::builder().connect_timeout(CONNECT_MAX).user_agent(concat!("glidepath/", env!("CARGO_PKG_VERSION")));
    let unusable = |what: &str, error: &reqwest::Error| untrusted(name, format!("{what}: {}", chain(error)));
    if let Some(pem) = &certificates.authorities {
        let authorities = Certificate::from_pem_bundle(pem).map_err(|error| unusable("its `caFile` is no file of certificates", &error))?;
        if authorities.is_empty() {
            return Err(untrusted(name, "its `caFile` holds no certificate in PEM form"));
        }
        builder = builder.tls_certs_only(authorities);
    }
    if let Some(pem) = &certificates.own {
        let identity =
            Identity::from_pem(pem).map_err(|error| unusable("its `certFile` and `key` are no certificate with its key", &error))?;
        builder = builder.identity(identity);
    }
    builder.build().map_err(|error| unusable("its certificates cannot be used", &error))
}

impl Session<'_> {
    /// A request that says who asks.
    pub(super) fn get(&self, url: impl IntoUrl) -> RequestBuilder {
        let request = self.client.get(url);
        match &self.authorization {
            Some(value) => request.header(AUTHORIZATION, value.clone()),
            None => request,
        }
    }

    /// A text without secrets, and without user and password as they were sent.
    pub(super) fn redact(&self, text: &str) -> String {
        let text = self.secrets.redact(text);
        match self.encoded.as_ref().filter(|encoded| encoded.len() >= SECRET_BYTES_MIN) {
            Some(encoded) => text.replace(encoded, REDACTED),
            None => text,
        }
    }

    /// The beginning of an answer as people may see it. Secrets are taken out before it is cut, so that none is cut in two.
    pub(super) fn quoted(&self, text: &str) -> String {
        quoted(&self.redact(text))
    }
}

/// Text of `A` to `/` as HTTP has it, RFC 4648.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let letters = bytes.chunks(3).flat_map(|chunk| {
        let joined = chunk.iter().fold(0_u32, |sum, byte| sum << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        let letter = move |at: usize| if at <= chunk.len() { char::from(LETTERS[(joined >> (18 - 6 * at)) as usize & 63]) } else { '=' };
        (0..4).map(letter)
    });
    letters.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_written_as_rfc_4648_has_them() {
        let cases =
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("foobar", "Zm9vYmFy"), ("ü?>", "w7w/Pg==")];
        for (text, encoded) in cases {
            assert_eq!(base64(text.as_bytes()), encoded, "{text}");
        }
    }
}
