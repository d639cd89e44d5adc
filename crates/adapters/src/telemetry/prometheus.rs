//! A thin client of Prometheus' HTTP API: questions, answers and instant queries.

use super::access::Session;
use super::{Answer, SERIES_MAX, bad_answer, fetch, no_number, of_other_kind, out_of_reach, refused, unsupported};
use crate::input::{coded, quoted};
use glidepath_model::catalog::Selector;
use glidepath_model::{Code, Timestamp};
use glidepath_ports::telemetry::ValueReading;
use glidepath_ports::{Clock, CounterReading, TelemetryError};
use reqwest::{RequestBuilder, Url};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// One server, for one question.
pub(super) struct Server<'a> {
    pub(super) session: Session<'a>,
    pub(super) clock: &'a dyn Clock,
    pub(super) url: &'a str,
    pub(super) time_max: Duration,
    pub(super) name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reply<R> {
    status: String,
    #[serde(default = "nothing")]
    data: Option<Data<R>>,
    #[serde(default)]
    error_type: Option<String>,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    warnings: Vec<String>,
}

fn nothing<T>() -> Option<T> {
    None
}

/// What an answer holds.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Data<R> {
    pub(super) result_type: String,
    pub(super) result: R,
}

#[derive(Deserialize)]
struct Series {
    metric: BTreeMap<String, String>,
    /// Native histograms have none.
    #[serde(default)]
    value: Option<(f64, String)>,
    #[serde(default)]
    histogram: Option<(f64, Value)>,
}

/// Values by series with the time they are for.
struct Samples {
    values: Vec<(BTreeMap<String, String>, f64)>,
    at: Timestamp,
}

impl Server<'_> {
    pub(super) async fn counters(&self, selector: &Selector) -> Result<CounterReading, TelemetryError> {
        let samples = self.query(&selector.to_string()).await?;
        Ok(CounterReading { series: samples.values.iter().map(|(labels, value)| (key(labels), *value)).collect(), observed_at: samples.at })
    }

    pub(super) async fn value(&self, query: &str) -> Result<Option<ValueReading>, TelemetryError> {
        let samples = self.query(query).await?;
        match samples.values.as_slice() {
            [] => Ok(None),
            [(_, value)] if !value.is_finite() => Err(no_number(&self.name, *value, query)),
            [(_, value)] => Ok(Some(ValueReading { value: *value, observed_at: samples.at })),
            [(first, _), (second, _), ..] => {
                let text = format!(
                    "`{}` has {} series ({}, {}, ...) where one value is needed; put `sum(...)` or `max(...)` around it",
                    quoted(query),
                    samples.values.len(),
                    key(first),
                    key(second)
                );
                Err(unsupported(&self.name, text))
            }
        }
    }

    async fn query(&self, query: &str) -> Result<Samples, TelemetryError> {
        let answer = fetch(&self.name, self.request("query", query, &[])?, self.time_max).await?;
        self.read(query, &answer)
    }

    /// A question to one of its endpoints, with what it asks for.
    pub(super) fn request(&self, endpoint: &str, query: &str, more: &[(&str, String)]) -> Result<RequestBuilder, TelemetryError> {
        let base = format!("{}/api/v1/{endpoint}", self.url.trim_end_matches('/'));
        let mut url = Url::parse(&base).map_err(|error| out_of_reach(&self.name, format!("its address cannot be used: {error}")))?;
        url.query_pairs_mut()
            .append_pair("query", query)
            .append_pair("timeout", &format!("{}ms", self.time_max.as_millis()))
            .extend_pairs(more);
        Ok(self.session.get(url))
    }

    /// What an answer holds, once it is known to be a whole and good one.
    pub(super) fn data<R: DeserializeOwned>(&self, query: &str, answer: &Answer) -> Result<Data<R>, TelemetryError> {
        let bad = |reason: String| bad_answer(&self.name, self.session.redact(&reason));
        if matches!(answer.status, 401 | 403) {
            return Err(refused(&self.name, &self.session, answer));
        }
        let reply = match serde_json::from_str::<Reply<R>>(&answer.text) {
            Ok(reply) => reply,
            // Its API, but not what was asked for.
            Err(error) if serde_json::from_str::<Reply<Value>>(&answer.text).is_ok() => {
                return Err(bad(format!("the answer to `{}` has an unknown form: {error}", quoted(query))));
            }
            Err(_) if answer.is_overload() => {
                return Err(out_of_reach(&self.name, format!("status {}, `{}`", answer.status, self.session.quoted(&answer.text))));
            }
            Err(_) => {
                return Err(bad(format!(
                    "status {}, `{}` is not its API; check the address",
                    answer.status,
                    self.session.quoted(&answer.text)
                )));
            }
        };
        if reply.status != "success" {
            let (kind, error) = (reply.error_type.unwrap_or_default(), reply.error.unwrap_or_default());
            let text = format!("`{}` failed: {kind}: {}", quoted(query), self.session.quoted(&error));
            // A query that is wrong stays wrong; a server that is overloaded or starting does not.
            return Err(if matches!(kind.as_str(), "timeout" | "unavailable" | "internal" | "canceled") {
                out_of_reach(&self.name, text)
            } else {
                bad(text)
            });
        }
        // Remarks about the query are harmless, here or in a field of their own; anything else says that part of the data is missing.
        if let Some(warning) = reply.warnings.iter().find(|warning| !warning.starts_with("PromQL info")) {
            let reason = coded(Code(439), self.session.quoted(warning));
            return Err(TelemetryError::Partial { source_name: self.name.clone(), reason });
        }
        reply.data.ok_or_else(|| bad("the answer holds no data".to_owned()))
    }

    fn read(&self, query: &str, answer: &Answer) -> Result<Samples, TelemetryError> {
        let bad = |reason: String| bad_answer(&self.name, self.session.redact(&reason));
        let data: Data<Value> = self.data(query, answer)?;
        let shape = |error: serde_json::Error| bad(format!("the answer to `{}` has an unknown form: {error}", quoted(query)));
        let rows: Vec<Series> = match data.result_type.as_str() {
            "vector" => serde_json::from_value(data.result).map_err(shape)?,
            "scalar" => {
                vec![Series { metric: BTreeMap::new(), histogram: None, value: Some(serde_json::from_value(data.result).map_err(shape)?) }]
            }
            other => {
                return Err(unsupported(
                    &self.name,
                    format!("`{}` gives a {}, a vector or scalar is needed", quoted(query), quoted(other)),
                ));
            }
        };
        if rows.len() > SERIES_MAX {
            return Err(TelemetryError::TooMany { source_name: self.name.clone(), series_max: SERIES_MAX });
        }
        if let Some(row) = rows.iter().find(|row| row.histogram.is_some() && row.value.is_none()) {
            let text = format!("`{}` gives the native histogram {}, where a number is needed", quoted(query), key(&row.metric));
            return Err(of_other_kind(&self.name, text));
        }
        let said = rows.iter().find_map(|row| row.value.as_ref()).and_then(|(seconds, _)| time(*seconds));
        answer.must_be_fresh(&self.name, said)?;
        let at = said.unwrap_or_else(|| self.answered_at(answer));
        let number = |(metric, text): (BTreeMap<String, String>, String)| match text.parse::<f64>() {
            Ok(value) => Ok((metric, value)),
            Err(_) => Err(bad(format!("the value of {} is `{}`", key(&metric), quoted(&text)))),
        };
        let valued = rows.into_iter().filter_map(|row| Some((row.metric, row.value?.1)));
        Ok(Samples { values: valued.map(number).collect::<Result<_, _>>()?, at })
    }

    /// Time by the clock of the other side at which it answered; by ours where it does not say.
    pub(super) fn answered_at(&self, answer: &Answer) -> Timestamp {
        answer.date.unwrap_or_else(|| self.clock.now())
    }
}

pub(super) fn time(seconds: f64) -> Option<Timestamp> {
    let micros = seconds * 1e6;
    (micros.is_finite() && micros.abs() < 9e17).then(|| Timestamp::from_micros(micros.round() as i64))
}

/// A series as text: its name, and its labels in the order of their names.
pub(super) fn key(labels: &BTreeMap<String, String>) -> String {
    let name = labels.get("__name__").map_or("", String::as_str);
    let labels: Vec<String> =
        labels.iter().filter(|(label, _)| *label != "__name__").map(|(label, value)| format!("{label}={value:?}")).collect();
    format!("{name}{{{}}}", labels.join(","))
}
