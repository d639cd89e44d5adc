//! A document as a tree in which every value knows its place. Scalars keep their source text: 4.10 stays 4.10.

/// A place in one of the project's files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct At {
    /// Index of the file.
    pub(crate) file: u32,
    /// Line from 1.
    pub(crate) line: u32,
    /// Column from 1, in characters.
    pub(crate) column: u32,
    /// Length of the marked text in characters, at least 1.
    pub(crate) length: u32,
}

/// A value with its place.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// The value.
    pub(crate) value: Value,
    /// Where it stands.
    pub(crate) at: At,
}

/// What a value can be.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    /// `null`, `~` or nothing.
    Empty,
    /// Text, a number, a time: whatever stood there.
    Scalar(String),
    /// A list.
    List(Vec<Node>),
    /// A mapping, in its order.
    Map(Vec<Entry>),
}

/// One entry of a mapping.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// The key.
    pub(crate) key: String,
    /// Where the key stands.
    pub(crate) key_at: At,
    /// The value.
    pub(crate) value: Node,
}

impl Node {
    /// An empty mapping at a place.
    pub(crate) fn empty_map(at: At) -> Self {
        Self { value: Value::Map(Vec::new()), at }
    }

    /// Entries of a mapping; none for anything else.
    pub(crate) fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Map(entries) => entries,
            Value::Empty | Value::Scalar(_) | Value::List(_) => &[],
        }
    }

    /// Items of a list; none for anything else.
    pub(crate) fn items(&self) -> &[Node] {
        match &self.value {
            Value::List(items) => items,
            Value::Empty | Value::Scalar(_) | Value::Map(_) => &[],
        }
    }

    /// Text of a scalar.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(text) => Some(text),
            Value::Empty | Value::List(_) | Value::Map(_) => None,
        }
    }

    /// The value of a field that is there and not empty.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.entries().iter().find(|e| e.key == key).map(|e| &e.value).filter(|n| !n.is_empty())
    }

    /// The value at the end of a path of fields.
    pub(crate) fn dig(&self, path: &[&str]) -> Option<&Node> {
        path.iter().try_fold(self, |node, key| node.get(key))
    }

    /// The text of a field.
    pub(crate) fn text_of(&self, key: &str) -> Option<&str> {
        self.get(key).and_then(Node::text)
    }

    /// Items of a field that is a list.
    pub(crate) fn items_of(&self, key: &str) -> &[Node] {
        self.get(key).map_or(&[], Node::items)
    }

    /// Texts of a field that is a list of scalars.
    pub(crate) fn texts_of(&self, key: &str) -> Vec<String> {
        self.items_of(key).iter().filter_map(Node::text).map(str::to_owned).collect()
    }

    /// Whether nothing stands here.
    pub(crate) fn is_empty(&self) -> bool {
        matches!(self.value, Value::Empty)
    }

    /// What it is, for messages.
    pub(crate) fn describe(&self) -> &'static str {
        match self.value {
            Value::Empty => "nothing",
            Value::Scalar(_) => "a single value",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }
}
