//! Items that change data: the parts of a schema change, and the contract that completes one.

use super::changes::{ItemAt, missing};
use super::{Context, duration, text, time};
use crate::codes;
use crate::node::Node;
use glidepath_model::action::SqlBatches;
use glidepath_model::change::*;
use glidepath_model::{Catalog, ComponentName, Millis};
use std::collections::BTreeMap;

/// Rows of a batch, where a backfill does not say.
const BATCH_SIZE_DEFAULT: u32 = 1_000;
/// Pause between two batches, where a backfill does not say.
const BATCH_PAUSE_DEFAULT: Millis = Millis(200);
/// How long all batches together may take, where a backfill does not say.
const BATCHES_WITHIN_DEFAULT: Millis = Millis::from_mins(12 * 60);
pub(super) fn schema(context: &mut Context<'_, '_>, item: &ItemAt<'_>) -> Option<ItemKind> {
    let expand = item.node.get("expand").and_then(|n| data_step(context, n, &format!("{}.expand", item.field)))?;
    let backfill = item.node.get("backfill").and_then(|n| data_step(context, n, &format!("{}.backfill", item.field)));
    let node = item.node.get("backfill");
    let batches = node.and_then(|node| batches(context, item, node.get("batches")?, backfill.as_ref()?));
    let verify = node.and_then(|node| data_check(context, node.get("verify")?, &format!("{}.backfill.verify", item.field)));
    let contract = contract_step(context, item);
    Some(ItemKind::Schema { expand, backfill, batches, verify, contract })
}

fn batches(context: &mut Context<'_, '_>, item: &ItemAt<'_>, node: &Node, backfill: &DataStep) -> Option<Batches> {
    let field = format!("{}.backfill.batches", item.field);
    let mut unfit = |at, what: String, hint: String| {
        let reason = "Each batch is a transaction between two keys of the table, and goes on from where the one before ended.";
        context.findings.error(at, &field, codes::BATCHES_UNFIT, what, reason, hint);
    };
    for name in ["table", "by"] {
        let Some(named) = node.get(name) else { continue };
        if !SqlBatches::is_name(named.text().unwrap_or_default()) {
            let what = format!("`{}` is not a plain name of a table or column", crate::scalar::short(named.text().unwrap_or_default()));
            unfit(named.at, what, "Write it as in SQL without quotes: letters, digits, underscores, a dot after the schema.".to_owned());
        }
    }
    match backfill {
        DataStep::Exec { .. } => {
            unfit(node.at, "a command cannot be cut into batches".to_owned(), "Name the SQL file itself: `sql: FILE.sql`.".to_owned());
        }
        DataStep::Sql { path, text } => {
            for name in [SqlBatches::FIRST, SqlBatches::LAST].into_iter().filter(|name| !text.contains(name)) {
                let by = node.text_of("by").unwrap_or("id");
                let hint = format!(
                    "Bound the statement by the keys of a batch: `where {by} between {} and {}`.",
                    SqlBatches::FIRST,
                    SqlBatches::LAST
                );
                unfit(node.at, format!("`{path}` does not say `{name}`"), hint);
            }
        }
    }
    let lag = node.get("lag");
    Some(Batches {
        each: SqlBatches {
            table: text(node, "table")?,
            by: text(node, "by")?,
            size: node.text_of("size").and_then(|size| size.parse().ok()).unwrap_or(BATCH_SIZE_DEFAULT),
            pause_ms: duration(node, "pause").unwrap_or(BATCH_PAUSE_DEFAULT),
            lag_max_ms: lag.and_then(|lag| duration(lag, "max")),
            lag_query: lag.and_then(|lag| text(lag, "query")),
        },
        within_ms: duration(node, "within").unwrap_or(BATCHES_WITHIN_DEFAULT),
    })
}

fn data_check(context: &mut Context<'_, '_>, node: &Node, field: &str) -> Option<DataCheck> {
    let path = node.get("sql")?;
    let written = path.text()?;
    let read = context.companion(path.at, field, written)?;
    Some(DataCheck { path: written.to_owned(), text: read, expect_text: text(node, "expectText")? })
}

fn contract_step(context: &mut Context<'_, '_>, item: &ItemAt<'_>) -> Option<ContractStep> {
    let node = item.node.get("contract")?;
    let step = data_step(context, node, &format!("{}.contract", item.field))?;
    Some(ContractStep { step, not_before_ms: duration(node, "notBefore")? })
}

pub(super) fn contract(context: &mut Context<'_, '_>, item: &ItemAt<'_>, catalog: &Catalog) -> Option<ItemKind> {
    if item.node.get("of").is_none() {
        missing(context, item, "of");
    }
    let readers = by_component(context, item, "readers", catalog);
    let done = by_component(context, item, "done", catalog);
    let contract = contract_step(context, item)?;
    let restore_tested = item.node.get("restoreTested");
    let restore_tested = restore_tested.and_then(|node| Some(RestoreTested { at: time(node, "at")?, evidence: text(node, "evidence")? }));
    Some(ItemKind::Contract {
        contract,
        of: text(item.node, "of")?.as_str().into(),
        readers: readers.into_iter().map(|(name, version)| (name, version.into())).collect(),
        done: done.into_iter().map(|(name, why)| (name, why.to_owned())).collect(),
        landed_at: time(item.node, "landed"),
        restore_tested,
    })
}

/// What a field says of each component that uses the data.
fn by_component<'n>(context: &mut Context<'_, '_>, item: &ItemAt<'n>, field: &str, catalog: &Catalog) -> BTreeMap<ComponentName, &'n str> {
    let mut said = BTreeMap::new();
    for entry in item.node.get(field).map(Node::entries).unwrap_or_default() {
        let name = ComponentName::from(entry.key.as_str());
        if !catalog.components.contains_key(&name) {
            context.findings.error(
                entry.key_at,
                &format!("{}.{field}", item.field),
                codes::UNKNOWN_COMPONENT,
                format!("there is no component or resource `{name}`"),
                "Nobody could ask it which version it runs.",
                crate::findings::suggest(entry.key.as_str(), catalog.components.keys().map(ComponentName::as_str)),
            );
        }
        if let Some(text) = entry.value.text() {
            said.insert(name, text);
        }
    }
    said
}

fn data_step(context: &mut Context<'_, '_>, node: &Node, field: &str) -> Option<DataStep> {
    if let Some(exec) = node.get("exec") {
        return Some(DataStep::Exec { argv: exec.texts_of("argv") }).filter(|_| !exec.items_of("argv").is_empty());
    }
    let path = node.get("sql").unwrap_or(node);
    let written = path.text()?;
    let text = context.companion(path.at, field, written)?;
    Some(DataStep::Sql { path: written.to_owned(), text })
}
