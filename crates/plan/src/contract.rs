//! Whether the contract half of a schema change may fly at a place: the change it completes has landed there long enough ago, whoever uses the
//! data runs a version that does without what goes, and the backup can be restored. The flight proves that itself where the target says how; else the
//! change brings evidence, which is good for [`RESTORE_TEST_AGE_MAX_DEFAULT`] or what the project's policy says.
//!
//! Nothing brings back what a contract takes away, so nothing is taken on trust and nothing here can be waved through with `--accept-stale`. Who uses
//! the data says the catalog, by the edges that lead to the component. Which version does without says the change, reader by reader. Which version
//! runs says each host. Of a reader that nobody can ask, since it has no target there, the change must say why it needs the data no longer, and that is recorded. A version suffices that is the one stated, or a later one where both are numbers with dots; what cannot be compared does
//! not suffice. The plan looks at the hosts once more between the approval and the contract (`lower::contract`).

use crate::codes;
use crate::notes::Notes;
use crate::site::names;
use glidepath_model::catalog::{Catalog, Component, EdgeKind, Target, TargetIndex};
use glidepath_model::change::{ContractStep, Item, ItemKind, RestoreTested};
use glidepath_model::facts::Facts;
use glidepath_model::ids::{ChangeName, ComponentName, EnvironmentName, HostName, Version};
use glidepath_model::{Diagnostic, Millis, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// How old a restore test may be that a contract rests on, where the project does not say.
const RESTORE_TEST_AGE_MAX_DEFAULT: Millis = Millis::from_mins(30 * 24 * 60);

/// A component that uses the data, in the environment of the contract.
pub(crate) struct Reader<'a> {
    pub(crate) target: &'a Target,
    /// First version that does without; `None` where the change does not say.
    pub(crate) first: Option<&'a Version>,
}

/// Whoever uses the data that a contract takes away: by the catalog, and by the word of the change where the catalog does not know. Nobody for items
/// of other types.
pub fn users<'a>(item: &'a Item, catalog: &'a Catalog) -> BTreeSet<&'a ComponentName> {
    match &item.kind {
        ItemKind::Contract { readers, done, .. } => using(&item.component, catalog).chain(readers.keys()).chain(done.keys()).collect(),
        _ => BTreeSet::new(),
    }
}

/// Components that use another one's data or interface.
pub(crate) fn using<'a>(component: &'a ComponentName, catalog: &'a Catalog) -> impl Iterator<Item = &'a ComponentName> {
    let uses = move |user: &&Component| user.depends_on.iter().any(|edge| edge.to == *component && edge.kind != EdgeKind::DeploysWith);
    catalog.components.values().filter(uses).map(|user| &user.name)
}

/// Those of them that can be asked in an environment, or that the change says a version of.
pub(crate) fn readers<'a>(item: &'a Item, environment: &EnvironmentName, catalog: &'a Catalog) -> Vec<Reader<'a>> {
    let ItemKind::Contract { readers: stated, done, .. } = &item.kind else { return Vec::new() };
    let targets = TargetIndex::of(catalog, std::slice::from_ref(environment));
    let here = users(item, catalog).into_iter().filter_map(|user| Some((user, targets.target_of(user, environment)?)));
    here.filter(|(user, target)| can_be_asked(target) || !done.contains_key(*user))
        .map(|(user, target)| Reader { target, first: stated.get(user) })
        .collect()
}

/// Whether the hosts of a target can be asked which version they run.
fn can_be_asked(target: &Target) -> bool {
    target.version_probe.is_some() && target.hosts().next().is_some()
}

/// Readers that nobody can ask in the environment: the catalog knows that they use the data, and not where they run. Each needs a reason to be left alone.
fn unseen(item: &Item, environment: &EnvironmentName, catalog: &Catalog, notes: &mut Notes) -> bool {
    let ItemKind::Contract { done, .. } = &item.kind else { return false };
    let component = &item.component;
    let targets = TargetIndex::of(catalog, std::slice::from_ref(environment));
    let mut is_any = false;
    for user in users(item, catalog) {
        let target = targets.target_of(user, environment);
        if target.is_some_and(can_be_asked) {
            if done.contains_key(user) {
                notes.wrong(
                    Diagnostic::error(
                        codes::READER_OLD,
                        format!("{user} can be asked in {environment}, so that no reason stands for its answer."),
                    )
                    .because("Whoever still needs the old half fails as soon as it is gone, and nothing brings it back.")
                    .hint(format!("Take {user} out of `done`, and state the version that does without: `readers: {{ {user}: VERSION }}`."))
                    .field(item.declared_at.clone().unwrap_or_default()),
                );
            }
            continue;
        }
        is_any = true;
        match (done.get(user), target) {
            (Some(why), _) => notes.derive(format!("{user} is taken to need the data of {component} in {environment} no longer: {why}.")),
            (None, Some(_)) => {}
            (None, None) => notes.wrong(
                Diagnostic::error(
                    codes::READER_OLD,
                    format!("{user} uses {component}, and has no target in {environment} that could be asked which version it runs."),
                )
                .because("Whoever still needs the old half fails as soon as it is gone, and nothing brings it back.")
                .hint(format!(
                    "Declare its Target; or, if it needs the data no longer, say why, and that is recorded: `done: {{ {user}: REASON }}`."
                ))
                .field(item.declared_at.clone().unwrap_or_default()),
            ),
        }
    }
    is_any
}

/// Refuses a contract that is not due, and one that somebody may still need the old half for.
pub(crate) fn check(item: &Item, target: &Target, facts: &Facts, now: Timestamp, notes: &mut Notes) {
    let ItemKind::Contract { contract, of, landed_at, .. } = &item.kind else { return };
    let component = &item.component;
    due(of, contract, *landed_at, target, facts, now, notes);
    restorable(item, target, facts, now, notes);
    let readers = readers(item, &target.environment, &facts.catalog);
    let has_unseen = unseen(item, &target.environment, &facts.catalog, notes);
    if readers.is_empty() && !has_unseen {
        notes.find(
            Diagnostic::warning(codes::READER_OLD, format!("Nobody is known to use the data of {component} in {}.", target.environment))
                .because("The contract looks only at components that the catalog or the change names, and takes its data away from all others, too.")
                .hint(format!("Let each component that uses it say so, with `dependsOn: [ \"resource:{component}\" ]`.")),
        );
    }
    for reader in readers {
        let user = &reader.target.component;
        match reader.first {
            None => notes.wrong(
                Diagnostic::error(
                    codes::READER_OLD,
                    format!("{user} uses {component}, and the change does not say from which version on it does without what goes."),
                )
                .because("Whoever still needs the old half fails as soon as it is gone, and nothing brings it back.")
                .hint(format!("Find that version of {user} and state it: `readers: {{ {user}: VERSION }}`."))
                .field(item.declared_at.clone().unwrap_or_default()),
            ),
            Some(first) => reader_suffices(&reader, first, component, facts, now, notes),
        }
    }
}

fn due(
    of: &ChangeName,
    contract: &ContractStep,
    stated: Option<Timestamp>,
    target: &Target,
    facts: &Facts,
    now: Timestamp,
    notes: &mut Notes,
) {
    let known = facts.landings.get(of).and_then(|by_target| by_target.get(&target.name)).map(|fact| fact.value);
    // What the record knows stands against any word of the change.
    if let (None, Some(run)) = (known, facts.not_landed.get(of).and_then(|by_target| by_target.get(&target.name))) {
        notes.refuse(
            Diagnostic::error(
                codes::CONTRACT_EARLY,
                format!("{of} has not landed on {}: its newest flight there, {}, did not.", target.name, run.value),
            )
            .because("What is to go is what that change makes superfluous, and after that flight it is not known to be.")
            .hint(format!("Land {of} first. `landed` in the item does not stand against a record that is kept here.")),
        );
        return;
    }
    if let (None, Some(at)) = (known, stated) {
        notes.derive(format!("{of} is taken to have landed on {} at {}, as the change states.", target.name, at.to_second()));
    }
    let Some(landed) = known.or(stated) else {
        notes.refuse(
            Diagnostic::error(codes::CONTRACT_EARLY, format!("{of} has not landed on {}.", target.name))
                .because("What is to go is what that change makes superfluous; its newest flight there did not land, or none is on record.")
                .hint(format!("Land {of} first. Where another store keeps its record, state `landed: TIME` in the item.")),
        );
        return;
    };
    let from = landed.plus(contract.not_before_ms);
    if now < from {
        notes.refuse(
            Diagnostic::error(
                codes::CONTRACT_EARLY,
                format!("The contract of {of} on {} is not due for another {}.", target.name, from.since(now)),
            )
            .because(format!("It landed at {}, and the contract waits for {} from then.", landed.to_second(), contract.not_before_ms))
            .hint(format!("Plan again from {} on.", from.to_second())),
        );
    }
}

/// What a contract at a place rests on where its own flight does not restore the backup: evidence that somebody did.
enum Proof<'a> {
    /// The flight restores it, or no user meets the environment.
    NotAsked,
    Missing,
    Stated(&'a RestoreTested),
}

fn proof<'a>(item: &'a Item, target: &Target, facts: &Facts) -> Proof<'a> {
    let ItemKind::Contract { restore_tested, .. } = &item.kind else { return Proof::NotAsked };
    let plain = facts.catalog.settings.policy.plain.as_ref();
    let is_plain = plain.is_some_and(|plain| plain.environments.contains(&target.environment));
    match restore_tested {
        _ if target.restore_test.is_some() => Proof::NotAsked,
        Some(stated) => Proof::Stated(stated),
        None if is_plain => Proof::NotAsked,
        None => Proof::Missing,
    }
}

fn restore_test_age_max(facts: &Facts) -> Millis {
    facts.catalog.settings.policy.restore_test_age_ms.unwrap_or(RESTORE_TEST_AGE_MAX_DEFAULT)
}

/// Until when the evidence is recent enough that a contract rests on.
pub(crate) fn recent_until(item: &Item, target: &Target, facts: &Facts) -> Option<Timestamp> {
    match proof(item, target, facts) {
        Proof::Stated(stated) => Some(stated.at.plus(restore_test_age_max(facts))),
        Proof::NotAsked | Proof::Missing => None,
    }
}

/// Refuses a contract whose backup nobody has restored in a test of late.
fn restorable(item: &Item, target: &Target, facts: &Facts, now: Timestamp, notes: &mut Notes) {
    let most = restore_test_age_max(facts);
    let message = match proof(item, target, facts) {
        Proof::NotAsked => return,
        Proof::Missing => format!("Nothing shows that the backup of {} can be restored.", target.name),
        Proof::Stated(stated) if stated.at > now => {
            format!(
                "The backup of {} was restored in a test at {}, says the change, and that is still to come.",
                target.name,
                stated.at.to_second()
            )
        }
        Proof::Stated(stated) if now.since(stated.at) > most => format!(
            "The backup of {} was restored in a test {} ago, at {}; at most {most} is recent.",
            target.name,
            now.since(stated.at),
            stated.at.to_second()
        ),
        Proof::Stated(stated) => {
            notes.derive(format!(
                "The backup of {} was restored in a test at {}, as the change states ({}); that counts until {}, and the plan with it.",
                target.name,
                stated.at.to_second(),
                stated.evidence,
                stated.at.plus(most).to_second()
            ));
            return;
        }
    };
    notes.refuse(
        Diagnostic::error(codes::RESTORE_UNTESTED, message)
            .because("What the contract takes away is in the backup alone, and a backup that was never restored may hold nothing.")
            .hint(format!(
                "Declare `restoreTest` on {}, and the flight restores its backup before it asks anybody. Where that is done elsewhere, state `restoreTested: {{ at: TIME, evidence: WHERE }}` in the item; `policy.restoreTestAge` says how old it may be, {most} now.",
                target.name
            ))
            .field(item.declared_at.clone().unwrap_or_default()),
    );
}

fn reader_suffices(reader: &Reader<'_>, first: &Version, component: &ComponentName, facts: &Facts, now: Timestamp, notes: &mut Notes) {
    let target = reader.target;
    let user = &target.component;
    let observed = facts.targets.get(&target.name);
    let age_max = facts.catalog.settings.fact_age_max_ms;
    let (mut unknown, mut early): (Vec<&HostName>, Vec<&HostName>) = (Vec::new(), Vec::new());
    let mut old: BTreeMap<&Version, Vec<&HostName>> = BTreeMap::new();
    for (_, host) in target.hosts() {
        match observed.and_then(|observed| observed.versions.get(host)) {
            Some(seen) if age_max.0 > 0 && seen.is_stale(facts.collected_at, age_max) => unknown.push(host),
            Some(seen) if suffices(&seen.value, first) => {
                if age_max.0 > 0 && seen.is_stale(now, age_max) {
                    early.push(host);
                }
            }
            Some(seen) => old.entry(&seen.value).or_default().push(host),
            None => unknown.push(host),
        }
    }
    let why = format!(
        "It does without what the contract of {component} takes away from {first} on; whatever is older fails, and nothing brings it back."
    );
    let place = target.declared_at.clone().unwrap_or_default();
    for (version, hosts) in old {
        let hint = if is_comparable(version) && is_comparable(first) {
            format!("Bring {user} to {first} everywhere first. Who needs it no longer: take it out of the catalog.")
        } else {
            format!(
                "Versions that are not numbers with dots must be the one stated: if {version} does without, state `readers: {{ {user}: {version} }}`."
            )
        };
        notes.refuse(
            Diagnostic::error(codes::READER_OLD, format!("{user} runs {version} on {}, and {first} is asked for.", names(hosts)))
                .because(why.clone())
                .hint(hint)
                .field(place.clone()),
        );
    }
    if !early.is_empty() {
        notes.unsure(
            Diagnostic::error(
                codes::FACT_STALE,
                format!("{user} runs {first} or later on {}, as was seen {} ago; at most {age_max} is allowed.", names(early), now.since(facts.collected_at)),
            )
            .because("What runs may have changed since, and the contract asks for it.")
            .hint("Plan near to the time of the contract, or with --accept-stale: the flight asks every reader again before the one-way step.")
            .field(place.clone()),
        );
    }
    let has_hosts = target.hosts().next().is_some();
    if !unknown.is_empty() || !has_hosts {
        let whom = if has_hosts { format!("{user} on {}", names(unknown)) } else { format!("{user}, which declares no hosts,") };
        let hint = match target.version_probe {
            Some(_) => format!("Make `version.probe` of {} answer, and plan again.", target.name),
            None => format!("Declare `version.probe` on {}, so that each host can be asked.", target.name),
        };
        notes.refuse(
            Diagnostic::error(codes::READER_OLD, format!("Which version of {whom} runs now is not known."))
                .because(why)
                .hint(hint)
                .field(place),
        );
    }
}

/// Version that a host must still run when the contract begins; it has been seen at planning.
pub(crate) fn seen<'a>(target: &Target, host: &HostName, facts: &'a Facts) -> Option<&'a Version> {
    facts.targets.get(&target.name)?.versions.get(host).map(|fact| &fact.value)
}

/// Whether a version is `first` or a later one.
fn suffices(version: &Version, first: &Version) -> bool {
    if version == first {
        return true;
    }
    match (numbers(version), numbers(first)) {
        (Some(version), Some(first)) => version >= first,
        (None, _) | (_, None) => false,
    }
}

fn is_comparable(version: &Version) -> bool {
    numbers(version).is_some()
}

/// `4.12` and `v4.12.0` are the same numbers: noughts at the end do not count.
fn numbers(version: &Version) -> Option<Vec<u64>> {
    let text = version.as_str();
    let parts = text.strip_prefix('v').unwrap_or(text).split('.');
    let mut numbers: Vec<u64> =
        parts.map(|part| part.parse().ok().filter(|_| part.bytes().all(|b| b.is_ascii_digit()))).collect::<Option<_>>()?;
    while numbers.last() == Some(&0) {
        numbers.pop();
    }
    // A single number may as well be the beginning of a digest.
    text.contains('.').then_some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_suffices_that_is_the_one_stated_or_a_later_number() {
        for (version, first, expected) in [
            ("4.12.0", "4.12.0", true),
            ("4.12", "4.12.0", true),
            ("v4.13.1", "4.12.0", true),
            ("4.100.0", "4.12.0", true),
            ("5.0", "4.12.0", true),
            ("4.11.9", "4.12.0", false),
            ("4.12.0-rc.1", "4.12.0", false),
            ("4.13.0-rc.1", "4.12.0", false),
            ("9f2c1e", "4.12.0", false),
            ("9f2c1e", "9f2c1e", true),
            ("20261128", "20261127", false),
            ("4.+12.0", "4.12.0", false),
            ("", "4.12.0", false),
        ] {
            assert_eq!(suffices(&version.into(), &first.into()), expected, "{version} for {first}");
        }
    }
}
