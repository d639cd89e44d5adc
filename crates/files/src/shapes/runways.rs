//! Short forms of how a version is brought to common infrastructure. Each stands for actions that could be written out.

use crate::shape::{Field, Form, Shape};

const PLACES: &[&str] = &["region", "component", "environment"];
const DAEMON_PLACES: &[&str] = &["host", "region", "component", "environment"];

/// A field in which the place may stand.
const fn placed(name: &'static str, about: &'static str) -> Field {
    Field::required(name, Form::With(PLACES, &Form::Template), about)
}

const fn placed_optional(name: &'static str, about: &'static str) -> Field {
    Field::optional(name, Form::With(PLACES, &Form::Template), about)
}

pub(super) const KUBERNETES: Shape = Shape::closed(
    "KubernetesRunway",
    "A Deployment of Kubernetes, changed by `kubectl`.",
    &[
        placed("context", "Context of the kubeconfig; never the current one."),
        placed("namespace", "Namespace."),
        placed("deployment", "Name of the Deployment."),
        placed("container", "Name of the container in its pods."),
        placed("image", "Image without tag."),
        Field::optional("rollout", Form::Duration, "How long a rollout may take; 10 min when left out."),
    ],
);

pub(super) const CONTAINER: Shape = Shape::closed(
    "ContainerRunway",
    "A service of Docker Compose, one container of it on each host.",
    &[
        Field::required("compose", Form::Path, "Compose file."),
        placed("service", "Name of the service."),
        placed("image", "Image without tag, as the Compose file has it."),
        Field::required("variable", Form::Text, "Variable of the Compose file that holds the tag: `image: shop:${TAG}`."),
        Field::optional(
            "daemon",
            Form::With(DAEMON_PLACES, &Form::Template),
            "Docker's `--host`, such as `ssh://{host}`; the local one when left out.",
        ),
    ],
);

pub(super) const SERVERLESS: Shape = Shape::closed(
    "ServerlessRunway",
    "An alias of an AWS Lambda function, pointed by `aws`; a version is a published one.",
    &[
        placed("function", "Name of the function."),
        placed("alias", "Name of the alias."),
        placed_optional("awsRegion", "Region of AWS; the configured one when left out."),
    ],
);

pub(super) const EDGE: Shape = Shape::closed(
    "EdgeRunway",
    "A Cloudflare Worker, whose versions get their share by `wrangler`; a version is an uploaded one.",
    &[
        placed("worker", "Name of the Worker."),
        Field::required("url", Form::With(PLACES, &Form::Url), "Address that the Worker answers with 200 while it is well."),
        Field::optional(
            "versionIn",
            Form::Text,
            "Filter of `jq` that takes the id of the version from that answer, such as `.version`. Without it an answer of the old side may be taken for one of the new.",
        ),
        Field::optional("arrives", Form::Duration, "How long a deployment may take to arrive everywhere; 1 min when left out."),
        placed_optional("account", "Id of the account, as `CLOUDFLARE_ACCOUNT_ID`."),
        Field::optional(
            "token",
            Form::Secret,
            "Secret reference of the API token, as `CLOUDFLARE_API_TOKEN`; the login of `wrangler` when left out.",
        ),
    ],
);

const BACKUP_PLACES: &[&str] = &["component", "environment"];

pub(super) const CLIENT: Shape = Shape::closed(
    "DatabaseClient",
    "Short form of health, backup and restoreTest by the programs that come with PostgreSQL.",
    &[
        Field::required(
            "service",
            Form::With(BACKUP_PLACES, &Form::Template),
            "Name of the connection in the service file of libpq; its password is in the password file.",
        ),
        Field::required("backups", Form::With(BACKUP_PLACES, &Form::Template), "Folder of the backups, of the project or anywhere else."),
        Field::optional(
            "restoreService",
            Form::With(BACKUP_PLACES, &Form::Template),
            "Connection of the server on which a backup is restored to test it, beside what serves. There is no restore test when left out.",
        ),
        Field::optional(
            "lagMax",
            Form::Duration,
            "How far a replica may be behind in a database that is well; not looked at when left out.",
        ),
        Field::optional("serviceFile", Form::With(BACKUP_PLACES, &Form::Template), "The service file; `~/.pg_service.conf` when left out."),
    ],
);
