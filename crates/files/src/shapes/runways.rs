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
