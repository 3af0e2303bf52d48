//! What a call does to the account, and what it is answered: the fakes' own semantics, and where a mutation bends them.

use jiff::Timestamp;
use serin_core::{
    claim::{Change, Claim, Guard, Phase},
    percent::Percent,
    stage::{self, CanaryView, Patch, StageView},
    switch::Switch,
    timing::{FREE_AFTER, SWITCH_HEEDS, SWITCH_PRECISION, later},
};
use serin_steps::{
    fakes::Account,
    ports::{CallError, Called, Written},
};

use crate::{
    bound::Bound,
    call::{Answer, Call, Reply},
    mutation::Mutation,
    replay::Function,
    scene::{self, Which},
};

/// Who makes a call, and what it has been told so far.
#[derive(Clone, Copy, Debug)]
pub struct Caller<'a> {
    /// The step.
    pub function: Function,
    /// What it was invoked with.
    pub input: &'a serde_json::Value,
    /// The answers so far.
    pub answers: &'a [Answer],
}

impl Caller<'_> {
    /// The stage as it was last told.
    fn last_view(&self) -> Option<&StageView> {
        self.answers.iter().rev().find_map(|answer| match answer {
            Ok(Reply::View(view)) => Some(view),
            _ => None,
        })
    }

    fn was_told_a_story(&self) -> bool {
        let made_up = |view: &StageView| view.canary.as_ref().is_some_and(|canary| canary.use_stage_cache);
        let told = |answer: &Answer| matches!(answer, Ok(Reply::View(view)) if made_up(view));
        self.answers.iter().any(told)
    }

    fn goes_back(&self) -> bool {
        matches!(self.function, Function::Rollback | Function::Sweep)
    }

    fn share(&self) -> Option<Percent> {
        serde_json::from_value(self.input.pointer("/progress/percent")?.clone()).ok()
    }

    /// How often the share was set again because somebody had changed it.
    fn restarts(&self) -> u64 {
        self.input
            .pointer("/progress/restarts")
            .and_then(serde_json::Value::as_u64)
            .unwrap_or_default()
    }

    fn rollout(&self) -> Option<Which> {
        let name = self.input.get("rolloutId")?.as_str()?;
        scene::NAMES.iter().position(|known| *known == name)
    }
}

/// Answers a call that changes nothing; `None` where it does.
#[must_use]
pub fn look(account: &Account, call: &Call) -> Option<Reply> {
    let deployments = || scene::deployments(account);
    Some(match call {
        Call::ApiName => "shop".to_owned().into(),
        Call::Stage => scene::stage(account).clone().into(),
        Call::Described(description) => {
            let found = deployments().iter().find(|(_, text)| *text == description);
            found.map(|(id, _)| id.clone()).into()
        }
        Call::HasDeployment(id) => deployments().contains_key(id).into(),
        Call::Read => scene::claim(account).cloned().into(),
        Call::GuardedBy(alarm) => account.guarded_by(alarm).into(),
        Call::StageOf(rollout) => account.rollouts.get(rollout).cloned().into(),
        Call::Watched => account.watched.iter().cloned().collect::<Vec<_>>().into(),
        Call::Record => ().into(),
        Call::Alarms(names) => account
            .readings(&serin_core::alarm::AlarmKind::ALL, |name| {
                names.iter().any(|known| known == name)
            })
            .into(),
        Call::Status(execution) => account.status(execution).into(),
        Call::Update(_)
        | Call::CreateDeployment(_)
        | Call::Take(..)
        | Call::Change(..)
        | Call::GiveBack(_)
        | Call::Unwatch(_)
        | Call::Arm(..)
        | Call::Push(..)
        | Call::Disarm(_) => return None,
    })
}

/// Carries out a call as AWS does.
pub fn perform(account: &mut Account, call: &Call) -> Answer {
    if let Some(reply) = look(account, call) {
        return Ok(reply);
    }
    let id = scene::stage_id();
    let reply: Reply = match call {
        Call::Update(patches) => update(account, patches)?.into(),
        Call::CreateDeployment(description) => scene::api(account).create_deployment(description, None, None)?.into(),
        Call::Take(claim, now) => account.take(claim, *now).into(),
        Call::Change(guard, change) => account.change(&id, guard, change).into(),
        Call::GiveBack(guard) => account.give_back(&id, guard).into(),
        Call::Unwatch(rollout) => {
            account.unwatch(&id, rollout);
            ().into()
        }
        Call::Arm(rollout, at) => {
            account.arm(rollout, &id, *at);
            ().into()
        }
        Call::Push(rollout, at) => account.push(rollout, *at)?.into(),
        Call::Disarm(rollout) => {
            account.disarm(rollout);
            ().into()
        }
        other => panic!("{other} changes nothing"),
    };
    Ok(reply)
}

fn update(account: &mut Account, patches: &[Patch]) -> Called<StageView> {
    let operations: Vec<_> = patches.iter().map(Patch::operation).collect();
    scene::api(account).update_stage(&scene::stage_id().stage_name, &operations)
}

/// Carries out a call as if a line of the protocol were missing.
pub fn perform_without(
    line: Option<Mutation>,
    account: &mut Account,
    call: &Call,
    caller: Caller<'_>,
    bound: &Bound,
) -> Answer {
    match line {
        None => perform(account, call),
        Some(line) => bent_call(line, account, call, caller, bound)
            .or_else(|| bent_claim(line, account, call, caller))
            .or_else(|| bent_switch(line, account, call, caller))
            .or_else(|| bent_promotion(line, account, call, caller, bound))
            .unwrap_or_else(|| bent_answer(line, account, call, caller, bound)),
    }
}

/// Lines about the stage.
fn bent_call(line: Mutation, account: &mut Account, call: &Call, caller: Caller<'_>, bound: &Bound) -> Option<Answer> {
    let blind = caller.last_view().is_none();
    match (line, call) {
        (Mutation::PercentZeroFirst, Call::Update(patches))
            if caller.goes_back() && blind && *patches == [Patch::RemoveCanary] =>
        {
            Some(perform(
                account,
                &Call::Update(vec![Patch::CanaryPercent(Percent::ZERO)]),
            ))
        }
        (Mutation::AnswerNotJudged, Call::Update(patches))
            if caller.goes_back() && blind && *patches == [Patch::RemoveCanary] =>
        {
            let _ = perform(account, call);
            Some(Ok(scene::stage(&scene::account(bound)).clone().into()))
        }
        (Mutation::RestoreAllVariables, Call::Update(patches))
            if patches.iter().any(|patch| matches!(patch, Patch::Deployment(_))) =>
        {
            let mut patches = patches.clone();
            patches.push(Patch::Variable(scene::OTHER.to_owned(), "1".to_owned()));
            Some(perform(account, &Call::Update(patches)))
        }
        _ => None,
    }
}

/// Lines about the claim.
fn bent_claim(line: Mutation, account: &mut Account, call: &Call, caller: Caller<'_>) -> Option<Answer> {
    match (line, call) {
        (Mutation::ClaimChangesLast, Call::Change(guard, change)) if caller.goes_back() => {
            Some(changed_last(account, guard, change))
        }
        (Mutation::NotLeftToItsCall, Call::Change(_, change))
            if caller.goes_back() && change.phase == Some(Phase::RollingBack) =>
        {
            let mut answer = perform(account, call);
            if let Ok(Reply::Written(Written::Lost(Some(claim)))) = &mut answer {
                claim.next_beat_by = Timestamp::MIN;
            }
            Some(answer)
        }
        (Mutation::NoDrain, Call::Take(claim, now)) => {
            Some(perform(account, &Call::Take(claim.clone(), later(*now, FREE_AFTER))))
        }
        (Mutation::ClaimsAgain, Call::Take(claim, _)) => {
            account.rollouts.remove(&claim.rollout_id);
            Some(perform(account, call))
        }
        (Mutation::SweepIgnoresEnded, Call::Read) if caller.function == Function::Sweep => {
            let ended = |claim: &&Claim| !claim.phase.is_terminal();
            Some(Ok(scene::claim(account).filter(ended).cloned().into()))
        }
        (Mutation::SweepDoesNotRestore, Call::Read) if caller.function == Function::Sweep => {
            let kept = |claim: &&Claim| claim.phase != Phase::RolledBack;
            Some(Ok(scene::claim(account).filter(kept).cloned().into()))
        }
        (Mutation::NoWriteAfterAdvance, Call::Change(_, change)) if caller.function == Function::Advance => {
            let claim = caller.answers.iter().find_map(|answer| answer.as_ref().ok()?.claim())?;
            Some(Ok(Written::Done(Box::new(change.apply(claim))).into()))
        }
        _ => None,
    }
}

fn changed_last(account: &mut Account, guard: &Guard, change: &Change) -> Answer {
    let mut guard = guard.clone();
    let old = scene::claim(account).cloned();
    if change.phase == Some(Phase::RollingBack) {
        let written = match old {
            Some(old) if guard.admits(&old) => Written::Done(Box::new(change.apply(&old))),
            old => Written::Lost(old.map(Box::new)),
        };
        return Ok(written.into());
    }
    guard.phases.extend(Phase::ACTIVE);
    perform(account, &Call::Change(Box::new(guard), Box::new(change.clone())))
}

/// Lines about the dead man's switch.
fn bent_switch(line: Mutation, account: &mut Account, call: &Call, caller: Caller<'_>) -> Option<Answer> {
    match (line, call) {
        (Mutation::NoSwitch, Call::Arm(..)) => Some(Ok(().into())),
        (Mutation::NoLastDisarm, Call::Disarm(_))
            if caller.function == Function::Sweep
                && scene::claim(account).is_some_and(|claim| claim.phase.is_terminal()) =>
        {
            Some(Ok(().into()))
        }
        (Mutation::PushMakes, Call::Push(rollout, at)) => {
            account.arm(rollout, &scene::stage_id(), *at);
            Some(Ok(().into()))
        }
        (Mutation::SwitchNotRecorded, Call::Change(guard, change)) if caller.function == Function::Begin => {
            let silent = change.switch.map(|_| Switch::Silent);
            let change = Change {
                switch: silent,
                ..(**change).clone()
            };
            let answer = perform(account, &Call::Change(guard.clone(), Box::new(change)));
            Some(answer)
        }
        (Mutation::DrainEndsUnseen, Call::Change(guard, change)) if change.phase.is_none() => {
            let change = Change {
                ended_at: None,
                ..(**change).clone()
            };
            Some(perform(account, &Call::Change(guard.clone(), Box::new(change))))
        }
        (Mutation::LateCutForgotten, Call::Take(claim, _)) => {
            taken_over(account, call, claim, |switch| matches!(switch, Switch::Cut(_)))
        }
        (Mutation::ArmedNotWaitedFor, Call::Take(claim, _)) => {
            taken_over(account, call, claim, |switch| matches!(switch, Switch::Armed(_)))
        }
        (Mutation::FiredIsSetAgain, Call::Read) if caller.function == Function::Evaluate => {
            let mut claim = scene::claim(account).cloned();
            if let Some(claim) = &mut claim
                && let Switch::Armed(at) = claim.switch
            {
                // Late enough not to have fired, and soon enough to be pushed.
                claim.switch = Switch::Armed(later(at, SWITCH_PRECISION + SWITCH_HEEDS + SWITCH_HEEDS));
            }
            Some(Ok(claim.into()))
        }
        _ => None,
    }
}

/// A claim is taken although the switch of the rollout before is so.
fn taken_over(account: &mut Account, call: &Call, claim: &Claim, forgotten: fn(Switch) -> bool) -> Option<Answer> {
    let before = account.claims.get(&claim.stage)?.switch;
    if forgotten(before) && scene::claim(account)?.phase.is_terminal() {
        account.claims.get_mut(&claim.stage)?.switch = Switch::Silent;
    }
    let answer = perform(account, call);
    if answer == Ok(Reply::Truth(false)) {
        account.claims.get_mut(&claim.stage)?.switch = before;
    }
    Some(answer)
}

/// Lines about the promotion.
fn bent_promotion(
    line: Mutation,
    account: &mut Account,
    call: &Call,
    caller: Caller<'_>,
    bound: &Bound,
) -> Option<Answer> {
    if caller.function != Function::Promote {
        return None;
    }
    let target = scene::target(caller.rollout()?, bound);
    // A canary that shares the cache is never asked for here: it marks an answer that was made up.
    let ours = || {
        let mut view = scene::stage(&scene::account(bound)).clone();
        view.canary = Some(CanaryView {
            deployment_id: target.deployment_id.clone(),
            percent: caller.share().unwrap_or_default(),
            overrides: target.stage_variable_overrides.clone(),
            use_stage_cache: true,
        });
        view
    };
    let copies = |patches: &[Patch]| patches.contains(&Patch::CopyCanaryDeployment);
    match (line, call) {
        (Mutation::NoLookBeforeCopy, Call::Stage) if caller.last_view().is_none() => Some(Ok(ours().into())),
        (Mutation::UndoAlways, Call::Stage)
            if caller.last_view().is_none() && scene::stage(account).is_promoted(&target) =>
        {
            Some(Ok(ours().into()))
        }
        (Mutation::UndoAlways, Call::Update(patches))
            if !copies(patches)
                && caller.was_told_a_story()
                && caller.last_view().is_some_and(|view| !view.is_promoted(&target)) =>
        {
            let now = scene::stage(account).clone();
            let mut before = now.clone();
            before.deployment_id = target.deployment_id.clone();
            before.variables.extend(target.stage_variable_overrides.clone());
            Some(perform(account, &Call::Update(stage::put_back(&now, &before))))
        }
        (Mutation::NoUndo, Call::Update(patches))
            if !copies(patches) && caller.last_view().is_some_and(|view| !view.is_promoted(&target)) =>
        {
            Some(perform(account, &Call::Stage))
        }
        (Mutation::RecipeAlways, Call::Update(patches)) if copies(patches) => {
            let recipe = stage::promote_as_documented(&target);
            Some(perform(account, &Call::Update(recipe)))
        }
        _ => None,
    }
}

/// Lines about what is seen.
fn bent_answer(line: Mutation, account: &mut Account, call: &Call, caller: Caller<'_>, bound: &Bound) -> Answer {
    let seen = || scene::stage(account).clone();
    match (line, call, caller.function) {
        (Mutation::LookBeforeClaim, Call::ApiName, Function::Begin) if seen().canary.is_none() => {
            let view = seen();
            return Ok(format!("shop|{}|{}", view.deployment_id, view.variables["alias"]).into());
        }
        (Mutation::LookBeforeClaim, Call::Stage, Function::Begin) => return Ok(seen_before(seen(), caller).into()),
        (Mutation::AlarmsBeforeClaim, Call::Alarms(_), Function::Begin) => {
            let before = |answer: &&Answer| matches!(answer, Ok(Reply::Alarms(_)));
            if let Some(answer) = caller.answers.iter().find(before) {
                return answer.clone();
            }
        }
        _ => {}
    }
    let mut answer = perform(account, call);
    if let Ok(Reply::View(view)) = &mut answer {
        match line {
            Mutation::NarrowOurs => hide_unlike_ours(view, bound),
            Mutation::OursWhateverItOverrides if caller.goes_back() => take_for_ours(view, bound),
            Mutation::DriftIgnoresOverrides if caller.function == Function::Evaluate => take_for_ours(view, bound),
            Mutation::DriftIgnoresShare if caller.function == Function::Evaluate => as_expected(view, caller),
            Mutation::DriftSeenOnce if caller.function == Function::Evaluate && caller.restarts() > 0 => {
                as_expected(view, caller);
            }
            _ => {}
        }
    }
    answer
}

fn seen_before(mut view: StageView, caller: Caller<'_>) -> StageView {
    let name = caller.answers.iter().find_map(|answer| match answer {
        Ok(Reply::Text(name)) => Some(name.clone()),
        _ => None,
    });
    if let Some((deployment, alias)) = name
        .as_deref()
        .and_then(|name| name.strip_prefix("shop|")?.split_once('|'))
    {
        view.deployment_id = deployment.into();
        view.variables.insert("alias".to_owned(), alias.to_owned());
        view.canary = None;
    }
    view
}

fn hide_unlike_ours(view: &mut StageView, bound: &Bound) {
    let exact = (0..2).any(|which| view.has_ours(&scene::target(which, bound)));
    let half = (0..2).any(|which| view.has_removable(&scene::target(which, bound)));
    if half && !exact {
        view.canary = None;
    }
}

/// The overrides of a canary of a rollout's deployment are not looked at.
fn take_for_ours(view: &mut StageView, bound: &Bound) {
    let Some(canary) = &mut view.canary else { return };
    let mut targets = (0..2).map(|which| scene::target(which, bound));
    if let Some(target) = targets.find(|target| target.deployment_id == canary.deployment_id) {
        canary.overrides = target.stage_variable_overrides;
    }
}

/// Nor is its share.
fn as_expected(view: &mut StageView, caller: Caller<'_>) {
    if let (Some(canary), Some(share)) = (&mut view.canary, caller.share()) {
        canary.percent = share;
    }
}

/// The call did nothing, because there were too many or somebody else was changing the same thing.
pub fn refusal(throttled: bool) -> Answer {
    Err(if throttled {
        CallError::Throttled("too many calls".to_owned())
    } else {
        CallError::Unavailable("a conflict, or no connection".to_owned())
    })
}

/// The call happened, and its answer was lost.
pub fn loss() -> Answer {
    Err(CallError::Unavailable("the answer was lost".to_owned()))
}
