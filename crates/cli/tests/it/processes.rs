//! Examples whose hosts are processes: what a user of them is answered while a change flies, and what runs afterwards.

use crate::harness::{Project, wait_for};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Between two requests of a customer.
const CUSTOMER_PAUSE: Duration = Duration::from_millis(5);
/// How long a customer waits for an answer.
const CUSTOMER_PATIENCE: Duration = Duration::from_secs(10);

fn call(project: &Project, words: &[&str]) {
    let output = std::process::Command::new(words[0]).args(&words[1..]).current_dir(project.path()).output().unwrap();
    assert!(output.status.success(), "{words:?}: {output:?}");
}

/// What a process answers on its socket; `None` when it answers nothing, or not well.
fn answer(socket: &Path) -> Option<String> {
    let mut stream = UnixStream::connect(socket).ok()?;
    stream.set_read_timeout(Some(CUSTOMER_PATIENCE)).ok()?;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    head.starts_with("HTTP/1.1 200 ").then(|| body.trim().to_owned())
}

/// Somebody who asks the router all the time.
struct Customer {
    stop: Arc<AtomicBool>,
    answers: JoinHandle<Vec<Option<String>>>,
}

impl Customer {
    fn of(project: &Project) -> Self {
        let (stop, socket): (_, PathBuf) = (Arc::new(AtomicBool::new(false)), project.path().join("state/shop.sock"));
        let stopped = stop.clone();
        let answers = std::thread::spawn(move || {
            let mut answers = Vec::new();
            while !stopped.load(Ordering::Relaxed) {
                answers.push(answer(&socket));
                std::thread::sleep(CUSTOMER_PAUSE);
            }
            answers
        });
        Self { stop, answers }
    }

    /// The versions that answered, each as often as it followed another one. Every request was answered.
    #[track_caller]
    fn met(self) -> Vec<String> {
        self.stop.store(true, Ordering::Relaxed);
        let answers = self.answers.join().unwrap();
        let (asked, unanswered) = (answers.len(), answers.iter().filter(|answer| answer.is_none()).count());
        assert!(asked > 100 && unanswered == 0, "{unanswered} of {asked} requests were not answered");
        let mut met: Vec<String> = answers.into_iter().flatten().collect();
        met.dedup();
        met
    }
}

/// The example of two copies, up, which watches shorter.
fn shop() -> Project {
    let project = shop_that_watches();
    project.hurry();
    project
}

/// The example of two copies, up.
fn shop_that_watches() -> Project {
    let project = Project::example("blue-green");
    call(&project, &["./scripts/shop.sh", "up"]);
    project
}

const HOSTS: [&str; 4] = ["shop-1", "shop-2", "shop-8", "shop-9"];
const REGULAR: [&str; 4] = ["100", "100", "0", "0"];

/// What the processes answer, the regular ones first.
fn versions(project: &Project) -> [String; 4] {
    HOSTS.map(|host| answer(&project.path().join(format!("state/{host}.sock"))).unwrap_or_default())
}

/// The weights that the router has, likewise.
fn weights(project: &Project) -> [String; 4] {
    HOSTS.map(|host| {
        let mut socket = UnixStream::connect(project.path().join("state/router.admin")).unwrap();
        socket.write_all(format!("get weight shop/{host}\n").as_bytes()).unwrap();
        let mut said = String::new();
        socket.read_to_string(&mut said).unwrap();
        said.split_whitespace().next().unwrap_or_default().to_owned()
    })
}

/// The process ids of the regular hosts.
fn regular_processes(project: &Project) -> [String; 2] {
    ["shop-1", "shop-2"].map(|host| project.read(&format!("state/{host}.pid")))
}

fn rolled_back(project: &Project) -> bool {
    project.runs()[0]["status"] == serde_json::json!({ "ended": "rolledBack" })
}

#[test]
fn two_copies_switch_and_switch_back_without_a_request_lost() {
    let project = shop();
    let customer = Customer::of(&project);
    project.ok(&["run", "shop-2", "--yes"], 0);
    assert_eq!((versions(&project), weights(&project)), (["2.0.0"; 4].map(str::to_owned), REGULAR.map(str::to_owned)));
    project.say(&["rollback", "--reason", "baskets are lost"]);
    wait_for("the rollback to end", || rolled_back(&project));
    assert_eq!(
        (versions(&project), weights(&project)),
        (["1.0.0", "1.0.0", "2.0.0", "2.0.0"].map(str::to_owned), REGULAR.map(str::to_owned))
    );
    let met = customer.met();
    assert_eq!((met.first().unwrap().as_str(), met.last().unwrap().as_str()), ("1.0.0", "1.0.0"), "{met:?}");
    assert!(met.contains(&"2.0.0".to_owned()), "{met:?}");
}

#[test]
fn a_second_copy_that_does_not_start_is_met_by_nobody() {
    let project = shop();
    project.write("state/refuses-shop-9", "");
    let (customer, before) = (Customer::of(&project), regular_processes(&project));
    project.ok(&["run", "shop-2", "--yes"], 1);
    assert_eq!((customer.met(), weights(&project)), (vec!["1.0.0".to_owned()], REGULAR.map(str::to_owned)));
    assert_eq!((&versions(&project)[..2], regular_processes(&project)), (&["1.0.0".to_owned(), "1.0.0".to_owned()][..], before));
}

#[test]
fn a_copy_that_turns_out_ill_after_the_switch_gives_the_traffic_back_to_processes_that_never_stopped() {
    let project = shop_that_watches();
    let (customer, before) = (Customer::of(&project), regular_processes(&project));
    let mut flight = project.start(&["run", "shop-2", "--yes"]);
    wait_for("the switch", || weights(&project) == ["0", "0", "100", "100"]);
    project.write("state/ill-2.0.0", "");
    assert_eq!(flight.wait().unwrap().code(), Some(1), "{}", project.read("run.log"));
    assert_eq!((weights(&project), regular_processes(&project)), (REGULAR.map(str::to_owned), before));
    assert_eq!(&versions(&project)[..2], ["1.0.0", "1.0.0"]);
    let met = customer.met();
    assert_eq!((met.first().unwrap().as_str(), met.last().unwrap().as_str()), ("1.0.0", "1.0.0"), "{met:?}");
}

#[test]
fn a_regular_host_that_does_not_start_is_whole_again_before_it_is_met() {
    let project = shop();
    project.write("state/refuses-shop-2", "");
    let customer = Customer::of(&project);
    project.ok(&["run", "shop-2", "--yes"], 1);
    assert_eq!((&versions(&project)[..2], weights(&project)), (&["1.0.0".to_owned(), "1.0.0".to_owned()][..], REGULAR.map(str::to_owned)));
    let met = customer.met();
    assert_eq!(met.last().unwrap(), "1.0.0", "{met:?}");
}

/// The example of a ledger, up.
fn ledger() -> Project {
    let project = Project::example("recreate");
    project.hurry();
    call(&project, &["./scripts/ledger.sh", "up"]);
    project
}

/// The version of each host's process, which it must have.
fn writers(project: &Project) -> [String; 3] {
    ["ledger-1", "ledger-2", "ledger-3"].map(|host| {
        let pid = project.read(&format!("state/{host}.pid"));
        let line = std::fs::read(format!("/proc/{}/cmdline", pid.trim())).unwrap_or_default();
        // The words of a writer are `sh host.sh write HOST VERSION`.
        let words: Vec<String> = line.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned()).collect();
        words.iter().skip_while(|word| *word != host).nth(1).cloned().unwrap_or_default()
    })
}

/// The versions that have written, in their order, each as often as it followed another one.
fn written(project: &Project) -> Vec<String> {
    let mut versions: Vec<String> =
        project.read("state/ledger").lines().filter_map(|line| Some(line.split_once(' ')?.0.to_owned())).collect();
    versions.dedup();
    versions
}

#[test]
fn two_versions_of_a_ledger_never_write_at_once() {
    let project = ledger();
    let said = project.ok(&["plan", "ledger-2"], 0);
    assert!(said.out.contains("recreate"), "{}", said.out);
    project.ok(&["run", "ledger-2", "--yes"], 0);
    assert_eq!((writers(&project), written(&project)), (["2.0.0"; 3].map(str::to_owned), vec!["1.0.0".to_owned(), "2.0.0".to_owned()]));
    project.say(&["rollback", "--reason", "sums do not match"]);
    wait_for("the rollback to end", || rolled_back(&project));
    assert_eq!(
        (writers(&project), written(&project)),
        (["1.0.0"; 3].map(str::to_owned), ["1.0.0", "2.0.0", "1.0.0"].map(str::to_owned).to_vec())
    );
}

#[test]
fn a_ledger_that_does_not_start_on_one_host_goes_back_on_all_of_them() {
    let project = ledger();
    project.write("state/refuses-ledger-2", "");
    project.ok(&["run", "ledger-2", "--yes"], 1);
    assert_eq!(writers(&project), ["1.0.0"; 3]);
    wait_for("the old version to write", || written(&project).last().is_some_and(|version| version == "1.0.0"));
    assert!(written(&project).len() <= 3, "two versions wrote at once: {:?}", written(&project));
}

#[test]
fn nobody_is_told_that_traffic_is_safe_while_the_old_version_does_not_start() {
    let project = ledger();
    let script = project.read("scripts/host.sh");
    let broken = "[ ! -e \"state/broken-$2\" ] || { echo \"$3 does not start on $2\" >&2; exit 1; }\n        setsid ";
    project.write("scripts/host.sh", &script.replace("setsid ", broken));
    project.ok(&["run", "ledger-2", "--yes"], 0);
    for host in ["ledger-1", "ledger-2", "ledger-3"] {
        project.write(&format!("state/broken-{host}"), "");
    }
    let run = project.run_id();
    let mut back = project.start(&["rollback", &run, "--reason", "sums do not match"]);
    let journal = || project.say(&["logs", &run]).out;
    wait_for("the old version not to start", || journal().contains("not done: undo production/ledger/default/stage-1/stop-ledger-1"));
    let card = project.ok(&["card", &run], 0).out;
    assert!(card.contains("nobody is served: stopped on the way") && !card.contains("traffic is safe"), "{card}");
    assert!(!journal().contains("traffic is safe"), "{}", journal());
    let status = project.say(&["status"]);
    assert!(!status.err.contains("nobody flies"), "the process that flies it lives: {}", status.err);
    for host in ["ledger-1", "ledger-2", "ledger-3"] {
        std::fs::remove_file(project.path().join(format!("state/broken-{host}"))).unwrap();
    }
    wait_for("the rollback to end", || rolled_back(&project));
    let journal = journal();
    let last = |text: &str| journal.rfind(text).unwrap();
    assert!(last("traffic is safe") > last("undo production/ledger/default/stage-1/stop-ledger"), "{journal}");
    back.wait().unwrap();
}

#[test]
fn without_a_downtime_that_somebody_allows_there_is_no_plan() {
    let project = ledger();
    let change = project.read("changes/ledger-2.yaml");
    project.write("changes/ledger-2.yaml", &change.replace("  constraints: { downtime: 30s }\n", ""));
    let said = project.ok(&["plan", "ledger-2"], 2);
    assert!(said.err.contains("`downtime` of none") && said.err.contains("recreate ledger needs"), "{}", said.err);
}
