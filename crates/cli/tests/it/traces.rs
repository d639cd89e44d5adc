//! Traces of flights, as a receiver of OTLP gets them.

mod receiver;

use crate::harness::{Project, kill, wait_for};
use crate::{nodes, shaped};
use glidepath_testkit::servers::Postgres;
use receiver::{Mood, Receiver, Span, one_of_each};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};

/// A fleet whose deploys write down the parent that they were handed.
fn fleet(services: &[&str], hosts: usize) -> Project {
    let project = Project::fleet(services, hosts, 10);
    let deploy = project.read("scripts/deploy.sh").replace("set -eu", "set -eu\necho \"$TRACEPARENT $1 $2\" >> parents.log");
    project.write("scripts/deploy.sh", &deploy);
    project
}

fn with_receiver(project: Project, receiver: &Receiver) -> Project {
    project.with_variable("OTEL_EXPORTER_OTLP_ENDPOINT", &receiver.address())
}

/// Nanoseconds of a time of the journal.
fn nanos(at: &Value) -> u64 {
    let at = glidepath_model::Timestamp::parse(at.as_str().unwrap()).unwrap();
    u64::try_from(at.as_micros()).unwrap() * 1000
}

/// Events of the journal with their times.
fn journal(project: &Project) -> Vec<(Value, u64)> {
    project.events().into_iter().map(|recorded| (recorded["event"].clone(), nanos(&recorded["at"]))).collect()
}

/// When each attempt began and ended, as the journal says, by the name of its span, its round and its number.
fn attempts_of_journal(project: &Project) -> BTreeMap<(String, u64, u64), (u64, u64)> {
    let mut begun = BTreeMap::new();
    let mut found = BTreeMap::new();
    for (event, at) in journal(project) {
        let attempt = &event["attempt"];
        let key = || {
            let direction = match attempt["direction"].as_str().unwrap() {
                "probeUndo" => "probe-undo",
                other => other,
            };
            (
                format!("{direction} {}", attempt["step"].as_str().unwrap()),
                attempt["round"].as_u64().unwrap(),
                attempt["number"].as_u64().unwrap(),
            )
        };
        match event["kind"].as_str().unwrap() {
            "attemptStarted" => _ = begun.insert(key(), at),
            "attemptEnded" => _ = found.insert(key(), (begun[&key()], at)),
            _ => {}
        }
    }
    found
}

fn attempts_of_trace(spans: &[Span]) -> BTreeMap<(String, u64, u64), (u64, u64)> {
    let attempts = spans.iter().filter(|span| span.has("glidepath.direction"));
    let number = |span: &Span, name| span.text(name).parse().unwrap();
    attempts
        .map(|s| ((s.name.clone(), number(s, "glidepath.attempt.round"), number(s, "glidepath.attempt.number")), (s.begun, s.ended)))
        .collect()
}

#[test]
fn a_run_that_turns_back_is_one_tree_with_the_times_of_its_journal() {
    let receiver = Receiver::start();
    let project = with_receiver(fleet(&["front", "back"], 2), &receiver);
    project.write("refuse/front-2-2.0.0", "it refuses the new version\n");
    project.ok(&["run", "upgrade", "--yes"], 1);
    let spans = one_of_each(&receiver.spans());
    let roots: Vec<&Span> = spans.iter().filter(|span| span.parent.is_empty()).collect();
    let [root] = roots[..] else { panic!("{roots:?}") };
    let run = project.run_id();
    for (name, value) in [
        ("glidepath.run.id", run.as_str()),
        ("glidepath.plan.digest", project.runs()[0]["plan"].as_str().unwrap()),
        ("glidepath.change.name", "upgrade"),
        ("glidepath.components", "back,front"),
        ("glidepath.environments", "production"),
        ("glidepath.outcome", "rolled-back"),
    ] {
        assert_eq!(root.text(name), value, "{name} of {root:?}");
    }
    assert_eq!((root.name.as_str(), root.status), ("run upgrade", 2));
    for happened in ["owner-took", "turned-back", "safety-reached"] {
        assert!(root.events.iter().any(|event| event.name == happened), "{happened} is not in {root:?}");
    }
    let below: Vec<&Span> = spans.iter().filter(|span| !span.parent.is_empty()).collect();
    assert!(
        below.iter().all(|span| span.parent == root.id && span.trace == root.trace && span.begun >= root.begun && span.ended <= root.ended)
    );
    assert_eq!(attempts_of_trace(&spans), attempts_of_journal(&project));
    let deploys = |direction: &str, outcome: &str| {
        below
            .iter()
            .filter(|span| {
                span.text("glidepath.direction") == direction && span.text("glidepath.outcome") == outcome && span.name.contains("deploy")
            })
            .count()
    };
    assert_eq!((deploys("do", "done"), deploys("undo", "done")), (3, 4), "{below:#?}");
    let failed: Vec<&&Span> = below.iter().filter(|span| span.text("glidepath.direction") == "do" && span.status == 2).collect();
    assert!(!failed.is_empty() && failed.iter().all(|span| span.name.contains("front") && span.why.contains("exit code 1")), "{failed:?}");
    assert_eq!(failed[0].text("glidepath.component"), "front");
    assert_eq!(failed[0].text("glidepath.action"), "exec");
    let gates: Vec<&&Span> = below.iter().filter(|span| span.name.starts_with("gate ")).collect();
    assert!(
        !gates.is_empty()
            && gates.iter().all(|gate| gate.events.iter().all(|event| event.name == "look" && event.has("glidepath.verdict"))),
        "{gates:?}"
    );
    assert!(gates.iter().any(|gate| !gate.events.is_empty() && gate.text("glidepath.outcome") == "passed"), "{gates:?}");
    // What was called knows the span that called it.
    let ids: BTreeSet<String> = below.iter().map(|span| format!("00-{}-{}-01", span.trace, span.id)).collect();
    let log = project.read("parents.log");
    let handed: BTreeSet<&str> = log.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(handed.len() >= 7 && handed.iter().all(|parent| ids.contains(*parent)), "{handed:?} are not all in {ids:?}");
}

#[test]
fn a_trace_goes_on_with_the_same_ids_after_a_kill() {
    // The guard goes on with what the killed one was told on its command line; without a guard, who is asked to go on.
    for guard_lives in [true, false] {
        let receiver = Receiver::start();
        let project = fleet(&["front"], 2);
        let deploy = project.read("scripts/deploy.sh");
        project.write(
            "scripts/deploy.sh",
            &deploy.replace("sleep 0.010", "if test \"$1\" = front-2; then until test -e go; do sleep 0.02; done; fi"),
        );
        let mut runner = project.start(&["run", "upgrade", "--yes", "--otlp", &receiver.address()]);
        wait_for("the second host's deploy, and the spans before it", || {
            project.read("parents.log").contains("front-2") && !receiver.spans().is_empty()
        });
        let before = one_of_each(&receiver.spans());
        let mut victims = project.processes_of("run");
        if !guard_lives {
            victims.extend(project.processes_of("__guard"));
        }
        victims.iter().for_each(|pid| kill(*pid));
        let _ = runner.wait();
        project.write("go", "");
        if !guard_lives {
            let run = project.run_id();
            let project = &project;
            let mut command = project.command(&["resume", &run]);
            assert!(
                command.env("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", format!("{}/v1/traces", receiver.address())).status().unwrap().success()
            );
        }
        wait_for("the run to land", || !project.is_live());
        wait_for("the whole trace", || receiver.spans().iter().any(|span| span.parent.is_empty()));
        let spans = one_of_each(&receiver.spans());
        let root = spans.iter().find(|span| span.parent.is_empty()).unwrap();
        assert_eq!(root.events.iter().filter(|event| event.name == "owner-took").count(), 2, "{root:?}");
        assert_eq!(root.text("glidepath.outcome"), "landed");
        assert!(before.iter().all(|span| spans.contains(span)), "what had ended is the same");
        assert_eq!(attempts_of_trace(&spans), attempts_of_journal(&project));
        let torn = project.read("parents.log").lines().find(|line| line.contains("front-2")).unwrap().to_owned();
        let adopted = spans.iter().find(|span| torn.starts_with(&format!("00-{}-{}-01", span.trace, span.id))).unwrap();
        let took_over = journal(&project).into_iter().filter(|(event, _)| event["kind"] == "ownerTook").nth(1).unwrap().1;
        assert!(adopted.begun < took_over && adopted.ended > took_over, "{adopted:?}");
    }
}

#[test]
fn another_node_goes_on_with_the_trace_of_one_that_died() {
    let (server, receiver) = (Postgres::start(), Receiver::start());
    let project = nodes::sharing(with_receiver(fleet(&["front"], 2), &receiver), &server);
    let deploy = project.read("scripts/deploy.sh");
    project.write(
        "scripts/deploy.sh",
        &deploy.replace("sleep 0.010", "if test \"$1\" = front-2; then until test -e go; do sleep 0.02; done; fi"),
    );
    let one = nodes::start_node(&project, "one");
    wait_for("the node", || project.read("run.log").contains("Node one flies"));
    let plan: Value = serde_json::from_str(&project.ok(&["plan", "upgrade", "--format", "json"], 0).out).unwrap();
    let mut follower = project.start(&["run", plan["id"].as_str().unwrap(), "--yes"]);
    wait_for("the second host's deploy, and the spans before it", || {
        project.read("parents.log").contains("front-2") && !receiver.spans().is_empty()
    });
    let before = one_of_each(&receiver.spans());
    nodes::end(one);
    project.write("go", "");
    let two = nodes::start_node(&project, "two");
    assert!(follower.wait().unwrap().success(), "{}", project.read("run.log"));
    wait_for("the whole trace", || receiver.spans().iter().any(|span| span.parent.is_empty()));
    nodes::end(two);
    let spans = one_of_each(&receiver.spans());
    let root = spans.iter().find(|span| span.parent.is_empty()).unwrap();
    assert_eq!(root.events.iter().filter(|event| event.name == "owner-took").count(), 2, "{root:?}");
    assert!(before.iter().all(|span| spans.contains(span)), "what had ended is the same");
    assert_eq!(attempts_of_trace(&spans), attempts_of_journal(&project));
}

#[test]
fn going_back_after_a_landing_is_a_span_of_its_own_and_the_landed_run_stays_as_it_was() {
    let receiver = Receiver::start();
    let project = with_receiver(fleet(&["front"], 1), &receiver);
    project.ok(&["run", "upgrade", "--yes"], 0);
    let landed = one_of_each(&receiver.spans());
    let back = project.say(&["rollback", &project.run_id(), "--reason", "a test"]);
    wait_for("the run to go back", || project.runs()[0]["status"]["ended"] == "rolledBack");
    wait_for("the way back", || receiver.spans().iter().any(|span| span.name == "way back"));
    let spans = one_of_each(&receiver.spans());
    assert!(landed.iter().all(|span| spans.contains(span)), "{}", back.err);
    let root = spans.iter().find(|span| span.parent.is_empty()).unwrap();
    let way_back = spans.iter().find(|span| span.name == "way back").unwrap();
    assert_eq!((&way_back.parent, way_back.text("glidepath.outcome").as_str()), (&root.id, "rolled-back"));
    assert!(way_back.begun > root.ended && root.text("glidepath.outcome") == "landed", "{root:?}");
    assert!(spans.iter().any(|span| span.parent == way_back.id && span.name.starts_with("undo ")), "{spans:?}");
}

#[test]
fn a_request_and_a_person_are_in_the_trace_too() {
    let receiver = Receiver::start();
    let steps = format!(
        "  steps:\n    - {{ id: ask, ask: 'Go on?', deadline: 10m }}\n    - {{ id: call, http: {{ url: \"{}/called\", method: POST }}, onUnknown: rerun, undo: none }}\n",
        receiver.address()
    );
    let project = with_receiver(shaped::project(&[("calls", &steps)]), &receiver);
    let mut runner = project.start(&["run", "calls", "--yes"]);
    wait_for("the question", || journal(&project).iter().any(|(event, _)| event["kind"] == "waitStarted"));
    project.ok(&["promote", &project.run_id()], 0);
    assert!(runner.wait().unwrap().success(), "{}", project.read("run.log"));
    let spans = one_of_each(&receiver.spans());
    let call = spans.iter().find(|span| span.name.starts_with("do ") && span.name.contains("call")).unwrap();
    assert_eq!(receiver.parents(), [format!("00-{}-{}-01", call.trace, call.id)]);
    let wait = spans.iter().find(|span| span.name.starts_with("wait ")).unwrap();
    let waited: Vec<u64> =
        journal(&project).iter().filter(|(event, _)| event["kind"].as_str().unwrap().starts_with("wait")).map(|(_, at)| *at).collect();
    assert_eq!((vec![wait.begun, wait.ended], wait.text("glidepath.outcome")), (waited, "passed".to_owned()));
    let root = spans.iter().find(|span| span.parent.is_empty()).unwrap();
    assert!(root.events.iter().any(|event| event.text("glidepath.verb") == "promote"), "{root:?}");
}

#[test]
fn a_receiver_that_is_silent_broken_or_away_holds_nothing_up() {
    for (mood, told) in [
        // It never answers: whatever lands meanwhile did not wait for it.
        (Mood::Silent, "were not taken until the end"),
        (Mood::Says(503), "traces cannot be sent to"),
        (Mood::Says(500), "spans of traces are lost"),
        (Mood::Gone, "traces cannot be sent to"),
    ] {
        let receiver = Receiver::start();
        receiver.becomes(mood);
        let project = with_receiver(fleet(&["front"], 1), &receiver);
        let said = project.ok(&["run", "upgrade", "--yes"], 0);
        assert!(said.err.contains(told) && said.err.contains("GP0718"), "{mood:?}: {}", said.err);
        assert_eq!(said.err.matches(told).count(), 1, "{mood:?} is told once: {}", said.err);
        assert!(receiver.spans().is_empty(), "{mood:?}");
    }
}

#[test]
fn what_no_receiver_has_is_counted_and_what_comes_back_gets_what_waited() {
    let receiver = Receiver::start();
    receiver.becomes(Mood::Says(500));
    let project = with_receiver(fleet(&["front"], 2), &receiver);
    let deploy = project.read("scripts/deploy.sh");
    project.write("scripts/deploy.sh", &deploy.replace("sleep 0.010", "until test -e \"go-$1\"; do sleep 0.02; done"));
    let mut runner = project.start(&["run", "upgrade", "--yes", "--metrics-addr", "0"]);
    project.write("go-front-1", "");
    let port = || project.read("run.log").lines().find_map(|line| line.split_once("http://127.0.0.1:")?.1.split('/').next()?.parse().ok());
    wait_for("the address of the metrics", || port().is_some());
    let counted = |name: &str| {
        let page = page(port().unwrap());
        page.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<u64>().ok())
    };
    wait_for("spans that are lost", || counted("glidepath_trace_spans_dropped_total").is_some_and(|lost| lost > 0));
    assert_eq!(counted("glidepath_trace_spans_sent_total"), Some(0));
    receiver.becomes(Mood::Takes);
    project.write("go-front-2", "");
    wait_for("spans that are taken", || !receiver.spans().is_empty());
    assert!(runner.wait().unwrap().success());
    assert!(receiver.spans().iter().any(|span| span.parent.is_empty()), "the run's own span ended after it came back");
}

/// The page of metrics.
fn page(port: u16) -> String {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn no_secret_is_in_a_trace_and_its_key_is_in_a_header_only() {
    let receiver = Receiver::start();
    let project = with_receiver(fleet(&["front"], 1), &receiver)
        .with_variable("OTEL_EXPORTER_OTLP_HEADERS", "x-key=k3y%2Dof-the-receiver")
        .with_variable("OTEL_SERVICE_NAME", "deploys");
    project.write("token.txt", "hunter2-very-secret");
    let deploy = project.read("scripts/deploy.sh");
    project.write("scripts/deploy.sh", &deploy.replace("sleep 0.010", "test \"$2\" != 2.0.0 || { echo \"token is $TOKEN\" >&2; exit 3; }"));
    let words = "exec: { argv: [ ./scripts/deploy.sh, \"{host}\", \"{version}\" ]";
    let catalog = project.read("catalog/services.yaml").replace(words, &format!("{words}, secrets: {{ TOKEN: \"file:token.txt\" }}"));
    project.write("catalog/services.yaml", &catalog);
    project.ok(&["run", "upgrade", "--yes"], 1);
    let spans = receiver.spans();
    assert!(spans.iter().any(|span| span.why.contains("token is [redacted]")), "{spans:?}");
    assert!(spans.iter().all(|span| span.service == "deploys"), "{spans:?}");
    let requests = receiver.requests();
    assert!(requests.iter().all(|(head, body)| head.contains("k3y-of-the-receiver") && !body.contains("hunter2") && !body.contains("k3y")));
    for key in [&b"k3y-of-the-receiver"[..], b"k3y%2Dof-the-receiver"] {
        assert_eq!(project.files_with(key), Vec::<std::path::PathBuf>::new());
    }
}

#[test]
fn traces_that_cannot_go_where_they_were_asked_to_start_nothing_and_the_environment_stops_no_flight() {
    let project = fleet(&["front"], 1);
    for address in ["collector:4318", "http://me:hunter2@collector"] {
        let refused = project.ok(&["run", "upgrade", "--yes", "--otlp", address], 2).err;
        assert!(
            refused.contains("error[GP0716]") && refused.contains("OTEL_EXPORTER_OTLP_HEADERS") && !refused.contains("hunter2"),
            "{refused}"
        );
    }
    assert!(project.runs().is_empty());
    let project =
        project.with_variable("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4317").with_variable("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
    let flown = project.ok(&["run", "upgrade", "--yes"], 0).err;
    assert!(flown.contains("warning[GP0717]") && flown.contains("OTEL_EXPORTER_OTLP_PROTOCOL"), "{flown}");
}
