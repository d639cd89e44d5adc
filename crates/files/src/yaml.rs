//! YAML text into trees of nodes, several documents in one file.
//!
//! Built on parser events so that nothing stops at the first mistake: a syntax error ends its document only, and the
//! next `---` goes on. Aliases are copied; their copies count towards the limits on values and depth, which is what
//! ends an alias bomb.

use crate::codes;
use crate::findings::Findings;
use crate::limits::{NESTING_MAX, VALUES_MAX};
use crate::node::{At, Entry, Node, Value};
use granit_parser::{ErrorKind, Event, Options, Parser, ScalarStyle, ScanError, Span, StrInput};
use std::collections::HashMap;

/// What was read of a file.
pub(crate) struct Documents {
    /// Its documents without the empty ones.
    pub(crate) documents: Vec<Node>,
    /// Whether something that stands in the file is in none of them.
    pub(crate) is_torn: bool,
}

/// Reads all documents of a file.
pub(crate) fn read_documents(text: &str, file: u32, findings: &mut Findings<'_>) -> Documents {
    let mut options = Options::default();
    options.set_emit_comments(false);
    options.emit_unresolved_aliases = true;
    options.flow_nesting_limit = NESTING_MAX;
    options.block_nesting_limit = NESTING_MAX;
    let mut parser = Parser::new_from_str_with_options(text, options);
    let mut builder = Builder { file, findings, open: Vec::new(), anchors: HashMap::new(), values: 0, done: None, is_torn: false };
    let mut documents = Vec::new();
    while let Some(next) = parser.next() {
        match next {
            Ok((Event::StreamEnd, _)) => break,
            Ok((Event::DocumentEnd, _)) => documents.extend(builder.end_document()),
            Ok((event, span)) => {
                if builder.event(event, span).is_err() {
                    builder.is_torn = true;
                    break;
                }
            }
            Err(error) => {
                builder.syntax_error(&error);
                builder.end_document();
                if !go_on(&mut parser) {
                    break;
                }
            }
        }
    }
    documents.retain(|d| !d.is_empty());
    Documents { documents, is_torn: builder.is_torn }
}

fn go_on<'t>(parser: &mut Parser<'t, StrInput<'t>>) -> bool {
    matches!(parser.proceed_next_document(), Ok(true))
}

/// The file holds more than may be read; what was found so far stands.
struct Exceeded;

enum Open {
    List {
        items: Vec<Node>,
        at: At,
        anchor: usize,
    },
    /// `lines` says where each key stands, so that a mapping of many keys is not searched from its beginning for each.
    Map {
        entries: Vec<Entry>,
        lines: HashMap<String, u32>,
        merged: Vec<Node>,
        key: Option<(Option<String>, At)>,
        at: At,
        anchor: usize,
    },
}

struct Builder<'f, 's> {
    file: u32,
    findings: &'f mut Findings<'s>,
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    values: usize,
    done: Option<Node>,
    is_torn: bool,
}

impl Builder<'_, '_> {
    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), Exceeded> {
        let at = self.at(span);
        match event {
            Event::Scalar(text, style, anchor, _) => {
                let empty = style == ScalarStyle::Plain && matches!(&*text, "" | "~" | "null" | "Null" | "NULL");
                let value = if empty { Value::Empty } else { Value::Scalar(text.into_owned()) };
                self.count(1, at)?;
                self.put(Node { value, at }, anchor);
            }
            Event::SequenceStart(_, anchor, _) => {
                self.deeper(at, 1)?;
                self.open.push(Open::List { items: Vec::new(), at, anchor });
            }
            Event::MappingStart(_, anchor, _) => {
                self.deeper(at, 1)?;
                let (entries, lines, merged) = (Vec::new(), HashMap::new(), Vec::new());
                self.open.push(Open::Map { entries, lines, merged, key: None, at, anchor });
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Alias(anchor) => {
                let node = self.anchors.get(&anchor).cloned().unwrap_or(Node { value: Value::Empty, at });
                let (size, depth) = measure(&node);
                self.count(size, at)?;
                self.deeper(at, depth)?;
                self.put(node, 0);
            }
            Event::UnresolvedAlias(name) => {
                self.is_torn = true;
                let message = format!("alias `*{name}` refers to an anchor that is not in this document");
                self.findings.error(
                    at,
                    "",
                    codes::YAML_SYNTAX,
                    message,
                    "An alias repeats a value that was marked with `&` above it.",
                    "Write the value out, or quote the text if it only begins with a star.",
                );
                self.put(Node { value: Value::Empty, at }, 0);
            }
            Event::StreamStart | Event::StreamEnd | Event::DocumentStart(..) | Event::DocumentEnd | Event::Anchor(..) => {}
            #[allow(unreachable_patterns, reason = "the parser may emit comments when another crate turns its feature on")]
            _ => {}
        }
        Ok(())
    }

    fn at(&self, span: Span) -> At {
        let length = if span.start.line() == span.end.line() { span.end.col().saturating_sub(span.start.col()) } else { 1 };
        let narrow = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        At { file: self.file, line: narrow(span.start.line()), column: narrow(span.start.col() + 1), length: narrow(length.max(1)) }
    }

    fn count(&mut self, values: usize, at: At) -> Result<(), Exceeded> {
        self.values += values;
        if self.values <= VALUES_MAX {
            return Ok(());
        }
        self.findings.error(
            at,
            "",
            codes::TOO_MANY_VALUES,
            format!("the file holds more than {VALUES_MAX} values"),
            "Aliases count each time they are used, so a short file can stand for millions of values.",
            "Split the file, or write the repeated parts as a TargetClass.",
        );
        Err(Exceeded)
    }

    fn deeper(&mut self, at: At, levels: usize) -> Result<(), Exceeded> {
        self.count(1, at)?;
        if self.open.len() + levels <= NESTING_MAX {
            return Ok(());
        }
        self.too_deep(at);
        Err(Exceeded)
    }

    fn too_deep(&mut self, at: At) {
        self.findings.error(
            at,
            "",
            codes::NESTED_TOO_DEEP,
            format!("lists and mappings are nested more than {NESTING_MAX} deep"),
            "No kind of file needs such depth; it is a mistake or an attack.",
            "Look for brackets that are never closed.",
        );
    }

    fn close(&mut self) {
        match self.open.pop() {
            Some(Open::List { items, at, anchor }) => self.put(Node { value: Value::List(items), at }, anchor),
            Some(Open::Map { mut entries, mut lines, merged, at, anchor, .. }) => {
                for extra in merged.iter().flat_map(Node::entries) {
                    if lines.insert(extra.key.clone(), extra.key_at.line).is_none() {
                        entries.push(extra.clone());
                    }
                }
                self.put(Node { value: Value::Map(entries), at }, anchor);
            }
            None => {}
        }
    }

    fn put(&mut self, node: Node, anchor: usize) {
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut() {
            None => self.done = Some(node),
            Some(Open::List { items, .. }) => items.push(node),
            Some(Open::Map { entries, lines, merged, key, .. }) => match key.take() {
                None => {
                    let text = match node.value {
                        Value::Scalar(text) => Some(text),
                        Value::Empty | Value::List(_) | Value::Map(_) => None,
                    };
                    if text.is_none() {
                        self.is_torn = true;
                        self.findings.error(
                            node.at,
                            "",
                            codes::KEY_NOT_TEXT,
                            "a key is not text",
                            "Fields are found by their names.",
                            "Quote the key if it is meant as text; braces around a placeholder need quotes too: \"{host}\".",
                        );
                    }
                    *key = Some((text, node.at));
                }
                Some((None, _)) => {}
                Some((Some(text), _)) if text == "<<" => match node.value {
                    Value::List(items) => merged.extend(items),
                    Value::Empty | Value::Scalar(_) | Value::Map(_) => merged.push(node),
                },
                Some((Some(text), key_at)) => match lines.get(&text) {
                    Some(first) => {
                        self.is_torn = true;
                        let message = format!("`{text}` stands twice; the first is in line {first}");
                        self.findings.error(
                            key_at,
                            &text,
                            codes::DUPLICATE_KEY,
                            message,
                            "Only one of them could hold, and readers of the file would not know which.",
                            "Remove one of them.",
                        );
                    }
                    None => {
                        lines.insert(text.clone(), key_at.line);
                        entries.push(Entry { key: text, key_at, value: node });
                    }
                },
            },
        }
    }

    fn end_document(&mut self) -> Option<Node> {
        self.open.clear();
        self.anchors.clear();
        self.done.take()
    }

    fn syntax_error(&mut self, error: &ScanError) {
        self.is_torn = true;
        let marker = error.marker();
        let narrow = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let at = At { file: self.file, line: narrow(marker.line().max(1)), column: narrow(marker.col() + 1), length: 1 };
        if matches!(error.kind(), ErrorKind::RecursionLimitExceeded) {
            return self.too_deep(at);
        }
        self.findings.error(
            at,
            "",
            codes::YAML_SYNTAX,
            format!("not YAML: {}", error.info()),
            "The rest of this document cannot be read.",
            "Look at the indentation, quotes and brackets here and in the line above.",
        );
    }
}

/// Number of values in a tree and its depth.
fn measure(node: &Node) -> (usize, usize) {
    match &node.value {
        Value::Empty | Value::Scalar(_) => (1, 0),
        Value::List(items) => grown(items.iter()),
        Value::Map(entries) => grown(entries.iter().map(|e| &e.value)),
    }
}

fn grown<'n>(children: impl Iterator<Item = &'n Node>) -> (usize, usize) {
    let (size, depth) = children.map(measure).fold((1, 0), |(size, depth), (s, d)| (size + s, depth.max(d)));
    (size, depth + 1)
}
