//! The queries of a canary config, as Kayenta builds them for Prometheus.
//!
//! # Theory of operation
//!
//! A query is a template of PromQL, or a metric whose labels a template narrows to one side; both sides are asked by the same one, each with its own scope.
//! Templates are FreeMarker in Kayenta. Here plain words are filled, `${scope}` and the like; whatever else a template does is a problem, and so is what
//! stands in Kayenta's own settings or needs more than one series for each side: a query that was guessed would compare something, and nobody would know what.

use crate::asked::{Asked, Part};
use std::collections::{BTreeMap, BTreeSet};

/// Metrics of a config that are asked for; each is two queries at every look.
pub const METRICS_MAX: usize = 100;
/// The one store of metrics that is asked.
const STORE: &str = "prometheus";
/// Before a template that is a whole query.
const WHOLE: &str = "PromQL:";
/// What FreeMarker would act upon, beside `${...}`.
const ACTS: [&str; 5] = ["<#", "</#", "<@", "</@", "#{"];

/// One side of a canary, in Kayenta's words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// What tells the side apart.
    pub scope: String,
    /// Where it stands.
    pub location: Option<String>,
    /// More words for templates.
    pub params: BTreeMap<String, String>,
}

/// The query of one metric for each of the sides that it was read for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// Name of the metric.
    pub metric: String,
    /// PromQL, by side.
    pub sides: Vec<String>,
}

/// The queries of all metrics; those that cannot be asked are problems.
pub fn read(config: &mut Asked, sides: &[Scope]) -> Vec<Query> {
    let root = config.root();
    let templates = config.part(&root, "templates");
    let metrics = config.metrics();
    if metrics.len() > METRICS_MAX {
        config.problem("metrics", format!("are {}, and {METRICS_MAX} are asked for at most", metrics.len()));
        return Vec::new();
    }
    one_scope(config, &metrics);
    let mut queries = Vec::new();
    for part in metrics {
        let Some(metric) = part.fields.get("name").and_then(|name| name.as_str()) else { continue };
        let query = Source::read(config, &part, &templates);
        let found: Vec<String> = sides.iter().filter_map(|side| query.as_ref()?.text(config, side)).collect();
        if found.len() == sides.len() {
            queries.push(Query { metric: metric.to_owned(), sides: found });
        }
    }
    queries
}

/// One pair of scopes is compared; a config may name several.
fn one_scope(config: &mut Asked, metrics: &[Part]) {
    let mut names = BTreeSet::new();
    for part in metrics {
        let name = config.text(part, "scopeName").unwrap_or_else(|| "default".to_owned());
        names.insert(name.clone());
        if names.len() > 1 {
            let what = format!(
                "there are several scopes ({}); one pair of sides is compared",
                names.iter().cloned().collect::<Vec<_>>().join(", ")
            );
            config.problem(&part.at("scopeName"), what);
            return;
        }
    }
}

/// The `query` of a metric.
struct Source {
    part: Part,
    template: Option<Template>,
    metric: String,
    bindings: Vec<String>,
    resource: Option<String>,
}

struct Template {
    path: String,
    text: String,
}

impl Source {
    fn read(config: &mut Asked, metric: &Part, templates: &Part) -> Option<Self> {
        let part = config.part(metric, "query");
        if part.fields.is_empty() {
            config.problem(&part.path, "is missing: nothing says where its values come from");
            return None;
        }
        let store = config.text(&part, "type").or_else(|| config.text(&part, "serviceType"));
        match store.as_deref() {
            Some(STORE) => {}
            Some(other) => {
                config.problem(&part.at("type"), format!("must be {STORE}, the one store that is asked in flight, and is {other}"))
            }
            None => config.problem(&part.at("type"), format!("is missing; it must be {STORE}")),
        }
        if config.text(&part, "customFilter").is_some_and(|filter| !filter.is_empty()) {
            config.problem(&part.at("customFilter"), "is read by Kayenta no more, and not here either; write customInlineTemplate");
        }
        if config.texts(&part, "groupByFields").is_some_and(|fields| !fields.is_empty()) {
            let what =
                "would give a series for each value of these labels; one of each side is compared: leave them out, or aggregate in PromQL";
            config.problem(&part.at("groupByFields"), what);
        }
        let bindings = config.texts(&part, "labelBindings").unwrap_or_default();
        if bindings.iter().any(|binding| binding.contains("${")) {
            config.problem(&part.at("labelBindings"), "are no templates: what `${...}` stands for is filled in customInlineTemplate only");
        }
        let template = template(config, &part, templates);
        let name = config.text(&part, "metricName").unwrap_or_default();
        let resource = config.text(&part, "resourceType").filter(|resource| !resource.trim().is_empty());
        Some(Self { part, template, metric: name, bindings, resource })
    }

    /// PromQL of one side.
    fn text(&self, config: &mut Asked, side: &Scope) -> Option<String> {
        let filter = match &self.template {
            Some(template) => match filled(&template.text, |word| self.word(side, word)) {
                Ok(filter) => Some(filter),
                Err(why) => {
                    config.problem(&template.path, why);
                    return None;
                }
            },
            None => None,
        };
        if let Some(whole) = filter.as_deref().and_then(|filter| filter.strip_prefix(WHOLE)) {
            return Some(whole.trim().to_owned());
        }
        if self.metric.is_empty() {
            config
                .problem(&self.part.at("metricName"), format!("is missing; without it a template must be a whole query, after `{WHOLE}`"));
            return None;
        }
        let mut matchers: Vec<String> = filter.iter().cloned().chain(self.bindings.iter().cloned()).collect();
        if filter.is_none() {
            matchers.extend(self.of_resource(config, side)?);
        }
        Some(format!("avg({}{{{}}})", self.metric, matchers.join(",")))
    }

    /// What a word of a template stands for.
    fn word(&self, side: &Scope, word: &str) -> Option<String> {
        let own = match word {
            "scope" => Some(side.scope.clone()),
            "location" => side.location.clone(),
            "resourceType" => self.resource.clone(),
            _ => None,
        };
        side.params.get(word).cloned().or(own)
    }

    /// The matchers that Kayenta itself adds for a kind of machines.
    fn of_resource(&self, config: &mut Asked, side: &Scope) -> Option<Vec<String>> {
        let kind = self.resource.as_deref().or_else(|| side.params.get("resourceType").map(String::as_str));
        let problem = match (kind, &side.location) {
            (Some("aws_ec2_instance"), Some(location)) => {
                return Some(vec![format!("asg_groupName=\"{}\"", side.scope), format!("zone=~\"{location}.{{1}}\"")]);
            }
            (Some("aws_ec2_instance"), None) => "asks for a location, and none is given under signals.kayenta".to_owned(),
            (Some("gce_instance"), _) => {
                "needs the label of the scope, which stands in Kayenta's own settings; write a customInlineTemplate with `${scope}`"
                    .to_owned()
            }
            (Some(other), _) => format!("is {other}, for which Kayenta has no matchers; write a customInlineTemplate with `${{scope}}`"),
            (None, _) => {
                config.problem(&self.part.path, "says nothing of the sides; write a customInlineTemplate with `${scope}`");
                return None;
            }
        };
        config.problem(&self.part.at("resourceType"), problem);
        None
    }
}

fn template(config: &mut Asked, part: &Part, templates: &Part) -> Option<Template> {
    let given = |text: &String| !text.is_empty();
    if let Some(text) = config.text(part, "customInlineTemplate").filter(given) {
        return Some(Template { path: part.at("customInlineTemplate"), text });
    }
    let name = config.text(part, "customFilterTemplate").filter(given)?;
    let text = config.text(templates, &name);
    if text.is_none() {
        config.problem(&part.at("customFilterTemplate"), format!("there is no template {name} under `templates`"));
    }
    Some(Template { path: templates.at(&name), text: text? })
}

/// A template with its words filled, or why it cannot be.
fn filled(template: &str, value: impl Fn(&str) -> Option<String>) -> Result<String, String> {
    // Written so where something before Kayenta would have filled it.
    let template = template.replace("$\\{", "${");
    if let Some(act) = ACTS.iter().find(|act| template.contains(**act)) {
        return Err(format!(
            "holds `{act}`, which is a template that decides or computes; plain words such as `${{scope}}` are filled here"
        ));
    }
    let mut text = String::with_capacity(template.len());
    let mut rest = template.as_str();
    while let Some((before, after)) = rest.split_once("${") {
        let Some((word, behind)) = after.split_once('}') else { return Err("holds `${` without its `}`".to_owned()) };
        let word = word.trim();
        let is_plain = !word.is_empty() && word.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
        if !is_plain {
            return Err(format!("holds `${{{word}}}`, which computes something; plain words such as `${{scope}}` are filled here"));
        }
        let value = value(word).filter(|value| !value.is_empty());
        let Some(value) = value else {
            return Err(format!(
                "asks for `${{{word}}}`, which nothing says; there are scope, location and the params given under signals.kayenta"
            ));
        };
        text.push_str(before);
        text.push_str(&value);
        rest = behind;
    }
    text.push_str(rest);
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn sides() -> [Scope; 2] {
        let params = || BTreeMap::from([("namespace".to_owned(), "shop".to_owned())]);
        ["pay-2", "pay-1"].map(|scope| Scope { scope: scope.to_owned(), location: Some("eu-west".to_owned()), params: params() })
    }

    /// The queries of one metric, or what is wrong with it.
    fn asked(query: Value, templates: Value) -> Result<Vec<String>, Vec<String>> {
        let config = json!({ "templates": templates, "metrics": [{ "name": "m", "query": query }] });
        let mut asked = Asked::of(&config.to_string());
        let queries = read(&mut asked, &sides());
        let problems: Vec<String> = asked.problems().into_iter().map(|problem| format!("{}: {}", problem.path, problem.what)).collect();
        if problems.is_empty() { Ok(queries.into_iter().flat_map(|query| query.sides).collect()) } else { Err(problems) }
    }

    fn prometheus(mut query: Value) -> Value {
        query["type"] = json!("prometheus");
        query
    }

    #[test]
    fn queries_are_built_as_kayenta_builds_them() {
        let templates = json!({ "by-app": "app=\"${scope}\",ns=\"${namespace}\"", "whole": "PromQL:sum(rate(x{app=\"${scope}\"}[1m]))" });
        let rows = [
            (
                json!({ "customInlineTemplate": "PromQL: sum(x{app=~\"${scope}-.{4}\",zone=\"${location}\"})" }),
                "sum(x{app=~\"pay-2-.{4}\",zone=\"eu-west\"})",
            ),
            (json!({ "customFilterTemplate": "whole", "metricName": "ignored" }), "sum(rate(x{app=\"pay-2\"}[1m]))"),
            (
                json!({ "metricName": "cpu", "labelBindings": ["mode=\"user\""], "customFilterTemplate": "by-app" }),
                "avg(cpu{app=\"pay-2\",ns=\"shop\",mode=\"user\"})",
            ),
            // Escaped, as Spinnaker hands templates on.
            (json!({ "metricName": "cpu", "customInlineTemplate": "app=\"$\\{scope}\"" }), "avg(cpu{app=\"pay-2\"})"),
            (json!({ "metricName": "cpu", "resourceType": "aws_ec2_instance" }), "avg(cpu{asg_groupName=\"pay-2\",zone=~\"eu-west.{1}\"})"),
        ];
        for (query, text) in rows {
            let found = asked(prometheus(query), templates.clone());
            assert_eq!(found, Ok(vec![text.to_owned(), text.replace("pay-2", "pay-1")]));
        }
    }

    #[test]
    fn what_cannot_be_asked_is_refused_and_not_guessed() {
        let rows = [
            (
                json!({ "type": "stackdriver", "metricName": "cpu", "customInlineTemplate": "${scope}" }),
                "metrics[0].query.type: must be prometheus",
            ),
            (json!({ "metricName": "cpu", "customInlineTemplate": "a=\"${scope}\"" }), "metrics[0].query.type: is missing"),
            (
                prometheus(json!({ "metricName": "cpu", "customInlineTemplate": "a=\"${scope?upper_case}\"" })),
                "`${scope?upper_case}`, which computes something",
            ),
            (prometheus(json!({ "metricName": "cpu", "customInlineTemplate": "<#if scope??>a=\"b\"</#if>" })), "holds `<#`"),
            (prometheus(json!({ "metricName": "cpu", "customInlineTemplate": "a=\"${team}\"" })), "asks for `${team}`, which nothing says"),
            (prometheus(json!({ "metricName": "cpu", "customInlineTemplate": "a=\"${scope\"" })), "without its `}`"),
            (prometheus(json!({ "metricName": "cpu", "customFilterTemplate": "gone" })), "there is no template gone"),
            (prometheus(json!({ "customInlineTemplate": "a=\"${scope}\"" })), "metrics[0].query.metricName: is missing"),
            (
                prometheus(json!({ "metricName": "cpu", "customFilter": "a=b", "customInlineTemplate": "x" })),
                "customFilter: is read by Kayenta no more",
            ),
            (
                prometheus(json!({ "metricName": "cpu", "groupByFields": ["pod"], "customInlineTemplate": "x" })),
                "groupByFields: would give a series for each",
            ),
            (
                prometheus(json!({ "metricName": "cpu", "labelBindings": ["a=\"${scope}\""], "customInlineTemplate": "x" })),
                "labelBindings: are no templates",
            ),
            (prometheus(json!({ "metricName": "cpu" })), "metrics[0].query: says nothing of the sides"),
            (prometheus(json!({ "metricName": "cpu", "resourceType": "gce_instance" })), "Kayenta's own settings"),
            (prometheus(json!({ "metricName": "cpu", "resourceType": "k8s" })), "is k8s, for which Kayenta has no matchers"),
            (json!({}), "metrics[0].query: is missing"),
        ];
        for (query, text) in rows {
            let found = asked(query.clone(), json!({})).unwrap_err();
            assert!(found.iter().any(|problem| problem.contains(text)), "{text} is not in {found:?} of {query}");
        }
        let two = json!({ "metrics": [{ "name": "a", "scopeName": "one" }, { "name": "b", "scopeName": "two" }] });
        let mut asked = Asked::of(&two.to_string());
        read(&mut asked, &sides());
        assert!(asked.problems().iter().any(|problem| problem.what.contains("there are several scopes (one, two)")));
    }
}
