//! Codes of the planner's diagnostics. Each has a page under `docs/errors/`.

use glidepath_model::Code;

/// Changed components depend on each other in a circle.
pub const CYCLE: Code = Code(250);
/// A component of the change has no target in an environment.
pub const NO_TARGET: Code = Code(251);
/// A component is changed twice in the same way.
pub const CHANGED_TWICE: Code = Code(252);
/// Everything runs already.
pub const RUNS_ALREADY: Code = Code(253);
/// A placeholder has no value at this place.
pub const PLACEHOLDER_LEFT: Code = Code(254);
/// An action does not exist, or its input does not fit.
pub const ACTION_UNFIT: Code = Code(255);
/// A target does not declare what the item needs.
pub const TARGET_CANNOT: Code = Code(256);
/// A strategy asked for cannot be used here.
pub const STRATEGY_UNFIT: Code = Code(257);
/// No strategy fits.
pub const NO_STRATEGY: Code = Code(258);
/// No candidate keeps within the change's limits.
pub const LIMITS_BROKEN: Code = Code(259);
/// A fact that the plan rests on is missing.
pub const FACT_MISSING: Code = Code(260);
/// A fact that the plan rests on is stale.
pub const FACT_STALE: Code = Code(261);
/// Another version runs than the change expects.
pub const OTHER_VERSION: Code = Code(262);
/// Several versions run side by side now.
pub const MIXED_VERSIONS: Code = Code(263);
/// No figures to judge by: health checks only.
pub const HEALTH_ONLY: Code = Code(264);
/// A target is held by a live run.
pub const HELD: Code = Code(265);
/// An environment is not declared.
pub const NO_ENVIRONMENT: Code = Code(266);
/// The plan has more steps than are handled.
pub const TOO_MANY_STEPS: Code = Code(267);
/// A host is ill before anything is changed.
pub const HOST_ILL: Code = Code(268);
/// A router does not answer or does not know its hosts.
pub const ROUTER_DOWN: Code = Code(269);
/// The version that runs now is not known, so that nothing can go back to it.
pub const FROM_UNKNOWN: Code = Code(270);
/// A step that another one names is not in the runbook.
pub const UNKNOWN_STEP: Code = Code(271);
/// Steps of a runbook need each other in a circle.
pub const STEP_CYCLE: Code = Code(272);
/// Two steps of a runbook have one name.
pub const STEP_TWICE: Code = Code(273);
/// A condition asks a step that need not be behind.
pub const CONDITION_TOO_EARLY: Code = Code(274);
/// A condition asks for an output that the step does not give.
pub const UNKNOWN_OUTPUT: Code = Code(275);
/// A condition compares what cannot be compared.
pub const CANNOT_COMPARE: Code = Code(276);
/// A runbook has no steps.
pub const NO_STEPS: Code = Code(277);
/// A plan that a step flies is not stored.
pub const CHILD_PLAN_UNKNOWN: Code = Code(278);
/// More units of a resource are wanted than there are.
pub const LOCKS_TOO_MANY: Code = Code(279);
/// A step names a target that is not declared.
pub const UNKNOWN_TARGET: Code = Code(280);
/// Steps of a runbook expect unlike outputs of one event.
pub const EVENTS_UNLIKE: Code = Code(281);
/// A statement does not belong into its half of a schema change.
pub const STATEMENT_UNFIT: Code = Code(282);
/// Whoever uses the data of a contract may still need what it takes away.
pub const READER_OLD: Code = Code(283);
/// The calendars leave no landing before the deadline.
pub const NO_WINDOW_BEFORE_DEADLINE: Code = Code(284);
/// Limits that could each be kept alone cannot be kept together.
pub const LIMITS_CONFLICT: Code = Code(286);
/// What a data step does could not be read.
pub const STATEMENT_UNREAD: Code = Code(288);
/// An error budget asks for more care than the plan takes.
pub const BUDGET_ASKS: Code = Code(290);
/// A failure rule can leave a consumer on an interface that its provider has removed.
pub const LEFT_WITHOUT_PROVIDER: Code = Code(285);
/// A version is a tag, which can be pushed again.
pub const TAG_MOVES: Code = Code(293);
/// A failover may lose writes.
pub const WRITES_LOST: Code = Code(292);
/// The change that a contract completes has not landed, or not long enough ago.
pub const CONTRACT_EARLY: Code = Code(294);
/// A statement keeps others waiting for longer than is allowed.
pub const LOCK_LONG: Code = Code(295);

/// A class is claimed that is not the owner's to claim.
pub const CLASS_NOT_THEIRS: Code = Code(297);
/// An intent is claimed that is not the owner's to claim.
pub const INTENT_NOT_THEIRS: Code = Code(298);
/// Nothing tells success from failure.
pub const NO_SIGNAL: Code = Code(300);
/// A step has no way back.
pub const NO_UNDO: Code = Code(301);
/// Nobody answers for a component.
pub const NO_OWNER: Code = Code(302);
/// A stage cannot see the effect it is to see.
pub const STAGE_BLIND: Code = Code(303);
/// The change is large.
pub const TOO_LARGE: Code = Code(304);
/// A start is not allowed at the time of the plan.
pub const OUTSIDE_WINDOW: Code = Code(305);
/// A data step has no backup before it.
pub const NO_BACKUP: Code = Code(306);
/// Traffic would come before capacity.
pub const TRAFFIC_FIRST: Code = Code(307);
/// A plan rests on stale facts by permission.
pub const STALE_ACCEPTED: Code = Code(308);
/// A target has no telemetry.
pub const NO_TELEMETRY: Code = Code(309);
/// An unknown outcome would wait for a person.
pub const UNKNOWN_ASKS: Code = Code(310);
/// Nobody is to remove a flag.
pub const FLAG_STAYS: Code = Code(311);
/// One region takes everything at once.
pub const ALL_EGGS: Code = Code(312);
/// Nobody can be reached.
pub const NO_ON_CALL: Code = Code(313);
/// The way back has never been walked.
pub const UNDO_UNTRIED: Code = Code(314);
/// An artifact is not pinned.
pub const ARTIFACT_MUTABLE: Code = Code(315);
/// Paired regions change together.
pub const PAIR_TOGETHER: Code = Code(316);
/// Exposure may not be held as long as it is watched.
pub const HOLD_SHORT: Code = Code(317);
/// The error budget is low or spent.
pub const BUDGET_LOW: Code = Code(318);
/// A step is one-way.
pub const ONE_WAY: Code = Code(319);
/// A deadline is shorter than what it is for.
pub const DEADLINE_SHORT: Code = Code(320);
/// A fan-out tolerates that all its elements fail.
pub const ALL_MAY_FAIL: Code = Code(321);
/// The flight is expected to outlast the window that it starts in.
pub const OUTLASTS_WINDOW: Code = Code(322);
/// A freeze is expected to begin in mid-flight.
pub const FREEZE_IN_FLIGHT: Code = Code(323);
/// A data step cannot be run a second time.
pub const NOT_REPEATABLE: Code = Code(324);
/// A statement locks a table for as long as the table is large, and how large it is is not known.
pub const LOCK_UNKNOWN: Code = Code(325);
/// A one-way step rests on a backup that was never restored in a test.
pub const RESTORE_UNTESTED: Code = Code(326);
/// An environment is unlike the next one.
pub const ENVIRONMENTS_UNLIKE: Code = Code(327);
/// An artifact goes into an environment and never ran in the one before.
pub const NEVER_RAN_BEFORE: Code = Code(328);
/// A start late in the week.
pub const LATE_IN_WEEK: Code = Code(329);
/// Gates look only after a step that cannot be undone.
pub const ONE_WAY_EARLY: Code = Code(330);
/// A secret stands in the plan in clear.
pub const SECRET_OPEN: Code = Code(331);
/// A request that is not repeatable by its method is repeated.
pub const POST_REPEATED: Code = Code(332);
/// A version is lower than the one that runs.
pub const VERSION_BACK: Code = Code(333);
/// Safe traffic takes long.
pub const SAFETY_SLOW: Code = Code(334);
/// An important component has no objective.
pub const NO_OBJECTIVE: Code = Code(335);
/// Many earlier runs did not land.
pub const RECORD_BAD: Code = Code(336);
/// An interface breaks whose callers are not in the change.
pub const CALLERS_LEFT_OUT: Code = Code(337);
/// One failure spends what is left of the error budget.
pub const FAILURE_SPENDS_BUDGET: Code = Code(338);
/// Nobody is told when a run needs somebody.
pub const NOBODY_TOLD: Code = Code(339);
/// A component fails its objective already.
pub const FAILS_ALREADY: Code = Code(340);
/// What depends on the change has no owner.
pub const DEPENDANT_UNOWNED: Code = Code(341);
/// A dependency is ill.
pub const DEPENDENCY_ILL: Code = Code(342);
/// Exposure waits for a person longer than it may be held.
pub const EXPOSED_WAIT: Code = Code(343);
/// An important component has no links.
pub const NO_LINKS: Code = Code(344);
/// The last run of a component has hardly ended.
pub const BACK_TO_BACK: Code = Code(345);
/// One bad look fails a gate.
pub const GATE_JUMPY: Code = Code(346);
/// A flight is longer than a working day.
pub const LONG_FLIGHT: Code = Code(347);
/// What cannot be undone may follow before the change has been watched.
pub const FOLLOW_UP_EARLY: Code = Code(348);
/// Hosts have little to spare while one is out.
pub const HEADROOM_THIN: Code = Code(349);
/// An attempt has less time than it usually takes.
pub const TIMEOUT_SHORT: Code = Code(350);
/// A step is ended before it is usually done.
pub const STEP_CUT: Code = Code(358);
/// Extra capacity is wanted until a time before the plan lands.
pub const CAPACITY_GONE: Code = Code(360);
/// A declared traffic is far from what counters say.
pub const TRAFFIC_DECLARED: Code = Code(361);
/// A backfill rests so long between its batches that few of them fit into its time.
pub const BATCHES_FEW: Code = Code(367);
/// How many batches a backfill has, and so how long it takes, is not known.
pub const BACKFILL_UNTIMED: Code = Code(369);
/// The change is unlikely to land.
pub const LANDS_RARELY: Code = Code(359);
/// An undo is ended before it may be done.
pub const UNDO_CUT: Code = Code(355);
/// An undo names the new version alone.
pub const UNDO_GOES_FORWARD: Code = Code(356);
/// A secret's reader is not in its rotation.
pub const READER_LEFT_OUT: Code = Code(357);
/// Two versions run side by side while hosts are restarted.
pub const VERSIONS_BESIDE: Code = Code(362);
/// Nothing reads the share of a flag.
pub const FLAG_UNREAD: Code = Code(363);
/// Hosts are given one and the same command.
pub const HOSTS_ALIKE: Code = Code(364);
/// A deploy is the same for each version.
pub const VERSION_UNNAMED: Code = Code(365);
/// An hour to come has much less traffic than the one of the take-off.
pub const QUIETER_HOUR: Code = Code(366);

/// Servers of a router that have no one weight.
pub const WEIGHTS_UNEQUAL: Code = Code(296);

/// A figure is compared in no stage.
pub const VALUE_UNCOMPARED: Code = Code(370);
/// A condition of a threshold cannot be read.
pub const CONDITION_UNREADABLE: Code = Code(371);
/// A threshold that no value could pass.
pub const THRESHOLD_NEVER_PASSES: Code = Code(372);
/// A threshold that no value could turn a change back by.
pub const THRESHOLD_NEVER_FAILS: Code = Code(373);
/// A threshold that takes longer to be measured than a stage may last.
pub const THRESHOLD_TOO_LONG: Code = Code(374);
/// A threshold that nothing can be asked for.
pub const THRESHOLD_UNASKED: Code = Code(375);

/// What the files say of a plan's targets is not what it was made from.
pub const DECLARED_OTHERWISE: Code = Code(351);
/// Hosts are not as they were when the plan was made.
pub const HOSTS_OTHERWISE: Code = Code(352);
/// There is too little traffic for the plan's gates, or none can be read.
pub const TRAFFIC_OTHERWISE: Code = Code(353);
/// There is more traffic than the hosts carry that go on serving in the plan's batches.
pub const CAPACITY_OTHERWISE: Code = Code(368);
/// A budget was spent after the plan was made.
pub const BUDGET_SPENT_SINCE: Code = Code(354);
