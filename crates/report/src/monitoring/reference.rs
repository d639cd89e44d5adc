//! The reference page of figures.

use glidepath_judge::dora::Band;
use glidepath_judge::measures::{FIGURES, Kind, Measure};

/// The page, as Markdown.
pub fn metrics_page() -> String {
    let mut text = String::from(
        "# Figures\n\nWhat Glidepath measures of changes and of itself, each with its exact definition. `glidepath report` prints the first table; \
         `glidepath node --metrics-addr 9464` and `glidepath run --metrics-addr 9464` serve the second at `/metrics` as OpenMetrics. \
         How to use them: [the guide](../guides/figures.md).\n\n\
         ## Of changes: `glidepath report`\n\n\
         From the journals of the runs in the window. A run counts in the window in which it landed, or else ended, or else turned back; one that is under way counts nowhere. \
         A *deployment* is a run of a change that began to alter production and was not superseded. It *failed* when it turned back, wholly or for one item, before or after it landed, \
         when it was abandoned, or when a watch found a regression after it landed. All times are by the clock of the store. A figure of nothing has no value; it is never 0 instead.\n\n\
         | id | figure | unit | what exactly |\n|---|---|---|---|\n",
    );
    for measure in FIGURES.iter().filter(|measure| measure.kind == Kind::Report) {
        text += &format!("| `{}` | {} | {} | {} |\n", measure.id, measure.name, measure.unit.name(), measure.definition);
    }
    text += &bands();
    text += "\n## Of what flies: `/metrics`\n\nA process counts the runs that it flies itself, from when it started; what several nodes of a store count adds up. \
             Labels name what files declare or one of a few words, never a run, a plan or a person; a family has 1,000 series at most, and what has no room is counted under `other`.\n\n\
             | metric | kind | labels | what exactly |\n|---|---|---|---|\n";
    for measure in FIGURES.iter().filter(|measure| measure.kind.is_served()) {
        let labels: Vec<String> = measure.labels.iter().map(|label| format!("`{label}`")).collect();
        text += &format!("| `{}` | {} | {} | {} |\n", shown(measure), measure.kind.name(), labels.join(", "), measure.definition);
    }
    text += "\n## Not measured\n\nNothing that Glidepath knows says these, and it does not guess them.\n\n| id | figure | what it would be | what would give it |\n|---|---|---|---|\n";
    for measure in FIGURES {
        if let Kind::NotMeasured(source) = measure.kind {
            text += &format!("| `{}` | {} | {} | {source} |\n", measure.id, measure.name, measure.definition);
        }
    }
    text
}

/// The name of its samples; that of the family where there are several.
fn shown(measure: &Measure) -> String {
    match measure.kind {
        Kind::Histogram(_) => measure.name.to_owned(),
        Kind::Counter | Kind::Gauge | Kind::Info | Kind::Report | Kind::NotMeasured(_) => measure.samples().next().unwrap_or_default(),
    }
}

fn bands() -> String {
    let time = |days: [f64; 3]| days.map(|days| if days < 1.0 { format!("{:.0} h", days * 24.0) } else { format!("{days:.0} d") });
    let rows = [
        ("deployment frequency: one in at most", Band::FREQUENCY_DAYS.map(|days| format!("{days} d")), "rarer"),
        ("change lead time: under", time(Band::LEAD_DAYS), "from then on"),
        ("change fail rate: at most", Band::SHARE_PERCENT.map(|percent| format!("{percent} %")), "above"),
        ("failed deployment recovery time: under", time(Band::RECOVERY_DAYS), "from then on"),
        ("rework rate: at most", Band::SHARE_PERCENT.map(|percent| format!("{percent} %")), "above"),
    ];
    let mut text = String::from(
        "\n### Bands\n\nThe five figures are those of the DORA research programme (dora.dev). Its reports leave gaps between some bands; here each band begins where the better one ends, so that every value \
         lies in one. For rework no bands are published: it is held to those of failures. No landing at all in less than 180 days has no band, since it may be medium or low.\n\n| figure | elite | high | medium | low |\n|---|---|---|---|---|\n",
    );
    for (figure, [elite, high, medium], low) in rows {
        text += &format!("| {figure} | {elite} | {high} | {medium} | {low} |\n");
    }
    text
}
