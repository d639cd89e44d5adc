//! Names and expressions, as far as they decide what a statement does.

use sqlparser::ast::{
    BinaryOperator, Expr, FunctionArguments, Ident, InTarget, ObjectName, ObjectNamePart, Query, SetExpr, TableFactor, UnaryOperator,
    Value, Visit, Visitor, visit_expressions,
};
use std::collections::BTreeSet;
use std::ops::ControlFlow;

/// A column's name as the engine compares it.
pub(super) fn folded(name: &Ident) -> String {
    if name.quote_style.is_some() { name.value.clone() } else { name.value.to_lowercase() }
}

/// What stands for a dot within a part of a name: no name can hold it.
const DOT: &str = "\u{0}";

/// A table's name as the engine compares it. `"a.b"` is not `a.b`, and `t` is not always `public.t`.
pub(super) fn key(name: &ObjectName) -> String {
    let parts = name.0.iter().map(|part| match part {
        ObjectNamePart::Identifier(ident) => folded(ident).replace('.', DOT),
        ObjectNamePart::Function(function) => function.to_string(),
    });
    parts.collect::<Vec<_>>().join(".")
}

/// The column that a name of an assignment means.
pub(super) fn column(name: &ObjectName) -> String {
    match name.0.last() {
        Some(ObjectNamePart::Identifier(ident)) => folded(ident),
        Some(ObjectNamePart::Function(_)) | None => name.to_string(),
    }
}

/// The columns that something names.
pub(super) fn columns_in(part: &impl Visit) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let _ = visit_expressions(part, |expression| {
        found.extend(column_of(expression));
        ControlFlow::<()>::Continue(())
    });
    found
}

/// The column that an expression is, and nothing more.
pub(super) fn column_of(expression: &Expr) -> Option<String> {
    match expression {
        Expr::Identifier(ident) => Some(folded(ident)),
        Expr::CompoundIdentifier(parts) => parts.last().map(folded),
        Expr::Nested(inner) => column_of(inner),
        _ => None,
    }
}

pub(super) fn is_null(expression: &Expr) -> bool {
    match expression {
        Expr::Value(value) => value.value == Value::Null,
        Expr::Nested(inner) | Expr::Cast { expr: inner, .. } => is_null(inner),
        _ => false,
    }
}

/// Functions whose answer does not change within a statement: PostgreSQL keeps it beside the table and rewrites nothing.
const STEADY: [&str; 8] = [
    "now",
    "current_timestamp",
    "current_date",
    "current_time",
    "localtimestamp",
    "localtime",
    "transaction_timestamp",
    "statement_timestamp",
];

/// Whether a default is one value for all rows. What is not known here counts as one that differs.
pub(super) fn is_steady(default: &Expr, steady: impl Fn(&str) -> bool) -> bool {
    let flow = visit_expressions(default, |part| match part {
        Expr::Function(function) if steady(&key(&function.name)) => ControlFlow::Continue(()),
        Expr::Value(_) | Expr::TypedString(_) | Expr::Interval(_) | Expr::Nested(_) | Expr::Cast { .. } | Expr::Array(_) => {
            ControlFlow::Continue(())
        }
        Expr::UnaryOp { .. } | Expr::BinaryOp { .. } | Expr::Prefixed { .. } => ControlFlow::Continue(()),
        _ => ControlFlow::Break(()),
    });
    flow.is_continue()
}

pub(super) fn is_steady_function(name: &str) -> bool {
    STEADY.contains(&name)
}

/// Functions that give nothing for nothing.
const STRICT: [&str; 8] = ["length", "char_length", "octet_length", "lower", "upper", "trim", "abs", "jsonb_typeof"];

/// Whether a condition is not false where a column it names is empty, as a rule that a row meets by leaving it out must be. What is not known to be
/// so counts as not.
pub(super) fn lets_empty_pass(condition: &Expr) -> bool {
    let flow = visit_expressions(condition, |part| match part {
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) | Expr::Value(_) | Expr::TypedString(_) | Expr::Nested(_) => {
            ControlFlow::Continue(())
        }
        Expr::BinaryOp { .. } | Expr::UnaryOp { .. } | Expr::Cast { .. } | Expr::Between { .. } | Expr::Interval(_) => {
            ControlFlow::Continue(())
        }
        Expr::In { .. } | Expr::AnyOp { .. } | Expr::Array(_) | Expr::Like { .. } | Expr::ILike { .. } => ControlFlow::Continue(()),
        Expr::Function(function) if STRICT.contains(&key(&function.name).as_str()) => ControlFlow::Continue(()),
        _ => ControlFlow::Break(()),
    });
    flow.is_continue()
}

/// Functions of both engines that change no row, sorted. A sequence moves on by `nextval` whatever a rollback does, and nobody minds.
const HARMLESS: [&str; 143] = [
    "abs",
    "age",
    "array",
    "array_agg",
    "array_append",
    "array_length",
    "array_lower",
    "array_position",
    "array_remove",
    "array_to_string",
    "array_upper",
    "avg",
    "bool_and",
    "bool_or",
    "btrim",
    "cardinality",
    "ceil",
    "ceiling",
    "char_length",
    "chr",
    "clock_timestamp",
    "coalesce",
    "concat",
    "concat_ws",
    "count",
    "current_setting",
    "date",
    "date_bin",
    "date_part",
    "date_trunc",
    "datetime",
    "decode",
    "dense_rank",
    "digest",
    "encode",
    "exp",
    "extract",
    "first_value",
    "floor",
    "format",
    "gen_random_uuid",
    "generate_series",
    "greatest",
    "group_concat",
    "hex",
    "ifnull",
    "iif",
    "initcap",
    "instr",
    "json_agg",
    "json_array_length",
    "json_build_object",
    "json_extract",
    "json_object",
    "jsonb_agg",
    "jsonb_array_elements",
    "jsonb_array_elements_text",
    "jsonb_array_length",
    "jsonb_build_array",
    "jsonb_build_object",
    "jsonb_extract_path_text",
    "jsonb_set",
    "jsonb_strip_nulls",
    "jsonb_typeof",
    "julianday",
    "lag",
    "last_value",
    "lead",
    "least",
    "left",
    "length",
    "ln",
    "lower",
    "lpad",
    "ltrim",
    "make_date",
    "make_interval",
    "max",
    "md5",
    "min",
    "mod",
    "nextval",
    "nullif",
    "num_nonnulls",
    "num_nulls",
    "octet_length",
    "percent_rank",
    "pg_total_relation_size",
    "position",
    "power",
    "printf",
    "random",
    "rank",
    "regexp_count",
    "regexp_like",
    "regexp_match",
    "regexp_replace",
    "regexp_split_to_array",
    "repeat",
    "replace",
    "reverse",
    "right",
    "round",
    "row_number",
    "row_to_json",
    "rpad",
    "rtrim",
    "setweight",
    "sha256",
    "sign",
    "similarity",
    "split_part",
    "sqrt",
    "starts_with",
    "strftime",
    "string_agg",
    "string_to_array",
    "strpos",
    "substr",
    "substring",
    "sum",
    "time",
    "timezone",
    "to_char",
    "to_date",
    "to_json",
    "to_jsonb",
    "to_number",
    "to_regclass",
    "to_timestamp",
    "to_tsvector",
    "translate",
    "trim",
    "trunc",
    "typeof",
    "unistr",
    "unnest",
    "upper",
    "uuid_generate_v4",
    "uuidv4",
    "uuidv7",
    "version",
    "width_bucket",
];

/// Functions that something calls and that are not known to change nothing.
pub(super) fn calls(part: &impl Visit) -> BTreeSet<String> {
    let mut calls = Calls(BTreeSet::new());
    let _ = part.visit(&mut calls);
    calls.0.retain(|name| !HARMLESS.contains(&name.as_str()) && !is_steady_function(name));
    calls.0
}

struct Calls(BTreeSet<String>);

impl Visitor for Calls {
    type Break = ();

    fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<()> {
        if let Expr::Function(function) = expression {
            self.0.insert(key(&function.name));
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        match factor {
            TableFactor::Table { name, args: Some(_), .. } | TableFactor::Function { name, .. } => drop(self.0.insert(key(name))),
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

/// A condition that leaves out rows that are done.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Guard<'a> {
    /// The column holds nothing yet.
    Empty(String),
    /// The column differs from this.
    Differs(String, &'a Expr),
    /// The column is this, before it becomes another.
    Is(String, &'a Expr),
    /// The column is not true yet.
    Untrue(String),
}

/// The guards among the parts of a condition that all must hold, those of `id IN (SELECT ...)` included.
pub(super) fn guards(condition: &Expr) -> Vec<Guard<'_>> {
    let mut open = vec![condition];
    let mut found = Vec::new();
    while let Some(part) = open.pop() {
        match part {
            Expr::Nested(inner) => open.push(inner),
            Expr::BinaryOp { left, op: BinaryOperator::And, right } => open.extend([&**left, &**right]),
            Expr::BinaryOp { left, op: BinaryOperator::NotEq, right } | Expr::IsDistinctFrom(left, right) => {
                found.extend(column_of(left).map(|column| Guard::Differs(column, right)));
            }
            Expr::BinaryOp { left, op: BinaryOperator::Eq, right } => {
                found.extend(column_of(left).map(|column| Guard::Is(column, right)));
                open.extend(any_of(right));
            }
            Expr::AnyOp { right, .. } => open.extend(any_of(right)),
            Expr::IsNull(inner) => found.extend(column_of(inner).map(Guard::Empty)),
            Expr::IsFalse(inner) | Expr::IsNotTrue(inner) | Expr::UnaryOp { op: UnaryOperator::Not, expr: inner } => {
                found.extend(column_of(inner).map(Guard::Untrue));
            }
            Expr::In { target: InTarget::Subquery(query), negated: false, .. } => open.extend(selection(query)),
            _ => {}
        }
    }
    found
}

/// The condition of the query in `ANY (ARRAY (SELECT ...))`.
fn any_of(expression: &Expr) -> Option<&Expr> {
    match expression {
        Expr::Nested(inner) => any_of(inner),
        Expr::Subquery(query) => selection(query),
        Expr::Function(function) => match &function.args {
            FunctionArguments::Subquery(query) => selection(query),
            FunctionArguments::None | FunctionArguments::List(_) => None,
        },
        _ => None,
    }
}

/// The condition of a query that is one `SELECT`.
pub(super) fn selection(query: &Query) -> Option<&Expr> {
    match &*query.body {
        SetExpr::Select(select) => select.selection.as_ref(),
        SetExpr::Query(inner) => selection(inner),
        _ => None,
    }
}
