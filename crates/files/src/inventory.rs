//! Hosts of a group in an INI inventory.

use crate::limits::HOSTS_MAX;
use std::collections::BTreeSet;

/// Hosts of `group`, its children's included, in their order.
///
/// # Errors
/// A sentence that says what is wrong with the inventory.
pub(crate) fn hosts(text: &str, group: &str) -> Result<Vec<String>, String> {
    let sections = sections(text);
    if !sections.iter().any(|(name, _)| *name == group || name.strip_suffix(":children") == Some(group)) {
        let known: Vec<&str> = sections.iter().map(|(name, _)| *name).filter(|n| !n.contains(':')).collect();
        return Err(format!("it has no group `{group}`. {}", crate::findings::suggest(group, known)));
    }
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    collect(&sections, group, &mut seen, &mut found)?;
    match found.is_empty() {
        true => Err(format!("its group `{group}` has no hosts")),
        false => Ok(found),
    }
}

type Section<'t> = (&'t str, Vec<&'t str>);

fn sections(text: &str) -> Vec<Section<'_>> {
    let mut sections: Vec<Section<'_>> = Vec::new();
    for line in text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with(['#', ';'])) {
        match line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            Some(name) => sections.push((name.trim(), Vec::new())),
            None => {
                let word = line.split_whitespace().next().unwrap_or_default();
                if let Some((_, words)) = sections.last_mut() {
                    words.push(word);
                }
            }
        }
    }
    sections
}

fn collect<'t>(sections: &[Section<'t>], group: &'t str, seen: &mut BTreeSet<&'t str>, found: &mut Vec<String>) -> Result<(), String> {
    let mut open = vec![group];
    while let Some(group) = open.pop() {
        if !seen.insert(group) {
            continue;
        }
        for (_, words) in sections.iter().filter(|(name, _)| *name == group) {
            for host in words {
                expand(host, found)?;
            }
        }
        let children = sections.iter().filter(|(name, _)| name.strip_suffix(":children") == Some(group));
        open.extend(children.flat_map(|(_, words)| words.iter().rev().copied()));
    }
    Ok(())
}

/// Writes `web[01:03]` out as three hosts, keeping leading zeros.
fn expand(host: &str, found: &mut Vec<String>) -> Result<(), String> {
    let bad = || format!("its host `{host}` has a range that cannot be read; write `web[01:10]`");
    let Some((head, rest)) = host.split_once('[') else {
        return push(host.to_owned(), found);
    };
    let (range, tail) = rest.split_once(']').ok_or_else(bad)?;
    let (first, last) = range.split_once(':').ok_or_else(bad)?;
    let (from, to) = (first.parse::<usize>().map_err(|_| bad())?, last.parse::<usize>().map_err(|_| bad())?);
    if to < from || to - from >= HOSTS_MAX {
        return Err(bad());
    }
    (from..=to).try_for_each(|n| push(format!("{head}{n:0width$}{tail}", width = first.len()), found))
}

fn push(host: String, found: &mut Vec<String>) -> Result<(), String> {
    if let Err(wrong) = crate::scalar::control_check(&host) {
        return Err(format!("one of its hosts cannot be a host: {}", wrong.message));
    }
    if found.len() >= HOSTS_MAX {
        return Err(format!("it has more than {HOSTS_MAX} hosts"));
    }
    if !found.contains(&host) {
        found.push(host);
    }
    Ok(())
}
