//! Single values: durations, shares, money, times, rates, names.

use crate::codes;
use crate::findings::suggest;
use crate::shape::Form;
use glidepath_model::catalog::Selector;
use glidepath_model::ids::is_valid_name;
use glidepath_model::plan::THROTTLE_COUNT_MAX;
use glidepath_model::text::{is_joiner, is_unfit_to_show};
use glidepath_model::{Code, Millis, Money, Share, Timestamp};

/// What is wrong with a single value.
pub(crate) struct Wrong {
    pub(crate) code: Code,
    pub(crate) message: String,
    pub(crate) reason: &'static str,
    pub(crate) hint: String,
}

fn wrong(code: Code, message: String, reason: &'static str, hint: impl Into<String>) -> Result<(), Wrong> {
    Err(Wrong { code, message, reason, hint: hint.into() })
}

/// Checks the text of a single value.
pub(crate) fn check(text: &str, form: &Form) -> Result<(), Wrong> {
    let is_prose = matches!(form, Form::Prose | Form::ProseTemplate);
    if is_prose {
        prose_check(text)?
    } else {
        control_check(text)?
    }
    match form {
        Form::Text | Form::Template | Form::Prose | Form::ProseTemplate => text_check(text),
        Form::Name => name_check(text),
        Form::Duration => duration_check(text),
        Form::Share => share_check(text),
        Form::Integer(min, max) => integer_check(text, *min, *max),
        Form::Decimal => decimal_check(text),
        Form::Multiple => multiple_check(text),
        Form::Money => money_check(text),
        Form::Time => time_check(text, false),
        Form::CivilTime => time_check(text, true),
        Form::Clock => clock_check(text),
        Form::Rate => rate_check(text),
        Form::Starts => starts_check(text),
        Form::PlanId => plan_id_check(text),
        Form::Boolean => boolean_check(text),
        Form::Selector => selector_check(text),
        Form::Url => url_check(text),
        Form::Secret => secret_check(text),
        Form::Path => path_check(text),
        Form::Choice(words) => choice_check(text, words),
        Form::List(_) | Form::MaybeEmptyList(_) | Form::Map(_) | Form::Object(_) | Form::Either(..) | Form::With(..) | Form::Any => Ok(()),
    }
}

fn is_number(text: &str) -> bool {
    text.parse::<f64>().is_ok_and(f64::is_finite)
}

/// Names and commands: what [`prose_check`] refuses, and joiners, with which two of them could differ and look the same.
pub(crate) fn control_check(text: &str) -> Result<(), Wrong> {
    prose_check(text)?;
    match text.chars().find(|c| is_joiner(*c)) {
        None => Ok(()),
        Some(found) => wrong(
            codes::CONTROL_CHARACTER,
            format!("the text holds the invisible character U+{:04X}", u32::from(found)),
            "Nobody sees it: a name or a command with it looks like another one without it.",
            "Take it out; titles, reasons and questions may hold it, where a script or an emoji needs it.",
        ),
    }
}

/// Texts for people. Line breaks and tabs belong to texts of several lines, every other control character only to terminals. What is hidden and changes the
/// look of other characters (the marks of direction, say) is refused; a joiner is not, for some scripts and emoji are written with it.
fn prose_check(text: &str) -> Result<(), Wrong> {
    match text.chars().find(|c| is_unfit_to_show(*c) && !matches!(c, '\n' | '\t')) {
        None => Ok(()),
        Some(found) if !found.is_control() => wrong(
            codes::CONTROL_CHARACTER,
            format!("the text holds the invisible character U+{:04X}", u32::from(found)),
            "Nobody sees it, and it changes the look of the text around it: one text can pass for another.",
            "Take it out; a command that needs one can make it itself, as `printf '\\342\\200\\256'` does.",
        ),
        Some(found) => wrong(
            codes::CONTROL_CHARACTER,
            format!("the text holds the control character U+{:04X}", u32::from(found)),
            "Terminals act on control characters: a text could hide or forge what people read at night.",
            "Take it out; a command that needs one can make it itself, as `printf '\\033'` does.",
        ),
    }
}

fn text_check(text: &str) -> Result<(), Wrong> {
    match text.trim().is_empty() {
        false => Ok(()),
        true => {
            wrong(codes::EMPTY_VALUE, "the text is empty".to_owned(), "An empty text says nothing.", "Fill it, or leave the field out.")
        }
    }
}

fn name_check(text: &str) -> Result<(), Wrong> {
    match is_valid_name(text) {
        true => Ok(()),
        false => wrong(
            codes::BAD_NAME,
            format!("`{}` is not a name", short(text)),
            "Names become parts of paths, step ids and labels.",
            "Use up to 253 letters, digits, `-`, `_`, `.`, beginning and ending with a letter or digit.",
        ),
    }
}

fn duration_check(text: &str) -> Result<(), Wrong> {
    const HOW: &str = "Write `90s`, `15m`, `2h`, `1d` or a sum such as `1h30m`.";
    match Millis::parse(text) {
        Some(_) => Ok(()),
        None if is_number(text) => no_unit(text, HOW),
        None => wrong(
            codes::BAD_DURATION,
            format!("`{}` is not a length of time", short(text)),
            "A length of time is a number with a unit.",
            HOW,
        ),
    }
}

fn no_unit(text: &str, how: &'static str) -> Result<(), Wrong> {
    wrong(codes::NO_UNIT, format!("`{}` has no unit", short(text)), "A number alone could mean different things to different readers.", how)
}

fn share_check(text: &str) -> Result<(), Wrong> {
    const HOW: &str = "Write `5%`, `99.95%`, or a decimal between 0 and 1 such as `0.05`.";
    match Share::parse(text) {
        Some(_) => Ok(()),
        None if is_number(text) => no_unit(text, HOW),
        None => wrong(codes::BAD_SHARE, format!("`{}` is not a share", short(text)), "A share lies between 0 % and 100 %.", HOW),
    }
}

fn integer_check(text: &str, min: u64, max: u64) -> Result<(), Wrong> {
    match text.parse::<u64>() {
        Ok(number) if (min..=max).contains(&number) => Ok(()),
        Ok(_) | Err(_) => wrong(
            codes::BAD_NUMBER,
            format!("`{}` is not a whole number from {min} to {max}", short(text)),
            "The field counts something.",
            format!("Write a whole number from {min} to {max}."),
        ),
    }
}

fn decimal_check(text: &str) -> Result<(), Wrong> {
    match is_number(text) {
        true => Ok(()),
        false => wrong(
            codes::BAD_NUMBER,
            format!("`{}` is not a number", short(text)),
            "The field is compared with a measured value.",
            "Write a decimal such as `0.3`.",
        ),
    }
}

/// Reads `2x` or `1.5x`, at least 1.
pub(crate) fn multiple(text: &str) -> Option<f64> {
    text.strip_suffix('x')?.trim_end().parse().ok().filter(|m: &f64| m.is_finite() && (1.0..=1e6).contains(m))
}

fn multiple_check(text: &str) -> Result<(), Wrong> {
    match multiple(text) {
        Some(_) => Ok(()),
        None if is_number(text) => no_unit(text, "Write `2x` for a doubling."),
        None => wrong(
            codes::BAD_NUMBER,
            format!("`{}` is not a multiple", short(text)),
            "A multiple is a number of at least 1 with an `x`.",
            "Write `2x` for a doubling.",
        ),
    }
}

fn money_check(text: &str) -> Result<(), Wrong> {
    const HOW: &str = "Write `12.50 EUR`.";
    match Money::parse(text) {
        Some(_) => Ok(()),
        None if is_number(text) => no_unit(text, HOW),
        None => wrong(
            codes::BAD_MONEY,
            format!("`{}` is not an amount of money", short(text)),
            "An amount is a number, a space and a currency of three capital letters.",
            HOW,
        ),
    }
}

fn time_check(text: &str, civil_allowed: bool) -> Result<(), Wrong> {
    if Timestamp::parse(text).is_some() || (civil_allowed && civil(text).is_some()) {
        return Ok(());
    }
    let message = match civil(text) {
        Some(_) => format!("`{}` has no zone", short(text)),
        None => format!("`{}` is not a time", short(text)),
    };
    wrong(
        codes::BAD_TIME,
        message,
        "Without a zone a time means another moment for each reader.",
        "Write RFC 3339 such as `2026-12-01T00:00:00+01:00`.",
    )
}

/// Reads a civil date, or date and time, without a zone.
pub(crate) fn civil(text: &str) -> Option<jiff::civil::DateTime> {
    text.parse::<jiff::civil::DateTime>().ok()
}

/// Reads `09:00` up to `24:00` as minutes of the day.
pub(crate) fn clock(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    if hours.is_empty() || hours.len() > 2 || minutes.len() != 2 || !text.bytes().all(|b| b.is_ascii_digit() || b == b':') {
        return None;
    }
    let (hours, minutes) = (hours.parse::<u16>().ok()?, minutes.parse::<u16>().ok()?);
    (minutes < 60 && hours * 60 + minutes <= 1440).then_some(hours * 60 + minutes)
}

fn clock_check(text: &str) -> Result<(), Wrong> {
    match clock(text) {
        Some(_) => Ok(()),
        None => wrong(
            codes::BAD_TIME,
            format!("`{}` is not a time of day", short(text)),
            "Windows open and close at hours and minutes of the calendar's time zone.",
            "Write `\"09:00\"`, up to `\"24:00\"`.",
        ),
    }
}

/// Reads `21 requests/s`, also per minute or hour, as requests per second.
pub(crate) fn rate(text: &str) -> Option<f64> {
    let (number, unit) = text.trim().split_once(' ')?;
    let seconds = match unit.trim() {
        "requests/s" | "request/s" | "req/s" | "rps" => 1.0,
        "requests/min" | "req/min" => 60.0,
        "requests/h" | "req/h" => 3600.0,
        _ => return None,
    };
    number.parse::<f64>().ok().filter(|n| n.is_finite() && (0.0..=1e12).contains(n)).map(|n| n / seconds)
}

fn rate_check(text: &str) -> Result<(), Wrong> {
    const HOW: &str = "Write `21 requests/s`, or a query as `{ query: '...' }`.";
    match rate(text) {
        Some(_) => Ok(()),
        None if is_number(text) => no_unit(text, HOW),
        None => wrong(
            codes::BAD_NUMBER,
            format!("`{}` is not a rate of requests", short(text)),
            "A rate is a number with `requests/s`, `requests/min` or `requests/h`.",
            HOW,
        ),
    }
}

/// Reads `4 per 1m` as a count and a length of time.
pub(crate) fn starts(text: &str) -> Option<(u32, Millis)> {
    let (count, length) = text.split_once(" per ")?;
    let count = count.trim().parse().ok().filter(|count| (1..=THROTTLE_COUNT_MAX).contains(count))?;
    Millis::parse(length.trim()).filter(|length| *length > Millis::ZERO).map(|length| (count, length))
}

fn starts_check(text: &str) -> Result<(), Wrong> {
    const HOW: &str = "Write `4 per 1m`, or `{ count: 4, per: 1m }`.";
    match starts(text) {
        Some(_) => Ok(()),
        None if is_number(text) => no_unit(text, HOW),
        None => wrong(
            codes::BAD_NUMBER,
            format!("`{}` is not a number of starts per time, from 1 to {THROTTLE_COUNT_MAX} in more than no time", short(text)),
            "Every start is remembered for as long as it counts, so there is a most.",
            HOW,
        ),
    }
}

fn plan_id_check(text: &str) -> Result<(), Wrong> {
    const DIGITS_MIN: usize = 6;
    const DIGITS_MAX: usize = 64;
    let is_hexadecimal = text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    match is_hexadecimal && (DIGITS_MIN..=DIGITS_MAX).contains(&text.len()) {
        true => Ok(()),
        false => wrong(
            codes::BAD_PLAN_ID,
            format!("`{}` is not the id of a plan", short(text)),
            "A plan is named by 64 hexadecimal digits, or by the first of them when they name no other.",
            "Write at least six of the digits that `glidepath plan` prints, in quotes.",
        ),
    }
}

fn boolean_check(text: &str) -> Result<(), Wrong> {
    match text {
        "true" | "false" => Ok(()),
        _ => wrong(
            codes::BAD_BOOLEAN,
            format!("`{}` is neither true nor false", short(text)),
            "Words such as yes and on are read differently by different tools.",
            "Write `true` or `false`.",
        ),
    }
}

fn selector_check(text: &str) -> Result<(), Wrong> {
    match Selector::parse(text) {
        Ok(_) => Ok(()),
        Err(why) => wrong(
            codes::BAD_SELECTOR,
            format!("not a metric selector: {why}"),
            "The judge adds labels and ranges itself, so it needs the bare counter and not an expression.",
            "Write `http_requests_total{app=\"payments\",code=~\"5..\"}`.",
        ),
    }
}

fn url_check(text: &str) -> Result<(), Wrong> {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    match rest.is_some_and(|r| !r.is_empty() && !r.starts_with('/') && !text.chars().any(|c| c.is_whitespace() || c.is_control())) {
        true => Ok(()),
        false => wrong(
            codes::BAD_URL,
            format!("`{}` is not an address", short(text)),
            "It is asked over HTTP.",
            "Begin with `http://` or `https://` and a host, without spaces.",
        ),
    }
}

/// Whether a text is `env:NAME` or `file:PATH`.
pub(crate) fn is_secret(text: &str) -> bool {
    ["env:", "file:"].iter().any(|p| text.strip_prefix(p).is_some_and(|rest| !rest.trim().is_empty()))
}

fn secret_check(text: &str) -> Result<(), Wrong> {
    match is_secret(text) {
        true => Ok(()),
        false => wrong(
            codes::BAD_SECRET,
            "not a reference to a secret".to_owned(),
            "Secrets are named in files and never written there.",
            "Write `env:NAME` or `file:PATH`; if a secret stood here, replace it, for it is in the file's history now.",
        ),
    }
}

/// Whether a path stays below the project's root.
pub(crate) fn is_inside(path: &str) -> bool {
    !path.trim().is_empty() && !path.starts_with('/') && !path.contains(['\\', '\0']) && !path.split('/').any(|part| part == "..")
}

fn path_check(text: &str) -> Result<(), Wrong> {
    match is_inside(text) {
        true => Ok(()),
        false => wrong(
            codes::BAD_PATH,
            format!("`{}` leads out of the project", short(text)),
            "A plan must rest on files that are reviewed together with it.",
            "Write a path relative to the project's root, without `..`.",
        ),
    }
}

fn choice_check(text: &str, words: &[&str]) -> Result<(), Wrong> {
    match words.contains(&text) {
        true => Ok(()),
        false => wrong(
            codes::UNKNOWN_CHOICE,
            format!("`{}` is not allowed here", short(text)),
            "The field takes one of a few words.",
            suggest(text, words.iter().copied()),
        ),
    }
}

/// The beginning of a text, for messages.
pub(crate) fn short(text: &str) -> String {
    const SHOWN_CHARS_MAX: usize = 60;
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}...", &text[..end]),
    }
}
