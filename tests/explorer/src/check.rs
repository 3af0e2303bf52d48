//! The invariants of Serin, and what is counted against vacuity.

use serde_json::{Value, json};
use serin_core::{
    claim::{Change, Phase},
    stage::{CanaryTarget, Patch, StageView},
    switch::Switch,
    timing::{SWEEP_PERIOD_SECONDS, WRITE_WINDOW},
};
use serin_steps::{StepError, fakes::Account};

use crate::{
    action::Fate,
    bound::Bound,
    call::{Answer, Call, Reply},
    histories::{Node, Root, Who, won},
    replay::{Function, Next},
    scene::{self, FOREIGN, OTHER},
    sometimes::Sometimes,
    state::{Process, State, Watch},
};

/// How often each was reached.
pub type Counts = [u64; Sometimes::ALL.len()];

/// A call that was made, with all that is to be judged about it.
pub struct Made<'a> {
    /// The search.
    pub bound: &'a Bound,
    /// What each rollout brings.
    pub targets: &'a [CanaryTarget; 2],
    /// By whom.
    pub process: Process,
    /// By what.
    pub root: &'a Root,
    /// After what.
    pub node: &'a Node,
    /// The call.
    pub call: &'a Call,
    /// Its answer, which may be lost.
    pub answer: &'a Answer,
    /// What came of it.
    pub fate: Fate,
    /// The account before.
    pub before: &'a Account,
    /// The account afterwards.
    pub after: &'a Account,
}

impl Made<'_> {
    fn goes_back(&self) -> bool {
        matches!(self.root.function, Function::Rollback | Function::Sweep)
    }

    fn is_blind(&self) -> bool {
        self.goes_back() && !self.node.looked
    }

    fn phase(&self) -> Option<Phase> {
        scene::claim(self.before).map(|claim| claim.phase)
    }

    fn change(&self) -> Option<&Change> {
        match self.call {
            Call::Change(_, change) if won(self.answer) => Some(change),
            _ => None,
        }
    }

    /// Judges it, and remembers what has to be.
    ///
    /// # Errors
    /// The invariant that it breaks.
    pub fn judge(&self, watch: &mut Watch, counts: &mut Counts) -> Result<(), String> {
        let (before, after) = (scene::stage(self.before), scene::stage(self.after));
        if !std::ptr::eq(before, after) && before != after {
            self.judge_traffic(watch, before, after)?;
            self.judge_ownership(before, after)?;
            self.count_stage(counts, before, after);
        }
        self.judge_claim(watch, counts)?;
        self.judge_attach(watch)?;
        self.acknowledge(watch, after);
        self.count_call(counts);
        Ok(())
    }

    /// Invariants 1 and 3: whose traffic rises, and how far.
    fn judge_traffic(&self, watch: &Watch, before: &StageView, after: &StageView) -> Result<(), String> {
        for (which, target) in self.targets.iter().enumerate() {
            let (was, is) = (scene::share(before, target), scene::share(after, target));
            let name = scene::NAMES[which];
            if watch.reset[which] && is > was && !watch.hasty {
                return Err(format!(
                    "1: the canary of {name} gets {is} % after its reset to zero was acknowledged"
                ));
            }
            let Some(canary) = after
                .canary
                .as_ref()
                .filter(|_| after.deployment_id != target.deployment_id)
            else {
                continue;
            };
            let begun = usize::from(watch.steps[which]);
            let most = begun.checked_sub(1).map_or(0, |step| self.bound.steps[step]);
            if canary.deployment_id == target.deployment_id && u32::from(canary.percent.hundredths()) > most * 100 {
                let percent = canary.percent;
                return Err(format!(
                    "3: the canary of {name} gets {percent} %, its step is {most} %"
                ));
            }
        }
        Ok(())
    }

    /// Invariants 2 and 5: whose stage, and whose canary, is changed.
    fn judge_ownership(&self, before: &StageView, after: &StageView) -> Result<(), String> {
        let owner = scene::claim(self.before).map(|claim| scene::which(&claim.rollout_id));
        if owner != self.node.rollout {
            let name = |which: Option<usize>| which.map_or("nobody", |which| scene::NAMES[which]);
            let (ours, theirs) = (name(self.node.rollout), name(owner));
            return Err(format!(
                "2: a late call of {ours} changes the stage while it is {theirs}'s"
            ));
        }
        if before.variables[OTHER] != after.variables[OTHER] {
            return Err("5: a variable of somebody else is changed".to_owned());
        }
        let theirs = scene::foreign_canary(before);
        let hit = theirs.is_some() && (theirs != scene::foreign_canary(after) || self.copies());
        if hit && !self.process.unaware && !self.is_blind() {
            return Err("5: a canary of somebody else is changed, which was there before the last look".to_owned());
        }
        Ok(())
    }

    fn copies(&self) -> bool {
        matches!(self.call, Call::Update(patches) if patches.contains(&Patch::CopyCanaryDeployment))
    }

    fn attaches(&self) -> bool {
        self.root.function == Function::Begin
            && matches!(self.call, Call::Update(patches) if matches!(patches.as_slice(), [Patch::CanaryDeployment(_), ..]))
    }

    /// Invariant 2: who writes the claim, and what.
    fn judge_claim(&self, watch: &mut Watch, counts: &mut Counts) -> Result<(), String> {
        if matches!(self.call, Call::Take(..)) && won(self.answer) {
            watch.on_since_claim = scene::alarm_is_on(self.after);
        }
        let (Some(change), Some(old)) = (self.change(), scene::claim(self.before)) else {
            return Ok(());
        };
        let which = scene::which(&old.rollout_id);
        let stage = scene::stage(self.before);
        if let Some(baseline) = change.baseline.as_ref().filter(|_| !watch.foreign) {
            let alias = baseline.variables.get("alias").cloned().flatten();
            if baseline.deployment_id != stage.deployment_id || alias.as_ref() != stage.variables.get("alias") {
                return Err("2: the baseline that is recorded is not what the stage has".to_owned());
            }
        }
        if matches!(change.switch, Some(Switch::Cut(_))) {
            count(counts, Sometimes::SwitchCutLate);
        }
        if let Some(ended) = change.ended_at {
            watch.due = first_sweep(scene::seconds(ended));
            watch.looked_after = false;
            watch.drains_anew = change.phase.is_none();
        }
        match change.phase {
            Some(Phase::RollingBack) => {
                count_origin(counts, old.phase, which);
                match self.root.who {
                    Who::Alarm(at) if at < scene::seconds(old.began_at) => {
                        return Err("2: an alarm from before a rollout rolls it back".to_owned());
                    }
                    Who::Event(other) if other != which => {
                        return Err("2: the end of one rollout's execution rolls back the other".to_owned());
                    }
                    Who::Event(_) => count(counts, Sometimes::Stopped),
                    Who::Schedule => count(counts, Sometimes::SweptForsaken),
                    Who::Alarm(_) | Who::Task(_) | Who::Person => {}
                }
            }
            Some(Phase::RolledBack) => {
                watch.over[which] = true;
                watch.reset[which] = true;
                if self.root.who == Who::Schedule && old.phase == Phase::RollingBack {
                    count(counts, Sometimes::SweptInterrupted);
                }
            }
            Some(Phase::Finished) => {
                let finished = [Sometimes::Finished, Sometimes::SecondFinished][which];
                count(counts, finished);
            }
            _ => {}
        }
        Ok(())
    }

    /// An alarm that was on when the stage was claimed, and still is, is heard before the canary is attached.
    fn judge_attach(&self, watch: &Watch) -> Result<(), String> {
        let begins = scene::claim(self.before).filter(|claim| claim.phase == Phase::Preparing);
        if let Some(claim) = begins.filter(|_| self.attaches())
            && !self.before.schedules.contains_key(&claim.rollout_id)
            && !self.before.fired.contains_key(&claim.rollout_id)
        {
            return Err("1: the canary is attached and no switch is armed".to_owned());
        }
        if watch.on_since_claim && self.attaches() {
            return Err("1: the canary is attached although the alarm was on at the claim and still is".to_owned());
        }
        Ok(())
    }

    /// A reset counts from its acknowledgement.
    fn acknowledge(&self, watch: &mut Watch, after: &StageView) {
        let seen = self.fate == Fate::Goes && matches!((self.call, self.answer), (Call::Update(_), Ok(Reply::View(_))));
        if let (true, true, Some(which)) = (seen, self.goes_back(), self.node.rollout) {
            let goes_back = matches!(self.phase(), Some(Phase::RollingBack | Phase::RolledBack));
            if goes_back && scene::share(after, &self.targets[which]) == serin_core::percent::Percent::ZERO {
                watch.reset[which] = true;
            }
        }
    }

    fn count_stage(&self, counts: &mut Counts, before: &StageView, after: &StageView) {
        let late = matches!(self.phase(), Some(Phase::RollingBack | Phase::RolledBack));
        let function = self.root.function;
        if !before.has_ghost() && after.has_ghost() {
            count(counts, Sometimes::GhostMade);
        }
        if before.has_ghost() && !after.has_ghost() {
            count(counts, Sometimes::GhostRemoved);
        }
        if late && self.attaches() {
            count(counts, Sometimes::LateAttach);
        } else if late && function == Function::Begin {
            count(counts, Sometimes::LateAttachTakenBack);
        }
        if late && function == Function::Advance && after.canary.is_some() {
            count(counts, Sometimes::LateAdvance);
        }
        let ended = scene::claim(self.before).is_some_and(|claim| claim.phase.is_terminal());
        if ended && function == Function::Sweep {
            count(counts, Sometimes::CleanedUpAtRest);
        }
        if before.deployment_id.as_str() == FOREIGN && function == Function::Promote {
            count(counts, Sometimes::ForeignPutBack);
        }
        if self.is_blind() {
            count(counts, Sometimes::BlindReset);
        }
    }

    fn count_call(&self, counts: &mut Counts) {
        let recipe = |patches: &[Patch]| self.copies() && matches!(patches, [Patch::CanaryPercent(_), ..]);
        match (self.call, self.answer) {
            (Call::Update(patches), Ok(_)) if recipe(patches) => count(counts, Sometimes::RecipeUsed),
            (Call::Update(_), Err(_)) if self.copies() && scene::stage(self.before).canary.is_none() => {
                count(counts, Sometimes::LateCopyRefused);
            }
            (Call::GiveBack(_), Ok(Reply::Truth(true))) => count(counts, Sometimes::GivenBack),
            (Call::Take(claim, _), Ok(Reply::Truth(true))) if claim.rollout_id.as_str() == "b" => {
                count(counts, Sometimes::DrainedThenBegan);
            }
            (Call::Change(_, change), Ok(Reply::Written(_)))
                if self.goes_back()
                    && change.phase == Some(Phase::RollingBack)
                    && self.phase() == Some(Phase::RollingBack) =>
            {
                count(counts, Sometimes::SecondTrigger);
            }
            (Call::GuardedBy(_), Ok(Reply::Guarded(guarded))) => {
                let Who::Alarm(at) = self.root.who else { return };
                if guarded.iter().any(|guarded| guarded.began_at > scene::time(at)) {
                    count(counts, Sometimes::LateAlarmIgnored);
                }
            }
            _ => {}
        }
    }
}

/// Judges what a switch has done. It is blind, and removes whatever canary there is; but while its rollout has the
/// stage.
///
/// # Errors
/// The invariant that it breaks.
pub fn judge_switch(which: usize, before: &Account, after: &Account, counts: &mut Counts) -> Result<(), String> {
    let claim = scene::claim(before);
    let owner = claim.map(|claim| scene::which(&claim.rollout_id));
    if scene::stage(before) == scene::stage(after) {
        return Ok(());
    }
    if owner != Some(which) {
        let name = scene::NAMES[which];
        return Err(format!("2: the switch of {name} takes a canary that is not {name}'s"));
    }
    count(counts, Sometimes::SwitchRemoved);
    if claim.is_some_and(|claim| claim.phase.is_terminal()) {
        count(counts, Sometimes::SwitchRemovedLate);
    }
    Ok(())
}

/// When the first sweep begins, at the latest, after the last writers of a rollout that ended then are dead.
#[must_use]
pub fn first_sweep(ended: u16) -> u16 {
    ended + scene::length(WRITE_WINDOW) + u16::try_from(SWEEP_PERIOD_SECONDS).unwrap()
}

/// One more.
pub fn count(counts: &mut Counts, what: Sometimes) {
    if let Some(place) = Sometimes::ALL.iter().position(|known| *known == what) {
        counts[place] += 1;
    }
}

fn count_origin(counts: &mut Counts, phase: Phase, which: usize) {
    let origin = match phase {
        Phase::Preparing => Sometimes::RolledBackFromPreparing,
        Phase::Shifting => Sometimes::RolledBackFromShifting,
        Phase::Promoting => Sometimes::RolledBackFromPromoting,
        _ => Sometimes::RolledBackFromPromoted,
    };
    count(counts, origin);
    if which == 1 {
        count(counts, Sometimes::SecondRolledBack);
    }
}

/// Whether the canary has the share of the step that a document is at, and the overrides of its rollout.
#[must_use]
pub fn is_as_planned(document: &Value, account: &Account) -> bool {
    let step = document["progress"]["step"]
        .as_u64()
        .and_then(|step| usize::try_from(step).ok());
    let wanted = step.and_then(|step| document["plan"]["steps"][step]["percent"].as_u64());
    scene::stage(account).canary.as_ref().is_some_and(|canary| {
        let share = wanted.is_some_and(|percent| percent * 100 == u64::from(canary.percent.hundredths()));
        share && json!(canary.overrides) == document["canary"]["stageVariableOverrides"]
    })
}

/// Judges how a process ended.
///
/// # Errors
/// The invariant that it breaks.
pub fn judge_end(
    process: Process,
    node: &Node,
    root: &Root,
    account: &Account,
    counts: &mut Counts,
) -> Result<(), String> {
    if node.moves_on && process.off_plan {
        return Err("4: it moves on from a step that did not have its own share and overrides".to_owned());
    }
    if let Some(fault) = &node.fault {
        return Err(fault.clone());
    }
    let Next::Done(outcome) = &node.next else { return Ok(()) };
    match outcome {
        Ok(output) => {
            let claim = scene::claim(account).filter(|claim| claim.phase.is_active());
            let still = claim.map(|claim| scene::which(&claim.rollout_id));
            if node.guarded.is_some() && node.guarded == still {
                return Err("1: an alarm was heard, and the rollout goes on".to_owned());
            }
            if root.function == Function::Evaluate {
                count_drift(&root.input, output, counts);
            }
        }
        Err(StepError::StageBusy(_)) => count(counts, Sometimes::Busy),
        Err(StepError::StageDraining(text)) => {
            count(counts, Sometimes::Draining);
            if text.contains("dead man's switch") {
                count(counts, Sometimes::SwitchKeepsClaim);
            }
        }
        Err(StepError::ClaimLost(_)) if root.function == Function::Begin => count(counts, Sometimes::Redriven),
        Err(StepError::InvalidInput(faults)) if faults.to_string().contains("already in ALARM") => {
            count(counts, Sometimes::AlarmSeenByBegin);
        }
        Err(_) => {}
    }
    Ok(())
}

/// What `evaluate` makes of a share that somebody changed.
fn count_drift(input: &Value, output: &Value, counts: &mut Counts) {
    let findings = output["findings"].as_array();
    let again = findings.is_some_and(|all| all.iter().any(|finding| finding["subject"] == "percentage"));
    let before = input["progress"]["restarts"].as_u64();
    if again {
        count(counts, Sometimes::ShareSetAgain);
    }
    if again && before.is_some_and(|times| times > 0) {
        count(counts, Sometimes::SecondDrift);
    }
    if output["reason"]["text"]
        .as_str()
        .is_some_and(|text| text.contains("keeps being changed"))
    {
        count(counts, Sometimes::KeepsDrifting);
    }
}

/// Judges a state in which everything is at rest.
///
/// # Errors
/// The invariant that it breaks.
pub fn judge_rest(state: &State, account: &Account, targets: &[CanaryTarget; 2]) -> Result<(), String> {
    let (view, claim) = (scene::stage(account), scene::claim(account));
    if !account.guards.is_empty() {
        return Err("6: an alarm still points at the stage".to_owned());
    }
    if let (Some(canary), None) = (&view.canary, scene::foreign_canary(view)) {
        let left = canary.deployment_id.as_str();
        return Err(format!(
            "7: the canary {left} is left behind, and nobody can deploy to the stage"
        ));
    }
    for (which, target) in targets.iter().enumerate() {
        let share = scene::share(view, target);
        if state.watch.over[which] && share > serin_core::percent::Percent::ZERO {
            return Err(format!(
                "1: {} was rolled back and is on the stage",
                scene::NAMES[which]
            ));
        }
    }
    if view.deployment_id.as_str() == FOREIGN {
        return Ok(());
    }
    let Some(claim) = claim else {
        let untouched = targets.iter().all(|target| !view.is_promoted(target));
        return if untouched {
            Ok(())
        } else {
            Err("1: a refused rollout is on the stage".to_owned())
        };
    };
    let target = &targets[scene::which(&claim.rollout_id)];
    match (claim.phase, &claim.baseline) {
        (Phase::Finished, _) if view.is_promoted(target) => Ok(()),
        (Phase::RolledBack, None) => Ok(()),
        (Phase::RolledBack, Some(baseline)) => {
            let values = |(name, value): (&String, &Option<String>)| view.variables.get(name) == value.as_ref();
            let back = view.deployment_id == baseline.deployment_id && baseline.variables.iter().all(values);
            if back {
                Ok(())
            } else {
                Err("1: rolled back, and not at the baseline".to_owned())
            }
        }
        (phase, _) => Err(format!("4: the claim says {} and the stage does not", phase.name())),
    }
}
