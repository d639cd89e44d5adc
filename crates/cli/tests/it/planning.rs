//! Plans: the same bytes twice, the ten sections, refusals with their exit codes.

use crate::harness::Project;

const AT: &str = "2026-11-24T10:00:00+01:00";
const SECTIONS: [&str; 10] = [
    "## 1. Executive summary",
    "## 2. Prerequisites and approvals",
    "## 3. Preflight",
    "## 4. Procedure",
    "## 5. Verification windows",
    "## 6. Rollback",
    "## 7. Communication",
    "## 8. Post-deployment",
    "## 9. Contingency",
    "## 10. Contacts",
];

fn checkout(form: &str) -> (Project, Vec<String>) {
    let words = ["plan", "checkout-3ds", "--facts", "facts.json", "--at", AT, "--seed", "7", "--format", form];
    (Project::example("checkout"), words.iter().map(ToString::to_string).collect())
}

#[test]
fn the_checkout_example_plans_in_every_form_and_twice_alike() {
    for form in ["human", "json", "markdown", "html"] {
        let (project, words) = checkout(form);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let (first, second) = (project.ok(&words, 0).out, project.ok(&words, 0).out);
        assert_eq!(first, second, "{form}");
        let (other, _) = checkout(form);
        assert_eq!(first, other.ok(&words, 0).out, "{form}, in another folder");
    }
}

#[test]
fn the_markdown_document_has_the_ten_sections_in_order() {
    let (project, words) = checkout("markdown");
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let text = project.ok(&words, 0).out;
    let headings: Vec<&str> = text.lines().filter(|l| l.starts_with("## ") && l[3..].starts_with(|c: char| c.is_ascii_digit())).collect();
    assert_eq!(headings, SECTIONS);
    for leak in ["{host}", "{version}", "undefined", "None,", "Some("] {
        assert!(!text.contains(leak), "`{leak}` leaked into the document");
    }
}

#[test]
fn the_checkout_plan_orders_schema_before_code_and_never_pairs_regions() {
    let (project, words) = checkout("json");
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let plan: serde_json::Value = serde_json::from_str(&project.ok(&words, 0).out).unwrap();
    let steps = plan["body"]["steps"].as_array().unwrap();
    let position = |what: &dyn Fn(&serde_json::Value) -> bool| steps.iter().position(what);
    let in_production = |step: &serde_json::Value| step["environment"] == "production";
    let expand = position(&|s| in_production(s) && s["id"].as_str().unwrap().contains("expand"));
    let code = position(&|s| in_production(s) && s["target"] == "payments-production" && s["phase"] == "deploy");
    assert!(expand.unwrap() < code.unwrap());
    let waves = |region: &str| -> std::collections::BTreeSet<u64> {
        let here = steps.iter().filter(|s| in_production(s) && s["region"] == region && s["phase"] == "deploy");
        here.map(|s| s["wave"].as_u64().unwrap()).collect()
    };
    let (west, east) = (waves("eu-west"), waves("us-east"));
    assert!(!west.is_empty() && !east.is_empty() && west.is_disjoint(&east), "paired regions share a wave: {west:?} {east:?}");
    let follow_ups = plan["body"]["followUps"].to_string();
    assert!(follow_ups.contains("0042_contract.sql"), "the contract half is no follow-up: {follow_ups}");
}

#[test]
fn stale_facts_are_refused_unless_accepted() {
    let (project, words) = checkout("json");
    let words: Vec<&str> = words.iter().map(|w| if w == AT { "2026-11-24T13:00:00+01:00" } else { w.as_str() }).collect();
    let refused = project.ok(&words, 3);
    assert!(refused.err.contains("stale") || refused.err.contains("older"), "{}", refused.err);
    let accepting: Vec<&str> = words.into_iter().chain(["--accept-stale"]).collect();
    let plan: serde_json::Value = serde_json::from_str(&project.ok(&accepting, 0).out).unwrap();
    assert!(!plan["findings"].as_array().unwrap().is_empty(), "what is stale is not named");
}

#[test]
fn hosts_that_do_not_answer_refuse_the_plan_and_each_is_named() {
    let project = Project::fleet(&["front"], 3, 10);
    std::fs::remove_file(project.path().join("versions/front-2")).unwrap();
    let refused = project.ok(&["plan", "upgrade"], 3);
    assert!(refused.err.contains("front-2"), "{}", refused.err);
    assert!(!refused.err.contains("version of front-production on front-1"), "{}", refused.err);
}

#[test]
fn a_version_that_runs_already_is_said() {
    let project = Project::fleet(&["front"], 2, 10);
    for host in ["front-1", "front-2"] {
        project.write(&format!("versions/{host}"), "2.0.0\n");
    }
    let said = project.say(&["plan", "upgrade"]);
    assert_eq!(said.code, 2, "{}", said.err);
    assert!(said.err.contains("GP0253") && said.err.contains("runs already"), "{}", said.err);
}

#[test]
fn mistakes_on_the_command_line_say_what_to_type() {
    let project = Project::fleet(&["front"], 2, 10);
    for (words, code, part) in [
        (&["plan", "upgrad"][..], 2, "upgrade"),
        (&["run", "upgrade"], 2, "--yes"),
        (&["explain", "GP9999"], 2, "explain"),
        (&["status", "run-nope"], 2, "status --all"),
        (&["plan", "upgrade", "--at", "tomorrow"], 2, "zone"),
        (&["plan", "upgrade", "--facts", "nope.json"], 2, "--save-facts"),
        (&["abandon"], 2, "--reason"),
        (&["flyy"], 2, "Usage"),
    ] {
        let said = project.ok(words, code);
        assert!(said.err.contains(part), "{words:?}: {}", said.err);
    }
    let outside = Project::empty();
    assert!(outside.ok(&["plan", "x"], 2).err.contains("glidepath init"));
}

/// Planned at the beginning of the freeze, within it, and right before the deadline.
#[test]
fn a_deadline_inside_a_freeze_is_refused_with_the_first_window_and_a_deadline_that_would_do() {
    for day in ["2026-11-25T00:00:00+01:00", "2026-11-28T10:00:00+01:00", "2026-11-28T23:59:00+01:00"] {
        let (project, words) = checkout("human");
        let deadline = |text: &str| {
            let change = project.read("changes/checkout-3ds.yaml");
            let lines = change.lines().map(|line| {
                let (indent, is_it) = (line.len() - line.trim_start().len(), line.trim_start().starts_with("finishBefore:"));
                if is_it { format!("{}finishBefore: {text}\n", " ".repeat(indent)) } else { format!("{line}\n") }
            });
            project.write("changes/checkout-3ds.yaml", &lines.collect::<String>());
        };
        let at = words.iter().map(|word| if word == AT { day } else { word.as_str() });
        let words: Vec<&str> = at.chain(["--accept-stale"]).collect();
        deadline("2026-11-29T00:00:00+01:00");
        let refused = project.ok(&words, 3);
        assert!(refused.out.is_empty() && refused.err.contains("GP0284"), "{day}: {}", refused.err);
        assert!(refused.err.contains("from Mon 2026-11-30 08:00 CET to Mon 2026-11-30 16:00 CET"), "{day}: {}", refused.err);
        deadline(refused.err.split("`finishBefore: ").nth(1).unwrap().split('`').next().unwrap());
        assert!(project.ok(&words, 0).out.contains("takes off             Mon 2026-11-30 08:00 CET"), "{day}");
    }
}
