//! How often a rollout is looked at, so that its execution never outgrows its history.

use jiff::SignedDuration;

use super::{MAX_RESTARTS, Plan};
use crate::timing::LATEST_END;

/// The most history events that an execution may have (Step Functions quota; the execution fails beyond it).
pub const MAX_HISTORY_EVENTS: u32 = 25_000;

/// The history events of one tick at the very worst: Bake, Evaluate with every retry used up, Decide. Held by a test against
/// the state machine.
pub const WORST_EVENTS_PER_TICK: u32 = 28;

/// The history events of everything that happens once per step, at the very worst.
pub const WORST_EVENTS_PER_STEP: u32 = 26;

/// The history events of what happens once per rollout, at the very worst: Begin waiting for a stage that drains,
/// both hooks, Promote, Finish, RollBack.
pub const WORST_EVENTS_PER_ROLLOUT: u32 = 400;

/// So many looks of each wait for a person come at the pace of a bake: most answers come soon.
const QUICK_LOOKS: u32 = 20;

impl Plan {
    /// The time between two looks at a bake, in seconds: the one asked for, or a longer one where the plan would not fit into an
    /// execution's history.
    #[must_use]
    pub fn tick(&self) -> u32 {
        let baking = LATEST_END.min(self.baking().saturating_add(self.room()));
        let share = if self.approvals() == 0 { 10 } else { 5 };
        self.tick_seconds.max(spread(baking, self.looks() / 10 * share))
    }

    /// The time between two looks while a person has been awaited for `waited`, in seconds.
    #[must_use]
    pub fn waiting_tick(&self, waited: SignedDuration) -> u32 {
        let tick = self.tick();
        let looks = self.looks() / 10;
        let approvals = u32::try_from(self.approvals()).unwrap_or(u32::MAX).max(1);
        let quick = QUICK_LOOKS.min(looks / approvals).saturating_mul(tick - tick / 10);
        if waited < SignedDuration::from_secs(quick.into()) {
            return tick;
        }
        tick.max(spread(LATEST_END.min(self.waiting()), looks * 4))
    }

    /// How many looks the history has room for, beside everything that happens once.
    fn looks(&self) -> u32 {
        let changes = u32::try_from(self.steps.len())
            .unwrap_or(u32::MAX)
            .saturating_add(1 + MAX_RESTARTS);
        // A step can end both its bake and its wait for a person in the middle of a tick.
        let each = WORST_EVENTS_PER_STEP + 2 * WORST_EVENTS_PER_TICK;
        let spent = WORST_EVENTS_PER_ROLLOUT.saturating_add(changes.saturating_mul(each));
        MAX_HISTORY_EVENTS.saturating_sub(spent) / WORST_EVENTS_PER_TICK
    }

    /// The next wait of a tick that has `left` to wait for: never past it, and a little shorter by `jitter` (0 to 9), so
    /// that many rollouts do not all call at the same second.
    #[must_use]
    pub fn wait(tick: u32, left: SignedDuration, jitter: u32) -> u32 {
        let jittered = tick - (tick / 10).saturating_mul(jitter.min(9)) / 9;
        let left = u32::try_from(left.as_secs().saturating_add(i64::from(left.subsec_nanos() > 0))).unwrap_or(0);
        if left == 0 { jittered } else { left.min(jittered) }.max(1)
    }
}

/// The tick with which `looks` looks last for all of `time`, though jitter shortens each by up to a tenth.
fn spread(time: SignedDuration, looks: u32) -> u32 {
    let seconds = u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
    seconds.saturating_mul(10).div_ceil(looks.max(1).saturating_mul(9))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        percent::Percent,
        plan::{Hold, MAX_STEPS, Step, default_steps},
    };

    #[test]
    fn a_wait_ends_with_the_bake_and_is_never_zero() {
        assert_eq!(Plan::wait(60, SignedDuration::from_secs(600), 0), 60);
        assert_eq!(Plan::wait(60, SignedDuration::from_secs(600), 9), 54);
        assert_eq!(Plan::wait(60, SignedDuration::from_millis(6_001), 0), 7);
        assert_eq!(Plan::wait(60, SignedDuration::from_secs(-5), 0), 60);
    }

    #[test]
    fn an_approval_within_a_day_slows_no_bake_and_is_seen_soon() {
        let mut steps = default_steps();
        steps[1].approval = true;
        let plan = Plan {
            steps,
            final_bake_seconds: 600,
            tick_seconds: 60,
            approval_timeout_seconds: 86_400,
            hold: Hold::default(),
        };
        assert_eq!(plan.tick(), 60);
        assert_eq!(plan.waiting_tick(SignedDuration::ZERO), 60);
        assert_eq!(plan.waiting_tick(SignedDuration::from_mins(15)), 60);
        let later = plan.waiting_tick(SignedDuration::from_hours(2));
        assert!((60..=300).contains(&later), "{later} s");
    }

    fn any_plan() -> impl Strategy<Value = Plan> {
        let steps = prop::collection::vec((1_u32..=1_209_600, any::<bool>()), 0..=MAX_STEPS);
        let hold = (prop_oneof![Just(0), 1_u32..=1_209_600], any::<bool>());
        let clocks = (0_u32..=1_209_600, 5_u32..=600, 60_u32..=1_209_600, hold);
        (steps, clocks).prop_map(|(steps, (last, tick, approval, hold))| Plan {
            steps: steps
                .into_iter()
                .zip(1..)
                .map(|((bake_seconds, approval), share)| Step {
                    percent: Percent::from_hundredths(share).unwrap(),
                    bake_seconds,
                    approval,
                })
                .collect(),
            final_bake_seconds: last,
            tick_seconds: tick,
            approval_timeout_seconds: approval,
            hold: Hold {
                max_seconds: hold.0,
                then_asks: hold.1,
            },
        })
    }

    /// The looks that a time can hold at most.
    fn looks_in(time: SignedDuration, tick: u32) -> u32 {
        u32::try_from(time.as_secs()).unwrap() / (tick - tick / 10)
    }

    proptest! {
        #[test]
        fn no_plan_outgrows_the_history_of_an_execution(plan in any_plan()) {
            let steps = u32::try_from(plan.steps.len()).unwrap() + 1 + MAX_RESTARTS;
            let approvals = u32::try_from(plan.approvals()).unwrap();
            let baking = looks_in(LATEST_END.min(plan.baking() + plan.room()), plan.tick());
            let slow = plan.waiting_tick(LATEST_END);
            let waiting = if approvals == 0 { 0 } else { looks_in(LATEST_END.min(plan.waiting()), slow) };
            let quick = (0..=QUICK_LOOKS).filter(|look| {
                let waited = SignedDuration::from_secs(i64::from(look * (plan.tick() - plan.tick() / 10)));
                plan.waiting_tick(waited) == plan.tick() && slow > plan.tick()
            });
            let quick = approvals * u32::try_from(quick.count()).unwrap();
            let looks = baking + waiting + quick + 2 * steps;
            let events = WORST_EVENTS_PER_ROLLOUT + steps * WORST_EVENTS_PER_STEP + looks * WORST_EVENTS_PER_TICK;
            prop_assert!(events <= MAX_HISTORY_EVENTS, "{events} events, ticks {} and {slow}", plan.tick());
        }
    }
}
