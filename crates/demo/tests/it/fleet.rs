//! What a change relies on: drained hosts lose nothing, weights move traffic, a bad version shows, and nothing stays behind.

use crate::support::{ask, fleet, until};
use glidepath_demo::fleet::{Fleet, find_program};
use glidepath_demo::http::get_once;
use glidepath_demo::keeper::{Identity, marked};
use glidepath_demo::load::LoadFigures;
use glidepath_demo::project::BAD_VERSION;
use std::process::Command;
use std::time::Duration;

/// Requests of a host by status code, as its page says.
async fn counted(fleet: &Fleet, host: &str) -> (f64, f64) {
    let page = get_once(fleet.layout.address(host).unwrap(), "/metrics", Duration::from_secs(2)).await.unwrap().text();
    let value = |line: &str| line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap();
    let of = |codes: &[&str]| {
        let lines = page.lines().filter(|l| l.starts_with("http_requests_total"));
        lines.filter(|l| codes.iter().any(|c| l.contains(&format!("code=\"{c}\"")))).map(value).sum::<f64>()
    };
    (of(&["500", "502"]), of(&["200", "500", "502"]))
}

fn deploy(fleet: &Fleet, host: &str, version: &str) -> String {
    let output = Command::new("./deploy.sh")
        .args([host, version])
        .current_dir(&fleet.root)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Takes `payments-1.eu` out, brings it the bad version, and gives it half the region's traffic.
async fn a_bad_version_is_brought_to_one_host(with_haproxy: bool) {
    let (_folder, fleet) = fleet(with_haproxy).await;
    let socket = &fleet.layout.sockets["eu-west"];
    let weigh = |host: &str, weight: u32| assert_eq!(ask(socket, &format!("set server payments/{host} weight {weight}")).trim(), "");
    until("the load runs", async || LoadFigures::read(&fleet.root).ok().filter(|f| f.total.sent > 100)).await;

    weigh("payments-1.eu", 0);
    let drained = counted(&fleet, "payments-1.eu").await;
    assert!(deploy(&fleet, "payments-1.eu", BAD_VERSION).contains("starting"));
    assert_eq!(deploy(&fleet, "payments-1.eu", BAD_VERSION).trim(), format!("payments-1.eu serves {BAD_VERSION} already"));
    assert_eq!(fleet.versions("payments").await["payments-1.eu"], BAD_VERSION);
    assert!(drained.1 > 0.0, "it had traffic before it was drained");
    assert_eq!(counted(&fleet, "payments-1.eu").await.1, 0.0, "a new process without weight gets nothing");

    weigh("payments-1.eu", 100);
    weigh("payments-2.eu", 50);
    weigh("payments-3.eu", 50);
    let before = (counted(&fleet, "payments-2.eu").await.1, counted(&fleet, "payments-1.eu").await.1);
    let (bad, all) =
        until("the new version has answered", async || Some(counted(&fleet, "payments-1.eu").await).filter(|c| c.1 > 400.0)).await;
    let second = counted(&fleet, "payments-2.eu").await.1 - before.0;
    let ratio = (all - before.1) / second;
    assert!((1.7..2.4).contains(&ratio), "twice the weight, {ratio} times the requests");
    // 10 % of 400, six standard deviations to either side; the old version is at 2 %.
    assert!((0.04..0.20).contains(&(bad / all)), "{bad} of {all}");

    deploy(&fleet, "payments-1.eu", "4.11.2");
    let figures = until("the figures name the bad version", async || {
        LoadFigures::read(&fleet.root).ok().filter(|f| f.version("payments", BAD_VERSION).sent > 300)
    })
    .await;
    assert_eq!(figures.lost, 0, "every request reached a service, the replaced ones included: {figures:?}");
    assert!(figures.version("payments", BAD_VERSION).ratio() > 0.04);
    assert!(figures.version("payments", "4.11.2").ratio() < 0.05);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_version_is_brought_to_one_host_behind_our_router() {
    a_bad_version_is_brought_to_one_host(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_version_is_brought_to_one_host_behind_haproxy() {
    if find_program("haproxy").is_some() {
        a_bad_version_is_brought_to_one_host(true).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_fleet_ends_when_its_owner_was_killed() {
    let (_folder, mut fleet) = fleet(false).await;
    let mut owner = Command::new("sleep").arg("600").spawn().unwrap();
    Identity::of(owner.id()).unwrap().write(&fleet.root.join("fleet/owner")).unwrap();
    let before = marked(&fleet.root).len();
    assert!(before >= 22, "18 replicas, 2 routers, the gateway and the load; found {before}");
    owner.kill().unwrap();
    owner.wait().unwrap();
    until("all have ended", async || marked(&fleet.root).is_empty().then_some(())).await;
    assert_eq!(fleet.end(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn stop_sh_ends_a_fleet_that_was_kept() {
    let (_folder, mut fleet) = fleet(false).await;
    fleet.keep().unwrap();
    let root = fleet.root.clone();
    std::fs::write(root.join("fleet/owner"), "1 1\n").unwrap();
    // Longer than the fleet needs to see that its owner is gone: the marker alone keeps it.
    let begun = std::time::Instant::now();
    until("some seconds have passed", async || (begun.elapsed() > Duration::from_secs(2)).then_some(())).await;
    assert!(marked(&root).len() >= 22);
    drop(fleet);
    let output = Command::new("./stop.sh").current_dir(&root).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(marked(&root), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_project_of_the_demo_is_free_of_findings() {
    let (_folder, fleet) = fleet(false).await;
    let loaded = glidepath_files::Project::load(&fleet.root);
    assert_eq!(loaded.diagnostics, []);
    assert_eq!((loaded.changes.len(), loaded.catalog.targets.len(), loaded.catalog.components.len()), (3, 3, 3));
    assert_eq!(loaded.catalog.targets.values().map(|t| t.hosts().count()).sum::<usize>(), fleet.layout.hosts.len());
}
