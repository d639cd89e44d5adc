//! JSON Schemas of the kinds, made from the tables that the checks use, so that the two cannot disagree.

use crate::shape::{Form, Shape};
use crate::shapes::Kind;
use serde_json::{Map, Value, json};

/// The JSON Schema (2020-12) of a kind of document.
pub fn schema(kind: Kind) -> Value {
    let mut definitions = Map::new();
    let metadata = object(kind.metadata(), &mut definitions);
    let spec = object(kind.spec(), &mut definitions);
    let mut required = vec!["apiVersion", "kind", "metadata"];
    if kind.spec_required() {
        required.push("spec");
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": kind.name(),
        "description": kind.spec().about,
        "type": "object",
        "properties": {
            "apiVersion": { "const": kind.api_version(), "description": "Version of the form." },
            "kind": { "const": kind.name(), "description": "Kind of document." },
            "metadata": metadata,
            "spec": spec,
        },
        "required": required,
        "$defs": definitions,
    })
}

fn object(shape: &Shape, definitions: &mut Map<String, Value>) -> Value {
    if !definitions.contains_key(shape.name) {
        definitions.insert(shape.name.to_owned(), Value::Null);
        let properties: Map<String, Value> = shape
            .fields
            .iter()
            .map(|field| {
                let mut value = form(&field.form, definitions);
                if let Some(fields) = value.as_object_mut() {
                    fields.insert("description".to_owned(), Value::String(field.about.to_owned()));
                }
                (field.name.to_owned(), value)
            })
            .collect();
        let required: Vec<&str> = shape.fields.iter().filter(|f| f.required).map(|f| f.name).collect();
        let mut definition =
            json!({ "type": "object", "description": shape.about, "properties": properties, "additionalProperties": shape.open });
        if let Some(fields) = definition.as_object_mut() {
            if !required.is_empty() {
                fields.insert("required".to_owned(), json!(required));
            }
            if !shape.one_of.is_empty() {
                let each: Vec<Value> = shape.one_of.iter().map(|name| json!({ "required": [name] })).collect();
                fields.insert("oneOf".to_owned(), json!(each));
            }
        }
        definitions.insert(shape.name.to_owned(), definition);
    }
    json!({ "$ref": format!("#/$defs/{}", shape.name) })
}

fn form(form_of: &Form, definitions: &mut Map<String, Value>) -> Value {
    // A version such as 4.10 may stand without quotes: other readers of YAML take it for a number.
    let text = || json!({ "type": ["string", "number", "boolean"] });
    let pattern = |p: &str| json!({ "type": "string", "pattern": p });
    match form_of {
        Form::Text | Form::Template | Form::Prose | Form::ProseTemplate => text(),
        Form::Name => json!({ "type": ["string", "number"], "pattern": "^[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?$" }),
        Form::Duration => pattern("^([0-9]+(\\.[0-9]+)?(ms|s|m|h|d|w))+$"),
        Form::Share => {
            json!({ "anyOf": [{ "type": "string", "pattern": "^[0-9]+(\\.[0-9]+)? ?%?$" }, { "type": "number", "minimum": 0, "maximum": 1 }] })
        }
        Form::Integer(min, max) => json!({ "type": "integer", "minimum": min, "maximum": max }),
        Form::Decimal => json!({ "type": "number" }),
        Form::Multiple => pattern("^[0-9]+(\\.[0-9]+)? ?x$"),
        Form::Money => pattern("^[0-9]+(\\.[0-9]{1,6})? [A-Z]{3}$"),
        Form::Time => json!({ "type": "string", "format": "date-time" }),
        Form::CivilTime => json!({ "type": "string" }),
        Form::Clock => pattern("^([01]?[0-9]|2[0-4]):[0-5][0-9]$"),
        Form::Rate => pattern("^[0-9.]+ (requests?|req)/(s|min|h)$|^[0-9.]+ rps$"),
        Form::Starts => pattern("^[0-9]+ per ([0-9]+(\\.[0-9]+)?(ms|s|m|h|d|w))+$"),
        Form::PlanId => pattern("^[0-9a-f]{6,64}$"),
        Form::Boolean => json!({ "type": "boolean" }),
        Form::Selector => json!({ "type": "string" }),
        Form::Url => pattern("^https?://[^/\\s]\\S*$"),
        Form::Secret => pattern("^(env|file):.+$"),
        Form::Path => pattern("^[^/\\\\].*$"),
        Form::Choice(words) => json!({ "enum": words }),
        Form::List(item) => json!({ "type": "array", "items": form(item, definitions), "minItems": 1 }),
        Form::MaybeEmptyList(item) => json!({ "type": "array", "items": form(item, definitions) }),
        Form::Map(value) => json!({ "type": "object", "additionalProperties": form(value, definitions) }),
        Form::Object(shape) => object(shape, definitions),
        Form::Either(first, second) => json!({ "anyOf": [form(first, definitions), form(second, definitions)] }),
        Form::With(_, inner) => form(inner, definitions),
        Form::Any => json!({}),
    }
}
