//! OpenSLO: indicators and the sources of their series.

use super::objectives::bad;
use super::{Context, access, duration, text};
use crate::codes;
use crate::document::Document;
use crate::node::Node;
use crate::shapes::Kind;
use glidepath_model::catalog::{Access, Indicator, PrometheusSource, counter_of};
use glidepath_model::{Catalog, Millis};
use std::collections::BTreeMap;

const QUERY_TIMEOUT_DEFAULT: Millis = Millis::from_secs(10);
const PROMETHEUS: &str = "Prometheus";
/// Why a budget needs a server that keeps what was counted.
const NO_PAST: &str = "A budget is counted over its whole period, and neither the pages of hosts nor a server that answers JSON keep a past; the objective is kept, its budget is not counted.";
const NEEDS_PROMETHEUS: &str =
    "Give queries of a Prometheus: the project's own, `telemetry.prometheus` in glidepath.yaml, or a DataSource of the type Prometheus.";

/// Indicators and sources that objectives refer to.
pub(super) struct Indicators<'d> {
    shared: BTreeMap<&'d str, &'d Document>,
    sources: BTreeMap<&'d str, (&'d Document, Access)>,
    own_url: Option<String>,
}

impl<'d> Indicators<'d> {
    pub(super) fn read(context: &mut Context<'d, '_>, catalog: &Catalog) -> Self {
        let mut of = |kind: Kind| context.named(&[kind]).into_iter().map(|d| (d.name.as_str(), d)).collect();
        let own_url = catalog.settings.prometheus.as_ref().map(|own| own.url.clone());
        let (shared, sources): (_, BTreeMap<_, _>) = (of(Kind::Sli), of(Kind::DataSource));
        // Once, however many objectives use it.
        let sources = sources.into_iter().map(|(name, document): (_, &Document)| {
            let details = document.spec.get("connectionDetails").filter(|_| foreign(document.spec.text_of("type")).is_none());
            let access = details.map(|details| access::read(context, details, "spec.connectionDetails"));
            (name, (document, access.unwrap_or_default()))
        });
        Self { shared, sources: sources.collect(), own_url }
    }

    /// The indicator of an objective.
    pub(super) fn of<'n>(&self, context: &mut Context<'_, '_>, document: &'n Document) -> Option<&'n Node>
    where
        'd: 'n,
    {
        if let Some(reference) = document.spec.get("indicatorRef") {
            let found = self.shared.get(reference.text()?).copied();
            if found.is_none() {
                context.unknown(reference, "spec.indicatorRef", codes::UNKNOWN_INDICATOR, "SLI", self.shared.keys().copied());
            }
            return found.map(|d| &d.spec);
        }
        document.spec.dig(&["indicator", "spec"])
    }

    /// Where its series are, when not at the project's own Prometheus; and why they cannot be counted, when they cannot.
    pub(super) fn source(
        &self,
        context: &mut Context<'_, '_>,
        document: &Document,
        spec: &Node,
    ) -> (Option<PrometheusSource>, Option<String>) {
        let metrics: Vec<&Node> = series(spec).collect();
        let mut used: Vec<(Option<PrometheusSource>, Option<String>)> = Vec::new();
        for metric in &metrics {
            let one = self.source_of(context, metric);
            if !used.contains(&one) {
                used.push(one);
            }
        }
        let foreign = used.iter().find_map(|(_, kind)| kind.clone());
        let (at, field) = (metrics.first().map_or(document.name_at, |metric| metric.at), "spec.indicator");
        let mut queries = metrics.iter().filter(|_| foreign.is_none()).filter_map(|metric| query(metric));
        if let Some(pointer) = queries.find(|query| query.trim_start().starts_with('/')) {
            let why = format!("`{}` is a JSON pointer, and an answer of JSON keeps no past", crate::scalar::short(pointer));
            let message = format!("the budget cannot be counted: {why}");
            context.findings.warning(at, field, codes::UNCOUNTED, message, NO_PAST, NEEDS_PROMETHEUS);
            return (None, Some(why));
        }
        let why = match (foreign, used.len(), uncountable(spec)) {
            (Some(kind), ..) => {
                let why = format!("its series are at a source of the kind `{kind}`, and only {PROMETHEUS} is asked");
                let hint = "Its documents and lints are kept; to have its budget counted, give queries of a Prometheus server.";
                context.findings.warning(at, field, codes::OTHER_SOURCE, why.clone(), "Its budget is not counted here.", hint);
                return (None, Some(why));
            }
            (None, 2.., _) => "its series are at different sources".to_owned(),
            (None, _, Some(why)) => why,
            (None, ..) => {
                let source = used.pop().and_then(|(source, _)| source);
                if source.is_none() && self.own_url.is_none() {
                    let message = "the budget cannot be counted: the project declares no Prometheus under `telemetry`, and the objective no source of its own";
                    context.findings.warning(at, field, codes::UNCOUNTED, message, NO_PAST, NEEDS_PROMETHEUS);
                }
                return (source, None);
            }
        };
        let hint = "Write one counter for each query: `http_requests_total{code=~\"5..\"}`, or its `sum(rate(..[5m]))`.";
        let reason = "Exact counts come of the counters themselves; the objective is kept, its budget is not counted.";
        context.findings.warning(at, field, codes::UNCOUNTED, format!("the budget cannot be counted: {why}"), reason, hint);
        (None, Some(why))
    }

    /// The source of one series, and its kind when it is none that is asked.
    fn source_of(&self, context: &mut Context<'_, '_>, metric: &Node) -> (Option<PrometheusSource>, Option<String>) {
        let Some(source) = metric.get("metricSource") else { return (None, None) };
        let Some(reference) = source.get("metricSourceRef") else { return (None, foreign(source.text_of("type"))) };
        let Some((document, access)) = reference.text().and_then(|name| self.sources.get(name)) else {
            let known = self.sources.keys().copied();
            context.unknown(reference, "metricSource.metricSourceRef", codes::UNKNOWN_INDICATOR, "DataSource", known);
            return (None, None);
        };
        if let Some(kind) = foreign(document.spec.text_of("type")) {
            return (None, Some(kind));
        }
        let Some(details) = document.spec.get("connectionDetails") else { return (None, None) };
        let url = text(details, "url").map(|url| url.trim_end_matches('/').to_owned()).filter(|url| Some(url) != self.own_url.as_ref());
        let source = url.map(|url| PrometheusSource {
            url,
            access: access.clone(),
            timeout_ms: duration(details, "timeout").unwrap_or(QUERY_TIMEOUT_DEFAULT),
        });
        (source, None)
    }
}

/// The kind of a source that is not asked.
fn foreign(kind: Option<&str>) -> Option<String> {
    kind.filter(|kind| !kind.eq_ignore_ascii_case(PROMETHEUS)).map(str::to_owned)
}

/// The metrics of an indicator.
fn series(spec: &Node) -> impl Iterator<Item = &Node> {
    let ratio = ["good", "bad", "total", "raw"].map(|side| spec.dig(&["ratioMetric", side]));
    ratio.into_iter().chain([spec.get("thresholdMetric")]).flatten()
}

fn query(metric: &Node) -> Option<&str> {
    metric.dig(&["metricSource", "spec", "query"]).and_then(Node::text)
}

/// Why the events of an indicator cannot be counted exactly.
fn uncountable(spec: &Node) -> Option<String> {
    let ratio = spec.get("ratioMetric").filter(|ratio| ratio.get("raw").is_none())?;
    if ratio.text_of("counter") == Some("false") {
        return Some("its series are no counters (`counter: false`), so that nobody can say what lies between two samples".to_owned());
    }
    let other = ["good", "bad", "total"].iter().filter_map(|side| query(ratio.get(side)?)).find(|query| counter_of(query).is_none())?;
    Some(format!("`{}` is not about one counter", crate::scalar::short(other)))
}

/// What an objective counts.
pub(super) fn counted(context: &mut Context<'_, '_>, spec: &Node, goal: &Node, field: &str) -> Option<Indicator> {
    const RATIO: &str = "spec.indicator.spec.ratioMetric";
    let owned = |metric: &Node| query(metric).map(str::to_owned);
    if let Some(ratio) = spec.get("ratioMetric") {
        if let Some(raw) = ratio.get("raw") {
            let Some(kind) = ratio.text_of("rawType") else {
                let hint = "Write `rawType: success` or `rawType: failure`.";
                bad(
                    context,
                    ratio,
                    RATIO,
                    "`raw` needs `rawType`: nobody can say whether it is a share of good or of bad".to_owned(),
                    hint,
                );
                return None;
            };
            return Some(Indicator::Raw { query: owned(raw)?, is_bad: kind == "failure" });
        }
        let (bad_query, good, total) =
            (ratio.get("bad").and_then(owned), ratio.get("good").and_then(owned), ratio.get("total").and_then(owned)?);
        match (&bad_query, &good) {
            (None, None) => {
                bad(context, ratio, RATIO, "the ratio has neither `good` nor `bad`".to_owned(), "Add one of them.");
                return None;
            }
            (Some(_), Some(_)) => {
                let message = "the ratio has both `good` and `bad`, which need not add up".to_owned();
                bad(context, ratio, RATIO, message, "Leave one of them out; the other is the rest of `total`.");
                return None;
            }
            _ => return Some(Indicator::Ratio { bad: bad_query, good, total }),
        }
    }
    let query = owned(spec.get("thresholdMetric")?)?;
    let value = goal.text_of("value").and_then(|t| t.parse::<f64>().ok()).filter(|v| v.is_finite());
    let (Some(operator), Some(value)) = (text(goal, "op"), value) else {
        bad(context, goal, field, "a threshold needs `op` and `value`".to_owned(), "Write `op: lte` and `value: 0.3`.");
        return None;
    };
    Some(Indicator::Threshold { query, operator, value })
}
