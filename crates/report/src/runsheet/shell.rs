//! Looks by short names: the queries and probes that a sheet asks for over and over, each once as a function of the shell.
//!
//! Nothing is known here of what a query means. Lines of the same name and form differ in some words; those become parameters, all else stays as it is.
//! So a call of the function types exactly the line that it stands for. Only plain words become parameters, which no shell reads as anything else.

use std::collections::{BTreeMap, BTreeSet};

/// Parameters of a function at most; with more of them the line itself is easier to type.
const PARAMETERS_MAX: usize = 5;
/// Lines shorter than this are short enough.
const LINE_MIN: usize = 30;
/// Words that a shell or a sheet uses itself.
const TAKEN: [&str; 14] = ["cd", "curl", "echo", "exec", "exit", "export", "kill", "printf", "read", "set", "test", "time", "type", "wait"];

/// A line that shows something, under the name that its kind goes by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Look {
    pub(super) name: String,
    pub(super) line: String,
    /// The line to be held against it, where there is one.
    pub(super) against: Option<String>,
}

/// Functions, and the lines that they stand for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shell {
    functions: Vec<Function>,
    calls: BTreeMap<String, Call>,
}

/// `bad APP RANGE VERSION...`.
#[derive(Clone, Debug)]
struct Function {
    name: String,
    /// Parameters that come once.
    fixed: Vec<String>,
    /// The last one, of which there may be several.
    each: String,
    body: String,
}

#[derive(Clone, Debug)]
struct Call {
    function: usize,
    fixed: Vec<String>,
    each: String,
}

impl Look {
    /// The name of what is typed as it is, however often.
    pub(super) const UNNAMED: &'static str = "";
}

impl Shell {
    /// Functions for lines of which there are several alike.
    pub(super) fn of(looks: &[Look], taken: &[String]) -> Self {
        let mut shell = Self::default();
        // By name, and by what stands between the words of the line.
        type Key<'l> = (&'l str, Vec<&'l str>);
        let mut groups: Vec<(Key<'_>, Vec<&Look>)> = Vec::new();
        let mut seen = BTreeSet::new();
        for look in looks.iter().filter(|look| look.name != Look::UNNAMED && seen.insert(&look.line)) {
            let form: Vec<&str> = parts(&look.line).into_iter().filter(|part| !is_word(part)).collect();
            let key = (look.name.as_str(), form);
            match groups.iter_mut().find(|(known, _)| *known == key) {
                Some((_, alike)) => alike.push(look),
                None => groups.push((key, vec![look])),
            }
        }
        let mut names: BTreeSet<String> = TAKEN.iter().map(|word| (*word).to_owned()).chain(taken.iter().cloned()).collect();
        for ((name, _), alike) in groups {
            let Some(form) = Form::of(&alike) else { continue };
            let name = free(name, &mut names);
            let function = shell.functions.len();
            for (look, words) in alike.iter().zip(&form.words) {
                let (each, fixed) = form.arguments(words);
                shell.calls.insert(look.line.clone(), Call { function, fixed, each });
            }
            shell.functions.push(form.function(name));
        }
        shell
    }

    /// The lines by their short names. Those that differ in the last parameter only are one line: looks may come in any order.
    pub(crate) fn typed<'l>(&self, lines: impl IntoIterator<Item = &'l str>) -> Vec<String> {
        // The function and what is given once, where the line has a short name.
        type Given<'s> = Option<(usize, &'s [String])>;
        let mut found: Vec<(Given<'_>, String)> = Vec::new();
        for line in lines {
            let Some(call) = self.calls.get(line) else {
                found.push((None, line.to_owned()));
                continue;
            };
            let key = Some((call.function, call.fixed.as_slice()));
            match found.iter_mut().find(|(known, _)| *known == key) {
                Some((_, typed)) => {
                    typed.push(' ');
                    typed.push_str(&call.each);
                }
                None => {
                    let name = self.functions.get(call.function).map_or("", |function| function.name.as_str());
                    let words: Vec<&str> =
                        std::iter::once(name).chain(call.fixed.iter().map(String::as_str)).chain([call.each.as_str()]).collect();
                    found.push((key, words.join(" ")));
                }
            }
        }
        found.into_iter().map(|(_, typed)| typed).collect()
    }

    /// All functions, to be typed or pasted once; empty where there is none.
    pub(crate) fn script(&self) -> String {
        self.functions.iter().map(Function::definition).collect::<Vec<_>>().join("\n")
    }
}

impl Function {
    fn definition(&self) -> String {
        let Self { name, fixed, each, body } = self;
        let usage: Vec<String> =
            fixed.iter().map(|parameter| parameter.to_uppercase()).chain([format!("{}...", each.to_uppercase())]).collect();
        // What ends its answer with a line break needs none.
        let end = if body.contains("\\n'") || body.contains("| cut ") { "" } else { "; echo" };
        let take: Vec<String> = fixed.iter().enumerate().map(|(at, parameter)| format!("{parameter}=${}", at + 1)).collect();
        let take = if take.is_empty() { String::new() } else { format!("{}; shift {}; ", take.join(" "), take.len()) };
        format!("# {name} {}\n{name}() {{ {take}for {each}; do printf '%s: ' \"${each}\"\n  {body}{end}; done; }}", usage.join(" "))
    }
}

/// What lines of one form have in common.
struct Form<'l> {
    parts: Vec<&'l str>,
    /// Which parameter a part is an argument of.
    parameter_of: Vec<Option<usize>>,
    names: Vec<String>,
    /// The parameter of which there may be several.
    each: usize,
    /// Arguments of each line.
    words: Vec<Vec<&'l str>>,
}

impl<'l> Form<'l> {
    fn of(alike: &[&'l Look]) -> Option<Self> {
        let first = alike.first().filter(|look| look.line.len() >= LINE_MIN)?;
        let all: Vec<Vec<&str>> = alike.iter().map(|look| parts(&look.line)).collect();
        let parts = parts(&first.line);
        let mut columns: Vec<Vec<&str>> = Vec::new();
        let parameter_of: Vec<Option<usize>> = (0..parts.len())
            .map(|at| {
                let column: Vec<&str> = all.iter().filter_map(|line| line.get(at).copied()).collect();
                if column.windows(2).all(|pair| pair[0] == pair[1]) {
                    return None;
                }
                let known = columns.iter().position(|known| *known == column);
                Some(known.unwrap_or_else(|| {
                    columns.push(column);
                    columns.len() - 1
                }))
            })
            .collect();
        // What a shell would put in, or escape, is no place for an argument.
        let is_open =
            |at: usize| at.checked_sub(1).and_then(|before| parts.get(before)).is_some_and(|before| before.ends_with(['$', '\\']));
        let is_unfit = (0..parts.len()).any(|at| parameter_of.get(at).copied().flatten().is_some() && is_open(at));
        if columns.is_empty() || columns.len() > PARAMETERS_MAX || is_unfit {
            return None;
        }
        let mut names = Vec::new();
        for parameter in 0..columns.len() {
            let name = parameter_of.iter().position(|of| *of == Some(parameter)).map_or_else(String::new, |at| named(&parts, at));
            let again = names.iter().filter(|known: &&String| known.trim_end_matches(|c: char| c.is_ascii_digit()) == name).count();
            names.push(if again == 0 { name } else { format!("{name}{}", again + 1) });
        }
        let words = (0..alike.len()).map(|line| columns.iter().filter_map(|column| column.get(line).copied()).collect()).collect();
        let each = several(alike, &columns);
        Some(Self { parts, parameter_of, names, each, words })
    }

    /// The argument of which there may be several, and those that come once.
    fn arguments(&self, words: &[&str]) -> (String, Vec<String>) {
        let fixed = words.iter().enumerate().filter(|(at, _)| *at != self.each).map(|(_, word)| (*word).to_owned()).collect();
        (words.get(self.each).copied().unwrap_or_default().to_owned(), fixed)
    }

    fn function(&self, name: String) -> Function {
        let mut body = String::new();
        let mut quote: Option<char> = None;
        for (at, part) in self.parts.iter().enumerate() {
            let parameter = self.parameter_of.get(at).copied().flatten().and_then(|parameter| self.names.get(parameter));
            match parameter {
                // An argument is a plain word, so that it needs no quotes of its own.
                Some(parameter) if quote == Some('\'') => body.push_str(&format!("'${parameter}'")),
                Some(parameter) => body.push_str(&format!("${parameter}")),
                None => {
                    body.push_str(part);
                    for c in part.chars() {
                        quote = match (quote, c) {
                            (None, '\'' | '"') => Some(c),
                            (Some(open), c) if c == open => None,
                            (quote, _) => quote,
                        };
                    }
                }
            }
        }
        let each = self.names.get(self.each).cloned().unwrap_or_default();
        let fixed = self.names.iter().enumerate().filter(|(at, _)| *at != self.each).map(|(_, name)| name.clone()).collect();
        Function { name, fixed, each, body }
    }
}

/// The parameter by itself in which lines differ that are held against each other; else the one with most values.
fn several(alike: &[&Look], columns: &[Vec<&str>]) -> usize {
    let of = |line: &str| alike.iter().position(|look| look.line == line);
    let differing = |(one, other): (usize, usize)| {
        let at: Vec<usize> = (0..columns.len()).filter(|at| columns[*at].get(one) != columns[*at].get(other)).collect();
        if let [only] = at.as_slice() { Some(*only) } else { None }
    };
    let pairs = alike.iter().enumerate().filter_map(|(at, look)| Some((at, of(look.against.as_ref()?)?)));
    let told: Vec<usize> = pairs.filter_map(differing).collect();
    let values = |at: usize| columns[at].iter().collect::<BTreeSet<_>>().len();
    let rank = |at: &usize| (told.iter().filter(|told| *told == at).count(), values(*at));
    (0..columns.len()).max_by_key(rank).unwrap_or_default()
}

/// What a parameter is called, by what stands before it: `app="pay` is `app`, `[450s` a range, `//pay-1` a host, `^pay,(pay-1` a server of a backend.
fn named(parts: &[&str], at: usize) -> String {
    let before = at.checked_sub(1).and_then(|before| parts.get(before)).copied().unwrap_or_default();
    let label =
        || at.checked_sub(2).and_then(|label| parts.get(label)).map_or("", |label| label.rsplit(['.', '-']).next().unwrap_or(label));
    let is_name =
        |text: &str| text.starts_with(|c: char| c.is_ascii_lowercase()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    match before {
        before if before.ends_with("=\"") || before.ends_with("=~\"") || before.ends_with('=') => {
            if is_name(label()) {
                label().to_owned()
            } else {
                "what".to_owned()
            }
        }
        before if before.ends_with('[') => "range".to_owned(),
        before if before.ends_with("//") => "host".to_owned(),
        ":" => "port".to_owned(),
        _ if parts.get(at).is_some_and(|part| part.ends_with(".sock")) => "socket".to_owned(),
        before if before.ends_with('^') => "backend".to_owned(),
        before if before.ends_with(",(") => "server".to_owned(),
        _ => "what".to_owned(),
    }
}

/// Runs of the letters of plain words, and what stands between them.
fn parts(line: &str) -> Vec<&str> {
    let of_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    let mut found = Vec::new();
    let mut begins = 0;
    let mut last: Option<bool> = None;
    for (at, c) in line.char_indices() {
        if last.is_some_and(|last| last != of_word(c)) {
            found.extend(line.get(begins..at));
            begins = at;
        }
        last = Some(of_word(c));
    }
    found.extend(line.get(begins..).filter(|rest| !rest.is_empty()));
    found
}

fn is_word(part: &str) -> bool {
    part.starts_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'))
}

/// The name as a shell takes it, and that nothing else goes by.
fn free(name: &str, names: &mut BTreeSet<String>) -> String {
    let plain: String = name.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    let plain = plain.trim_matches('_');
    let plain = if plain.starts_with(|c: char| c.is_ascii_lowercase()) { plain.to_owned() } else { format!("look{plain}") };
    let numbered = (2..).map(|number| format!("{plain}{number}"));
    let free = std::iter::once(plain.clone()).chain(numbered).find(|name| !names.contains(name)).unwrap_or(plain);
    names.insert(free.clone());
    free
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(name: &str, line: &str, against: Option<&str>) -> Look {
        Look { name: name.to_owned(), line: line.to_owned(), against: against.map(str::to_owned) }
    }

    fn query(app: &str, version: &str) -> String {
        format!(
            r#"curl -sSG http://p:9090/api/v1/query --data-urlencode 'query=sum(r{{app="{app}",code!~"5..",version="{version}"}}[90s])'"#
        )
    }

    #[test]
    fn lines_that_differ_in_some_words_become_one_function_of_these() {
        let (new, old) = (query("pay", "2.0"), query("pay", "1.0"));
        let (new_web, old_web) = (query("web", "8"), query("web", "7"));
        let looks = [
            look("bad", &new, Some(&old)),
            look("bad", &old, None),
            look("bad", &new_web, Some(&old_web)),
            look("bad", &old_web, None),
            look("healthz", r"curl -sS -w ' %{http_code}\n' http://pay-1:80/healthz", None),
            look("healthz", r"curl -sS -w ' %{http_code}\n' http://pay-2:80/healthz", None),
            look("ready", "curl -sS http://a/ready", None),
            look("ready", "curl -sS http://b/ready", None),
        ];
        let shell = Shell::of(&looks, &["healthz".to_owned()]);
        let typed = shell.typed(looks.iter().map(|look| look.line.as_str()));
        let expected = ["bad pay 2.0 1.0", "bad web 8 7", "healthz2 pay-1 pay-2", "curl -sS http://a/ready", "curl -sS http://b/ready"];
        assert_eq!(typed, expected);
        let script = concat!(
            "# bad APP VERSION...\n",
            "bad() { app=$1; shift 1; for version; do printf '%s: ' \"$version\"\n",
            "  curl -sSG http://p:9090/api/v1/query --data-urlencode ",
            r#"'query=sum(r{app="'$app'",code!~"5..",version="'$version'"}[90s])'; echo; done; }"#,
            "\n# healthz2 HOST...\n",
            "healthz2() { for host; do printf '%s: ' \"$host\"\n",
            r"  curl -sS -w ' %{http_code}\n' http://$host:80/healthz; done; }",
        );
        assert_eq!(shell.script(), script);
    }

    #[test]
    fn what_is_alone_or_has_another_form_stays_as_it_is() {
        let one = look("ready", "curl -sS http://pay-1.example:8080/ready", None);
        let other = look("ready", "curl -sS http://pay-1.example:8080/ready?deep", None);
        let shell = Shell::of(&[one.clone(), one.clone(), other.clone()], &[]);
        assert_eq!(shell.typed([one.line.as_str(), other.line.as_str()]), [one.line.as_str(), other.line.as_str()]);
        assert_eq!(shell.script(), "");
    }
}
