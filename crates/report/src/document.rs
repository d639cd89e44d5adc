//! A document as a typed tree. Renderers turn it into Markdown, HTML and JSON; nothing in it is markup, so that a hostile name stays a name.

use serde::Serialize;
use serde_json::Value;

/// Version of the JSON form.
pub const DOCUMENT_FORMAT: u32 = 1;

/// What a document is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DocumentKind {
    /// What will be done.
    RolloutPlan,
    /// What was done.
    RunRecord,
    /// What is done by hand, on paper.
    RunSheet,
    /// What came of flights that were rehearsed.
    Rehearsal,
}

/// How a figure in the header is to be felt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tone {
    /// Nothing special.
    Neutral,
    /// All is well.
    Good,
    /// Look twice.
    Caution,
    /// Something is or may go wrong.
    Bad,
}

/// A document.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Document {
    /// Version of this form; 1.
    pub format: u32,
    /// What it is.
    pub kind: DocumentKind,
    /// Title.
    pub title: String,
    /// One line beneath the title.
    pub subtitle: String,
    /// Short marks beside the title, such as the risk level.
    pub badges: Vec<Badge>,
    /// Identifying facts: plan id, owner, ticket.
    pub identity: Vec<Entry>,
    /// The numbers that matter most.
    pub highlights: Vec<Highlight>,
    /// The flight card, plain text.
    pub card: String,
    /// Sections in order.
    pub sections: Vec<Section>,
}

/// A short mark.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Badge {
    /// Text.
    pub text: String,
    /// How it is to be felt.
    pub tone: Tone,
}

/// A named value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// What it is.
    pub name: String,
    /// The value.
    pub value: Text,
}

/// A number that matters, with where it comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Highlight {
    /// What it is.
    pub name: String,
    /// The number with its unit.
    pub value: String,
    /// Interval, source, label.
    pub note: String,
}

/// A section with its number.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Section {
    /// From 1.
    pub number: u32,
    /// Title without the number.
    pub title: String,
    /// Whether it begins a page of its own on paper.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub on_new_page: bool,
    /// Content.
    pub blocks: Vec<Block>,
}

/// A piece of content.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", tag = "type")]
pub enum Block {
    /// A heading inside a section.
    Heading {
        /// Text.
        text: String,
    },
    /// A paragraph.
    Paragraph {
        /// Text.
        text: Text,
    },
    /// A list, numbered or not.
    List {
        /// Whether the items are numbered.
        ordered: bool,
        /// Items.
        items: Vec<Text>,
    },
    /// Boxes to tick.
    Checklist {
        /// Items.
        items: Vec<Text>,
    },
    /// A table.
    Table {
        /// Column titles.
        header: Vec<String>,
        /// Rows, each as long as the header.
        rows: Vec<Vec<Text>>,
    },
    /// Commands or other text to be kept as it is.
    Code {
        /// What it is, one line; may be empty.
        caption: String,
        /// The text.
        text: String,
    },
    /// A remark that must not be overlooked.
    Callout {
        /// How it is to be felt.
        tone: Tone,
        /// Title.
        title: String,
        /// Text.
        text: Text,
    },
    /// A text ready to be sent.
    Notice {
        /// When it is to be sent.
        when: String,
        /// To whom.
        to: String,
        /// Subject line.
        subject: String,
        /// The text.
        text: String,
    },
    /// What leads to what.
    Tree {
        /// The first branches.
        branches: Vec<Branch>,
    },
    /// One step of the procedure.
    Step(Box<StepBlock>),
    /// One step on a run sheet.
    Sheet(Box<SheetBox>),
    /// A picture.
    Figure(Box<Figure>),
}

/// One step as the procedure shows it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StepBlock {
    /// Position in the plan, from 1.
    pub number: u32,
    /// The step's path.
    pub id: String,
    /// One line for people.
    pub title: String,
    /// Expected duration with its source.
    pub expected: String,
    /// The exact command; for what is only watched, what shows the same; empty where nothing is typed.
    pub command: String,
    /// What must hold afterwards.
    pub validation: Vec<Text>,
    /// How it is undone; empty where there is nothing to undo.
    pub undo: Text,
    /// Whether there is no way back across it.
    pub one_way: bool,
}

/// A branch of a tree: what happens, and what follows from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Branch {
    /// What happens.
    pub text: Text,
    /// What follows, one of these.
    pub then: Vec<Branch>,
}

/// Something on a run sheet that is done in one go: the steps of a host, a decision, the way back of a place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SheetBox {
    /// Numbers of its steps, `77 to 79`; on the way back its name, `W7`.
    pub label: String,
    /// When it begins: time of day, and time from take-off.
    pub time: String,
    /// One line for people.
    pub title: String,
    /// What is decided here, where something is.
    pub decision: Option<Decision>,
    /// What the run does side by side: lines of the box, or other boxes with it; empty where all waits for what stands before it.
    pub beside: Text,
    /// What is done, line after line.
    pub lines: Vec<SheetLine>,
    /// What to do when something is not as expected.
    pub otherwise: Text,
    /// Which way leads back from here.
    pub back: Text,
    /// Whether there is no way back across it.
    pub one_way: bool,
}

/// One step in a box, or one command of the way back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SheetLine {
    /// Position of the step in the plan, from 1; 0 where it is none.
    pub number: u32,
    /// One line for people; empty where the box says it.
    pub title: String,
    /// How long it takes.
    pub takes: String,
    /// What to type, exactly.
    pub commands: String,
    /// What must be so afterwards.
    pub expect: Vec<Text>,
}

/// A point on a run sheet where somebody decides.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Decision {
    /// What is looked at, how often and how long.
    pub question: Text,
    /// On when all of these are as they should be, back when one is not.
    pub looks: Vec<SheetLook>,
    /// What to do when neither is clear.
    pub unsure: String,
}

/// What somebody looks at who decides.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SheetLook {
    /// What is seen.
    pub what: String,
    /// What to type, exactly; empty where somebody is asked.
    pub commands: String,
    /// On, when it is so.
    pub go: Text,
    /// Back, when it is so; empty where it never leads back.
    pub back: Text,
}

/// A picture with its description and a text form for readers without pictures.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Figure {
    /// Title.
    pub title: String,
    /// What it shows, in words.
    pub description: String,
    /// A complete SVG element.
    pub svg: String,
    /// The same as plain text.
    pub text: String,
}

/// A run of text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", tag = "type", content = "text")]
pub enum Span {
    /// Plain.
    Plain(String),
    /// A command, name or value as it is typed.
    Code(String),
    /// To be stressed.
    Strong(String),
    /// An address.
    Link(String),
}

/// Text with little formatting.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Text(pub Vec<Span>);

impl Text {
    /// No text.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds plain text.
    #[must_use]
    pub fn plain(mut self, text: impl Into<String>) -> Self {
        self.0.push(Span::Plain(text.into()));
        self
    }

    /// Adds something as it is typed.
    #[must_use]
    pub fn code(mut self, text: impl Into<String>) -> Self {
        self.0.push(Span::Code(text.into()));
        self
    }

    /// Adds stressed text.
    #[must_use]
    pub fn strong(mut self, text: impl Into<String>) -> Self {
        self.0.push(Span::Strong(text.into()));
        self
    }

    /// Adds an address.
    #[must_use]
    pub fn link(mut self, address: impl Into<String>) -> Self {
        self.0.push(Span::Link(address.into()));
        self
    }

    /// Whether there is nothing to read.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The words without their formatting.
    pub fn words(&self) -> String {
        self.0
            .iter()
            .map(|s| match s {
                Span::Plain(t) | Span::Code(t) | Span::Strong(t) | Span::Link(t) => t.as_str(),
            })
            .collect()
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        text.as_str().into()
    }
}

/// What stands between backticks is shown as it is typed. One that has no partner is itself.
impl From<&str> for Text {
    fn from(text: &str) -> Self {
        let parts: Vec<&str> = text.split('`').collect();
        let is_paired = parts.len() % 2 == 1 && parts.iter().skip(1).step_by(2).all(|code| !code.is_empty());
        if !is_paired {
            return Self::new().plain(text);
        }
        let spans = parts.into_iter().enumerate().map(|(at, part)| {
            let part = part.to_owned();
            if at % 2 == 1 { Span::Code(part) } else { Span::Plain(part) }
        });
        Self(spans.filter(|span| *span != Span::Plain(String::new())).collect())
    }
}

impl Section {
    /// An empty section.
    pub(crate) fn new(number: u32, title: &str) -> Self {
        Self { number, title: title.to_owned(), on_new_page: false, blocks: Vec::new() }
    }

    pub(crate) fn heading(&mut self, text: impl Into<String>) {
        self.blocks.push(Block::Heading { text: text.into() });
    }

    pub(crate) fn paragraph(&mut self, text: impl Into<Text>) {
        self.blocks.push(Block::Paragraph { text: text.into() });
    }

    pub(crate) fn list(&mut self, items: Vec<Text>) {
        if !items.is_empty() {
            self.blocks.push(Block::List { ordered: false, items });
        }
    }

    pub(crate) fn numbered(&mut self, items: Vec<Text>) {
        if !items.is_empty() {
            self.blocks.push(Block::List { ordered: true, items });
        }
    }

    pub(crate) fn tree(&mut self, branches: Vec<Branch>) {
        if !branches.is_empty() {
            self.blocks.push(Block::Tree { branches });
        }
    }

    pub(crate) fn checklist(&mut self, items: Vec<Text>) {
        if !items.is_empty() {
            self.blocks.push(Block::Checklist { items });
        }
    }

    pub(crate) fn table(&mut self, header: &[&str], rows: Vec<Vec<Text>>) {
        if !rows.is_empty() {
            self.blocks.push(Block::Table { header: header.iter().map(|h| (*h).to_owned()).collect(), rows });
        }
    }

    pub(crate) fn code(&mut self, caption: impl Into<String>, text: impl Into<String>) {
        self.blocks.push(Block::Code { caption: caption.into(), text: text.into() });
    }

    pub(crate) fn callout(&mut self, tone: Tone, title: impl Into<String>, text: impl Into<Text>) {
        self.blocks.push(Block::Callout { tone, title: title.into(), text: text.into() });
    }

    pub(crate) fn figure(&mut self, figure: Figure) {
        self.blocks.push(Block::Figure(Box::new(figure)));
    }
}

/// The document as JSON: camelCase, blocks and spans tagged by `type`; `format` names the version of this form.
pub fn to_json(document: &Document) -> Value {
    serde_json::to_value(document).unwrap_or_default()
}
