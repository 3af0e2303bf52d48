//! The dead man's switch: a schedule outside of Serin that removes the canary if Serin as a whole falls silent. Here is when
//! it is set for, and what a claim knows of it.

use jiff::{SignedDuration, Timestamp};

use crate::{
    ids::RolloutId,
    plan::Plan,
    timing::{LATEST_END, SLOWEST_STATE, SWEEP_REACTION, SWITCH_HEEDS, SWITCH_OVER, later},
};

/// What a claim knows of its rollout's switch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Switch {
    /// Nothing of it can reach the stage: it was never armed, or taken away in time.
    #[default]
    Silent,
    /// It is set for this time, or for a later one: a push whose answer was lost is not recorded.
    Armed(Timestamp),
    /// It was taken away then, too late to be sure that it had not fired.
    Cut(Timestamp),
}

impl Switch {
    /// From when on nothing of it can reach the stage; not known while it is armed.
    #[must_use]
    pub fn silent_at(self) -> Option<Timestamp> {
        match self {
            Self::Silent => Some(Timestamp::MIN),
            Self::Armed(_) => None,
            Self::Cut(at) => Some(later(at, SWITCH_OVER)),
        }
    }

    /// What is left of it once it was taken away, which was acknowledged at `now`: nothing, if that was early enough.
    #[must_use]
    pub fn cut(self, now: Timestamp) -> Self {
        match self {
            Self::Armed(_) if self.may_have_fired(now) => Self::Cut(now),
            Self::Armed(_) => Self::Silent,
            Self::Silent | Self::Cut(_) => self,
        }
    }

    /// Whether it has fired, or fires whatever is done to it now.
    #[must_use]
    pub fn may_have_fired(self, now: Timestamp) -> bool {
        match self {
            Self::Armed(at) => now >= earlier(at, SWITCH_HEEDS),
            Self::Silent | Self::Cut(_) => false,
        }
    }

    /// What it is to be pushed to by a rollout that is looked at `now`: nothing before half of its margin is gone. Nothing
    /// either once it may have fired: to set it again would make the claim forget what it has begun.
    #[must_use]
    pub fn due(self, plan: &Plan, now: Timestamp) -> Option<Timestamp> {
        let half = reach(plan);
        match self {
            Self::Armed(at) if at < later(now, half) && !self.may_have_fired(now) => Some(set_for(plan, now)),
            Self::Silent | Self::Armed(_) | Self::Cut(_) => None,
        }
    }
}

/// When a switch that is set `now` fires.
#[must_use]
pub fn set_for(plan: &Plan, now: Timestamp) -> Timestamp {
    later(now, margin(plan))
}

/// How long a switch that was just set lets a rollout be silent: twice what it must always reach, so that it is pushed rarely.
#[must_use]
pub fn margin(plan: &Plan) -> SignedDuration {
    reach(plan).saturating_mul(2)
}

/// How far ahead a switch must be when a look at the rollout ends, so that it never fires before the sweep has had its turn.
///
/// Until the next look come a wait and a state, and before them perhaps a wait and a state that set another share. Each
/// promises in the claim when the next write is due at the latest, and what is overdue is the sweep's.
fn reach(plan: &Plan) -> SignedDuration {
    let wait = SignedDuration::from_secs(plan.waiting_tick(LATEST_END).into());
    wait.saturating_add(SLOWEST_STATE)
        .saturating_mul(2)
        .saturating_add(SWEEP_REACTION)
}

fn earlier(time: Timestamp, duration: SignedDuration) -> Timestamp {
    time.checked_sub(duration).unwrap_or(Timestamp::MIN)
}

/// The most characters of a schedule's name (EventBridge Scheduler, CreateSchedule).
const MOST_CHARACTERS: usize = 64;
/// The characters of a digest.
const DIGEST: usize = 16;

/// The name of a rollout's schedule: its id where that is a name of a schedule, so that people find it.
///
/// Names of executions have up to 80 characters of many kinds, those of schedules fewer than 65 of `[0-9a-zA-Z-_.]`. Where
/// one does not fit, a digest makes up for what is lost; such names alone have all 64 characters, so none is another's.
#[must_use]
pub fn schedule_name(rollout: &RolloutId) -> String {
    let id = rollout.as_str();
    let fits = |character: char| character.is_ascii_alphanumeric() || "-_.".contains(character);
    if !id.is_empty() && id.len() < MOST_CHARACTERS && id.chars().all(fits) {
        return id.to_owned();
    }
    let readable = id
        .chars()
        .filter(|character| fits(*character))
        .chain(std::iter::repeat('.'));
    let readable: String = readable.take(MOST_CHARACTERS - DIGEST).collect();
    format!("{readable}{:016x}", fnv1a(id.as_bytes()))
}

/// The 64-bit FNV-1a hash (<http://www.isthe.com/chongo/tech/comp/fnv/>), the same in every build.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        claim::beat_by,
        percent::Percent,
        plan::{Hold, Step, default_steps},
    };

    fn plan(tick_seconds: u32, approval: bool) -> Plan {
        let mut steps = default_steps();
        steps[1].approval = approval;
        Plan {
            steps,
            final_bake_seconds: 600,
            tick_seconds,
            approval_timeout_seconds: 86_400,
            hold: Hold::default(),
        }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_772_000_000 + seconds).unwrap()
    }

    fn minutes(plan: &Plan) -> i64 {
        margin(plan).as_secs() / 60
    }

    #[test]
    fn a_usual_rollout_may_be_silent_for_an_hour_and_a_half() {
        assert_eq!(minutes(&plan(60, false)), 90);
        assert_eq!(minutes(&plan(600, false)), 126);
        assert!(minutes(&plan(60, true)) <= 120, "{} min", minutes(&plan(60, true)));
    }

    #[test]
    fn it_is_pushed_when_half_of_its_margin_is_gone() {
        let plan = plan(60, false);
        let set = set_for(&plan, at(0));
        let half = margin(&plan).as_secs() / 2;
        assert_eq!(Switch::Armed(set).due(&plan, at(half)), None);
        assert_eq!(
            Switch::Armed(set).due(&plan, at(half + 1)),
            Some(set_for(&plan, at(half + 1)))
        );
        let last = set - SWITCH_HEEDS;
        assert!(
            Switch::Armed(set)
                .due(&plan, last - SignedDuration::from_secs(1))
                .is_some()
        );
        assert_eq!(Switch::Armed(set).due(&plan, last), None, "it may have fired");
        assert_eq!(Switch::Cut(set).due(&plan, at(half + 1)), None);
    }

    #[test]
    fn one_that_is_taken_away_early_leaves_nothing_and_a_late_one_is_waited_for() {
        let armed = Switch::Armed(at(1_000));
        assert_eq!(armed.silent_at(), None);
        assert_eq!(armed.cut(at(919)), Switch::Silent);
        for late in [920, 1_000, 9_000] {
            let cut = armed.cut(at(late));
            assert_eq!(cut, Switch::Cut(at(late)));
            assert_eq!(cut.silent_at(), Some(later(at(late), SWITCH_OVER)));
            let again = cut.cut(at(late + 60));
            assert_eq!(again, cut, "what it began does not end later by being asked again");
        }
    }

    /// Plans of every pace, which wait for as long as any plan does.
    fn any_plan() -> impl Strategy<Value = Plan> {
        (
            1_u16..=100,
            1_u32..=1_209_600,
            5_u32..=600,
            any::<bool>(),
            60_u32..=1_209_600,
        )
            .prop_map(
                |(steps, bake_seconds, tick_seconds, approval, approval_timeout_seconds)| Plan {
                    steps: (1..=steps)
                        .map(|share| Step {
                            percent: Percent::from_hundredths(share).unwrap(),
                            bake_seconds,
                            approval,
                        })
                        .collect(),
                    final_bake_seconds: 600,
                    tick_seconds,
                    approval_timeout_seconds,
                    hold: Hold::default(),
                },
            )
    }

    proptest! {
        /// A rollout that is as slow as the sweep lets it be, at every look with a switch that is just not pushed yet.
        #[test]
        fn it_never_fires_before_the_sweep_has_had_its_turn(plan in any_plan(), waited in 0_i64..=1_209_600) {
            let wait = plan.waiting_tick(SignedDuration::from_secs(waited)).max(plan.tick());
            let look = at(0);
            let armed = Switch::Armed(later(look, reach(&plan)));
            prop_assert_eq!(armed.due(&plan, look), None);
            let advanced = beat_by(look, wait);
            let next = beat_by(advanced, wait);
            let Switch::Armed(fires) = armed else { unreachable!() };
            prop_assert!(fires >= later(next, SWEEP_REACTION));
            prop_assert!(armed.due(&plan, next).is_some(), "the next look pushes it");
        }

        /// `begin` sets it once. Until the first look, `begin` itself may be tried again and again, a hook may be slow, and so may
        /// the first share be.
        #[test]
        fn it_outlasts_the_slowest_start(plan in any_plan()) {
            let fires = set_for(&plan, at(0));
            let begun = beat_by(at(0), 0);
            let first_share = beat_by(begun, 0);
            let first_look = beat_by(first_share, plan.tick());
            prop_assert!(fires >= later(first_look, SWEEP_REACTION));
        }

        #[test]
        fn every_rollout_has_a_name_of_its_own(one in ".{0,80}", other in ".{0,80}") {
            let names = [&one, &other].map(|id| schedule_name(&id.as_str().into()));
            for name in &names {
                prop_assert!((1..=64).contains(&name.len()), "{name}");
                prop_assert!(name.chars().all(|one| one.is_ascii_alphanumeric() || "-_.".contains(one)), "{name}");
            }
            prop_assert_eq!(one == other, names[0] == names[1]);
        }
    }

    #[test]
    fn a_schedule_is_called_as_its_rollout_where_that_can_be() {
        let name = |id: &str| schedule_name(&id.into());
        assert_eq!(name("fashionflow-2026-11-25_1.2"), "fashionflow-2026-11-25_1.2");
        assert_eq!(name(&"a".repeat(63)), "a".repeat(63));
        let long = name(&"a".repeat(64));
        assert!(
            long.starts_with(&"a".repeat(48)) && long.len() == 64 && long != "a".repeat(64),
            "{long}"
        );
        let odd = name("release (2)");
        assert!(odd.starts_with("release2....") && odd.len() == 64, "{odd}");
        assert_ne!(odd, name("release [2]"));
    }
}
