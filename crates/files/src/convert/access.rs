//! As whom sources of telemetry are asked, and whose certificates are trusted.

use super::{Context, text};
use crate::codes;
use crate::node::Node;
use glidepath_model::catalog::{Access, BasicAuth, ClientCertificate, TlsFiles};

/// The access that `node` declares for the address in its field `url`, which stands at the field `path`.
pub(super) fn read(context: &mut Context<'_, '_>, node: &Node, path: &str) -> Access {
    let basic = node.get("basic").and_then(|basic| Some(BasicAuth { user: text(basic, "user")?, password: text(basic, "password")? }));
    let access = Access { bearer: text(node, "bearer"), basic, tls: node.get("tls").and_then(files) };
    let mut problems = Problems { context, node, path };
    problems.of_credentials(&access);
    problems.of_tls();
    access
}

fn files(node: &Node) -> Option<TlsFiles> {
    let client = text(node, "certFile").zip(text(node, "key")).map(|(cert_file, key)| ClientCertificate { cert_file, key });
    let files = TlsFiles { ca_file: text(node, "caFile"), client };
    (files.ca_file.is_some() || files.client.is_some()).then_some(files)
}

struct Problems<'p, 'd, 'c> {
    context: &'p mut Context<'d, 'c>,
    node: &'p Node,
    path: &'p str,
}

impl Problems<'_, '_, '_> {
    fn error(&mut self, field: &str, message: String, reason: &str, hint: &str) {
        let at = self.node.get(field).map_or(self.node.at, |node| node.at);
        self.context.findings.error(at, &format!("{}.{field}", self.path), codes::ACCESS_UNFIT, message, reason, hint);
    }

    fn of_credentials(&mut self, access: &Access) {
        let url = self.node.text_of("url").unwrap_or_default().to_owned();
        if access.bearer.is_some() && access.basic.is_some() {
            self.error(
                "basic",
                "the source has `basic` and `bearer` at once".to_owned(),
                "A request says once who asks.",
                "Leave out the one that the server does not take.",
            );
        }
        if access.basic.as_ref().is_some_and(|basic| basic.user.contains(':')) {
            let reason = "In basic authentication the first colon ends the user, so that the rest would become part of the password.";
            self.error(
                "basic",
                "the user holds a colon".to_owned(),
                reason,
                "Write the user alone; the password is a reference of its own.",
            );
        }
        if authority(&url).contains('@') {
            let reason = "Whoever reads the file or a plan would read the password.";
            let hint = "Take it out of the address and of the file's history, and write `basic: { user: ..., password: env:NAME }`.";
            self.error("url", "the address holds a user or a password".to_owned(), reason, hint);
        } else if access.has_credentials() && url.starts_with("http://") && !is_loopback(&url) {
            let at = self.node.get("url").map_or(self.node.at, |node| node.at);
            let reason = "Everybody on the way can read and use them.";
            let hint = "Write an `https://` address, with `tls: { caFile: ... }` where the authority is your own.";
            let message = "credentials go to this address in the clear".to_owned();
            self.context.findings.warning(at, &format!("{}.url", self.path), codes::CREDENTIALS_IN_CLEAR, message, reason, hint);
        }
    }

    fn of_tls(&mut self) {
        let Some(tls) = self.node.get("tls") else { return };
        let is_clear = self.node.text_of("url").is_some_and(|url| url.starts_with("http://"));
        let (certificate, key) = (tls.get("certFile").is_some(), tls.get("key").is_some());
        let has_authority = tls.get("caFile").is_some();
        if is_clear {
            let reason = "Nothing is encrypted there, and nobody's certificate is looked at.";
            self.error("tls", "`tls` has no effect on an `http://` address".to_owned(), reason, "Write `https://`, or leave `tls` out.");
        }
        if certificate != key {
            let (there, missing) = if certificate { ("certFile", "key") } else { ("key", "certFile") };
            let hint = "Add the other one, or leave both out.";
            self.error(
                "tls",
                format!("`tls` has `{there}` without `{missing}`"),
                "A certificate is shown with the proof of its key.",
                hint,
            );
        }
        if !(has_authority || certificate || key) {
            self.error("tls", "`tls` says nothing".to_owned(), "Without it the authorities of the system are trusted.", "Leave it out.");
        }
    }
}

/// User, host and port of an address.
fn authority(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or_default()
}

/// Whether what is sent there stays on this machine.
fn is_loopback(url: &str) -> bool {
    let authority = authority(url);
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    let address = host.parse::<core::net::IpAddr>();
    address.is_ok_and(|address| address.is_loopback()) || host.eq_ignore_ascii_case("localhost") || host.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stays_on_this_machine_is_loopback() {
        for url in ["http://127.0.0.1:9090", "http://127.8.8.8", "http://[::1]:9090/x", "http://localhost/", "http://a.localhost:1"] {
            assert!(is_loopback(url), "{url}");
        }
        for url in ["http://localhost.example:9090", "http://{host}:9090", "http://10.0.0.1", "http://127.0.0.1.example", "http://[::2]"] {
            assert!(!is_loopback(url), "{url}");
        }
    }
}
