//! Alert rules for Prometheus, and tests of them for promtool.
//!
//! A page is for what users meet or what stands still without a person; everything else is a ticket. No alert carries a run or a plan: several runs of one
//! cause are one alert, grouped by its name and place, and the annotation says how to see which they are.

/// An alert.
pub(super) struct Alert {
    pub(super) name: &'static str,
    severity: Severity,
    pub(super) expr: &'static str,
    /// How long it must hold.
    holds: &'static str,
    summary: &'static str,
    /// What to do.
    action: &'static str,
    test: Test,
}

#[derive(Clone, Copy)]
enum Severity {
    Page,
    Ticket,
}

impl Severity {
    const fn name(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::Ticket => "ticket",
        }
    }
}

/// Series under which it fires at a time, and under which it does not.
struct Test {
    interval: &'static str,
    at: &'static str,
    fires: &'static [(&'static str, &'static str)],
    quiet: &'static [(&'static str, &'static str)],
    /// Labels of the alert that fires.
    labels: &'static [(&'static str, &'static str)],
}

const PRODUCTION: &[(&str, &str)] = &[("environment", "production")];

/// All of them, pages first.
pub(super) const ALERTS: [Alert; 13] = [
    Alert {
        name: "GlidepathTurnedBackByItself",
        severity: Severity::Page,
        expr: "sum by (environment) (increase(glidepath_rollbacks_total{asked=\"nobody\"}[10m])) > 0",
        holds: "0m",
        summary: "A change in {{ $labels.environment }} turned back by itself",
        action: "glidepath status --all names the run, glidepath history RUN says why; users may have met the change.",
        test: Test {
            interval: "1m",
            at: "12m",
            fires: &[("glidepath_rollbacks_total{environment=\"production\",asked=\"nobody\"}", "0x8 1x10")],
            quiet: &[
                ("glidepath_rollbacks_total{environment=\"production\",asked=\"nobody\"}", "1x20"),
                ("glidepath_rollbacks_total{environment=\"production\",asked=\"person\"}", "0x8 1x10"),
            ],
            labels: PRODUCTION,
        },
    },
    Alert {
        name: "GlidepathExposedOnHold",
        severity: Severity::Page,
        expr: "sum(glidepath_runs_live{status=\"holding\"}) > 0 and max(glidepath_exposed_share) > 0",
        holds: "2m",
        summary: "A run holds with users on a new side that is not confirmed",
        action: "glidepath card says what is asked and when traffic goes to safety by itself; glidepath resume, glidepath abort.",
        test: Test {
            interval: "1m",
            at: "6m",
            fires: &[
                ("glidepath_runs_live{status=\"holding\"}", "0x2 1x10"),
                ("glidepath_exposed_share{component=\"web\",environment=\"production\"}", "0.1x12"),
            ],
            quiet: &[
                ("glidepath_runs_live{status=\"holding\"}", "1x12"),
                ("glidepath_exposed_share{component=\"web\",environment=\"production\"}", "0x4 0.1x8"),
            ],
            labels: &[],
        },
    },
    Alert {
        name: "GlidepathNeedsOperator",
        severity: Severity::Page,
        expr: "sum(glidepath_runs_live{status=\"needs-operator\"}) > 0",
        holds: "1m",
        summary: "A run cannot go on by itself, not even back",
        action: "glidepath card names the step and the verbs that are left.",
        test: Test {
            interval: "1m",
            at: "6m",
            fires: &[("glidepath_runs_live{status=\"needs-operator\"}", "0x2 1x10")],
            quiet: &[("glidepath_runs_live{status=\"needs-operator\"}", "0x5 1x7"), ("glidepath_runs_live{status=\"flying\"}", "3x12")],
            labels: &[],
        },
    },
    Alert {
        name: "GlidepathSafetyIsLate",
        severity: Severity::Page,
        expr: "sum(glidepath_runs_live{status=\"rolling-back\"}) > 0 and max(glidepath_exposed_share) > 0",
        holds: "10m",
        summary: "A run has been on its way back for 10 minutes and users are still on its new side",
        action: "glidepath card has the safety commands as they can be typed by hand.",
        test: Test {
            interval: "1m",
            at: "15m",
            fires: &[
                ("glidepath_runs_live{status=\"rolling-back\"}", "1x20"),
                ("glidepath_exposed_share{component=\"web\",environment=\"production\"}", "0.1x20"),
            ],
            quiet: &[
                ("glidepath_runs_live{status=\"rolling-back\"}", "1x20"),
                ("glidepath_exposed_share{component=\"web\",environment=\"production\"}", "0x9 0.1x11"),
            ],
            labels: &[],
        },
    },
    Alert {
        name: "GlidepathGone",
        severity: Severity::Page,
        expr: "max by (job) (up{job=\"glidepath\"}) == 0",
        holds: "5m",
        summary: "No node of Glidepath answers",
        action: "glidepath status names the nodes that live; without one nothing acts on runs, not even their hold limits. Start one: glidepath node.",
        test: Test {
            interval: "1m",
            at: "10m",
            fires: &[("up{job=\"glidepath\",instance=\"a:9464\"}", "0x12"), ("up{job=\"glidepath\",instance=\"b:9464\"}", "0x12")],
            quiet: &[("up{job=\"glidepath\",instance=\"a:9464\"}", "0x12"), ("up{job=\"glidepath\",instance=\"b:9464\"}", "1x6 0x6")],
            labels: &[("job", "glidepath")],
        },
    },
    Alert {
        name: "GlidepathStoreIsDown",
        severity: Severity::Page,
        expr: "max(glidepath_store_up) == 0",
        holds: "2m",
        summary: "The store answers no process that flies",
        action: "nothing new begins, and what flies is ended when the store stays away; glidepath doctor says what is wrong.",
        test: Test {
            interval: "1m",
            at: "6m",
            fires: &[("glidepath_store_up{instance=\"a:9464\"}", "1x2 0x10"), ("glidepath_store_up{instance=\"b:9464\"}", "0x12")],
            quiet: &[("glidepath_store_up{instance=\"a:9464\"}", "0x12"), ("glidepath_store_up{instance=\"b:9464\"}", "1x4 0x8")],
            labels: &[],
        },
    },
    Alert {
        name: "GlidepathApprovalWaits",
        severity: Severity::Ticket,
        expr: "sum by (environment) (glidepath_approvals_pending) > 0",
        holds: "30m",
        summary: "A manual step in {{ $labels.environment }} has waited for 30 minutes",
        action: "glidepath status names the run, glidepath promote answers.",
        test: Test {
            interval: "1m",
            at: "35m",
            fires: &[("glidepath_approvals_pending{environment=\"production\"}", "1x40")],
            quiet: &[("glidepath_approvals_pending{environment=\"production\"}", "0x10 1x30")],
            labels: PRODUCTION,
        },
    },
    Alert {
        name: "GlidepathChangesFail",
        severity: Severity::Ticket,
        expr: "sum by (component) (increase(glidepath_deployments_failed_total[7d])) / sum by (component) (increase(glidepath_deployments_total[7d])) > 0.15 and sum by (component) (increase(glidepath_deployments_total[7d])) >= 5",
        holds: "0m",
        summary: "More than 15 % of the deployments of {{ $labels.component }} failed in 7 days",
        action: "glidepath report --component NAME --since 7d has them; smaller changes and longer bakes help more than fewer deployments.",
        test: Test {
            interval: "10m",
            at: "3h",
            fires: &[
                ("glidepath_deployments_total{component=\"web\",environment=\"production\"}", "0+10x30"),
                ("glidepath_deployments_failed_total{component=\"web\",environment=\"production\"}", "0+2.5x30"),
            ],
            quiet: &[
                ("glidepath_deployments_total{component=\"web\",environment=\"production\"}", "0+10x30"),
                ("glidepath_deployments_failed_total{component=\"web\",environment=\"production\"}", "0+1x30"),
                ("glidepath_deployments_total{component=\"rare\",environment=\"production\"}", "0x10 2x20"),
                ("glidepath_deployments_failed_total{component=\"rare\",environment=\"production\"}", "0x10 2x20"),
            ],
            labels: &[("component", "web")],
        },
    },
    Alert {
        name: "GlidepathRunsFail",
        severity: Severity::Ticket,
        expr: "sum(increase(glidepath_runs_ended_total{outcome=\"landed\"}[7d])) / sum(increase(glidepath_runs_ended_total{outcome!=\"superseded\"}[7d])) < 0.98 and sum(increase(glidepath_runs_ended_total{outcome!=\"superseded\"}[7d])) >= 50",
        holds: "1h",
        summary: "Fewer than 98 % of the runs landed in 7 days",
        action: "glidepath report --since 7d says which figures moved.",
        test: Test {
            interval: "10m",
            at: "3h",
            fires: &[
                ("glidepath_runs_ended_total{environment=\"production\",outcome=\"landed\"}", "0+90x30"),
                ("glidepath_runs_ended_total{environment=\"production\",outcome=\"rolled-back\"}", "0+10x30"),
            ],
            quiet: &[
                ("glidepath_runs_ended_total{environment=\"production\",outcome=\"landed\"}", "0+990x30"),
                ("glidepath_runs_ended_total{environment=\"production\",outcome=\"rolled-back\"}", "0+10x30"),
                ("glidepath_runs_ended_total{environment=\"production\",outcome=\"superseded\"}", "0+500x30"),
            ],
            labels: &[],
        },
    },
    Alert {
        name: "GlidepathRetries",
        severity: Severity::Ticket,
        expr: "sum by (action) (increase(glidepath_retries_total[1d])) / sum by (action) (increase(glidepath_attempts_total[1d])) > 0.05 and sum by (action) (increase(glidepath_attempts_total[1d])) >= 20",
        holds: "1h",
        summary: "More than 5 % of the attempts of {{ $labels.action }} are retries",
        action: "the board for debugging shows which outcomes they follow on.",
        test: Test {
            interval: "10m",
            at: "3h",
            fires: &[
                ("glidepath_attempts_total{action=\"http\",direction=\"do\",outcome=\"done\"}", "0+10x30"),
                ("glidepath_retries_total{action=\"http\"}", "0+1x30"),
            ],
            quiet: &[
                ("glidepath_attempts_total{action=\"http\",direction=\"do\",outcome=\"done\"}", "0+100x30"),
                ("glidepath_retries_total{action=\"http\"}", "0+1x30"),
            ],
            labels: &[("action", "http")],
        },
    },
    Alert {
        name: "GlidepathDeadLetters",
        severity: Severity::Ticket,
        expr: "max(glidepath_dead_letters) > 0",
        holds: "1h",
        summary: "Something was given up and waits for a person",
        action: "glidepath dlq list.",
        test: Test {
            interval: "1m",
            at: "70m",
            fires: &[("glidepath_dead_letters{instance=\"a:9464\"}", "2x80"), ("glidepath_dead_letters{instance=\"b:9464\"}", "2x80")],
            quiet: &[("glidepath_dead_letters{instance=\"a:9464\"}", "0x20 2x60")],
            labels: &[],
        },
    },
    Alert {
        name: "GlidepathTroubles",
        severity: Severity::Ticket,
        expr: "sum by (instance) (increase(glidepath_troubles_total[15m])) > 5",
        holds: "0m",
        summary: "{{ $labels.instance }} has troubles that are no events of runs",
        action: "its standard error says which.",
        test: Test {
            interval: "1m",
            at: "20m",
            fires: &[("glidepath_troubles_total{instance=\"a:9464\"}", "0+1x30")],
            quiet: &[("glidepath_troubles_total{instance=\"a:9464\"}", "0x10 1x20")],
            labels: &[("instance", "a:9464")],
        },
    },
    Alert {
        name: "GlidepathClockJumps",
        severity: Severity::Ticket,
        expr: "sum by (instance) (increase(glidepath_clock_jumps_total[1h])) > 0",
        holds: "0m",
        summary: "The clock of {{ $labels.instance }} was set while runs flew",
        action: "let NTP slew it (timedatectl status); what was to be waited for is waited for all the same.",
        test: Test {
            interval: "1m",
            at: "65m",
            fires: &[("glidepath_clock_jumps_total{instance=\"a:9464\"}", "0x30 1x50")],
            quiet: &[("glidepath_clock_jumps_total{instance=\"a:9464\"}", "1x80")],
            labels: &[("instance", "a:9464")],
        },
    },
];

const HEAD: &str = "# Made by `cargo xtask codegen`. Route by `severity`: a page wakes somebody, a ticket waits for the morning.\n\
                    # Group by alertname, environment and component: several runs of one cause are one alert. Mute tickets in maintenance windows.\n";

/// The rules as a file for Prometheus.
pub fn alert_rules() -> String {
    let mut text = format!("{HEAD}groups:\n  - name: glidepath\n    rules:\n");
    for alert in &ALERTS {
        text += &format!(
            "      - alert: {}\n        expr: {}\n        for: {}\n        labels:\n          severity: {}\n        annotations:\n          summary: {}\n          action: {}\n",
            alert.name,
            quoted(alert.expr),
            alert.holds,
            alert.severity.name(),
            quoted(alert.summary),
            quoted(alert.action),
        );
    }
    text
}

/// Tests of the rules for `promtool test rules`; the rules lie beside them under this name.
pub fn alert_tests(rules: &str) -> String {
    let mut text = format!(
        "# Made by `cargo xtask codegen`: each alert fires when it should, and only then.\nrule_files:\n  - {rules}\nevaluation_interval: 1m\ntests:\n"
    );
    for alert in &ALERTS {
        let Test { interval, at, fires, quiet, labels } = &alert.test;
        let mut case = |series: &[(&str, &str)], expected: &str| {
            text += &format!("  # {}\n  - interval: {interval}\n    input_series:\n", alert.name);
            for (name, values) in series {
                text += &format!("      - series: {}\n        values: {}\n", quoted(name), quoted(values));
            }
            text += &format!(
                "    alert_rule_test:\n      - eval_time: {at}\n        alertname: {}\n        exp_alerts:{expected}\n",
                alert.name
            );
        };
        let mut expected = format!("\n          - exp_labels:\n              severity: {}\n", alert.severity.name());
        labels.iter().for_each(|(name, value)| expected += &format!("              {name}: {}\n", quoted(value)));
        let summary =
            labels.iter().fold(alert.summary.to_owned(), |text, (name, value)| text.replace(&format!("{{{{ $labels.{name} }}}}"), value));
        expected += &format!(
            "            exp_annotations:\n              summary: {}\n              action: {}",
            quoted(&summary),
            quoted(alert.action)
        );
        case(fires, &expected);
        case(quiet, " []");
    }
    text
}

/// Text as YAML has it between double quotes, which is as JSON has it.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
