//! Conditions of steps: `look.exitCode == 0 and look.text != 'none'`.
//!
//! A test is a step's output, a comparison and a value; `and` joins tests. There is nothing else on purpose: what needs more is a command that
//! says yes or no. After a mistake reading goes on behind the next `and`, so that every mistake is said at once.

use glidepath_model::ids::is_valid_name;
use glidepath_model::plan::{Comparison, Test};
use serde_json::{Number, Value};

/// A part of the text, in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) begin: usize,
    pub(super) length: usize,
}

/// What is wrong with a part of the text.
pub(super) struct Mistake {
    pub(super) span: Span,
    pub(super) message: String,
    pub(super) hint: &'static str,
}

#[derive(Clone, Debug)]
enum Token {
    /// A step's output, a number, `true`, `false`, `and`.
    Word(String),
    /// A text in quotes.
    Text(String),
    Sign(Comparison),
    /// Anything that has no place here.
    Odd(String),
}

/// The tests with their places, and all mistakes.
pub(super) fn read(text: &str) -> (Vec<(Test, Span)>, Vec<Mistake>) {
    let (mut tests, mut mistakes) = (Vec::new(), Vec::new());
    let tokens = tokens(text, &mut mistakes);
    let is_and = |token: &(Token, Span)| matches!(&token.0, Token::Word(word) if word == "and");
    // Where to point when nothing stands where a test should: the `and` before it.
    let mut before = Span { begin: 0, length: 1 };
    let mut behind = 0;
    for part in tokens.split(is_and) {
        match test(part, part.last().map_or(before, |(_, span)| *span)) {
            Ok(found) => tests.push(found),
            Err(mistake) => mistakes.push(mistake),
        }
        behind += part.len();
        before = tokens.get(behind).map_or(before, |(_, span)| *span);
        behind += 1;
    }
    (tests, mistakes)
}

fn test(part: &[(Token, Span)], after: Span) -> Result<(Test, Span), Mistake> {
    const HOW: &str = "Write tests such as `look.exitCode == 0`, joined by `and`.";
    let wrong = |span: Span, message: String, hint: &'static str| Err(Mistake { span, message, hint });
    let Some(((first, first_at), rest)) = part.split_first() else { return wrong(after, "a test is missing".to_owned(), HOW) };
    let Token::Word(path) = first else { return wrong(*first_at, format!("{} is not a step's output", shown(first)), HOW) };
    let Some((step, output)) = output_of(path) else {
        let hint = if matches!(path.as_str(), "or" | "not") {
            "Only `and` joins tests; for anything else let a command decide, and test its `text`."
        } else {
            HOW
        };
        return wrong(*first_at, format!("`{path}` is not a step's output"), hint);
    };
    let Some(((Token::Sign(is), _), rest)) = rest.split_first() else {
        let at = rest.first().map_or(*first_at, |(_, span)| *span);
        return wrong(at, format!("a comparison is missing behind `{path}`"), "Comparisons are `==`, `!=`, `<`, `<=`, `>`, `>=`.");
    };
    let Some(((second, second_at), rest)) = rest.split_first() else {
        return wrong(after, "a value is missing behind the comparison".to_owned(), HOW);
    };
    let Some(value) = value_of(second) else {
        let hint = "Values are whole and decimal numbers, `true`, `false`, and texts in quotes.";
        return wrong(*second_at, format!("{} is not a value", shown(second)), hint);
    };
    if let Some((token, at)) = rest.first() {
        let hint = "Only `and` joins tests; for anything else let a command decide, and test its `text`.";
        return wrong(*at, format!("{} stands behind a whole test", shown(token)), hint);
    }
    let span = Span { begin: first_at.begin, length: (second_at.begin + second_at.length).saturating_sub(first_at.begin) };
    Ok((Test { step: step.into(), output: output.to_owned(), is: *is, value }, span))
}

/// Step and output; the step may be an element of a fan-out: `copy/eu.exitCode`.
fn output_of(path: &str) -> Option<(&str, &str)> {
    let (step, output) = path.rsplit_once('.')?;
    let is_output = output.starts_with(|c: char| c.is_ascii_alphabetic()) && output.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let is_step = step.split('/').count() <= 2 && step.split('/').all(is_valid_name);
    (is_step && is_output).then_some((step, output))
}

fn value_of(token: &Token) -> Option<Value> {
    match token {
        Token::Text(text) => Some(Value::String(text.clone())),
        Token::Word(word) if word == "true" => Some(Value::Bool(true)),
        Token::Word(word) if word == "false" => Some(Value::Bool(false)),
        Token::Word(word) if word.starts_with(|c: char| c.is_ascii_digit() || c == '-') => {
            let whole = word.parse::<i64>().ok().map(Number::from).or_else(|| word.parse::<u64>().ok().map(Number::from));
            whole.or_else(|| word.parse::<f64>().ok().and_then(Number::from_f64)).map(Value::Number)
        }
        Token::Word(_) | Token::Sign(_) | Token::Odd(_) => None,
    }
}

fn shown(token: &Token) -> String {
    match token {
        Token::Word(text) | Token::Odd(text) => format!("`{}`", crate::scalar::short(text)),
        Token::Text(text) => format!("the text '{}'", crate::scalar::short(text)),
        Token::Sign(is) => format!("`{}`", is.sign()),
    }
}

fn tokens(text: &str, mistakes: &mut Vec<Mistake>) -> Vec<(Token, Span)> {
    let chars: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(&first) = chars.get(at) {
        let rest = chars.get(at..).unwrap_or_default();
        let run = |is: fn(char) -> bool| rest.iter().take_while(|c| is(**c)).count();
        let (token, length) = match first {
            c if c.is_whitespace() => (None, 1),
            '\'' | '"' => match rest.iter().skip(1).position(|c| *c == first) {
                Some(length) => (Some(Token::Text(rest.iter().skip(1).take(length).collect())), length + 2),
                None => {
                    let span = Span { begin: at, length: rest.len() };
                    mistakes.push(Mistake { span, message: "a quote is never closed".to_owned(), hint: "Close it with the same sign." });
                    return tokens;
                }
            },
            '=' | '!' | '<' | '>' => {
                let length = run(|c| matches!(c, '=' | '!' | '<' | '>'));
                let sign: String = rest.iter().take(length).collect();
                (Some(comparison(&sign).map_or(Token::Odd(sign), Token::Sign)), length)
            }
            c if is_of_word(c) => {
                let length = run(is_of_word);
                (Some(Token::Word(rest.iter().take(length).collect())), length)
            }
            c => (Some(Token::Odd(c.to_string())), 1),
        };
        tokens.extend(token.map(|token| (token, Span { begin: at, length })));
        at += length;
    }
    tokens
}

fn is_of_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/')
}

fn comparison(sign: &str) -> Option<Comparison> {
    match sign {
        "==" => Some(Comparison::Equal),
        "!=" => Some(Comparison::NotEqual),
        "<" => Some(Comparison::Less),
        "<=" => Some(Comparison::AtMost),
        ">" => Some(Comparison::Greater),
        ">=" => Some(Comparison::AtLeast),
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    fn told(text: &str) -> String {
        let (tests, mistakes) = read(text);
        let tests = tests.iter().map(|(t, span)| format!("{}:{}.{} {} {}", span.begin, t.step, t.output, t.is.sign(), t.value));
        let mistakes = mistakes.iter().map(|m| format!("{}+{} {}", m.span.begin, m.span.length, m.message));
        tests.chain(mistakes).collect::<Vec<_>>().join(" | ")
    }

    #[test]
    fn tests_are_read_with_their_places_and_every_mistake_is_said() {
        for (text, expected) in [
            ("check.rows > 0 and check.mode == 'full'", "0:check.rows > 0 | 19:check.mode == \"full\""),
            ("a.b.rows>=-1.5", "0:a.b.rows >= -1.5"),
            ("copy/eu.exitCode != 18446744073709551615", "0:copy/eu.exitCode != 18446744073709551615"),
            ("x.ok == true and x.text == \"and\"", "0:x.ok == true | 17:x.text == \"and\""),
            ("", "0+1 a test is missing"),
            ("x.a == 1 and", "0:x.a == 1 | 9+3 a test is missing"),
            ("x.a = 1", "4+1 a comparison is missing behind `x.a`"),
            ("rows > 0 and x.b ==", "0+4 `rows` is not a step's output | 17+2 a value is missing behind the comparison"),
            ("x.a == 1 or x.b == 2", "9+2 `or` stands behind a whole test"),
            ("x.a == yes", "7+3 `yes` is not a value"),
            ("(x.a == 1)", "0+1 `(` is not a step's output"),
            ("x.a == 'open", "7+5 a quote is never closed | 4+2 a value is missing behind the comparison"),
            ("é.a == 1", "0+1 `é` is not a step's output"),
            ("x.a == 1e999", "7+5 `1e999` is not a value"),
        ] {
            assert_eq!(told(text), expected, "{text}");
        }
    }
}
