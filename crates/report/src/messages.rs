//! Messages ready to be sent: to the team, to those who depend on what is changed, and to those who answer for the business, each with its time.
//!
//! Times come from the plan's schedule; a plan without one says when in words. What is said of times in flight is `about`: they are medians.

use crate::blast::{self, Blast};
use crate::clock::Clock;
use crate::depth::Depth;
use crate::directory::{Reach, lead, name, owner_of, owners, reach};
use crate::figures::{about_bad_requests, duration, knows_traffic, left_out, listed, percent, places_listed, spent, stops};
use crate::promise;
use crate::sections::WAITS;
use crate::terminal::{Ink, Line, Style, hung, wrapped};
use glidepath_model::plan::{Assignment, Strategy};
use glidepath_model::{Catalog, EnvironmentName, Facts, Millis, OwnerRef, Plan, Timestamp, version_shown};

/// How long before take-off people are told first.
const AHEAD: Millis = Millis::from_mins(24 * 60);
/// Time between progress messages for a short flight, and the longest for a long one.
const PROGRESS_MIN: Millis = Millis::from_mins(5);
const PROGRESS_MAX: Millis = Millis::from_mins(60);
/// Progress messages in a flight, about.
const PROGRESS_PARTS: u64 = 6;
/// Steps named at most, where nothing changes its version.
const STEPS_MAX: usize = 12;
/// Columns of the text of a message.
const COLUMNS_MAX: usize = 78;

/// For whom a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Audience {
    /// Who owns what is changed.
    Team,
    /// Who owns what depends on it.
    Dependants,
    /// Who answers for the business.
    Business,
}

impl Audience {
    /// One word, as in names of files.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Team => "team",
            Self::Dependants => "dependants",
            Self::Business => "business",
        }
    }
}

/// A message ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// One word for what it is, as in names of files: `planned`.
    pub occasion: &'static str,
    /// For whom.
    pub audience: Audience,
    /// When to send it, in words: `Mon 2026-11-23 11:00 CET, 24 h before take-off`.
    pub when: String,
    /// The same as a time, where it is known.
    pub at: Option<Timestamp>,
    /// Names of those to whom it goes.
    pub to: String,
    /// Where they read it.
    pub by: String,
    /// Subject line.
    pub subject: String,
    /// The text, in lines.
    pub text: String,
}

impl Message {
    /// The message as a text file: what a mail program or a person needs to send it, then the text.
    pub fn to_text(&self) -> String {
        format!("Send: {}\nTo: {}\nBy: {}\nSubject: {}\n\n{}\n", self.when, self.to, self.by, self.subject, self.text.trim_end())
    }
}

/// The messages of a plan, in the order in which they are sent; those on a rollback, whose time nobody knows, last.
pub fn messages(plan: &Plan, facts: &Facts) -> Vec<Message> {
    written(plan, &facts.catalog, &blast::of(plan, &facts.catalog))
}

/// The same for those who know already who is touched.
pub(crate) fn written(plan: &Plan, catalog: &Catalog, blast: &Blast<'_>) -> Vec<Message> {
    let writer = Writer::of(plan, catalog, blast);
    let depth = Depth::of_plan(plan, catalog);
    let mut all = Vec::new();
    for audience in [Audience::Team, Audience::Dependants, Audience::Business] {
        let is_told = match audience {
            Audience::Team => depth > Depth::Minimal,
            Audience::Dependants => depth >= Depth::Standard && !writer.dependants.is_empty(),
            Audience::Business => depth >= Depth::Full && writer.business.is_some(),
        };
        if is_told {
            all.extend(writer.of_audience(audience, depth));
        }
    }
    // Without a time: before those of the next occasion, as they are listed.
    all.sort_by_key(|(order, message)| (*order, message.audience));
    all.into_iter().map(|(_, message)| message).collect()
}

/// What all messages of a plan are written from.
struct Writer<'a> {
    plan: &'a Plan,
    catalog: &'a Catalog,
    clock: Clock<'a>,
    /// Owners of dependants that do not own a changed component, with what they own.
    dependants: Vec<(OwnerRef, Vec<String>)>,
    business: Option<String>,
    contact: String,
}

impl<'a> Writer<'a> {
    fn of(plan: &'a Plan, catalog: &'a Catalog, blast: &Blast<'_>) -> Self {
        let known = Some(catalog);
        let contact = lead(plan, known).map_or_else(
            || "nobody is declared; add spec.owner to the change".to_owned(),
            |owner| format!("{}, {}", name(known, owner), reach(known, owner, Reach::Primary).words()),
        );
        let business = lead(plan, known).and_then(|owner| catalog.owners.get(owner)?.escalation.clone());
        Self { plan, catalog, clock: Clock::of(plan), dependants: dependants(plan, catalog, blast), business, contact }
    }

    fn of_audience(&self, audience: Audience, depth: Depth) -> Vec<(u32, Message)> {
        let (to, by) = self.address(audience);
        let title = &self.plan.body.change.title;
        let message = |order: u32, occasion: &'static str, (when, at): (String, Option<Timestamp>), subject: String, text: Vec<String>| {
            let text =
                text.iter().filter(|paragraph| !paragraph.is_empty()).map(|paragraph| laid_out(paragraph)).collect::<Vec<_>>().join("\n\n");
            (order, Message { occasion, audience, when, at, to: to.clone(), by: by.clone(), subject: format!("{subject}: {title}"), text })
        };
        let takes_off = self.clock.told(0);
        let mut all = Vec::new();
        if depth >= Depth::Standard {
            let planned = self.clock.takes_off().map_or_else(|| "Planned".to_owned(), |at| format!("Planned for {at}"));
            all.push(message(0, "planned", self.ahead(), planned, self.planned(audience)));
        }
        let begins = if audience == Audience::Team { 0 } else { self.production_begins() };
        if audience != Audience::Business {
            let when = self.at(begins, if begins == 0 { "at take-off" } else { "when production begins" });
            all.push(message(1, "started", when, "Started".to_owned(), self.started(audience, &takes_off)));
        }
        if audience == Audience::Team && depth >= Depth::Standard && self.clock.length() > PROGRESS_MIN.0 {
            all.push(message(2, "progress", (self.progress_times(), None), "In progress".to_owned(), self.progress()));
        }
        all.push(message(3, "landed", self.at(self.clock.length(), "on landing"), "Landed".to_owned(), self.landed(audience)));
        all.push(message(
            4,
            "rolled-back",
            ("when it does not land".to_owned(), None),
            promise::turned(self.plan).to_owned(),
            self.rolled_back(audience),
        ));
        all
    }

    fn address(&self, audience: Audience) -> (String, String) {
        let known = Some(self.catalog);
        let own = owners(self.plan, known);
        let of = |owners: Vec<&OwnerRef>| {
            let names: Vec<String> = owners.iter().map(|owner| name(known, owner)).collect();
            let way = |owner: &&OwnerRef| {
                let declared = self.catalog.owners.get(*owner).and_then(|o| o.chat.clone().or_else(|| o.email.clone()));
                declared.unwrap_or_else(|| reach(known, owner, Reach::Chat).words())
            };
            let mut ways: Vec<String> = owners.iter().map(way).collect();
            ways.dedup();
            (listed(&names), ways.join("; "))
        };
        match audience {
            Audience::Team if own.is_empty() => ("nobody is known: add owners to catalog/".to_owned(), "-".to_owned()),
            Audience::Team => of(own),
            Audience::Dependants => of(self.dependants.iter().map(|(owner, _)| owner).collect()),
            Audience::Business => (self.business.clone().unwrap_or_default(), "as you usually reach them".to_owned()),
        }
    }

    /// 24 h before take-off; at once, where that is past already.
    fn ahead(&self) -> (String, Option<Timestamp>) {
        let Some(schedule) = self.clock.schedule else { return ("24 h before take-off".to_owned(), None) };
        let created = self.plan.body.created_at;
        let at = schedule.takes_off.minus(AHEAD);
        if at <= created {
            return ("at once: take-off is less than 24 h away".to_owned(), Some(created));
        }
        (format!("{}, 24 h before take-off", self.clock.shown(at)), Some(at))
    }

    fn at(&self, offset: u64, what: &str) -> (String, Option<Timestamp>) {
        match self.clock.at(offset) {
            Some(at) => (format!("{what}, expected {}", self.clock.shown(at)), Some(at)),
            None => (what.to_owned(), None),
        }
    }

    fn progress_every(&self) -> Millis {
        Millis((self.clock.length() / PROGRESS_PARTS).clamp(PROGRESS_MIN.0, PROGRESS_MAX.0) / 60_000 * 60_000)
    }

    fn progress_times(&self) -> String {
        let every = self.progress_every();
        let times: Vec<String> =
            (1..).map(|part| part * every.0).take_while(|at| *at < self.clock.length()).filter_map(|at| self.clock.hour(at)).collect();
        if times.is_empty() { format!("every {every}, until it has landed") } else { format!("at {}", listed(&times)) }
    }

    /// When the last environment is first touched, in milliseconds from take-off.
    fn production_begins(&self) -> u64 {
        let last = self.plan.body.change.environments.last();
        let steps = self.clock.steps.iter().filter(|placed| placed.step.environment.as_ref() == last && placed.step.wave > 0);
        steps.map(|placed| placed.begins).min().unwrap_or(0)
    }

    /// Assignments in the last environment, where users are.
    fn for_users(&self) -> Vec<&'a Assignment> {
        let last = self.plan.body.change.environments.last();
        self.plan.body.assignments.iter().filter(|a| last.is_none_or(|environment| a.environment == *environment)).collect()
    }

    fn changed(assignments: &[&Assignment], environment: bool) -> String {
        let line = |a: &&Assignment| {
            let place = if environment { format!("{} in {}", a.component, a.environment) } else { a.component.to_string() };
            // Data has no version: what is done to it says more than what it was before.
            let from = if a.strategy == Strategy::ExpandContract { String::new() } else { format!("{} to ", version_shown(&a.from)) };
            format!("- {place}: {from}{} ({})", version_shown(&a.to), a.strategy)
        };
        assignments.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    /// What changes; where no version goes from one to another, what is done.
    fn changed_or_done(&self, all: &[&Assignment]) -> String {
        if all.is_empty() {
            let titles: Vec<String> = self.plan.body.steps.iter().take(STEPS_MAX).map(|step| format!("- {}", step.title)).collect();
            let more = self.plan.body.steps.len().saturating_sub(STEPS_MAX);
            return if more > 0 { format!("{}\n- and {more} more", titles.join("\n")) } else { titles.join("\n") };
        }
        Self::changed(all, true)
    }

    /// Why it is done; nothing where the change does not say.
    fn reason(&self) -> String {
        self.plan.body.change.reason.as_deref().map(ended).unwrap_or_default()
    }

    fn flight(&self) -> String {
        let p = &self.plan.prediction;
        match self.clock.schedule {
            Some(schedule) => {
                let [takes_off, lands, late] =
                    [schedule.takes_off, schedule.lands_p50, schedule.lands_p95].map(|time| self.clock.shown(time));
                if lands == late {
                    format!("Takes off {takes_off} and takes {}.", duration(p))
                } else {
                    format!("Takes off {takes_off}, lands about {lands}, and by {late} in 19 of 20 cases.")
                }
            }
            None => format!("It takes {}; when it takes off is not known yet.", duration(p)),
        }
    }

    fn planned(&self, audience: Audience) -> Vec<String> {
        let (body, p) = (&self.plan.body, &self.plan.prediction);
        let all: Vec<&Assignment> = body.assignments.iter().collect();
        match audience {
            Audience::Team => vec![
                self.reason(),
                self.flight(),
                format!("What changes:\n{}", self.changed_or_done(&all)),
                format!(
                    "Risk is {}: {} of flights like it do not land ({}){}. If it does not land: {}.",
                    p.risk,
                    percent(p.failure.mean),
                    p.failure.label,
                    if knows_traffic(self.plan) {
                        format!(", and {} requests go wrong on average{}", about_bad_requests(p, p.bad_requests), left_out(p))
                    } else {
                        String::new()
                    },
                    promise::back(self.plan, promise::BOTH)
                ),
                match promise::one_way(self.plan).first() {
                    None => {
                        format!("Say no before take-off. After it, `glidepath abort` stops it at any time. Questions: {}.", self.contact)
                    }
                    Some(step) => format!(
                        "Say no before take-off. After it, `glidepath abort` stops it until '{}', which nothing takes back. Questions: {}.",
                        step.title, self.contact
                    ),
                },
            ],
            Audience::Dependants => vec![
                self.reason(),
                format!("{}\n{}", self.when_users(), Self::changed(&self.for_users(), false)),
                self.yours(),
                format!(
                    "You should notice nothing. {} If it goes wrong, requests to it can fail until we have turned back: {}.",
                    promise::first_met(self.plan).unwrap_or_default(),
                    promise::safe_within(self.plan, promise::IN_WORDS)
                ),
                format!("Please change nothing of yours in that time, and tell us at once if your errors rise: {}.", self.contact),
            ],
            Audience::Business => vec![
                self.reason(),
                self.flight(),
                format!("Users: {}", self.for_the_business()),
                format!(
                    "Please say before take-off whether you agree. Deadline: {}. Questions: {}.",
                    body.change.constraints.finish_before.map_or_else(|| "none".to_owned(), |deadline| self.clock.shown(deadline)),
                    self.contact
                ),
            ],
        }
    }

    /// When those who depend on it are touched.
    fn when_users(&self) -> String {
        let place = self.plan.body.change.environments.last().map_or_else(|| "What runs".to_owned(), |e: &EnvironmentName| e.to_string());
        match (self.clock.at(self.production_begins()), self.clock.schedule) {
            (Some(begins), Some(schedule)) => {
                format!("We change {place} from about {} to {}:", self.clock.shown(begins), self.clock.shown(schedule.lands_p50))
            }
            _ => format!("We change {place}:"),
        }
    }

    fn yours(&self) -> String {
        let of = |(owner, components): &(OwnerRef, Vec<String>)| format!("- {}: {}", name(Some(self.catalog), owner), listed(components));
        format!("What depends on it:\n{}", self.dependants.iter().map(of).collect::<Vec<_>>().join("\n"))
    }

    fn for_the_business(&self) -> String {
        let p = &self.plan.prediction;
        let downtime = match &p.downtime {
            None if self.plan.findings.iter().any(|finding| WAITS.contains(&finding.code.to_string().as_str())) => {
                "requests wait while the database changes its tables, for nobody knows how long".to_owned()
            }
            None if self.plan.body.assignments.is_empty() => "whether something is down meanwhile is not known".to_owned(),
            None => "no downtime is expected".to_owned(),
            Some(planned) if planned.places.is_empty() => format!("how long {} is down is not known", places_listed(&planned.not_known)),
            Some(planned) => match stops(self.plan, planned) {
                (stop, refuse) if stop.is_empty() => {
                    format!("writes to {} are refused for about {}", listed(&refuse), planned.takes.p50_ms)
                }
                (stop, refuse) => format!("{} is down for about {}", listed(&[stop, refuse].concat()), planned.takes.p50_ms),
            },
        };
        if !knows_traffic(self.plan) {
            return format!("{downtime}. How many requests would go wrong is not known. The risk is {}.", p.risk);
        }
        let budget = p.budget_share.map_or_else(String::new, |share| format!(" ({} of an error budget)", spent(share, p.bad_requests)));
        format!(
            "{downtime}. On average {} requests go wrong{budget}; if it fails, {}{}. The risk is {}.",
            about_bad_requests(p, p.bad_requests),
            about_bad_requests(p, p.bad_requests_if_failing),
            left_out(p),
            p.risk
        )
    }

    fn started(&self, audience: Audience, takes_off: &str) -> Vec<String> {
        let lands = self.clock.told(self.clock.length());
        match audience {
            Audience::Team => vec![
                format!(
                    "We have taken off ({takes_off} was planned) and land about {lands}.{}",
                    if self.clock.length() > PROGRESS_MIN.0 {
                        format!(" The next message comes within {}.", self.progress_every())
                    } else {
                        String::new()
                    }
                ),
                format!("`glidepath status` shows what is in the air. To stop it: `glidepath abort`, or call {}.", self.contact),
            ],
            Audience::Dependants | Audience::Business => vec![
                format!("We have begun to change what yours depends on, and expect to be done about {lands}."),
                format!("If your errors rise, tell us at once: {}.", self.contact),
            ],
        }
    }

    fn progress(&self) -> Vec<String> {
        vec![
            "Where we are: (the line of `glidepath status`, and what the gate in the air sees).".to_owned(),
            format!(
                "What comes next by itself, and when: (the line NEXT of `glidepath card RUN`). We still expect to land about {}.",
                self.clock.told(self.clock.length())
            ),
        ]
    }

    fn landed(&self, audience: Audience) -> Vec<String> {
        let p = &self.plan.prediction;
        let all: Vec<&Assignment> = self.plan.body.assignments.iter().collect();
        let watched = self.plan.body.steps.iter().any(|step| step.after_landing);
        let watch = if watched { "We go on watching. " } else { "" };
        match audience {
            Audience::Team => vec![
                format!("Everything is in place:\n{}", self.changed_or_done(&all)),
                format!("We expected {}; what it came to: `glidepath history RUN`. The tasks of section 8 begin now.", duration(p)),
                format!("{watch}Report anything odd to {}.", self.contact),
            ],
            Audience::Dependants => vec![
                format!("The change is in place:\n{}", Self::changed(&self.for_users(), false)),
                format!("{watch}You can change yours again. If your errors have risen since, tell us: {}.", self.contact),
            ],
            Audience::Business => vec![
                format!("It is done. {watch}Nothing is asked of you.").trim().to_owned(),
                self.plan.body.change.reason.as_deref().map_or_else(String::new, |reason| format!("What it was for: {}", ended(reason))),
            ],
        }
    }

    fn rolled_back(&self, audience: Audience) -> Vec<String> {
        let back = promise::safe_within(self.plan, promise::IN_WORDS);
        if !promise::has_way_back(self.plan) {
            return self.stopped(audience);
        }
        match audience {
            Audience::Team => vec![
                format!(
                    "We turn back, because (the cause: `glidepath card RUN`). What that promises, from the decision on: {}.",
                    promise::back(self.plan, promise::BOTH)
                ),
                format!("Nobody changes anything by hand until `glidepath status` says that it has gone back. Contact: {}.", self.contact),
            ],
            Audience::Dependants => vec![
                format!("We turn back. From the decision on, {back}. Until then requests to what we changed can fail."),
                self.yours(),
                format!("Please wait with changes of yours until we say that it is over. Contact: {}.", self.contact),
            ],
            Audience::Business => vec![format!(
                "The change did not go well and we turn back: {back}.{} What happened, and when we try again, follows. Contact: {}.",
                self.for_the_business_failing(),
                self.contact
            )],
        }
    }

    /// The same of a change that no command takes back.
    fn stopped(&self, audience: Audience) -> Vec<String> {
        let stays: Vec<String> = promise::one_way(self.plan).iter().map(|step| format!("'{}'", step.title)).collect();
        let stays = if stays.is_empty() {
            "What was done stays as it is.".to_owned()
        } else {
            format!("What was done stays as it is; if {} was begun, no command takes it back.", listed(&stays))
        };
        match audience {
            Audience::Team => vec![
                format!("We have stopped, because (the cause: `glidepath card RUN`). {stays}"),
                format!(
                    "What is left is in section 6 of the document. Nobody changes anything by hand until it is decided. Contact: {}.",
                    self.contact
                ),
            ],
            Audience::Dependants => vec![
                format!("We have stopped half-way. {stays} Requests to what we changed can fail until it is mended."),
                self.yours(),
                format!("Please wait with changes of yours until we say that it is over. Contact: {}.", self.contact),
            ],
            Audience::Business => vec![format!(
                "The change did not go well and we have stopped. {stays}{} What happened, and how we go on, follows. Contact: {}.",
                self.for_the_business_failing(),
                self.contact
            )],
        }
    }

    fn for_the_business_failing(&self) -> String {
        if !knows_traffic(self.plan) {
            return String::new();
        }
        let p = &self.plan.prediction;
        format!(" We expect that {} requests have failed.", about_bad_requests(p, p.bad_requests_if_failing))
    }
}

/// Owners of dependants that do not own a changed component, with what they own.
pub(crate) fn dependants(plan: &Plan, catalog: &Catalog, blast: &Blast<'_>) -> Vec<(OwnerRef, Vec<String>)> {
    let own = owners(plan, Some(catalog));
    let mut found: Vec<(OwnerRef, Vec<String>)> = Vec::new();
    for (component, _) in blast.dependants() {
        let Some(owner) = owner_of(Some(catalog), component).filter(|o| !own.contains(o)) else { continue };
        match found.iter_mut().find(|(o, _)| o == owner) {
            Some((_, components)) => components.push(component.to_string()),
            None => found.push((owner.clone(), vec![component.to_string()])),
        }
    }
    found
}

/// A paragraph in lines that mail programs leave alone; its own lines stay lines.
fn laid_out(paragraph: &str) -> String {
    let lines = paragraph.lines().flat_map(|line| match line.strip_prefix("- ") {
        Some(entry) => hung(Line::of(Ink::Plain, "- "), Ink::Plain, entry, COLUMNS_MAX, usize::MAX),
        None => wrapped(line, COLUMNS_MAX).into_iter().map(|line| Line::of(Ink::Plain, line)).collect(),
    });
    lines.map(|line| line.render(COLUMNS_MAX, Style::Plain)).collect::<Vec<_>>().join("\n")
}

fn ended(sentence: &str) -> String {
    if sentence.ends_with(['.', '!', '?']) { sentence.to_owned() } else { format!("{sentence}.") }
}
