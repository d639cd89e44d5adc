//! Short forms of infrastructure stand for exact commands.

use glidepath_files::{SourceFile, parse};
use glidepath_model::catalog::{ActionTemplate, Infrastructure, Router, Runway, Target, version_in};
use serde_json::json;

/// The target of `web` with these lines in its spec.
fn target(lines: &str) -> (Target, Vec<String>) {
    let text = format!(
        "apiVersion: glidepath.dev/v1\nkind: Config\nmetadata: {{ name: base }}\nspec: {{ environments: [ {{ name: production, local: true }} ] }}\n\
         ---\napiVersion: glidepath.dev/v1\nkind: Target\nmetadata: {{ name: web-production }}\nspec:\n  component: web\n  environment: production\n{lines}"
    );
    let loaded = parse(&[SourceFile { path: "glidepath.yaml".into(), bytes: text.into_bytes() }], &|_| Err("no file".to_owned()));
    let said = loaded.diagnostics.iter().map(|d| format!("{} {}", d.code, d.message)).collect();
    (loaded.catalog.targets.values().next().unwrap().clone(), said)
}

/// The command of an action as one line, with what it expects.
fn command(action: Option<&ActionTemplate>) -> String {
    let input = &action.unwrap().input;
    let words: Vec<&str> = input["argv"].as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
    match input["expectText"].as_str() {
        Some(expected) => format!("{} = {expected}", words.join(" ")),
        None => words.join(" "),
    }
}

fn commands(target: &Target) -> [String; 4] {
    [&target.deploy, &target.undo, &target.health, &target.version_probe].map(|action| command(action.as_ref()))
}

#[test]
fn a_deployment_of_kubernetes() {
    let (target, said) = target(
        "  regions: [ { name: eu-west }, { name: eu-north, hosts: [ big ] } ]\n  kubernetes:\n    context: prod-{region}\n    namespace: shop\n    deployment: web\n    container: app\n    image: registry/{component}\n    rollout: 3m\n",
    );
    assert_eq!(said, Vec::<String>::new());
    assert_eq!(
        commands(&target),
        [
            "kubectl --context prod-{region} --namespace shop set image deployment/web app=registry/web:{version}",
            "kubectl --context prod-{region} --namespace shop set image deployment/web app=registry/web:{from}",
            "kubectl --context prod-{region} --namespace shop rollout status deployment/web --timeout=20s",
            "kubectl --context prod-{region} --namespace shop get deployment/web --output \
             jsonpath={.spec.template.spec.containers[?(@.name==\"app\")].image} = registry/web:{version}",
        ]
    );
    assert_eq!(target.deploy.as_ref().unwrap().timeout_ms.unwrap().0, 180_000);
    assert_eq!((target.infrastructure, target.runway), (Infrastructure::Kubernetes, Some(Runway::Kubernetes)));
    let hosts: Vec<&str> = target.hosts().map(|(_, host)| host.as_str()).collect();
    assert_eq!(hosts, ["web.eu-west", "big"], "one host for each region, unless it names its own");
}

#[test]
fn a_service_of_compose() {
    let (target, said) = target(
        "  hosts: [ web-1, web-2 ]\n  container: { compose: deploy/compose.yaml, service: web, image: registry/web, variable: TAG, daemon: \"ssh://{host}\" }\n",
    );
    assert_eq!(said, Vec::<String>::new());
    assert_eq!(
        commands(&target),
        [
            "docker --host ssh://{host} compose --file deploy/compose.yaml up --detach --no-deps --wait web",
            "docker --host ssh://{host} compose --file deploy/compose.yaml up --detach --no-deps --wait web",
            "docker --host ssh://{host} compose --file deploy/compose.yaml ps --format {{.State}} web = running",
            "docker --host ssh://{host} compose --file deploy/compose.yaml ps --format {{.Image}} web = registry/web:{version}",
        ]
    );
    let variable = |action: &Option<ActionTemplate>| action.as_ref().unwrap().input["env"].clone();
    assert_eq!((variable(&target.deploy), variable(&target.undo)), (json!({"TAG": "{version}"}), json!({"TAG": "{from}"})));
}

#[test]
fn an_alias_of_a_function() {
    let (target, said) = target("  serverless: { function: thumbnails, alias: live, awsRegion: eu-west-1 }\n");
    assert_eq!(said, Vec::<String>::new());
    let point = |version: &str| {
        format!(
            "aws --region eu-west-1 lambda update-alias --function-name thumbnails --name live --function-version {version} \
             --routing-config AdditionalVersionWeights={{}}"
        )
    };
    assert_eq!(
        commands(&target),
        [
            point("{version}"),
            point("{from}"),
            "aws --region eu-west-1 lambda get-function-configuration --function-name thumbnails --qualifier live --query State --output text = Active"
                .to_owned(),
            "aws --region eu-west-1 lambda get-alias --function-name thumbnails --name live --query FunctionVersion --output text".to_owned(),
        ]
    );
    assert_eq!(target.hosts().count(), 1);
}

#[test]
fn a_worker_at_the_edge() {
    let lines = "  edge: { worker: \"shop-{environment}\", url: \"https://shop.example.com/version\", versionIn: .version, account: 0a1b, token: \"env:TOKEN\" }\n";
    let (target, said) = target(lines);
    assert_eq!(said, Vec::<String>::new());
    let Some(Router::Share(router)) = &target.regions[0].router else { panic!("{:?}", target.regions) };
    let split = |new: &str, old: &str| format!("wrangler versions deploy {{version}}@{new}% {{from}}@{old}% --name shop-production --yes");
    assert_eq!(command(target.deploy.as_ref()), split("0", "100"), "it stands beside what serves, and nobody meets it");
    assert_eq!(command(Some(&router.set)), split("{share}", "{rest}"));
    for action in [target.deploy.as_ref(), Some(&router.set), router.read.as_ref(), target.version_probe.as_ref()] {
        let input = &action.unwrap().input;
        assert_eq!(
            (&input["env"], &input["secrets"]),
            (&json!({"CLOUDFLARE_ACCOUNT_ID": "0a1b"}), &json!({"CLOUDFLARE_API_TOKEN": "env:TOKEN"}))
        );
    }
    let read = command(router.read.as_ref());
    assert!(
        read.contains("deployments status") && read.ends_with(" share shop-production {version}"),
        "values are words, never shell text: {read}"
    );
    assert!(command(target.version_probe.as_ref()).ends_with(" serves shop-production"));
    assert_eq!(
        command(target.health.as_ref()),
        "curl --fail --silent --show-error --max-time 10 --output /dev/null https://shop.example.com/version"
    );
    let side = command(target.side.as_ref().unwrap().health.as_ref());
    let header = "Cloudflare-Workers-Version-Overrides: shop-production=\"{version}\"";
    assert!(side.ends_with(&format!(" answers https://shop.example.com/version {header} .version = {{version}}")), "{side}");
    assert!(target.undo.is_none() && target.side.unwrap().retire.is_none(), "versions of a Worker are never taken away");
    assert_eq!((target.infrastructure, target.runway), (Infrastructure::Edge, Some(Runway::Edge)));
}

#[test]
fn a_worker_that_does_not_say_its_version_is_asked_whether_it_answers() {
    let (target, said) = target("  edge: { worker: shop, url: \"https://shop.example.com/\" }\n");
    assert_eq!(said, Vec::<String>::new());
    let side = command(target.side.unwrap().health.as_ref());
    assert!(side.contains("--header Cloudflare-Workers-Version-Overrides: shop=\"{version}\" --output /dev/null"), "{side}");
    let input = &target.deploy.unwrap().input;
    assert_eq!((&input["env"], &input["secrets"]), (&json!({}), &json!({})));
}

#[test]
fn a_database_of_postgres_by_its_own_programs() {
    let form = "engine: postgres, connection: \"env:DB\"";
    let (whole, said) = target(&format!(
        "  database: {{ {form}, client: {{ service: orders, backups: /backups, restoreService: spare, lagMax: 5s, serviceFile: pg.conf }} }}\n"
    ));
    assert_eq!(said, Vec::<String>::new());
    let health = command(whole.health.as_ref());
    assert!(health.starts_with("psql --no-psqlrc --no-password") && health.contains("--dbname=service=orders"), "{health}");
    assert!(
        health.contains("current_setting('in_hot_standby') = 'on'")
            && health.contains("replay_lag > interval '5000 milliseconds'")
            && health.ends_with("= well"),
        "{health}"
    );
    let (backup, test) = (command(whole.backup.as_deref()), command(whole.restore_test.as_deref()));
    assert!(backup.contains("pg_dump") && backup.ends_with(" backup orders /backups web"), "{backup}");
    assert!(test.contains("pg_restore") && test.ends_with(" restore-test spare /backups web = restored"), "{test}");
    for action in [whole.health.as_ref(), whole.backup.as_deref(), whole.restore_test.as_deref()] {
        assert_eq!(action.unwrap().input["env"], json!({"PGSERVICEFILE": "pg.conf"}));
    }
    assert_eq!((whole.infrastructure, whole.runway, whole.hosts().count()), (Infrastructure::Database, Some(Runway::Database), 0));

    // No second server, no restore test; no limit, no look at replicas. Without `client` it is a database like any other.
    let (small, said) = target(&format!("  database: {{ {form}, client: {{ service: orders, backups: /backups }} }}\n"));
    assert_eq!(said, Vec::<String>::new());
    assert!(small.restore_test.is_none() && !command(small.health.as_ref()).contains("replay_lag"));
    let (bare, said) = target(&format!("  database: {{ {form} }}\n"));
    assert_eq!(said, Vec::<String>::new());
    assert_eq!((bare.runway, bare.backup), (None, None));
}

#[test]
fn what_the_target_writes_itself_wins() {
    let (target, said) =
        target("  health: { http: { url: \"http://web/healthz\" } }\n  serverless: { function: thumbnails, alias: live }\n");
    assert_eq!(said, Vec::<String>::new());
    assert_eq!(target.health.unwrap().kind, "http");
    assert_eq!(command(target.deploy.as_ref()).split(' ').next(), Some("aws"));
}

#[test]
fn two_short_forms_at_once_are_refused() {
    let (_, said) = target(
        "  serverless: { function: thumbnails, alias: live }\n  container: { compose: c.yaml, service: web, image: registry/web, variable: TAG }\n",
    );
    assert_eq!(said, ["GP0033 a target has `container`, `serverless` at once"]);
}

#[test]
fn a_version_is_what_stands_in_its_place() {
    for (form, answer, version) in [
        ("registry:5000/web:{version}", "registry:5000/web:1.4.0", Some("1.4.0")),
        ("web:{version}", "web:1.4.0@sha256:ab", Some("1.4.0@sha256:ab")),
        ("web:{version}", "web-debug:1.4.0", None),
        ("web:{version}", "web:", None),
        ("v{version} (live)", "v7 (live)", Some("7")),
        ("fixed", "fixed", None),
    ] {
        assert_eq!(version_in(form, answer), version, "{form} {answer}");
    }
}
