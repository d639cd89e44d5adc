//! Dashboards for Grafana: one for those who decide, one for who is on call, one for who looks for a fault.
//!
//! Each has 6 to 12 panels, what users meet first, one window for all panels, and marks where runs start and turn back. Runs and plans are no labels:
//! `glidepath status` and `glidepath logs` tell of one run.

use serde_json::{Value, json};

/// A dashboard.
pub struct Board {
    /// Its name, as a file.
    pub name: &'static str,
    title: &'static str,
    about: &'static str,
    /// The window that it opens with.
    from: &'static str,
    refresh: &'static str,
    pub(super) panels: &'static [Panel],
}

pub(super) struct Panel {
    pub(super) title: &'static str,
    about: &'static str,
    kind: PanelKind,
    unit: &'static str,
    /// Queries with the names of their lines.
    pub(super) queries: &'static [(&'static str, &'static str)],
}

#[derive(Clone, Copy)]
enum PanelKind {
    /// Lines over time.
    Lines,
    /// One number, with the window before beside it.
    Number,
    /// A bar for each.
    Bars,
}

const fn lines(title: &'static str, about: &'static str, unit: &'static str, queries: &'static [(&'static str, &'static str)]) -> Panel {
    Panel { title, about, kind: PanelKind::Lines, unit, queries }
}

const fn number(title: &'static str, about: &'static str, unit: &'static str, queries: &'static [(&'static str, &'static str)]) -> Panel {
    Panel { title, about, kind: PanelKind::Number, unit, queries }
}

const fn bars(title: &'static str, about: &'static str, unit: &'static str, queries: &'static [(&'static str, &'static str)]) -> Panel {
    Panel { title, about, kind: PanelKind::Bars, unit, queries }
}

/// What is marked on every dashboard: name, query, colour.
pub(super) const MARKERS: [(&str, &str, &str); 2] = [
    ("Runs start", "sum by (environment) (increase(glidepath_runs_started_total{environment=~\"$environment\"}[$__interval])) > 0", "blue"),
    ("Runs turn back", "sum by (environment) (increase(glidepath_rollbacks_total{environment=~\"$environment\"}[$__interval])) > 0", "red"),
];

/// All of them.
pub const BOARDS: [Board; 3] = [EXECUTIVE, ON_CALL, DEBUG];

const EXECUTIVE: Board = Board {
    name: "executive",
    title: "Glidepath: delivery",
    about: "How changes reach users and what fails on the way. `glidepath report` has the same from the journal, exactly, and by team. Error budgets come from the rules of the objectives; costs are not measured.",
    from: "now-30d",
    refresh: "1h",
    panels: &[
        lines(
            "Failed deployments that users met",
            "Each is a change that turned back, was abandoned, or was found to be a regression after it landed.",
            "short",
            &[
                ("sum(increase(glidepath_deployments_failed_total{environment=~\"$environment\"}[$__interval]))", "failed"),
                ("sum(increase(glidepath_deployments_total{environment=~\"$environment\"}[$__interval]))", "all"),
            ],
        ),
        number(
            "Change fail rate",
            "Failed deployments of all deployments, and in the window before.",
            "percentunit",
            &[
                (
                    "sum(increase(glidepath_deployments_failed_total{environment=~\"$environment\"}[$__range])) / sum(increase(glidepath_deployments_total{environment=~\"$environment\"}[$__range]))",
                    "this window",
                ),
                (
                    "sum(increase(glidepath_deployments_failed_total{environment=~\"$environment\"}[$__range] offset $__range)) / sum(increase(glidepath_deployments_total{environment=~\"$environment\"}[$__range] offset $__range))",
                    "the one before",
                ),
            ],
        ),
        number(
            "Time to safe traffic",
            "From turning back until no user is on the new side.",
            "s",
            &[
                (
                    "histogram_quantile(0.5, sum by (le) (increase(glidepath_safety_seconds_bucket{environment=~\"$environment\"}[$__range])))",
                    "median",
                ),
                (
                    "histogram_quantile(0.95, sum by (le) (increase(glidepath_safety_seconds_bucket{environment=~\"$environment\"}[$__range])))",
                    "95 %",
                ),
            ],
        ),
        number(
            "Deployments",
            "Those that landed or failed, and in the window before.",
            "short",
            &[
                ("sum(increase(glidepath_deployments_total{environment=~\"$environment\"}[$__range]))", "this window"),
                ("sum(increase(glidepath_deployments_total{environment=~\"$environment\"}[$__range] offset $__range))", "the one before"),
            ],
        ),
        number(
            "Change lead time",
            "From when a change was there until it landed, median, and in the window before.",
            "s",
            &[
                (
                    "histogram_quantile(0.5, sum by (le) (increase(glidepath_change_lead_time_seconds_bucket{environment=~\"$environment\"}[$__range])))",
                    "this window",
                ),
                (
                    "histogram_quantile(0.5, sum by (le) (increase(glidepath_change_lead_time_seconds_bucket{environment=~\"$environment\"}[$__range] offset $__range)))",
                    "the one before",
                ),
            ],
        ),
        lines(
            "Runs, by how they ended",
            "Landed, rolled back, abandoned.",
            "short",
            &[("sum by (outcome) (increase(glidepath_runs_ended_total{environment=~\"$environment\"}[$__interval]))", "{{outcome}}")],
        ),
        lines(
            "Wait for approval",
            "From when a manual step asks until there is an answer.",
            "s",
            &[
                (
                    "histogram_quantile(0.5, sum by (le) (increase(glidepath_approval_wait_seconds_bucket{environment=~\"$environment\"}[$__rate_interval])))",
                    "median",
                ),
                (
                    "histogram_quantile(0.9, sum by (le) (increase(glidepath_approval_wait_seconds_bucket{environment=~\"$environment\"}[$__rate_interval])))",
                    "90 %",
                ),
            ],
        ),
        bars(
            "Components whose deployments failed most",
            "The five with the most.",
            "short",
            &[(
                "topk(5, sum by (component) (increase(glidepath_deployments_failed_total{environment=~\"$environment\"}[$__range])))",
                "{{component}}",
            )],
        ),
    ],
};

const ON_CALL: Board = Board {
    name: "on-call",
    title: "Glidepath: on call",
    about: "What flies now and what needs a person. `glidepath status` names the runs; docs/guides/at-3-am.md says what to do.",
    from: "now-6h",
    refresh: "15s",
    panels: &[
        lines(
            "Users on a new side that is not confirmed",
            "Greatest share of each component that a live run has on its new side.",
            "percentunit",
            &[(
                "max by (component, environment) (glidepath_exposed_share{environment=~\"$environment\"})",
                "{{component}} {{environment}}",
            )],
        ),
        lines(
            "Live runs, by where they stand",
            "Holding and needs-operator wait for a person.",
            "short",
            &[("sum by (status) (glidepath_runs_live)", "{{status}}")],
        ),
        lines(
            "Runs that turned back",
            "By themselves, or because a person asked.",
            "short",
            &[(
                "sum by (asked) (increase(glidepath_rollbacks_total{environment=~\"$environment\"}[$__rate_interval]))",
                "asked by {{asked}}",
            )],
        ),
        lines(
            "Time to safe traffic, 95 %",
            "From turning back until no user is on the new side.",
            "s",
            &[(
                "histogram_quantile(0.95, sum by (le, environment) (increase(glidepath_safety_seconds_bucket{environment=~\"$environment\"}[$__rate_interval])))",
                "{{environment}}",
            )],
        ),
        lines(
            "Gates",
            "How gates ended.",
            "short",
            &[("sum by (outcome) (increase(glidepath_gates_total{environment=~\"$environment\"}[$__rate_interval]))", "{{outcome}}")],
        ),
        number(
            "Manual steps that wait",
            "Each waits for `glidepath promote`.",
            "short",
            &[("sum by (environment) (glidepath_approvals_pending{environment=~\"$environment\"})", "{{environment}}")],
        ),
        lines(
            "Calls for help, and how soon they are answered",
            "Runs that could go on no more without a person.",
            "short",
            &[
                ("sum by (why) (increase(glidepath_calls_for_help_total{environment=~\"$environment\"}[$__rate_interval]))", "{{why}}"),
                (
                    "histogram_quantile(0.5, sum by (le) (increase(glidepath_acknowledge_seconds_bucket{environment=~\"$environment\"}[$__rate_interval]))) / 60",
                    "minutes to an answer, median",
                ),
            ],
        ),
        bars(
            "Attempts that did not do, by action",
            "In the whole window.",
            "short",
            &[(
                "topk(8, sum by (action, outcome) (increase(glidepath_attempts_total{outcome!=\"done\"}[$__range])))",
                "{{action}}: {{outcome}}",
            )],
        ),
        number(
            "Store and dead letters",
            "1 is a store that answers; letters wait for `glidepath dlq`.",
            "short",
            &[("min(glidepath_store_up)", "store"), ("max(glidepath_dead_letters)", "dead letters")],
        ),
    ],
};

const DEBUG: Board = Board {
    name: "debug",
    title: "Glidepath: debug",
    about: "What the processes do. Of one run: `glidepath logs RUN --step STEP`, `glidepath history RUN`.",
    from: "now-3h",
    refresh: "30s",
    panels: &[
        lines(
            "Users on a new side that is not confirmed",
            "Greatest share of each component that a live run has on its new side.",
            "percentunit",
            &[(
                "max by (component, environment) (glidepath_exposed_share{environment=~\"$environment\"})",
                "{{component}} {{environment}}",
            )],
        ),
        lines(
            "Attempts, by how they ended",
            "All directions.",
            "short",
            &[("sum by (outcome) (increase(glidepath_attempts_total[$__rate_interval]))", "{{outcome}}")],
        ),
        lines(
            "Attempts that did not do, by action and direction",
            "Undo and safety stand beside what they take back.",
            "short",
            &[(
                "sum by (action, direction) (increase(glidepath_attempts_total{outcome!=\"done\"}[$__rate_interval]))",
                "{{action}} {{direction}}",
            )],
        ),
        number(
            "Share of attempts that are retries",
            "And in the window before.",
            "percentunit",
            &[
                ("sum(increase(glidepath_retries_total[$__range])) / sum(increase(glidepath_attempts_total[$__range]))", "this window"),
                (
                    "sum(increase(glidepath_retries_total[$__range] offset $__range)) / sum(increase(glidepath_attempts_total[$__range] offset $__range))",
                    "the one before",
                ),
            ],
        ),
        lines(
            "Looks of gates",
            "By what they concluded.",
            "short",
            &[("sum by (verdict) (increase(glidepath_gate_looks_total[$__rate_interval]))", "{{verdict}}")],
        ),
        lines(
            "Duration of runs",
            "From when they were accepted until they ended.",
            "s",
            &[
                (
                    "histogram_quantile(0.5, sum by (le) (increase(glidepath_run_duration_seconds_bucket{environment=~\"$environment\"}[$__rate_interval])))",
                    "median",
                ),
                (
                    "histogram_quantile(0.95, sum by (le) (increase(glidepath_run_duration_seconds_bucket{environment=~\"$environment\"}[$__rate_interval])))",
                    "95 %",
                ),
            ],
        ),
        lines(
            "Waits for what other runs hold",
            "`glidepath claims` says who holds what.",
            "short",
            &[(
                "sum by (environment) (increase(glidepath_claim_waits_total{environment=~\"$environment\"}[$__rate_interval]))",
                "{{environment}}",
            )],
        ),
        lines(
            "Requests refused",
            "By verb.",
            "short",
            &[("sum by (verb) (increase(glidepath_requests_total{answer=\"refused\"}[$__rate_interval]))", "{{verb}}")],
        ),
        lines(
            "Take-overs, clock jumps, troubles",
            "What befell the processes themselves.",
            "short",
            &[
                ("sum(increase(glidepath_owner_changes_total[$__rate_interval]))", "take-overs"),
                ("sum(increase(glidepath_clock_jumps_total[$__rate_interval]))", "clock jumps"),
                ("sum(increase(glidepath_troubles_total[$__rate_interval]))", "troubles"),
            ],
        ),
        bars("Versions", "Processes by version.", "short", &[("count by (version) (glidepath_build_info)", "{{version}}")]),
    ],
};

/// Columns of Grafana's grid, and the size of a panel in it.
const GRID: u64 = 24;
const WIDTH: u64 = 12;
const HEIGHT: u64 = 8;

/// A dashboard as Grafana imports it.
pub fn dashboard(board: &Board) -> Value {
    let source = json!({ "type": "prometheus", "uid": "${datasource}" });
    let panels: Vec<Value> = (0_u64..).zip(board.panels).map(|(at, panel)| panel_json(at, panel, &source)).collect();
    let markers: Vec<Value> = MARKERS
        .iter()
        .map(|(name, expr, colour)| {
            json!({
                "name": name, "datasource": source, "enable": true, "expr": expr, "iconColor": colour,
                "titleFormat": name, "textFormat": "{{environment}}", "step": "60s",
            })
        })
        .collect();
    json!({
        "uid": format!("glidepath-{}", board.name),
        "title": board.title,
        "description": board.about,
        "tags": ["glidepath"],
        "schemaVersion": 38,
        "version": 1,
        "editable": true,
        "graphTooltip": 1,
        "timezone": "browser",
        "refresh": board.refresh,
        "time": { "from": board.from, "to": "now" },
        "annotations": { "list": markers },
        "templating": { "list": [
            { "name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus", "hide": 0 },
            {
                "name": "environment", "label": "Environment", "type": "query", "datasource": source, "refresh": 2,
                "query": { "query": "label_values(glidepath_runs_started_total, environment)", "refId": "environment" },
                "includeAll": true, "allValue": ".*", "multi": true, "current": { "text": "All", "value": "$__all" },
            },
        ] },
        "panels": panels,
    })
}

fn panel_json(at: u64, panel: &Panel, source: &Value) -> Value {
    let is_instant = !matches!(panel.kind, PanelKind::Lines);
    let targets: Vec<Value> = ('A'..='Z')
        .zip(panel.queries)
        .map(|(letter, (expr, legend))| {
            json!({ "refId": letter.to_string(), "datasource": source, "expr": expr, "legendFormat": legend, "instant": is_instant, "range": !is_instant })
        })
        .collect();
    let kind = match panel.kind {
        PanelKind::Lines => "timeseries",
        PanelKind::Number => "stat",
        PanelKind::Bars => "bargauge",
    };
    let per_row = GRID / WIDTH;
    json!({
        "id": at + 1,
        "title": panel.title,
        "description": panel.about,
        "type": kind,
        "datasource": source,
        "gridPos": { "x": at % per_row * WIDTH, "y": at / per_row * HEIGHT, "w": WIDTH, "h": HEIGHT },
        "fieldConfig": { "defaults": { "unit": panel.unit, "min": 0 }, "overrides": [] },
        "targets": targets,
    })
}
