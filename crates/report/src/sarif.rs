//! Findings for other tools: SARIF 2.1.0, the form in which checks are shown beside the lines of a change under review.

use glidepath_model::{Diagnostic, Severity};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The version of the form, and where its schema is published.
const VERSION: &str = "2.1.0";
const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// What the log says of the program that found it.
#[derive(Clone, Copy, Debug)]
pub struct SarifTool<'a> {
    /// Version of this program.
    pub version: &'a str,
    /// Absolute address of the folder with the pages of the codes, without the last slash; `None` where none is published. The pages stand in the log anyway.
    pub pages_at: Option<&'a str>,
    /// Pages of the codes: `GP0123` and Markdown that begins with `# GP0123: title`.
    pub pages: &'a [(&'a str, &'a str)],
}

/// Where files lie.
#[derive(Clone, Copy, Debug)]
pub struct SarifPlaces<'a> {
    /// Folder of the project inside the repository, `/` at its end; empty when it is the root.
    pub prefix: &'a str,
    /// File that findings without a place are about, such as that of the change.
    pub otherwise: Option<&'a str>,
    /// Where what findings name is declared: a target, or an item of the change by its component, and `FILE:LINE`.
    pub declared: &'a [(String, String)],
}

/// The log of one look at a project or a plan.
pub fn sarif(findings: &[Diagnostic], places: SarifPlaces<'_>, tool: SarifTool<'_>) -> String {
    let codes: Vec<String> = findings.iter().map(|finding| finding.code).collect::<BTreeSet<_>>().iter().map(ToString::to_string).collect();
    let rules: Vec<Value> = codes.iter().map(|code| rule(code, tool)).collect();
    let results: Vec<Value> = findings.iter().map(|finding| result(finding, &codes, places)).collect();
    let log = json!({
        "$schema": SCHEMA,
        "version": VERSION,
        "runs": [{
            "tool": { "driver": { "name": "glidepath", "version": tool.version, "rules": rules } },
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    });
    serde_json::to_string_pretty(&log).unwrap_or_default()
}

fn rule(code: &str, tool: SarifTool<'_>) -> Value {
    let mut rule = json!({ "id": code });
    if let Some((_, page)) = tool.pages.iter().find(|(name, _)| *name == code) {
        let heading = page.lines().next().unwrap_or_default();
        let title = heading.split_once(": ").map_or(heading, |(_, title)| title);
        rule["shortDescription"] = json!({ "text": title });
        rule["help"] = json!({ "text": page, "markdown": page });
    }
    if let Some(base) = tool.pages_at {
        rule["helpUri"] = json!(format!("{base}/{code}.md"));
    }
    rule
}

fn result(finding: &Diagnostic, codes: &[String], places: SarifPlaces<'_>) -> Value {
    let code = finding.code.to_string();
    let words = [&finding.message, &finding.reason, &finding.hint];
    let stopped = |text: &String| if text.ends_with(['.', '?', '!', ':', ';']) { text.clone() } else { format!("{text}.") };
    let text: Vec<String> = words.into_iter().filter(|text| !text.is_empty()).map(stopped).collect();
    let mut result = json!({
        "ruleId": code,
        "level": level(finding.severity),
        "message": { "text": text.join(" ") },
    });
    if let Some(index) = codes.iter().position(|known| *known == code) {
        result["ruleIndex"] = json!(index);
    }
    if let Some(location) = location(finding, places) {
        result["locations"] = json!([{ "physicalLocation": location }]);
    }
    if !finding.field.is_empty() && line_of(&finding.field).is_none() {
        result["properties"] = json!({ "field": finding.field });
    }
    result
}

const fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Note => "note",
        Severity::Warning => "warning",
        Severity::Error => "error",
    }
}

fn location(finding: &Diagnostic, places: SarifPlaces<'_>) -> Option<Value> {
    let file = |path: &str| json!({ "uri": uri(&format!("{}{path}", places.prefix)) });
    let of_line = |(path, line): (&str, u32)| json!({ "artifactLocation": file(path), "region": { "startLine": line.max(1) } });
    let Some(place) = &finding.place else {
        // What the planner finds is about something that was declared, most often at a line that it knows.
        let declared = || named(finding, places.declared).and_then(line_of);
        return line_of(&finding.field).or_else(declared).or(places.otherwise.map(|path| (path, 1))).map(of_line);
    };
    let (line, column) = (place.line.max(1), place.column.max(1));
    let mut region = json!({ "startLine": line, "startColumn": column, "endColumn": column.saturating_add(place.length.max(1)) });
    if !place.snippet.is_empty() {
        region["snippet"] = json!({ "text": place.snippet });
    }
    Some(json!({ "artifactLocation": file(&place.file), "region": region }))
}

/// The file and the line of `FILE:LINE`.
fn line_of(text: &str) -> Option<(&str, u32)> {
    let (file, line) = text.rsplit_once(':')?;
    Some((file, line.parse().ok().filter(|_| !file.is_empty())?))
}

/// Where that is declared which a finding names: first what it is about, else what its hint says to mend. The longest name wins, since it is the whole word.
fn named<'a>(finding: &Diagnostic, declared: &'a [(String, String)]) -> Option<&'a str> {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_');
    let says = |text: &str, name: &str| {
        text.match_indices(name).any(|(at, _)| {
            let (before, after) = (text[..at].chars().next_back(), text[at + name.len()..].chars().next());
            !before.is_some_and(is_part) && !after.is_some_and(is_part)
        })
    };
    [&finding.message, &finding.hint].into_iter().find_map(|text| {
        let there = declared.iter().filter(|(name, _)| !name.is_empty() && says(text, name));
        there.max_by_key(|(name, _)| name.len()).map(|(_, place)| place.as_str())
    })
}

/// A path as a relative address (RFC 3986): all but unreserved characters and `/` are escaped.
fn uri(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it found")]
mod tests {
    use super::*;
    use glidepath_model::{Code, Place};

    const TOOL: SarifTool<'_> = SarifTool {
        version: "1.2.3",
        pages_at: Some("https://pages.example/errors"),
        pages: &[("GP0306", "# GP0306: No backup before a data change\n\nWhat it is.\n")],
    };

    fn log(findings: &[Diagnostic]) -> Value {
        let declared = [("shop", "changes/c.yaml:9"), ("shop-production", "catalog/shop.yaml:14")];
        let declared = declared.map(|(name, place)| (name.to_owned(), place.to_owned()));
        let places = SarifPlaces { prefix: "ops/", otherwise: Some("changes/my change.yaml"), declared: &declared };
        serde_json::from_str(&sarif(findings, places, TOOL)).unwrap()
    }

    #[test]
    fn a_finding_keeps_its_code_level_words_and_place() {
        let place = Place { file: "catalog/ä b.yaml".to_owned(), line: 3, column: 5, length: 4, snippet: "    tier: x".to_owned() };
        let log = log(&[
            Diagnostic::error(Code(29), "m.").because("r.").hint("h.").at(place).field("spec.tier"),
            Diagnostic::warning(Code(306), "No backup."),
            Diagnostic::new(Code(306), Severity::Note, "Another."),
        ]);
        let run = &log["runs"][0];
        assert_eq!(log["version"], "2.1.0");
        let ids: Vec<&Value> = run["tool"]["driver"]["rules"].as_array().unwrap().iter().map(|rule| &rule["id"]).collect();
        assert_eq!(ids, ["GP0029", "GP0306"]);
        assert_eq!(run["tool"]["driver"]["rules"][1]["helpUri"], "https://pages.example/errors/GP0306.md");
        assert_eq!(run["tool"]["driver"]["rules"][1]["shortDescription"]["text"], "No backup before a data change");
        let results = run["results"].as_array().unwrap();
        let levels: Vec<&Value> = results.iter().map(|result| &result["level"]).collect();
        assert_eq!(levels, ["error", "warning", "note"]);
        assert_eq!(results[0]["message"]["text"], "m. r. h.");
        let physical = &results[0]["locations"][0]["physicalLocation"];
        assert_eq!(physical["artifactLocation"]["uri"], "ops/catalog/%C3%A4%20b.yaml");
        assert_eq!(physical["region"], json!({"startLine": 3, "startColumn": 5, "endColumn": 9, "snippet": {"text": "    tier: x"}}));
        assert_eq!(results[1]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"], "ops/changes/my%20change.yaml");
        assert_eq!((&results[2]["ruleIndex"], &results[2]["ruleId"]), (&json!(1), &json!("GP0306")));
    }

    #[test]
    fn a_finding_of_the_planner_stands_where_that_is_declared_which_it_names() {
        let log = log(&[
            Diagnostic::warning(Code(306), "Nothing tells whether it works.").hint("Declare spec.health on shop-production."),
            Diagnostic::warning(Code(306), "shop restarts slowly.").hint("Declare restart on shop-production."),
            Diagnostic::warning(Code(306), "The workshop restarts slowly."),
            Diagnostic::error(Code(306), "It has no deploy.").field("catalog/other.yaml:3"),
            Diagnostic::error(Code(306), "It is late.").field("spec.items"),
        ]);
        let places: Vec<(&str, u64)> = log["runs"][0]["results"]
            .as_array()
            .unwrap()
            .iter()
            .map(|result| &result["locations"][0]["physicalLocation"])
            .map(|at| (at["artifactLocation"]["uri"].as_str().unwrap(), at["region"]["startLine"].as_u64().unwrap()))
            .collect();
        let whole = ("ops/changes/my%20change.yaml", 1);
        assert_eq!(places, [("ops/catalog/shop.yaml", 14), ("ops/changes/c.yaml", 9), whole, ("ops/catalog/other.yaml", 3), whole]);
        assert_eq!(
            (&log["runs"][0]["results"][3]["properties"], &log["runs"][0]["results"][4]["properties"]["field"]),
            (&Value::Null, &json!("spec.items"))
        );
    }

    #[test]
    fn a_log_without_findings_is_a_log() {
        let log = log(&[]);
        assert_eq!(log["runs"][0]["results"], json!([]));
        assert_eq!(log["runs"][0]["tool"]["driver"]["name"], "glidepath");
    }
}
