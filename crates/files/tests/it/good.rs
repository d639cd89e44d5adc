//! Projects that are as they should be.

use glidepath_files::{Loaded, Project, SourceFile, init_files, parse};
use glidepath_model::Severity;
use glidepath_model::catalog::{
    Access, BasicAuth, Budgeting, ClientCertificate, EdgeKind, Indicator, PeriodUnit, Router, TlsFiles, TrafficSource,
};
use glidepath_model::change::ItemKind;
use glidepath_model::{Millis, Share};
use std::path::{Path, PathBuf};

pub(crate) fn shown(loaded: &Loaded) -> String {
    let lines = loaded.diagnostics.iter().map(|d| {
        let place = d.place.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
        format!("{} {:?} {place} [{}] {} | {} | {}\n", d.code, d.severity, d.field, d.message, d.reason, d.hint)
    });
    lines.collect()
}

pub(crate) fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(name)
}

#[test]
fn the_examples_validate_clean() {
    for name in ["checkout", "vm-fleet", "flag"] {
        let loaded = Project::load(&example(name));
        assert_eq!(shown(&loaded), "", "{name}");
        assert_eq!(loaded.changes.len(), 1, "{name}");
        assert!(loaded.files >= 3, "{name}");
    }
}

#[test]
fn the_runbooks_of_the_example_validate_clean() {
    let loaded = Project::load(&example("runbook"));
    assert_eq!(shown(&loaded), "");
    let names: Vec<&str> = loaded.runbooks.keys().map(|name| name.as_str()).collect();
    assert_eq!(names, ["announce", "rotate-keys"]);
    assert_eq!(loaded.runbook_files[&"announce".into()], "runbooks/announce.yaml");
}

#[test]
fn limits_of_a_class_and_of_a_target_go_together() {
    let base = include_str!("../base.yaml").replace("{ name: web-production }", "{ name: web-production, labels: { kind: web } }");
    let text = format!(
        "{base}  limits: {{ starts: {{ count: 4, per: 1m }} }}\n---\napiVersion: glidepath.dev/v1\nkind: TargetClass\nmetadata: {{ name: web }}\nspec:\n  \
         selector: {{ matchLabels: {{ kind: web }} }}\n  limits: {{ starts: 9 per 1m, breaker: {{ failures: 3, within: 10m, open: 15m }} }}\n"
    );
    let loaded = parse(&[SourceFile { path: "glidepath.yaml".into(), bytes: text.into_bytes() }], &|_| Err("no".into()));
    assert_eq!(shown(&loaded), "");
    let target = &loaded.catalog.targets[&"web-production".into()];
    assert_eq!(target.rate.map(|rate| (rate.starts_max, rate.per_ms)), Some((4, Millis::from_mins(1))), "the target's own wins");
    assert_eq!(target.breaker.map(|breaker| breaker.failures_max), Some(3), "and the class adds what it has not");
}

#[test]
fn checkout_is_read_as_written() {
    let loaded = Project::load(&example("checkout"));
    let catalog = &loaded.catalog;
    let payments = &catalog.targets[&"payments-production".into()];
    assert_eq!(payments.regions.len(), 2);
    assert_eq!(payments.regions[0].pair.as_ref().map(|p| p.as_str()), Some("us-east"));
    let expected = Router::Haproxy { socket: "/run/haproxy-eu.sock".into(), backend: "payments".into(), server: "{host}".into() };
    assert_eq!(payments.regions[0].router, Some(expected));
    let deploy = payments.deploy.as_ref().unwrap();
    assert_eq!(deploy.input["argv"], serde_json::json!(["./deploy.sh", "payments", "{host}", "{version}"]));
    assert_eq!(deploy.timeout_ms, Some(Millis::from_mins(10)));
    assert!(matches!(&payments.traffic, Some(TrafficSource::Query(q)) if q.contains("app=\"payments\"") && q.contains("{region}")));
    assert_eq!(payments.signals.as_ref().unwrap().slow.as_ref().unwrap().limit_ms, Millis(300));
    let edges = |name: &str| -> Vec<(String, EdgeKind)> {
        catalog.components[&name.into()].depends_on.iter().map(|d| (d.to.to_string(), d.kind)).collect()
    };
    assert_eq!(edges("payments"), [("payments-db".to_owned(), EdgeKind::Writes)]);
    assert_eq!(edges("frontend"), [("payments".to_owned(), EdgeKind::Calls), ("auth".to_owned(), EdgeKind::Calls)]);
    assert_eq!(catalog.objectives.len(), 4);
    assert_eq!(catalog.objectives.iter().find(|o| o.name == "payments-availability").unwrap().target, Share::parse("0.995").unwrap());
    assert_eq!(catalog.calendars[0].freezes[1].from.to_string(), "2026-12-18T23:00:00Z");
    let change = &loaded.changes[&"checkout-3ds".into()];
    assert_eq!(change.items.len(), 4);
    assert_eq!(change.constraints.max_budget_share, Some(Share::percent(10)));
    assert_eq!(loaded.change_files[&"checkout-3ds".into()], "changes/checkout-3ds.yaml");
    let ItemKind::Schema { contract: Some(contract), .. } = &change.items[0].kind else { panic!("{:?}", change.items[0]) };
    assert_eq!(contract.not_before_ms, Millis::from_mins(7 * 24 * 60));
}

#[test]
fn a_freeze_lasts_up_to_the_day_that_it_names_and_one_without_an_end_is_kept() {
    for (from, to, expected) in [
        ("2026-12-19", "2027-01-04", Some(("2026-12-18T23:00:00Z", "2027-01-03T23:00:00Z"))),
        ("2026-12-19T18:00", "2026-12-20T06:00", Some(("2026-12-19T17:00:00Z", "2026-12-20T05:00:00Z"))),
        ("2026-12-01", "9999-12-30", Some(("2026-11-30T23:00:00Z", "9999-12-29T23:00:00Z"))),
        ("2026-12-01", "9999-12-31", Some(("2026-11-30T23:00:00Z", "9999-12-30T22:00:00.999999999Z"))),
        ("2026-12-01", "9999-12-31T23:59:59", Some(("2026-11-30T23:00:00Z", "9999-12-30T22:00:00.999999999Z"))),
        ("-9999-01-01", "2026-12-01", None),
    ] {
        let text = format!(
            "apiVersion: glidepath.dev/v1\nkind: Config\nmetadata: {{ name: shop }}\nspec: {{ environments: [ {{ name: production, local: true }} ] }}\n---\napiVersion: glidepath.dev/v1\nkind: Calendar\nmetadata: {{ name: c }}\nspec:\n  timeZone: Europe/Berlin\n  freezes: [ {{ name: f, from: \"{from}\", to: \"{to}\" }} ]\n"
        );
        let loaded = parse(&[SourceFile { path: "calendar.yaml".into(), bytes: text.into_bytes() }], &|_| Err("no".into()));
        let freezes = loaded.catalog.calendars.first().map(|calendar| calendar.freezes.as_slice()).unwrap_or_default();
        let edges = freezes.first().map(|freeze| (freeze.from.to_string(), freeze.to.to_string()));
        let expected = expected.map(|(from, to)| (from.to_owned(), to.to_owned()));
        assert_eq!(edges, expected, "{from} to {to}: {:#?}", loaded.diagnostics);
        // Beside the missing Config, which has no place.
        let is_refused = loaded.diagnostics.iter().any(|found| found.severity == Severity::Error && found.place.is_some());
        assert_eq!(edges.is_none(), is_refused, "a freeze is kept or refused, never dropped: {from} to {to}: {:#?}", loaded.diagnostics);
    }
}

#[test]
fn inventories_are_expanded() {
    let loaded = Project::load(&example("vm-fleet"));
    let hosts: Vec<String> = loaded.catalog.targets[&"agent-production".into()].hosts().map(|(_, h)| h.to_string()).collect();
    assert_eq!(hosts, ["north-1", "north-2", "north-3", "north-4", "south-1", "south-2", "south-3"]);
}

#[test]
fn a_new_project_validates_clean_and_can_be_grown_by_removing_comment_signs() {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in init_files("hello") {
        std::fs::create_dir_all(folder.path().join(&path).parent().unwrap()).unwrap();
        std::fs::write(folder.path().join(path), text).unwrap();
    }
    let loaded = Project::load(folder.path());
    assert_eq!(shown(&loaded), "");
    assert_eq!(loaded.catalog.settings.project, "hello");
    for (file, first) in
        [("catalog/components.yaml", "# ---"), ("catalog/targets.yaml", "# ---"), ("changes/first-change.yaml", "    # - {")]
    {
        let path = folder.path().join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        let at = text.find(first).unwrap();
        let grown: String =
            text[at..].lines().filter(|l| !l.contains("A second service")).map(|l| l.replacen("# ", "", 1) + "\n").collect();
        std::fs::write(&path, format!("{}{grown}", &text[..at])).unwrap();
    }
    let grown = Project::load(folder.path());
    assert_eq!(shown(&grown), "");
    assert_eq!(grown.changes[&"first-change".into()].items.len(), 2);
    assert_eq!(grown.catalog.targets[&"api-production".into()].hosts().count(), 2);
}

const THREE_FACTS: &str = "
apiVersion: glidepath.dev/v1
kind: Config
metadata: { name: x }
spec: { environments: [ { name: production, local: true } ] }
---
apiVersion: glidepath.dev/v1
kind: Target
metadata: { name: web }
spec:
  component: web
  hosts: [ a, b ]
  deploy: { exec: { argv: [ ./d, \"{host}\", \"{version}\" ] } }
  health: { http: { url: \"http://{host}/\" } }
---
apiVersion: glidepath.dev/v1
kind: Change
metadata: { name: c }
spec: { title: t, items: [ { component: web, to: 4.10 } ] }
";

#[test]
fn three_facts_are_enough_and_versions_stay_text() {
    for text in [THREE_FACTS.to_owned(), format!("\u{feff}{}", THREE_FACTS.replace('\n', "\r\n"))] {
        let file = SourceFile { path: "glidepath.yaml".into(), bytes: text.into_bytes() };
        let loaded = parse(&[file], &|_| Err("no".into()));
        assert_eq!(shown(&loaded), "");
        let target = &loaded.catalog.targets[&"web".into()];
        assert!(target.regions_assumed);
        assert_eq!((target.regions[0].name.as_str(), target.hosts().count()), ("default", 2));
        let item = &loaded.changes[&"c".into()].items[0];
        assert!(matches!(&item.kind, ItemKind::Version { to, .. } if to.as_str() == "4.10"), "{item:?}");
    }
}

#[test]
fn a_thousand_files_are_read_with_one_look_at_each() {
    let mut files = vec![SourceFile {
        path: "glidepath.yaml".into(),
        bytes: b"apiVersion: glidepath.dev/v1\nkind: Config\nmetadata: { name: x }\nspec: { environments: [ { name: p, local: true } ] }\n"
            .to_vec(),
    }];
    for at in 0..1000 {
        let needs = if at == 0 { String::new() } else { format!(", dependsOn: [ \"component:s{}\" ]", at - 1) };
        let text = format!(
            "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata: {{ name: s{at}, annotations: {{ glidepath.dev/tier: \"2\" }} }}\nspec: {{ type: service{needs} }}\n---\n{}",
            "apiVersion: glidepath.dev/v1\nkind: Target\nmetadata: { name: tAT }\nspec:\n  component: sAT\n  hosts: [ a, b, c ]\n  deploy: { exec: { argv: [ ./d, \"{host}\", \"{version}\" ] } }\n  health: { http: { url: \"http://{host}/\" } }\n".replace("AT", &at.to_string())
        );
        files.push(SourceFile { path: format!("catalog/{at}.yaml"), bytes: text.into_bytes() });
    }
    let begun = std::time::Instant::now();
    let loaded = parse(&files, &|_| Err("no".into()));
    let took = begun.elapsed();
    assert_eq!(shown(&loaded), "");
    assert_eq!((loaded.catalog.components.len(), loaded.catalog.targets.len()), (1000, 1000));
    // Release builds are far below their goal of 300 ms; this bound only catches work that grows with the square.
    assert!(took.as_secs() < 10, "{took:?}");
}

#[test]
fn commands_that_tell_people_are_read_with_their_deadline() {
    let config = "apiVersion: glidepath.dev/v1\nkind: Config\nmetadata: { name: shop }\nspec:\n  environments: [ { name: production, local: true } ]\n  notify:\n    \
                  - exec: { argv: [ ./page.sh, --urgent ] }\n    - { exec: { argv: [ ./chat.sh ] }, timeout: 3s }\n";
    let loaded = parse(&[SourceFile { path: "glidepath.yaml".into(), bytes: config.as_bytes().to_vec() }], &|_| Err("no".into()));
    assert_eq!(shown(&loaded), "");
    let read: Vec<_> = loaded.catalog.settings.notify.iter().map(|n| (n.argv.join(" "), n.timeout_ms)).collect();
    assert_eq!(read, [("./page.sh --urgent".to_owned(), Millis::from_secs(10)), ("./chat.sh".to_owned(), Millis::from_secs(3))]);
}

#[test]
fn a_wrong_edge_of_others_is_a_warning_for_a_change_that_it_does_not_concern() {
    let text = "apiVersion: glidepath.dev/v1
kind: Config
metadata: { name: shop }
spec: { environments: [ { name: production, local: true } ] }
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: { name: web }
spec: { type: service, lifecycle: production, owner: team, dependsOn: [ component:auth ] }
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: { name: auth }
spec: { type: service, lifecycle: production, owner: team }
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: { name: reports }
spec: { type: service, lifecycle: production, owner: team, dependsOn: [ component:EDGE ] }
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: { name: ping }
spec: { type: service, lifecycle: production, owner: team, dependsOn: [ component:pong ] }
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: { name: pong }
spec: { type: service, lifecycle: production, owner: team, dependsOn: [ component:ping ] }
---
apiVersion: backstage.io/v1alpha1
kind: Group
metadata: { name: team }
spec: { type: team, children: [] }
---
apiVersion: glidepath.dev/v1
kind: Target
metadata: { name: CHANGED }
spec: { component: CHANGED, environment: production, hosts: [ h1 ], deploy: { exec: { argv: [ ./d.sh, \"{host}\", \"{version}\" ] } } }
---
apiVersion: glidepath.dev/v1
kind: Change
metadata: { name: up }
spec: { title: Up, environments: [ production ], items: [ { component: CHANGED, to: 2.0.0 } ] }
";
    for (changed, edge, expected) in [
        ("web", "gone", false),
        ("auth", "gone", false),
        // It may have meant what is changed.
        ("auth", "auht", true),
        ("reports", "gone", true),
        ("ping", "web", true),
    ] {
        let text = text.replace("CHANGED", changed).replace("EDGE", edge);
        let mut loaded = parse(&[SourceFile { path: "glidepath.yaml".into(), bytes: text.into_bytes() }], &|_| Err("no".into()));
        assert!(loaded.has_errors(), "validate says it whatever is changed");
        let change = loaded.changes[&"up".into()].clone();
        loaded.leave_aside(Some(&change));
        assert_eq!(loaded.has_errors(), expected, "{changed} with {edge}: {}", shown(&loaded));
    }
}

#[test]
fn all_that_an_objective_says_is_kept() {
    let text = format!("{}---\n{}", include_str!("../base.yaml"), include_str!("../slo.yaml"));
    let loaded = parse(&[SourceFile { path: "glidepath.yaml".into(), bytes: text.into_bytes() }], &|_| Err("no".into()));
    assert_eq!(shown(&loaded), "");
    let of = |name: &str| loaded.catalog.objectives.iter().find(|o| o.name == name).unwrap_or_else(|| panic!("{name}"));

    let orders = of("orders");
    assert_eq!((orders.target, orders.terms.sla, orders.rolling), (Share::from_ppb(999_500_000), Share::parse("0.999"), false));
    assert_eq!(orders.terms.display_name.as_deref(), Some("Answered"));
    assert_eq!(orders.terms.maintenance.as_deref(), Some("nightly"));
    assert_eq!(orders.terms.source, None, "the project's own");
    let calendar = orders.terms.calendar.as_ref().unwrap();
    assert_eq!((calendar.unit, calendar.count, calendar.start.as_str()), (PeriodUnit::Month, 1, "2026-01-01 06:30:00"));
    assert_eq!(calendar.time_zone, "Europe/Berlin");
    let [shared, in_place, named] = &orders.terms.alerts[..] else { panic!("{:?}", orders.terms.alerts) };
    assert_eq!((shared.name.as_str(), shared.severity.as_str(), shared.threshold), ("fast-burn", "page", 14.4));
    assert_eq!((shared.lookback_ms, shared.alert_after_ms), (Millis::from_mins(60), Millis::from_mins(5)));
    assert_eq!((shared.when_breaching, shared.when_resolved, shared.when_no_data), (true, true, false));
    assert_eq!(shared.targets, ["pager"]);
    assert_eq!((in_place.name.as_str(), in_place.alert_after_ms, in_place.when_no_data), ("slow-burn", Millis::ZERO, true));
    assert_eq!(in_place.targets, ["email"]);
    assert_eq!(named, shared);

    // The second goal of a document has a name of its own, and everything else in common.
    let second = of("orders-2");
    assert_eq!((second.target, &second.terms.alerts), (Share::from_ppb(999_900_000), &orders.terms.alerts));
    assert_eq!(second.indicator, orders.indicator);

    let slices = Budgeting::Timeslices { target: Share::percent(95), slice_ms: Millis::from_mins(5) };
    assert_eq!((of("latency").terms.budgeting, of("latency").rolling), (slices, true));
    assert!(matches!(&of("latency").indicator, Indicator::Threshold { operator, value, .. } if operator == "lte" && *value == 0.3));
    assert_eq!(of("ratio").terms.budgeting, Budgeting::RatioTimeslices { slice_ms: Millis::from_mins(10) });
    let source = of("ratio").terms.source.as_ref().unwrap();
    assert_eq!(
        (source.url.as_str(), source.access.bearer.as_deref(), source.timeout_ms),
        ("https://far", Some("env:FAR"), Millis::from_secs(30))
    );
    assert_eq!(of("raw").indicator, Indicator::Raw { query: "ratio_of_errors".into(), is_bad: true });
}

#[test]
fn who_asks_telemetry_is_kept_by_reference() {
    let access =
        "basic: { user: glidepath, password: env:PASSWORD }, tls: { caFile: certs/ca.pem, certFile: /etc/own.pem, key: file:own.key }";
    let base = include_str!("../base.yaml").replace("url: \"http://own:9090\"", &format!("url: \"https://own\", {access}"));
    let pages = format!("  metrics: {{ url: \"https://{{host}}/metrics\", {access} }}\n");
    let text = base.replacen("  component: web\n", &format!("  component: web\n{pages}"), 1);
    assert_ne!(base, text);
    let loaded = parse(&[SourceFile { path: "glidepath.yaml".into(), bytes: text.into_bytes() }], &|_| Err("no".into()));
    assert_eq!(shown(&loaded), "");
    let client = ClientCertificate { cert_file: "/etc/own.pem".to_owned(), key: "file:own.key".to_owned() };
    let expected = Access {
        bearer: None,
        basic: Some(BasicAuth { user: "glidepath".to_owned(), password: "env:PASSWORD".to_owned() }),
        tls: Some(TlsFiles { ca_file: Some("certs/ca.pem".to_owned()), client: Some(client) }),
    };
    assert_eq!(loaded.catalog.settings.prometheus.as_ref().map(|source| &source.access), Some(&expected));
    assert!(loaded.catalog.targets.values().any(|target| target.metrics_access.as_deref() == Some(&expected)));
}
