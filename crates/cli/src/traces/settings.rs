//! Where traces go: what `--otlp` says, else what the environment says by OpenTelemetry's own variables.

use crate::exit::Exit;
use crate::failure::Failure;
use glidepath_adapters::otlp::{Receiver, headers};
use glidepath_model::{Code, Diagnostic};

/// What traces say they are from, unless `OTEL_SERVICE_NAME` says otherwise.
const SERVICE: &str = "glidepath";

/// Where traces go, and what they say they are from.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) receiver: Receiver,
    pub(super) service: String,
}

/// Reads variables of the environment; an empty one counts as none.
struct Variables<'a>(&'a dyn Fn(&str) -> Option<String>);

impl Variables<'_> {
    fn get(&self, name: &str) -> Option<String> {
        (self.0)(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    /// What is said of traces alone, else of everything that is exported.
    fn of_traces(&self, ending: &str) -> Option<(String, String)> {
        let names = [format!("OTEL_EXPORTER_OTLP_TRACES_{ending}"), format!("OTEL_EXPORTER_OTLP_{ending}")];
        names.into_iter().find_map(|name| self.get(&name).map(|value| (name, value)))
    }
}

/// Where traces go; `None` where nobody asked for them.
///
/// # Errors
/// With `--otlp`, when they cannot go there: nothing is to be started that cannot be watched as it was asked. Without it, only a finding: the environment
/// may be meant for other programs.
pub(super) fn read(given: Option<&str>, variable: &dyn Fn(&str) -> Option<String>) -> Result<Option<Settings>, Failure> {
    let variables = Variables(variable);
    let fields = match variables.of_traces("HEADERS") {
        Some((name, list)) => headers(&list).map_err(|why| (name, why)),
        None => Ok(Vec::new()),
    };
    let service = variables.get("OTEL_SERVICE_NAME").unwrap_or_else(|| SERVICE.to_owned());
    if let Some(address) = given {
        let fields = fields.map_err(|(name, why)| unusable(&name, &why))?;
        let receiver = Receiver::below(address, &fields).map_err(|why| unusable("--otlp", &why))?;
        return Ok(Some(Settings { receiver, service }));
    }
    let is_off = variables.get("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"))
        || variables.get("OTEL_TRACES_EXPORTER").is_some_and(|value| value != "otlp");
    let Some((name, address)) = variables.of_traces("ENDPOINT").filter(|_| !is_off) else { return Ok(None) };
    if let Some((protocol, value)) = variables.of_traces("PROTOCOL").filter(|(_, value)| value == "grpc") {
        return Err(unheeded(&format!("`{protocol}` is {value}, and traces are sent by OTLP over HTTP only")));
    }
    let fields = fields.map_err(|(name, why)| unheeded(&format!("{name}: {why}")))?;
    let is_whole = name.contains("_TRACES_");
    let receiver = if is_whole { Receiver::new(&address, &fields) } else { Receiver::below(&address, &fields) };
    let receiver = receiver.map_err(|why| unheeded(&format!("{name}: {why}")))?;
    Ok(Some(Settings { receiver, service }))
}

fn unusable(place: &str, why: &str) -> Failure {
    Failure::new(
        Exit::BadInput,
        Diagnostic::error(Code(716), format!("traces cannot be sent as asked: {place}: {why}"))
            .because("nothing was started: a run that cannot be followed as was asked would be a surprise")
            .hint("name an address of OTLP over HTTP, such as `--otlp http://127.0.0.1:4318`; what it needs as a key goes into `OTEL_EXPORTER_OTLP_HEADERS`"),
    )
}

fn unheeded(what: &str) -> Failure {
    Failure::new(
        Exit::BadInput,
        Diagnostic::warning(Code(717), format!("no traces are sent: {what}"))
            .because("the environment may be meant for other programs, so that it stops no flight")
            .hint("name a receiver of OTLP over HTTP in `OTEL_EXPORTER_OTLP_ENDPOINT`, such as http://127.0.0.1:4318, or by `--otlp`; `OTEL_TRACES_EXPORTER=none` says that none are wanted"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `--otlp` says, what the environment says, and the address or the code of the finding that follows.
    type Case = (Option<&'static str>, &'static [(&'static str, &'static str)], Result<Option<&'static str>, u16>);

    #[test]
    fn traces_go_where_the_flag_or_else_the_environment_says() {
        let cases: [Case; 14] = [
            (None, &[], Ok(None)),
            (Some("http://a:4318"), &[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://b")], Ok(Some("http://a:4318/v1/traces"))),
            (None, &[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://b:4318/")], Ok(Some("http://b:4318/v1/traces"))),
            (None, &[("OTEL_EXPORTER_OTLP_ENDPOINT", " ")], Ok(None)),
            (
                None,
                &[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://b"), ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://c/here")],
                Ok(Some("http://c/here")),
            ),
            (None, &[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://b"), ("OTEL_SDK_DISABLED", "TRUE")], Ok(None)),
            (None, &[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://b"), ("OTEL_TRACES_EXPORTER", "none")], Ok(None)),
            (Some("http://a"), &[("OTEL_SDK_DISABLED", "true")], Ok(Some("http://a/v1/traces"))),
            (None, &[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://b:4317"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")], Err(717)),
            (None, &[("OTEL_EXPORTER_OTLP_ENDPOINT", "b:4317")], Err(717)),
            (None, &[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://b"), ("OTEL_EXPORTER_OTLP_HEADERS", "s3cret")], Err(717)),
            (Some("http://a"), &[("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "s3cret")], Err(716)),
            (Some("a:4318"), &[], Err(716)),
            (Some("http://me:s3cret@a"), &[], Err(716)),
        ];
        for (given, environment, meant) in cases {
            let variable = |name: &str| environment.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
            let read = read(given, &variable);
            let told = format!("{read:?}");
            let found = read.map(|settings| settings.map(|of| of.receiver.address().to_owned()));
            let found = found.map_err(|failure| failure.diagnostics.first().map(|diagnostic| diagnostic.code.0).unwrap_or_default());
            assert_eq!(found, meant.map(|address| address.map(str::to_owned)), "{given:?} {environment:?}");
            assert!(!told.contains("s3cret"), "{told}");
        }
    }
}
