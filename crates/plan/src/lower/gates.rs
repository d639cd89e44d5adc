//! Gates: what is watched after a stage, and in the windows after deployment.

use super::calls;
use super::{Lowering, Spot};
use crate::allowed::burn_max;
use crate::concurrent;
use crate::durations::Kind;
use crate::ladder::{JudgedStage, Signal, bad_ratio, gate_patience, look_every, signals};
use crate::measured;
use crate::outline::{Outline, Route, StageGate, StagePath, Watches, rounded};
use crate::site::Site;
use crate::template::Placeholders;
use crate::values::{self, JudgedValue};
use glidepath_judge::duration::DurationEstimate;
use glidepath_judge::{Dispersion, TOLERATED_MIN};
use glidepath_model::catalog::{
    ActionTemplate, ErrorRatio, Indicator, JsonSource, KayentaSeries, Matcher, Objective, Selector, Split, Target, VerifyWindow,
};
use glidepath_model::change::ItemKind;
use glidepath_model::ids::{EnvironmentName, HostName, OwnerRef, StepId};
use glidepath_model::plan::{CountSelectors, CountSource, Estimate, FollowUp, GateCheck, GateSpec, Phase, Step, Work};
use glidepath_model::{Millis, Share};
use std::collections::BTreeMap;

/// Failed looks in a row that fail a probe.
const PROBE_FAILURES_MAX: u32 = 3;
/// Bad looks in a row that fail the ceiling of an objective.
const CEILING_FAILURES_MAX: u32 = 3;
/// Burn over which the new side fails whatever the old side does: at this rate 2 % of a 30-day budget is spent in an hour.
pub(crate) const CEILING_BURN: f64 = 14.4;
/// Deadline of one page of metrics.
const SCRAPE_TIMEOUT: Millis = Millis::from_secs(5);
/// Time a gate's step may take beyond its patience.
const GATE_GRACE: Millis = Millis::from_mins(1);
/// Last part of the name of a gate, by which it is known where steps are drawn in outline only.
pub(crate) const SKETCHED: &str = "gate";

fn until_evidence(passes: DurationEstimate) -> Estimate {
    Estimate { p50_ms: Millis(passes.p50_ms), p95_ms: Millis(passes.p95_ms), source: "until the evidence suffices".to_owned() }
}

impl Lowering<'_> {
    /// The gate after a stage that has `new` hosts of the region on the new version.
    #[allow(clippy::too_many_arguments, reason = "a gate belongs to a stage of a region of a site, at a place in the graph")]
    pub(crate) fn stage_gate(
        &mut self,
        site: &Site<'_>,
        at: usize,
        stage: &StagePath,
        gate: &StageGate,
        new: usize,
        spot: &Spot,
        needs: &[StepId],
    ) -> StepId {
        let share = match stage.route {
            Route::Mirror(share) => format!("a mirror of {}", rounded(share)),
            Route::Share | Route::Cohort { .. } | Route::Decided => rounded(Share::from_f64(stage.share)).to_string(),
        };
        let subject = match (spot.region.and_then(|at| site.regions.get(at)), &site.change_item.kind) {
            (_, ItemKind::Flag { flag, .. }) => format!("{flag} at {share} in {}", site.environment.name),
            (Some(region), _) => format!("{} in {} at {share}", site.target.component, region.region.name),
            (None, _) => format!("{} at {share}", site.target.component),
        };
        let is_compared = has_both_sides(site, stage, gate);
        let bake = if is_compared { gate.bake.max(measured::canary_length(site)) } else { gate.bake };
        if self.is_sketch {
            let mut step = self.draft(site, spot, SKETCHED, format!("Watch {subject}"), Work::Wait(bake), Kind::Check);
            step.expected = gate.judged.as_ref().map_or(step.expected, |judged| until_evidence(judged.passes));
            step.needs = needs.to_vec();
            return self.push(step);
        }
        let mut checks = Vec::new();
        if let Some(judged) = &gate.judged {
            checks.extend(self.proportions(site, at, judged));
            checks.extend(self.values(site, at, judged));
        }
        let regions: Vec<usize> = spot.region.map_or_else(|| site.serving_regions(), |at| vec![at]);
        if is_compared {
            checks.extend(self.canary_configs(site, &regions));
        }
        checks.extend(self.thresholds(site, &regions));
        checks.extend(self.probes(site, &regions, new, gate.watches));
        if checks.is_empty() {
            // A gate without checks could never decide; letting the time pass is what is left, and the linter says that nothing watches.
            let bake = gate.bake.max(site.environment.min_bake_ms);
            let title = format!("Leave {subject} for {bake}; nothing watches it");
            let mut step = self.draft(site, spot, "wait", title, Work::Wait(bake), Kind::Check);
            step.timeout_ms = bake.plus(GATE_GRACE);
            step.needs = needs.to_vec();
            return self.push(step);
        }
        let spec = self.gate_spec(
            site.environment.min_bake_ms,
            bake,
            site.environment.hold_limit_ms,
            subject.clone(),
            checks,
            gate.judged.is_some(),
        );
        let mut step = self.gate_step(site, spot, "gate", format!("Watch {subject}"), spec);
        if let Some(judged) = &gate.judged {
            step.expected = until_evidence(judged.passes);
        }
        step.needs = needs.to_vec();
        self.push(step)
    }

    pub(super) fn gate_step(&self, site: &Site<'_>, spot: &Spot, name: &str, title: String, spec: GateSpec) -> Step {
        let timeout_ms = spec.patience_ms.plus(GATE_GRACE);
        let mut step = self.draft(site, spot, name, title, Work::Gate(Box::new(spec)), Kind::Check);
        step.timeout_ms = timeout_ms;
        step
    }

    fn gate_spec(&self, min: Millis, bake: Millis, hold: Millis, subject: String, checks: Vec<GateCheck>, judged: bool) -> GateSpec {
        let (measured, interval) = measured::of_checks(&checks);
        let bake_ms = bake.max(min).max(measured);
        let patience_ms = gate_patience(bake_ms, hold);
        // A value is not measured later than it is due by more than one look.
        let look_every_ms = look_every(bake_ms).min(interval.unwrap_or(Millis(u64::MAX)));
        GateSpec { subject, checks, min_bake_ms: min, bake_ms, patience_ms, look_every_ms, early_promotion: judged }
    }

    /// The windows after deployment, one gate for the whole environment each. The observing ones watch after landing and hold nothing back; where
    /// nothing could be looked at, a person is to look.
    pub(super) fn verify(&mut self, name: &EnvironmentName, here: &[(&Site<'_>, &Outline)], needs: Vec<StepId>) -> Vec<StepId> {
        let mut frontier = needs;
        let Some((first, _)) = here.first() else { return frontier };
        for window in &first.environment.verify {
            let owner = self.change.owner.clone().or_else(|| first.owner.clone());
            let mut checks = Vec::new();
            for (site, outline) in here {
                let regions = site.serving_regions();
                checks.extend(self.ceilings(site));
                let thresholds = self.thresholds(site, &regions);
                // What was measured in stages is not waited for again.
                let is_due = |check: &GateCheck| outline.gates().next().is_none() || measured::fits(check, window.length_ms);
                checks.extend(thresholds.into_iter().filter(is_due));
                let watches = if outline.stands_beside() { Watches::Beside } else { Watches::Regular };
                checks.extend(self.probes(site, &regions, usize::MAX, watches));
            }
            if checks.is_empty() {
                self.follow_ups.extend(window.observe.then(|| look_over(name, window, owner)));
                continue;
            }
            let subject = format!("everything changed in {name}, {} window", window.name);
            // What is watched after landing has nobody to wait for: an undecided watch ends with its window.
            let patience = if window.observe { window.length_ms } else { first.environment.hold_limit_ms };
            let spec = self.gate_spec(window.length_ms, window.length_ms, patience, subject, checks, false);
            let spot = Spot { phase: Phase::Verify, wave: 0, stage: 0, region: None, prefix: format!("{name}/verify") };
            let after = if window.observe { " after landing" } else { "" };
            let mut step = self.gate_step(first, &spot, &window.name, format!("Watch {name} for {}{after}", spec.bake_ms), spec);
            (step.item, step.target, step.owner, step.after_landing) = (None, None, owner, window.observe);
            step.needs.clone_from(&frontier);
            let id = self.push(step);
            if !window.observe {
                frontier = vec![id];
            }
        }
        frontier
    }

    /// The judge's checks of a stage in a region, new side against old.
    fn proportions(&mut self, site: &Site<'_>, at: usize, stage: &JudgedStage) -> Vec<GateCheck> {
        let Some((declared, split)) = site.target.signals.as_ref().and_then(|s| s.split.as_ref().map(|split| (s, split))) else {
            return Vec::new();
        };
        let Some(source) = self.source(site.target, site, &[at]) else { return Vec::new() };
        let baseline_hosts = site.regions.get(at).map(|region| concurrent::hosts(region, stage).to_vec()).unwrap_or_default();
        let sides = [true, false].map(|new| side(site, at, split, new, &baseline_hosts));
        let mut checks = Vec::new();
        for signal in signals(site) {
            let sides = match signal {
                Signal::Errors => declared.errors.as_ref().map(|e| sides.each_ref().map(|side| bad_of_total(site, at, side, e))),
                Signal::Slow => declared.slow.as_ref().map(|s| {
                    let native = site.regions.get(at).is_some_and(|region| region.is_native);
                    sides.each_ref().map(|side| {
                        let histogram = narrowed(placed(site, at, &s.histogram), side);
                        CountSelectors::AboveLimit { histogram, limit_ms: s.limit_ms, native }
                    })
                }),
            };
            let Some([canary, baseline]) = sides else { continue };
            let dispersion = site.regions.get(at).map_or(Dispersion::Assumed, |region| self.judge.dispersion(region, signal));
            let (dispersion, dispersion_windows) = match dispersion {
                Dispersion::Assumed => (None, None),
                Dispersion::Stated { phi } => (Some(phi), None),
                Dispersion::Learnt { phi, windows } => (Some(phi), Some(windows)),
            };
            checks.push(GateCheck::Proportion {
                name: signal.name().to_owned(),
                source: source.clone(),
                canary,
                baseline,
                effect: self.judge.verification.effect,
                alpha: self.judge.alpha(),
                dispersion,
                dispersion_windows,
                ceiling: if signal == Signal::Errors { self.ceiling_ratio(site, at) } else { None },
                tolerated: self.tolerated_ratio(site, at, signal),
                baseline_hosts: baseline_hosts.clone(),
            });
        }
        checks
    }

    /// The figures of a stage, new side against old.
    fn values(&self, site: &Site<'_>, at: usize, stage: &JudgedStage) -> Vec<GateCheck> {
        let (Some(split), Some(source)) =
            (site.target.signals.as_ref().and_then(|s| s.split.as_ref()), self.facts.catalog.settings.prometheus.as_ref())
        else {
            return Vec::new();
        };
        let source = CountSource::Prometheus(source.clone());
        let declared = values::declared(site);
        let alpha = self.judge.alpha() * stage.values.judged.len() as f64;
        let check = |one: &JudgedValue| {
            let value = declared.get(one.at)?;
            let [canary, baseline] = [&split.canary, &split.baseline].map(|side| {
                let side = Matcher::equal(&split.label, &filled_query(site, at, side));
                let filled = placeholders(site, at).with("side", side.to_string());
                filled.text(&value.query, &mut Vec::new())
            });
            Some(GateCheck::Values {
                name: value.name.clone(),
                source: source.clone(),
                canary,
                baseline,
                every_ms: value.every_ms,
                margin: value.margin,
                alpha,
                asked: serde_json::to_value(&one.asked).ok()?,
            })
        };
        stage.values.judged.iter().filter_map(check).collect()
    }

    /// The canary config of Kayenta, once for regions whose series are not told apart.
    fn canary_configs(&self, site: &Site<'_>, regions: &[usize]) -> Vec<GateCheck> {
        let (Some(declared), Some(source)) = (measured::canary(site), self.facts.catalog.settings.prometheus.as_ref()) else {
            return Vec::new();
        };
        let mut seen: Vec<Vec<KayentaSeries>> = Vec::new();
        for at in regions {
            let filled = |one: &KayentaSeries| KayentaSeries {
                metric: one.metric.clone(),
                canary: filled_query(site, *at, &one.canary),
                baseline: filled_query(site, *at, &one.baseline),
            };
            let metrics: Vec<KayentaSeries> = declared.metrics.iter().map(filled).collect();
            if !seen.contains(&metrics) {
                seen.push(metrics);
            }
        }
        let check = |metrics: Vec<KayentaSeries>| GateCheck::Kayenta {
            name: format!("canary config {}", declared.name),
            source: CountSource::Prometheus(source.clone()),
            metrics,
            timing: declared.timing.clone(),
            asked: declared.asked.clone(),
        };
        seen.into_iter().map(check).collect()
    }

    /// The bad share under which the new side is accepted where the ratio of both sides stays open, as it does when nothing fails at all:
    /// the sought effect on the share known at plan time, and no more than the objective allows; and if that is less than can be told within hours, what burns its budget no
    /// faster than may be without holding anything.
    fn tolerated_ratio(&self, site: &Site<'_>, at: usize, signal: Signal) -> Option<f64> {
        let known = site.regions.get(at).map_or(0.0, |r| bad_ratio(r, signal).0);
        let budget = self.objective(site).filter(|_| signal == Signal::Errors).map_or(1.0, |o| o.target.rest().as_f64());
        let least = TOLERATED_MIN.min(budget * burn_max(self.facts));
        let tolerated = (self.judge.verification.effect * known).min(budget).max(least);
        (tolerated < 1.0).then_some(tolerated)
    }

    /// The objective that counts bad requests of a site's component.
    fn objective(&self, site: &Site<'_>) -> Option<&Objective> {
        let mut objectives = self.facts.catalog.objectives.iter();
        objectives.find(|o| o.component == site.target.component && matches!(o.indicator, Indicator::Ratio { .. }))
    }

    /// The bad share over which the new side fails in any case: a fast burn of the objective. None where the present share is above it already.
    fn ceiling_ratio(&self, site: &Site<'_>, at: usize) -> Option<f64> {
        let objective = self.objective(site)?;
        let ceiling = CEILING_BURN * objective.target.rest().as_f64();
        let now = site.regions.get(at).and_then(|r| r.errors).unwrap_or_default();
        (ceiling > 0.0 && ceiling < 1.0 && now < ceiling).then_some(ceiling)
    }

    /// The ceilings as thresholds on all traffic, for windows without an old side: one per region, or one for all where the counters do not tell the
    /// regions apart. Only where there is traffic to ask about, and none where the present share is above the ceiling already.
    fn ceilings(&self, site: &Site<'_>) -> Vec<GateCheck> {
        let (Some(errors), Some(prometheus)) = (
            site.target.signals.as_ref().and_then(|s| s.errors.as_ref()).filter(|errors| !errors.total.is_pointer()),
            self.facts.catalog.settings.prometheus.as_ref(),
        ) else {
            return Vec::new();
        };
        let query = |at: usize| {
            let [bad, total] = [&errors.bad, &errors.total].map(|s| placed(site, at, s).to_string());
            // Where Prometheus reads once a minute, which is its default, a minute has no two samples that a rate could be made of.
            let over = |span: &str| format!("(sum(rate({bad}[{span}])) or vector(0)) / sum(rate({total}[{span}]))");
            format!("{} or {}", over("1m"), over("5m"))
        };
        let mut regions_by_query: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for at in site.serving_regions() {
            regions_by_query.entry(query(at)).or_default().push(at);
        }
        let mut checks: Vec<(usize, GateCheck)> = Vec::new();
        let tells_apart = regions_by_query.len() > 1;
        for (query, regions) in regions_by_query {
            let rates: Option<f64> = regions.iter().map(|at| site.regions.get(*at)?.rate).sum();
            let ceilings: Option<Vec<f64>> = regions.iter().map(|at| self.ceiling_ratio(site, *at)).collect();
            let (Some(first), Some(ceiling)) = (regions.first(), ceilings.and_then(|list| list.first().copied())) else { continue };
            if !rates.is_some_and(|rate| rate > 0.0) {
                continue;
            }
            let place = site.regions.get(*first).filter(|_| tells_apart).map_or_else(String::new, |r| format!(" in {}", r.region.name));
            let check = GateCheck::Threshold {
                name: format!("error share of {}{place}", site.target.component),
                source: CountSource::Prometheus(prometheus.clone()),
                query,
                min: None,
                max: Some(ceiling),
                failures_max: CEILING_FAILURES_MAX,
                measured: None,
            };
            checks.push((*first, check));
        }
        checks.sort_by_key(|(first, _)| *first);
        checks.into_iter().map(|(_, check)| check).collect()
    }

    /// The declared thresholds, once per region where they ask about one.
    fn thresholds(&mut self, site: &Site<'_>, regions: &[usize]) -> Vec<GateCheck> {
        let declared = site.target.signals.as_ref().map(|s| s.thresholds.as_slice()).unwrap_or_default();
        let mut checks = Vec::new();
        for threshold in declared {
            let json = site.target.metrics_json.as_ref().filter(|_| threshold.query.starts_with('/'));
            let prometheus = self.facts.catalog.settings.prometheus.as_ref();
            if json.is_none() && prometheus.is_none() {
                self.notes.derive(format!(
                    "{}: the threshold {} is left out, since it asks a Prometheus and none is declared.",
                    site.target.name, threshold.name
                ));
                continue;
            }
            for at in regions {
                let query = new_side_query(site, *at, &threshold.query);
                let Some(source) = json.map(|json| json_at(json, site, *at)).or_else(|| prometheus.cloned().map(CountSource::Prometheus))
                else {
                    continue;
                };
                if checks.iter().any(|c| matches!(c, GateCheck::Threshold { source: s, query: q, .. } if (s, q) == (&source, &query))) {
                    continue;
                }
                checks.push(GateCheck::Threshold {
                    name: threshold.name.clone(),
                    source,
                    query,
                    min: threshold.min,
                    max: threshold.max,
                    failures_max: threshold.failures_max.max(1),
                    measured: threshold.measured.clone(),
                });
            }
        }
        checks
    }

    /// Health of the first `new` hosts of each region, or of what stands for them.
    fn probes(&mut self, site: &Site<'_>, regions: &[usize], new: usize, watches: Watches) -> Option<GateCheck> {
        let kinds = self.kinds;
        let mut list = Vec::new();
        for region in regions.iter().filter_map(|at| site.regions.get(*at)).map(|r| r.region) {
            let serving = if watches == Watches::Standby { &region.standby } else { &region.hosts };
            for host in serving.iter().take(new) {
                list.extend(match watches {
                    Watches::Beside | Watches::Mirror => calls::side_health(site, region, host, kinds, self.notes),
                    Watches::Regular | Watches::Standby => calls::health(site, region, host, kinds, self.notes),
                });
            }
            let mirror = region.share_router().and_then(|router| router.mirror.as_ref()).filter(|_| watches == Watches::Mirror);
            if let Some(check) = mirror.and_then(|mirror| mirror.check.as_ref()) {
                let values = calls::site_values(site).with("region", region.name.as_str());
                list.extend(calls::filled(check, &values, site, "check of a mirror", kinds, self.notes));
            }
        }
        // A target without hosts is asked once, unless its health check is about hosts.
        let about_target = |t: &&ActionTemplate| t.filled(calls::site_values(site).values()).is_ok();
        if let (true, Some(template)) = (site.target.hosts().next().is_none(), site.target.health.as_ref().filter(about_target)) {
            list.extend(calls::filled(template, &calls::site_values(site), site, "health check", kinds, self.notes));
        }
        (!list.is_empty()).then(|| GateCheck::Probe {
            name: format!("health of {}", site.target.component),
            calls: list,
            failures_max: PROBE_FAILURES_MAX,
        })
    }

    /// Where counters of a target are read.
    fn source(&mut self, target: &Target, site: &Site<'_>, regions: &[usize]) -> Option<CountSource> {
        if let Some(json) = &target.metrics_json {
            return Some(json_at(json, site, *regions.first()?));
        }
        let Some(page) = &target.metrics_url else {
            let prometheus = self.facts.catalog.settings.prometheus.as_ref()?;
            return Some(CountSource::Prometheus(prometheus.clone()));
        };
        let mut urls = Vec::new();
        for region in regions.iter().filter_map(|at| site.regions.get(*at)).map(|r| r.region) {
            let mut left = Vec::new();
            urls.extend(region.hosts.iter().map(|host| calls::host_values(site, region, host).text(page, &mut left)));
        }
        let access = target.metrics_access.as_deref().cloned().unwrap_or_default();
        Some(CountSource::Scrape { urls, timeout_ms: SCRAPE_TIMEOUT, access })
    }
}

/// Whether both versions serve during a stage, each by its own share, and can be told apart.
fn has_both_sides(site: &Site<'_>, stage: &StagePath, gate: &StageGate) -> bool {
    matches!(site.change_item.kind, ItemKind::Version { .. })
        && site.from.is_some()
        && stage.share < 1.0
        && matches!(gate.watches, Watches::Regular | Watches::Beside)
}

/// What a person is to do where no check could watch.
fn look_over(name: &EnvironmentName, window: &VerifyWindow, owner: Option<OwnerRef>) -> FollowUp {
    FollowUp {
        title: format!("Look {name} over, {} after landing ({}); nothing watches it", window.length_ms, window.name),
        not_before_ms: window.length_ms,
        command: "glidepath status".to_owned(),
        owner,
        file: None,
    }
}

/// A server that answers JSON, asked for a region.
fn json_at(json: &JsonSource, site: &Site<'_>, at: usize) -> CountSource {
    CountSource::Json(Box::new(json.placed(placeholders(site, at).values())))
}

fn filled_query(site: &Site<'_>, at: usize, query: &str) -> String {
    // PromQL has braces of its own, but never around a single bare word.
    placeholders(site, at).text(query, &mut Vec::new())
}

/// A query of the new side alone, where it says `{side}`.
fn new_side_query(site: &Site<'_>, at: usize, query: &str) -> String {
    let filled = placeholders(site, at);
    let split = site.target.signals.as_ref().and_then(|signals| signals.split.as_ref());
    let filled = match split {
        Some(split) => filled.with("side", Matcher::equal(&split.label, &filled_query(site, at, &split.canary)).to_string()),
        None => filled,
    };
    filled.text(query, &mut Vec::new())
}

fn placeholders(site: &Site<'_>, at: usize) -> Placeholders {
    let values = calls::site_values(site);
    match site.regions.get(at) {
        Some(region) => values.with("region", region.region.name.as_str()),
        None => values,
    }
}

fn placed(site: &Site<'_>, at: usize, selector: &Selector) -> Selector {
    selector.clone().map_values(|value| filled_query(site, at, value))
}

/// The matchers of one side of the split; of the old one where some hosts stand for it, with those.
fn side(site: &Site<'_>, at: usize, split: &Split, new: bool, baseline_hosts: &[HostName]) -> Vec<Matcher> {
    let value = if new { &split.canary } else { &split.baseline };
    let mut matchers = vec![Matcher::equal(&split.label, &filled_query(site, at, value))];
    let hosts = split.host.as_ref().filter(|_| !new && !baseline_hosts.is_empty());
    matchers.extend(hosts.zip(site.regions.get(at)).map(|(label, region)| {
        let value = |host: &HostName| calls::host_values(site, region.region, host).text(&label.value, &mut Vec::new());
        Matcher::any_of(&label.label, &baseline_hosts.iter().map(value).collect::<Vec<_>>())
    }));
    matchers
}

fn narrowed(mut selector: Selector, side: &[Matcher]) -> Selector {
    selector.matchers.extend(side.iter().cloned());
    selector
}

fn bad_of_total(site: &Site<'_>, at: usize, side: &[Matcher], errors: &ErrorRatio) -> CountSelectors {
    let [bad, total] = [&errors.bad, &errors.total].map(|selector| narrowed(placed(site, at, selector), side));
    CountSelectors::BadOfTotal { bad, total }
}
