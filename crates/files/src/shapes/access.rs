//! As whom sources of telemetry are asked, and whose certificates are trusted. Nobody is ever trusted without a certificate.

use crate::shape::{Field, Form, Shape};

pub(super) const BEARER: Field = Field::optional("bearer", Form::Secret, "Bearer token.");
pub(super) const BASIC: Field = Field::optional("basic", Form::Object(&BASIC_AUTH), "User and password; this or `bearer`, not both.");
pub(super) const TLS: Field =
    Field::optional("tls", Form::Object(&TLS_FILES), "Certificates; the authorities of the system are trusted when left out.");

const BASIC_AUTH: Shape = Shape::closed(
    "BasicAuth",
    "User and password of HTTP's basic authentication.",
    &[Field::required("user", Form::Text, "User."), Field::required("password", Form::Secret, "Password.")],
);

const TLS_FILES: Shape = Shape::closed(
    "TlsFiles",
    "PEM files, at absolute paths or below the project's root; read anew for every question.",
    &[
        Field::optional(
            "caFile",
            Form::Text,
            "Certificates of the authorities that are trusted for this source, instead of those of the system.",
        ),
        Field::optional("certFile", Form::Text, "A certificate of ours, for servers that ask for one; needs `key`."),
        Field::optional("key", Form::Secret, "Private key of that certificate."),
    ],
);
