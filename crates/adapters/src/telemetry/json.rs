//! A server that answers JSON: counts and values at pointers, RFC 6901.
//!
//! Counts must only grow: either they count since the server's processes began, or the address says `{since}` and the server counts from there. That time is the
//! same for every question of one process, an hour before it began to ask, so that counts of two looks can be subtracted. A new owner asks from another time: its
//! counts are of another series, so that nobody subtracts the one from the other, nor counts an hour twice.

use super::access::Session;
use super::{Answer, bad_answer, fetch, out_of_reach, refused, unsupported};
use crate::input::{coded, quoted};
use glidepath_model::catalog::{JsonSource, MatchOperator, Selector};
use glidepath_model::{Code, Timestamp};
use glidepath_ports::telemetry::ValueReading;
use glidepath_ports::{Clock, CounterReading, TelemetryError};
use reqwest::Url;
use serde_json::Value;
use std::collections::BTreeMap;

/// Numbers above this are milliseconds since 1970; as seconds they would be in the year 5138.
const SECONDS_MAX: f64 = 1e11;
/// Largest count that a number of JSON holds exactly.
const COUNT_MAX: f64 = 9_007_199_254_740_992.0;

/// One server, for one question.
pub(super) struct Json<'a> {
    pub(super) session: Session<'a>,
    pub(super) clock: &'a dyn Clock,
    pub(super) source: &'a JsonSource,
    pub(super) since: Timestamp,
    pub(super) name: String,
}

impl Json<'_> {
    /// The count at a pointer, of the side that the selector names. `null` is none.
    pub(super) async fn counters(&self, selector: &Selector) -> Result<CounterReading, TelemetryError> {
        let side = match selector.matchers.as_slice() {
            [] => "",
            [one] if one.operator == MatchOperator::Equal => one.value.as_str(),
            _ => return Err(unsupported(&self.name, format!("`{selector}` asks for no one side; it is asked for one side, or for all"))),
        };
        let (document, observed_at) = self.ask(side).await?;
        let count = self.number(&document, &selector.metric)?;
        if let Some(count) = count.filter(|count| !(count.fract() == 0.0 && (0.0..=COUNT_MAX).contains(count))) {
            return Err(self.lacking(format!("`{}` is {count}, which is no count", selector.metric)));
        }
        // What is counted from another time is counted by another, whose first reading is no growth.
        let counted = match self.source.url.contains("{since}") {
            true => selector.clone().with("instance", &self.since.to_string()),
            false => selector.clone(),
        };
        let series: BTreeMap<String, f64> = count.map(|count| (counted.to_string(), count)).into_iter().collect();
        Ok(CounterReading { series, observed_at })
    }

    /// The value at a pointer; of both sides.
    pub(super) async fn value(&self, pointer: &str) -> Result<Option<ValueReading>, TelemetryError> {
        if !Selector::parse(pointer).is_ok_and(|selector| selector.is_pointer()) {
            return Err(unsupported(&self.name, format!("`{}` is no pointer into an answer of JSON", quoted(pointer))));
        }
        let (document, observed_at) = self.ask("").await?;
        Ok(self.number(&document, pointer)?.map(|value| ValueReading { value, observed_at }))
    }

    async fn ask(&self, side: &str) -> Result<(Value, Timestamp), TelemetryError> {
        let filled = self.source.url.replace("{side}", &escaped(side)).replace("{since}", &escaped(&self.since.to_string()));
        let url = Url::parse(&filled).map_err(|error| out_of_reach(&self.name, format!("its address cannot be used: {error}")))?;
        let answer = fetch(&self.name, self.session.get(url).header("Accept", "application/json"), self.source.timeout_ms.to_std()).await?;
        let said = self.session.quoted(&answer.text);
        match answer.status {
            200 => {}
            401 | 403 => return Err(refused(&self.name, &self.session, &answer)),
            status if answer.is_overload() => return Err(out_of_reach(&self.name, format!("status {status}, `{said}`"))),
            status => return Err(bad_answer(&self.name, format!("status {status}, `{said}`"))),
        }
        let document: Value =
            serde_json::from_str(&answer.text).map_err(|error| bad_answer(&self.name, format!("`{said}` is no JSON: {error}")))?;
        let at = self.time(&document, &answer)?;
        Ok((document, at))
    }

    /// When the answer was so; refused when that is too long ago, or yet to come.
    fn time(&self, document: &Value, answer: &Answer) -> Result<Timestamp, TelemetryError> {
        let now = answer.date.unwrap_or_else(|| self.clock.now());
        let said = self.source.time.as_deref().map(|pointer| self.time_at(document, pointer)).transpose()?;
        let at = said.unwrap_or(now);
        // One of the two is nothing.
        let off = now.since(at).to_std() + at.since(now).to_std();
        let (age, most) = (off.max(answer.cached), self.source.age_max_ms.to_std());
        if age <= most {
            return Ok(at);
        }
        let how = if at > now { "ahead of its clock" } else { "old" };
        let reason = format!("its answer is {} s {how}, where {} s are the most", age.as_secs(), most.as_secs());
        Err(TelemetryError::Stale { source_name: self.name.clone(), reason: coded(Code(438), reason) })
    }

    fn time_at(&self, document: &Value, pointer: &str) -> Result<Timestamp, TelemetryError> {
        let found = self.at(document, pointer)?;
        let seconds = found.as_f64().map(|number| if number > SECONDS_MAX { number / 1e3 } else { number });
        let time = match (seconds, found.as_str()) {
            (Some(seconds), _) => super::prometheus::time(seconds),
            (None, Some(text)) => Timestamp::parse(text),
            (None, None) => None,
        };
        time.ok_or_else(|| self.lacking(format!("`{pointer}` is `{}`, which is no time", self.session.quoted(&found.to_string()))))
    }

    fn number(&self, document: &Value, pointer: &str) -> Result<Option<f64>, TelemetryError> {
        let found = self.at(document, pointer)?;
        let number = match found {
            Value::Null => return Ok(None),
            Value::String(text) => text.parse::<f64>().ok(),
            other => other.as_f64(),
        };
        let number = number.filter(|number| number.is_finite());
        match number {
            Some(number) => Ok(Some(number)),
            None => Err(self.lacking(format!("`{pointer}` is `{}`, which is no number", self.session.quoted(&found.to_string())))),
        }
    }

    fn at<'d>(&self, document: &'d Value, pointer: &str) -> Result<&'d Value, TelemetryError> {
        document
            .pointer(pointer)
            .ok_or_else(|| self.lacking(format!("there is no `{pointer}` in `{}`", self.session.quoted(&document.to_string()))))
    }

    fn lacking(&self, reason: String) -> TelemetryError {
        TelemetryError::BadAnswer { source_name: self.name.clone(), reason: coded(Code(437), reason) }
    }
}

/// A text as it stands in an address.
fn escaped(text: &str) -> String {
    let escape = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(escape).collect()
}
