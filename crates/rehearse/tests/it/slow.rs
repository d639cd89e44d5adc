//! Slow hosts, whole regions at once, single hosts, a second copy: where batches, ways back and downtimes take long, plans predict what their flights
//! come to as well.

use crate::fixture::SEED;
use glidepath_rehearse::{Agreement, End, Model, Outcome, agreement, summary};
use glidepath_testkit::examples::{Example, folder, planned_project};

/// Flights of a plan.
const RUNS: u64 = 2000;

/// A service by what matters here.
struct Service<'t> {
    name: &'t str,
    /// Regions: how many hosts each has, and whether a router steers them.
    regions: &'t [(usize, bool)],
    has_standby: bool,
    restart: &'t str,
    strategy: &'t str,
    /// Further fields of the target.
    more: &'t str,
}

impl Service<'_> {
    fn planned(&self) -> Example {
        let region = |(at, (hosts, is_steered)): (usize, &(usize, bool))| {
            let named = |kind: &str| (0..*hosts).map(|host| format!("{kind}{at}x{host}")).collect::<Vec<_>>().join(", ");
            let router =
                if *is_steered { format!(", router: {{ haproxy: {{ socket: /run/{at}.sock, backend: web }} }}") } else { String::new() };
            let standby = if self.has_standby { format!(", standby: [ {} ]", named("s")) } else { String::new() };
            format!("    - {{ name: r{at}, hosts: [ {} ]{standby}{router} }}", named("h"))
        };
        let regions: Vec<String> = self.regions.iter().enumerate().map(region).collect();
        let project = r#"apiVersion: glidepath.dev/v1
kind: Config
metadata: { name: slow }
spec:
  environments:
    - { name: production, local: true, minBake: 1m, maxBake: 1h, holdLimit: 48h }
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: { name: web, annotations: { glidepath.dev/tier: "2" } }
spec: { type: service, lifecycle: production, owner: team }
---
apiVersion: backstage.io/v1alpha1
kind: Group
metadata: { name: team }
spec: { type: team, children: [] }
"#;
        let target = format!(
            r#"apiVersion: glidepath.dev/v1
kind: Target
metadata: {{ name: web }}
spec:
  component: web
  environment: production
  regions:
{}
  version: {{ probe: {{ http: {{ url: "http://{{host}}/version" }} }} }}
  health: {{ http: {{ url: "http://{{host}}/healthz" }} }}
  traffic: "100 requests/s"
  deploy: {{ exec: {{ argv: [ ./deploy.sh, "{{host}}", "{{version}}" ] }} }}
  restart: {}
{}
"#,
            regions.join("\n"),
            self.restart,
            self.more
        );
        let change = format!(
            r"apiVersion: glidepath.dev/v1
kind: Change
metadata: {{ name: x }}
spec:
  title: X
  owner: group:default/team
  constraints: {{ downtime: 10h }}
  items:
    - {{ component: web, to: 2.0.0, strategy: {} }}
",
            self.strategy
        );
        let files = [("glidepath.yaml", project), ("catalog/target.yaml", target.as_str()), ("changes/x.yaml", change.as_str())];
        planned_project(&files, "x").unwrap_or_else(|problem| panic!("{}: {problem}", self.name))
    }
}

fn flown(example: &Example) -> Vec<Outcome> {
    let model = Model::new(&example.plan, &example.facts, &[]);
    (0..RUNS).map(|number| model.fly(SEED, number)).collect()
}

#[test]
fn what_takes_long_costs_what_was_predicted() {
    let usual = Service { name: "", regions: &[(4, true)], has_standby: false, restart: "10m", strategy: "rolling", more: "" };
    let services = [
        Service { name: "rolling, a router and slow hosts", ..usual },
        Service { name: "rolling, many slow hosts", regions: &[(30, true)], ..usual },
        Service { name: "rolling, no router", regions: &[(8, false)], ..usual },
        Service { name: "rolling, quick hosts", regions: &[(4, true)], restart: "5s", ..usual },
        Service { name: "rolling, single hosts that go down one after the other", regions: &[(1, false), (1, false)], ..usual },
        Service { name: "rolling, three regions", regions: &[(3, true), (2, true), (8, false)], restart: "5m", ..usual },
        Service { name: "recreate, few hosts", strategy: "recreate", ..usual },
        Service { name: "recreate, many hosts", regions: &[(30, true)], strategy: "recreate", ..usual },
        Service { name: "blue-green, slow hosts", has_standby: true, strategy: "blue-green", ..usual },
    ];
    let mut wrong: Vec<String> = Vec::new();
    for service in services {
        let example = service.planned();
        let found = agreement(&example.plan, &summary(SEED, &flown(&example)));
        let off = found.iter().filter(|one: &&Agreement| !one.holds);
        wrong.extend(off.map(|one| {
            let (low, high) = (one.low, one.high);
            format!("{}: {} {:.1}, simulated {:.1} ({low:.1} to {high:.1})", service.name, one.what, one.predicted, one.simulated)
        }));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_failover_refuses_what_was_predicted() {
    let root = folder().join("failover");
    let read = |path: &str| std::fs::read_to_string(root.join(path)).unwrap();
    let catalog = read("catalog/shop.yaml").replacen("  failover:\n", "  traffic: 1000 requests/s\n  failover:\n", 1);
    let (config, change) = (read("glidepath.yaml"), read("changes/lead-north.yaml"));
    let files = [("glidepath.yaml", config.as_str()), ("catalog/shop.yaml", &catalog), ("changes/lead-north.yaml", &change)];
    let example = planned_project(&files, "lead-north").unwrap();
    let found = agreement(&example.plan, &summary(SEED, &flown(&example)));
    assert!(found.iter().any(|one| one.what.contains("bad requests") && one.predicted > 10_000.0), "{found:#?}");
    let wrong: Vec<&Agreement> = found.iter().filter(|one| !one.holds).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn an_undo_that_has_less_time_than_it_takes_is_no_way_back() {
    let more = r#"  undo: { exec: { argv: [ ./undo.sh, "{host}", "{from}" ] }, timeout: 1s }"#;
    let service = Service { name: "cut", regions: &[(2, false)], has_standby: false, restart: "8s", strategy: "rolling", more };
    let example = service.planned();
    let p = &example.plan.prediction;
    assert_eq!(p.time_to_rollback, None);
    assert!(p.risk_reasons.iter().any(|reason| reason.contains("no way back that can be promised")), "{:?}", p.risk_reasons);
    let flown = flown(&example);
    let back: Vec<&Outcome> = flown.iter().filter(|outcome| outcome.turned.is_some()).collect();
    assert!(back.len() > 20 && back.iter().all(|outcome| outcome.end != End::RolledBack), "{:?}", back.first());
}
