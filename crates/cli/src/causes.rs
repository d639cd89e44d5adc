//! Why two plans differ: which of their inputs makes each difference.
//!
//! A plan follows from its inputs and from nothing else, so a cause is not guessed but tried. The first plan is planned anew with one input of the second
//! in place of its own: where that brings the difference about, the input alone is why. Else the second is planned anew with one input of the first: where
//! that takes the difference away, the input is needed for it, with others. What no single input explains is said to come of several, and where this program
//! does not come to the plans as they were made, no cause is told that it cannot vouch for.

use crate::world::World;
use glidepath_model::{Change, Digest, Facts, Plan, Timestamp};
use glidepath_plan::PlanOptions;
use glidepath_report::{Difference, PlanDiff, plan_diff};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Steps of a plan above which it is not planned again and again.
const STEPS_MAX: usize = 2_000;
/// Characters of a value that are shown.
const VALUE_MAX: usize = 60;

/// A plan with what it was made from, where that is known.
pub(crate) struct Told {
    pub(crate) plan: Plan,
    pub(crate) facts: Option<Facts>,
}

/// Inputs that are looked at together: what they are called, and where they stand in the facts. `*` is every key.
struct Part {
    words: &'static str,
    pointers: &'static [&'static str],
}

const fn part(words: &'static str, pointers: &'static [&'static str]) -> Part {
    Part { words, pointers }
}

/// All that facts hold but for their time, in the order in which causes are tried: what people wrote before what was observed.
const PARTS: &[Part] = &[
    part("settings of the project", &["/catalog/settings"]),
    part("environments", &["/catalog/environments"]),
    part("targets", &["/catalog/targets"]),
    part("components", &["/catalog/components"]),
    part("calendars", &["/catalog/calendars"]),
    part("objectives", &["/catalog/objectives"]),
    part("owners", &["/catalog/owners"]),
    part("versions that run", &["/targets/*/versions"]),
    part("health of hosts", &["/targets/*/healthy"]),
    part("routers", &["/targets/*/routers", "/targets/*/weights"]),
    part("traffic", &["/targets/*/requestRate"]),
    part("share of errors", &["/targets/*/errorRatio"]),
    part("share of slow requests", &["/targets/*/slowRatio"]),
    part("split of signals", &["/targets/*/splitAnswers"]),
    part("flags", &["/targets/*/flags"]),
    part("sizes of tables", &["/targets/*/tables"]),
    part("outcomes of earlier runs", &["/history", "/owners", "/correction"]),
    part("durations of earlier steps", &["/durations"]),
    part("error budgets", &["/budgets"]),
    part("runs in flight", &["/active"]),
    part("landings of earlier changes", &["/landings", "/notLanded"]),
    part("what could not be observed", &["/missing"]),
];

/// What a plan is made from.
#[derive(Clone)]
struct Inputs {
    change: Change,
    facts: Value,
    now: Timestamp,
    seed: u64,
}

/// One input, or several of a kind.
#[derive(Clone, Copy)]
enum Input {
    Change,
    Facts(&'static Part),
    /// When it was planned, with all that was observed moved along: what was fresh stays so.
    Time,
    Seed,
}

impl Input {
    fn all() -> impl Iterator<Item = Self> {
        [Self::Change].into_iter().chain(PARTS.iter().map(Self::Facts)).chain([Self::Time, Self::Seed])
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Change => "the change",
            Self::Facts(part) => part.words,
            Self::Time => "the time of planning",
            Self::Seed => "the seed",
        }
    }
}

impl Inputs {
    fn of(plan: &Plan, facts: &Facts) -> Option<Self> {
        let body = &plan.body;
        Some(Self { change: body.change.clone(), facts: serde_json::to_value(facts).ok()?, now: body.created_at, seed: body.seed })
    }

    /// These with one input of the other.
    fn with(&self, input: Input, other: &Self) -> Self {
        let mut inputs = self.clone();
        match input {
            Input::Change => inputs.change.clone_from(&other.change),
            Input::Facts(part) => part.pointers.iter().for_each(|pointer| take_over(&mut inputs.facts, &other.facts, &keys(pointer))),
            Input::Time => {
                moved(&mut inputs.facts, self.now, other.now);
                inputs.now = other.now;
            }
            Input::Seed => inputs.seed = other.seed,
        }
        inputs
    }

    /// The plan of these. Whether stale facts were accepted nobody has written down, so they are where nothing else will do.
    fn plan(&self) -> Option<Plan> {
        let facts: Facts = serde_json::from_value(self.facts.clone()).ok()?;
        let facts_digest = Digest::of(&serde_json::to_vec(&facts).ok()?);
        [false, true].into_iter().find_map(|accept_stale| {
            let options = PlanOptions { now: self.now, seed: self.seed, accept_stale, facts_digest: facts_digest.clone() };
            glidepath_plan::plan(&self.change, &facts, &World::descriptors(), &options).plan
        })
    }

    /// What differs of one input, for people.
    fn differing(&self, input: Input, other: &Self) -> Vec<Leaf> {
        let mut leaves = Vec::new();
        let change = |inputs: &Self| serde_json::to_value(&inputs.change).ok();
        match input {
            Input::Change => leaf_by_leaf("", change(self).as_ref(), change(other).as_ref(), &mut leaves),
            Input::Facts(part) => {
                for pointer in part.pointers {
                    for path in existing(&[&self.facts, &other.facts], &keys(pointer)) {
                        let shown = path.last().map_or("", |key| key.as_str());
                        let shown = if pointer.contains('*') { path.get(1).map_or(shown, |key| key.as_str()) } else { shown };
                        leaf_by_leaf(shown, at(&self.facts, &path), at(&other.facts, &path), &mut leaves);
                    }
                }
            }
            Input::Time if self.now != other.now => leaves.push(Leaf::new("", &self.now.to_string(), &other.now.to_string())),
            Input::Seed if self.seed != other.seed => leaves.push(Leaf::new("", &self.seed.to_string(), &other.seed.to_string())),
            Input::Time | Input::Seed => {}
        }
        leaves
    }
}

/// One value that differs.
struct Leaf {
    path: String,
    before: String,
    after: String,
    source: Option<String>,
}

impl Leaf {
    fn new(path: &str, before: &str, after: &str) -> Self {
        Self { path: path.to_owned(), before: before.to_owned(), after: after.to_owned(), source: None }
    }

    fn words(&self) -> String {
        let source = self.source.as_ref().map(|source| format!(" ({source})")).unwrap_or_default();
        let path = if self.path.is_empty() { String::new() } else { format!("{} ", self.path) };
        format!("{path}was {}, is {}{source}", self.before, self.after)
    }
}

/// Says of each difference which input makes it.
pub(crate) fn explain(diff: &mut PlanDiff, from: &Told, to: &Told) {
    let why = match Causes::of(from, to) {
        Ok(causes) => causes,
        Err(reason) => {
            let not_known = format!("not known: {reason}");
            return diff.differences.iter_mut().for_each(|difference| difference.because = Some(not_known.clone()));
        }
    };
    diff.differences.iter_mut().for_each(|difference| difference.because = Some(why.of_difference(difference)));
}

/// An input that differs, with what comes of taking it over either way.
struct Tried {
    input: Input,
    leaves: Vec<Leaf>,
    /// The first plan with this input of the second, against the second.
    brought: Option<PlanDiff>,
    /// The second plan with this input of the first, against the first.
    taken: Option<PlanDiff>,
}

struct Causes {
    tried: Vec<Tried>,
    /// The plans as this program makes them today, against what they are.
    anew: [Option<PlanDiff>; 2],
}

impl Causes {
    /// Tries every input that differs, or says why none can be tried.
    fn of(from: &Told, to: &Told) -> Result<Self, String> {
        for told in [from, to] {
            let (id, body) = (told.plan.id.short(), &told.plan.body);
            if body.assignments.is_empty() || body.again.is_some() {
                return Err(format!("plan {id} is of a runbook or of a step done again, which are not planned anew from facts"));
            }
            if told.facts.is_none() {
                return Err(format!("the facts that plan {id} was made from are not in the store"));
            }
            if body.steps.len() > STEPS_MAX {
                return Err(format!("plan {id} has more than {STEPS_MAX} steps, and is not planned anew again and again"));
            }
        }
        let inputs = |told: &Told| told.facts.as_ref().and_then(|facts| Inputs::of(&told.plan, facts));
        let (Some(first), Some(second)) = (inputs(from), inputs(to)) else { return Err("their inputs cannot be read".to_owned()) };
        let against = |inputs: &Inputs, plan: &Plan| Some(plan_diff(&inputs.plan()?, plan));
        let anew = [against(&first, &from.plan), against(&second, &to.plan)];
        let tried = Input::all().filter_map(|input| {
            let leaves = first.differing(input, &second);
            (!leaves.is_empty()).then(|| Tried {
                input,
                leaves,
                brought: against(&first.with(input, &second), &to.plan),
                taken: against(&second.with(input, &first), &from.plan),
            })
        });
        Ok(Self { tried: tried.collect(), anew })
    }

    fn of_difference(&self, difference: &Difference) -> String {
        let is_gone = |diff: &Option<PlanDiff>| diff.as_ref().is_some_and(|diff| difference.is_gone_from(diff));
        if !self.anew.iter().all(is_gone) {
            return format!(
                "not known: glidepath {} does not come to the same here from the same inputs, so another version made the plan, or it was made as a child of another",
                env!("CARGO_PKG_VERSION")
            );
        }
        if let Some(alone) = self.tried.iter().find(|tried| is_gone(&tried.brought)) {
            return alone.words(difference);
        }
        let needed: Vec<&Tried> = self.tried.iter().filter(|tried| is_gone(&tried.taken)).collect();
        match needed.as_slice() {
            [] => {
                let names: Vec<&str> = self.tried.iter().map(|tried| tried.input.words()).collect();
                if names.is_empty() { "not known: no input differs".to_owned() } else { format!("several together: {}", names.join(", ")) }
            }
            [only] => format!("{}, with others", only.words(difference)),
            several => format!("only together: {}", several.iter().map(|tried| tried.input.words()).collect::<Vec<_>>().join(", ")),
        }
    }
}

impl Tried {
    /// The input, with that value of it which is nearest to the place.
    fn words(&self, difference: &Difference) -> String {
        let near = |leaf: &&Leaf| {
            let parts: BTreeSet<&str> = leaf.path.split([' ', '.', '/']).filter(|part| !part.is_empty()).collect();
            difference.path.split(['/', ' ', ',']).filter(|part| parts.iter().any(|known| known == part)).count()
        };
        let best = self.leaves.iter().map(|leaf| near(&leaf)).max().unwrap_or_default();
        let nearest = self.leaves.iter().find(|leaf| near(leaf) == best).map(Leaf::words).unwrap_or_default();
        let more = match self.leaves.len().saturating_sub(1) {
            0 => String::new(),
            more => format!(", and {more} more"),
        };
        format!("{}: {nearest}{more}", self.input.words())
    }
}

fn keys(pointer: &str) -> Vec<String> {
    pointer.split('/').skip(1).map(str::to_owned).collect()
}

/// The paths of a pattern that one of the values has.
fn existing(values: &[&Value], pattern: &[String]) -> Vec<Vec<String>> {
    let Some(star) = pattern.iter().position(|key| key == "*") else { return vec![pattern.to_vec()] };
    let owners = values.iter().filter_map(|value| at(value, &pattern[..star])?.as_object());
    let names: BTreeSet<&String> = owners.flat_map(|object| object.keys()).collect();
    names.into_iter().map(|name| [&pattern[..star], std::slice::from_ref(name), &pattern[star + 1..]].concat()).collect()
}

fn at<'v>(value: &'v Value, path: &[String]) -> Option<&'v Value> {
    path.iter().try_fold(value, |value, key| value.get(key))
}

/// What the other value has at a pattern, in place of what is there.
fn take_over(value: &mut Value, other: &Value, pattern: &[String]) {
    for path in existing(&[&*value, other], pattern) {
        let Some((last, parents)) = path.split_last() else { continue };
        let mut place = &mut *value;
        for key in parents {
            let Some(object) = place.as_object_mut() else { return };
            place = object.entry(key.clone()).or_insert_with(|| default_of(other, parents));
        }
        let Some(object) = place.as_object_mut() else { return };
        match at(other, &path) {
            Some(found) => drop(object.insert(last.clone(), found.clone())),
            None => drop(object.remove(last)),
        }
    }
}

/// What stands where only the other value has something: its like, with nothing in it.
fn default_of(other: &Value, path: &[String]) -> Value {
    let empty = |value: &Value| match value {
        Value::Object(_) => Value::Object(serde_json::Map::new()),
        Value::Array(_) => Value::Array(Vec::new()),
        _ => Value::Null,
    };
    let fields = at(other, path).and_then(Value::as_object).into_iter().flatten();
    fields.map(|(key, value)| (key.clone(), empty(value))).collect()
}

/// Everything that was observed, as long before `to` as it was before `from`.
fn moved(value: &mut Value, from: Timestamp, to: Timestamp) {
    let shifted = |time: Timestamp| if to > from { time.plus(to.since(from)) } else { time.minus(from.since(to)) };
    match value {
        Value::Object(fields) => {
            for (key, field) in fields {
                let is_time = matches!(key.as_str(), "observedAt" | "collectedAt");
                match field.as_str().and_then(Timestamp::parse).filter(|_| is_time) {
                    Some(time) => *field = Value::String(shifted(time).to_string()),
                    None => moved(field, from, to),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| moved(item, from, to)),
        _ => {}
    }
}

/// Values that differ. Of what was observed only the value counts: when it was seen is the matter of the time.
fn leaf_by_leaf(path: &str, before: Option<&Value>, after: Option<&Value>, leaves: &mut Vec<Leaf>) {
    let under = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    let sourced =
        |value: Option<&Value>| value.and_then(Value::as_object).is_some_and(|v| v.contains_key("observedAt") && v.contains_key("value"));
    if sourced(before) || sourced(after) {
        let inner = |value: Option<&'_ Value>| value.and_then(|value| value.get("value")).cloned();
        let from = leaves.len();
        leaf_by_leaf(path, inner(before).as_ref(), inner(after).as_ref(), leaves);
        let source = after.or(before).and_then(|value| value.get("source")).and_then(Value::as_str);
        leaves[from..].iter_mut().for_each(|leaf| leaf.source = source.map(str::to_owned));
        return;
    }
    match (before, after) {
        (before, after) if before == after => {}
        (Some(Value::Object(old)), Some(Value::Object(new))) => {
            for key in old.keys().chain(new.keys()).collect::<BTreeSet<&String>>() {
                // Where it stands in a file says nothing of what it says.
                if key != "declaredAt" && key != "source" {
                    leaf_by_leaf(&under(key), old.get(key), new.get(key), leaves);
                }
            }
        }
        (Some(Value::Array(old)), Some(Value::Array(new))) => {
            let (old, new) = (by_name(old), by_name(new));
            for name in old.keys().chain(new.keys()).collect::<BTreeSet<&String>>() {
                leaf_by_leaf(&under(name), old.get(name).copied(), new.get(name).copied(), leaves);
            }
        }
        (before, after) => leaves.push(Leaf::new(path, &shown(before), &shown(after))),
    }
}

/// Elements by what people call them, else by their number.
fn by_name(items: &[Value]) -> BTreeMap<String, &Value> {
    let name = |item: &Value| ["name", "component"].into_iter().find_map(|key| item.get(key)?.as_str().map(str::to_owned));
    let named = items.iter().enumerate().map(|(at, item)| (name(item).unwrap_or_else(|| format!("{}", at + 1)), item));
    named.collect()
}

fn shown(value: Option<&Value>) -> String {
    let text = match value {
        None | Some(Value::Null) => return "nothing".to_owned(),
        Some(Value::String(text)) => text.split_whitespace().collect::<Vec<_>>().join(" "),
        Some(value) => value.to_string(),
    };
    if text.chars().count() <= VALUE_MAX { text } else { format!("{}...", text.chars().take(VALUE_MAX).collect::<String>()) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test says what it found")]
mod tests {
    use super::*;
    use glidepath_model::facts::TargetFacts;
    use glidepath_model::{Catalog, Millis};
    use serde_json::json;

    /// Every field of facts is somebody's: a new one without its words would never be a cause.
    #[test]
    fn no_input_is_left_out() {
        let time = Timestamp::from_micros(0);
        let mut facts = Facts::of_catalog(Catalog::default(), time);
        facts.targets.insert("web".into(), TargetFacts::default());
        let value = serde_json::to_value(&facts).unwrap();
        let known: Vec<&str> = PARTS.iter().flat_map(|part| part.pointers.iter().copied()).collect();
        let under = |path: &str, prefix: &str| {
            let fields = value.pointer(path).unwrap().as_object().unwrap();
            fields.keys().map(|key| format!("{prefix}/{key}")).filter(|field| !known.contains(&field.as_str())).collect::<Vec<String>>()
        };
        assert_eq!(under("", ""), ["/catalog", "/collectedAt", "/format", "/targets"]);
        assert_eq!(under("/catalog", "/catalog"), Vec::<String>::new());
        assert_eq!(under("/targets/web", "/targets/*"), Vec::<String>::new());
    }

    #[test]
    fn what_differs_is_told_by_its_names_and_with_its_source() {
        let seen = |value: f64, at: &str| json!({"value": value, "source": "prometheus", "observedAt": at, "assumed": false});
        let before =
            json!({"a": seen(1.0, "x"), "b": seen(1.0, "x"), "list": [{"name": "x", "n": 1}, {"name": "y", "n": 1}], "declaredAt": "f:1"});
        let after = json!({"a": seen(1.0, "y"), "b": seen(2.0, "y"), "list": [{"name": "y", "n": 2}], "declaredAt": "f:2"});
        let mut leaves = Vec::new();
        leaf_by_leaf("", Some(&before), Some(&after), &mut leaves);
        let words: Vec<String> = leaves.iter().map(Leaf::words).collect();
        assert_eq!(words, ["b was 1.0, is 2.0 (prometheus)", "list.x was {\"n\":1,\"name\":\"x\"}, is nothing", "list.y.n was 1, is 2"]);
    }

    #[test]
    fn taking_over_adds_and_takes_away() {
        let mut value = json!({"targets": {"a": {"flags": {"f": 1}, "health": {"h": 1}}, "b": {"flags": {}}}});
        let other = json!({"targets": {"a": {"flags": {"g": 2}}, "c": {"flags": {"f": 3}, "health": {"h": 2}}}});
        take_over(&mut value, &other, &keys("/targets/*/flags"));
        let expected = json!({"targets": {"a": {"flags": {"g": 2}, "health": {"h": 1}}, "b": {}, "c": {"flags": {"f": 3}, "health": {}}}});
        assert_eq!(value, expected);
    }

    #[test]
    fn what_was_fresh_stays_so_at_another_time() {
        let time = |minutes: u64| Timestamp::from_micros(0).plus(Millis::from_mins(minutes)).to_string();
        let mut value = json!({"observedAt": time(10), "list": [{"collectedAt": time(11), "at": time(10)}]});
        let at = |minutes: u64| Timestamp::from_micros(0).plus(Millis::from_mins(minutes));
        moved(&mut value, at(20), at(15));
        assert_eq!(value, json!({"observedAt": time(5), "list": [{"collectedAt": time(6), "at": time(10)}]}));
    }
}
