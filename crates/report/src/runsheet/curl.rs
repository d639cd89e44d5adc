//! How a person shows a source of telemetry who asks: options of `curl`. A secret is read where the sheet is typed, and stands on none.

use glidepath_model::catalog::Access;
use glidepath_model::command::quoted;

/// Options with a blank behind each; empty where anybody may ask.
pub(super) fn options(access: &Access) -> String {
    let mut options = Vec::new();
    if let Some(basic) = &access.basic {
        options.push(format!("-u {}:{}", quoted(&basic.user), secret(&basic.password)));
    } else if let Some(bearer) = &access.bearer {
        options.push(format!("-H 'Authorization: Bearer '{}", secret(bearer)));
    }
    if let Some(tls) = &access.tls {
        options.extend(tls.ca_file.iter().map(|file| format!("--cacert {}", quoted(file))));
        if let Some(client) = &tls.client {
            options.push(format!("--cert {}", quoted(&client.cert_file)));
            options.push(match client.key.strip_prefix("file:") {
                Some(file) => format!("--key {}", quoted(file)),
                None => format!("--key <(printf %s {})", secret(&client.key)),
            });
        }
    }
    options.into_iter().map(|option| option + " ").collect()
}

/// What a shell puts in the place of a reference.
fn secret(reference: &str) -> String {
    match reference.split_once(':') {
        Some(("env", name)) => format!("\"${name}\""),
        Some((_, path)) => format!("\"$(cat {})\"", quoted(path)),
        None => quoted(reference),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use glidepath_model::catalog::{BasicAuth, ClientCertificate, TlsFiles};

    #[test]
    fn a_sheet_names_secrets_and_never_holds_one() {
        let basic = BasicAuth { user: "glide path".to_owned(), password: "file:se cret".to_owned() };
        let client = |key: &str| ClientCertificate { cert_file: "own.pem".to_owned(), key: key.to_owned() };
        let tls = |key: &str| TlsFiles { ca_file: Some("ca.pem".to_owned()), client: Some(client(key)) };
        let bearer = Access { bearer: Some("env:TOKEN".to_owned()), ..Access::default() };
        for (access, expected) in [
            (Access::default(), ""),
            (bearer.clone(), "-H 'Authorization: Bearer '\"$TOKEN\" "),
            (Access { basic: Some(basic), ..Access::default() }, "-u 'glide path':\"$(cat 'se cret')\" "),
            (Access { tls: Some(tls("file:own.key")), ..Access::default() }, "--cacert ca.pem --cert own.pem --key own.key "),
            (
                Access { tls: Some(tls("env:KEY")), ..bearer },
                "-H 'Authorization: Bearer '\"$TOKEN\" --cacert ca.pem --cert own.pem --key <(printf %s \"$KEY\") ",
            ),
        ] {
            assert_eq!(options(&access), expected);
        }
    }
}
