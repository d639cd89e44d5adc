//! The rollout document in its forms.

use crate::fixture::{at, facts, plan, plan_titled};
use glidepath_judge::kayenta::{Direction, KayentaMetric, config::of_names};
use glidepath_model::catalog::{Access, KayentaSeries, KayentaTiming, Measuring, PrometheusSource};
use glidepath_model::plan::{CountSource, GateCheck, Held, PlannedDowntime, Schedule, StageValue, Strategy, Undo, Work};
use glidepath_model::{Code, Diagnostic, Millis, Severity, Share};
use glidepath_report::{Detail, SUMMARY_COLUMNS_MAX, Style, card, document, run_sheet, summary, to_html, to_json, to_markdown};

const TITLES: [&str; 10] = [
    "Executive summary",
    "Prerequisites and approvals",
    "Preflight",
    "Procedure",
    "Verification windows",
    "Rollback",
    "Communication",
    "Post-deployment",
    "Contingency",
    "Contacts",
];

#[test]
fn the_ten_sections_stand_in_order_after_the_flight_card() {
    let text = to_markdown(&document(&plan(), &facts()));
    let headings: Vec<&str> = text.lines().filter(|l| l.starts_with("## ")).collect();
    let expected: Vec<String> = TITLES.iter().enumerate().map(|(at, t)| format!("## {}. {t}", at + 1)).collect();
    assert_eq!(headings, expected);
    let card = text.find("FLIGHT CARD").unwrap();
    assert!(card < text.find("## 1.").unwrap());
}

#[test]
fn every_step_stands_in_the_procedure_with_its_exact_command_and_a_validation() {
    let plan = plan();
    let text = to_markdown(&document(&plan, &facts()));
    let procedure = text.split("## 4. Procedure").nth(1).unwrap().split("## 5.").next().unwrap();
    for step in &plan.body.steps {
        // What is only watched has nothing to be typed.
        let is_typed = matches!(step.work, Work::Call(_));
        assert!(!is_typed || procedure.contains(&format!("```sh\n{}\n```", step.command)), "{}", step.id);
        assert!(procedure.contains(step.id.as_str()), "{}", step.id);
    }
    assert!(procedure.matches("- Validation: ").count() >= plan.body.steps.len());
}

#[test]
fn what_is_missing_says_where_to_add_it() {
    let text = to_markdown(&document(&plan(), &facts()));
    for advice in [
        "no secondary on-call: add `glidepath.dev/on-call-secondary` to group payments-team in catalog/",
        "Nobody is known for infrastructure, security and networking: add `glidepath.dev/emergency-FIELD` to group payments-team in catalog/.",
        "add `spec.owner` to mobile-gateway in catalog/",
        "what each carries is not known: add `spec.capacity.replica`",
    ] {
        assert!(text.contains(advice), "{advice}");
    }
}

#[test]
fn nothing_unfilled_or_of_the_program_leaks_into_any_form() {
    let (plan, facts) = (plan(), facts());
    let tree = document(&plan, &facts);
    for text in
        [to_markdown(&tree), to_html(&tree), to_json(&tree).to_string(), summary(&plan, Style::Plain, Detail::Short, SUMMARY_COLUMNS_MAX)]
    {
        for leak in ["undefined", "None", "Some(", "NaN", "{host}", "{version}", "{region}", "{from}", "TODO", "null"] {
            assert!(!text.contains(leak), "{leak} in {}", &text[text.find(leak).unwrap().saturating_sub(80)..][..160]);
        }
    }
}

#[test]
fn hostile_names_stay_names() {
    let hostile = "<script>alert('x')</script> & \"quoted\" | `tick` </svg></style>";
    let mut facts = facts();
    let mut plan = plan_titled(hostile);
    plan.body.steps[0].title = hostile.to_owned();
    plan.body.steps[0].command = format!("echo '{hostile}'");
    plan.body.assignments[1].to = hostile.to_owned();
    plan.candidates[0].name = hostile.to_owned();
    facts.catalog.owners.values_mut().for_each(|o| o.chat = Some(hostile.to_owned()));
    plan.body.change.ticket = Some("javascript:alert(1)".to_owned());
    let page = to_html(&document(&plan, &facts));
    assert!(!page.contains("<script"));
    assert!(!page.contains("href=\"javascript"));
    assert_eq!(page.matches("<svg").count(), page.matches("</svg>").count());
    assert!(page.contains("&lt;script&gt;"));
    let text = to_markdown(&document(&plan, &facts));
    assert!(text.starts_with("# \\<script\\>"));
}

#[test]
fn the_page_asks_nobody_for_anything() {
    let page = to_html(&document(&plan(), &facts()));
    for request in ["<link", "@import", "url(", "src=", "<script", "<iframe"] {
        assert!(!page.contains(request), "{request}");
    }
    assert_eq!(page.matches("<svg class=\"gp\"").count(), 4);
    assert!(page.matches("<desc").count() == 4);
}

#[test]
fn the_json_form_is_tagged_and_the_same_each_time() {
    let first = to_json(&document(&plan(), &facts()));
    assert_eq!(first.to_string(), to_json(&document(&plan(), &facts())).to_string());
    assert_eq!(first["format"], 1);
    assert_eq!(first["kind"], "rollout-plan");
    assert_eq!(first["sections"][9]["title"], "Contacts");
    assert_eq!(first["sections"][3]["blocks"][0]["type"], "paragraph");
}

#[test]
fn contacts_and_rollback_and_the_summary_read_as_recorded() {
    let text = to_markdown(&document(&plan(), &facts()));
    insta::assert_snapshot!("rollback", text.split("## 6. Rollback").nth(1).unwrap().split("## 7.").next().unwrap());
    insta::assert_snapshot!("contacts", text.split("## 10. Contacts").nth(1).unwrap());
    let words = summary(&plan(), Style::Plain, Detail::Short, SUMMARY_COLUMNS_MAX);
    assert!(words.lines().all(|l| l.chars().count() <= 100));
    insta::assert_snapshot!("summary", words);
}

#[test]
fn the_document_and_the_summary_say_when_it_takes_off_and_lands() {
    let usual = plan().prediction.schedule.unwrap();
    let berlin = "takes off Tue 2026-11-24 11:00 CET; lands Tue 2026-11-24 11:31 CET (95 %: Tue 2026-11-24 11:46 CET)";
    let over_night = Held { from: at(7 * 3600), to: at(22 * 3600) };
    let cases = [
        (Some(usual.clone()), vec![berlin, "the plan holds until", "must be finished before"]),
        (Some(Schedule { time_zone: None, ..usual.clone() }), vec!["takes off Tue 2026-11-24 10:00 UTC"]),
        (
            Some(Schedule { held: vec![over_night], ..usual.clone() }),
            vec!["stands still from Tue 2026-11-24 17:00 CET to Wed 2026-11-25 08:00 CET (what is partly exposed goes back after"],
        ),
        (Some(Schedule { takes_off: at(5 * 86_400), ..usual }), vec!["this plan expires before, at", "plan it anew then"]),
        (None, vec!["takes off when the calendars have room for it; no such time is known"]),
    ];
    for (schedule, expected) in cases {
        let mut plan = plan();
        plan.prediction.schedule = schedule;
        let text = to_markdown(&document(&plan, &facts()));
        let row = text.lines().find(|line| line.starts_with("| When |")).unwrap();
        assert!(expected.iter().all(|part| row.contains(part)), "{row}");
        let words = summary(&plan, Style::Plain, Detail::Short, SUMMARY_COLUMNS_MAX);
        let told = |name: &str| words.lines().any(|line| line.trim_start().starts_with(name));
        let Some(schedule) = &plan.prediction.schedule else {
            assert!(told("takes off             when the calendars have room") && !told("lands "), "{words}");
            continue;
        };
        assert!(told("takes off ") && told("lands ") && told("stands still ") != schedule.held.is_empty(), "{words}");
        assert!(words.lines().all(|line| line.chars().count() <= 100), "{words}");
    }
}

#[test]
fn findings_of_several_places_are_told_once_with_the_places() {
    let mut plan = plan();
    let finding = |code: u16, severity, message: &str, hint: &str| {
        Diagnostic::new(Code(code), severity, message).because("A name can be moved to other bytes.").hint(hint)
    };
    plan.findings = vec![
        finding(315, Severity::Note, "auth 2.3.1 has no artifact digest.", "State artifact on the item."),
        finding(315, Severity::Note, "payments 4.12.0 has no artifact digest.", "State artifact on the item."),
        finding(310, Severity::Warning, "Steps of auth in production would wait for a person.", "Declare a probe on auth-production."),
        finding(
            310,
            Severity::Warning,
            "Steps of payments in production would wait for a person.",
            "Declare a probe on payments-production.",
        ),
    ];
    let part = |detail: Detail| {
        let text = summary(&plan, Style::Plain, detail, SUMMARY_COLUMNS_MAX);
        let from = text.find("Findings on candidate 1").unwrap_or_else(|| panic!("{text}"));
        text[from..].lines().skip(1).take_while(|l| !l.is_empty()).map(|l| format!("{l}\n")).collect::<String>()
    };
    let short = "  GP0310 warning: Steps of auth in production would wait for a person. Likewise: payments.\n    \
                 hint: Declare a probe on auth-production. Likewise: payments-production.\n  \
                 GP0315 note: auth 2.3.1 has no artifact digest. Likewise: payments 4.12.0.\n";
    assert_eq!(part(Detail::Short), short);
    let full = part(Detail::Full);
    assert_eq!(full.matches("hint: State artifact on the item.").count(), 1, "{full}");
    assert_eq!(full.matches("why: A name can be moved to other bytes.").count(), 2, "{full}");
    assert_eq!(serde_json::to_value(&plan).unwrap()["findings"].as_array().unwrap().len(), 4, "data stays whole");
}

/// An old side serves only where there is a new one beside it, and an objective that is declared is not said to be missing.
#[test]
fn what_is_said_to_serve_and_to_be_missing_is_so() {
    let (mut plan, facts) = (plan(), facts());
    plan.prediction.downtime = None;
    (plan.prediction.budget_share, plan.prediction.budgets_not_known) = (None, vec!["payments-availability".to_owned()]);
    let serves = "the old side serves until the new one is ready";
    for (strategy, has_new_side) in [
        (Strategy::BlueGreen, true),
        (Strategy::Canary, true),
        (Strategy::Capacity, false),
        (Strategy::ExpandContract, false),
        (Strategy::InPlace, false),
    ] {
        plan.body.assignments.iter_mut().for_each(|assignment| assignment.strategy = strategy);
        let text = to_markdown(&document(&plan, &facts));
        assert_eq!(text.contains(serves), has_new_side, "{strategy}");
        for text in [text, summary(&plan, Style::Plain, Detail::Short, SUMMARY_COLUMNS_MAX)] {
            let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(flat.contains("not known for payments-availability") && !flat.contains("no objective is declared"), "{text}");
        }
    }
    let assignment = plan.body.assignments[0].clone();
    plan.body.assignments.iter_mut().for_each(|assignment| assignment.strategy = Strategy::Failover);
    let path = format!("{}/{}/failover", assignment.environment, assignment.component);
    let place = format!("{} in {}", assignment.component, assignment.environment);
    plan.prediction.downtime =
        Some(PlannedDowntime { takes: plan.prediction.duration.clone(), places: vec![path], not_known: Vec::new(), users: Vec::new() });
    let text = to_markdown(&document(&plan, &facts));
    assert!(text.contains(&format!("{place} refuses writes until clients are routed")) && !text.contains("stops and starts"), "{text}");
    plan.body.assignments.clear();
    let text = to_markdown(&document(&plan, &facts));
    assert!(!text.contains(serves), "{text}");
}

/// Whatever is read, nothing promises a way back that the plan does not have: the step that takes it away is named.
#[test]
fn across_a_one_way_step_no_form_promises_that_all_is_undone() {
    let (mut plan, facts) = (plan(), facts());
    let at = plan
        .body
        .steps
        .iter()
        .position(|s| s.id.as_str().starts_with("production/payments/us-east/") && s.id.as_str().ends_with("/deploy"))
        .unwrap();
    let title = plan.body.steps[at].title.clone();
    plan.body.steps[at].undo = Undo::ForwardOnly { reason: "the old version is gone".to_owned() };
    let id = plan.body.steps[at].id.clone();
    for exposure in plan.body.steps.iter_mut().filter_map(|s| s.exposure.as_mut()).filter(|e| e.share > Share::percent(25)) {
        (exposure.safety_takes, exposure.safety_needs) = (None, vec![id.clone()]);
    }
    (plan.prediction.time_to_safety, plan.prediction.time_to_rollback) = (None, None);
    let told = [
        to_markdown(&document(&plan, &facts)),
        summary(&plan, Style::Plain, Detail::Short, SUMMARY_COLUMNS_MAX),
        card(&plan, Some(&facts), None, plan.body.created_at),
    ];
    for text in told {
        let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(!flat.contains("all undone in") && !flat.contains("is safe within"), "{text}");
        assert!(flat.contains("1 s (95 %: 3 s) per region until 25 %, then no way back to safe traffic"), "{text}");
        assert!(flat.contains(&format!("'{title}'")), "{title}: {text}");
    }
}

#[test]
fn what_is_measured_is_told_with_its_condition_its_times_and_its_limits() {
    let mut plan = plan();
    let gates = plan.body.steps.iter_mut().filter_map(|step| if let Work::Gate(gate) = &mut step.work { Some(gate) } else { None });
    for gate in gates {
        let source = CountSource::Prometheus(PrometheusSource {
            url: "http://prometheus:9090".to_owned(),
            access: Access::default(),
            timeout_ms: Millis::from_secs(5),
        });
        gate.checks.push(GateCheck::Threshold {
            name: "failed share".to_owned(),
            source,
            query: "failed_share{version=\"4.12.0\"}".to_owned(),
            min: None,
            max: None,
            failures_max: 3,
            measured: Some(Measuring {
                success_condition: Some("result < 0.05".to_owned()),
                failure_condition: None,
                interval_ms: Millis::from_secs(30),
                count: Some(10),
                consecutive_success_limit: None,
                inconclusive_limit: 1,
                consecutive_error_limit: 4,
                initial_delay_ms: Millis::from_secs(60),
            }),
        });
    }
    let whole = to_json(&document(&plan, &facts())).to_string();
    let sheet = to_json(&run_sheet(&plan, &facts())).to_string();
    for (text, words) in [
        (&whole, "failed share: result < 0.05; 10 measurements, one every 30 s from 1 min on; 3 bad measurements turn back"),
        (&whole, "more than 1 inconclusive or 4 in a row without a value ask a person"),
        (&whole, "result < 0.05 not met at 3 of 10 measurements, one every 30 s from 1 min on"),
        (&sheet, "result < 0.05, looked at 10 times, one every 30 s from 1 min on"),
        (&sheet, "result < 0.05 not met at 3 looks in all; no value is no good one: ask who decides"),
        (&sheet, "failed_share{version="),
        (&sheet, "http://prometheus:9090/api/v1/query"),
    ] {
        assert!(text.contains(words), "{words} is not in\n{text}");
    }
}

#[test]
fn a_canary_config_is_told_with_its_metrics_its_scores_its_times_and_its_weakness() {
    let mut plan = plan();
    let mut config = of_names(&["p99 ms".to_owned(), "cpu".to_owned()]);
    (config.pass, config.marginal) = (90.0, 60.0);
    config.metrics[0] = KayentaMetric { critical: true, direction: Direction::Increase, ..KayentaMetric::new("p99 ms", "latency") };
    config.group_weights.insert("latency".to_owned(), 70.0);
    let gates = plan.body.steps.iter_mut().filter_map(|step| if let Work::Gate(gate) = &mut step.work { Some(gate) } else { None });
    for gate in gates {
        let series = |metric: &str| KayentaSeries {
            metric: metric.to_owned(),
            canary: format!("new({metric})"),
            baseline: format!("old({metric})"),
        };
        gate.checks.push(GateCheck::Kayenta {
            name: "canary config payments".to_owned(),
            source: CountSource::Prometheus(PrometheusSource {
                url: "http://prometheus:9090".to_owned(),
                access: Access::default(),
                timeout_ms: Millis::from_secs(5),
            }),
            metrics: vec![series("p99"), series("cpu")],
            timing: KayentaTiming {
                begin_after_ms: Millis::from_mins(5),
                interval_ms: Millis::from_mins(10),
                looks: 3,
                lookback_ms: Some(Millis::from_mins(15)),
                step_ms: Millis::from_secs(60),
            },
            asked: serde_json::to_value(&config).unwrap(),
        });
    }
    let whole = to_json(&document(&plan, &facts())).to_string();
    let sheet = to_json(&run_sheet(&plan, &facts())).to_string();
    for (text, words) in [
        (
            &whole,
            "canary config payments, by the judge of Kayenta: 2 metrics (p99 ms must not rise, critical; cpu must not change), weighted by groups (all 30 %, latency 70 %)",
        ),
        (
            &whole,
            "3 looks, one every 10 min from 5 min on, each back over 15 min, by values 1 min apart; a score of 60 or less at any look, or below 90 at the last one",
        ),
        (&whole, "turns identical versions back in 4 to 45 % of watches of values that follow each other"),
        (&whole, "which is the default, keeps to a stated rate"),
        (&whole, "a score of 60 or less at any look, or below 90 at the last one"),
        (&sheet, "p99 ms is clearly worse at one look, or any metric is clearly worse at two looks in a row"),
        (&sheet, "p99 new old"),
        (&sheet, "cpu new old"),
    ] {
        assert!(text.contains(words), "{words} is not in\n{text}");
    }
}

#[test]
fn what_a_stage_sees_of_figures_stands_beside_what_it_sees_of_counts() {
    let mut plan = plan();
    let stage = plan.body.assignments.iter_mut().flat_map(|a| &mut a.ladder).nth(1).unwrap();
    let value = |name: &str, power, detects| StageValue { name: name.to_owned(), margin: 1.25, power, detects };
    stage.values = vec![value("p99 latency", 0.384, Some(1.402)), value("queue length", 0.02, None)];
    let (text, page) = (summary(&plan, Style::Plain, Detail::Full, SUMMARY_COLUMNS_MAX), to_html(&document(&plan, &facts())));
    let row = |of: &str| {
        text.lines()
            .find(|line| line.contains(of))
            .unwrap_or_else(|| panic!("{of} in {text}"))
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(row("p99 latency"), "1.4x p99 latency 38 % at 1.25x");
    assert_eq!(row("queue length"), "none queue length 2 % at 1.25x");
    assert!(page.contains(">p99 latency: finds 1.4x, power 38 % at 1.25x</text>"));
    assert!(page.contains(">queue length: finds nothing, power 2 % at 1.25x</text>"));
}
