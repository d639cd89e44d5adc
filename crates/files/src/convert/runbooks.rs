//! Runbooks: what stands in one step is checked here; what steps mean to each other is the planner's.

use super::actions::{self, on_unknown};
use super::{Context, changes, condition, duration, locks, longer_than_nothing, targets, text};
use crate::codes;
use crate::document::Document;
use crate::findings::{Source, quoted};
use crate::limits::{CONDITION_CHARS_MAX, ELEMENTS_MAX};
use crate::node::{At, Node, Value};
use crate::shapes::Kind;
use glidepath_model::action::{HaproxyInput, OutputType};
use glidepath_model::catalog::{ActionTemplate, Database};
use glidepath_model::change::OnFailure;
use glidepath_model::plan::{CompensateOn, RunLimits, Test};
use glidepath_model::runbook::*;
use glidepath_model::{Catalog, Digest, Millis, Place, RunbookName, TargetName};
use std::collections::{BTreeMap, BTreeSet};

type Runbooks = (BTreeMap<RunbookName, Runbook>, BTreeMap<RunbookName, String>);

pub(super) fn read(context: &mut Context<'_, '_>, catalog: &Catalog, sources: &[Source]) -> Runbooks {
    let mut runbooks = BTreeMap::new();
    let mut files = BTreeMap::new();
    for document in flown(context, Kind::Runbook) {
        let name = RunbookName::from(document.name.as_str());
        files.insert(name.clone(), context.findings.file(document.root.at).to_owned());
        let mut runbook = runbook(context, document, catalog);
        runbook.source = sources.get(document.root.at.file as usize).map(|s| Digest::of(s.text.as_bytes()).to_string());
        runbooks.insert(name, runbook);
    }
    (runbooks, files)
}

/// Documents of a kind that is planned and flown by its name; all such kinds share one name space.
pub(super) fn flown<'a>(context: &mut Context<'a, '_>, kind: Kind) -> Vec<&'a Document> {
    let mut documents = context.named(&[Kind::Change, Kind::Runbook]);
    documents.retain(|document| document.kind == kind);
    documents
}

fn runbook(context: &mut Context<'_, '_>, document: &Document, catalog: &Catalog) -> Runbook {
    let spec = &document.spec;
    let steps = spec.items_of("steps").iter().enumerate();
    Runbook {
        name: document.name.as_str().into(),
        title: text(spec, "title").unwrap_or_else(|| document.name.clone()),
        reason: text(spec, "reason"),
        class: changes::class(spec),
        owner: changes::owner(context, spec, catalog),
        environment: targets::environment(context, document, spec, catalog),
        on_failure: match spec.text_of("onFailure") {
            Some("hold") => OnFailure::Hold,
            _ => OnFailure::RollbackChange,
        },
        limits: limits(context, spec),
        locks: locks::read(context, spec),
        steps: steps.filter_map(|(index, node)| Reader { context, catalog, node, field: format!("spec.steps[{index}]") }.step()).collect(),
        place: Some(context.findings.place(document.name_at)),
        source: None,
    }
}

fn limits(context: &mut Context<'_, '_>, spec: &Node) -> RunLimits {
    let Some(node) = spec.get("limits") else { return RunLimits::default() };
    let count = |field: &str| node.text_of(field).and_then(|t| t.parse().ok());
    RunLimits {
        in_flight_max: count("inFlight"),
        retries_max: count("retries"),
        deadline_ms: longer_than_nothing(context, node, "deadline", "spec.limits"),
    }
}

/// Reads one step.
struct Reader<'r, 'a, 's> {
    context: &'r mut Context<'a, 's>,
    catalog: &'r Catalog,
    node: &'r Node,
    /// Path of the step's field.
    field: String,
}

/// Ways of saying what a step does, with the fields that mean something beside each.
const KINDS: [(&str, &[&str]); 8] = [
    ("exec", ALL),
    ("http", ALL),
    ("sql", ALL),
    ("haproxy", ALL),
    ("wait", &[]),
    ("ask", &["undo", "deadline"]),
    ("event", &["undo", "deadline"]),
    ("run", &["target", "undo", "check", "probe", "retry", "timeout", "deadline", "onUnknown"]),
];
const ALL: &[&str] =
    &["forEach", "maxInFlight", "maxFailures", "stagger", "target", "undo", "check", "probe", "retry", "timeout", "deadline", "onUnknown"];
const OF_FAN_OUTS: [&str; 3] = ["maxInFlight", "maxFailures", "stagger"];

impl Reader<'_, '_, '_> {
    /// `None` when the step has no name or does nothing that can be read, which its check has said.
    fn step(mut self) -> Option<RunbookStep> {
        self.check_effect();
        let for_each = self.fan_out();
        self.check_items();
        let when = self.condition();
        let work = self.work();
        let undo = self.undo();
        let probe = self.node.get("probe").and_then(|n| self.template(n, "probe"));
        self.check_probe();
        let node = self.node;
        let needs = node.get("needs").map(|list| list.items().iter().filter_map(|n| Some(self.placed(n, n.text()?.to_owned()))).collect());
        let id = node.get("id")?;
        Some(RunbookStep {
            id: id.text()?.to_owned(),
            place: self.place(id),
            title: text(node, "title"),
            needs,
            work: work?,
            when,
            for_each,
            target: self.target(),
            undo,
            check: self.looks(node, "check"),
            probe,
            on_unknown: node.text_of("onUnknown").and_then(on_unknown),
            retry: self.retry(),
            timeout_ms: self.longer_than_nothing("timeout"),
            deadline_ms: self.longer_than_nothing("deadline"),
        })
    }

    fn error(&mut self, at: &Node, field: &str, code: glidepath_model::Code, message: String, reason: &str, hint: &str) {
        let field = format!("{}.{field}", self.field);
        self.context.findings.error(at.at, &field, code, message, reason, hint);
    }

    fn place(&self, node: &Node) -> Option<Place> {
        Some(self.context.findings.place(node.at))
    }

    fn placed<T>(&self, node: &Node, value: T) -> Placed<T> {
        Placed { value, place: self.place(node) }
    }

    fn longer_than_nothing(&mut self, field: &str) -> Option<Millis> {
        longer_than_nothing(self.context, self.node, field, &self.field)
    }

    /// Names the fields that nothing would come of.
    fn check_effect(&mut self) {
        let Some((kind, fields)) = KINDS.iter().find(|(kind, _)| self.node.get(kind).is_some()) else { return };
        let is_fan_out = self.node.get("forEach").is_some();
        for entry in self.node.entries().iter().filter(|e| ALL.contains(&e.key.as_str()) && !e.value.is_empty()) {
            let name = entry.key.as_str();
            let (message, hint) = if !fields.contains(&name) {
                let hint = if fields.is_empty() { "Leave it out.".to_owned() } else { format!("Fields beside it are {}.", quoted(fields)) };
                (format!("`{name}` has no effect on a step with `{kind}`"), hint)
            } else if OF_FAN_OUTS.contains(&name) && !is_fan_out {
                (format!("`{name}` has no effect without `forEach`"), "Add `forEach` with a list, or leave it out.".to_owned())
            } else {
                continue;
            };
            let field = format!("{}.{name}", self.field);
            let reason = "Whoever reads the step would count on it.";
            self.context.findings.error(entry.key_at, &field, codes::FIELD_WITHOUT_EFFECT, message, reason, hint);
        }
    }

    /// Whether a field means something on this kind of step.
    fn takes(&self, field: &str) -> bool {
        KINDS.iter().any(|(kind, fields)| self.node.get(kind).is_some() && fields.contains(&field))
    }

    fn fan_out(&mut self) -> Option<FanOut> {
        let node = self.node;
        let list = node.get("forEach")?;
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        for element in list.items() {
            let Some(text) = element.text() else { continue };
            if !seen.insert(text) {
                let message = format!("`{text}` stands twice");
                self.error(element, "forEach", codes::DUPLICATE_NAME, message, "It would be done twice.", "Remove one of them.");
            }
        }
        if list.items().len() > ELEMENTS_MAX {
            let message = format!("there are {} elements; at most {ELEMENTS_MAX} are handled", list.items().len());
            let reason = "Each of them becomes a step, and nobody could read so many.";
            let hint = "Let the command take a group of them at once, or split the runbook.";
            self.error(list, "forEach", codes::FAN_OUT_TOO_LARGE, message, reason, hint);
        }
        let count = |field: &str| node.text_of(field).and_then(|t| t.parse().ok());
        Some(FanOut {
            elements: list.items().iter().filter_map(Node::text).take(ELEMENTS_MAX).map(str::to_owned).collect(),
            in_flight_max: count("maxInFlight").unwrap_or(1),
            failures_max: count("maxFailures").unwrap_or(0),
            stagger_ms: duration(node, "stagger").unwrap_or(Millis::ZERO),
        })
    }

    /// `{item}` stands for the element, and for nothing where there are no elements.
    fn check_items(&mut self) {
        let node = self.node;
        let (mut uses, mut verbatim) = (Vec::new(), Vec::new());
        for entry in node.entries().iter().filter(|e| !matches!(e.key.as_str(), "forEach" | "when" | "ask" | "event" | "run")) {
            items_in(&entry.key, &entry.value, &mut uses, &mut verbatim);
        }
        // Without a fan-out nobody expects the braces to be anything but text.
        verbatim.retain(|_| node.get("forEach").is_some());
        for at in verbatim {
            let field = self.field.clone();
            self.context.findings.error(
                at,
                &field,
                codes::UNKNOWN_PLACEHOLDER,
                "placeholder `{item}` is not filled here",
                "Statements and calls of a router are taken as they stand, so that no value can become a part of them.",
                "Take `exec` with `{item}` as a word or a variable.",
            );
        }
        match node.get("forEach") {
            None => {
                for at in uses {
                    let field = self.field.clone();
                    self.context.findings.error(
                        at,
                        &field,
                        codes::UNKNOWN_PLACEHOLDER,
                        "placeholder `{item}` is not filled here",
                        "It stands for an element of `forEach`, which the step does not have.",
                        "Add `forEach` with a list, or write the value out.",
                    );
                }
            }
            Some(list) if uses.is_empty() && self.takes("forEach") => {
                let field = format!("{}.forEach", self.field);
                self.context.findings.warning(
                    list.at,
                    &field,
                    codes::ELEMENT_UNUSED,
                    "no placeholder `{item}` stands in the step",
                    "It would do the same again for every element.",
                    "Put `{item}` into a word or a variable of the command.",
                );
            }
            Some(_) => {}
        }
    }

    fn condition(&mut self) -> Vec<Placed<Test>> {
        let Some(node) = self.node.get("when") else { return Vec::new() };
        let Some(text) = node.text().filter(|text| !text.trim().is_empty()) else { return Vec::new() };
        let count = text.chars().count();
        if count > CONDITION_CHARS_MAX {
            let message = format!("the condition has {count} characters; at most {CONDITION_CHARS_MAX} are read");
            let hint = "Let a command decide, and test its `text`.";
            self.error(node, "when", codes::BAD_CONDITION, message, "Nobody could say when it holds.", hint);
            return Vec::new();
        }
        let (tests, mistakes) = condition::read(text);
        let field = format!("{}.when", self.field);
        for mistake in mistakes {
            let at = self.context.findings.inside(node.at, text, mistake.span.begin, mistake.span.length);
            let reason = "Whether the step is done hangs on it.";
            self.context.findings.error(at, &field, codes::BAD_CONDITION, mistake.message, reason, mistake.hint);
        }
        let placed = tests.into_iter().map(|(test, span)| {
            let at = self.context.findings.inside(node.at, text, span.begin, span.length);
            Placed { value: test, place: Some(self.context.findings.place(at)) }
        });
        placed.collect()
    }

    fn work(&mut self) -> Option<RunbookWork> {
        let node = self.node;
        if node.get("wait").is_some() {
            return self.longer_than_nothing("wait").map(RunbookWork::Wait);
        }
        if let Some(prompt) = node.text_of("ask") {
            return Some(RunbookWork::Ask(prompt.to_owned()));
        }
        if let Some(event) = node.get("event") {
            let name = event.text().or_else(|| event.text_of("name"))?;
            let outputs = event.get("outputs").map_or(&[][..], Node::entries);
            let outputs = outputs.iter().filter_map(|e| Some((e.key.clone(), output_type(e.value.text()?)?))).collect();
            return Some(RunbookWork::Event { event: name.into(), outputs });
        }
        if let Some(run) = node.get("run") {
            let plan = run.get("plan")?;
            return Some(RunbookWork::Run { plan: self.placed(plan, plan.text()?.to_owned()), stored: None });
        }
        self.template(node, "").map(RunbookWork::Call)
    }

    fn undo(&mut self) -> Option<RunbookUndo> {
        let node = self.node.get("undo")?;
        if node.text().is_some() {
            return Some(RunbookUndo::Nothing);
        }
        for (field, make) in [
            ("leave", RunbookUndo::Leave as fn(String) -> RunbookUndo),
            ("forwardOnly", RunbookUndo::ForwardOnly as fn(String) -> RunbookUndo),
        ] {
            let Some(reason) = node.text_of(field) else { continue };
            for entry in node.entries().iter().filter(|e| matches!(e.key.as_str(), "after" | "check" | "timeout")) {
                let message = format!("`{}` has no effect beside `{field}`", entry.key);
                let path = format!("{}.undo.{}", self.field, entry.key);
                let reason = "Nothing is called, so there is nothing to wait for or to look at.";
                self.context.findings.error(entry.key_at, &path, codes::FIELD_WITHOUT_EFFECT, message, reason, "Leave it out.");
            }
            return Some(make(reason.to_owned()));
        }
        let call = self.template(node, "undo")?;
        let compensate_on = if node.text_of("after") == Some("attempt") { CompensateOn::Attempt } else { CompensateOn::Done };
        Some(RunbookUndo::Call { call, check: self.looks(node, "check"), compensate_on })
    }

    /// One action that looks, or several.
    fn looks(&mut self, node: &Node, field: &str) -> Vec<ActionTemplate> {
        let Some(node) = node.get(field) else { return Vec::new() };
        match &node.value {
            Value::List(items) => items.iter().filter_map(|n| self.template(n, field)).collect(),
            Value::Map(_) => self.template(node, field).into_iter().collect(),
            Value::Empty | Value::Scalar(_) => Vec::new(),
        }
    }

    /// An action with its input; the limits that stand beside it are taken along for undo, and read elsewhere for the step itself.
    fn template(&mut self, node: &Node, field: &str) -> Option<ActionTemplate> {
        let path = if field.is_empty() { self.field.clone() } else { format!("{}.{field}", self.field) };
        let (kind, input) = if let Some(inner) = node.get("exec") {
            ("exec", actions::exec(self.context, inner, &path)?)
        } else if let Some(inner) = node.get("http") {
            ("http", actions::http(inner)?)
        } else if let Some(inner) = node.get("sql") {
            let path = format!("{path}.sql");
            let database = self.database(inner.get("database")?, &path)?;
            ("sql", actions::statements(self.context, inner, path.trim_end_matches(".sql"), &database)?)
        } else {
            ("haproxy", haproxy(node.get("haproxy")?)?)
        };
        let timeout_ms = if field.is_empty() { None } else { longer_than_nothing(self.context, node, "timeout", &path) };
        Some(ActionTemplate { kind: kind.to_owned(), input, timeout_ms, on_unknown: None, attempts_max: None })
    }

    fn database(&mut self, node: &Node, path: &str) -> Option<Database> {
        let Some(name) = node.text() else {
            return targets::database(self.context, node, &format!("{path}.database"));
        };
        let catalog = self.catalog;
        let Some(target) = catalog.targets.get(&TargetName::from(name)) else {
            self.unknown_target(node, &format!("{path}.database"));
            return None;
        };
        if target.database.is_none() {
            let message = format!("target `{name}` has no `database`");
            let hint = format!("Add `database:` to the Target in {}.", target.declared_at.as_deref().unwrap_or("the catalog"));
            let field = format!("{path}.database");
            self.context.findings.error(node.at, &field, codes::TARGET_LACKS, message, "Statements need to know where to run.", hint);
        }
        target.database.clone()
    }

    fn target(&mut self) -> Option<TargetName> {
        let node = self.node.get("target")?;
        let name = TargetName::from(node.text()?);
        if !self.catalog.targets.contains_key(&name) {
            let field = format!("{}.target", self.field);
            self.unknown_target(node, &field);
            return None;
        }
        Some(name)
    }

    fn unknown_target(&mut self, node: &Node, field: &str) {
        let names = self.catalog.targets.keys().map(TargetName::as_str);
        self.context.unknown(node, field, codes::UNKNOWN_TARGET, "target", names);
    }

    fn check_probe(&mut self) {
        let (on_unknown, probe) = (self.node.get("onUnknown"), self.node.get("probe"));
        match (on_unknown, on_unknown.and_then(Node::text), probe) {
            (Some(node), Some("probe"), None) => {
                let message = "`onUnknown: probe` stands without `probe`".to_owned();
                let reason = "Nothing would say whether the step was done.";
                self.error(
                    node,
                    "onUnknown",
                    codes::MISSING_FIELD,
                    message,
                    reason,
                    "Add `probe:` with a command that passes when it was done.",
                );
            }
            (_, Some("rerun" | "ask"), Some(node)) => {
                let message = "`probe` has no effect beside this `onUnknown`".to_owned();
                let reason = "It is asked only when an unknown outcome is to be probed.";
                self.error(node, "probe", codes::FIELD_WITHOUT_EFFECT, message, reason, "Write `onUnknown: probe`, or leave `probe` out.");
            }
            _ => {}
        }
    }

    fn retry(&mut self) -> RunbookRetry {
        let Some(node) = self.node.get("retry") else { return RunbookRetry::default() };
        let path = format!("{}.retry", self.field);
        RunbookRetry {
            attempts_max: node.text_of("attempts").and_then(|t| t.parse().ok()),
            first_delay_ms: longer_than_nothing(self.context, node, "firstDelay", &path),
            delay_max_ms: longer_than_nothing(self.context, node, "maxDelay", &path),
        }
    }
}

/// Places of the texts in which `{item}` stands: where it is filled, and where texts are taken as they stand.
fn items_in(key: &str, node: &Node, filled: &mut Vec<At>, verbatim: &mut Vec<At>) {
    if matches!(key, "sql" | "haproxy") {
        let mut inside = Vec::new();
        match &node.value {
            Value::Map(entries) => entries.iter().for_each(|entry| items_in("", &entry.value, &mut inside, verbatim)),
            Value::Empty | Value::Scalar(_) | Value::List(_) => {}
        }
        return verbatim.append(&mut inside);
    }
    match &node.value {
        Value::Scalar(text) if text.contains("{item}") => filled.push(node.at),
        Value::Empty | Value::Scalar(_) => {}
        Value::List(items) => items.iter().for_each(|item| items_in("", item, filled, verbatim)),
        Value::Map(entries) => entries.iter().for_each(|entry| items_in(&entry.key, &entry.value, filled, verbatim)),
    }
}

fn output_type(word: &str) -> Option<OutputType> {
    [OutputType::Boolean, OutputType::Integer, OutputType::Decimal, OutputType::ShortText, OutputType::Digest]
        .into_iter()
        .find(|kind| kind.name() == word)
}

fn haproxy(node: &Node) -> Option<serde_json::Value> {
    let weights = node.get("weights").map_or(&[][..], Node::entries);
    let input = HaproxyInput {
        socket: text(node, "socket")?,
        backend: text(node, "backend")?,
        weights: weights.iter().filter_map(|e| Some((e.key.clone(), e.value.text()?.parse().ok()?))).collect(),
        drain: node.texts_of("drain"),
        drain_max_ms: duration(node, "drainMax").unwrap_or_default(),
        expect_servers: node.texts_of("expectServers"),
        expect_weights: BTreeMap::new(),
    };
    serde_json::to_value(input).ok()
}
