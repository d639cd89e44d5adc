//! `plan CHANGE|RUNBOOK|PLAN`: candidates, ranked and explained; the winner as summary, document, run sheet, messages or data.

use crate::args::{PlanArgs, PlanCommand, PlanForm};
use crate::commands::{plan_diff, plan_variants};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::planning::{self, Planned};
use crate::project::Wanted;
use crate::world::World;
use crate::{deny, output, parentage, project, sarif, splitting};
use glidepath_files::{CONFIG_FILE, Fill, Loaded, Project, Variant};
use glidepath_model::plan::Ceremony;
use glidepath_model::{ChangeName, Code, Diagnostic, Plan};
use std::io::Write as _;
use std::path::Path;

pub(crate) async fn run(root: &Path, args: &PlanArgs) -> Result<Exit, Failure> {
    match &args.command {
        Some(PlanCommand::Diff(args)) => plan_diff::run(root, args).await,
        None if args.variants => {
            let (loaded, wanted) = wanted(root, args)?;
            plan_variants::run(root, args, &loaded, &wanted).await
        }
        None => plan(root, args).await,
    }
}

async fn plan(root: &Path, args: &PlanArgs) -> Result<Exit, Failure> {
    let made = match make(root, args).await {
        Ok(made) => made,
        Err(failure) => {
            // Who shows findings to others shows these too; the exit code stays what it is.
            if args.format == PlanForm::Sarif {
                let loaded = Project::load(root);
                let named = args.change.as_deref().map(ChangeName::new);
                let declared = sarif::declared(&loaded.catalog, named.and_then(|name| loaded.changes.get(&name)));
                write(&sarif::log(root, &failure.diagnostics, Some(&file_of(root, args)), &declared), args)?;
            }
            return Err(failure);
        }
    };
    let planned = &made.planned;
    let is_shown = args.format == PlanForm::Human && args.out.is_none();
    if is_shown && !args.full && needs_no_plan(&planned.plan) {
        output::drawn(&glidepath_report::without_plan(&planned.plan));
        output::say(&format!("\n`--full` shows the plan all the same; `glidepath run {}` flies it.", planned.plan.id.short()));
        deny::refuse(&args.deny.deny, &made.findings)?;
        return Ok(Exit::Done);
    }
    if let Some(folder) = &args.messages {
        write_messages(planned, folder)?;
    }
    let text = render(root, &made, args);
    if let Some(file) = write(&text, args)? {
        output::say(&format!("plan {}: {}", planned.plan.id.short(), file.display()));
    }
    if let Some(verdict) = &made.verdict {
        output::say(&format!("\n{verdict}"));
    }
    if is_shown {
        if !planned.plan.findings.is_empty() && !args.all {
            output::say("\n`--all` says of each finding why it matters and what to do.");
        }
        let id = planned.plan.id.short();
        output::say(&format!(
            "\nNext: `glidepath run {id}`; to read it: `glidepath plan {id} --format html --out plan.html`; on paper: `--format runsheet`."
        ));
        if !made.variants.is_empty() {
            output::say(&format!("In other ways: {}; `--variants` sets them side by side.", made.variants.join(", ")));
        }
    }
    deny::refuse(&args.deny.deny, &made.findings)?;
    Ok(Exit::Done)
}

/// Where findings are shown that have no place of their own, although nothing could be planned: the file that was named or stands where changes do, else the
/// project's own.
fn file_of(root: &Path, args: &PlanArgs) -> String {
    let named = args.change.as_deref().unwrap_or_default();
    let known = [named.to_owned(), format!("changes/{named}.yaml"), format!("runbooks/{named}.yaml")];
    let is_file = |file: &&String| !named.is_empty() && root.join(file).is_file();
    known.iter().find(is_file).cloned().unwrap_or_else(|| CONFIG_FILE.to_owned())
}

fn needs_no_plan(plan: &Plan) -> bool {
    plan.clearance.as_ref().is_some_and(|clearance| clearance.ceremony == Ceremony::NoPlan)
}

/// A plan with all that was found on the way.
struct Made {
    planned: Planned,
    /// What was found in the project's files, then in the plan.
    findings: Vec<Diagnostic>,
    /// File of the change or runbook.
    file: Option<String>,
    /// What it comes to as a child of another plan.
    verdict: Option<String>,
    /// Names of the change's variants.
    variants: Vec<String>,
}

/// The project, and what of it is to be planned.
fn wanted(root: &Path, args: &PlanArgs) -> Result<(Loaded, Wanted), Failure> {
    settings_fit(args)?;
    let Some(template) = &args.template else {
        let (loaded, wanted) = project::load_for(root, args.change.as_deref().unwrap_or_default())?;
        output::findings(&loaded.diagnostics);
        return Ok((loaded, wanted));
    };
    let loaded = project::load_filled(root, &Fill { template: template.clone(), values: args.settings.iter().cloned().collect() })?;
    output::findings(&loaded.diagnostics);
    let name = loaded.filled.clone().unwrap_or_else(|| ChangeName::new(template.as_str()));
    let wanted = project::find(&loaded, root, name.as_str())?;
    Ok((loaded, wanted))
}

/// Refuses values that nothing would take, and two of which one would be lost.
fn settings_fit(args: &PlanArgs) -> Result<(), Failure> {
    let names: Vec<&str> = args.settings.iter().map(|(name, _)| name.as_str()).collect();
    if let (None, Some(name)) = (&args.template, names.first()) {
        return Err(Failure::usage(
            format!("`--set {name}=...` gives a parameter a value, and only a template has parameters"),
            "name the template with `--template NAME` in place of the change; a change says itself what it alters",
        ));
    }
    match names.iter().enumerate().find(|(at, name)| names[..*at].contains(name)) {
        Some((_, name)) => {
            Err(Failure::usage(format!("`--set {name}=...` stands there twice, and the parameter has one value"), "leave one of them out"))
        }
        None => Ok(()),
    }
}

/// The variant of that name in place of the change.
fn varied(loaded: &Loaded, wanted: Wanted, name: &str) -> Result<Wanted, Failure> {
    let ways = variants(loaded, &wanted);
    if let Some(way) = ways.iter().find(|way| way.name == name) {
        return Ok(Wanted::Change(Box::new(way.change.clone())));
    }
    let known: Vec<&str> = ways.iter().map(|way| way.name.as_str()).collect();
    let hint = if known.is_empty() { "it has no variants".to_owned() } else { format!("it has {}", known.join(", ")) };
    Err(Failure::new(Exit::BadInput, Diagnostic::error(Code(685), format!("there is no variant `{name}`")).hint(hint)))
}

/// Other ways of a change.
pub(super) fn variants<'a>(loaded: &'a Loaded, wanted: &Wanted) -> &'a [Variant] {
    match wanted {
        Wanted::Change(change) => loaded.variants.get(&change.name).map(Vec::as_slice).unwrap_or_default(),
        Wanted::Runbook(_) => &[],
    }
}

async fn make(root: &Path, args: &PlanArgs) -> Result<Made, Failure> {
    let (loaded, mut wanted) = match wanted(root, args) {
        Ok(found) => found,
        Err(unknown) => return stored(root, args).await?.ok_or(unknown),
    };
    if let Some(name) = &args.variant {
        wanted = varied(&loaded, wanted, name)?;
    }
    let world = World::open(root).await?;
    let mut planned = planning::plan(&world, &loaded, &wanted, &args.planning).await?;
    let mut verdict = None;
    if let Some(parent) = &args.parent {
        let child = parentage::adopt(&world, planned.plan, parent).await?;
        verdict = Some(child.verdict());
        planned.plan = child.plan;
    }
    world.store.save_plan(&planned.plan, &planned.facts_bytes).await?;
    if let Some(file) = &args.save_facts {
        std::fs::write(file, &planned.facts_bytes)?;
        output::say(&format!("facts: {}", file.display()));
    }
    if let Some(folder) = &args.follow_ups {
        write_follow_ups(&planned, folder)?;
    }
    if let Some(folder) = &args.split {
        splitting::write(root, &loaded, &planned, folder)?;
    }
    let file = match &wanted {
        Wanted::Change(change) => loaded.change_files.get(&change.name).cloned(),
        Wanted::Runbook(runbook) => loaded.runbook_files.get(&runbook.name).cloned(),
    };
    let findings = loaded.diagnostics.iter().chain(&planned.plan.findings).cloned().collect();
    let variants = variants(&loaded, &wanted).iter().map(|way| way.name.clone()).collect();
    Ok(Made { planned, findings, file, verdict, variants })
}

/// A stored plan, as it was made.
async fn stored(root: &Path, args: &PlanArgs) -> Result<Option<Made>, Failure> {
    let Some(id) = args.change.as_deref().filter(|what| planning::may_be_id(what)) else { return Ok(None) };
    let Some(planned) = planning::stored(&World::open(root).await?, id).await? else { return Ok(None) };
    if args.planning.at.is_some() || args.planning.facts.is_some() || args.parent.is_some() || args.variant.is_some() {
        return Err(Failure::usage(
            format!("{id} is a stored plan: it has its time, its facts and its place already"),
            "leave `--at`, `--facts`, `--parent` and `--variant` out, or name the change to plan it anew",
        ));
    }
    let findings = planned.plan.findings.clone();
    Ok(Some(Made { planned, findings, file: None, verdict: None, variants: Vec::new() }))
}

/// Writes each message to a file of its own: `01-planned-team.txt`. Files that are there are not of this plan, so they stay, and that is refused.
fn write_messages(planned: &Planned, folder: &Path) -> Result<(), Failure> {
    let failed = |file: &Path, error: &std::io::Error| {
        let finding = Diagnostic::error(Code(687), format!("the message {} cannot be written: {error}", file.display()));
        Failure::new(
            Exit::BadInput,
            finding
                .because("Messages are for one plan; one that is left of another would tell people wrong times.")
                .hint("Name a folder that is new or empty, and that you may write to."),
        )
    };
    let messages = glidepath_report::messages(&planned.plan, &planned.facts);
    std::fs::create_dir_all(folder).map_err(|error| failed(folder, &error))?;
    for (at, message) in messages.iter().enumerate() {
        let file = folder.join(format!("{:02}-{}-{}.txt", at + 1, message.occasion, message.audience.word()));
        let mut written = std::fs::File::create_new(&file).map_err(|error| failed(&file, &error))?;
        written.write_all(message.to_text().as_bytes()).map_err(|error| failed(&file, &error))?;
    }
    output::say(&format!("messages: {} in {}", messages.len(), folder.display()));
    Ok(())
}

/// Writes the files of the changes that follow. What somebody has edited since is never written over.
fn write_follow_ups(planned: &Planned, folder: &Path) -> Result<(), Failure> {
    let unwritable = |path: &Path, error: &std::io::Error| {
        Failure::usage(format!("{} cannot be written: {error}", path.display()), "name a folder that exists and that you may write to")
    };
    let files = planned.plan.body.follow_ups.iter().filter_map(|follow_up| follow_up.file.as_ref());
    let mut any = false;
    for file in files {
        any = true;
        let path = folder.join(&file.name);
        match std::fs::OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(mut made) => {
                std::io::Write::write_all(&mut made, file.text.as_bytes()).map_err(|error| unwritable(&path, &error))?;
                output::say(&format!("follow-up: {}", path.display()));
            }
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                output::say(&format!("follow-up: {} is there already and stays as it is", path.display()));
            }
            Err(error) => return Err(unwritable(&path, &error)),
        }
    }
    if !any {
        output::say("follow-up: nothing of this change follows as a file");
    }
    Ok(())
}

/// Writes the answer to where it is wanted; the file, if it is one.
fn write<'a>(text: &str, args: &'a PlanArgs) -> Result<Option<&'a Path>, Failure> {
    let Some(file) = &args.out else {
        match args.format {
            PlanForm::Human => output::drawn(text),
            PlanForm::Json | PlanForm::Markdown | PlanForm::Html | PlanForm::Runsheet | PlanForm::RunsheetMarkdown | PlanForm::Sarif => {
                output::data(text)
            }
        }
        return Ok(None);
    };
    std::fs::write(file, text).map_err(|error| {
        Failure::usage(
            format!("{} cannot be written: {error}", file.display()),
            "name a file in a folder that exists and that you may write to",
        )
    })?;
    Ok(Some(file))
}

fn render(root: &Path, made: &Made, args: &PlanArgs) -> String {
    let planned = &made.planned;
    let document = || glidepath_report::document(&planned.plan, &planned.facts);
    match args.format {
        PlanForm::Sarif => {
            let declared = sarif::declared(&planned.facts.catalog, [&planned.plan.body.change]);
            sarif::log(root, &made.findings, made.file.as_deref(), &declared)
        }
        PlanForm::Human => {
            let style = if args.out.is_none() && output::stdout_is_styled() {
                glidepath_report::Style::Ansi
            } else {
                glidepath_report::Style::Plain
            };
            let detail = if args.all { glidepath_report::Detail::Full } else { glidepath_report::Detail::Short };
            glidepath_report::summary(&planned.plan, style, detail, output::columns())
        }
        PlanForm::Json => serde_json::to_string_pretty(&planned.plan).unwrap_or_default(),
        PlanForm::Markdown => glidepath_report::to_markdown(&document()),
        PlanForm::Html => glidepath_report::to_html(&document()),
        PlanForm::Runsheet => glidepath_report::to_html(&glidepath_report::run_sheet(&planned.plan, &planned.facts)),
        PlanForm::RunsheetMarkdown => glidepath_report::to_markdown(&glidepath_report::run_sheet(&planned.plan, &planned.facts)),
    }
}
