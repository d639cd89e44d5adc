//! Cutting SQL text into its statements, without understanding them.
//!
//! Needed for two things: statements outside a transaction are sent one by one, and text that is to be one
//! transaction must not begin or end transactions itself. Strings, quoted names, comments, dollar quotes, and bodies of
//! functions and triggers (`BEGIN ... END`) are passed over whole.

/// Which SQL is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    Postgres,
    Sqlite,
}

/// One statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Statement<'a> {
    /// Its text, without the semicolon.
    pub(crate) text: &'a str,
    /// Line of its first word in the whole text, from 1.
    pub(crate) line: usize,
    /// Its first words, in capitals.
    words: Vec<String>,
}

/// Words remembered of each statement: enough for `CREATE OR REPLACE TEMP TRIGGER`.
const WORDS_MAX: usize = 5;

impl Statement<'_> {
    /// Whether it begins or ends a transaction. Savepoints are fine.
    pub(crate) fn controls_transaction(&self) -> bool {
        let word = |at: usize| self.words.get(at).map_or("", String::as_str);
        match word(0) {
            "BEGIN" | "COMMIT" | "END" | "ABORT" => true,
            "START" | "PREPARE" => word(1) == "TRANSACTION",
            "ROLLBACK" => !(word(1) == "TO" || word(2) == "TO"),
            _ => false,
        }
    }

    /// Whether its first word is one of these, which are in capitals.
    pub(crate) fn begins_with(&self, words: &[&str]) -> bool {
        self.words.first().is_some_and(|first| words.contains(&first.as_str()))
    }

    fn has_body(&self) -> bool {
        self.words.first().is_some_and(|w| w == "CREATE")
            && self.words.iter().any(|w| matches!(w.as_str(), "FUNCTION" | "PROCEDURE" | "TRIGGER"))
    }
}

/// The statements of `text`; pieces of comments and blanks alone are left out.
pub(crate) fn split(text: &str, dialect: Dialect) -> Vec<Statement<'_>> {
    let bytes = text.as_bytes();
    let mut words: Vec<String> = Vec::new();
    let (mut begin, mut first, mut at, mut depth) = (0, None, 0, 0_usize);
    let mut found = Vec::new();
    while at < bytes.len() {
        let next = skip(bytes, at, dialect);
        let is_comment = bytes[at..].starts_with(b"--") || bytes[at..].starts_with(b"/*");
        if next > at + 1 && !is_word(bytes[at]) {
            // A string, a quoted name or a comment.
            first = first.or((!is_comment).then_some(at));
            at = next;
        } else if is_word(bytes[at]) {
            first = first.or(Some(at));
            let end = at + bytes[at..].iter().take_while(|b| is_word(**b)).count();
            let word = text[at..end].to_ascii_uppercase();
            let body = Statement { text: "", line: 0, words: words.clone() }.has_body();
            match word.as_str() {
                "BEGIN" if body => depth += 1,
                "CASE" if depth > 0 => depth += 1,
                "END" => depth = depth.saturating_sub(1),
                _ => {}
            }
            if words.len() < WORDS_MAX {
                words.push(word);
            }
            at = end;
        } else if bytes[at] == b';' && depth == 0 {
            found.push((begin, at, first.take(), std::mem::take(&mut words)));
            at += 1;
            begin = at;
        } else {
            first = first.or((!bytes[at].is_ascii_whitespace()).then_some(at));
            at += 1;
        }
    }
    found.push((begin, bytes.len(), first, words));
    let line_of = |at: usize| 1 + text[..at].matches('\n').count();
    found
        .into_iter()
        .filter_map(|(begin, end, first, words)| Some(Statement { line: line_of(first?), text: text[begin..end].trim(), words }))
        .collect()
}

/// `text` with each of these names replaced by its value, where it is a word of its own and not in a string, a quoted name or a comment.
pub(crate) fn replaced(text: &str, dialect: Dialect, names: &[(&str, &str)]) -> String {
    let bytes = text.as_bytes();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < bytes.len() {
        let is_cast = bytes[at] == b':' && at > 0 && bytes[at - 1] == b':';
        let name = names.iter().find(|(name, _)| {
            let end = at + name.len();
            !is_cast && bytes[at..].starts_with(name.as_bytes()) && !bytes.get(end).is_some_and(|byte| is_word(*byte))
        });
        let end = match name {
            Some((name, value)) => {
                out.push_str(value);
                at + name.len()
            }
            None => {
                let end = skip(bytes, at, dialect);
                // `skip` goes byte by byte through what it does not pass over, and a character may have several.
                let end = (end..=bytes.len()).find(|end| text.is_char_boundary(*end)).unwrap_or(bytes.len());
                out.push_str(&text[at..end]);
                end
            }
        };
        at = end;
    }
    out
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

/// Where the string, quoted name or comment that begins at `at` ends; `at + 1` when none begins there.
fn skip(bytes: &[u8], at: usize, dialect: Dialect) -> usize {
    let rest = &bytes[at..];
    let until = |end: &[u8], from: usize| {
        let found = rest.get(from..).and_then(|r| r.windows(end.len()).position(|w| w == end));
        found.map_or(bytes.len(), |found| at + from + found + end.len())
    };
    match rest {
        [b'-', b'-', ..] => until(b"\n", 2),
        [b'/', b'*', ..] => comment_end(bytes, at, dialect),
        [b'\'', ..] => quote_end(bytes, at, dialect == Dialect::Postgres && escapes(bytes, at)),
        [b'"', ..] => quote_end(bytes, at, false),
        [b'`', ..] if dialect == Dialect::Sqlite => quote_end(bytes, at, false),
        [b'[', ..] if dialect == Dialect::Sqlite => until(b"]", 1),
        [b'$', ..] if dialect == Dialect::Postgres && !(at > 0 && is_word(bytes[at - 1])) => {
            let name = rest[1..].iter().take_while(|b| is_word(**b)).count();
            let opens = rest.get(1 + name) == Some(&b'$') && !rest[1].is_ascii_digit();
            if opens { until(&rest[..name + 2], name + 2) } else { at + 1 }
        }
        _ => at + 1,
    }
}

/// Whether the string at `at` is written `E'...'`, where a backslash escapes.
fn escapes(bytes: &[u8], at: usize) -> bool {
    at > 0 && matches!(bytes[at - 1], b'e' | b'E') && !(at > 1 && is_word(bytes[at - 2]))
}

/// A doubled quote ends a string and begins the next at once, which comes to the same.
fn quote_end(bytes: &[u8], at: usize, backslash: bool) -> usize {
    let mut end = at + 1;
    while end < bytes.len() {
        match bytes[end] {
            b'\\' if backslash => end += 2,
            byte if byte == bytes[at] => return end + 1,
            _ => end += 1,
        }
    }
    bytes.len()
}

/// PostgreSQL's comments nest.
fn comment_end(bytes: &[u8], at: usize, dialect: Dialect) -> usize {
    let (mut depth, mut end) = (0_usize, at);
    while end < bytes.len() {
        if bytes[end..].starts_with(b"/*") && (depth == 0 || dialect == Dialect::Postgres) {
            depth += 1;
            end += 2;
        } else if bytes[end..].starts_with(b"*/") {
            depth -= 1;
            end += 2;
            if depth == 0 {
                return end;
            }
        } else {
            end += 1;
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str, dialect: Dialect) -> Vec<&str> {
        split(text, dialect).into_iter().map(|s| s.text).collect()
    }

    #[test]
    fn statements_end_at_semicolons_that_are_theirs() {
        let both: [(&str, &[&str]); 6] = [
            ("select 1; select 2", &["select 1", "select 2"]),
            (";; -- nothing\n /* ; */ ;", &[]),
            ("select 'a;''b'; select \"x;y\"", &["select 'a;''b'", "select \"x;y\""]),
            ("select 1 -- a;b\n; select 2", &["select 1 -- a;b", "select 2"]),
            (
                "create trigger t after insert on a begin update b set c = case when 1 then 2 end; delete from d; end; select 1",
                &["create trigger t after insert on a begin update b set c = case when 1 then 2 end; delete from d; end", "select 1"],
            ),
            ("select 'never closed; ", &["select 'never closed;"]),
        ];
        for (text, expected) in both {
            for dialect in [Dialect::Postgres, Dialect::Sqlite] {
                assert_eq!(texts(text, dialect), expected, "{dialect:?}");
            }
        }
        for text in ["do $$ begin; commit; end $$", "select $a$ ; $$ ; $a$", "select E'it\\'s; fine'", "/* a /* b; */ ; */ select 1"] {
            assert_eq!(texts(&format!("{text}; select 2"), Dialect::Postgres), [text, "select 2"]);
        }
        for text in ["select [a;b]", "select `a;b`"] {
            assert_eq!(texts(&format!("{text}; select 2"), Dialect::Sqlite), [text, "select 2"]);
        }
    }

    #[test]
    fn bounds_are_put_in_where_they_are_words_of_the_statement() {
        for (text, expected) in [
            ("id between :first and :last", "id between 1 and 'b'"),
            ("id>=:first and id<=:last;", "id>=1 and id<='b';"),
            ("':first' || \":first\" -- :first\n || :first", "':first' || \":first\" -- :first\n || 1"),
            ("/* :last */ :last::text, :lastly, x::first", "/* :last */ 'b'::text, :lastly, x::first"),
            ("'ü' = :first and ü", "'ü' = 1 and ü"),
        ] {
            for dialect in [Dialect::Postgres, Dialect::Sqlite] {
                assert_eq!(replaced(text, dialect, &[(":first", "1"), (":last", "'b'")]), expected, "{dialect:?}");
            }
        }
    }

    #[test]
    fn transaction_control_is_seen_with_its_line() {
        for (text, control) in [
            ("commit", true),
            ("-- done\nCOMMIT", true),
            ("rollback", true),
            ("rollback to savepoint a", false),
            ("rollback work to a", false),
            ("savepoint a", false),
            ("start transaction", true),
            ("begin", true),
            ("select 'commit'", false),
            ("prepare q as select 1", false),
            ("create function f() returns int begin atomic select 1; end", false),
        ] {
            let statements = split(text, Dialect::Postgres);
            assert_eq!(statements.iter().map(Statement::controls_transaction).collect::<Vec<_>>(), [control], "{text}");
        }
        assert_eq!(split("select 1;\n\n  commit;", Dialect::Postgres)[1].line, 3);
    }
}
