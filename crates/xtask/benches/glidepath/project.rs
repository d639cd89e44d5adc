//! Projects of any size, written for measurements.
//!
//! Every service runs on hosts that are files: `versions/HOST` holds the version that runs there, the deploy command
//! writes it, and the version probe reads it. So facts are observed, and runs land, without a server.

use anyhow::{Context as _, Result};
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// Hosts of one service in each of its two regions.
const HOSTS_PER_REGION: usize = 3;
/// Regions of every service; never changed at the same time.
const REGIONS: [(&str, &str); 2] = [("eu-west", "us-east"), ("us-east", "eu-west")];

const TEAM: &str =
    "apiVersion: backstage.io/v1alpha1\nkind: Group\nmetadata: { name: bench-team }\nspec: { type: team, children: [], members: [] }\n";
const DEPLOY: &str = "#!/bin/sh\nset -eu\nprintf '%s\\n' \"$2\" > \"versions/$1\"\n";

/// Writes a project of `services` services in a chain of dependencies, and a change `all` that raises each of them.
/// With a window, the run waits that long after its deployment.
pub(crate) fn write(folder: &Path, services: usize, verify_window: Option<&str>) -> Result<()> {
    for name in ["catalog", "changes", "versions"] {
        fs::create_dir_all(folder.join(name)).context("the project cannot be written")?;
    }
    let windows = verify_window.map_or_else(|| "[]".to_owned(), |length| format!("[{{ name: settle, length: {length} }}]"));
    let config = format!(
        "apiVersion: glidepath.dev/v1\nkind: Config\nmetadata: {{ name: bench }}\nspec:\n  environments:\n    - {{ name: production, local: true, minBake: 1s, verify: {windows} }}\n"
    );
    fs::write(folder.join("glidepath.yaml"), config)?;
    fs::write(folder.join("catalog/team.yaml"), TEAM)?;
    fs::write(folder.join("deploy.sh"), DEPLOY)?;
    fs::set_permissions(folder.join("deploy.sh"), fs::Permissions::from_mode(0o755))?;
    for number in 0..services {
        fs::write(folder.join(format!("catalog/service-{number}.yaml")), component(number))?;
        fs::write(folder.join(format!("catalog/service-{number}-production.yaml")), target(number))?;
        for host in REGIONS.iter().flat_map(|(region, _)| hosts(number, region)) {
            fs::write(folder.join("versions").join(host), "1.0.0\n")?;
        }
    }
    fs::write(folder.join("changes/all.yaml"), change(services))?;
    Ok(())
}

fn hosts(service: usize, region: &str) -> Vec<String> {
    (1..=HOSTS_PER_REGION).map(|host| format!("service-{service}-{host}.{region}")).collect()
}

fn component(number: usize) -> String {
    let depends_on = number.checked_sub(1).map_or_else(|| "[]".to_owned(), |before| format!("[ \"component:default/service-{before}\" ]"));
    format!(
        "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata:\n  name: service-{number}\n  description: Service number {number}\nspec:\n  type: service\n  lifecycle: production\n  owner: group:default/bench-team\n  dependsOn: {depends_on}\n"
    )
}

fn target(number: usize) -> String {
    let mut text = format!(
        "apiVersion: glidepath.dev/v1\nkind: Target\nmetadata: {{ name: service-{number}-production }}\nspec:\n  component: service-{number}\n  environment: production\n  infrastructure: vm\n  regions:\n"
    );
    for (region, pair) in REGIONS {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "    - {{ name: {region}, hosts: [ {} ], pair: {pair} }}", hosts(number, region).join(", "));
    }
    text.push_str(
        "  version: { probe: { exec: { argv: [ cat, \"versions/{host}\" ] } } }\n  deploy: { exec: { argv: [ ./deploy.sh, \"{host}\", \"{version}\" ] }, timeout: 30s, onUnknown: rerun }\n  health: { exec: { argv: [ test, -s, \"versions/{host}\" ] } }\n  traffic: 200 requests/s\n",
    );
    text
}

fn change(services: usize) -> String {
    let mut text = String::from(
        "apiVersion: glidepath.dev/v1\nkind: Change\nmetadata: { name: all }\nspec:\n  title: Raise every service\n  environments: [ production ]\n  items:\n",
    );
    for number in 0..services {
        let _ = writeln!(text, "    - {{ component: service-{number}, type: code, to: 2.0.0 }}");
    }
    text
}
