//! Backstage entities. Unknown fields are fine here: other tools extend them.

use crate::shape::{Field, Form, Shape};

/// Annotations of ours on entities.
pub(crate) const ANNOTATIONS: &[&str] = &[
    "glidepath.dev/tier",
    "glidepath.dev/edges",
    "glidepath.dev/chat",
    "glidepath.dev/on-call-primary",
    "glidepath.dev/on-call-secondary",
    "glidepath.dev/escalation",
];
/// Beginning of annotations that name an emergency contact by field.
pub(crate) const EMERGENCY_PREFIX: &str = "glidepath.dev/emergency-";

pub(super) const METADATA: Shape = Shape::open(
    "EntityMetadata",
    "Name, labels, annotations and links.",
    &[
        Field::required("name", Form::Name, "Name, unique among components and resources."),
        Field::optional("namespace", Form::Name, "Namespace; `default` when left out."),
        Field::optional("title", Form::Prose, "Title for people."),
        Field::optional("description", Form::Prose, "One line on what it does."),
        Field::optional("labels", Form::Map(&Form::Any), "Labels."),
        Field::optional("annotations", Form::Map(&Form::Any), "Annotations; ours begin with `glidepath.dev/`."),
        Field::optional("tags", Form::MaybeEmptyList(&Form::Text), "Tags."),
        Field::optional("links", Form::MaybeEmptyList(&Form::Object(&LINK)), "Links for people."),
    ],
);

const LINK: Shape = Shape::open(
    "EntityLink",
    "A link.",
    &[
        Field::required("url", Form::Text, "Address."),
        Field::optional("title", Form::Prose, "What it leads to."),
        Field::optional("icon", Form::Text, "Icon."),
        Field::optional("type", Form::Text, "Type."),
    ],
);

const REFERENCES: Form = Form::MaybeEmptyList(&Form::Text);

pub(super) const COMPONENT: Shape = Shape::open(
    "Component",
    "A piece of software.",
    &[
        Field::optional("type", Form::Text, "`service`, `website`, `library`, ..."),
        Field::optional("lifecycle", Form::Text, "`production`, `experimental`, `deprecated`, ..."),
        Field::optional("owner", Form::Text, "Who answers for it."),
        Field::optional("system", Form::Text, "System it belongs to."),
        Field::optional("subcomponentOf", Form::Text, "Component it is part of."),
        Field::optional("providesApis", REFERENCES, "Interfaces it offers."),
        Field::optional("consumesApis", REFERENCES, "Interfaces it calls."),
        Field::optional("dependsOn", REFERENCES, "Components and resources it needs."),
    ],
);

pub(super) const RESOURCE: Shape = Shape::open(
    "Resource",
    "A database, queue or bucket.",
    &[
        Field::optional("type", Form::Text, "`database`, `queue`, ..."),
        Field::optional("lifecycle", Form::Text, "Lifecycle."),
        Field::optional("owner", Form::Text, "Who answers for it."),
        Field::optional("system", Form::Text, "System it belongs to."),
        Field::optional("dependsOn", REFERENCES, "Components and resources it needs."),
        Field::optional("dependencyOf", REFERENCES, "Components that need it."),
    ],
);

pub(super) const API: Shape = Shape::open(
    "API",
    "An interface.",
    &[
        Field::optional("type", Form::Text, "`openapi`, `grpc`, ..."),
        Field::optional("lifecycle", Form::Text, "Lifecycle."),
        Field::optional("owner", Form::Text, "Who answers for it."),
        Field::optional("system", Form::Text, "System it belongs to."),
        Field::optional("definition", Form::Any, "The definition."),
    ],
);

pub(super) const SYSTEM: Shape = Shape::open(
    "System",
    "Components that belong together.",
    &[Field::optional("owner", Form::Text, "Who answers for it."), Field::optional("domain", Form::Text, "Domain it belongs to.")],
);

pub(super) const GROUP: Shape = Shape::open(
    "Group",
    "A team.",
    &[
        Field::optional("type", Form::Text, "`team`, `department`, ..."),
        Field::optional("profile", Form::Object(&PROFILE), "How to reach it."),
        Field::optional("parent", Form::Text, "Group above."),
        Field::optional("children", REFERENCES, "Groups below."),
        Field::optional("members", REFERENCES, "Users in it."),
    ],
);

pub(super) const USER: Shape = Shape::open(
    "User",
    "A person.",
    &[
        Field::optional("profile", Form::Object(&PROFILE), "How to reach them."),
        Field::optional("memberOf", REFERENCES, "Groups they are in."),
    ],
);

const PROFILE: Shape = Shape::open(
    "Profile",
    "How to reach somebody.",
    &[
        Field::optional("displayName", Form::Prose, "Name for people."),
        Field::optional("email", Form::Text, "Address of mail."),
        Field::optional("picture", Form::Text, "Picture."),
    ],
);
