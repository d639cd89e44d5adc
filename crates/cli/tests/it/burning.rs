//! Error budgets in flight by a real Prometheus, which has an hour of the past and scrapes what happens: a burn that is not the run's own holds it, and one that
//! may be turns it back.

use crate::harness::{Pace, Project, wait_for};
use crate::measured::page_saying;
use glidepath_testkit::servers::Prometheus;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

const HOSTS: usize = 4;
/// Answers a minute in the past, none of which failed.
const PAST: u64 = 100;
/// Minutes of the past: longer than the hour that is looked at, whenever its slices begin.
const MINUTES: u64 = 70;

const OBJECTIVE: &str = "apiVersion: openslo/v1
kind: SLO
metadata: { name: answers }
spec:
  service: shop
  indicator:
    spec:
      ratioMetric:
        counter: true
        bad: { metricSource: { spec: { query: 'answers_total{code=\"500\"}' } } }
        total: { metricSource: { spec: { query: answers_total } } }
  timeWindow: [ { duration: 30d, isRolling: true } ]
  budgetingMethod: Occurrences
  objectives: [ { target: 0.99 } ]
";

/// Both sides are compared.
const COMPARED: &str = "  strategies: [ canary ]
  traffic: 2000 requests/s
  capacity: { replica: 1000 requests/s }
  signals:
    split: { label: version }
    errors: { ratio: { bad: 'requests_total{code=\"500\"}', total: requests_total } }
";

/// What happens at the edge, where users are answered: a word in the file `edge`.
fn at_the_edge(root: &Path, word: &str) {
    std::fs::write(root.join("edge.new"), word).unwrap();
    std::fs::rename(root.join("edge.new"), root.join("edge")).unwrap();
}

/// Counters of the edge and of the hosts, grown by one scrape after the other.
#[derive(Default)]
struct Counters {
    edge: [u64; 2],
    hosts: BTreeMap<(String, String), [u64; 2]>,
    flooded: bool,
}

impl Counters {
    /// One second more. A host of the old version fails once in a hundred requests, one of the new version once in two hundred.
    fn next(&mut self, root: &Path) -> String {
        let text = |path: &str| std::fs::read_to_string(root.join(path)).unwrap_or_default().trim().to_owned();
        let word = text("edge");
        let mut is_new = false;
        let mut page = String::new();
        for host in (1..=HOSTS).map(|number| format!("shop-{number}")) {
            let version = text(&format!("versions/{host}"));
            is_new |= version == "2.0.0";
            let failed = if version == "2.0.0" { 2 } else { 4 };
            let counted = self.hosts.entry((host.clone(), version.clone())).or_default();
            (counted[0], counted[1]) = (counted[0] + 400 - failed, counted[1] + failed);
            for (code, count) in [("200", counted[0]), ("500", counted[1])] {
                writeln!(page, "requests_total{{host=\"{host}\",version=\"{version}\",code=\"{code}\"}} {count}").unwrap();
            }
        }
        // Where the new version is what fails, it fails for as long as it is there.
        let fails = word == "fails" || (word == "fails with the new version" && is_new);
        self.edge = [self.edge[0] + 2, self.edge[1] + if fails { 300 } else { 0 }];
        // So many good answers that nothing of what failed is left in any share.
        if word == "is flooded" && !self.flooded {
            (self.flooded, self.edge[0]) = (true, self.edge[0] + 10_000_000);
        }
        for (code, count) in [("200", self.edge[0]), ("500", self.edge[1])] {
            writeln!(page, "answers_total{{code=\"{code}\"}} {count}").unwrap();
        }
        page
    }
}

/// The past of the edge, under the labels of what is scraped.
fn past(labels: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let mut text = "# TYPE answers counter\n".to_owned();
    for (code, grows) in [("200", PAST), ("500", 0)] {
        for minute in 0..=MINUTES {
            writeln!(text, "answers_total{{code=\"{code}\",{labels}}} {} {}", grows * minute, now - 5 - (MINUTES - minute) * 60).unwrap();
        }
    }
    text + "# EOF\n"
}

/// A fleet with an objective, compared or not, whose minimal bake leaves time to look on.
fn fleet(signals: &str) -> (Project, Prometheus) {
    let project = Project::fleet(&["shop"], HOSTS, 10);
    project.pace(&Pace { min_bake: "8s", hold_limit: "120s", window: "1s" });
    let root: PathBuf = project.path().to_owned();
    let counters = Mutex::new(Counters { edge: [PAST * MINUTES, 0], ..Counters::default() });
    let port = page_saying(move || counters.lock().unwrap().next(&root));
    let prometheus = Prometheus::scraping_after(&past(&Prometheus::scraped(port)), port);
    let telemetry = format!("  telemetry:\n    prometheus: {{ url: \"{}\" }}\n", prometheus.url());
    let config = project.read("glidepath.yaml").replace("maxBake: 10s", "maxBake: 60s");
    project.write("glidepath.yaml", &(config + &telemetry));
    project.write("slo/shop.yaml", OBJECTIVE);
    let catalog = project.read("catalog/services.yaml").replace("  infrastructure: vm\n", &format!("  infrastructure: vm\n{signals}"));
    project.write("catalog/services.yaml", &catalog);
    wait_for("two scrapes of every host", || prometheus.query("rate(requests_total[10s]) > 0").len() == 2 * HOSTS);
    (project, prometheus)
}

/// The looks of the newest run at stages, and at budgets before them: step, verdict, line.
fn looks(project: &Project) -> Vec<(String, String, String)> {
    let events = project.events().into_iter().map(|event| event["event"].clone()).filter(|event| event["kind"] == "gateLooked");
    let text = |event: &serde_json::Value, field: &str| event[field].as_str().unwrap_or_default().to_owned();
    events.map(|event| (text(&event, "step"), text(&event, "verdict"), text(&event, "line"))).collect()
}

fn versions(project: &Project) -> Vec<String> {
    (1..=HOSTS).map(|number| project.read(&format!("versions/shop-{number}")).trim().to_owned()).collect()
}

#[test]
fn a_burn_that_is_not_the_runs_own_holds_it_until_it_is_over() {
    let (project, prometheus) = fleet(COMPARED);
    let mut run = project.start(&["run", "upgrade", "--yes"]);
    let compared = || looks(&project).iter().filter(|(step, ..)| step.ends_with("stage-1/gate")).count();
    wait_for("looks at both sides", || compared() >= 3);
    at_the_edge(project.path(), "fails");
    wait_for("the failures in Prometheus", || prometheus.query("answers_total{code=\"500\"} > 2000").len() == 1);
    at_the_edge(project.path(), "");
    let holds = |look: &(String, String, String)| look.1 == "undecided" && look.2.contains("it is not this run's, whose new side");
    wait_for("looks that hold", || looks(&project).iter().filter(|look| holds(look)).count() >= 8);
    let seen = looks(&project);
    let held = seen.iter().find(|look| holds(look)).unwrap();
    assert!(held.2.contains("waits: answers burns ") && held.2.contains("starts again at 4x or less"), "{held:?}");
    let judged = seen.iter().any(|look| holds(look) && look.2.contains("whose new side shows no regression"));
    assert!(judged, "the stage would have passed, and is held all the same: {seen:#?}");
    assert_eq!(versions(&project), ["2.0.0", "1.0.0", "1.0.0", "1.0.0"], "nothing more is exposed: {seen:#?}");
    at_the_edge(project.path(), "is flooded");
    wait_for("the run to end", || !project.is_live());
    let seen = looks(&project);
    assert!(run.wait().unwrap().success(), "{seen:#?}");
    assert!(seen.iter().all(|(_, verdict, _)| verdict != "regression"), "{seen:#?}");
    assert_eq!(versions(&project), vec!["2.0.0"; HOSTS], "{seen:#?}");
}

#[test]
fn a_burn_that_may_be_the_runs_own_turns_it_back_to_safety() {
    let (project, prometheus) = fleet("");
    at_the_edge(project.path(), "fails with the new version");
    project.ok(&["run", "upgrade", "--yes"], 1);
    let seen = looks(&project);
    let (step, verdict, line) = seen.last().unwrap();
    assert!(verdict == "regression" && step.ends_with("stage-1/gate"), "{seen:#?}");
    assert!(
        line.contains("goes back: answers burns ") && line.contains("above 4x, and nothing shows that it is not the new side"),
        "{line}"
    );
    assert_eq!(versions(&project), vec!["1.0.0"; HOSTS], "{seen:#?}");
    // It was the run: without the new version nothing fails any more.
    wait_for("failures to stand still", || prometheus.query("rate(answers_total{code=\"500\"}[4s]) > 0").is_empty());
}
