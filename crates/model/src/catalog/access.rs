//! How sources of telemetry are reached: as whom, and whose certificates are trusted. Secrets are references, never values.

use serde::{Deserialize, Serialize};

/// As whom a source of telemetry is asked, and whose certificates are trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Access {
    /// Bearer token, as a secret reference (`env:NAME` or `file:PATH`).
    pub bearer: Option<String>,
    /// User and password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basic: Option<BasicAuth>,
    /// Files of TLS; the roots of the system and no certificate of our own when `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsFiles>,
}

/// User and password of HTTP's basic authentication.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BasicAuth {
    /// User.
    pub user: String,
    /// Password, as a secret reference.
    pub password: String,
}

/// Certificates in PEM files; paths are absolute or below the project's root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TlsFiles {
    /// Certificates of the only authorities that are trusted; those of the system when `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<String>,
    /// What we show of ourselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<ClientCertificate>,
}

/// A certificate of our own, with its key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClientCertificate {
    /// The certificate, and those between it and its authority.
    pub cert_file: String,
    /// Its private key, as a secret reference.
    pub key: String,
}

impl Access {
    /// Whether anybody may ask, and the roots of the system are trusted.
    pub fn is_open(&self) -> bool {
        *self == Self::default()
    }

    /// Whether something is sent along that nobody else may read.
    pub fn has_credentials(&self) -> bool {
        self.bearer.is_some() || self.basic.is_some()
    }
}
