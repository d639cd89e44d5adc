//! The files of a new project: one service of shell scripts that really deploys, on folders that stand for hosts.

const CONFIG: &str = r#"# The project. Every command finds it by walking up to this file.
apiVersion: glidepath.dev/v1
kind: Config
metadata: { name: @NAME@ }
spec:
  # Environments in the order in which a change reaches them.
  environments:
    - name: production
      local: true             # this machine makes all changes; a team needs `store: env:GLIDEPATH_STORE` (postgres://...)
      minBake: 5s             # least time a changed wave is watched
      verify:
        - { name: immediate, length: 5s }
  # telemetry: { prometheus: { url: "http://127.0.0.1:9090" } }   # lets the judge compare the new version with the old one
"#;

const CATALOG: &str = r#"# What there is. Backstage entities: an existing catalog can be copied in as it is.
apiVersion: backstage.io/v1alpha1
kind: Group
metadata:
  name: web-team
  annotations:
    glidepath.dev/on-call-primary: "phone of the web team"
spec: { type: team, children: [] }
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata:
  name: web
  annotations: { glidepath.dev/tier: "2" }
spec: { type: service, lifecycle: production, owner: web-team }
# ---
# A second service: uncomment it, its Target in targets.yaml, and its item in the change.
# apiVersion: backstage.io/v1alpha1
# kind: Component
# metadata: { name: api }
# spec: { type: service, lifecycle: production, owner: web-team, dependsOn: [ "component:web" ] }
"#;

const TARGETS: &str = r#"# Where and how each component runs. Three facts are enough: where it runs, how to deploy a version, how to see that it is healthy.
apiVersion: glidepath.dev/v1
kind: Target
metadata: { name: web-production, labels: { class: scripted } }
spec:
  component: web
  environment: production
  hosts: [ web-1, web-2, web-3 ]
---
# What several Targets share, selected by labels. {host}, {version}, {from}, {component} are filled in, each as one word.
apiVersion: glidepath.dev/v1
kind: TargetClass
metadata: { name: scripted }
spec:
  selector: { matchLabels: { class: scripted } }
  deploy:
    exec: { argv: [ sh, scripts/deploy.sh, "{component}", "{host}", "{version}" ] }
    timeout: 1m
    onUnknown: rerun          # deploying the same version twice is harmless
  health: { exec: { argv: [ sh, scripts/health.sh, "{component}", "{host}" ] } }
  version: { probe: { exec: { argv: [ sh, scripts/version.sh, "{component}", "{host}" ] } } }
# ---
# apiVersion: glidepath.dev/v1
# kind: Target
# metadata: { name: api-production, labels: { class: scripted } }
# spec: { component: api, environment: production, hosts: [ api-1, api-2 ] }
"#;

const CHANGE: &str = r#"# A change names what, to what, where and why. Try it: `glidepath plan first-change`, then `glidepath run first-change`.
apiVersion: glidepath.dev/v1
kind: Change
metadata: { name: first-change }
spec:
  title: Bring web to 1.1.0
  reason: Try Glidepath
  owner: group:default/web-team
  items:
    - { component: web, type: code, to: 1.1.0 }
    # - { component: api, type: code, to: 2.0.0 }
"#;

const DEPLOY: &str = "#!/bin/sh
# Brings a version to a host. Here a host is a folder; put your own commands in its place.
# Usage: deploy.sh COMPONENT HOST VERSION
set -eu
mkdir -p \"hosts/$1\"
printf '%s\\n' \"$3\" > \"hosts/$1/$2.new\"
mv \"hosts/$1/$2.new\" \"hosts/$1/$2\"
";

const HEALTH: &str = "#!/bin/sh
# Ends with 0 when the host is healthy. Here a host is healthy when it has a version, or was never touched.
# Usage: health.sh COMPONENT HOST
set -eu
[ ! -e \"hosts/$1/$2\" ] || [ -s \"hosts/$1/$2\" ]
";

const VERSION: &str = "#!/bin/sh
# Prints the version that runs on a host.
# Usage: version.sh COMPONENT HOST
set -eu
cat \"hosts/$1/$2\" 2>/dev/null || echo 1.0.0
";

/// The files of a small, commented, valid project: paths relative to its root, with their texts.
pub fn init_files(name: &str) -> Vec<(String, String)> {
    let name = if glidepath_model::ids::is_valid_name(name) { name } else { "my-project" };
    [
        ("glidepath.yaml", CONFIG),
        ("catalog/components.yaml", CATALOG),
        ("catalog/targets.yaml", TARGETS),
        ("changes/first-change.yaml", CHANGE),
        ("scripts/deploy.sh", DEPLOY),
        ("scripts/health.sh", HEALTH),
        ("scripts/version.sh", VERSION),
    ]
    .into_iter()
    .map(|(path, text)| (path.to_owned(), text.replace("@NAME@", name)))
    .collect()
}
