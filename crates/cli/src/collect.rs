//! Facts: asks hosts, routers and telemetry what is so, and dates every answer.
//!
//! All questions of a plan are asked at once, each under its own deadline, so that a slow host costs one deadline and not
//! one per question. What cannot be had is listed as missing with the reason; deciding what that means is the planner's.

mod ahead;
mod budgets;
mod counts;
mod scatter;
mod values;

pub(crate) use budgets::UNCOUNTED;

use glidepath_model::action::{HaproxyInput, SqlInput};
use glidepath_model::catalog::{ActionTemplate, Catalog, Region, Router, TableSize, Target, TrafficSource, filled_text, version_in};
use glidepath_model::command::HAPROXY;
use glidepath_model::event::{AttemptRef, Direction, Outcome, ProcessMark};
use glidepath_model::facts::{BudgetFact, Facts, MissingFact, Scatter, Sourced, TargetFacts, TrafficAhead, ValueHistory};
use glidepath_model::plan::CountSource;
use glidepath_model::text::is_unfit_to_show;
use glidepath_model::{
    ActionCall, HostName, Millis, PlanId, RegionName, RunId, SpanId, StepId, TargetName, Timestamp, VERSION_FORM, Version, is_version,
    trace,
};
use glidepath_ports::store::Lessons;
use glidepath_ports::{Action, ActionContext, BoxFuture, CancelToken, Clock, ProcessJournal, ProgressSink, Secrets, StoreError, Telemetry};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

/// In the place of a run's id where something is asked outside of runs.
const FACTS: &str = "facts";
/// Deadline of one probe.
const PROBE_TIMEOUT_MS: Millis = Millis::from_secs(5);
/// Tables of one target whose sizes are asked for, at most.
const TABLES_MAX: usize = 50;
/// Questions under way at once.
const QUESTIONS_MAX: usize = 64;

/// What asking needs.
#[derive(Clone)]
pub(crate) struct Collector {
    pub(crate) actions: Arc<BTreeMap<String, Arc<dyn Action>>>,
    pub(crate) telemetry: Arc<dyn Telemetry>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) secrets: Arc<dyn Secrets>,
    pub(crate) root: PathBuf,
    /// Folder for the files of probes.
    pub(crate) scratch: PathBuf,
}

/// What is asked of single targets because the change is about it.
#[derive(Default)]
pub(crate) struct Asked {
    /// Tables that it goes through.
    pub(crate) tables: BTreeMap<TargetName, BTreeSet<String>>,
    /// Flags that it sets.
    pub(crate) flags: BTreeMap<TargetName, BTreeSet<String>>,
}

/// One answered question.
enum Answer {
    Version(TargetName, HostName, Sourced<Version>),
    Health(TargetName, HostName, Sourced<bool>),
    Router(TargetName, Region, Sourced<bool>),
    Weights(TargetName, Region, Sourced<BTreeMap<String, u16>>),
    Rate(TargetName, Region, Sourced<f64>),
    Counted(TargetName, RegionName, Sourced<f64>),
    Ahead(TargetName, RegionName, Sourced<TrafficAhead>),
    Errors(TargetName, Region, Sourced<f64>),
    /// The last says whether a native histogram counted them.
    Slow(TargetName, Region, Sourced<f64>, bool),
    Split(TargetName, Sourced<bool>),
    Scatter(TargetName, RegionName, &'static str, Sourced<Scatter>),
    Values(TargetName, Region, String, Sourced<ValueHistory>),
    Table(TargetName, String, Sourced<TableSize>),
    Flag(TargetName, String, Sourced<f64>),
    Budget(String, Sourced<BudgetFact>),
    Missing(MissingFact),
}

type Question = BoxFuture<'static, Vec<Answer>>;

impl Collector {
    /// Collects everything about `scope`; the rest of the catalog is only declared.
    pub(crate) async fn collect(
        &self,
        catalog: &Catalog,
        scope: &[TargetName],
        Asked { tables, flags }: &Asked,
        lessons: Lessons,
        active: BTreeMap<TargetName, RunId>,
    ) -> Facts {
        let mut questions: Vec<Question> = Vec::new();
        for target in scope.iter().filter_map(|name| catalog.targets.get(name)) {
            questions.extend(self.host_questions(target));
            questions.extend(self.router_questions(target));
            questions.extend(self.traffic_questions(catalog, target));
            questions.extend(self.ahead_questions(catalog, target));
            questions.extend(self.value_questions(catalog, target));
        }
        for (target, tables) in tables.iter().filter_map(|(name, tables)| Some((catalog.targets.get(name)?, tables))) {
            questions.extend(tables.iter().take(TABLES_MAX).filter_map(|table| self.table_question(target, table)));
        }
        for (target, flags) in flags.iter().filter_map(|(name, flags)| Some((catalog.targets.get(name)?, flags))) {
            questions.extend(flags.iter().filter_map(|flag| self.flag_question(target, flag)));
        }
        questions.extend(self.budget_questions(catalog, scope));
        let answers = self.ask_all(questions).await;
        let now = self.clock.now();
        let mut facts = Facts::of_catalog(catalog.clone(), now);
        facts.targets = scope.iter().map(|name| (name.clone(), TargetFacts::default())).collect();
        facts.history = lessons.history;
        facts.durations = lessons
            .durations
            .into_iter()
            .map(|(key, fact)| (key, Sourced::observed(fact, format!("{} earlier steps", fact.count), now)))
            .collect();
        facts.active = active;
        for answer in answers {
            put(&mut facts, answer);
        }
        // Which series are the old side's is only known once the hosts have told their versions.
        let of_sides = scope.iter().filter_map(|name| catalog.targets.get(name)).flat_map(|target| {
            let versions = || facts.targets.get(&target.name).into_iter().flat_map(|t| t.versions.values().map(|v| &v.value));
            let sides = self.side_questions(catalog, target, versions());
            sides.into_iter().chain(self.scatter_questions(catalog, target, versions()))
        });
        for answer in self.ask_all(of_sides.collect()).await {
            put(&mut facts, answer);
        }
        facts.missing.sort_by(|a, b| (&a.target, &a.kind, &a.what).cmp(&(&b.target, &b.kind, &b.what)));
        facts
    }

    async fn ask_all(&self, questions: Vec<Question>) -> Vec<Answer> {
        let permits = Arc::new(tokio::sync::Semaphore::new(QUESTIONS_MAX));
        let mut tasks = tokio::task::JoinSet::new();
        for (at, question) in questions.into_iter().enumerate() {
            let permits = permits.clone();
            tasks.spawn(async move {
                let _permit = permits.acquire_owned().await;
                (at, question.await)
            });
        }
        let mut answers = Vec::new();
        while let Some(done) = tasks.join_next().await {
            answers.extend(done.ok());
        }
        answers.sort_by_key(|(at, _)| *at);
        answers.into_iter().flat_map(|(_, a)| a).collect()
    }

    fn host_questions(&self, target: &Target) -> Vec<Question> {
        let mut questions: Vec<Question> = Vec::new();
        let mut places: Vec<(HostName, BTreeMap<&'static str, String>)> =
            target.hosts().map(|(r, h)| (h.clone(), host_values(target, r, h))).collect();
        if let (true, Some(region)) = (places.is_empty(), target.regions.first()) {
            // A target without hosts (a flag service, a database) is asked once, under its own name.
            places.push((HostName::new(target.name.as_str()), region_values(target, region)));
        }
        for (host, values) in places {
            for (kind, template) in [("version", &target.version_probe), ("health", &target.health)] {
                let Some(template) = template else { continue };
                let (this, template, values) = (self.clone(), template.clone(), values.clone());
                let (name, host) = (target.name.clone(), host.clone());
                questions.push(Box::pin(async move { this.ask_host(kind, name, host, &template, &values).await }));
            }
        }
        questions
    }

    async fn ask_host(
        &self,
        kind: &'static str,
        target: TargetName,
        host: HostName,
        template: &ActionTemplate,
        values: &BTreeMap<&str, String>,
    ) -> Vec<Answer> {
        let what = format!("{kind} of {target} on {host}");
        let missing = |why: String| {
            vec![Answer::Missing(MissingFact { what: what.clone(), why, target: Some(target.clone()), kind: kind.to_owned() })]
        };
        // Which version an answer holds is the question, so its form is only laid on it afterwards.
        let form = template.expected_answer().filter(|_| kind == "version").map(|form| {
            let mut values = values.clone();
            values.insert("version", "{version}".to_owned());
            filled_text(form, &values, &mut Vec::new())
        });
        let template = if form.is_some() { &template.without_expected_answer() } else { template };
        let call = match template.filled(values) {
            Ok(call) => call,
            Err(unknown) => return missing(format!("its probe uses {{{}}}, which has no value here", unknown.join("}, {"))),
        };
        let source = source_of(&call);
        let outcome = self.call(&call, template.timeout_ms.unwrap_or(PROBE_TIMEOUT_MS), &format!("{kind}-{target}-{host}")).await;
        let now = self.clock.now();
        match (kind, outcome) {
            ("version", Outcome::Done { outputs }) => match (outputs.get("text").and_then(|t| t.as_str()).map(str::trim), &form) {
                (None | Some(""), _) => missing(format!("{source} answered nothing")),
                (Some(text), form) => match told_version(text, form.as_deref()) {
                    Ok(version) => vec![Answer::Version(target, host, Sourced::observed(version, source, now))],
                    Err(why) => missing(format!("{source} answered `{}`, which is {why}", shown(text))),
                },
            },
            (_, Outcome::Done { .. }) => vec![Answer::Health(target, host, Sourced::observed(true, source, now))],
            ("health", Outcome::NotDone { reason, .. }) => {
                let mut answers = vec![Answer::Health(target.clone(), host.clone(), Sourced::observed(false, source, now))];
                answers.extend(missing(reason));
                answers
            }
            (_, Outcome::NotDone { reason, .. } | Outcome::Unverified { reason } | Outcome::Unknown { reason }) => missing(reason),
        }
    }

    fn router_questions(&self, target: &Target) -> Vec<Question> {
        let mut questions: Vec<Question> = Vec::new();
        for region in target.regions.iter().cloned() {
            let Some((call, source)) = region.router.as_ref().and_then(|router| router_question(target, &region, router)) else { continue };
            let (this, name) = (self.clone(), target.name.clone());
            questions.push(Box::pin(async move {
                let outcome = this.call(&call, PROBE_TIMEOUT_MS, &format!("router-{name}-{}", region.name)).await;
                let now = this.clock.now();
                match outcome {
                    Outcome::Done { outputs } => {
                        let told = outputs.get("text").and_then(|text| text.as_str()).filter(|_| call.kind == HAPROXY);
                        let weights =
                            told.map(|told| Sourced::observed(glidepath_adapters::haproxy::weights_in(told), source.clone(), now));
                        let weights = weights.map(|weights| Answer::Weights(name.clone(), region.clone(), weights));
                        weights.into_iter().chain([Answer::Router(name, region, Sourced::observed(true, source, now))]).collect()
                    }
                    Outcome::NotDone { reason, .. } | Outcome::Unverified { reason } | Outcome::Unknown { reason } => {
                        let what = format!("router of {name} in {}", region.name);
                        let missing = MissingFact { what, why: reason, target: Some(name.clone()), kind: "router".to_owned() };
                        vec![Answer::Router(name, region, Sourced::observed(false, source, now)), Answer::Missing(missing)]
                    }
                }
            }));
        }
        questions
    }

    fn traffic_questions(&self, catalog: &Catalog, target: &Target) -> Vec<Question> {
        let source = count_source(catalog, target);
        let mut questions: Vec<Question> = Vec::new();
        for region in &target.regions {
            match (&target.traffic, &source) {
                (Some(TrafficSource::Assumed(_)), _) => {
                    let place = target.declared_at.clone().unwrap_or_else(|| format!("target {}", target.name));
                    let rate = target.declared_rate(region).map(|rate| Sourced::assumed(rate, place, Timestamp::EPOCH));
                    let answer = rate.map(|rate| Answer::Rate(target.name.clone(), region.clone(), rate));
                    questions.push(Box::pin(async move { answer.into_iter().collect() }));
                }
                (Some(TrafficSource::Query(query)), Some(source)) if answers(source, query) => {
                    let query = filled_text(query, &region_values(target, region), &mut Vec::new());
                    let what = ("traffic", format!("request rate of {} in {}", target.name, region.name));
                    let (name, place) = (target.name.clone(), region.clone());
                    let make = move |fact| Answer::Rate(name, place, fact);
                    questions.push(self.value_question(placed(source, target, region), query, what, target.name.clone(), make));
                }
                (Some(TrafficSource::Query(_)), _) | (None, _) => {}
            }
            if let Some(source) = &source {
                questions.extend(self.ratio_questions(target, region, &placed(source, target, region)));
            }
        }
        questions
    }

    fn value_question(
        &self,
        source: CountSource,
        query: String,
        (kind, what): (&'static str, String),
        target: TargetName,
        make: impl FnOnce(Sourced<f64>) -> Answer + Send + 'static,
    ) -> Question {
        let this = self.clone();
        Box::pin(async move {
            let missing = |why: String| {
                vec![Answer::Missing(MissingFact { what: what.clone(), why, target: Some(target.clone()), kind: kind.to_owned() })]
            };
            match this.telemetry.value(&source, &query).await {
                Ok(Some(reading)) => vec![make(Sourced::observed(reading.value, query, reading.observed_at))],
                Ok(None) => missing(format!("`{query}` has no value")),
                Err(error) => missing(error.to_string()),
            }
        })
    }

    /// How large a table is. A table that is not there yet has no size, and none is missing.
    fn table_question(&self, target: &Target, table: &str) -> Option<Question> {
        let database = target.database.as_ref()?;
        let literal = table.replace('\'', "''");
        let (text, source) = match database.engine.as_str() {
            "postgres" => (
                format!(
                    "SELECT coalesce((SELECT sum(pg_total_relation_size(relid)) FROM pg_partition_tree(c.oid)), pg_total_relation_size(c.oid)) || ' ' || c.reltuples::bigint \
                     FROM pg_class c WHERE c.oid = to_regclass('{literal}')"
                ),
                "pg_total_relation_size and reltuples of the database",
            ),
            // Of a single table SQLite does not tell; none is larger than the file.
            "sqlite" => (
                "SELECT (SELECT page_count FROM pragma_page_count()) * (SELECT page_size FROM pragma_page_size()) || ' -1'".to_owned(),
                "size of the database file",
            ),
            _ => return None,
        };
        let input = SqlInput {
            engine: database.engine.clone(),
            connection: database.connection.clone(),
            text,
            path: None,
            lock_timeout_ms: database.lock_timeout_ms,
            statement_timeout_ms: PROBE_TIMEOUT_MS,
            transaction: true,
            expect_text: None,
            batches: None,
        };
        let (this, name, table) = (self.clone(), target.name.clone(), table.to_owned());
        Some(Box::pin(async move {
            let call = ActionCall { kind: "sql".to_owned(), version: 1, input: serde_json::to_value(input).unwrap_or_default() };
            let outcome = this.call(&call, PROBE_TIMEOUT_MS, &format!("table-{name}-{table}")).await;
            let missing = |why: String| {
                let what = format!("size of the table {table} on {name}");
                vec![Answer::Missing(MissingFact { what, why, target: Some(name.clone()), kind: "table".to_owned() })]
            };
            match outcome {
                Outcome::Done { outputs } => {
                    let told = outputs.get("text").and_then(|text| text.as_str()).unwrap_or_default();
                    let mut numbers = told.split(' ');
                    let (bytes, rows) = (numbers.next().and_then(|n| n.parse().ok()), numbers.next().and_then(|n| n.parse().ok()));
                    let fact = bytes.map(|bytes| Sourced::observed(TableSize { bytes, rows }, source, this.clock.now()));
                    fact.map(|fact| Answer::Table(name.clone(), table.clone(), fact)).into_iter().collect()
                }
                Outcome::NotDone { reason, .. } | Outcome::Unverified { reason } | Outcome::Unknown { reason } => missing(reason),
            }
        }))
    }

    /// The share of a flag now, where the target says how it is read.
    fn flag_question(&self, target: &Target, flag: &str) -> Option<Question> {
        let template = target.flag_read.as_deref()?.without_expected_answer();
        let (this, name, flag) = (self.clone(), target.name.clone(), flag.to_owned());
        let values = BTreeMap::from([
            ("flag", flag.clone()),
            ("component", target.component.to_string()),
            ("environment", target.environment.to_string()),
        ]);
        Some(Box::pin(async move {
            let what = format!("share of the flag {flag} on {name}");
            let missing = |why: String| {
                vec![Answer::Missing(MissingFact { what: what.clone(), why, target: Some(name.clone()), kind: "flag".to_owned() })]
            };
            let call = match template.filled(&values) {
                Ok(call) => call,
                Err(unknown) => return missing(format!("its read uses {{{}}}, which has no value here", unknown.join("}, {"))),
            };
            let source = source_of(&call);
            match this.call(&call, template.timeout_ms.unwrap_or(PROBE_TIMEOUT_MS), &format!("flag-{name}-{flag}")).await {
                Outcome::Done { outputs } => {
                    let told = outputs.get("text").and_then(|text| text.as_str()).unwrap_or_default().trim();
                    match whole_percent(told) {
                        Some(percent) => {
                            let share = Sourced::observed(f64::from(percent) / 100.0, source, this.clock.now());
                            vec![Answer::Flag(name.clone(), flag.clone(), share)]
                        }
                        None => {
                            missing(format!("{source} answered `{}`, which is not whole percent from 0 to 100, such as `25`", shown(told)))
                        }
                    }
                }
                Outcome::NotDone { reason, .. } | Outcome::Unverified { reason } | Outcome::Unknown { reason } => missing(reason),
            }
        }))
    }

    /// Asks an action about the world, outside any run.
    async fn call(&self, call: &ActionCall, timeout: Millis, label: &str) -> Outcome {
        self.call_for(RunId::new(FACTS), call, timeout, label).await
    }

    /// Calls an action whose process nobody has to account for: one that changes no target.
    pub(crate) async fn call_for(&self, run: RunId, call: &ActionCall, timeout: Millis, label: &str) -> Outcome {
        let Some(action) = self.actions.get(&call.kind) else {
            return Outcome::NotDone { reason: format!("there is no action `{}`", call.kind), retryable: false };
        };
        let safe: String = label.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect();
        let attempt_dir = self.scratch.join(safe);
        if let Err(error) = std::fs::create_dir_all(&attempt_dir) {
            return Outcome::NotDone { reason: format!("{} cannot be made: {error}", attempt_dir.display()), retryable: false };
        }
        let context = ActionContext {
            idempotency_key: format!("{run}/{label}"),
            // What tells people of a run belongs to its trace, and to none of its attempts.
            traceparent: (run.as_str() != FACTS).then(|| trace::traceparent(&run, &SpanId::of_run(&run))),
            run,
            plan: PlanId::new("none"),
            attempt: AttemptRef { step: StepId::new(label), direction: Direction::Probe, round: 1, number: 1 },
            deadline: Instant::now() + timeout.to_std(),
            fences: Vec::new(),
            cancel: CancelToken::new(),
            processes: Arc::new(Unjournaled),
            progress: Arc::new(Silent),
            secrets: self.secrets.clone(),
            root: self.root.clone(),
            attempt_dir: attempt_dir.clone(),
        };
        let outcome = action.run(&context, &call.input).await;
        let _ = std::fs::remove_dir_all(attempt_dir);
        outcome
    }
}

/// What a router can be asked while nobody knows yet which versions it is to tell apart, and who answers.
fn router_question(target: &Target, region: &Region, router: &Router) -> Option<(ActionCall, String)> {
    match router {
        Router::Haproxy { socket, backend, server } => {
            let name_of = |host: &HostName| filled_text(server, &BTreeMap::from([("host", host.to_string())]), &mut Vec::new());
            let input = HaproxyInput {
                socket: socket.clone(),
                backend: backend.clone(),
                expect_servers: region.hosts.iter().map(name_of).collect(),
                ..HaproxyInput::default()
            };
            let call = ActionCall { kind: HAPROXY.to_owned(), version: 1, input: serde_json::to_value(input).unwrap_or_default() };
            Some((call, format!("haproxy {socket}")))
        }
        Router::Share(share) => {
            let call = share.read.as_ref()?.filled(&region_values(target, region)).ok()?;
            let source = source_of(&call);
            Some((call, source))
        }
    }
}

/// Probes outside runs only read: nothing has to be accounted for after a crash.
struct Unjournaled;

impl ProcessJournal for Unjournaled {
    fn started(&self, _: &AttemptRef, _: ProcessMark) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async { Ok(()) })
    }
}

struct Silent;

impl ProgressSink for Silent {
    fn line(&self, _: &AttemptRef, _: &str) {}
}

fn put(facts: &mut Facts, answer: Answer) {
    let of = |facts: &mut Facts, name: TargetName, set: &dyn Fn(&mut TargetFacts)| set(facts.targets.entry(name).or_default());
    match answer {
        Answer::Version(name, host, fact) => of(facts, name, &|t| drop(t.versions.insert(host.clone(), fact.clone()))),
        Answer::Health(name, host, fact) => of(facts, name, &|t| drop(t.healthy.insert(host.clone(), fact.clone()))),
        Answer::Router(name, region, fact) => of(facts, name, &|t| drop(t.routers.insert(region.name.clone(), fact.clone()))),
        Answer::Weights(name, region, fact) => of(facts, name, &|t| drop(t.weights.insert(region.name.clone(), fact.clone()))),
        Answer::Rate(name, region, mut fact) => {
            if fact.assumed {
                fact.observed_at = facts.collected_at;
            }
            of(facts, name, &|t| drop(t.request_rate.insert(region.name.clone(), fact.clone())));
        }
        Answer::Counted(name, region, fact) => of(facts, name, &|t| drop(t.counted_rate.insert(region.clone(), fact.clone()))),
        Answer::Ahead(name, region, fact) => of(facts, name, &|t| drop(t.traffic_ahead.insert(region.clone(), fact.clone()))),
        Answer::Errors(name, region, fact) => of(facts, name, &|t| drop(t.error_ratio.insert(region.name.clone(), fact.clone()))),
        Answer::Slow(name, region, fact, is_native) => of(facts, name, &|t| {
            t.slow_ratio.insert(region.name.clone(), fact.clone());
            t.native.extend(is_native.then(|| region.name.clone()));
        }),
        Answer::Values(name, region, value, fact) => of(facts, name, &|t| {
            t.values.entry(region.name.clone()).or_default().insert(value.clone(), fact.clone());
        }),
        // One region without them is enough: there nothing could be compared.
        Answer::Split(name, fact) => of(facts, name, &|t| {
            if t.split_answers.as_ref().is_none_or(|other| other.value) {
                t.split_answers = Some(fact.clone());
            }
        }),
        Answer::Scatter(name, region, signal, fact) => of(facts, name, &|t| {
            t.scatter.entry(region.clone()).or_default().insert(signal.to_owned(), fact.clone());
        }),
        Answer::Table(name, table, fact) => of(facts, name, &|t| drop(t.tables.insert(table.clone(), fact.clone()))),
        Answer::Flag(name, flag, fact) => of(facts, name, &|t| drop(t.flags.insert(flag.clone(), fact.clone()))),
        Answer::Budget(name, fact) => drop(facts.budgets.insert(name, fact)),
        Answer::Missing(missing) => facts.missing.push(missing),
    }
}

/// The version that an answer tells, or why it tells none. A host's answer fills `{from}` on the way back, so that it is held to what a file's version is.
fn told_version(answer: &str, form: Option<&str>) -> Result<Version, String> {
    let told = match form {
        Some(form) => version_in(form, answer).ok_or_else(|| format!("not of the form {form}"))?,
        None => answer,
    };
    if is_version(told) { Ok(Version::new(told)) } else { Err(format!("no version ({VERSION_FORM})")) }
}

/// Beginning of an answer as people may see it: whatever drives a terminal is written out.
fn shown(answer: &str) -> String {
    const SHOWN_CHARS_MAX: usize = 60;
    let escaped = |c: char| if is_unfit_to_show(c) { c.escape_default().to_string() } else { c.to_string() };
    let rest = if answer.chars().nth(SHOWN_CHARS_MAX).is_some() { "..." } else { "" };
    answer.chars().take(SHOWN_CHARS_MAX).map(escaped).collect::<String>() + rest
}

/// A share as `{share}` has it: in flight the answer is compared with that, letter by letter.
fn whole_percent(told: &str) -> Option<u32> {
    told.parse::<u32>().ok().filter(|percent| *percent <= 100 && percent.to_string() == told)
}

/// The value that a label has at each host of a region.
fn labelled_hosts(target: &Target, region: &Region, form: &str) -> Vec<String> {
    region.hosts.iter().map(|host| filled_text(form, &host_values(target, region, host), &mut Vec::new())).collect()
}

/// Where counters of a target are read, if anywhere.
pub(crate) fn count_source(catalog: &Catalog, target: &Target) -> Option<CountSource> {
    if let Some(json) = &target.metrics_json {
        // Of a target as a whole; a question about a region is placed there.
        return Some(CountSource::Json(json.clone()));
    }
    match (&target.metrics_url, &catalog.settings.prometheus) {
        (Some(url), _) => {
            let urls = target.hosts().map(|(region, host)| filled_text(url, &host_values(target, region, host), &mut Vec::new())).collect();
            let access = target.metrics_access.as_deref().cloned().unwrap_or_default();
            Some(CountSource::Scrape { urls, timeout_ms: PROBE_TIMEOUT_MS, access })
        }
        (None, Some(p)) => Some(CountSource::Prometheus(p.clone())),
        (None, None) => None,
    }
}

/// The same source as it is asked for a region.
fn placed(source: &CountSource, target: &Target, region: &Region) -> CountSource {
    match source {
        CountSource::Json(json) => CountSource::Json(Box::new(json.placed(&region_values(target, region)))),
        CountSource::Prometheus(_) | CountSource::Scrape { .. } => source.clone(),
    }
}

/// Whether a source is asked for a traffic query; pages are not, and of whoever answers JSON only what a pointer names.
fn answers(source: &CountSource, query: &str) -> bool {
    match source {
        CountSource::Prometheus(_) => true,
        CountSource::Json(_) => query.starts_with('/'),
        CountSource::Scrape { .. } => false,
    }
}

pub(crate) fn region_values(target: &Target, region: &Region) -> BTreeMap<&'static str, String> {
    BTreeMap::from([
        ("region", region.name.to_string()),
        ("component", target.component.to_string()),
        ("environment", target.environment.to_string()),
    ])
}

fn host_values(target: &Target, region: &Region, host: &HostName) -> BTreeMap<&'static str, String> {
    let mut values = region_values(target, region);
    values.insert("host", host.to_string());
    values
}

/// Where the answer of a call comes from, for people.
fn source_of(call: &ActionCall) -> String {
    let field = |name: &str| call.input.get(name).and_then(|v| v.as_str()).map(str::to_owned);
    match call.kind.as_str() {
        "http" => format!("http {}", field("url").unwrap_or_default()),
        "exec" => {
            let words = call
                .input
                .get("argv")
                .and_then(|v| v.as_array())
                .map(|a| a.iter().filter_map(|w| w.as_str()).collect::<Vec<_>>().join(" "));
            format!("exec {}", words.unwrap_or_default())
        }
        kind => kind.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_a_version_or_none() {
        for (answer, form, version) in [("1.0.0", None, "1.0.0"), ("shop:1.0.0", Some("shop:{version}"), "1.0.0")] {
            assert_eq!(told_version(answer, form), Ok(Version::from(version)));
        }
        for (answer, form) in [("1.0.0; touch pwned #", None), ("--force", None), ("shop:$(id)", Some("shop:{version}")), ("1\n2", None)] {
            assert!(told_version(answer, form).is_err_and(|why| why.starts_with("no version")), "{answer}");
        }
        assert_eq!(told_version("web:1", Some("shop:{version}")), Err("not of the form shop:{version}".to_owned()));
        assert_eq!(shown("a\u{1b}[2J"), "a\\u{1b}[2J");
        assert_eq!(shown(&"x".repeat(70)).len(), 63);
    }
}
