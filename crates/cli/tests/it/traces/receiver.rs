//! A receiver of OTLP over HTTP that takes nothing but what the standard has: JSON with the published names of fields, ids in hexadecimal, 64-bit numbers as text.

use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What the receiver does with a request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Mood {
    Takes,
    /// It answers with this status and takes nothing.
    Says(u16),
    /// It takes connections and never answers.
    Silent,
    /// It closes every connection at once.
    Gone,
}

#[derive(Default)]
struct Taken {
    /// Head and body of each request for traces.
    requests: Vec<(String, String)>,
    /// The `traceparent` of each request for anything else.
    parents: Vec<String>,
    /// Connections that are never answered.
    held: Vec<TcpStream>,
}

pub(crate) struct Receiver {
    port: u16,
    mood: Arc<Mutex<Mood>>,
    taken: Arc<Mutex<Taken>>,
}

impl Receiver {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let receiver = Self { port: listener.local_addr().unwrap().port(), mood: Arc::new(Mutex::new(Mood::Takes)), taken: Arc::default() };
        let (mood, taken) = (receiver.mood.clone(), receiver.taken.clone());
        // The threads end with the process of the test.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (mood, taken) = (*mood.lock().unwrap(), taken.clone());
                std::thread::spawn(move || answer(stream, mood, &taken));
            }
        });
        receiver
    }

    pub(crate) fn becomes(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    pub(crate) fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn requests(&self) -> Vec<(String, String)> {
        self.taken.lock().unwrap().requests.clone()
    }

    pub(crate) fn parents(&self) -> Vec<String> {
        self.taken.lock().unwrap().parents.clone()
    }

    /// Every span that was taken, as often as it was.
    pub(crate) fn spans(&self) -> Vec<Span> {
        self.requests().iter().flat_map(|(_, body)| decoded(body)).collect()
    }
}

fn answer(mut stream: TcpStream, mood: Mood, taken: &Mutex<Taken>) {
    if mood == Mood::Gone {
        return;
    }
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).unwrap_or(0) == 0 {
            return;
        }
    }
    let field = |name: &str| head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix(name).map(|rest| rest.trim().to_owned()));
    let mut body = vec![0; field("content-length:").map_or(0, |length| length.parse().unwrap())];
    reader.read_exact(&mut body).unwrap();
    let is_trace = head.starts_with("POST /v1/traces ");
    let mut taken = taken.lock().unwrap();
    if !is_trace {
        taken.parents.extend(field("traceparent:"));
    } else if mood == Mood::Silent {
        taken.held.push(stream);
        return;
    } else if mood == Mood::Takes {
        assert_eq!(field("content-type:").as_deref(), Some("application/json"), "{head}");
        taken.requests.push((head.clone(), String::from_utf8(body).unwrap()));
    }
    let status = if let (true, Mood::Says(status)) = (is_trace, mood) { status } else { 200 };
    let _ = write!(stream, "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}");
}

/// A span as it was received.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Span {
    pub(crate) service: String,
    pub(crate) trace: String,
    pub(crate) id: String,
    /// Empty for a root.
    pub(crate) parent: String,
    pub(crate) name: String,
    pub(crate) begun: u64,
    pub(crate) ended: u64,
    pub(crate) status: u64,
    pub(crate) why: String,
    pub(crate) events: Vec<Happened>,
    attributes: BTreeMap<String, String>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Happened {
    pub(crate) name: String,
    attributes: BTreeMap<String, String>,
}

impl Span {
    pub(crate) fn has(&self, name: &str) -> bool {
        self.attributes.contains_key(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.attributes.get(name).cloned().unwrap_or_default()
    }
}

impl Happened {
    pub(crate) fn has(&self, name: &str) -> bool {
        self.attributes.contains_key(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.attributes.get(name).cloned().unwrap_or_default()
    }
}

/// Each span once. One that came again is the same to the last attribute.
pub(crate) fn one_of_each(spans: &[Span]) -> Vec<Span> {
    let mut found: BTreeMap<&str, &Span> = BTreeMap::new();
    for span in spans {
        let first = found.entry(&span.id).or_insert(span);
        assert_eq!(*first, span, "a span came again, and was another one");
    }
    found.into_values().cloned().collect()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Request {
    resource_spans: Vec<ResourceSpans>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ResourceSpans {
    resource: Resource,
    scope_spans: Vec<ScopeSpans>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Resource {
    attributes: Vec<KeyValue>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScopeSpans {
    scope: Scope,
    spans: Vec<Sent>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Scope {
    name: String,
    version: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Sent {
    trace_id: String,
    span_id: String,
    #[serde(default)]
    parent_span_id: String,
    name: String,
    kind: u64,
    start_time_unix_nano: String,
    end_time_unix_nano: String,
    attributes: Vec<KeyValue>,
    events: Vec<Event>,
    dropped_events_count: u32,
    status: Status,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Event {
    time_unix_nano: String,
    name: String,
    attributes: Vec<KeyValue>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Status {
    #[serde(default)]
    code: u64,
    #[serde(default)]
    message: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyValue {
    key: String,
    value: Value,
}

fn decoded(body: &str) -> Vec<Span> {
    let request: Request = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {body}"));
    let mut found = Vec::new();
    for of in request.resource_spans {
        let service = attributes(of.resource.attributes).remove("service.name").unwrap_or_default();
        for scope in of.scope_spans {
            assert!(scope.scope.name == "glidepath" && !scope.scope.version.is_empty());
            found.extend(scope.spans.into_iter().map(|span| received(span, &service)));
        }
    }
    found
}

fn received(span: Sent, service: &str) -> Span {
    let is_id = |text: &str, digits: usize| text.len() == digits && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    assert!(is_id(&span.trace_id, 32) && is_id(&span.span_id, 16) && (span.parent_span_id.is_empty() || is_id(&span.parent_span_id, 16)));
    assert!(span.kind == 1 && span.dropped_events_count == 0 && span.status.code <= 2);
    let (begun, ended): (u64, u64) = (span.start_time_unix_nano.parse().unwrap(), span.end_time_unix_nano.parse().unwrap());
    assert!(begun <= ended, "{}", span.name);
    let happened = |event: Event| {
        let at: u64 = event.time_unix_nano.parse().unwrap();
        assert!((begun..=ended).contains(&at), "{} of {}", event.name, span.name);
        Happened { name: event.name, attributes: attributes(event.attributes) }
    };
    Span {
        service: service.to_owned(),
        trace: span.trace_id,
        id: span.span_id,
        parent: span.parent_span_id,
        begun,
        ended,
        status: span.status.code,
        why: span.status.message,
        events: span.events.into_iter().map(happened).collect(),
        attributes: attributes(span.attributes),
        name: span.name,
    }
}

/// Attributes as text; those of several values with commas between.
fn attributes(given: Vec<KeyValue>) -> BTreeMap<String, String> {
    let text = |value: &Value| match value.as_object().map(|fields| fields.iter().collect::<Vec<_>>()).as_deref() {
        Some([(kind, Value::String(text))]) if *kind == "stringValue" || *kind == "intValue" => text.clone(),
        other => panic!("{other:?} is no value of an attribute"),
    };
    let read = |KeyValue { key, value }: KeyValue| {
        let several = value["arrayValue"]["values"].as_array().map(|values| values.iter().map(text).collect::<Vec<_>>().join(","));
        (key, several.unwrap_or_else(|| text(&value)))
    };
    given.into_iter().map(read).collect()
}
