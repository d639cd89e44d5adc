//! Dashboards and rules name only what exists, and keep to what makes them readable.
#![allow(clippy::panic, reason = "a test that finds a wrong name fails")]

use super::alerts::ALERTS;
use super::dashboards::{BOARDS, MARKERS, dashboard};
use super::{alert_rules, metrics_page};
use glidepath_judge::measures::FIGURES;
use std::collections::BTreeSet;

/// Panels of a dashboard: fewer tell too little, more are not read.
const PANELS: std::ops::RangeInclusive<usize> = 6..=12;
/// What Prometheus itself adds.
const OF_PROMETHEUS: [&str; 4] = ["up", "instance", "job", "le"];

/// Words of a query that are metrics, and words that are labels: those in braces before a comparison, and those of `by`.
fn words_of(query: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':');
    let mut metrics = BTreeSet::new();
    let mut labels = BTreeSet::new();
    for (at, _) in query.match_indices("glidepath_") {
        let word: String = query[at..].chars().take_while(|c| is_word(*c)).collect();
        metrics.insert(word);
    }
    for (open, close) in [("{", '}'), ("by (", ')')] {
        for (at, _) in query.match_indices(open) {
            let inner: String = query[at + open.len()..].chars().take_while(|c| *c != close).collect();
            labels.extend(inner.split(',').map(|part| part.trim().chars().take_while(|c| is_word(*c)).collect::<String>()));
        }
    }
    (metrics, labels)
}

#[track_caller]
fn names_only_what_exists(query: &str) {
    let (metrics, labels) = words_of(query);
    let mut known: BTreeSet<&str> = OF_PROMETHEUS.into_iter().collect();
    for metric in &metrics {
        let measure = FIGURES.iter().find(|measure| measure.samples().any(|sample| sample == *metric));
        let measure = measure.unwrap_or_else(|| panic!("there is no metric {metric}: {query}"));
        known.extend(measure.labels);
    }
    assert!(!metrics.is_empty() || query.contains("up{"), "{query} asks for nothing");
    for label in labels {
        assert!(known.contains(label.as_str()), "no metric of this query has a label {label}: {query}");
    }
}

#[test]
fn the_words_of_a_query_are_found() {
    let (metrics, labels) = words_of("sum by (le, a) (increase(glidepath_x_bucket{b=~\"$b\",c!=\"d\"}[5m])) / glidepath_y");
    let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<BTreeSet<_>>();
    assert_eq!((metrics, labels), (owned(&["glidepath_x_bucket", "glidepath_y"]), owned(&["le", "a", "b", "c"])));
}

#[test]
fn queries_of_dashboards_and_rules_name_only_metrics_and_labels_that_exist() {
    let of_boards = BOARDS.iter().flat_map(|board| board.panels).flat_map(|panel| panel.queries).map(|(query, _)| *query);
    let of_rules = ALERTS.iter().map(|alert| alert.expr);
    of_boards.chain(of_rules).chain(MARKERS.map(|(_, query, _)| query)).for_each(names_only_what_exists);
}

#[test]
fn dashboards_are_short_have_one_window_and_begin_with_what_users_meet() {
    for board in &BOARDS {
        assert!(PANELS.contains(&board.panels.len()), "{} has {} panels", board.name, board.panels.len());
        assert!(board.panels[0].title.to_lowercase().contains("users"), "{} begins with {}", board.name, board.panels[0].title);
        let text = dashboard(board).to_string();
        for own_window in ["timeFrom", "timeShift", "hideTimeOverride"] {
            assert!(!text.contains(own_window), "{}: a panel has a window of its own", board.name);
        }
        let windows = |query: &str| {
            query.match_indices('[').map(|(at, _)| query[at + 1..].split(']').next().unwrap_or_default().to_owned()).collect::<Vec<_>>()
        };
        for (query, _) in board.panels.iter().flat_map(|panel| panel.queries) {
            for window in windows(query) {
                assert!(
                    ["$__range", "$__rate_interval", "$__interval"].contains(&window.as_str()),
                    "{}: {window} is not that of the board: {query}",
                    board.name
                );
            }
        }
        assert_eq!(
            dashboard(board)["annotations"]["list"].as_array().map(Vec::len),
            Some(MARKERS.len()),
            "{} marks where runs start",
            board.name
        );
        let compares = board.panels.iter().any(|panel| panel.queries.iter().any(|(query, _)| query.contains("offset $__range")));
        assert!(compares || board.name == "on-call", "{} has nothing to compare with", board.name);
    }
}

#[test]
fn alerts_are_pages_or_tickets_and_name_no_run() {
    let rules = alert_rules();
    assert!(rules.contains("severity: page") && rules.contains("severity: ticket"));
    let names: BTreeSet<&str> = ALERTS.iter().map(|alert| alert.name).collect();
    assert_eq!(names.len(), ALERTS.len(), "a name stands twice");
    for word in ["$labels.run", "$labels.plan", "by (run", "by (plan"] {
        assert!(!rules.contains(word), "{word} would make an alert for each of them");
    }
}

#[test]
fn the_page_defines_every_figure_once() {
    let page = metrics_page();
    for measure in FIGURES {
        let rows = page.lines().filter(|line| line.starts_with('|') && line.contains(measure.definition)).count();
        assert!(rows >= 1, "{} is not on the page", measure.id);
    }
    assert!(page.contains("| change lead time: under | 1 h | 7 d | 30 d | from then on |"), "{page}");
}
