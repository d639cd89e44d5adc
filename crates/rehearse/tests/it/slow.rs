//! Slow hosts, whole regions at once, single hosts, a second copy: where batches, ways back and downtimes take long, plans predict what their flights
//! come to as well.

use crate::fixture::SEED;
use glidepath_model::Millis;
use glidepath_model::plan::RiskLevel;
use glidepath_rehearse::{Agreement, End, Model, Outcome, agreement, summary};
use glidepath_testkit::examples::{Example, folder, planned_project};

/// A way back of its own, that nobody limits.
const UNDO: &str = r#"  undo: { exec: { argv: [ ./undo.sh, "{host}", "{from}" ] } }"#;
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
    /// Further fields of its deploy action.
    deploy: &'t str,
    /// Further fields of the target.
    more: &'t str,
}

impl Service<'_> {
    fn planned(&self) -> Example {
        self.planned_with(&[])
    }

    /// With further files; the one named `on-window-end` is what the change says of that.
    fn planned_with(&self, further: &[(&str, &str)]) -> Example {
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
  deploy: {{ exec: {{ argv: [ ./deploy.sh, "{{host}}", "{{version}}" ] }}{} }}
  restart: {}
{}
"#,
            regions.join("\n"),
            self.deploy,
            self.restart,
            self.more
        );
        let on_window_end = further.iter().find(|(path, _)| *path == "on-window-end").map(|(_, text)| *text);
        let change = format!(
            r"apiVersion: glidepath.dev/v1
kind: Change
metadata: {{ name: x }}
spec:
  title: X
  owner: group:default/team
  constraints: {{ downtime: 10h }}
  onWindowEnd: {}
  items:
    - {{ component: web, to: 2.0.0, strategy: {} }}
",
            on_window_end.unwrap_or("finish"),
            self.strategy
        );
        let mut files = vec![("glidepath.yaml", project), ("catalog/target.yaml", target.as_str()), ("changes/x.yaml", change.as_str())];
        files.extend(further.iter().filter(|(path, _)| path.contains('/')));
        planned_project(&files, "x").unwrap_or_else(|problem| panic!("{}: {problem}", self.name))
    }
}

fn flown(example: &Example) -> Vec<Outcome> {
    let model = Model::new(&example.plan, &example.facts, &[]);
    (0..RUNS).map(|number| model.fly(SEED, number)).collect()
}

#[test]
fn what_takes_long_costs_what_was_predicted() {
    let usual = Service { name: "", regions: &[(4, true)], has_standby: false, restart: "10m", strategy: "rolling", deploy: "", more: "" };
    let services = [
        Service { name: "rolling, a router and slow hosts", ..usual },
        Service { name: "rolling, many slow hosts", regions: &[(30, true)], ..usual },
        Service { name: "rolling, no router", regions: &[(8, false)], ..usual },
        Service { name: "rolling, quick hosts", regions: &[(4, true)], restart: "5s", ..usual },
        Service { name: "rolling, single hosts that go down one after the other", regions: &[(1, false), (1, false)], ..usual },
        Service { name: "rolling, three regions", regions: &[(3, true), (2, true), (8, false)], restart: "5m", ..usual },
        Service { name: "recreate, few hosts", strategy: "recreate", ..usual },
        Service { name: "recreate, many hosts", regions: &[(30, true)], strategy: "recreate", ..usual },
        Service { name: "half of the tries are ended", deploy: ", timeout: 10m, onUnknown: rerun", more: UNDO, ..usual },
        Service { name: "one try in six is ended, and a probe tells", deploy: ", timeout: 15m", more: UNDO, ..usual },
        Service { name: "one try in six is ended, and a person is asked", deploy: ", timeout: 15m, onUnknown: ask", more: UNDO, ..usual },
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
fn a_deploy_that_has_less_time_than_it_takes_does_not_land() {
    let deploy = ", timeout: 2m, onUnknown: rerun";
    let service =
        Service { name: "cut", regions: &[(4, false)], has_standby: false, restart: "10m", strategy: "rolling", deploy, more: UNDO };
    let example = service.planned();
    let plan = &example.plan;
    assert!(plan.prediction.failure.mean > 0.99 && plan.prediction.risk >= RiskLevel::Medium, "{:?}", plan.prediction);
    assert!(plan.findings.iter().any(|finding| finding.code.0 == 358), "{:?}", plan.findings);
    let outcomes = flown(&example);
    assert!(outcomes.iter().all(|outcome| outcome.end == End::RolledBack), "{:?}", outcomes[0]);
    let found = agreement(plan, &summary(SEED, &outcomes));
    let wrong: Vec<&Agreement> = found.iter().filter(|one| !one.holds).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn what_depends_on_a_component_is_down_with_it() {
    let catalog = r#"apiVersion: backstage.io/v1alpha1
kind: Component
metadata: { name: shop, annotations: { glidepath.dev/tier: "2" } }
spec: { type: service, lifecycle: production, owner: team, dependsOn: [ "component:front" ] }
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: { name: front, annotations: { glidepath.dev/tier: "2" } }
spec: { type: service, lifecycle: production, owner: team, dependsOn: [ "component:web" ] }
---
apiVersion: glidepath.dev/v1
kind: Target
metadata: { name: shop }
spec:
  component: shop
  environment: production
  regions:
    - { name: r0, hosts: [ s1 ] }
  version: { probe: { http: { url: "http://{host}/version" } } }
  traffic: "300 requests/s"
  deploy: { exec: { argv: [ ./deploy.sh, "{host}", "{version}" ] } }
"#;
    let usual =
        Service { name: "", regions: &[(1, false)], has_standby: false, restart: "10m", strategy: "recreate", deploy: "", more: "" };
    let alone = usual.planned();
    let example = usual.planned_with(&[("catalog/shop.yaml", catalog)]);
    let (own, all) = (alone.plan.prediction.bad_requests, example.plan.prediction.bad_requests);
    assert!(all > 3.8 * own && all < 4.1 * own, "{own} {all}");
    assert_eq!(example.plan.prediction.downtime.as_ref().unwrap().users, ["production/shop"]);
    let found = agreement(&example.plan, &summary(SEED, &flown(&example)));
    let wrong: Vec<&Agreement> = found.iter().filter(|one| !one.holds).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_flight_that_stands_still_costs_what_is_exposed_meanwhile() {
    // Nothing may start for a while, which begins in mid-flight.
    let calendar = r#"apiVersion: glidepath.dev/v1
kind: Calendar
metadata: { name: c }
spec:
  timeZone: UTC
  freezes: [ { name: f, from: "FROM", to: "UNTIL" } ]
"#;
    let usual = Service { name: "", regions: &[(8, false)], has_standby: false, restart: "10m", strategy: "rolling", deploy: "", more: "" };
    let open = usual.planned();
    let at = |minutes: u64| open.plan.body.created_at.plus(Millis::from_mins(minutes)).to_string();
    for (minutes, reopens) in [(32, 92), (12, 720)] {
        let calendar = calendar.replace("FROM", &at(minutes)).replace("UNTIL", &at(reopens));
        let service = Service { more: "", ..usual };
        let example = service.planned_with(&[("calendar/c.yaml", &calendar), ("on-window-end", "hold")]);
        let p = &example.plan.prediction;
        assert!(p.schedule.as_ref().unwrap().held.len() == 1, "{:?}", p.schedule);
        assert!(p.on_the_clock().unwrap().p50_ms > p.duration.p50_ms.plus(Millis::from_mins(30)), "{p:?}");
        assert!(p.bad_requests > open.plan.prediction.bad_requests, "{p:?}");
        let found = agreement(&example.plan, &summary(SEED, &flown(&example)));
        let wrong: Vec<&Agreement> = found.iter().filter(|one| !one.holds).collect();
        assert!(wrong.is_empty(), "{minutes} {reopens}: {:?} {wrong:#?}", p.schedule);
    }
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
    let service = Service { name: "cut", regions: &[(2, false)], has_standby: false, restart: "8s", strategy: "rolling", deploy: "", more };
    let example = service.planned();
    let p = &example.plan.prediction;
    assert_eq!(p.time_to_rollback, None);
    assert!(p.risk_reasons.iter().any(|reason| reason.contains("no way back that can be promised")), "{:?}", p.risk_reasons);
    let flown = flown(&example);
    let back: Vec<&Outcome> = flown.iter().filter(|outcome| outcome.turned.is_some()).collect();
    assert!(back.len() > 20 && back.iter().all(|outcome| outcome.end != End::RolledBack), "{:?}", back.first());
}
