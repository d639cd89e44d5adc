//! Short forms of infrastructure stand for exact commands.

use glidepath_files::{SourceFile, parse};
use glidepath_model::catalog::{ActionTemplate, Infrastructure, Runway, Target, version_in};
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
