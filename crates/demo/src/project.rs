//! The project that the demo flies: plain files as any team would write them.

use crate::layout::{Behaviour, Layout, REGIONS, SERVICES};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::io;
use std::path::Path;

/// The versions that serve at the start.
pub const FIRST_VERSIONS: [(&str, &str); 3] = [("frontend", "7.0.4"), ("auth", "2.3.0"), ("payments", "4.11.2")];
/// Share of requests that payments fails in a good version, 0 to 1.
pub const ERRORS_USUAL: f64 = 0.02;
/// Share of requests that the others fail by themselves.
const ERRORS_SMALL: f64 = 0.001;
/// Rise of errors in the bad version.
pub const BAD_FACTOR: f64 = 5.0;
/// The bad version of payments.
pub const BAD_VERSION: &str = "4.12.1";

/// How long stages are watched, and what the judge is to find.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    /// Requests per second sent into each region.
    pub rate: f64,
    /// Greatest share of the first stage, in percent.
    pub first_stage_percent: u32,
    /// Least time a stage is watched, in seconds.
    pub min_bake_s: u32,
    /// Longest planned bake, in seconds.
    pub max_bake_s: u32,
}

impl Pace {
    /// All three acts in less than two minutes: one judged stage per region.
    pub const FAST: Self = Self { rate: 240.0, first_stage_percent: 25, min_bake_s: 2, max_bake_s: 20 };
    /// Two judged stages in the first region.
    pub const USUAL: Self = Self { rate: 200.0, first_stage_percent: 10, min_bake_s: 4, max_bake_s: 45 };
}

/// How each version behaves.
pub fn behaviour() -> BTreeMap<String, BTreeMap<String, Behaviour>> {
    let versions = [
        ("frontend", "7.0.4", ERRORS_SMALL, 2),
        ("frontend", "7.1.0", ERRORS_SMALL, 2),
        ("auth", "2.3.0", ERRORS_SMALL, 2),
        ("auth", "2.3.1", ERRORS_SMALL, 2),
        ("payments", "4.11.2", ERRORS_USUAL, 4),
        ("payments", "4.12.0", ERRORS_USUAL, 4),
        ("payments", BAD_VERSION, ERRORS_USUAL * BAD_FACTOR, 4),
        ("payments", "4.12.2", ERRORS_USUAL, 4),
    ];
    let mut all: BTreeMap<String, BTreeMap<String, Behaviour>> = BTreeMap::new();
    for (service, version, errors, work_ms) in versions {
        all.entry(service.to_owned()).or_default().insert(version.to_owned(), Behaviour { errors, work_ms });
    }
    all
}

/// One act's change.
#[derive(Debug, Clone, Copy)]
pub struct ActChange {
    /// Name of the change and of its file.
    pub name: &'static str,
    title: &'static str,
    reason: &'static str,
    intent: &'static str,
    owner: &'static str,
    /// Components with the version they are to reach.
    pub items: &'static [(&'static str, &'static str)],
}

/// The changes of the three acts.
pub const ACTS: [ActChange; 3] = [
    ActChange {
        name: "act-1",
        title: "Require 3-D Secure at checkout",
        reason: "Strong customer authentication becomes mandatory",
        intent: "feature",
        owner: "checkout-team",
        items: &[("payments", "4.12.0"), ("auth", "2.3.1"), ("frontend", "7.1.0")],
    },
    ActChange {
        name: "act-2",
        title: "Retry declined cards once",
        reason: "A part of all declined cards is accepted at the second try",
        intent: "feature",
        owner: "payments-team",
        items: &[("payments", BAD_VERSION)],
    },
    ActChange {
        name: "act-3",
        title: "Retry declined cards once, second attempt",
        reason: "The first attempt was rolled back: it retried requests that must not be sent twice",
        intent: "feature",
        owner: "payments-team",
        items: &[("payments", "4.12.2")],
    },
];

/// Writes the project's files into `root`.
///
/// # Errors
/// When a file cannot be written.
pub fn write(root: &Path, layout: &Layout, pace: Pace) -> io::Result<()> {
    for folder in ["catalog", "changes", "slo", "documents"] {
        std::fs::create_dir_all(root.join(folder))?;
    }
    let put = |path: &str, text: String| std::fs::write(root.join(path), text);
    put("glidepath.yaml", config(layout, pace))?;
    put("catalog/components.yaml", components())?;
    put("catalog/teams.yaml", teams())?;
    put("catalog/class-http.yaml", class(root, layout, pace))?;
    for service in SERVICES {
        put(&format!("catalog/{service}-production.yaml"), target(service, layout))?;
    }
    if layout.prometheus.is_some() {
        put("slo/checkout.yaml", objective())?;
    }
    for act in ACTS {
        put(&format!("changes/{}.yaml", act.name), change(&act))?;
    }
    script(root, "deploy.sh", include_str!("deploy.sh"), layout)?;
    script(root, "stop.sh", include_str!("stop.sh"), layout)
}

fn script(root: &Path, name: &str, text: &str, layout: &Layout) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let path = root.join(name);
    // Inside double quotes a shell gives a meaning to these four only.
    let program: String =
        layout.program.display().to_string().chars().flat_map(|c| if "\\\"$`".contains(c) { vec!['\\', c] } else { vec![c] }).collect();
    std::fs::write(&path, text.replace("@PROGRAM@", &program))?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))
}

fn config(layout: &Layout, pace: Pace) -> String {
    let telemetry = layout
        .prometheus
        .map_or_else(String::new, |port| format!("  telemetry:\n    prometheus: {{ url: \"http://127.0.0.1:{port}\" }}\n"));
    let Pace { first_stage_percent, min_bake_s, max_bake_s, .. } = pace;
    format!(
        "# The project of `glidepath demo`: three services in two regions, all on this machine.
apiVersion: glidepath.dev/v1
kind: Config
metadata: {{ name: demo }}
spec:
  environments:
    - name: production
      local: true                 # this machine alone changes it, so its own store is enough
      firstStageMax: {first_stage_percent}%
      minBake: {min_bake_s}s
      maxBake: {max_bake_s}s
      holdLimit: 60s              # a partial exposure without progress goes back after this
      verify: []
{telemetry}  verification:
    effect: 5x                    # the smallest rise of errors worth finding; below it the plan says that it is blind
    power: 80%
    falseAlarm: 1%
    dispersion: 1x                # requests of this fleet fail independently of one another
"
    )
}

fn components() -> String {
    let mut text = String::from("# Who calls whom, who answers for it.\n");
    for (at, service) in SERVICES.iter().enumerate() {
        let (title, description) = match *service {
            "frontend" => ("Shop frontend", "Pages and API of the shop"),
            "auth" => ("Authentication", "Knows who is buying"),
            _ => ("Payments", "Takes the money"),
        };
        let depends = Layout::callee(service).map_or_else(|| "[]".to_owned(), |to| format!("[ \"component:{to}\" ]"));
        let owner = if *service == "frontend" {
            "checkout-team"
        } else if *service == "auth" {
            "identity-team"
        } else {
            "payments-team"
        };
        let separator = if at == 0 { "" } else { "---\n" };
        let _ = write!(
            text,
            "{separator}apiVersion: backstage.io/v1alpha1
kind: Component
metadata:
  name: {service}
  title: {title}
  description: {description}
  annotations: {{ glidepath.dev/tier: \"{}\" }}
spec: {{ type: service, lifecycle: production, owner: \"group:default/{owner}\", system: shop, dependsOn: {depends} }}
",
            if *service == "auth" { 2 } else { 1 }
        );
    }
    text + "---\napiVersion: backstage.io/v1alpha1\nkind: System\nmetadata: { name: shop, title: Shop }\nspec: { owner: \"group:default/checkout-team\" }\n"
}

fn teams() -> String {
    let mut text = String::from("# How to reach the teams.\n");
    for (at, (name, title)) in
        [("checkout-team", "Checkout team"), ("identity-team", "Identity team"), ("payments-team", "Payments team")].into_iter().enumerate()
    {
        let separator = if at == 0 { "" } else { "---\n" };
        let short = name.trim_end_matches("-team");
        let _ = write!(
            text,
            "{separator}apiVersion: backstage.io/v1alpha1
kind: Group
metadata:
  name: {name}
  annotations:
    glidepath.dev/chat: \"#{name}\"
    glidepath.dev/on-call-primary: \"{short} on-call, page {short}-primary\"
    glidepath.dev/on-call-secondary: \"{short} second on-call, page {short}-secondary\"
    glidepath.dev/escalation: \"head of engineering, page engineering-lead\"
    glidepath.dev/emergency-infrastructure: \"platform on-call, page platform-primary\"
spec: {{ type: team, profile: {{ displayName: {title}, email: {name}@shop.example }}, children: [], members: [] }}
"
        );
    }
    text
}

fn class(root: &Path, layout: &Layout, pace: Pace) -> String {
    let gateway = layout.gateway;
    let socket = root.join("fleet").display().to_string();
    let (traffic, metrics) = match layout.prometheus {
        Some(_) => (
            "  traffic: { query: 'sum(rate(http_requests_total{app=\"{component}\",region=\"{region}\"}[5s]))' }\n".to_owned(),
            String::new(),
        ),
        None => (String::new(), format!("  metrics: {{ url: \"http://127.0.0.1:{gateway}/{{host}}/metrics\" }}\n")),
    };
    format!(
        "# What the services share. Hosts are reached by their names through the fleet's gateway on port {gateway}.
apiVersion: glidepath.dev/v1
kind: TargetClass
metadata: {{ name: http-service }}
spec:
  selector: {{ matchLabels: {{ class: http-service }} }}
  environment: production
  infrastructure: vm
  router: {{ haproxy: {{ socket: \"{socket}/{{region}}.sock\", backend: \"{{component}}\" }} }}
  version: {{ probe: {{ http: {{ url: \"http://127.0.0.1:{gateway}/{{host}}/version\" }} }} }}
  health: {{ http: {{ url: \"http://127.0.0.1:{gateway}/{{host}}/healthz\", expect: 200 }} }}
  deploy:
    exec: {{ argv: [ ./deploy.sh, \"{{host}}\", \"{{version}}\" ] }}
    timeout: 30s
    onUnknown: probe
  undo: {{ exec: {{ argv: [ ./deploy.sh, \"{{host}}\", \"{{from}}\" ] }}, timeout: 30s }}
  restart: 1s
{traffic}{metrics}  signals:
    split: {{ label: version, canary: \"{{version}}\", baseline: \"{{from}}\" }}
    errors:
      ratio:
        bad: 'http_requests_total{{app=\"{{component}}\",region=\"{{region}}\",code=~\"5..\"}}'
        total: 'http_requests_total{{app=\"{{component}}\",region=\"{{region}}\"}}'
  capacity: {{ replica: {} requests/s }}
  cost: {{ replicaHour: 0.12 EUR }}
",
        (pace.rate * 1.25).round()
    )
}

fn target(service: &str, layout: &Layout) -> String {
    let mut text = format!(
        "apiVersion: glidepath.dev/v1
kind: Target
metadata: {{ name: {service}-production, labels: {{ class: http-service }} }}
spec:
  component: {service}
  environment: production
  regions:
"
    );
    for region in REGIONS {
        let hosts: Vec<&str> = layout.hosts_of(service, region).map(|(name, _)| name.as_str()).collect();
        let pair = REGIONS.iter().find(|r| **r != region).unwrap_or(&region);
        let _ = writeln!(text, "    - {{ name: {region}, hosts: [ {} ], pair: {pair} }}", hosts.join(", "));
    }
    text
}

fn objective() -> String {
    let query = |extra: &str| {
        format!("{{ metricSource: {{ type: Prometheus, spec: {{ query: 'http_requests_total{{app=\"frontend\"{extra}}}' }} }} }}")
    };
    format!(
        "# What the shop promises its users.
apiVersion: openslo/v1
kind: SLO
metadata: {{ name: checkout-availability, displayName: Checkout answers }}
spec:
  service: frontend
  description: Requests to the shop that are answered
  indicator:
    metadata: {{ name: checkout-errors }}
    spec:
      ratioMetric:
        counter: true
        bad: {}
        total: {}
  timeWindow: [ {{ duration: 30d, isRolling: true }} ]
  budgetingMethod: Occurrences
  objectives: [ {{ target: 0.95 }} ]
",
        query(",code=~\"5..\""),
        query("")
    )
}

fn change(act: &ActChange) -> String {
    let mut items = String::new();
    for (component, to) in act.items {
        let _ = writeln!(items, "    - {{ component: {component}, type: code, to: {to} }}");
    }
    format!(
        "apiVersion: glidepath.dev/v1
kind: Change
metadata: {{ name: {} }}
spec:
  title: {}
  reason: \"{}\"
  class: normal
  intent: {}
  environments: [ production ]
  owner: group:default/{}
  items:
{items}  onFailure: rollbackChange
",
        act.name, act.title, act.reason, act.intent, act.owner
    )
}
