//! Smaller change files out of one, line by line: what a person wrote beside the items, comments included, stands in each of them.

use crate::findings::Findings;
use crate::node::{At, Node};
use crate::yaml::read_documents;
use glidepath_model::ChangeName;

/// The texts of the parts of a change, each with the items that are given by index, from the text of the file it stands in.
///
/// # Errors
/// Why it cannot be taken apart: it does not stand there, or its items do not stand on lines of their own.
pub fn split_change(text: &str, name: &ChangeName, parts: &[(ChangeName, Vec<u32>)]) -> Result<Vec<String>, String> {
    let mut findings = Findings::new(&[]);
    let documents = read_documents(text, 0, &mut findings);
    let is_it = |root: &&Node| {
        root.text_of("kind") == Some("Change") && root.dig(&["metadata", "name"]).and_then(Node::text) == Some(name.as_str())
    };
    let root = documents.documents.iter().find(is_it).ok_or_else(|| format!("the change {name} does not stand in it"))?;
    let lines: Vec<&str> = text.lines().collect();
    let items: Vec<usize> = root.dig(&["spec", "items"]).map(Node::items).unwrap_or_default().iter().map(|item| line_of(item.at)).collect();
    let begins_own_line = |line: &usize| lines.get(*line).is_some_and(|text| text.trim_start().starts_with("- "));
    if items.is_empty() || !items.iter().all(begins_own_line) || items.windows(2).any(|pair| pair[0] >= pair[1]) {
        return Err("its items do not each begin on a line of their own, with `- `".to_owned());
    }
    let end = end_of(&lines, items[items.len() - 1]);
    let is_border = |line: &&str| line.starts_with("---");
    let first = lines.iter().take(line_of(root.at)).rposition(is_border).map_or(0, |at| at + 1);
    let last = lines.iter().skip(first).position(is_border).map_or(lines.len(), |at| first + at);
    let name_at = root.dig(&["metadata", "name"]).map(|node| node.at).unwrap_or_default();
    let item_of = |line: usize| items.iter().rposition(|begin| *begin <= line).filter(|_| line < end);
    parts
        .iter()
        .map(|(part, kept)| {
            let mut made = String::new();
            for (at, line) in lines.iter().enumerate().take(last).skip(first) {
                if item_of(at).is_some_and(|item| !kept.contains(&(item as u32))) {
                    continue;
                }
                let line = if at == line_of(name_at) { renamed(line, name_at, name, part)? } else { (*line).to_owned() };
                made.push_str(&line);
                made.push('\n');
            }
            Ok(made)
        })
        .collect()
}

fn line_of(at: At) -> usize {
    (at.line as usize).saturating_sub(1)
}

/// The line after the last item: the first that is indented no deeper than its dash and is neither empty nor a comment.
fn end_of(lines: &[&str], item: usize) -> usize {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let depth = lines.get(item).map_or(0, |line| indent(line));
    let ends = |line: &str| !line.trim().is_empty() && !line.trim_start().starts_with('#') && indent(line) <= depth;
    lines.iter().enumerate().skip(item + 1).find(|(_, line)| ends(line)).map_or(lines.len(), |(at, _)| at)
}

fn renamed(line: &str, at: At, name: &ChangeName, part: &ChangeName) -> Result<String, String> {
    let before: String = line.chars().take((at.column as usize).saturating_sub(1)).collect();
    let rest = &line[before.len()..];
    let begin = rest.find(name.as_str()).ok_or("its name does not stand in one piece")?;
    Ok(format!("{before}{}{part}{}", &rest[..begin], &rest[begin + name.as_str().len()..]))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const TEXT: &str = "# Two services.\napiVersion: glidepath.dev/v1\nkind: Change\nmetadata: { name: all }\nspec:\n  title: All\n  items:\n    - component: web # the shop\n      type: code\n      to: 2.0.0\n    - { component: ledger, type: code, to: 3.0.0 }\n  constraints:\n    downtime: 5s\n";

    #[test]
    fn each_part_has_its_items_and_everything_else() {
        let parts = [("all-1".into(), vec![0]), ("all-2".into(), vec![1])];
        let made = split_change(TEXT, &"all".into(), &parts).unwrap();
        let without = |item: &str, name: &str| TEXT.replace(item, "").replace("name: all", name);
        assert_eq!(made[0], without("    - { component: ledger, type: code, to: 3.0.0 }\n", "name: all-1"));
        assert_eq!(made[1], without("    - component: web # the shop\n      type: code\n      to: 2.0.0\n", "name: all-2"));
        // In a file of several documents the others are left out.
        let more = format!("kind: Other\n---\n{TEXT}---\nkind: Change\nmetadata: {{ name: more }}\n");
        assert_eq!(split_change(&more, &"all".into(), &parts).unwrap(), made);
    }

    #[test]
    fn what_cannot_be_taken_apart_is_said() {
        let parts = [("all-1".into(), vec![0])];
        assert!(split_change(TEXT, &"other".into(), &parts).unwrap_err().contains("does not stand in it"));
        let flow = "kind: Change\nmetadata: { name: all }\nspec: { items: [ { component: a }, { component: b } ] }\n";
        assert!(split_change(flow, &"all".into(), &parts).unwrap_err().contains("on a line of their own"));
    }
}
