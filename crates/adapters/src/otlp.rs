//! Traces by OTLP over HTTP, in its JSON encoding (opentelemetry.io/docs/specs/otlp, opentelemetry-proto `trace/v1/trace.proto`).
//!
//! A request is sent once; what its answer means is said, and whoever sends decides what follows.

use crate::http::CONNECT_MAX;
use crate::input::{chain, quoted, shortened};
use glidepath_model::{SpanId, Timestamp, TraceId};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode, Url};
use serde_json::{Value, json};
use std::time::Duration;

/// Where traces are taken, below the address of a receiver.
const TRACES_PATH: &str = "v1/traces";
/// Longest wait for an answer.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// Longest answer read, in bytes.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// Longest text of a span, in bytes.
const TEXT_BYTES_MAX: usize = 2048;
/// Kind of a span that neither serves nor calls (`SPAN_KIND_INTERNAL`).
const KIND_INTERNAL: u32 = 1;

/// A span that has ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    /// The trace it belongs to.
    pub trace: TraceId,
    /// Its id.
    pub id: SpanId,
    /// The span that it is a part of.
    pub parent: Option<SpanId>,
    /// What it is called.
    pub name: String,
    /// When it began.
    pub begun: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
    /// What is known of it.
    pub attributes: Vec<Attribute>,
    /// What happened in it.
    pub events: Vec<SpanEvent>,
    /// Events that had no room in it.
    pub events_dropped: u32,
    /// Whether it went well.
    pub status: Status,
}

/// A name and what it stands for.
pub type Attribute = (&'static str, Fact);

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq)]
pub enum Fact {
    /// A text.
    Text(String),
    /// A number.
    Number(i64),
    /// Several texts.
    Texts(Vec<String>),
}

/// Something that happened in a span.
#[derive(Clone, Debug, PartialEq)]
pub struct SpanEvent {
    /// When.
    pub at: Timestamp,
    /// What.
    pub name: &'static str,
    /// What is known of it.
    pub attributes: Vec<Attribute>,
}

/// Whether a span went well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// Nothing is said about that.
    Unset,
    /// It did.
    Ok,
    /// It did not, for this reason.
    Error(String),
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sent {
    /// The receiver has its spans, but for so many.
    Taken {
        /// Spans that it did not take.
        rejected: u64,
        /// What it says about them.
        why: String,
    },
    /// It may take them another time.
    Later {
        /// Not before, where it says so.
        after: Option<Duration>,
        /// What is wrong.
        why: String,
    },
    /// It will not take them.
    Refused {
        /// What it says about that.
        why: String,
    },
}

/// Who takes traces.
#[derive(Clone, Debug)]
pub struct Receiver {
    client: Client,
    url: Url,
}

impl Receiver {
    /// The receiver at an address, as it stands.
    ///
    /// # Errors
    /// One sentence when the address or a header cannot be used; no header's value is in it.
    pub fn new(address: &str, headers: &[(String, String)]) -> Result<Self, String> {
        crate::install_tls_provider();
        let mut fields = HeaderMap::new();
        for (name, value) in headers {
            let parsed = HeaderName::from_bytes(name.as_bytes()).ok().zip(HeaderValue::from_str(value).ok());
            let Some((name, mut value)) = parsed else {
                return Err(format!("`{}` is no header field, or its value holds control characters", quoted(name)));
            };
            value.set_sensitive(true);
            fields.insert(name, value);
        }
        fields.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let builder = Client::builder().connect_timeout(CONNECT_MAX).timeout(ANSWER_MAX).redirect(Policy::none()).default_headers(fields);
        let client = builder.user_agent(concat!("glidepath/", env!("CARGO_PKG_VERSION"))).build().map_err(|error| chain(&error))?;
        Ok(Self { client, url: address_of(address)? })
    }

    /// The receiver below an address, where it is by convention; an address that names the place itself stays as it is.
    ///
    /// # Errors
    /// As `new`.
    pub fn below(address: &str, headers: &[(String, String)]) -> Result<Self, String> {
        let mut url = address_of(address)?;
        let path = url.path().trim_end_matches('/').to_owned();
        if !path.ends_with(TRACES_PATH) {
            url.set_path(&format!("{path}/{TRACES_PATH}"));
        }
        Self::new(url.as_str(), headers)
    }

    /// Its address, for people.
    pub fn address(&self) -> &str {
        self.url.as_str()
    }

    /// Sends one request.
    pub async fn send(&self, request: Vec<u8>) -> Sent {
        let mut response = match self.client.post(self.url.clone()).body(request).send().await {
            Ok(response) => response,
            Err(error) => return Sent::Later { after: None, why: chain(&error.without_url()) },
        };
        let status = response.status();
        let after = response.headers().get(RETRY_AFTER).and_then(|text| text.to_str().ok()?.parse().ok()).map(Duration::from_secs);
        let mut bytes = Vec::new();
        while let Ok(Some(chunk)) = response.chunk().await {
            if bytes.len() + chunk.len() > ANSWER_BYTES_MAX {
                break;
            }
            bytes.extend_from_slice(&chunk);
        }
        meaning(status, after, &bytes)
    }
}

/// What the standard has an answer mean: these statuses may be tried again, all other failures may not.
fn meaning(status: StatusCode, after: Option<Duration>, answer: &[u8]) -> Sent {
    if status.is_success() {
        let answer: Value = serde_json::from_slice(answer).unwrap_or_default();
        let partial = &answer["partialSuccess"];
        let rejected = partial["rejectedSpans"].as_u64().or_else(|| partial["rejectedSpans"].as_str()?.parse().ok());
        return Sent::Taken { rejected: rejected.unwrap_or(0), why: quoted(partial["errorMessage"].as_str().unwrap_or_default()) };
    }
    let said = quoted(&String::from_utf8_lossy(answer));
    let why = if said.is_empty() { format!("it answered {status}") } else { format!("it answered {status}: {said}") };
    match status.as_u16() {
        429 | 502 | 503 | 504 => Sent::Later { after, why },
        _ => Sent::Refused { why },
    }
}

fn address_of(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("`{}` is no address: {error}", quoted(text)))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("`{}` is neither http nor https", quoted(text)));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("the address holds a user or a password, which everybody can read who may list processes".to_owned());
    }
    Ok(url)
}

/// The headers of a list as `OTEL_EXPORTER_OTLP_HEADERS` has it: `name=value,name=value`, what is special in a value written as `%20`.
///
/// # Errors
/// The place, from 1, of what is no such pair; never its text, which may be a secret.
pub fn headers(list: &str) -> Result<Vec<(String, String)>, String> {
    let pairs = list.split(',').map(str::trim).enumerate().filter(|(_, pair)| !pair.is_empty());
    let read = |(at, pair): (usize, &str)| {
        let (name, value) = pair.split_once('=').ok_or_else(|| format!("entry {} of the list is not `name=value`", at + 1))?;
        let value =
            decoded(value.trim()).ok_or_else(|| format!("the value of entry {} of the list is not percent-encoded UTF-8", at + 1))?;
        Ok((name.trim().to_owned(), value))
    };
    pairs.map(read).collect()
}

fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let digits = std::str::from_utf8(after.get(..2)?).ok()?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = after.get(2..)?;
    }
    String::from_utf8(bytes).ok()
}

/// The request that hands over spans of one source.
pub fn request(source: &[Attribute], spans: &[Span]) -> Vec<u8> {
    let spans: Vec<Value> = spans.iter().map(span).collect();
    let scope = json!({ "name": "glidepath", "version": env!("CARGO_PKG_VERSION") });
    let of_source = json!({ "resource": { "attributes": attributes(source) }, "scopeSpans": [{ "scope": scope, "spans": spans }] });
    json!({ "resourceSpans": [of_source] }).to_string().into_bytes()
}

/// Ids are hexadecimal and 64-bit numbers are text in this encoding.
fn span(span: &Span) -> Value {
    let events = span.events.iter();
    let events: Vec<Value> = events
        .map(|event| json!({ "timeUnixNano": nanos(event.at), "name": event.name, "attributes": attributes(&event.attributes) }))
        .collect();
    let mut value = json!({
        "traceId": span.trace.to_string(),
        "spanId": span.id.to_string(),
        "name": shortened(&span.name, TEXT_BYTES_MAX),
        "kind": KIND_INTERNAL,
        "startTimeUnixNano": nanos(span.begun),
        "endTimeUnixNano": nanos(span.ended),
        "attributes": attributes(&span.attributes),
        "events": events,
        "droppedEventsCount": span.events_dropped,
        "status": match &span.status {
            Status::Unset => json!({}),
            Status::Ok => json!({ "code": 1 }),
            Status::Error(why) => json!({ "code": 2, "message": shortened(why, TEXT_BYTES_MAX) }),
        },
    });
    if let (Some(parent), Some(fields)) = (&span.parent, value.as_object_mut()) {
        fields.insert("parentSpanId".to_owned(), json!(parent.to_string()));
    }
    value
}

fn attributes(attributes: &[Attribute]) -> Vec<Value> {
    attributes.iter().map(|(name, fact)| json!({ "key": name, "value": value(fact) })).collect()
}

fn value(fact: &Fact) -> Value {
    let text = |text: &str| json!({ "stringValue": shortened(text, TEXT_BYTES_MAX) });
    match fact {
        Fact::Text(one) => text(one),
        Fact::Number(number) => json!({ "intValue": number.to_string() }),
        Fact::Texts(several) => json!({ "arrayValue": { "values": several.iter().map(|one| text(one)).collect::<Vec<_>>() } }),
    }
}

/// Nothing was before 1970.
fn nanos(at: Timestamp) -> String {
    (i128::from(at.as_micros().max(0)) * 1000).to_string()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_means_what_the_standard_says() {
        let taken = |rejected, why: &str| Sent::Taken { rejected, why: why.to_owned() };
        let partial = br#"{"partialSuccess": {"rejectedSpans": "3", "errorMessage": "too old"}}"#;
        for (status, answer, meant) in [
            (200, &b"{}"[..], taken(0, "")),
            (200, b"not json", taken(0, "")),
            (202, partial, taken(3, "too old")),
            (400, b"bad\nspan", Sent::Refused { why: "it answered 400 Bad Request: bad span".to_owned() }),
            (500, b"", Sent::Refused { why: "it answered 500 Internal Server Error".to_owned() }),
            (503, b"", Sent::Later { after: Some(Duration::from_secs(7)), why: "it answered 503 Service Unavailable".to_owned() }),
        ] {
            let status = StatusCode::from_u16(status).unwrap_or_default();
            assert_eq!(meaning(status, Some(Duration::from_secs(7)), answer), meant);
        }
    }

    #[test]
    fn an_address_is_where_traces_are_taken_and_holds_no_password() {
        for (given, meant) in [
            ("http://collector:4318", Ok("http://collector:4318/v1/traces")),
            ("http://collector:4318/", Ok("http://collector:4318/v1/traces")),
            ("https://host/otlp", Ok("https://host/otlp/v1/traces")),
            ("https://host/otlp/v1/traces", Ok("https://host/otlp/v1/traces")),
            ("collector:4318", Err("neither http nor https")),
            ("over there", Err("is no address")),
            ("http://me:pass@host", Err("a user or a password")),
        ] {
            let read = Receiver::below(given, &[]);
            match (&read, meant) {
                (Ok(receiver), Ok(address)) => assert_eq!(receiver.address(), address),
                (Err(why), Err(words)) => assert!(why.contains(words) && !why.contains("pass@"), "{why}"),
                _ => panic!("{given}: {read:?}"),
            }
        }
    }

    #[test]
    fn headers_come_from_a_list_and_their_values_are_never_told() {
        let read = headers("api-key = k%20%C3%A9y , x=a=b,,").unwrap_or_default();
        assert_eq!(read, [("api-key".to_owned(), "k éy".to_owned()), ("x".to_owned(), "a=b".to_owned())]);
        for wrong in ["a=b,s3cret", "a=b,k=s3cret%2", "a=b,k=s3cret%zz", "a=b,k=s3cret%ff"] {
            let told = headers(wrong).unwrap_err();
            assert!(told.contains("entry 2") && !told.contains("s3cret"), "{told}");
        }
        let told = Receiver::new("http://host", &[("k".to_owned(), "s3cret\n".to_owned())]).unwrap_err();
        assert!(told.contains("`k`") && !told.contains("s3cret"), "{told}");
    }
}
