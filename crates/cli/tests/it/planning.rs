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
    for form in ["human", "json", "markdown", "html", "runsheet", "runsheet-markdown"] {
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

/// What was approved is what is printed, whatever would be planned now.
#[test]
fn a_stored_plan_is_shown_in_every_form_as_it_was_made() {
    let (project, words) = checkout("json");
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let made = project.ok(&words, 0).out;
    let plan: serde_json::Value = serde_json::from_str(&made).unwrap();
    let id = &plan["id"].as_str().unwrap()[..12];
    assert_eq!(project.ok(&["plan", id, "--format", "json"], 0).out, made);
    let sheet = project.ok(&["plan", id, "--format", "runsheet-markdown"], 0).out;
    assert!(sheet.contains("The way back") && sheet.contains("./deploy.sh payments pay-1.us 4.12.0"), "{sheet}");
    let refused = project.ok(&["plan", id, "--at", AT], 2);
    assert!(refused.err.contains("stored plan"), "{}", refused.err);
    assert!(project.ok(&["plan", "0123456789ab"], 2).err.contains("checkout-3ds"), "one that is not stored is taken for a name");
}

#[test]
fn messages_are_written_one_file_each_and_never_over_others() {
    let (project, words) = checkout("json");
    let words: Vec<&str> = words.iter().map(String::as_str).chain(["--messages", "messages"]).collect();
    project.ok(&words, 0);
    let written = |name: &str| project.read(&format!("messages/{name}"));
    let first = written("01-planned-team.txt");
    assert!(first.starts_with("Send: ") && first.contains("\nSubject: Planned for Tue 2026-11-24 10:00 CET: "), "{first}");
    assert!(written("06-landed-business.txt").contains("It is done."));
    let again = project.ok(&words, 2);
    assert!(again.err.contains("GP0687") && again.err.contains("01-planned-team.txt"), "{}", again.err);
    assert_eq!(written("01-planned-team.txt"), first);
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

#[test]
fn denied_findings_end_with_exit_code_3_after_all_is_printed() {
    let (project, words) = checkout("json");
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let plan = project.ok(&words, 0).out;
    let denying = |what: &'static str| words.iter().copied().chain(["--deny", what]).collect::<Vec<_>>();
    let refused = project.ok(&denying("note"), 3);
    assert_eq!(refused.out, plan, "the plan is printed all the same");
    assert!(refused.err.contains("error[GP0682]") && refused.err.contains("denied: GP0"), "{}", refused.err);
    project.ok(&denying("error,GP0307"), 0);
    let unknown = project.ok(&denying("warning,GP9999"), 2);
    assert!(unknown.err.contains("nor a code that exists"), "{}", unknown.err);

    let warned = Project::example("checkout");
    let config = std::fs::read_to_string(warned.path().join("glidepath.yaml")).unwrap();
    std::fs::write(warned.path().join("glidepath.yaml"), config.replacen("local: true", "local: false", 1)).unwrap();
    warned.ok(&["validate"], 0);
    let refused = warned.ok(&["validate", "--deny", "warning"], 3);
    assert!(refused.err.contains("GP0043") && refused.err.contains("GP0682"), "{}", refused.err);
}

/// Holds a log against the published schema; says what does not fit.
fn against_schema(project: &Project, log: &str) -> Result<(), String> {
    project.write("log.sarif", log);
    let schema = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sarif/sarif-schema-2.1.0.json");
    let mut check = std::process::Command::new("jsonschema");
    let checked = check.arg("--instance").arg(project.path().join("log.sarif")).arg(schema).output();
    let checked = checked.unwrap_or_else(|problem| panic!("jsonschema: {problem}; `cargo xtask test` installs it"));
    if checked.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&checked.stderr).into_owned()) }
}

#[test]
fn the_schema_of_sarif_would_tell_what_is_wrong() {
    let (project, words) = checkout("sarif");
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let log = project.ok(&words, 0).out;
    for (right, wrong) in
        [("\"level\"", "\"lvl\""), ("\"warning\"", "\"bad\""), ("\"startLine\": 1", "\"startLine\": 0"), ("\"2.1.0\"", "\"2.2\"")]
    {
        assert!(log.contains(right), "{right}");
        assert!(against_schema(&project, &log.replace(right, wrong)).is_err(), "{wrong} passes");
    }
}

#[test]
fn findings_are_told_as_sarif_with_their_places_whatever_the_command_comes_to() {
    let (project, words) = checkout("sarif");
    let results = |text: &str| -> Vec<serde_json::Value> {
        assert_eq!(against_schema(&project, text), Ok(()));
        let log: serde_json::Value = serde_json::from_str(text).unwrap();
        log["runs"][0]["results"].as_array().unwrap().clone()
    };
    let file = |result: &serde_json::Value| {
        let place = &result["locations"][0]["physicalLocation"];
        (place["artifactLocation"]["uri"].as_str().unwrap().to_owned(), place["region"]["startLine"].as_u64().unwrap())
    };
    // A plan: its findings stand where that is declared which they name, else at the head of the change.
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let found = results(&project.ok(&words, 0).out);
    for result in &found {
        let (path, line) = file(result);
        let text = project.read(&path);
        let there = text.lines().nth(line as usize - 1).unwrap();
        let said = result["message"]["text"].as_str().unwrap();
        let is_named = said.split([' ', '/', ',', ':']).any(|word| word.len() > 3 && there.contains(word.trim_end_matches('.')));
        assert!(is_named || (path.as_str(), line) == ("changes/checkout-3ds.yaml", 1), "{there}: {result:#}");
    }
    assert!(found.iter().any(|result| file(result).1 > 1), "{found:#?}");
    // A plan that is refused.
    let late: Vec<&str> = words.iter().map(|word| if *word == AT { "2026-11-24T13:00:00+01:00" } else { word }).collect();
    let refused = results(&project.ok(&late, 3).out);
    assert!(refused.iter().any(|result| result["ruleId"] == "GP0261" && result["level"] == "error"), "{refused:#?}");
    // Files with a mistake.
    let path = project.path().join("glidepath.yaml");
    let config = std::fs::read_to_string(&path).unwrap();
    let line = 1 + config.lines().position(|line| line.contains("planTtl: 24h")).unwrap() as u64;
    std::fs::write(&path, config.replace("planTtl: 24h", "planTtl: soon")).unwrap();
    for words in [vec!["validate", "--format", "sarif"], words] {
        let wrong = results(&project.ok(&words, 2).out);
        assert_eq!(wrong.len(), 1, "{wrong:#?}");
        assert_eq!(file(&wrong[0]), ("glidepath.yaml".to_owned(), line));
    }
}

/// The plan that the words make, and its id.
fn plan_id(project: &Project, words: &[&str]) -> String {
    let words: Vec<&str> = ["plan", "upgrade", "--format", "json"].into_iter().chain(words.iter().copied()).collect();
    let plan: serde_json::Value = serde_json::from_str(&project.ok(&words, 0).out).unwrap();
    plan["id"].as_str().unwrap().to_owned()
}

#[test]
fn what_differs_between_two_plans_is_told_once_for_all_places() {
    let project = Project::fleet(&["front"], 3, 10);
    let first = plan_id(&project, &["--seed", "1"]);
    let same = project.ok(&["plan", "diff", &first, &first], 0).out;
    assert!(same.contains("one and the same plan"), "{same}");
    let change = std::fs::read_to_string(project.path().join("changes/upgrade.yaml")).unwrap();
    std::fs::write(project.path().join("changes/upgrade.yaml"), change.replace("2.0.0", "3.0.0")).unwrap();
    let second = plan_id(&project, &["--seed", "1"]);
    let text = project.ok(&["plan", "diff", &first, &second], 0).out;
    assert!(text.contains("Commands") && text.contains("likewise"), "{text}");
    assert!(text.contains("- ") && text.contains("3.0.0"), "{text}");
    let file = project.path().join("second.json");
    project.ok(&["plan", "upgrade", "--seed", "1", "--format", "json", "--out", file.to_str().unwrap()], 0);
    let json: serde_json::Value =
        serde_json::from_str(&project.ok(&["plan", "diff", &first, file.to_str().unwrap(), "--format", "json"], 0).out).unwrap();
    let commands = json["differences"].as_array().unwrap().iter().filter(|d| d["about"] == "commands").count();
    assert_eq!(commands, 1, "three hosts, one new word: {json:#}");
    let markdown = project.ok(&["plan", "diff", &first, &second, "--format", "markdown"], 0).out;
    assert!(markdown.contains("## What is changed") && markdown.contains("  - is: `"), "{markdown}");
    // A file that somebody has edited is not the plan that it still calls itself.
    let edited = std::fs::read_to_string(&file).unwrap().replace("3.0.0", "4.0.0");
    std::fs::write(&file, edited).unwrap();
    let told = project.ok(&["plan", "diff", &second, file.to_str().unwrap()], 0);
    assert!(told.err.contains("it was edited") && !told.out.contains("one and the same plan"), "{}{}", told.err, told.out);
    assert!(project.ok(&["plan", "diff", &first, "nothing"], 2).err.contains("no stored plan and no file `nothing`"));
}

#[test]
fn a_child_plan_flies_inside_of_its_parents_envelope_and_nowhere_else() {
    let project = Project::fleet(&["front"], 2, 10);
    let parent = plan_id(&project, &[]);
    let inside = project.ok(&["plan", "upgrade", "--seed", "9", "--parent", &parent], 0);
    assert!(inside.err.contains("keeps within the envelope"), "{}", inside.err);
    let path = project.path().join("changes/upgrade.yaml");
    let change = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, change.replace("2.0.0", "3.0.0")).unwrap();
    let outside = project.ok(&["plan", "upgrade", "--parent", &parent, "--deny", "GP0681"], 3);
    let told = outside.out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(told.contains("would become something else than was approved"), "{}", outside.out);
    assert!(outside.err.contains("need approval again"), "{}", outside.err);
    let refused = project.ok(&["run", "upgrade", "--parent", &parent, "--yes"], 3);
    assert!(refused.err.contains("error[GP0681]") && refused.err.contains("plan diff"), "{}", refused.err);
    std::fs::write(&path, change).unwrap();
    project.ok(&["run", "upgrade", "--parent", &parent, "--yes"], 0);
}

#[test]
fn a_value_that_nothing_would_take_is_refused() {
    let project = Project::example("vm-fleet");
    let stray = project.ok(&["plan", "agent-2", "--set", "version=1"], 2).err;
    assert!(stray.contains("only a template has parameters"), "{stray}");
    let twice = project.ok(&["plan", "--template", "agent-release", "--set", "version=2.1.0", "--set", "version=2.2.0"], 2).err;
    assert!(twice.contains("stands there twice"), "{twice}");
}

#[test]
fn a_template_becomes_a_plan_and_all_that_is_wrong_with_its_values_is_said_at_once() {
    let project = Project::example("vm-fleet");
    let made = project.ok(&["plan", "--template", "agent-release", "--set", "version=2.1.0", "--format", "json"], 0);
    let plan: serde_json::Value = serde_json::from_str(&made.out).unwrap();
    let change = &plan["body"]["change"];
    assert_eq!((change["name"].as_str(), change["title"].as_str()), (Some("agent-2.1.0"), Some("Fleet agent 2.1.0")));
    assert_eq!((change["reason"].as_str(), change["ticket"].as_str()), (Some("Planned release"), None));
    let wrong = project.ok(&["plan", "--template", "agent-release", "--set", "verion=2", "--set", "why=x"], 2).err;
    assert!(
        wrong.contains("has no parameter `verion`") && wrong.contains("parameter `version` (Version to reach) has no value"),
        "{wrong}"
    );
    let unknown = project.ok(&["plan", "--template", "agent"], 2).err;
    assert!(unknown.contains("GP0685") && unknown.contains("there are: agent-release"), "{unknown}");
    // A value that does not fit is told at the template's own line.
    let unfit = project.ok(&["plan", "--template", "agent-release", "--set", "version=a b"], 2).err;
    assert!(unfit.contains("templates/agent-release.yaml:11"), "{unfit}");
}

#[test]
fn variants_stand_side_by_side_on_the_same_facts() {
    let project = Project::fleet(&["front"], 3, 10);
    let services = project.read("catalog/services.yaml");
    project.write("catalog/services.yaml", &services.replace("  infrastructure: vm\n", "  infrastructure: vm\n  restart: 5s\n"));
    let path = project.path().join("changes/upgrade.yaml");
    let change = std::fs::read_to_string(&path).unwrap();
    project.ok(&["plan", "upgrade", "--variants"], 2);
    let variants = "  variants:\n    - { name: stopped, about: With a downtime, strategy: recreate, constraints: { downtime: 10m } }\n    - { name: impossible, strategy: canary }\n";
    std::fs::write(&path, format!("{}\n{variants}", change.trim_end())).unwrap();
    let shown = project.ok(&["plan", "upgrade", "--variants"], 0).out;
    assert!(shown.contains("as-written") && shown.contains("recreate") && shown.contains("impossible: no plan. GP0257"), "{shown}");
    let json: serde_json::Value = serde_json::from_str(&project.ok(&["plan", "upgrade", "--variants", "--format", "json"], 0).out).unwrap();
    let names: Vec<&str> = json.as_array().unwrap().iter().map(|way| way["variant"].as_str().unwrap()).collect();
    assert_eq!(names, ["as-written", "stopped", "impossible"]);
    assert!(json[2]["plan"].is_null() && !json[2]["refused"].as_array().unwrap().is_empty());
    let one = project.ok(&["plan", "upgrade", "--variant", "stopped"], 0).out;
    assert!(one.contains("(stopped)") && one.contains("recreate"), "{one}");
    assert!(project.ok(&["plan", "upgrade", "--variant", "fast"], 2).err.contains("it has stopped, impossible"));
}

#[test]
fn a_change_of_independent_services_is_written_as_smaller_ones_that_can_be_planned() {
    let project = Project::fleet(&["front", "back"], 1, 10);
    // As it stands the front needs the back: one part.
    let refused = project.ok(&["plan", "upgrade", "--split", "parts"], 2);
    assert!(refused.err.contains("GP0688") && !project.path().join("parts").exists(), "{}", refused.err);
    let catalog = project.read("catalog/services.yaml").replace("  dependsOn: [ \"component:back\" ]\n", "");
    project.write("catalog/services.yaml", &catalog);
    let said = project.ok(&["plan", "upgrade", "--split", "changes"], 0);
    assert!(said.out.contains("Could go in smaller changes") && said.err.contains("upgrade-2.yaml"), "{}\n{}", said.out, said.err);
    for (name, kept, left_out) in [("upgrade-1", "front", "back"), ("upgrade-2", "back", "front")] {
        let text = project.read(&format!("changes/{name}.yaml"));
        assert!(text.contains(&format!("component: {kept}")) && !text.contains(&format!("component: {left_out}")), "{text}");
        project.ok(&["plan", name], 0);
    }
    // What stands there is not overwritten.
    project.ok(&["plan", "upgrade", "--split", "changes"], 2);
}
