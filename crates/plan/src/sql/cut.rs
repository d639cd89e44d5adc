//! Text into statements, each parsed by itself, so that one that cannot be read hides no other.
//!
//! The parser follows nested text by recursion, and so does everything that walks over what it made. What would nest too deeply is therefore told
//! apart by counting, before it is parsed.

use super::Engine;
use sqlparser::ast::Statement;
use sqlparser::dialect::{Dialect, PostgreSqlDialect, SQLiteDialect};
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};

/// Parentheses within each other in one statement.
pub(super) const NESTED_MAX: usize = 12;
/// Levels of the parser's own recursion: parentheses, and what needs none, such as EXPLAIN EXPLAIN.
const LEVELS_MAX: usize = 30;
/// Operators and keywords of one statement. A chain of `a + b + c` nests as deeply as it is long.
const JOINTS_MAX: usize = 1_000;
/// First words of a statement that say what it makes.
const FIRST_WORDS: usize = 6;

/// One statement.
pub(super) struct Piece {
    /// Line of its first word, from 1.
    pub(super) line: u32,
    /// As written, without comments.
    pub(super) text: String,
    pub(super) needs_no_transaction: bool,
    /// The statement, or why it cannot be read.
    pub(super) parsed: Result<Statement, String>,
}

/// All statements of a text.
pub(super) fn pieces(engine: Engine, text: &str) -> Vec<Piece> {
    let dialect: &dyn Dialect = match engine {
        Engine::Postgres => &PostgreSqlDialect {},
        Engine::Sqlite => &SQLiteDialect {},
    };
    let mut tokens = Vec::new();
    let broken = Tokenizer::new(dialect, text).tokenize_with_location_into_buf(&mut tokens).err();
    let mut parts = statements(tokens);
    let mut found = Vec::new();
    // A string that does not end swallows what follows: the last part is not what it seems.
    let last = broken.and_then(|error| {
        let begun = parts.pop().unwrap_or_default();
        let line = begun.first().map_or(error.location.line, |token| token.span.start.line);
        let piece =
            |line| Piece { line, text: joined(&begun), needs_no_transaction: refuses_transaction(&begun), parsed: Err(error.message) };
        u32::try_from(line).ok().map(piece)
    });
    for part in parts {
        let Some(first) = part.first() else { continue };
        let line = u32::try_from(first.span.start.line).unwrap_or(u32::MAX);
        let (text, needs_no_transaction) = (joined(&part), refuses_transaction(&part));
        found.push(Piece { line, text, needs_no_transaction, parsed: parse(dialect, part) });
    }
    found.extend(last);
    found
}

/// Cuts at semicolons, but not within the body of a function or trigger (`BEGIN ... END`). Comments and blanks before a statement are left out.
fn statements(tokens: Vec<TokenWithSpan>) -> Vec<Vec<TokenWithSpan>> {
    let mut parts = Vec::new();
    let mut part: Vec<TokenWithSpan> = Vec::new();
    let mut depth = 0_usize;
    for token in tokens {
        match &token.token {
            Token::SemiColon if depth == 0 => {
                parts.push(std::mem::take(&mut part));
                continue;
            }
            Token::Whitespace(_) if part.is_empty() => continue,
            Token::Word(word) => match word.keyword {
                Keyword::BEGIN if has_body(&part) => depth += 1,
                Keyword::CASE if depth > 0 => depth += 1,
                Keyword::END => depth = depth.saturating_sub(1),
                _ => {}
            },
            _ => {}
        }
        part.push(token);
    }
    parts.push(part);
    parts.retain(|part| !part.is_empty());
    parts
}

fn keywords(part: &[TokenWithSpan]) -> impl Iterator<Item = Keyword> {
    part.iter().filter_map(|token| match &token.token {
        Token::Word(word) => Some(word.keyword),
        _ => None,
    })
}

fn has_body(part: &[TokenWithSpan]) -> bool {
    let mut first = keywords(part).take(FIRST_WORDS);
    first.next() == Some(Keyword::CREATE) && first.any(|word| matches!(word, Keyword::FUNCTION | Keyword::PROCEDURE | Keyword::TRIGGER))
}

/// Whether it is one of those that fail inside a transaction. Told by its own words, so that it holds for what the parser does not know, too.
fn refuses_transaction(part: &[TokenWithSpan]) -> bool {
    let mut words = keywords(part);
    let (first, second) = (words.next(), words.next());
    let is_concurrent = keywords(part).any(|word| word == Keyword::CONCURRENTLY);
    match (first, second) {
        (Some(Keyword::VACUUM), _) | (Some(Keyword::CREATE | Keyword::DROP), Some(Keyword::DATABASE | Keyword::TABLESPACE)) => true,
        (Some(Keyword::ALTER), Some(second)) => second == Keyword::SYSTEM || (second == Keyword::TABLE && is_concurrent),
        (Some(Keyword::CREATE | Keyword::DROP), _) => is_concurrent,
        // REINDEX is no keyword of the parser.
        (Some(_), _) => is_concurrent && part.first().is_some_and(|word| word.token.to_string().eq_ignore_ascii_case("reindex")),
        (None, _) => false,
    }
}

fn joined(part: &[TokenWithSpan]) -> String {
    let mut text = String::new();
    for token in part {
        match &token.token {
            Token::Whitespace(_) => text.push(' '),
            other => text.push_str(&other.to_string()),
        }
    }
    text
}

fn parse(dialect: &dyn Dialect, part: Vec<TokenWithSpan>) -> Result<Statement, String> {
    too_deep(&part)?;
    let mut parser = Parser::new(dialect).with_recursion_limit(LEVELS_MAX).with_tokens_with_locations(part);
    let statement = parser.parse_statement().map_err(|error| plain(&error))?;
    match &parser.peek_token_ref().token {
        Token::EOF => Ok(statement),
        left => Err(format!("`{left}` was not expected")),
    }
}

/// The parser's own words, without its list of everything that might have stood there, and without the place, which is known.
fn plain(error: &ParserError) -> String {
    match error {
        ParserError::TokenizerError(text) | ParserError::ParserError(text) => {
            let text = text.split(" at Line: ").next().unwrap_or_default();
            match text.rsplit_once(", found: ") {
                Some((_, found)) => format!("`{found}` was not expected"),
                None => text.to_owned(),
            }
        }
        ParserError::RecursionLimitExceeded => "it nests too deeply".to_owned(),
    }
}

fn too_deep(part: &[TokenWithSpan]) -> Result<(), String> {
    let (mut open, mut joints) = (0_usize, 0_usize);
    for token in part {
        match &token.token {
            Token::LParen | Token::LBracket | Token::LBrace => {
                open += 1;
                if open > NESTED_MAX {
                    return Err(format!("it nests more than {NESTED_MAX} parentheses"));
                }
            }
            Token::RParen | Token::RBracket | Token::RBrace => open = open.saturating_sub(1),
            other if is_joint(other) => joints += 1,
            _ => {}
        }
    }
    if joints > JOINTS_MAX { Err(format!("it has more than {JOINTS_MAX} operators and keywords")) } else { Ok(()) }
}

/// Whether a token may join two parts of an expression. Rows of values, however many, hold none.
fn is_joint(token: &Token) -> bool {
    match token {
        Token::Word(word) => {
            !matches!(word.keyword, Keyword::NoKeyword | Keyword::NULL | Keyword::TRUE | Keyword::FALSE | Keyword::DEFAULT)
        }
        Token::Whitespace(_) | Token::Comma | Token::Period | Token::Number(..) | Token::EOF => false,
        Token::SingleQuotedString(_) | Token::DollarQuotedString(_) | Token::EscapedStringLiteral(_) | Token::HexStringLiteral(_) => false,
        _ => true,
    }
}
