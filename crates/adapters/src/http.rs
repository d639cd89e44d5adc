//! One HTTP request.
//!
//! # What an ending means
//!
//! Without a connection nothing was sent: not done. An answer is the other side's word: the expected status (and value)
//! is done, any other is not done, worth a retry unless it is a 4xx that says the request itself is wrong. A request that
//! changes something (not GET, HEAD, OPTIONS) and got a 5xx may have had its effect all the same, as may one that was
//! sent and not answered: nobody knows. 503 and 501 are taken at their word. Redirects are followed for reading only.

use crate::descriptors;
use crate::input::{chain, never, not_yet, quoted, read, text_output, time_left, unknown, without_answer};
use glidepath_model::action::HttpInput;
use glidepath_model::event::Outcome;
use glidepath_model::{ActionDescriptor, Code};
use glidepath_ports::{Action, ActionContext, BoxFuture};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, Request, Response, Url};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::Duration;

/// Longest answer read, in bytes.
pub const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// Longest wait for a connection.
pub const CONNECT_MAX: Duration = Duration::from_secs(10);

/// Redirects followed at most.
const REDIRECTS_MAX: usize = 5;

/// Sends requests.
///
/// Its connections are made ready at the first request: reading the system's root certificates takes longer than most
/// commands that send none.
#[derive(Default)]
pub struct HttpAction {
    reading: OnceLock<Client>,
    changing: OnceLock<Client>,
}

impl HttpAction {
    /// The action.
    pub fn new() -> Self {
        Self::default()
    }

    /// Following a redirect would send a change a second time, maybe to somebody else.
    fn client(&self, reads: bool) -> &Client {
        if reads {
            self.reading.get_or_init(|| client(Policy::limited(REDIRECTS_MAX)))
        } else {
            self.changing.get_or_init(|| client(Policy::none()))
        }
    }
}

fn client(redirects: Policy) -> Client {
    crate::install_tls_provider();
    // Kept connections may have been closed by the other side in the meantime, which looks like a lost answer.
    let builder = Client::builder()
        .connect_timeout(CONNECT_MAX)
        .pool_max_idle_per_host(0)
        .redirect(redirects)
        .user_agent(concat!("glidepath/", env!("CARGO_PKG_VERSION")));
    builder.build().unwrap_or_default()
}

impl Action for HttpAction {
    fn descriptor(&self) -> ActionDescriptor {
        descriptors::http()
    }

    fn run<'a>(&'a self, context: &'a ActionContext, input: &'a Value) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            let outcome = match self.attempt(context, input).await {
                Ok(outcome) | Err(outcome) => outcome,
            };
            match outcome {
                Outcome::NotDone { reason, retryable } => Outcome::NotDone { reason: context.secrets.redact(&reason), retryable },
                Outcome::Unverified { reason } => Outcome::Unverified { reason: context.secrets.redact(&reason) },
                Outcome::Unknown { reason } => Outcome::Unknown { reason: context.secrets.redact(&reason) },
                done @ Outcome::Done { .. } => done,
            }
        })
    }
}

impl HttpAction {
    async fn attempt(&self, context: &ActionContext, input: &Value) -> Result<Outcome, Outcome> {
        let silent = |outcome| without_answer(context, outcome);
        let input: HttpInput = read("http", input).map_err(silent)?;
        let request = request(context, &input).map_err(silent)?;
        let reads = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
        let place = format!("{} {}", request.method(), shown_url(request.url()));
        let client = self.client(reads);
        let exchange = async {
            let response = client.execute(request).await.map_err(|error| silent(failed(&place, reads, &error.without_url())))?;
            answer(context, &place, reads, &input, response).await
        };
        let (status, bytes) = tokio::select! {
            answered = exchange => answered?,
            () = context.cancel.cancelled() => return Err(silent(unanswered(&place, reads, "was stopped before its answer"))),
            () = tokio::time::sleep(time_left(context)) => return Err(silent(unanswered(&place, reads, "had no answer at its deadline"))),
        };
        let text = context.secrets.redact(&value_of(&place, &input, &bytes).map_err(silent)?);
        match &input.expect_text {
            Some(expected) if *expected != text => {
                Err(not_yet(Code(558), format!("{place} answered `{}`, `{}` was expected", quoted(&text), quoted(expected))))
            }
            _ => Ok(Outcome::Done {
                outputs: BTreeMap::from([("status".to_owned(), json!(status)), ("text".to_owned(), json!(text_output(&text, 0)))]),
            }),
        }
    }
}

fn request(context: &ActionContext, input: &HttpInput) -> Result<Request, Outcome> {
    let wrong = |what: String| never(Code(550), what);
    let method = Method::from_bytes(input.method.to_ascii_uppercase().as_bytes())
        .map_err(|_| wrong(format!("`{}` is no HTTP method", quoted(&input.method))))?;
    let url = Url::parse(&input.url).map_err(|error| wrong(format!("`{}` is no address: {error}", quoted(&input.url))))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong(format!("`{}` is neither http nor https", shown_url(&url))));
    }
    let mut headers = HeaderMap::new();
    let mut put = |name: &str, value: &str, secret: bool| {
        let parsed = HeaderName::from_bytes(name.as_bytes()).ok().zip(HeaderValue::from_str(value).ok());
        let (name, mut value) =
            parsed.ok_or_else(|| wrong(format!("`{}` is no header field, or its value holds control characters", quoted(name))))?;
        value.set_sensitive(secret);
        headers.insert(name, value);
        Ok::<_, Outcome>(())
    };
    put("X-Glidepath-Plan", context.plan.as_str(), false)?;
    put("X-Glidepath-Run", context.run.as_str(), false)?;
    put("Idempotency-Key", &context.idempotency_key, false)?;
    if let Some(parent) = &context.traceparent {
        put("traceparent", parent, false)?;
    }
    for (name, value) in &input.headers {
        put(name, value, false)?;
    }
    for (name, reference) in &input.secret_headers {
        let secret = context.secrets.resolve(reference).map_err(|error| never(Code(555), error.to_string()))?;
        put(name, secret.expose(), true)?;
    }
    let mut request = Request::new(method, url);
    *request.headers_mut() = headers;
    *request.body_mut() = input.body.clone().map(Into::into);
    Ok(request)
}

/// An address without user and password.
fn shown_url(url: &Url) -> String {
    let mut url = url.clone();
    let _ = (url.set_username(""), url.set_password(None));
    quoted(url.as_str())
}

fn failed(place: &str, reads: bool, error: &reqwest::Error) -> Outcome {
    let text = chain(error);
    if error.is_connect() {
        not_yet(Code(560), format!("{place} could not be sent, no connection was made: {text}"))
    } else if error.is_builder() || error.is_redirect() {
        never(Code(561), format!("{place}: {text}"))
    } else {
        unanswered(place, reads, &format!("was sent and not answered: {text}"))
    }
}

fn unanswered(place: &str, reads: bool, how: &str) -> Outcome {
    if reads {
        not_yet(Code(562), format!("{place} {how}"))
    } else {
        unknown(Code(562), format!("{place} {how}; it may have had its effect"))
    }
}

/// Status and body, when the status is the expected one.
async fn answer(
    context: &ActionContext,
    place: &str,
    reads: bool,
    input: &HttpInput,
    mut response: Response,
) -> Result<(u16, Vec<u8>), Outcome> {
    let silent = |outcome| without_answer(context, outcome);
    let status = response.status().as_u16();
    let mut bytes = Vec::new();
    loop {
        match response.chunk().await {
            Ok(None) => break,
            Ok(Some(chunk)) if bytes.len() + chunk.len() <= ANSWER_BYTES_MAX => bytes.extend_from_slice(&chunk),
            Ok(Some(_)) => {
                // The status came whole, so what was asked for was done or not; only the answer is useless.
                let text = format!("{place} answered {status} with more than {ANSWER_BYTES_MAX} bytes");
                return Err(if reads || status != input.expect { silent(never(Code(563), text)) } else { unknown(Code(563), text) });
            }
            Err(error) => {
                let how = format!("broke off in its answer {status}: {}", chain(&error.without_url()));
                return Err(silent(unanswered(place, reads, &how)));
            }
        }
    }
    if status == input.expect {
        return Ok((status, bytes));
    }
    let said = quoted(&String::from_utf8_lossy(&bytes));
    let text = format!(
        "{place} answered {status}, {} was expected{}",
        input.expect,
        if said.is_empty() { String::new() } else { format!(": {said}") }
    );
    // Where no text is asked for, the status is the answer; but not one that says the server has none now.
    let is_answer = input.expect_text.is_none() && !matches!(status, 408 | 425 | 429 | 500..=599);
    let outcome = match status {
        501 | 503 => not_yet(Code(561), text),
        500..=599 if !reads => unknown(Code(561), format!("{text}; it may have had its effect")),
        408 | 425 | 429 | 500..=599 => not_yet(Code(561), text),
        // A probe waits for a state to come about: 404 now may be 200 soon.
        _ if reads => not_yet(Code(561), text),
        200..=299 => unknown(Code(561), text),
        _ => never(Code(561), text),
    };
    Err(if is_answer { outcome } else { silent(outcome) })
}

/// The value at the pointer, or the trimmed body.
fn value_of(place: &str, input: &HttpInput, bytes: &[u8]) -> Result<String, Outcome> {
    let Some(pointer) = &input.pointer else { return Ok(String::from_utf8_lossy(bytes).trim().to_owned()) };
    let value: Value = serde_json::from_slice(bytes).map_err(|error| {
        not_yet(Code(563), format!("{place} was to answer JSON and answered `{}`: {error}", quoted(&String::from_utf8_lossy(bytes))))
    })?;
    match value.pointer(pointer) {
        None => Err(not_yet(Code(563), format!("{place} answered JSON without `{}`", quoted(pointer)))),
        Some(Value::String(text)) => Ok(text.clone()),
        Some(other) => Ok(other.to_string()),
    }
}
