//! Words for people: numbers with what they count; characters that people do not see, and that change what they see.

use std::fmt::Display;

/// `1 step`, `3 steps`.
pub fn plural<N: Display + PartialEq + From<u8>>(number: N, one: &str, many: &str) -> String {
    let word = if number == N::from(1) { one } else { many };
    format!("{number} {word}")
}

/// A number with at most so many decimals, and no zeros that say nothing at its end: `0.5`, `12`, `0.04`.
pub fn decimals(value: f64, most: usize) -> String {
    // Nothing less than nothing is written without the sign.
    let text = format!("{:.most$}", value + 0.0);
    let short = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text.as_str() };
    if short == "-0" { "0".to_owned() } else { short.to_owned() }
}

/// A number without a unit of its own, to four digits: `0.072`, `99.95`, `1500`.
pub fn plain(value: f64) -> String {
    const DIGITS: i32 = 4;
    if value == 0.0 || !value.is_finite() {
        return (value + 0.0).to_string();
    }
    let most = (DIGITS - 1 - value.abs().log10().floor() as i32).clamp(0, 12);
    decimals(value, usize::try_from(most).unwrap_or_default())
}

/// Whether a character has no look of its own and changes how a text is shown or compared: marks, embeddings, overrides and isolates of direction, ends of
/// lines and paragraphs that few programs take for such, and spaces and breaks without width. With one of them a text can look like another.
///
/// The joiners are not among them ([`is_joiner`]).
pub fn is_hidden(c: char) -> bool {
    matches!(c,
        '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Whether a character joins its neighbours or keeps them apart (U+200C, U+200D). Persian and many scripts of India are not written right without them, and
/// many emoji are several in one that way; they move no other character. So texts for people may hold them and show them; names and commands need none.
pub fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}')
}

/// Whether a character must not reach who reads a text: it drives the terminal, or it is hidden. Ends of lines and tabs are among them; where a text
/// has several lines, they are let pass by who asks.
pub fn is_unfit_to_show(c: char) -> bool {
    c.is_control() || is_hidden(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_no_digits_that_say_nothing() {
        let cases = [
            (0.072_000_000_000_000_01, "0.072"),
            (1500.0, "1500"),
            (-0.5, "-0.5"),
            (0.0, "0"),
            (99.951, "99.95"),
            (100_000.0, "100000"),
            (0.01, "0.01"),
        ];
        for (value, shown) in cases {
            assert_eq!(plain(value), shown);
        }
        for (value, most, shown) in
            [(400.0, 1, "400"), (0.10, 2, "0.1"), (14.04, 1, "14"), (-0.01, 1, "0"), (5.0, 0, "5"), (10.0, 0, "10"), (1.25, 1, "1.2")]
        {
            assert_eq!(decimals(value, most), shown);
        }
    }

    #[test]
    fn one_is_not_many() {
        let told = [plural(0_usize, "run", "runs"), plural(1_u64, "run", "runs"), plural(2_u32, "run", "runs")];
        assert_eq!(told, ["0 runs", "1 run", "2 runs"]);
    }

    #[test]
    fn what_changes_the_look_of_others_is_unfit_and_letters_of_all_scripts_are_not() {
        let hidden = "\u{200b}\u{200e}\u{200f}\u{2028}\u{2029}\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2066}\u{2067}\u{2068}\u{2069}\u{feff}\u{61c}\u{2060}";
        assert!(hidden.chars().all(|c| is_hidden(c) && is_unfit_to_show(c) && !is_joiner(c)));
        assert!("\u{1b}\u{7f}\u{9b}\n\t".chars().all(is_unfit_to_show));
        let shown = "Zürich, 東京, עברית, می\u{200c}خواهم, क्\u{200d}ष, 👩\u{200d}🚒, a\u{a0}b\u{202f}c — «…»";
        assert!(!shown.chars().any(is_unfit_to_show), "{shown}");
    }
}
