//! The rollback of one stage: the claim first, then one call that takes the canary's traffic to zero, then the rest until the
//! stage is at its baseline.

use std::sync::atomic::{AtomicBool, Ordering};

use jiff::Timestamp;
use serin_core::{
    claim::{Change, Claim, Guard, Phase},
    document::ReasonKind,
    ids::{RolloutId, StageId},
    switch::Switch,
    timing::{CALL_PACE, LAST_WRITE, ROLLBACK_LEASE, later},
};
use tracing::Instrument as _;

use super::{Cause, pace::Pace};
use crate::{
    error::{StepError, Stepped},
    ports::{CallError, Claims, Clock, DeadMansSwitch, Gateway, Written},
    safe::{self, WriteBy},
    switch, timeline,
};

/// What a rollback of one stage came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The stage is at its baseline.
    RolledBack {
        /// When the canary's traffic was acknowledged to be zero, if it was this call that made it so.
        reset_at: Option<Timestamp>,
        /// Why, in the words of whoever began it.
        reason: String,
    },
    /// Another trigger's call is rolling it back; nothing was done.
    UnderWay {
        /// When it is given up for dead unless it shows a sign of life.
        until: Timestamp,
    },
    /// There was nothing of this rollout to roll back.
    Nothing(String),
}

/// Whose rollback, and why.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted<'a> {
    pub(crate) stage: &'a StageId,
    pub(crate) rollout: &'a RolloutId,
    pub(crate) cause: &'a Cause,
}

/// A rollback that this call has in its hands.
#[derive(Clone, Debug)]
pub(super) struct Held {
    claim: Box<Claim>,
    /// It was this call that began it.
    began: bool,
    by: WriteBy,
}

impl Held {
    /// Its first call takes a canary's traffic to zero, with nothing read before it.
    pub(super) fn resets(&self, cause: &Cause) -> bool {
        let had_canary = matches!(self.claim.from, Some(Phase::Shifting | Phase::Promoting));
        self.began && had_canary && cause.kind != ReasonKind::Drift
    }
}

/// Whether there is a rollback to go on with.
#[derive(Clone, Debug)]
pub(super) enum Latched {
    Held(Held),
    Over(Ended),
}

/// Rolls back stages with these ports, at one pace.
#[derive(Debug)]
pub(crate) struct Hand<'a, G, C, S, K> {
    gateway: &'a G,
    claims: &'a C,
    switches: &'a S,
    /// Whether a switch could not be taken away. Then no other is tried: it would keep stages waiting, and the sweep comes.
    switches_fail: AtomicBool,
    clock: &'a K,
    pace: Pace,
    /// Until when a throttled call is tried again.
    until: Timestamp,
}

impl<'a, G: Gateway, C: Claims, S: DeadMansSwitch, K: Clock> Hand<'a, G, C, S, K> {
    /// A hand that tries throttled calls again until that time.
    pub(crate) fn new(gateway: &'a G, claims: &'a C, switches: &'a S, clock: &'a K, until: Timestamp) -> Self {
        let pace = Pace::default();
        Self {
            gateway,
            claims,
            switches,
            switches_fail: AtomicBool::new(false),
            clock,
            pace,
            until,
        }
    }

    /// Rolls back one stage, unless another trigger's call is just doing it.
    pub(crate) async fn roll_back(&self, wanted: Wanted<'_>) -> Stepped<Ended> {
        match self.latch(wanted, 0, None).await? {
            Latched::Over(ended) => Ok(ended),
            Latched::Held(held) => self.see_through(wanted, held).await,
        }
    }

    /// Rolls back one stage; where another trigger's call is just doing it, waits for that and takes over if it died.
    pub(super) async fn roll_back_or_wait(&self, wanted: Wanted<'_>, mut latched: Latched) -> Stepped<Ended> {
        loop {
            let until = match latched {
                Latched::Held(held) => return self.see_through(wanted, held).await,
                Latched::Over(Ended::UnderWay { until }) if until <= self.until => until,
                Latched::Over(ended) => return Ok(ended),
            };
            self.clock.sleep(until.duration_since(self.clock.now())).await;
            latched = self.latch(wanted, 0, Some(until)).await?;
        }
    }

    /// Changes the claim first: exactly one of promotion and rollback wins, and no step goes on after it. `before` says how
    /// many stages this call resets before this one, `waited_out` how long the lease was that a wait was for.
    pub(super) async fn latch(
        &self,
        wanted: Wanted<'_>,
        before: usize,
        waited_out: Option<Timestamp>,
    ) -> Stepped<Latched> {
        let now = self.clock.now();
        let change = Change {
            reason: Some(wanted.cause.text.clone()),
            next_beat_by: Some(lease(now, before)),
            ..Change::to(Phase::RollingBack)
        };
        let guard = Guard::mine(wanted.rollout, &Phase::ACTIVE);
        let by = WriteBy(later(now, LAST_WRITE));
        Ok(match self.claims.change(wanted.stage, &guard, &change).await? {
            Written::Done(claim) => Latched::Held(Held { claim, began: true, by }),
            Written::Lost(Some(claim)) if claim.rollout_id == *wanted.rollout && claim.phase == Phase::RollingBack => {
                let until = claim.next_beat_by;
                if now < until && waited_out != Some(until) {
                    Latched::Over(Ended::UnderWay { until })
                } else {
                    Latched::Held(Held {
                        claim,
                        began: false,
                        by,
                    })
                }
            }
            Written::Lost(claim) => Latched::Over(over(claim.as_deref(), wanted.rollout)),
        })
    }

    /// Goes on until the stage is at its baseline, and says so in the claim.
    pub(super) async fn see_through(&self, wanted: Wanted<'_>, held: Held) -> Stepped<Ended> {
        let span = tracing::info_span!("rollback", rolloutId = %wanted.rollout, stage = %wanted.stage);
        self.go_on(wanted, held).instrument(span).await
    }

    async fn go_on(&self, wanted: Wanted<'_>, mut held: Held) -> Stepped<Ended> {
        let (mut reset_at, mut throttled) = (None, false);
        loop {
            self.pace.turn(self.clock).await;
            if throttled || self.clock.now() >= held.by.0 {
                held = match self.renew(wanted, &held).await? {
                    Latched::Held(held) => held,
                    Latched::Over(ended) => return Ok(ended),
                };
            }
            match self.restore(&held, wanted.cause, &mut reset_at).await {
                Err(StepError::Throttled(text)) if self.clock.now() < self.until => {
                    tracing::warn!("throttled, tried again: {text}");
                    self.pace.throttled(self.clock.now());
                    throttled = true;
                }
                done => break done?,
            }
        }
        let switch = self.disarm(&held.claim).await;
        self.end(&held.claim, switch, reset_at).await
    }

    /// Takes the dead man's switch away; what the claim is to know of it then.
    async fn disarm(&self, claim: &Claim) -> Option<Switch> {
        if claim.switch == Switch::Silent || self.switches_fail.load(Ordering::Relaxed) {
            return None;
        }
        let left = switch::disarm(self.switches, self.clock, claim).await;
        self.switches_fail.fetch_or(left.is_none(), Ordering::Relaxed);
        // From preparing, `begin` may be about to arm it: the sweep takes it away again once no attempt can be alive.
        left.filter(|_| claim.from != Some(Phase::Preparing))
    }

    /// Looks at the claim again, so that writes may go on, and keeps others from taking over.
    async fn renew(&self, wanted: Wanted<'_>, held: &Held) -> Stepped<Latched> {
        let now = self.clock.now();
        let guard = Guard::mine(wanted.rollout, &[Phase::RollingBack]);
        let change = Change {
            next_beat_by: Some(lease(now, 0)),
            ..Change::default()
        };
        Ok(match self.claims.change(wanted.stage, &guard, &change).await? {
            Written::Done(claim) => Latched::Held(Held {
                claim,
                began: held.began,
                by: WriteBy(later(now, LAST_WRITE)),
            }),
            Written::Lost(claim) => Latched::Over(over(claim.as_deref(), wanted.rollout)),
        })
    }

    /// Brings the stage to its baseline; `reset_at` becomes when the reset was acknowledged, if there is one to be made.
    async fn restore(&self, held: &Held, cause: &Cause, reset_at: &mut Option<Timestamp>) -> Stepped<()> {
        let claim = &held.claim;
        let (Some(target), Some(baseline)) = (claim.target(), &claim.baseline) else {
            return Ok(());
        };
        let resets = held.resets(cause) && reset_at.is_none();
        let view = if resets {
            // First and blind: one call takes the traffic to zero, unlocks the stage and fences off what is still in flight.
            safe::remove(self.gateway, &claim.stage).await
        } else {
            self.gateway.stage(&claim.stage).await
        };
        let view = match view {
            Err(CallError::NotFound(_)) => return Ok(()), // The stage itself is gone, and its canary with it.
            view => view?,
        };
        if resets {
            *reset_at = Some(self.clock.now());
        }
        let view = safe::make_safe(self.gateway, self.clock, &claim.stage, &target, baseline, view, held.by).await?;
        tracing::info!(stage = %claim.stage, "at the baseline: {}", view.describe());
        Ok(())
    }

    async fn end(&self, claim: &Claim, switch: Option<Switch>, reset_at: Option<Timestamp>) -> Stepped<Ended> {
        let reason = claim.reason.clone().unwrap_or_default();
        let guard = Guard::mine(&claim.rollout_id, &[Phase::RollingBack]);
        let change = Change {
            switch,
            ended_at: Some(self.clock.now()),
            ..Change::to(Phase::RolledBack)
        };
        let written = self.claims.change(&claim.stage, &guard, &change).await?;
        let zero = reset_at.map(|at| format!("canary traffic zero at {at:.3}"));
        let text = match (written, zero) {
            (Written::Done(_), zero) => {
                let from = claim.from.unwrap_or(claim.phase).name();
                let zero = zero.map_or_else(String::new, |zero| format!("; {zero}"));
                Some(format!("rolled back from {from}: {reason}{zero}"))
            }
            // Another trigger's call ended the rollback first, but did not see the reset.
            (Written::Lost(_), zero) => zero,
        };
        if let Some(text) = text {
            let entry = timeline::entry(&claim.stage, &claim.rollout_id, self.clock.now(), "rollback", text);
            timeline::record(self.claims, entry).await;
        }
        Ok(Ended::RolledBack { reset_at, reason })
    }
}

/// Until when others leave a rollback alone that has as many before it.
fn lease(now: Timestamp, before: usize) -> Timestamp {
    let turns = CALL_PACE.saturating_mul(i32::try_from(before).unwrap_or(i32::MAX));
    later(now, ROLLBACK_LEASE.saturating_add(turns))
}

/// There is nothing left to do; if the rollout was rolled back before, that is still how it ended.
fn over(claim: Option<&Claim>, rollout: &RolloutId) -> Ended {
    match claim.filter(|claim| claim.rollout_id == *rollout) {
        Some(claim) if claim.phase == Phase::RolledBack => Ended::RolledBack {
            reset_at: None,
            reason: claim.reason.clone().unwrap_or_else(|| "rolled back before".to_owned()),
        },
        Some(claim) => Ended::Nothing(format!("rollout {rollout} is {}", claim.phase.name())),
        None => Ended::Nothing(format!("rollout {rollout} does not hold the stage")),
    }
}
