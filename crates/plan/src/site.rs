//! One item in one environment, with what the facts say about the place.

mod regions;

use crate::notes::Notes;
use crate::{codes, contract};
use glidepath_model::catalog::{Catalog, Component, Environment, Target, TargetIndex};
use glidepath_model::change::{Change, DataStep, Item, ItemKind};
use glidepath_model::facts::{Facts, Sourced, TargetFacts};
use glidepath_model::ids::{ComponentName, EnvironmentName, HostName, OwnerRef, RegionName, Version};
use glidepath_model::{Diagnostic, Millis, Share, Timestamp, VERSION_FORM, is_host_name, is_version, version_shown};
use regions::refuse_unequal;
pub(crate) use regions::{SiteRegion, regions, waves};
use std::collections::{BTreeMap, BTreeSet};

/// One item in one environment.
#[derive(Clone, Debug)]
pub(crate) struct Site<'a> {
    pub(crate) item: u32,
    pub(crate) change_item: &'a Item,
    pub(crate) component: Option<&'a Component>,
    pub(crate) target: &'a Target,
    pub(crate) environment: &'a Environment,
    /// Whether its component is changed in no later environment: where users are, who notice by themselves.
    pub(crate) is_last: bool,
    /// Version, flag share or schema state that is there now; `None` where nobody knows.
    pub(crate) from: Option<String>,
    /// Whether nothing observed what is there now, so that it is taken for granted.
    pub(crate) is_granted: bool,
    pub(crate) to: String,
    /// Whether hosts run different versions now.
    pub(crate) mixed: bool,
    /// What each host runs, where that is not the same of all: what it goes back to.
    pub(crate) running: BTreeMap<HostName, Version>,
    pub(crate) owner: Option<OwnerRef>,
    /// Regions that its traffic reaches; where hosts are changed, those that have some.
    pub(crate) regions: Vec<SiteRegion<'a>>,
}

impl Site<'_> {
    /// `production/payments`, and `/signing-key` below it for what is changed beside its version.
    pub(crate) fn path(&self) -> String {
        let place = format!("{}/{}", self.environment.name, self.target.component);
        match &self.change_item.kind {
            ItemKind::Secret { secret, .. } => format!("{place}/{secret}"),
            ItemKind::Capacity { .. } => format!("{place}/capacity"),
            ItemKind::Failover { .. } => format!("{place}/failover"),
            ItemKind::Traffic { .. } => format!("{place}/traffic"),
            ItemKind::Version { .. } | ItemKind::Schema { .. } | ItemKind::Contract { .. } | ItemKind::Flag { .. } => place,
        }
    }

    /// Whether it is the target of the item's own component, and not of one that reads its secret.
    pub(crate) fn is_own(&self) -> bool {
        self.target.component == self.change_item.component
    }

    /// Whether its hosts are changed, one by one.
    pub(crate) fn changes_hosts(&self) -> bool {
        match &self.change_item.kind {
            ItemKind::Version { .. } => true,
            ItemKind::Secret { consumers, .. } => consumers.contains(&self.target.component) || (consumers.is_empty() && self.is_own()),
            ItemKind::Schema { .. }
            | ItemKind::Contract { .. }
            | ItemKind::Flag { .. }
            | ItemKind::Capacity { .. }
            | ItemKind::Failover { .. }
            | ItemKind::Traffic { .. } => false,
        }
    }

    /// Whether its version comes as a second side to which a router gives its share.
    pub(crate) fn is_split_by_share(&self) -> bool {
        matches!(self.change_item.kind, ItemKind::Version { .. }) && self.target.is_steered_by_share()
    }

    /// Regions that serve when it is done, by index: what is left without traffic, or lost, says nothing about the change.
    pub(crate) fn serving_regions(&self) -> Vec<usize> {
        let serves = |region: &RegionName| match &self.change_item.kind {
            ItemKind::Failover { to, .. } => region == to,
            ItemKind::Traffic { shares, .. } => shares.get(region).is_some_and(|share| *share > Share::ZERO),
            ItemKind::Version { .. }
            | ItemKind::Schema { .. }
            | ItemKind::Contract { .. }
            | ItemKind::Flag { .. }
            | ItemKind::Secret { .. }
            | ItemKind::Capacity { .. } => true,
        };
        (0..self.regions.len()).filter(|at| serves(&self.regions[*at].region.name)).collect()
    }

    /// The new side for people: `payments 4.12.0`.
    pub(crate) fn new_side(&self) -> String {
        match &self.change_item.kind {
            ItemKind::Secret { secret, .. } => format!("{} with the new {secret}", self.target.component),
            ItemKind::Failover { to, .. } => format!("{} in {to}", self.target.component),
            _ => format!("{} {}", self.target.component, version_shown(&self.to)),
        }
    }

    /// What runs now, for people.
    pub(crate) fn present(&self) -> &str {
        self.from.as_deref().unwrap_or("unknown")
    }

    /// What a host goes back to.
    pub(crate) fn goes_back_to(&self, host: &HostName) -> Option<&str> {
        self.running.get(host).map(Version::as_str).or(self.from.as_deref())
    }

    /// Requests per second over all regions, where known in each.
    pub(crate) fn rate(&self) -> Option<f64> {
        if self.regions.is_empty() { None } else { self.regions.iter().map(|r| r.rate).sum() }
    }
}

/// All sites in the order of environments, then items.
pub(crate) fn resolve<'a>(
    change: &'a Change,
    facts: &'a Facts,
    index: &TargetIndex<'a>,
    now: Timestamp,
    notes: &mut Notes,
) -> Vec<Site<'a>> {
    let mut sites = Vec::new();
    let mut already = 0_usize;
    for name in &change.environments {
        let Some(environment) = facts.catalog.environment(name) else {
            notes.wrong(
                Diagnostic::error(codes::NO_ENVIRONMENT, format!("The environment {name} is not declared."))
                    .because("Without it there are no limits on bake and exposure.")
                    .hint(format!(
                        "Declare it in glidepath.yaml; known are {}.",
                        names(facts.catalog.environments.iter().map(|e| &e.name))
                    )),
            );
            continue;
        };
        for (number, item) in change.items.iter().enumerate() {
            for component in item.components() {
                let Some(target) = index.target_of(component, name) else {
                    notes.wrong(no_target(item, component, name, &facts.catalog));
                    continue;
                };
                match site(change, number as u32, item, target, environment, facts, now, notes) {
                    Some(site) => sites.push(site),
                    None => already += 1,
                }
            }
        }
    }
    if change.items.is_empty() || change.environments.is_empty() {
        let what = if change.items.is_empty() { "items" } else { "environments" };
        notes.wrong(
            Diagnostic::error(codes::RUNS_ALREADY, format!("{} asks for nothing: it has no {what}.", change.name))
                .because("There is nothing to do, so there is no plan.")
                .hint(format!("Name the {what} of the change.")),
        );
    }
    if sites.is_empty() && already > 0 && !notes.is_stuck() {
        notes.wrong(
            Diagnostic::error(codes::RUNS_ALREADY, format!("Everything that {} asks for runs already.", change.name))
                .because("There is nothing to do, so there is no plan.")
                .hint("Raise the version in the change, or run `glidepath status` to see what runs."),
        );
    }
    let last: BTreeMap<&ComponentName, &EnvironmentName> =
        sites.iter().map(|site: &Site<'_>| (&site.target.component, &site.environment.name)).collect();
    sites.iter_mut().for_each(|site| site.is_last = last.get(&site.target.component) == Some(&&site.environment.name));
    sites
}

fn no_target(item: &Item, component: &ComponentName, environment: &EnvironmentName, catalog: &Catalog) -> Diagnostic {
    let elsewhere: BTreeSet<_> = catalog.targets.values().filter(|t| t.component == *component).map(|t| &t.environment).collect();
    let hint = if elsewhere.is_empty() {
        format!("Write a Target with `component: {component}` and `environment: {environment}`.")
    } else {
        format!("{component} has targets in {}; write one for {environment} or leave it out of the change.", names(elsewhere))
    };
    Diagnostic::error(codes::NO_TARGET, format!("{component} has no target in {environment}."))
        .because("A target says where a component runs and how it is changed.")
        .hint(hint)
        .field(item.declared_at.clone().unwrap_or_default())
}

#[allow(clippy::too_many_arguments, reason = "one place puts a site together from everything that is known")]
fn site<'a>(
    change: &'a Change,
    index: u32,
    item: &'a Item,
    target: &'a Target,
    environment: &'a Environment,
    facts: &'a Facts,
    now: Timestamp,
    notes: &mut Notes,
) -> Option<Site<'a>> {
    let observed = facts.targets.get(&target.name);
    let component = facts.catalog.components.get(&target.component);
    let owner = component.and_then(|c| c.owner.clone()).or_else(|| change.owner.clone());
    named_twice(target, notes);
    no_names(target, notes);
    let mut site = Site {
        item: index,
        change_item: item,
        component,
        target,
        environment,
        is_last: true,
        from: None,
        is_granted: false,
        to: String::new(),
        mixed: false,
        running: BTreeMap::new(),
        owner,
        regions: regions(target, observed, notes),
    };
    if site.changes_hosts() {
        site.regions.retain(|here| !here.region.hosts.is_empty());
    }
    match &item.kind {
        ItemKind::Version { to, expect_from, .. } => {
            if site.regions.is_empty() {
                notes.wrong(
                    Diagnostic::error(codes::TARGET_CANNOT, format!("{} has no hosts.", target.name))
                        .because("A version is deployed host by host.")
                        .hint(format!("List hosts under spec.regions of {}.", target.name)),
                );
            }
            site.to = to.as_str().to_owned();
            let running = running_versions(target, observed, facts, now, notes);
            reachability(target, observed, facts, now, notes);
            if !running.is_empty() && running.len() == host_count(target) && running.values().all(|v| *v == to) {
                notes.derive(format!("{} runs {to} already in {}: left out.", item.component, environment.name));
                return None;
            }
            place_version(&mut site, &running, expect_from.as_ref(), notes);
        }
        ItemKind::Flag { flag, to, .. } => {
            site.to = to.to_string();
            let share = flag_share(target, flag, observed, facts, now, notes);
            site.is_granted = share.is_none();
            site.from = Some(share.unwrap_or(Share::ZERO).to_string());
            if site.from.as_deref() == Some(site.to.as_str()) {
                notes.derive(format!("The flag {flag} is at {to} already in {}: left out.", environment.name));
                return None;
            }
        }
        ItemKind::Capacity { replicas, expect_replicas, until } => {
            if let Some(past) = until.filter(|until| *until <= now) {
                notes.wrong(
                    Diagnostic::error(
                        codes::RUNS_ALREADY,
                        format!("{} asks for {} until {past}, which is past.", change.name, replicas_text(*replicas)),
                    )
                    .because("What is wanted until then would be taken away as soon as it is there, and what it costs cannot be told.")
                    .hint("Write a time to come as `until`, or leave it out.")
                    .field(item.declared_at.clone().unwrap_or_default()),
                );
            }
            let present = expect_replicas.or_else(|| u32::try_from(host_count(target)).ok()).filter(|count| *count > 0);
            (site.from, site.to) = (present.map(replicas_text), replicas_text(*replicas));
            if present == Some(*replicas) {
                notes.derive(format!("{} has {} already in {}: left out.", item.component, site.to, environment.name));
                return None;
            }
        }
        ItemKind::Failover { to, expect_from, .. } => {
            let others: Vec<&RegionName> = target.regions.iter().map(|region| &region.name).filter(|name| *name != to).collect();
            let other = if let [only] = others.as_slice() { Some((*only).clone()) } else { None };
            (site.from, site.to) = (expect_from.clone().or(other).map(|name| name.to_string()), to.to_string());
        }
        ItemKind::Traffic { shares, expect_shares } => (site.from, site.to) = (Some(shares_text(expect_shares)), shares_text(shares)),
        ItemKind::Secret { secret, .. } => {
            (site.from, site.to) = (Some(format!("the present {secret}")), format!("a new {secret}"));
            reachability(target, observed, facts, now, notes);
        }
        ItemKind::Schema { expand, .. } => {
            site.from = Some("before the expansion".to_owned());
            site.to = data_text(expand);
        }
        ItemKind::Contract { contract, of, .. } => {
            site.from = Some(format!("expanded by {of}"));
            site.to = data_text(&contract.step);
            contract::check(item, target, facts, now, notes);
        }
    }
    // The weights of a run in flight are its own, and are gone when it ends.
    if site.changes_hosts() && !facts.active.contains_key(&target.name) {
        refuse_unequal(&site, notes);
    }
    if let Some(run) = facts.active.get(&target.name) {
        notes.find(
            Diagnostic::warning(codes::HELD, format!("{} is held by the run {run}.", target.name))
                .because("Two changes of one target at the same time cannot be told apart, so this plan would wait.")
                .hint(format!("Wait for `glidepath status {run}` to end, then plan again.")),
        );
    }
    Some(site)
}

fn data_text(data: &DataStep) -> String {
    match data {
        DataStep::Sql { path, .. } => path.clone(),
        DataStep::Exec { argv } => argv.join(" "),
    }
}

/// Hosts and regions are told apart by their names: one that stands twice would be changed twice, and counted twice where there is one.
fn named_twice(target: &Target, notes: &mut Notes) {
    let regions = target.regions.iter().map(|region| ("region", region.name.as_str()));
    let hosts = target.hosts().map(|(_, host)| ("host", host.as_str()));
    // Regions may share what stands by, and nothing stands by for itself.
    let serving: BTreeSet<&HostName> = target.hosts().map(|(_, host)| host).collect();
    let standby = target.regions.iter().flat_map(|region| &region.standby).filter(|host| serving.contains(host));
    let hosts = hosts.chain(standby.map(|host| ("host", host.as_str())));
    let mut seen = BTreeSet::new();
    for (what, name) in regions.chain(hosts) {
        if !seen.insert((what, name)) {
            notes.wrong(
                Diagnostic::error(codes::TARGET_CANNOT, format!("{} names the {what} {name} twice.", target.name))
                    .because("It would be changed twice, and capacity would be counted that is not there.")
                    .hint(format!("Name each {what} of {} once.", target.name))
                    .field(target.declared_at.clone().unwrap_or_default()),
            );
        }
    }
}

/// Hosts fill `{host}` in commands and addresses: facts may come from a file, and what is no name must not get into them.
fn no_names(target: &Target, notes: &mut Notes) {
    let standby = target.regions.iter().flat_map(|region| &region.standby);
    for host in target.hosts().map(|(_, host)| host).chain(standby).filter(|host| !is_host_name(host.as_str())) {
        notes.wrong(
            Diagnostic::error(codes::TARGET_CANNOT, format!("{} has a host {:?}, which is no name.", target.name, host.as_str()))
                .because("In a command it could be a second command or an option.")
                .hint(format!("Give the hosts of {} names of letters, digits and `.`, `_`, `-`.", target.name))
                .field(target.declared_at.clone().unwrap_or_default()),
        );
    }
}

/// `1 replica`, `6 replicas`.
pub(crate) fn replicas_text(count: u32) -> String {
    if count == 1 { "1 replica".to_owned() } else { format!("{count} replicas") }
}

/// `eu-north 20 %, eu-west 80 %`.
pub(crate) fn shares_text(shares: &BTreeMap<RegionName, Share>) -> String {
    shares.iter().map(|(region, share)| format!("{region} {share}")).collect::<Vec<_>>().join(", ")
}

fn place_version(site: &mut Site<'_>, running: &BTreeMap<&HostName, &Version>, expected: Option<&Version>, notes: &mut Notes) {
    let ItemKind::Version { to, .. } = &site.change_item.kind else { return };
    let mut counts: BTreeMap<&Version, usize> = BTreeMap::new();
    for version in running.values() {
        *counts.entry(version).or_default() += 1;
    }
    site.mixed = counts.len() > 1;
    if site.mixed {
        site.running = running.iter().map(|(host, version)| ((*host).clone(), (*version).clone())).collect();
    }
    let commonest =
        counts.iter().filter(|(version, _)| **version != to).max_by_key(|(version, count)| (**count, std::cmp::Reverse(*version)));
    site.from = commonest.map(|(version, _)| version.as_str().to_owned()).or_else(|| expected.map(|v| v.as_str().to_owned()));
    if site.mixed {
        let mix = counts
            .iter()
            .map(|(version, count)| format!("{version} on {count} {}", if *count == 1 { "host" } else { "hosts" }))
            .collect::<Vec<_>>()
            .join(", ");
        notes.find(
            Diagnostic::warning(codes::MIXED_VERSIONS, format!("{} runs several versions now: {mix}.", site.target.name))
                .because("A rollback brings each host back to what it runs now, so they are as different after it as before.")
                .hint("Find out why, and bring the hosts to one version first if this is not meant."),
        );
    }
    if let (Some(expected), Some(from)) = (expected, &site.from)
        && expected.as_str() != from
    {
        notes.refuse(
            Diagnostic::error(codes::OTHER_VERSION, format!("{} runs {from}, and the change expects {expected}.", site.target.name))
                .because("The change was written against another state than the one it would meet.")
                .hint("Check what changed in between, then correct expectFrom in the change."),
        );
    }
    match (&site.from, running.is_empty()) {
        (None, _) => notes.find(
            Diagnostic::warning(
                codes::FROM_UNKNOWN,
                format!("Nothing says which version of {} runs now in {}.", site.target.component, site.environment.name),
            )
            .because("Without it there is no version to go back to.")
            .hint(format!("Declare spec.version.probe on {}, or state expectFrom in the change.", site.target.name)),
        ),
        (Some(from), true) => {
            notes.derive(format!("{} is taken to run {from}, as the change states; nothing observed it.", site.target.name))
        }
        (Some(_), false) => {}
    }
}

fn host_count(target: &Target) -> usize {
    target.hosts().count()
}

/// Versions by host as observed; what is missing or stale is said.
fn running_versions<'a>(
    target: &'a Target,
    observed: Option<&'a TargetFacts>,
    facts: &Facts,
    now: Timestamp,
    notes: &mut Notes,
) -> BTreeMap<&'a HostName, &'a Version> {
    let versions = observed.map(|o| &o.versions);
    let mut running = BTreeMap::new();
    let (mut absent, mut odd) = (Vec::new(), Vec::new());
    for (_, host) in target.hosts() {
        match versions.and_then(|v| v.get(host)) {
            // Facts may come from a file, and what is no version must not get into a command.
            Some(version) if !is_version(version.value.as_str()) => odd.push(host),
            Some(version) => {
                running.insert(host, &version.value);
            }
            None => absent.push(host),
        }
    }
    if !odd.is_empty() {
        let message = format!("What the facts say of the version on {}, for {}, is no version.", names(odd), target.name);
        notes.unsure(
            Diagnostic::error(codes::FACT_MISSING, message)
                .because("In a command it could be a second command or an option; so it is left out, and no version is known there.")
                .hint(format!("A version is {VERSION_FORM}. Mend what tells it, then plan again without --facts.")),
        );
    }
    if target.version_probe.is_some() && !absent.is_empty() {
        missing(target, "version", &format!("The version on {} is not known", names(absent)), facts, notes);
    }
    if let Some(versions) = versions {
        stale(target, "version", versions, facts, now, notes);
    }
    running
}

/// Whether hosts and routers answer.
fn reachability(target: &Target, observed: Option<&TargetFacts>, facts: &Facts, now: Timestamp, notes: &mut Notes) {
    for kind in ["health", "router"] {
        let whats: Vec<&str> =
            facts.missing.iter().filter(|m| m.kind == kind && m.target.as_ref() == Some(&target.name)).map(|m| m.what.as_str()).collect();
        if !whats.is_empty() {
            missing(target, kind, &format!("Not observed: {}", whats.join(", ")), facts, notes);
        }
    }
    let Some(observed) = observed else { return };
    stale(target, "health", &observed.healthy, facts, now, notes);
    stale(target, "router", &observed.routers, facts, now, notes);
    let declared: BTreeSet<&HostName> = target.hosts().map(|(_, host)| host).collect();
    let ill = names(observed.healthy.iter().filter(|(host, healthy)| !healthy.value && declared.contains(host)).map(|(host, _)| host));
    if !ill.is_empty() {
        notes.unsure(
            Diagnostic::error(codes::HOST_ILL, format!("{ill} of {} fail their health check before anything is changed.", target.name))
                .because("A host that is ill now cannot tell a good version from a bad one, and its capacity is missing.")
                .hint("Mend the hosts first, or plan with --accept-stale if the change is the cure."),
        );
    }
    let down = names(observed.routers.iter().filter(|(_, answers)| !answers.value).map(|(region, _)| region));
    if !down.is_empty() {
        notes.unsure(
            Diagnostic::error(
                codes::ROUTER_DOWN,
                format!("The router of {} in {down} does not answer or does not know its hosts.", target.name),
            )
            .because("Traffic could neither be shifted nor brought to safety.")
            .hint("Run `glidepath validate --live` to see what it answers."),
        );
    }
}

fn missing(target: &Target, kind: &str, message: &str, facts: &Facts, notes: &mut Notes) {
    let mut why = facts.missing.iter().filter(|m| m.kind == kind && m.target.as_ref() == Some(&target.name)).map(|m| m.why.as_str());
    // Hosts of one target mostly fail in one way: a reason for each would bury the first.
    let why = why.next().map_or(String::new(), |first| match why.filter(|other| *other != first).collect::<BTreeSet<_>>().len() {
        0 => format!(" ({first})"),
        more => format!(" ({first}; and {more} more)"),
    });
    notes.unsure(
        Diagnostic::error(codes::FACT_MISSING, format!("{message}, for {}{why}.", target.name))
            .because("The plan rests on it.")
            .hint("Make the target answer and plan again, or plan with --accept-stale."),
    );
}

fn stale<K: Ord + AsRef<str>, V>(
    target: &Target,
    kind: &str,
    values: &BTreeMap<K, Sourced<V>>,
    facts: &Facts,
    now: Timestamp,
    notes: &mut Notes,
) {
    let age_max = facts.catalog.settings.fact_age_max_ms;
    if age_max == Millis::ZERO {
        return;
    }
    let old: Vec<(&K, &Sourced<V>)> = values.iter().filter(|(_, value)| value.is_stale(now, age_max)).collect();
    let Some((_, oldest)) = old.iter().min_by_key(|(_, value)| value.observed_at) else { return };
    notes.unsure(
        Diagnostic::error(
            codes::FACT_STALE,
            format!(
                "The {kind} of {} on {} was seen {} ago; at most {age_max} is allowed.",
                target.name,
                old.iter().map(|(key, _)| key.as_ref()).collect::<Vec<_>>().join(", "),
                now.since(oldest.observed_at)
            ),
        )
        .because("What runs may have changed since.")
        .hint(if facts.collected_at < now && !oldest.is_stale(facts.collected_at, age_max) {
            "It was observed just as the facts were gathered, and the plan is for a later time: plan again near to it, or plan with --accept-stale."
        } else {
            "Plan again without --facts so that it is observed anew, or plan with --accept-stale."
        }),
    );
}

/// The share of a flag as observed; `None` where nothing observed it.
fn flag_share(
    target: &Target,
    flag: &str,
    observed: Option<&TargetFacts>,
    facts: &Facts,
    now: Timestamp,
    notes: &mut Notes,
) -> Option<Share> {
    match observed.and_then(|o| o.flags.get(flag)) {
        Some(share) => {
            if share.is_stale(now, facts.catalog.settings.fact_age_max_ms) {
                let message = format!("The share of the flag {flag} in {} was seen {} ago.", target.name, now.since(share.observed_at));
                notes.unsure(
                    Diagnostic::error(codes::FACT_STALE, message)
                        .because("It may have been changed since.")
                        .hint("Plan again without --facts."),
                );
            }
            Some(Share::from_f64(share.value))
        }
        None => {
            if target.flag_read.is_some() {
                missing(target, "flag", &format!("The share of the flag {flag} is not known"), facts, notes);
            }
            notes.derive(format!("The flag {flag} is taken to be at 0 % in {}; nothing observed it. The first stage sets its own share whatever is there, and the way back sets 0 %.", target.environment));
            None
        }
    }
}

/// Names separated by commas.
pub(crate) fn names<T: AsRef<str>>(items: impl IntoIterator<Item = T>) -> String {
    items.into_iter().map(|item| item.as_ref().to_owned()).collect::<Vec<_>>().join(", ")
}
