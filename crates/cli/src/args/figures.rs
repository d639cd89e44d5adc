//! Arguments of `report`, and where figures of our own are served.

use super::age;
use clap::{Args, ValueEnum};
use glidepath_model::Millis;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

/// Form of a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportForm {
    /// For people, as tables.
    #[default]
    Human,
    /// For programs; documented and stable.
    Json,
    /// One page with pictures.
    Html,
}

/// Arguments of `report`.
#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// How far back, such as `30d` or `26w`.
    #[arg(long, value_name = "DURATION", value_parser = age, default_value = "30d")]
    pub(crate) since: Millis,
    /// Only runs that touch this component.
    #[arg(long, value_name = "NAME", conflicts_with = "team")]
    pub(crate) component: Option<String>,
    /// Only runs that touch what this team owns: its reference, or the last part of it.
    #[arg(long, value_name = "TEAM")]
    pub(crate) team: Option<String>,
    /// Form of the answer.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: ReportForm,
    /// Write the answer to a file.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

/// Where metrics are served: `9464` and `:9464` are of this machine alone; any other address is taken as it stands.
pub(super) fn metrics_address(text: &str) -> Result<SocketAddr, String> {
    let loopback = text.strip_prefix(':').unwrap_or(text).parse::<u16>().map(|port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port));
    loopback
        .or_else(|_| text.parse())
        .map_err(|_| "this is neither a port, such as `9464`, nor an address with one, such as `0.0.0.0:9464`".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_served_to_this_machine_alone_unless_an_address_says_otherwise() {
        for (text, address) in [
            ("9464", Some("127.0.0.1:9464")),
            (":9464", Some("127.0.0.1:9464")),
            ("0", Some("127.0.0.1:0")),
            ("0.0.0.0:9464", Some("0.0.0.0:9464")),
            ("[::1]:9464", Some("[::1]:9464")),
            ("70000", None),
            ("localhost:9464", None),
            ("", None),
        ] {
            assert_eq!(metrics_address(text).ok(), address.and_then(|known| known.parse().ok()), "{text}");
        }
    }
}
