//! Template: a change with parameters.

use crate::shape::{Field, Form, Shape};

pub(super) const TEMPLATE: Shape = Shape::closed(
    "Template",
    "A change with parameters, planned with `glidepath plan --template`.",
    &[
        Field::optional("title", Form::Prose, "Title for people."),
        Field::optional("parameters", Form::MaybeEmptyList(&Form::Object(&PARAMETER)), "What is to be given."),
        Field::required("name", Form::Text, "Name of the change that comes of it; parameters stand in it as `{{name}}`."),
        Field::required("change", Form::Any, "The `spec` of the change; parameters stand in its values as `\"{{name}}\"`."),
    ],
);

const PARAMETER: Shape = Shape::closed(
    "Parameter",
    "What a template is to be given.",
    &[
        Field::required("name", Form::Name, "Its name."),
        Field::optional("about", Form::Prose, "What it is, for people."),
        Field::optional("default", Form::Text, "Value when none is given; without one it must be given."),
        Field::optional("choices", Form::List(&Form::Text), "The values that it may have."),
        Field::optional("optional", Form::Boolean, "Whether it may be left out; a field that holds nothing else is left out with it."),
    ],
);
