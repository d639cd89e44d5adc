//! Documents and pictures: pure functions from a plan, its facts and the state of its run to text.
//!
//! A document is a typed tree (`document`); renderers turn it into Markdown, JSON and one self-contained HTML page. Nothing from outside
//! ever becomes markup: plain text is escaped by the renderer that writes it. The flight card and the live view are lines of plain text,
//! styled only where the caller says that a terminal reads them. No clock: `now` is an argument.

mod alike;
mod blast;
mod calibration;
mod calls;
mod canary;
mod candidates;
mod card;
mod clearance;
mod clock;
mod delivery;
mod depth;
mod diff;
mod directory;
mod document;
mod figures;
mod flight;
mod html;
mod live;
mod markdown;
mod messages;
mod monitoring;
mod parts;
mod places;
mod promise;
mod record;
mod rehearsal;
mod rehearsal_document;
mod runsheet;
mod sarif;
mod sections;
mod spent;
mod state;
mod summary;
mod svg;
mod terminal;
mod timeline;
mod tree;
mod variants;
mod waterfall;
mod way_back;

pub use calibration::{LeftOut, calibration, calibration_markdown, calibration_svg};
pub use card::{CARD_COLUMNS_MAX, CARD_LINES_MAX, card};
pub use clearance::without_plan;
pub use delivery::{DeliveryReport, Missing, delivery_page, delivery_report, delivery_terminal, executed, executed_by_summary};
pub use diff::{About, Compared, Difference, PlanDiff, diff_markdown, diff_terminal, plan_diff};
pub use document::{
    Badge, Block, Branch, DOCUMENT_FORMAT, Decision, Document, DocumentKind, Entry, Figure, Highlight, Section, SheetBox, SheetLine,
    SheetLook, Span, StepBlock, Text, Tone, to_json,
};
pub use flight::event_line;
pub use html::to_html;
pub use live::live;
pub use markdown::to_markdown;
pub use messages::{Audience, Message, messages};
pub use monitoring::{
    BOARDS, BurnRecording, Recording, Recordings, SloRules, alert_rules, alert_tests, dashboard, metrics_page, slo_recordings, slo_rules,
};
pub use record::run_record;
pub use rehearsal::{Rehearsed, rehearsal};
pub use rehearsal_document::rehearsal_document;
pub use runsheet::{ByHand, by_hand, measures, run_sheet};
pub use sarif::{SarifPlaces, SarifTool, sarif};
pub use sections::document;
pub use summary::{Detail, SUMMARY_COLUMNS_MAX, summary};
pub use svg::{counts_picture, values_picture};
pub use terminal::Style;
pub use variants::{Way, variants};
