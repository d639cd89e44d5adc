//! Rules of the project at the command line: what flies without a person, what needs no plan.

use crate::harness::Project;

const CONFIG: &str = "apiVersion: glidepath.dev/v1\nkind: Config\nmetadata: { name: flown }\nspec:\n  environments:\n    - name: production\n      local: true\n      \
                      minBake: 1s\n      maxBake: 10s\n      verify: [ { name: immediate, length: 1s } ]\n";

fn ruled(policy: &str) -> Project {
    let project = Project::fleet(&["web"], 1, 0);
    project.write("glidepath.yaml", &format!("{CONFIG}  policy:\n{policy}"));
    project
}

#[test]
fn a_pipeline_flies_what_the_rules_let_through_and_nothing_else() {
    let project = ruled("    automatic: [ { classes: [ standard ], riskMax: high } ]\n");
    let refused = project.ok(&["run", "upgrade", "--yes"], 3).err;
    assert!(refused.contains("GP0680") && refused.contains("production: the class normal does not fly by itself"), "{refused}");
    assert!(project.runs().is_empty());
    project.ok(&["run", "upgrade", "--yes", "--cleared-by", " "], 2);
    project.ok(&["run", "upgrade", "--yes", "--cleared-by", "CHG-7, agreed"], 0);
    let started = project.events().into_iter().find(|event| event["event"]["kind"] == "runStarted").unwrap();
    assert!(started["event"]["who"]["knownBy"].as_str().unwrap().contains("cleared it because: CHG-7, agreed"), "{started}");

    let project = ruled("    automatic: [ { riskMax: high } ]\n");
    project.ok(&["run", "upgrade", "--yes"], 0);
}

#[test]
fn what_a_finding_calls_wrong_does_not_fly_by_a_bare_yes() {
    let project = Project::fleet(&["web"], 1, 0);
    let catalog = project.read("catalog/services.yaml");
    let quick = "\"{from}\" ] } }";
    assert!(catalog.contains(quick));
    project.write("catalog/services.yaml", &catalog.replace(quick, "\"{from}\" ] }, timeout: 1s }\n  restart: 8s"));
    let change = project.read("changes/upgrade.yaml").replace("spec:\n", "spec:\n  constraints: { downtime: 5m }\n");
    project.write("changes/upgrade.yaml", &change);
    let planned = project.ok(&["plan", "upgrade"], 0);
    assert!(
        planned.out.contains("no way back that can be promised") && !planned.out.contains("every step can be undone"),
        "{}",
        planned.out
    );
    let refused = project.ok(&["run", "upgrade", "--yes"], 3).err;
    assert!(refused.contains("GP0355") && refused.contains("--cleared-by REASON"), "{refused}");
    assert!(project.runs().is_empty());
    project.ok(&["run", "upgrade", "--yes", "--cleared-by", "the undo is quick, CHG-8"], 0);
}

#[test]
fn a_trivial_change_of_a_plain_environment_is_told_in_its_commands() {
    let project = ruled("    plain: { environments: [ production ] }\n");
    let told = project.ok(&["plan", "upgrade"], 0);
    assert!(told.out.contains("no plan is needed") && told.out.contains("Do it:") && told.out.contains("deploy.sh"), "{}", told.out);
    assert!(told.out.lines().count() < 12 && told.err.contains("--full"), "{}", told.out);
    let full = project.ok(&["plan", "upgrade", "--full"], 0).out;
    assert!(full.contains("ceremony") && full.contains("Candidates"), "{full}");
}

#[test]
fn what_is_not_theirs_to_claim_is_not_planned() {
    for (may, code) in [("fleet-team", 0), ("on-call", 3)] {
        let project = ruled(&format!("    claims: {{ emergency: [ {may} ] }}\n"));
        project.write(
            "catalog/on-call.yaml",
            "apiVersion: backstage.io/v1alpha1\nkind: Group\nmetadata: { name: on-call }\nspec: { type: team, children: [] }\n",
        );
        let change = project.read("changes/upgrade.yaml").replace("spec:\n", "spec:\n  class: emergency\n");
        project.write("changes/upgrade.yaml", &change);
        let said = project.ok(&["plan", "upgrade"], code).err;
        assert_eq!(said.contains("GP0297"), code == 3, "{said}");
    }
}
