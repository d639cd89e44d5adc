//! Conditions on one measured value, in the words of Argo Rollouts: `result[0] >= 0.95 && result[0] < 1.2`.
//!
//! The part of Argo's expressions that speaks of one number: `result` or `result[0]`, numbers, `true` and `false`, `+ - * /`, the comparisons `== != < <= > >=`,
//! `! && ||` (also `not`, `and`, `or`), parentheses, `isNaN(x)`, `isInf(x)` and `default(x, y)`, which is y where x is absent. Everything else is refused, with its place:
//! a condition that is read otherwise than it was meant lets bad versions pass.

mod turns;

use serde::{Deserialize, Serialize};

/// Longest condition, in bytes.
const BYTES_MAX: usize = 2000;
/// Deepest nesting.
const DEPTH_MAX: u32 = 64;

/// A condition that can be evaluated. Stored as its text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Condition {
    text: String,
    root: Truth,
}

/// What is wrong with a condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConditionProblem {
    /// Characters before the place.
    pub at: usize,
    /// What is wrong there.
    pub what: String,
}

impl std::fmt::Display for ConditionProblem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} at character {}", self.what, self.at + 1)
    }
}

impl std::error::Error for ConditionProblem {}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Comparison {
    Equal,
    NotEqual,
    Below,
    AtMost,
    Above,
    AtLeast,
}

#[derive(Debug, Clone, PartialEq)]
enum Truth {
    Constant(bool),
    Not(Box<Truth>),
    And(Box<Truth>, Box<Truth>),
    Or(Box<Truth>, Box<Truth>),
    Compared(Comparison, Number, Number),
    IsNan(Number),
    IsInf(Number),
}

#[derive(Debug, Clone, PartialEq)]
enum Number {
    Constant(f64),
    Result,
    Default(Box<Number>, Box<Number>),
    Negative(Box<Number>),
    /// One of `+ - * /`.
    Joined(u8, Box<Number>, Box<Number>),
}

impl Condition {
    /// Reads a condition.
    pub fn parse(text: &str) -> Result<Self, ConditionProblem> {
        if text.len() > BYTES_MAX {
            return Err(ConditionProblem { at: 0, what: format!("a condition may have {BYTES_MAX} bytes, this one is longer") });
        }
        let mut parser = Parser { text, at: 0, depth: 0 };
        let root = parser.alternatives()?;
        parser.skip_spaces();
        if parser.at < text.len() {
            return Err(parser.problem("an operator or the end is expected"));
        }
        Ok(Self { text: text.to_owned(), root: parser.truth(root, 0)? })
    }

    /// The text it was read from.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether a value meets the condition; absent if an absent value would have to be known.
    pub fn is_met(&self, value: Option<f64>) -> Option<bool> {
        self.root.evaluate(value)
    }
}

impl TryFrom<String> for Condition {
    type Error = ConditionProblem;

    fn try_from(text: String) -> Result<Self, ConditionProblem> {
        Self::parse(&text)
    }
}

impl From<Condition> for String {
    fn from(condition: Condition) -> Self {
        condition.text
    }
}

impl Truth {
    fn evaluate(&self, value: Option<f64>) -> Option<bool> {
        Some(match self {
            Self::Constant(constant) => *constant,
            Self::Not(inner) => !inner.evaluate(value)?,
            Self::And(left, right) => left.evaluate(value)? && right.evaluate(value)?,
            Self::Or(left, right) => left.evaluate(value)? || right.evaluate(value)?,
            Self::IsNan(number) => number.evaluate(value)?.is_nan(),
            Self::IsInf(number) => number.evaluate(value)?.is_infinite(),
            Self::Compared(comparison, left, right) => {
                let (left, right) = (left.evaluate(value)?, right.evaluate(value)?);
                match comparison {
                    Comparison::Equal => left == right,
                    Comparison::NotEqual => left != right,
                    Comparison::Below => left < right,
                    Comparison::AtMost => left <= right,
                    Comparison::Above => left > right,
                    Comparison::AtLeast => left >= right,
                }
            }
        })
    }
}

impl Number {
    fn evaluate(&self, value: Option<f64>) -> Option<f64> {
        Some(match self {
            Self::Constant(constant) => *constant,
            Self::Result => value?,
            Self::Default(wanted, otherwise) => match wanted.evaluate(value) {
                Some(number) => number,
                None => otherwise.evaluate(value)?,
            },
            Self::Negative(inner) => -inner.evaluate(value)?,
            Self::Joined(operator, left, right) => {
                let (left, right) = (left.evaluate(value)?, right.evaluate(value)?);
                match operator {
                    b'+' => left + right,
                    b'-' => left - right,
                    b'*' => left * right,
                    _ => left / right,
                }
            }
        })
    }
}

/// Either kind of expression, until it is known which is meant.
enum Part {
    Truth(Truth),
    Number(Number),
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: u32,
}

type Parsed<T> = Result<T, ConditionProblem>;

impl Parser<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn skip_spaces(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    fn problem(&self, what: impl Into<String>) -> ConditionProblem {
        self.problem_at(self.at, what)
    }

    fn problem_at(&self, byte: usize, what: impl Into<String>) -> ConditionProblem {
        let at = self.text.get(..byte).map_or(0, |before| before.chars().count());
        ConditionProblem { at, what: what.into() }
    }

    /// Takes a sign, if it comes next.
    fn takes(&mut self, sign: &str) -> bool {
        self.skip_spaces();
        let is_next = self.rest().starts_with(sign);
        if is_next {
            self.at += sign.len();
        }
        is_next
    }

    /// Takes a word, if it comes next and ends there.
    fn takes_word(&mut self, word: &str) -> bool {
        self.skip_spaces();
        let is_next = name(self.rest()) == word;
        if is_next {
            self.at += word.len();
        }
        is_next
    }

    fn truth(&self, part: Part, at: usize) -> Parsed<Truth> {
        match part {
            Part::Truth(truth) => Ok(truth),
            Part::Number(_) => Err(self.problem_at(at, "a condition is expected, and this is a number: compare it with something")),
        }
    }

    fn number(&self, part: Part, at: usize) -> Parsed<Number> {
        match part {
            Part::Number(number) => Ok(number),
            Part::Truth(_) => Err(self.problem_at(at, "a number is expected, and this is a condition")),
        }
    }

    fn alternatives(&mut self) -> Parsed<Part> {
        let start = self.at;
        let mut left = self.conjunction()?;
        while self.takes("||") || self.takes_word("or") {
            let at = self.at;
            let right = self.conjunction()?;
            left = Part::Truth(Truth::Or(Box::new(self.truth(left, start)?), Box::new(self.truth(right, at)?)));
        }
        Ok(left)
    }

    fn conjunction(&mut self) -> Parsed<Part> {
        let start = self.at;
        let mut left = self.negation()?;
        while self.takes("&&") || self.takes_word("and") {
            let at = self.at;
            let right = self.negation()?;
            left = Part::Truth(Truth::And(Box::new(self.truth(left, start)?), Box::new(self.truth(right, at)?)));
        }
        Ok(left)
    }

    fn negation(&mut self) -> Parsed<Part> {
        self.skip_spaces();
        let is_negated = !self.rest().starts_with("!=") && self.takes("!") || self.takes_word("not");
        if !is_negated {
            return self.comparison();
        }
        let at = self.at;
        let inner = self.deeper(Self::negation)?;
        Ok(Part::Truth(Truth::Not(Box::new(self.truth(inner, at)?))))
    }

    fn comparison(&mut self) -> Parsed<Part> {
        let start = self.at;
        let left = self.sum()?;
        let signs = [
            ("==", Comparison::Equal),
            ("!=", Comparison::NotEqual),
            ("<=", Comparison::AtMost),
            (">=", Comparison::AtLeast),
            ("<", Comparison::Below),
            (">", Comparison::Above),
        ];
        let Some((_, comparison)) = signs.into_iter().find(|(sign, _)| self.takes(sign)) else { return Ok(left) };
        let at = self.at;
        let right = self.sum()?;
        Ok(Part::Truth(Truth::Compared(comparison, self.number(left, start)?, self.number(right, at)?)))
    }

    fn sum(&mut self) -> Parsed<Part> {
        self.joined(b"+-", Self::product)
    }

    fn product(&mut self) -> Parsed<Part> {
        self.joined(b"*/", Self::operand)
    }

    fn joined(&mut self, operators: &[u8; 2], operand: fn(&mut Self) -> Parsed<Part>) -> Parsed<Part> {
        let start = self.at;
        let mut left = operand(self)?;
        loop {
            self.skip_spaces();
            let Some(operator) = self.rest().bytes().next().filter(|next| operators.contains(next)) else { return Ok(left) };
            self.at += 1;
            let at = self.at;
            let right = operand(self)?;
            left = Part::Number(Number::Joined(operator, Box::new(self.number(left, start)?), Box::new(self.number(right, at)?)));
        }
    }

    /// Goes one level deeper, if that is not too deep.
    fn deeper<T>(&mut self, inner: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.problem(format!("a condition may be nested {DEPTH_MAX} levels deep")));
        }
        let result = inner(self);
        self.depth -= 1;
        result
    }

    fn operand(&mut self) -> Parsed<Part> {
        self.skip_spaces();
        let start = self.at;
        if self.takes("(") {
            let inner = self.deeper(Self::alternatives)?;
            return self.closed(inner);
        }
        if self.takes("-") {
            let at = self.at;
            let inner = self.deeper(Self::operand)?;
            return Ok(Part::Number(Number::Negative(Box::new(self.number(inner, at)?))));
        }
        if self.rest().starts_with(|c: char| c.is_ascii_digit() || c == '.') {
            return self.constant();
        }
        let word = name(self.rest()).to_owned();
        self.at += word.len();
        match word.as_str() {
            "result" => self.result(),
            "true" => Ok(Part::Truth(Truth::Constant(true))),
            "false" => Ok(Part::Truth(Truth::Constant(false))),
            "isNaN" | "isInf" | "default" => {
                if !self.takes("(") {
                    return Err(self.problem(format!("`(` is expected after {word}")));
                }
                let argument = self.argument()?;
                let part = match word.as_str() {
                    "isNaN" => Part::Truth(Truth::IsNan(argument)),
                    "isInf" => Part::Truth(Truth::IsInf(argument)),
                    _ => {
                        if !self.takes(",") {
                            return Err(self.problem("`,` is expected: default(result, 0)"));
                        }
                        Part::Number(Number::Default(Box::new(argument), Box::new(self.argument()?)))
                    }
                };
                self.closed(part)
            }
            "" if self.rest().is_empty() => Err(self.problem_at(start, "the condition ends too early")),
            "" => {
                let sign: String = self.rest().chars().take(1).collect();
                Err(self.problem_at(start, format!("`{sign}` cannot be read")))
            }
            other => Err(self
                .problem_at(start, format!("there is no `{other}`; there are result, result[0], isNaN, isInf, default, true and false"))),
        }
    }

    fn argument(&mut self) -> Parsed<Number> {
        let at = self.at;
        let part = self.deeper(Self::alternatives)?;
        self.number(part, at)
    }

    fn closed(&mut self, part: Part) -> Parsed<Part> {
        if self.takes(")") { Ok(part) } else { Err(self.problem("`)` is expected")) }
    }

    /// `result`, or its first element: there is one value.
    fn result(&mut self) -> Parsed<Part> {
        if self.takes("[") && !(self.takes("0") && self.takes("]")) {
            return Err(self.problem("there is only one result: `result` or `result[0]`"));
        }
        if self.rest().starts_with('.') {
            return Err(self.problem("the result is a number and has no fields"));
        }
        Ok(Part::Number(Number::Result))
    }

    fn constant(&mut self) -> Parsed<Part> {
        let rest = self.rest();
        let mut end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '.')).unwrap_or(rest.len());
        // The sign of an exponent.
        if rest[..end].ends_with(['e', 'E']) && rest[end..].starts_with(['+', '-']) {
            let exponent = &rest[end + 1..];
            end += 1 + exponent.find(|c: char| !c.is_ascii_digit()).unwrap_or(exponent.len());
        }
        let word = &rest[..end];
        match word.parse::<f64>().ok().filter(|number| number.is_finite()) {
            Some(number) => {
                self.at += end;
                Ok(Part::Number(Number::Constant(number)))
            }
            None => Err(self.problem(format!("{word} is not a number"))),
        }
    }
}

/// The name at the beginning of a text; empty if there is none.
fn name(text: &str) -> &str {
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(text.len());
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn met(text: &str, value: Option<f64>) -> Option<bool> {
        Condition::parse(text).unwrap().is_met(value)
    }

    #[test]
    fn conditions_say_what_they_say() {
        for (text, value, is_met) in [
            ("result[0] >= 0.95", 0.95, true),
            ("result < 3e2", 300.0, false),
            ("result <= 3e+2 && !(result < 1.5e-1)", 300.0, true),
            ("result > 1 || result < -1 && false", 0.5, false),
            ("not (result == 2) and true", 2.0, false),
            ("isNaN(result) or result != result", f64::NAN, true),
            ("isInf( result [ 0 ] )", f64::NEG_INFINITY, true),
            ("result * 2 + 1 > 7 - 1 / 2", 3.0, true),
            ("1 - 1 - 1 == -1 && 8 / 2 / 2 == 2 && 2 + 3 * 4 == 14", 0.0, true),
            ("- result < - 3", 4.0, true),
            ("!!true", 0.0, true),
        ] {
            assert_eq!(met(text, Some(value)), Some(is_met), "{text}");
        }
    }

    #[test]
    fn what_is_absent_is_unknown_unless_it_has_a_default() {
        assert_eq!(met("result < 5", None), None);
        assert_eq!(met("!(result < 5)", None), None);
        assert_eq!(met("isNaN(result)", None), None);
        assert_eq!(met("default(result, 0) < 5", None), Some(true));
        assert_eq!(met("default(result, 0) < 5", Some(7.0)), Some(false));
        assert_eq!(met("true || result < 5", None), Some(true));
    }

    #[test]
    fn everything_else_is_refused_with_its_place() {
        for (text, at, what) in [
            ("", 0, "ends too early"),
            ("result", 0, "this is a number"),
            ("result >= 0.95 extra", 15, "an operator or the end"),
            ("result[1] > 0", 7, "only one result"),
            ("result.value > 0", 6, "no fields"),
            ("len(result) > 0", 0, "there is no `len`"),
            ("result > asFloat(\"1\")", 9, "there is no `asFloat`"),
            ("result > \"a\"", 9, "cannot be read"),
            ("(result > 1", 11, "`)` is expected"),
            ("result > 1 > 0", 11, "an operator or the end"),
            ("true > 1", 0, "this is a condition"),
            ("result && true", 0, "this is a number"),
            ("default(result) > 1", 14, "`,` is expected"),
            ("isNaN result", 6, "`(` is expected"),
            ("result > 1.2.3", 9, "1.2.3 is not a number"),
            ("result > 1e999", 9, "not a number"),
            ("résult > 1", 0, "there is no `r`"),
        ] {
            let problem = Condition::parse(text).unwrap_err();
            assert!(problem.at == at && problem.what.contains(what), "{text}: {problem}");
        }
        assert!(Condition::parse(&"!".repeat(65)).is_err() && Condition::parse(&"(".repeat(3000)).is_err());
    }

    #[test]
    fn a_condition_is_stored_as_its_text() {
        let condition = Condition::parse("result < 5").unwrap();
        let stored = serde_json::to_string(&condition).unwrap();
        assert_eq!(stored, "\"result < 5\"");
        assert_eq!(serde_json::from_str::<Condition>(&stored).unwrap(), condition);
        assert!(serde_json::from_str::<Condition>("\"result <\"").is_err());
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[result0-9.()!<>=&|,+* eé/-]{0,40}", value in proptest::option::of(any::<f64>())) {
            if let Ok(condition) = Condition::parse(&text) {
                condition.is_met(value);
            }
        }
    }
}
