//! What a document may look like, as tables: the one source of the checks and of the JSON Schemas.

/// A mapping with named fields.
#[derive(Debug)]
pub(crate) struct Shape {
    /// Name for messages and schema definitions.
    pub(crate) name: &'static str,
    /// What it is.
    pub(crate) about: &'static str,
    /// Its fields.
    pub(crate) fields: &'static [Field],
    /// Fields of which exactly one must be there; empty when there is no such rule.
    pub(crate) one_of: &'static [&'static str],
    /// Whether other fields are allowed, as in formats that other tools extend.
    pub(crate) open: bool,
}

/// One field of a mapping.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) required: bool,
    pub(crate) form: Form,
    pub(crate) about: &'static str,
}

/// What a value may be.
#[derive(Debug)]
pub(crate) enum Form {
    /// Any text that is not empty.
    Text,
    /// Text in which placeholders may stand.
    Template,
    /// Text that only people read, in whatever script.
    Prose,
    /// The same with placeholders.
    ProseTemplate,
    /// A name: letters, digits, `-`, `_`, `.`.
    Name,
    /// A length of time with its unit.
    Duration,
    /// A share: `5%`, or a decimal from 0 to 1.
    Share,
    /// A whole number without unit, within bounds.
    Integer(u64, u64),
    /// A decimal number without unit.
    Decimal,
    /// A multiple: `2x`.
    Multiple,
    /// An amount with its currency.
    Money,
    /// RFC 3339 with a zone.
    Time,
    /// RFC 3339 with a zone, or a civil time in the calendar's zone.
    CivilTime,
    /// `09:00`.
    Clock,
    /// A rate: `21 requests/s`.
    Rate,
    /// So many starts in so long: `4 per 1m`.
    Starts,
    /// A plan's id, or its beginning.
    PlanId,
    /// `true` or `false`.
    Boolean,
    /// A metric selector.
    Selector,
    /// An http or https address in which placeholders may stand.
    Url,
    /// `env:NAME` or `file:PATH`.
    Secret,
    /// A path below the project's root.
    Path,
    /// One of some words.
    Choice(&'static [&'static str]),
    /// A list of one form, not empty.
    List(&'static Form),
    /// A list of one form, which may be empty.
    MaybeEmptyList(&'static Form),
    /// A mapping from any text to one form.
    Map(&'static Form),
    /// A mapping with named fields.
    Object(&'static Shape),
    /// A single value of one form, or a mapping or list of another.
    Either(&'static Form, &'static Form),
    /// The form, with these placeholders allowed in it.
    With(&'static [&'static str], &'static Form),
    /// Anything at all.
    Any,
}

impl Field {
    pub(crate) const fn required(name: &'static str, form: Form, about: &'static str) -> Self {
        Self { name, required: true, form, about }
    }

    pub(crate) const fn optional(name: &'static str, form: Form, about: &'static str) -> Self {
        Self { name, required: false, form, about }
    }
}

impl Shape {
    pub(crate) const fn closed(name: &'static str, about: &'static str, fields: &'static [Field]) -> Self {
        Self { name, about, fields, one_of: &[], open: false }
    }

    pub(crate) const fn open(name: &'static str, about: &'static str, fields: &'static [Field]) -> Self {
        Self { name, about, fields, one_of: &[], open: true }
    }

    pub(crate) const fn one_of(mut self, fields: &'static [&'static str]) -> Self {
        self.one_of = fields;
        self
    }
}
