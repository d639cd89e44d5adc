//! Flights on telemetry that answers rubbish: what cannot be read is never taken for good news.

use crate::harness::{PACE, Pace, Project};
use glidepath_testkit::servers::Haproxy;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Requests per second that the counters of the good server grow by.
const REQUESTS_PER_SECOND: f64 = 50_000.0;
/// Share of them that fails, on both sides.
const BAD_SHARE: f64 = 0.01;
/// How long the slow server thinks; beyond the deadline of a question.
const SLOW: Duration = Duration::from_secs(3);

/// The answer of Prometheus to a query that nothing fits.
const NO_SERIES: &str = "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[]}}";

/// What the server answers.
#[derive(Clone, Copy, Debug)]
enum Mood {
    /// As Prometheus does, of counters that grow alike on both sides.
    Good,
    /// As Prometheus does, with this text as every value.
    Value(&'static str),
    /// With this status and body.
    Says(u16, &'static str),
    /// The good answer, too late.
    Slow,
    /// The good answer, of series that do not carry the label of the split.
    Unlabelled,
    /// The good answer, of a new side that fails more often. Of JSON only.
    Worse,
    /// The good answer, whatever side is asked for. Of JSON only.
    OfNoSide,
    /// As Prometheus does between two scrapes: what it knows stands still, and it knows how fast it grew.
    BetweenScrapes,
    /// Half of the good answer, then nothing.
    BreaksOff,
}

/// A server in the place of Prometheus.
struct Oracle {
    port: u16,
    mood: Arc<Mutex<Mood>>,
}

impl Oracle {
    fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let oracle = Self { port: listener.local_addr().unwrap().port(), mood: Arc::new(Mutex::new(Mood::Good)) };
        let mood = oracle.mood.clone();
        // The threads end with the process of the test.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mood = *mood.lock().unwrap();
                std::thread::spawn(move || answer(stream, mood));
            }
        });
        oracle
    }

    fn becomes(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }
}

/// Reads one request and answers; what the other side does not read is its own affair.
fn answer(mut stream: TcpStream, mood: Mood) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
    let request = lines.next().unwrap_or_default();
    lines.find(String::is_empty);
    let good = match request.contains("/counts?") {
        true => counts(&request, mood),
        false => vector(&request, &value_now(&request)),
    };
    let (status, body) = match mood {
        Mood::Good => (200, good),
        Mood::Value(text) => (200, vector(&request, text)),
        Mood::Says(status, body) => (status, body.to_owned()),
        Mood::Slow => {
            std::thread::sleep(SLOW);
            (200, good)
        }
        Mood::Unlabelled if request.contains("version%3D") => (200, NO_SERIES.to_owned()),
        Mood::BetweenScrapes if !request.contains("rate%28") => {
            (200, vector(&request, if request.contains("code%3D") { "10000" } else { "1000000" }))
        }
        Mood::BreaksOff | Mood::Unlabelled | Mood::BetweenScrapes | Mood::Worse | Mood::OfNoSide => (200, good),
    };
    let head =
        format!("HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    let sent = if matches!(mood, Mood::BreaksOff) { &body[..body.len() / 2] } else { &body[..] };
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(sent.as_bytes()));
}

/// The answer to an instant query: one series, named by what was asked.
fn vector(request: &str, value: &str) -> String {
    let side = if request.contains("2.0.0") { "2.0.0" } else { "1.0.0" };
    let series =
        format!("{{\"metric\":{{\"__name__\":\"http_requests_total\",\"version\":\"{side}\"}},\"value\":[{},\"{value}\"]}}", now());
    format!("{{\"status\":\"success\",\"data\":{{\"resultType\":\"vector\",\"result\":[{series}]}}}}")
}

fn value_now(request: &str) -> String {
    let requests = (now() - 1.7e9) * REQUESTS_PER_SECOND;
    match (request.contains("queue"), request.contains("code%3D")) {
        (true, _) => "0".to_owned(),
        _ if request.contains("rate%28") => REQUESTS_PER_SECOND.to_string(),
        (_, true) => format!("{}", requests * BAD_SHARE),
        (_, false) => format!("{requests}"),
    }
}

/// The answer of a server that speaks JSON: whole counts of the side that the address names.
fn counts(request: &str, mood: Mood) -> String {
    let is_there = ["version=1.0.0&", "version=2.0.0&", "version=&"].iter().any(|side| request.contains(side));
    if !is_there && !matches!(mood, Mood::OfNoSide) {
        return format!("{{\"asOf\":{},\"requests\":{{\"failed\":null,\"all\":null}},\"queue_length\":0}}", now());
    }
    let all = ((now() - 1.7e9) * REQUESTS_PER_SECOND).floor();
    let share = if matches!(mood, Mood::Worse) && request.contains("version=2") { 20.0 * BAD_SHARE } else { BAD_SHARE };
    format!("{{\"asOf\":{},\"requests\":{{\"failed\":{},\"all\":{all}}},\"queue_length\":0}}", now(), (all * share).floor())
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}

/// Two hosts behind a router, judged by counters and one threshold.
fn watched_fleet(oracle: &Oracle, router: &Haproxy) -> Project {
    let telemetry = format!("  telemetry:\n    prometheus: {{ url: \"http://127.0.0.1:{}\", timeout: 1s }}\n", oracle.port);
    fleet_watched_by(router, &telemetry, SIGNALS)
}

/// The same without a Prometheus, by a server that answers JSON.
fn fleet_watched_by_json(oracle: &Oracle, router: &Haproxy) -> Project {
    let address = format!("http://127.0.0.1:{}/counts?version={{side}}&since={{since}}&in={{region}}", oracle.port);
    let metrics = format!("  metrics: {{ type: json, url: \"{address}\", time: /asOf, timeout: 1s }}\n");
    let signals = SIGNALS
        .replace("'http_requests_total{code=~\"5..\"}'", "/requests/failed")
        .replace("'http_requests_total'", "/requests/all")
        .replace("max(queue_length)", "/queue_length");
    fleet_watched_by(router, "", &(metrics + &signals))
}

fn fleet_watched_by(router: &Haproxy, telemetry: &str, signals: &str) -> Project {
    let project = Project::fleet(&["payments"], 2, 10);
    project.pace(&Pace { hold_limit: "6s", ..PACE });
    project.write("glidepath.yaml", &(project.read("glidepath.yaml") + telemetry));
    let place = format!("router: {{ haproxy: {{ socket: {}, backend: payments }} }} }}\n", router.socket("admin.sock"));
    let catalog = project.read("catalog/services.yaml");
    let catalog = catalog
        .replace("payments-2 ] }\n", &format!("payments-2 ], {place}"))
        .replace("  infrastructure: vm\n", &format!("  infrastructure: vm\n{signals}"));
    assert!(catalog.contains("haproxy") && catalog.contains("queue_length"), "{catalog}");
    project.write("catalog/services.yaml", &catalog);
    project
}

/// Plans while telemetry is good; gives the plan's id.
fn planned(project: &Project) -> String {
    let plan: serde_json::Value = serde_json::from_str(&project.ok(&["plan", "upgrade", "--format", "json"], 0).out).unwrap();
    let checks = plan["body"]["steps"].to_string();
    assert!(checks.contains("proportion") && checks.contains("threshold"), "nothing is judged by telemetry: {checks}");
    plan["id"].as_str().unwrap().to_owned()
}

const SIGNALS: &str = "  strategies: [ canary ]
  traffic: 100000 requests/s
  capacity: { replica: 200000 requests/s }
  signals:
    split: { label: version, canary: \"{version}\", baseline: \"{from}\" }
    errors: { ratio: { bad: 'http_requests_total{code=~\"5..\"}', total: 'http_requests_total' } }
    thresholds: [ { name: queue, query: max(queue_length), max: 100 } ]
";

#[test]
fn a_canary_lands_on_good_telemetry() {
    let (oracle, router) = (Oracle::start(), Haproxy::start(&[("payments-1", 1), ("payments-2", 2)], "roundrobin"));
    let project = watched_fleet(&oracle, &router);
    let plan = planned(&project);
    project.ok(&["run", &plan, "--yes"], 0);
}

#[test]
fn a_canary_is_judged_by_counts_in_an_answer_of_json() {
    let (oracle, router) = (Oracle::start(), Haproxy::start(&[("payments-1", 1), ("payments-2", 2)], "roundrobin"));
    let project = fleet_watched_by_json(&oracle, &router);
    let plan = planned(&project);
    project.ok(&["run", &plan, "--yes"], 0);

    let router = Haproxy::start(&[("payments-1", 1), ("payments-2", 2)], "roundrobin");
    let project = fleet_watched_by_json(&oracle, &router);
    let plan = planned(&project);
    oracle.becomes(Mood::Worse);
    let said = project.say(&["run", &plan, "--yes"]);
    let words = format!("{}\n{}", said.out, said.err);
    assert!([1, 4].contains(&said.code) && words.contains("regression"), "exit code {}: {words}", said.code);
    assert_eq!(project.runs()[0]["status"], serde_json::json!({ "ended": "rolledBack" }), "{words}");
}

#[test]
fn a_budget_that_an_answer_of_json_cannot_tell_is_said_to_be_unknown_everywhere() {
    let (oracle, router) = (Oracle::start(), Haproxy::start(&[("payments-1", 1), ("payments-2", 2)], "roundrobin"));
    let project = fleet_watched_by_json(&oracle, &router);
    let query = |query: &str| format!("{{ metricSource: {{ spec: {{ query: {query} }} }} }}");
    for (name, bad, total) in [("counted", "failed_total", "requests_total"), ("pointed", "/requests/failed", "/requests/all")] {
        let ratio = format!("{{ ratioMetric: {{ counter: true, bad: {}, total: {} }} }}", query(bad), query(total));
        let text = format!(
            "apiVersion: openslo/v1\nkind: SLO\nmetadata: {{ name: {name} }}\nspec:\n  service: payments\n  indicator: {{ spec: {ratio} }}\n  \
             timeWindow: [ {{ duration: 30d }} ]\n  objectives: [ {{ target: 0.99 }} ]\n"
        );
        project.write(&format!("slo/{name}.yaml"), &text);
    }
    let validated = project.ok(&["validate"], 0).err;
    let table = project.ok(&["slo"], 5);
    let planned = project.ok(&["plan", "upgrade", "--format", "json"], 0).out;
    let plan: serde_json::Value = serde_json::from_str(&planned).unwrap();
    let flown = project.say(&["run", plan["id"].as_str().unwrap(), "--yes"]);
    assert_eq!(flown.code, 0, "{}\n{}", flown.out, flown.err);
    for name in ["counted", "pointed"] {
        assert!(validated.contains("warning[GP0110]") && validated.contains(&format!("slo/{name}.yaml:6")), "{validated}");
        let unknown = format!("[GP0697]: nothing is known of the budget of {name}: ");
        assert!(table.err.contains(&format!("error{unknown}")), "{}", table.err);
        assert!(flown.err.contains(&format!("warning{unknown}")), "{}", flown.err);
        assert!(planned.contains(&format!("The error budget of {name} is not looked at in flight: ")), "{planned}");
    }
    assert!(!table.out.contains("healthy") && table.out.matches("unknown").count() >= 2, "{}", table.out);
}

#[test]
fn a_server_that_counts_for_whatever_side_it_is_asked_is_no_canary() {
    let (oracle, router) = (Oracle::start(), Haproxy::start(&[("payments-1", 1), ("payments-2", 2)], "roundrobin"));
    let project = fleet_watched_by_json(&oracle, &router);
    oracle.becomes(Mood::OfNoSide);
    let refused = project.say(&["plan", "upgrade"]);
    assert_ne!(refused.code, 0, "{}", refused.out);
    assert!(refused.err.contains("requests of a side called `glidepath-nobody`, which is not there"), "{}", refused.err);
}

#[test]
fn a_split_whose_label_no_series_carries_is_no_canary() {
    let (oracle, router) = (Oracle::start(), Haproxy::start(&[("payments-1", 1), ("payments-2", 2)], "roundrobin"));
    let project = watched_fleet(&oracle, &router);
    oracle.becomes(Mood::Unlabelled);
    let refused = project.say(&["plan", "upgrade"]);
    assert_ne!(refused.code, 0, "{}", refused.out);
    let words = "no series of the old side were found for payments-production under `http_requests_total{version=\"1.0.0\"}`";
    assert!(refused.err.contains(words), "{}", refused.err);
    let live = project.say(&["validate", "--live"]);
    assert!(live.out.contains("no baseline counters"), "{}", live.out);
    assert!(live.err.contains("`http_requests_total{version=\"1.0.0\"}` finds none"), "{}", live.err);
    oracle.becomes(Mood::Good);
    assert!(project.say(&["validate", "--live"]).out.contains("baseline counters found"));
}

#[test]
fn traffic_that_nobody_declares_is_what_prometheus_counted_though_its_counters_stand_still_between_scrapes() {
    let (oracle, router) = (Oracle::start(), Haproxy::start(&[("payments-1", 1), ("payments-2", 2)], "roundrobin"));
    let project = watched_fleet(&oracle, &router);
    let catalog = project.read("catalog/services.yaml").replace("  traffic: 100000 requests/s\n", "");
    project.write("catalog/services.yaml", &catalog);
    oracle.becomes(Mood::BetweenScrapes);
    let live = project.say(&["validate", "--live"]);
    assert!(live.out.contains("50000.0 requests/s"), "{}\n{}", live.out, live.err);
}

#[test]
fn declared_traffic_arrives_where_the_hosts_are() {
    let project = Project::fleet(&["payments"], 10, 10);
    let catalog = project.read("catalog/services.yaml");
    let names = |from: usize, to: usize| (from..=to).map(|n| format!("payments-{n}")).collect::<Vec<_>>().join(", ");
    let one = format!("    - {{ name: here, hosts: [ {} ] }}\n", names(1, 10));
    let spread = format!(
        "    - {{ name: eu, hosts: [ {} ] }}\n    - {{ name: us, hosts: [ payments-10 ] }}\n    - {{ name: spare }}\n  traffic: 1000 requests/s\n",
        names(1, 9)
    );
    assert!(catalog.contains(&one), "{catalog}");
    project.write("catalog/services.yaml", &catalog.replace(&one, &spread));
    let plan = project.ok(&["plan", "upgrade"], 0).out;
    let of_stages =
        |region: &str, rate: &str| plan.lines().any(|line| line.contains(region) && line.contains("100 %") && line.contains(rate));
    assert!(of_stages(" eu ", " 900/s") && of_stages(" us ", " 100/s"), "{plan}");
}

#[test]
fn telemetry_that_answers_rubbish_never_lets_a_change_land() {
    let moods = [
        Mood::Says(200, "{\"status\":\"success\",\"data\":{\"resultType\":\"vec"),
        Mood::Says(200, "<html><body>Please sign in</body></html>"),
        Mood::Says(500, "internal error"),
        Mood::Says(200, "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[]}}"),
        Mood::Says(
            200,
            "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[{\"metric\":{},\"value\":[1e300,\"1\"]}]}}",
        ),
        Mood::Value("NaN"),
        Mood::Value("+Inf"),
        Mood::Value("-5"),
        Mood::Value("many"),
        Mood::Slow,
        Mood::BreaksOff,
    ];
    std::thread::scope(|scope| {
        for mood in moods {
            scope.spawn(move || never_lands(mood));
        }
    });
}

fn never_lands(mood: Mood) {
    let (oracle, router) = (Oracle::start(), Haproxy::start(&[("payments-1", 1), ("payments-2", 2)], "roundrobin"));
    let project = watched_fleet(&oracle, &router);
    let plan = planned(&project);
    oracle.becomes(mood);
    let said = project.say(&["run", &plan, "--yes"]);
    let words = format!("{mood:?}\n{}\n{}", said.out, said.err);
    assert!([1, 4].contains(&said.code), "exit code {}: {words}", said.code);
    assert!(!words.contains("panicked"), "{words}");
    let events = project.events();
    let passed = events.iter().find(|e| e["event"]["kind"] == "gateClosed" && e["event"]["passed"] == true);
    assert_eq!(passed, None, "{words}");
    assert!(events.iter().any(|e| e["event"]["kind"] == "holdBegan"), "nobody was asked: {words}");
    assert_eq!(project.runs()[0]["status"], serde_json::json!({ "ended": "rolledBack" }), "{words}");
    for host in ["payments-1", "payments-2"] {
        assert_eq!(project.read(&format!("versions/{host}")).trim(), "1.0.0", "{words}");
    }
}
