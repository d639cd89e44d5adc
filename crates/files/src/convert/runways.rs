//! Short forms of common infrastructure, written out as the actions they stand for.
//!
//! Each command is absolute, so that a second call does no harm, and names its place in full: no current context, no default namespace. What the
//! target writes itself wins over what its short form stands for.

use super::Context;
use crate::codes;
use crate::node::{At, Entry, Node, Value};
use glidepath_model::Millis;
use glidepath_model::catalog::Runway;

/// How long one look at a rollout waits at most; the step repeats it until its own time is over.
const LOOK_WAITS_MAX: Millis = Millis::from_secs(20);
/// Deadline of such a look.
const LOOK_TIMEOUT: &str = "30s";
/// How long a rollout may take where nothing is said.
const ROLLOUT_DEFAULT: &str = "10m";
/// Region of a target that names none.
const REGION_PLACE: &str = "{region}";

/// The short form of a target, if it has one, and the target with it written out.
pub(super) fn written_out(context: &mut Context<'_, '_>, mut spec: Node) -> (Node, Option<Runway>) {
    let there: Vec<Runway> = Runway::ALL.iter().copied().filter(|runway| form_of(&spec, *runway).is_some()).collect();
    if let [_, second, ..] = there.as_slice() {
        let names: Vec<&str> = there.iter().map(|runway| runway.name()).collect();
        let at = spec.entries().iter().find(|entry| entry.key == second.name()).map_or(spec.at, |entry| entry.key_at);
        let message = format!("a target has {} at once", crate::findings::quoted(&names));
        let reason = "Each stands for commands of its own, and a version is brought by one.";
        context.findings.error(at, "spec", codes::ONE_OF, message, reason, "Keep one of them.");
    }
    let Some(runway) = there.first().copied() else { return (spec, None) };
    let Some(form) = form_of(&spec, runway).cloned() else { return (spec, None) };
    let made = match runway {
        Runway::Kubernetes => kubernetes(&form),
        Runway::Container => container(&form),
        Runway::Serverless => serverless(&form),
        Runway::Edge => edge(&form),
        Runway::Database => {
            if let Some(engine) = spec.dig(&["database", "engine"]).filter(|engine| engine.text().is_some_and(|text| text != POSTGRES)) {
                let message = "`client` is for PostgreSQL";
                let reason = "It stands for commands of psql, pg_dump and pg_restore.";
                let hint = "Leave `client` out, and write `health`, `backup` and `restoreTest` of the target.";
                context.findings.error(engine.at, "spec.database.engine", codes::CLIENT_ENGINE, message, reason, hint);
                return (spec, None);
            }
            database(&form, spec.text_of("component").unwrap_or_default())
        }
    };
    // What lacks a field has been said.
    let Some(Made { name, fields }) = made else { return (spec, None) };
    add(&mut spec, "infrastructure", text(runway.name(), form.at));
    for (field, node) in fields {
        add(&mut spec, field, node);
    }
    if let Some(name) = name {
        host_each_region(&mut spec, &name, form.at);
    }
    (spec, Some(runway))
}

/// The short form of a runway in a target.
fn form_of(spec: &Node, runway: Runway) -> Option<&Node> {
    match runway {
        Runway::Kubernetes | Runway::Container | Runway::Serverless | Runway::Edge => spec.get(runway.name()),
        // A target may have a database without it: its statements go by the adapter.
        Runway::Database => spec.dig(&[runway.name(), "client"]),
    }
}

/// What a short form stands for.
struct Made {
    /// What is changed, for the name of a host; `None` where no host is changed.
    name: Option<String>,
    fields: Vec<(&'static str, Node)>,
}

fn kubernetes(form: &Node) -> Option<Made> {
    let of = |field: &str| form.text_of(field).map(str::to_owned);
    let (deployment, container, image) = (of("deployment")?, of("container")?, of("image")?);
    let place = ["--context".to_owned(), of("context")?, "--namespace".to_owned(), of("namespace")?];
    let kubectl =
        |words: &[&str]| [&["kubectl".to_owned()], place.as_slice(), &words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>()].concat();
    let resource = format!("deployment/{deployment}");
    let set = |version: &str| kubectl(&["set", "image", &resource, &format!("{container}={image}:{version}")]);
    let path = format!("jsonpath={{.spec.template.spec.containers[?(@.name==\"{container}\")].image}}");
    let rollout = of("rollout").unwrap_or_else(|| ROLLOUT_DEFAULT.to_owned());
    let at = form.at;
    let deploy = |version: &str| action(exec(set(version), &[], None, at), &[("timeout", &rollout), ("onUnknown", "rerun")], at);
    // A look that waits as long as the step has would be ended with it, and nobody would know what it saw.
    let waits = Millis::parse(&rollout).map_or(LOOK_WAITS_MAX, |rollout| LOOK_WAITS_MAX.min(Millis(rollout.0 / 2)));
    let waits = format!("--timeout={}ms", waits.0).replace("000ms", "s");
    let status = exec(kubectl(&["rollout", "status", &resource, &waits]), &[], None, at);
    let probe = exec(kubectl(&["get", &resource, "--output", &path]), &[], Some(format!("{image}:{{version}}")), at);
    let fields = vec![
        ("deploy", deploy("{version}")),
        ("undo", deploy("{from}")),
        ("health", action(status, &[("timeout", LOOK_TIMEOUT)], at)),
        ("version", map(vec![("probe", action(probe, &[], at))], at)),
    ];
    Some(Made { name: Some(deployment), fields })
}

fn container(form: &Node) -> Option<Made> {
    let of = |field: &str| form.text_of(field).map(str::to_owned);
    let (file, service, image, variable) = (of("compose")?, of("service")?, of("image")?, of("variable")?);
    let daemon = of("daemon").map(|daemon| vec!["--host".to_owned(), daemon]).unwrap_or_default();
    let compose = |words: &[&str]| {
        let words: Vec<String> = ["compose", "--file", &file].iter().chain(words).map(|word| (*word).to_owned()).collect();
        [&["docker".to_owned()], daemon.as_slice(), &words].concat()
    };
    let at = form.at;
    let up = |version: &str| {
        let words = compose(&["up", "--detach", "--no-deps", "--wait", &service]);
        action(exec(words, &[(&variable, version)], None, at), &[("onUnknown", "rerun")], at)
    };
    let ask = |format: &str, expected: String| exec(compose(&["ps", "--format", format, &service]), &[], Some(expected), at);
    let fields = vec![
        ("deploy", up("{version}")),
        ("undo", up("{from}")),
        ("health", action(ask("{{.State}}", "running".to_owned()), &[], at)),
        ("version", map(vec![("probe", action(ask("{{.Image}}", format!("{image}:{{version}}")), &[], at))], at)),
    ];
    Some(Made { name: Some(service), fields })
}

fn serverless(form: &Node) -> Option<Made> {
    let of = |field: &str| form.text_of(field).map(str::to_owned);
    let (function, alias) = (of("function")?, of("alias")?);
    let region = of("awsRegion").map(|region| vec!["--region".to_owned(), region]).unwrap_or_default();
    let aws = |words: &[&str]| {
        let words: Vec<String> = ["lambda"].iter().chain(words).map(|word| (*word).to_owned()).collect();
        [&["aws".to_owned()], region.as_slice(), &words].concat()
    };
    let at = form.at;
    let point = |version: &str| {
        let words = ["update-alias", "--function-name", &function, "--name", &alias, "--function-version", version];
        // Weights that somebody left on the alias would go on sending a part of the calls elsewhere.
        let words = words.iter().chain(&["--routing-config", "AdditionalVersionWeights={}"]).copied().collect::<Vec<_>>();
        action(exec(aws(&words), &[], None, at), &[("onUnknown", "rerun")], at)
    };
    let state = ["get-function-configuration", "--function-name", &function, "--qualifier", &alias, "--query", "State", "--output", "text"];
    let points = ["get-alias", "--function-name", &function, "--name", &alias, "--query", "FunctionVersion", "--output", "text"];
    let fields = vec![
        ("deploy", point("{version}")),
        ("undo", point("{from}")),
        ("health", action(exec(aws(&state), &[], Some("Active".to_owned()), at), &[], at)),
        ("version", map(vec![("probe", action(exec(aws(&points), &[], None, at), &[], at))], at)),
    ];
    Some(Made { name: Some(function), fields })
}

/// How long a deployment of a Worker may take to arrive where nothing is said.
const ARRIVES_DEFAULT: &str = "1m";
/// The share of a version in percent, of the deployment that is in force.
const SHARE_OF_VERSION: &str = r#"status=$(wrangler deployments status --name "$1" --json) && printf %s "$status" | jq --raw-output --arg version "$2" '([.versions[] | select(.version_id == $version) | .percentage] | add // 0) * 1'"#;
/// The version that has most of the traffic.
const SERVING_VERSION: &str = r#"status=$(wrangler deployments status --name "$1" --json) && printf %s "$status" | jq --raw-output '.versions | max_by(.percentage).version_id'"#;
/// The version that says of itself that it answered.
const ANSWERING_VERSION: &str =
    r#"answer=$(curl --fail --silent --show-error --max-time 10 --header "$2" "$1") && printf %s "$answer" | jq --raw-output "$3""#;

/// A deployment of a Worker names one or two versions with their shares, and replaces the one before it: so each command says the whole.
fn edge(form: &Node) -> Option<Made> {
    let of = |field: &str| form.text_of(field).map(str::to_owned);
    let (worker, url) = (of("worker")?, of("url")?);
    let (account, token) = (of("account"), of("token"));
    let arrives = of("arrives").unwrap_or_else(|| ARRIVES_DEFAULT.to_owned());
    let at = form.at;
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let command = |argv: Vec<String>| {
        let env: Vec<(&str, &str)> = account.iter().map(|account| ("CLOUDFLARE_ACCOUNT_ID", account.as_str())).collect();
        let mut node = exec(argv, &env, None, at);
        if let Some(token) = &token {
            add(&mut node, "secrets", map(vec![("CLOUDFLARE_API_TOKEN", text(token, at))], at));
        }
        node
    };
    let split = |new: &str, old: &str| command(words(&["wrangler", "versions", "deploy", new, old, "--name", &worker, "--yes"]));
    let share = command(words(&["sh", "-c", SHARE_OF_VERSION, "share", &worker, "{version}"]));
    let serves = command(words(&["sh", "-c", SERVING_VERSION, "serves", &worker]));
    let ask = ["curl", "--fail", "--silent", "--show-error", "--max-time", "10"];
    let health = exec([words(&ask), words(&["--output", "/dev/null", &url])].concat(), &[], None, at);
    // Only this request meets the version, whatever its share.
    let header = format!("Cloudflare-Workers-Version-Overrides: {worker}=\"{{version}}\"");
    let of_version = match of("versionIn") {
        Some(filter) => {
            exec(words(&["sh", "-c", ANSWERING_VERSION, "answers", &url, &header, &filter]), &[], Some("{version}".to_owned()), at)
        }
        None => exec([words(&ask), words(&["--header", &header, "--output", "/dev/null", &url])].concat(), &[], None, at),
    };
    let look = |node: Node| action(node, &[("timeout", LOOK_TIMEOUT)], at);
    let set = action(split("{version}@{share}%", "{from}@{rest}%"), &[("timeout", &arrives)], at);
    let router = map(vec![("share", map(vec![("set", set), ("read", look(share))], at))], at);
    let fields = vec![
        // In the deployment, so that a request can ask for it, and met by nobody else.
        ("deploy", action(split("{version}@0%", "{from}@100%"), &[("timeout", &arrives), ("onUnknown", "rerun")], at)),
        ("health", look(health)),
        ("version", map(vec![("probe", look(serves))], at)),
        ("router", router),
        ("side", map(vec![("health", look(of_version))], at)),
    ];
    Some(Made { name: Some(worker), fields })
}

/// Engine whose programs `client` stands for.
const POSTGRES: &str = "postgres";
/// How long a backup or a restore test may take.
const BACKUP_TIMEOUT: &str = "4h";
/// A new file for each backup, whole or not there, and a link to the newest.
const BACKUP: &str = r#"set -eu; umask 077; mkdir -p "$2"; new="$3-$(date -u +%Y%m%dT%H%M%SZ).dump"; pg_dump --no-password --format=custom --file="$2/$new.part" --dbname="service=$1"; mv "$2/$new.part" "$2/$new"; ln -sfn "$new" "$2/$3-newest.dump"; echo "$new""#;
/// The newest backup, restored into a database of its own that is gone afterwards. Its name is no choice, so that nothing else can be dropped.
const RESTORE_TEST: &str = r#"set -eu; scratch="glidepath_restore_test_$3"; dropdb --no-password --if-exists --maintenance-db="service=$1" "$scratch"; createdb --no-password --template=template0 --maintenance-db="service=$1" "$scratch"; pg_restore --no-password --exit-on-error --no-owner --no-privileges --dbname="service=$1 dbname=$scratch" "$2/$3-newest.dump"; psql --no-psqlrc --no-password --tuples-only --no-align --dbname="service=$1 dbname=$scratch" --command="select case when exists (select from pg_stat_user_tables) then 'restored' else 'no tables' end"; dropdb --no-password --maintenance-db="service=$1" "$scratch""#;

fn database(form: &Node, component: &str) -> Option<Made> {
    let of = |field: &str| form.text_of(field).map(str::to_owned);
    let (service, backups) = (of("service")?, of("backups")?);
    let file = of("serviceFile");
    let at = form.at;
    let command = |words: &[&str], expected: Option<&str>| {
        let env: Vec<(&str, &str)> = file.iter().map(|file| ("PGSERVICEFILE", file.as_str())).collect();
        exec(words.iter().map(|word| (*word).to_owned()).collect(), &env, expected.map(str::to_owned), at)
    };
    let behind = of("lagMax").and_then(|lag| Millis::parse(&lag)).map_or_else(String::new, |lag| {
        format!(
            " when exists (select from pg_stat_replication where replay_lag > interval '{} milliseconds') then 'a replica is behind'",
            lag.0
        )
    });
    let state = format!("select case when current_setting('in_hot_standby') = 'on' then 'takes no writes'{behind} else 'well' end");
    let psql = ["psql", "--no-psqlrc", "--no-password", "--tuples-only", "--no-align"];
    let (place, question) = (format!("--dbname=service={service}"), format!("--command={state}"));
    let look = [psql.as_slice(), &[&place, &question]].concat();
    let by_script = |script: &str, name: &str, service: &str, expected: Option<&str>| {
        let limits = [("timeout", BACKUP_TIMEOUT), ("onUnknown", "rerun")];
        action(command(&["sh", "-c", script, name, service, &backups, component], expected), &limits, at)
    };
    let mut fields = vec![
        ("health", action(command(&look, Some("well")), &[("timeout", LOOK_TIMEOUT)], at)),
        ("backup", by_script(BACKUP, "backup", &service, None)),
    ];
    if let Some(service) = of("restoreService") {
        fields.push(("restoreTest", by_script(RESTORE_TEST, "restore-test", &service, Some("restored"))));
    }
    Some(Made { name: None, fields })
}

/// One host for each region, named after what is changed there, where the target names none.
fn host_each_region(spec: &mut Node, name: &str, at: At) {
    let name = name.replace(REGION_PLACE, "").trim_matches(|c: char| !c.is_ascii_alphanumeric()).to_owned();
    if spec.get("regions").is_none() {
        return add(spec, "hosts", list(vec![text(&name, at)], at));
    }
    let Value::Map(entries) = &mut spec.value else { return };
    let Some(regions) = entries.iter_mut().find(|entry| entry.key == "regions") else { return };
    let Value::List(items) = &mut regions.value.value else { return };
    for region in items {
        if let Some(place) = region.text_of("name").map(str::to_owned) {
            add(region, "hosts", list(vec![text(&format!("{name}.{place}"), at)], at));
        }
    }
}

/// Adds a field that is not there.
fn add(node: &mut Node, field: &str, value: Node) {
    if node.get(field).is_some() {
        return;
    }
    if let Value::Map(entries) = &mut node.value {
        entries.push(Entry { key: field.to_owned(), key_at: value.at, value });
    }
}

fn text(text: &str, at: At) -> Node {
    Node { value: Value::Scalar(text.to_owned()), at }
}

fn list(items: Vec<Node>, at: At) -> Node {
    Node { value: Value::List(items), at }
}

fn map(fields: Vec<(&str, Node)>, at: At) -> Node {
    let entries = fields.into_iter().map(|(key, value)| Entry { key: key.to_owned(), key_at: at, value }).collect();
    Node { value: Value::Map(entries), at }
}

fn exec(argv: Vec<String>, env: &[(&str, &str)], expected: Option<String>, at: At) -> Node {
    let mut fields = vec![("argv", list(argv.iter().map(|word| text(word, at)).collect(), at))];
    if !env.is_empty() {
        fields.push(("env", map(env.iter().map(|(name, value)| (*name, text(value, at))).collect(), at)));
    }
    fields.extend(expected.map(|expected| ("expectText", text(&expected, at))));
    map(fields, at)
}

fn action(exec: Node, limits: &[(&str, &str)], at: At) -> Node {
    map([("exec", exec)].into_iter().chain(limits.iter().map(|(name, value)| (*name, text(value, at)))).collect(), at)
}
