//! Which kind a document is, and whether it looks like one.

use crate::check::check;
use crate::codes;
use crate::findings::{Findings, nearest, quoted, suggest};
use crate::node::{At, Node, Value};
use crate::shape::{Field, Form, Shape};
use crate::shapes::{ANNOTATIONS, BACKSTAGE, EMERGENCY_PREFIX, GLIDEPATH, Kind, OPENSLO, SLO_ANNOTATIONS};

/// A document of a known kind.
pub(crate) struct Document {
    pub(crate) kind: Kind,
    /// `metadata.name`.
    pub(crate) name: String,
    /// Where the name stands.
    pub(crate) name_at: At,
    /// The whole document.
    pub(crate) root: Node,
    /// Its `spec`, empty when there is none.
    pub(crate) spec: Node,
}

impl Document {
    /// An annotation's text.
    pub(crate) fn annotation(&self, name: &str) -> Option<&Node> {
        self.root.dig(&["metadata", "annotations", name])
    }
}

/// Kinds that other versions or tools know and this one lets lie.
const LEFT_ALONE: &[(&str, &str)] = &[(BACKSTAGE, "Domain"), (BACKSTAGE, "Location")];
/// Our own kinds that come later.
const NOT_YET: &[&str] = &["Trigger"];

const FIELDS: &[Field] = &[
    Field::required("apiVersion", Form::Text, "Version of the form."),
    Field::required("kind", Form::Text, "Kind of document."),
    Field::required("metadata", Form::Any, "Name and labels."),
    Field::optional("spec", Form::Any, "What it says."),
];
const OWN: Shape = Shape::closed("Document", "A document of ours.", FIELDS);
const FOREIGN: Shape = Shape::open("Document", "A document of another tool's form.", FIELDS);

/// A document of which nobody knows what it is.
pub(crate) struct NoKind;

/// Reads and checks a document; `None` when its kind is known and not one that is read.
pub(crate) fn read(root: Node, findings: &mut Findings<'_>) -> Result<Option<Document>, NoKind> {
    if !matches!(root.value, Value::Map(_)) {
        let message = format!("a document must be a mapping, but this is {}", root.describe());
        findings.error(root.at, "", codes::NOT_A_MAPPING, message, "Its kind stands in a field.", "Begin with `apiVersion:` and `kind:`.");
        return Err(NoKind);
    }
    let Some(kind) = kind_of(&root, findings)? else { return Ok(None) };
    let shape = if kind.api_version() == GLIDEPATH { &OWN } else { &FOREIGN };
    check_fields(&root, shape, findings);
    if let Some(metadata) = root.get("metadata") {
        check(metadata, &Form::Object(kind.metadata()), "metadata", findings);
    }
    let spec = root.get("spec").cloned();
    match &spec {
        Some(spec) => check(spec, &Form::Object(kind.spec()), "spec", findings),
        None if kind.spec_required() => {
            let hint = format!(
                "Add `spec:` with {}.",
                quoted(&kind.spec().fields.iter().filter(|f| f.required).map(|f| f.name).collect::<Vec<_>>())
            );
            findings.error(root.at, "spec", codes::MISSING_FIELD, format!("{} has no `spec`", kind.name()), kind.spec().about, hint);
        }
        None => {}
    }
    annotations(&root, kind, findings);
    let name = root.dig(&["metadata", "name"]);
    let name_at = name.map_or(root.at, |n| n.at);
    let name = name.and_then(Node::text).unwrap_or_default().to_owned();
    let spec = spec.unwrap_or_else(|| Node::empty_map(root.at));
    Ok(Some(Document { kind, name, name_at, root, spec }))
}

fn check_fields(root: &Node, shape: &'static Shape, findings: &mut Findings<'_>) {
    match shape.open {
        true => check(root, &Form::Object(&FOREIGN), "", findings),
        false => check(root, &Form::Object(&OWN), "", findings),
    }
}

fn kind_of(root: &Node, findings: &mut Findings<'_>) -> Result<Option<Kind>, NoKind> {
    let start = root.entries().first().map_or(root.at, |e| e.key_at);
    let (Some(version), Some(kind)) = (root.get("apiVersion"), root.get("kind")) else {
        let names: Vec<&str> = root.entries().iter().map(|e| e.key.as_str()).collect();
        for field in ["apiVersion", "kind"].into_iter().filter(|f| root.get(f).is_none()) {
            let hint = match nearest(field, names.iter().copied()) {
                Some(near) if near != field => format!("Did you mean `{field}` where `{near}` stands?"),
                _ => format!("Our own files begin with `apiVersion: {GLIDEPATH}` and `kind: Change`, `Target`, ..."),
            };
            findings.error(
                start,
                field,
                codes::MISSING_FIELD,
                format!("the document has no `{field}`"),
                "Without it nobody knows what the document is.",
                hint,
            );
        }
        return Err(NoKind);
    };
    let (version_text, kind_text) = (version.text().unwrap_or_default(), kind.text().unwrap_or_default());
    let version_text = if version_text == "backstage.io/v1beta1" { BACKSTAGE } else { version_text };
    let versions = [GLIDEPATH, BACKSTAGE, OPENSLO];
    if !versions.contains(&version_text) {
        let message = format!("`{version_text}` is not an apiVersion that is read here");
        let hint = suggest(version_text, versions);
        findings.error(version.at, "apiVersion", codes::UNKNOWN_API_VERSION, message, "The form of a document hangs on its version.", hint);
        return Err(NoKind);
    }
    if let Some(known) = Kind::ALL.into_iter().find(|k| k.api_version() == version_text && k.name() == kind_text) {
        return Ok(Some(known));
    }
    if version_text == GLIDEPATH && NOT_YET.contains(&kind_text) {
        let message = format!("this version does not read {kind_text} yet");
        findings.warning(
            kind.at,
            "kind",
            codes::KIND_NOT_YET,
            message,
            "The document has no effect.",
            "Leave it; a later version will read it.",
        );
    } else if !LEFT_ALONE.contains(&(version_text, kind_text)) {
        unknown_kind(version_text, kind, kind_text, findings);
        return Err(NoKind);
    }
    Ok(None)
}

fn unknown_kind(version: &str, kind: &Node, text: &str, findings: &mut Findings<'_>) {
    let here = Kind::ALL.into_iter().filter(|k| k.api_version() == version).map(Kind::name);
    let elsewhere = Kind::ALL.into_iter().find(|k| k.name() == text);
    let hint = match elsewhere {
        Some(other) => format!("`{text}` stands under `apiVersion: {}`.", other.api_version()),
        None => suggest(text, here),
    };
    findings.error(
        kind.at,
        "kind",
        codes::UNKNOWN_KIND,
        format!("`{text}` is not a kind of {version}"),
        "The document would have no effect.",
        hint,
    );
}

/// Annotations of ours must be known: a typo in one would otherwise pass for another tool's.
fn annotations(root: &Node, kind: Kind, findings: &mut Findings<'_>) {
    let known = match kind.api_version() {
        BACKSTAGE => ANNOTATIONS,
        OPENSLO => SLO_ANNOTATIONS,
        _ => return,
    };
    for entry in root.dig(&["metadata", "annotations"]).map_or(&[][..], Node::entries) {
        let ours = entry.key.starts_with("glidepath.dev/");
        if ours && !known.contains(&entry.key.as_str()) && !entry.key.starts_with(EMERGENCY_PREFIX) {
            let hint = suggest(&entry.key, known.iter().copied());
            let field = format!("metadata.annotations.{}", entry.key);
            let message = format!("annotation `{}` is not known", entry.key);
            findings.error(entry.key_at, &field, codes::UNKNOWN_ANNOTATION, message, "It would have no effect.", hint);
        }
    }
}
