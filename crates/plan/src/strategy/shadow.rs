//! Shadow: the new side is sent a copy of the reads before anybody is answered by it, then it gets its share as a canary does.
//!
//! What is mirrored happens twice. So a router is told the methods and paths that may be, methods are safe ones by their form, and the paths are
//! those that the target vouches for. The old side's figures are no yardstick, because they count everything and the mirror only some: what
//! decides are the new side's own figures. A mirror exposes nobody, but it costs what reads cost; so it begins with a small share of them.

use super::{Ask, Extra, Method, Shortfall, beside};
use crate::durations::Kind;
use crate::lower::Lowering;
use crate::outline::{Outline, Route, StageGate, StagePath, Watches, plain_gate};
use crate::site::{Site, SiteRegion, names};
use glidepath_model::catalog::{Infrastructure, Mirror};
use glidepath_model::facts::Facts;
use glidepath_model::ids::StepId;
use glidepath_model::plan::Strategy;
use glidepath_model::{Share, Timestamp};

/// The new side is sent a copy of the reads first.
pub(super) struct Shadow;

impl Method for Shadow {
    fn fits(&self, ask: &Ask<'_>) -> bool {
        ask.site.regions.iter().any(|region| mirror(region).is_some())
    }

    fn outline(&self, ask: &Ask<'_>) -> Result<Outline, Shortfall> {
        let site = ask.site;
        let mirror = possible(site, ask.facts)?;
        let mut outline = match ask.ladder {
            Ok(ladder) => beside::judged(Strategy::Shadow, site, ladder)?,
            Err(_) => beside::by_steps(Strategy::Shadow, site)?,
        };
        for path in outline.waves.iter_mut().take(1).flatten() {
            let Some(router) = path.region.and_then(|at| site.regions.get(at)).and_then(|region| region.region.share_router()) else {
                continue;
            };
            let small = beside::first_share(site, router).unwrap_or(Share::ALL);
            let gate = StageGate { watches: Watches::Mirror, ..plain_gate(site) };
            let mut stages: Vec<StagePath> = [small, Share::ALL].map(|share| of_mirror(share, Some(gate.clone()))).into();
            stages.dedup_by(|second, first| second.route == first.route);
            stages.push(of_mirror(Share::ZERO, None));
            if let (Some(first), Some(shared)) = (stages.first_mut(), path.stages.first_mut()) {
                first.batches = std::mem::take(&mut shared.batches);
            }
            stages.append(&mut path.stages);
            path.stages = stages;
        }
        outline.blind_to = outline.blind_to.map(|blind| format!("{blind}, and under the mirror to writes and other paths"));
        outline.derived.push(format!(
            "{}: the mirror repeats {} below {} on the new side, whose answers nobody sees; everything else meets it with its first share.",
            site.target.name,
            mirror.methods.join(" and "),
            names(&mirror.paths)
        ));
        Ok(outline)
    }

    fn lower(&self, to: &mut Lowering<'_>, site: &Site<'_>, outline: &Outline, waves_before: u32, needs: Vec<StepId>) -> Vec<StepId> {
        beside::lower(to, site, outline, waves_before, needs)
    }

    /// What is mirrored is served twice, by functions as well.
    fn extra(&self, site: &Site<'_>, outline: &Outline, _now: Timestamp) -> Extra {
        match site.target.infrastructure {
            Infrastructure::Serverless => Extra::NotKnown,
            _ => beside::extra(site, outline),
        }
    }
}

fn of_mirror(share: Share, gate: Option<StageGate>) -> StagePath {
    StagePath { route: Route::Mirror(share), ..StagePath::of_calls(0.0, vec![Kind::Shift], gate) }
}

fn mirror<'a>(region: &SiteRegion<'a>) -> Option<&'a Mirror> {
    region.region.share_router().and_then(|router| router.mirror.as_ref())
}

/// The mirror of the first region, where every one has one and something looks at what it shows.
fn possible<'a>(site: &Site<'a>, facts: &Facts) -> Result<&'a Mirror, Shortfall> {
    let name = &site.target.name;
    if let Some(region) = site.regions.iter().find(|region| mirror(region).is_none()) {
        let place = &region.region.name;
        return Err(
            Shortfall::new(format!("the router of {name} in {place} cannot mirror")).unless(format!("router.share.mirror on {name}"))
        );
    }
    let Some(first) = site.regions.first().and_then(mirror) else {
        return Err(
            Shortfall::new(format!("{name} has no region whose router could mirror")).unless(format!("router.share.mirror on {name}"))
        );
    };
    let copied = || site.regions.iter().filter_map(mirror);
    if let Some(method) = copied().flat_map(|mirror| &mirror.methods).find(|method| !Mirror::SAFE_METHODS.contains(&method.as_str())) {
        let safe = Mirror::SAFE_METHODS.join(", ");
        return Err(Shortfall::new(format!("{name} would mirror {method}, which may change something, and it would happen twice"))
            .unless(format!("no methods but {safe} in router.share.mirror of {name}")));
    }
    if copied().any(|mirror| mirror.methods.is_empty() || mirror.paths.is_empty()) {
        return Err(Shortfall::new(format!("nothing says which reads of {name} may be mirrored"))
            .unless(format!("methods and paths in router.share.mirror of {name}")));
    }
    let asks = |query: &str| ["{version}", "{side}"].iter().any(|new| query.contains(new)) && facts.catalog.settings.prometheus.is_some();
    let own_figures = site.target.signals.iter().flat_map(|signals| &signals.thresholds).any(|one| asks(&one.query));
    if !own_figures && site.regions.iter().any(|region| mirror(region).is_none_or(|mirror| mirror.check.is_none())) {
        return Err(Shortfall::new(format!("nothing of {name} tells how the new side answers what is mirrored to it"))
            .unless("router.share.mirror.check, or a threshold that asks a Prometheus about {version}"));
    }
    Ok(first)
}
