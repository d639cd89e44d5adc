//! Canary configs of Kayenta: `signals.kayenta` of a target.

use super::{Context, duration, text};
use crate::codes;
use crate::findings::{Findings, Source};
use crate::node::{At, Node};
use crate::yaml::read_documents;
use glidepath_judge::asked::{Asked, Problem};
use glidepath_judge::kayenta::query::{self, Query, Scope};
use glidepath_judge::kayenta::{KayentaConfig, VALUES_MAX, config};
use glidepath_model::catalog::{KayentaSeries, KayentaSignal, KayentaTiming};
use glidepath_model::{Code, Diagnostic, Millis, Place};
use std::path::Path;

/// Time between two values of a series without one.
const STEP_DEFAULT: Millis = Millis::from_secs(60);
/// Shortest times that are kept.
const SHORTEST: Millis = Millis::from_secs(1);
/// Looks of one stage at most; each reads all series anew.
const LOOKS_MAX: u64 = 1_000;
const FIELD: &str = "spec.signals.kayenta";

/// The canary config under `signals`, and when it is judged. One that cannot be used is reported with everything that is wrong, and left out.
pub(super) fn read(context: &mut Context<'_, '_>, signals: &Node) -> Option<KayentaSignal> {
    let node = signals.get("kayenta")?;
    let mut wrong = Vec::new();
    let timing = timing(node, &mut wrong);
    let sides = sides(node, signals, &mut wrong);
    let scores = ["pass", "marginal"].map(|field| node.text_of(field).and_then(|text| text.parse::<f64>().ok()));
    let read = node.get("config").and_then(|file| {
        let path = file.text()?;
        Some((path, context.companion(file.at, &format!("{FIELD}.config"), path)?))
    });
    let asked = read.and_then(|(path, text)| {
        let canary = Canary::read(&text, &sides);
        let is_sound = canary.problems.is_empty();
        canary.report(context, path, &text);
        let mut asked = canary.asked;
        if let [Some(_), _] | [_, Some(_)] = scores {
            (asked.pass, asked.marginal) = (scores[0].unwrap_or(asked.pass), scores[1].unwrap_or(asked.marginal));
            if !(0.0 <= asked.marginal && asked.marginal <= asked.pass && asked.pass <= 100.0) {
                let message = format!("scores of {} and {} leave no way from one to the other", asked.marginal, asked.pass);
                wrong.push(Wrong { field: "pass", message, hint: "Write 0 <= marginal <= pass <= 100." });
            }
        }
        let name =
            canary.name.unwrap_or_else(|| Path::new(path).file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into()));
        let series = |Query { metric, sides }: Query| {
            let mut sides = sides.into_iter();
            Some(KayentaSeries { metric, canary: sides.next()?, baseline: sides.next()? })
        };
        let metrics = canary.queries.into_iter().filter_map(series).collect();
        is_sound.then_some((name, metrics, serde_json::to_value(&asked).ok()?))
    });
    let is_sound = wrong.is_empty();
    for Wrong { field, message, hint } in wrong {
        let at = node.get(field).map_or(node.at, |node| node.at);
        let reason = "It would judge nothing, or something else than was meant.";
        context.findings.error(at, &format!("{FIELD}.{field}"), codes::CANARY_UNFIT, message, reason, hint);
    }
    let (name, metrics, asked) = asked.filter(|_| is_sound)?;
    Some(KayentaSignal { name, metrics, timing: timing?, asked })
}

/// What is wrong with a field of the target.
struct Wrong {
    field: &'static str,
    message: String,
    hint: &'static str,
}

/// The scopes of the new and the old side.
fn sides(node: &Node, signals: &Node, wrong: &mut Vec<Wrong>) -> Vec<Scope> {
    let split = signals.get("split");
    let params = node.get("params").map(Node::entries).unwrap_or_default();
    let params = params.iter().filter_map(|entry| Some((entry.key.clone(), entry.value.text()?.to_owned()))).collect();
    let of_split = |field: &str, default: &str| split.map(|split| split.text_of(field).unwrap_or(default).to_owned());
    let scope = |field: &'static str, default: &str| text(node, field).or_else(|| of_split(field, default));
    let scopes = [("canary", scope("canary", "{version}")), ("baseline", scope("baseline", "{from}"))];
    for (field, _) in scopes.iter().filter(|(_, scope)| scope.is_none()) {
        let message = format!("nothing says which series are those of the {field}");
        wrong.push(Wrong {
            field,
            message,
            hint: "Write `canary` and `baseline`, which `${scope}` stands for, or declare `split` under signals.",
        });
    }
    if let [(_, Some(new)), (_, Some(old))] = &scopes
        && new == old
    {
        let message = format!("`${{scope}}` is `{new}` on both sides");
        wrong.push(Wrong {
            field: "baseline",
            message,
            hint: "Write what differs, such as `{version}` for the canary and `{from}` for the baseline.",
        });
    }
    let location = text(node, "location");
    let side = |(_, scope): (&str, Option<String>)| Scope {
        scope: scope.unwrap_or_default(),
        location: location.clone(),
        params: Clone::clone(&params),
    };
    scopes.into_iter().map(side).collect()
}

/// When it is judged. As Kayenta has it, an interval that is longer than the lifetime is one look at the end.
fn timing(node: &Node, wrong: &mut Vec<Wrong>) -> Option<KayentaTiming> {
    let lifetime = duration(node, "lifetime")?;
    let interval_ms = duration(node, "interval").filter(|interval| *interval <= lifetime).unwrap_or(lifetime);
    let lookback_ms = duration(node, "lookback").filter(|lookback| *lookback > Millis::ZERO);
    let step_ms = duration(node, "step").unwrap_or(STEP_DEFAULT);
    let mut refuse = |field, message, hint| wrong.push(Wrong { field, message, hint });
    let given = [("lifetime", Some(lifetime)), ("interval", duration(node, "interval")), ("step", Some(step_ms))];
    let too_short: Vec<_> =
        given.into_iter().filter_map(|(field, length)| Some((field, length.filter(|length| *length < SHORTEST)?))).collect();
    let is_long_enough = too_short.is_empty();
    for (field, length) in too_short {
        refuse(field, format!("`{field}` is {length}"), "Write a time of 1 s or longer.");
    }
    let shortest = lookback_ms.map_or(interval_ms, |lookback| lookback.min(interval_ms));
    if is_long_enough && step_ms > shortest {
        let field = if lookback_ms.is_some_and(|lookback| lookback < step_ms) { "lookback" } else { "step" };
        let message = format!("a look over {shortest} with a value every {step_ms} has one value of each side at most");
        refuse(field, message, "Write a shorter `step`, or a longer `interval` and `lookback`. Ranks say something from ten values on.");
    }
    let looks = lifetime.0 / interval_ms.0.max(1);
    if is_long_enough && looks > LOOKS_MAX {
        refuse("interval", format!("{looks} looks are too many"), "Write an interval of which at most 1000 fit into the lifetime.");
    }
    if lookback_ms.unwrap_or(lifetime).0 / step_ms.0.max(1) >= VALUES_MAX as u64 {
        refuse("step", format!("a series of {lifetime} with a value every {step_ms} is too long"), "Write a longer `step`.");
    }
    let begin_after_ms = duration(node, "beginAfter").unwrap_or(Millis::ZERO);
    Some(KayentaTiming { begin_after_ms, interval_ms, looks: u32::try_from(looks).unwrap_or(u32::MAX), lookback_ms, step_ms })
}

/// What a canary config says.
struct Canary {
    name: Option<String>,
    asked: KayentaConfig,
    queries: Vec<Query>,
    problems: Vec<(Code, Problem)>,
}

impl Canary {
    fn read(text: &str, sides: &[Scope]) -> Self {
        let mut whole = Asked::of(text);
        let asked = config::read(&mut whole);
        let root = whole.root();
        let name = whole.text(&root, "name").filter(|name| !name.is_empty());
        let own = whole.problems();
        let mut sources = Asked::of(text);
        let queries = query::read(&mut sources, sides);
        let of_queries =
            sources.problems().into_iter().filter(|problem| !own.contains(problem)).map(|problem| (codes::CANARY_QUERY, problem));
        let of_queries: Vec<_> = of_queries.collect();
        let problems = own.into_iter().map(|problem| (codes::CANARY_CONFIG, problem)).chain(of_queries).collect();
        Self { name, asked, queries, problems }
    }

    fn report(&self, context: &mut Context<'_, '_>, path: &str, text: &str) {
        if self.problems.is_empty() {
            return;
        }
        let lines = Lines::of(path, text);
        for (code, Problem { path: field, what }) in &self.problems {
            let (reason, hint) = if *code == codes::CANARY_QUERY {
                (
                    "A query that was guessed would compare something, and nobody would know what.",
                    "`glidepath explain GP0123` shows which queries can be asked.",
                )
            } else {
                (
                    "A judge that was asked something else than was meant answers something else.",
                    "`glidepath explain GP0121` shows what is read of a canary config.",
                )
            };
            let message = if field.is_empty() { what.clone() } else { format!("{field}: {what}") };
            context.findings.elsewhere(lines.place(field), field, Diagnostic::error(*code, message).because(reason).hint(hint));
        }
    }
}

/// Where the fields of a JSON file stand. JSON is YAML, whose reader knows the place of every value.
struct Lines {
    source: Vec<Source>,
    root: Option<Node>,
    /// Where the text stops being JSON.
    torn: Option<At>,
}

impl Lines {
    fn of(path: &str, text: &str) -> Self {
        let source = vec![Source { path: path.to_owned(), text: text.to_owned() }];
        let root = read_documents(text, 0, &mut Findings::new(&[])).documents.into_iter().next();
        let narrow = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let torn = serde_json::from_str::<serde_json::Value>(text).err();
        let torn = torn.map(|error| At { file: 0, line: narrow(error.line()), column: narrow(error.column()), length: 1 });
        Self { source, root, torn }
    }

    /// The place of a field, or of the innermost value around it that is there.
    fn place(&self, field: &str) -> Place {
        let whole = At { file: 0, line: 1, column: 1, length: 1 };
        let mut at = self.torn.unwrap_or(whole);
        let mut node = self.root.as_ref().filter(|_| self.torn.is_none() && !field.is_empty());
        for word in field.split('.') {
            let (name, index) = match word.strip_suffix(']').and_then(|word| word.split_once('[')) {
                Some((name, index)) => (name, index.parse::<usize>().ok()),
                None => (word, None),
            };
            node = node.and_then(|node| node.get(name)).and_then(|node| index.map_or(Some(node), |index| node.items().get(index)));
            let Some(found) = node else { break };
            at = found.at;
        }
        Findings::new(&self.source).place(at)
    }
}
