//! What goes wrong in a round, and when: drawn from a seed, so that the same seed makes the same round.

use std::{fmt, time::Duration};

use fastrand::Rng;
use serin_local::{Effect, Service};

/// A call may be so late: what a function sends just before its timeout of 15 s still lands within the protocol's T, 20 s.
const LATEST_CALL: Duration = Duration::from_millis(4_500);

/// Acts begin in the first so many seconds of a rollout, which is as long as an undisturbed one takes.
const ROLLOUT_SECONDS: u64 = 32;

/// The functions that take part in a rollout, besides `begin`.
const FUNCTIONS: [&str; 7] = [
    "serin-advance",
    "serin-evaluate",
    "serin-promote",
    "serin-finish",
    "serin-rollback",
    "serin-rollback-on-event",
    "serin-sweep",
];

/// What is released.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Release {
    /// A version that works.
    Healthy,
    /// One that answers 40 % of its requests with an error, which its own alarm notices.
    Broken,
}

/// How an alarm's change of state reaches a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// The alarm's direct action, to `rollback`.
    Action,
    /// EventBridge, to `rollback-on-event`.
    Event,
}

/// Something that happens during a round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// The execution is stopped.
    Stop,
    /// An alarm of the rollout goes into ALARM: told so many times, so much later.
    Alarm { way: Way, copies: u32, late: Duration },
    /// CloudWatch itself sets it, for two seconds, and tells of it in its own ways.
    RealAlarm,
    /// The news of a change from before the rollout arrives only now.
    OldAlarm(Way),
    /// A service refuses every call of the rollout, or loses its answers, for a while.
    Outage {
        service: Service,
        effect: Effect,
        lasting: Duration,
    },
    /// Every call of the rollout is late, for a while.
    Slow { by: Duration, lasting: Duration },
    /// The process of a function, or of any, dies at a call of the rollout, after so many others.
    Kill {
        function: Option<&'static str>,
        after: u32,
        effect: Effect,
    },
}

/// A round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Script {
    /// What it is drawn from.
    pub(crate) seed: u64,
    /// What is released.
    pub(crate) release: Release,
    /// Alarms that go off before the rollout begins.
    pub(crate) before: Vec<Way>,
    /// What happens, and how long after the start.
    pub(crate) acts: Vec<(Duration, Act)>,
    /// Alarms of which the news arrives after the rollout has ended.
    pub(crate) after: Vec<Way>,
    /// Whether another rollout is started on the same stage at once, and waits until the stage has drained.
    pub(crate) again: bool,
}

impl Script {
    /// The round of this seed. Every tenth begins again.
    pub(crate) fn of(seed: u64) -> Self {
        if seed.is_multiple_of(10) {
            Self::begins_again(seed)
        } else {
            Self::draw(seed)
        }
    }

    fn draw(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let release = if rng.u32(..5) == 0 {
            Release::Broken
        } else {
            Release::Healthy
        };
        // One round in six has nothing in it but what must be ignored.
        let harmless = release == Release::Healthy && rng.u32(..6) == 0;
        let count = rng.u32(2..=5);
        let mut acts: Vec<_> = (0..count)
            .map(|_| {
                let at = Duration::from_millis(rng.u64(..ROLLOUT_SECONDS * 1_000));
                let act = if harmless {
                    Act::OldAlarm(way(&mut rng))
                } else {
                    act(&mut rng)
                };
                (at, act)
            })
            .collect();
        acts.sort_by_key(|(at, _)| *at);
        Self {
            seed,
            release,
            before: ways(&mut rng, 0..2),
            acts,
            after: ways(&mut rng, 1..3),
            again: false,
        }
    }

    /// It is rolled back early, while the rollback itself dies and the scheduler refuses to take the switch away, and the
    /// next rollout is started at once.
    fn begins_again(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let kill = Act::Kill {
            function: Some("serin-rollback"),
            after: rng.u32(1..4),
            effect: died(&mut rng),
        };
        let alarm = Act::Alarm {
            way: Way::Action,
            copies: 2,
            late: Duration::ZERO,
        };
        let refusal = Act::Outage {
            service: Service::Scheduler,
            effect: pick(&mut rng, Effect::ServerError, [Effect::Throttled]),
            lasting: Duration::from_secs(15),
        };
        let at = Duration::from_millis(rng.u64(5_000..9_000));
        Self {
            acts: vec![(Duration::ZERO, kill), (at, alarm), (at, refusal)],
            release: Release::Healthy,
            again: true,
            ..Self::draw(seed)
        }
    }

    /// Whether nothing in it gives a reason not to promote.
    pub(crate) fn is_harmless(&self) -> bool {
        let old = |(_, act): &(Duration, Act)| matches!(act, Act::OldAlarm(_));
        self.release == Release::Healthy && self.acts.iter().all(old)
    }
}

fn act(rng: &mut Rng) -> Act {
    match rng.u32(..11) {
        0 => Act::Stop,
        10 => Act::RealAlarm,
        1 | 2 => Act::Alarm {
            way: way(rng),
            copies: rng.u32(1..=3),
            late: Duration::from_millis(rng.u64(..6_000)),
        },
        3 => Act::OldAlarm(way(rng)),
        4 | 5 => Act::Outage {
            service: pick(rng, Service::ApiGateway, [Service::DynamoDb, Service::Scheduler]),
            effect: pick(rng, Effect::ServerError, [Effect::Throttled, Effect::AnswerLost]),
            lasting: Duration::from_millis(rng.u64(1_000..15_000)),
        },
        6 => Act::Slow {
            by: Duration::from_millis(rng.u64(100..millis(LATEST_CALL))),
            lasting: Duration::from_millis(rng.u64(2_000..10_000)),
        },
        _ => Act::Kill {
            function: rng.bool().then(|| pick(rng, "serin-begin", FUNCTIONS)),
            after: rng.u32(..4),
            effect: died(rng),
        },
    }
}

fn died(rng: &mut Rng) -> Effect {
    pick(rng, Effect::KilledBefore, [Effect::KilledAfter])
}

fn way(rng: &mut Rng) -> Way {
    pick(rng, Way::Action, [Way::Event])
}

fn ways(rng: &mut Rng, count: std::ops::Range<u32>) -> Vec<Way> {
    let count = rng.u32(count);
    (0..count).map(|_| way(rng)).collect()
}

fn pick<T: Copy, const N: usize>(rng: &mut Rng, first: T, others: [T; N]) -> T {
    let index = rng.usize(..=N);
    others.get(index).copied().unwrap_or(first)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl fmt::Display for Act {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |service: &Service| match service {
            Service::ApiGateway => "API",
            Service::DynamoDb => "table",
            Service::Scheduler => "scheduler",
            Service::Other => "AWS",
        };
        match self {
            Self::Stop => write!(formatter, "stopped"),
            Self::Alarm { way, copies, late } => {
                write!(formatter, "{} x{copies}", way.name())?;
                if *late > Duration::ZERO {
                    write!(formatter, " {:.1} s late", late.as_secs_f64())?;
                }
                Ok(())
            }
            Self::RealAlarm => write!(formatter, "CloudWatch's alarm"),
            Self::OldAlarm(way) => write!(formatter, "old {}", way.name()),
            Self::Outage {
                service,
                effect,
                lasting,
            } => {
                let (name, seconds) = (name(service), lasting.as_secs_f64());
                write!(formatter, "{name}: {} for {seconds:.0} s", effect.name())
            }
            Self::Slow { by, lasting } => {
                let (by, seconds) = (by.as_secs_f64(), lasting.as_secs_f64());
                write!(formatter, "calls {by:.1} s late for {seconds:.0} s")
            }
            Self::Kill {
                function,
                after,
                effect,
            } => {
                let function = function.map_or("any", |name| name.trim_start_matches("serin-"));
                write!(
                    formatter,
                    "{function} {} call {}",
                    effect.name(),
                    after.saturating_add(1)
                )
            }
        }
    }
}

impl Way {
    /// What people call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Action => "alarm",
            Self::Event => "alarm event",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Wanted = fn(&Act) -> bool;

    fn kills(act: &Act, how: Effect) -> bool {
        matches!(act, Act::Kill { effect, .. } if *effect == how)
    }

    fn is_outage(act: &Act, of: Service, how: Effect) -> bool {
        matches!(act, Act::Outage { service, effect, .. } if (*service, *effect) == (of, how))
    }

    #[test]
    fn a_seed_repeats_its_round() {
        for seed in 0..100 {
            assert_eq!(Script::of(seed), Script::of(seed));
        }
    }

    #[test]
    fn everything_that_can_happen_is_drawn_sooner_or_later() {
        let scripts: Vec<_> = (0..300).map(Script::of).collect();
        let acts: Vec<_> = scripts
            .iter()
            .flat_map(|script| &script.acts)
            .map(|(_, act)| act)
            .collect();
        let wanted: [(&str, Wanted); 9] = [
            ("a stop", |act| matches!(act, Act::Stop)),
            ("a duplicate", |act| matches!(act, Act::Alarm { copies: 2.., .. })),
            ("an old alarm", |act| matches!(act, Act::OldAlarm(Way::Event))),
            ("a slow network", |act| matches!(act, Act::Slow { .. })),
            ("a kill before a call", |act| kills(act, Effect::KilledBefore)),
            ("a kill after a call", |act| kills(act, Effect::KilledAfter)),
            ("an outage of the table", |act| {
                is_outage(act, Service::DynamoDb, Effect::ServerError)
            }),
            ("an answer of the scheduler that is lost", |act| {
                is_outage(act, Service::Scheduler, Effect::AnswerLost)
            }),
            ("throttling by the API", |act| {
                is_outage(act, Service::ApiGateway, Effect::Throttled)
            }),
        ];
        for (what, is_wanted) in wanted {
            assert!(acts.iter().any(|act| is_wanted(act)), "{what}");
        }
        assert!(scripts.iter().any(|script| script.again));
        assert!(scripts.iter().any(Script::is_harmless));
        assert!(scripts.iter().any(|script| script.release == Release::Broken));
        assert!(scripts.iter().any(|script| !script.before.is_empty()));
        assert!(scripts.iter().all(|script| !script.after.is_empty()));
    }

    #[test]
    fn no_call_is_so_late_that_the_protocol_promises_nothing() {
        let acts = (0..300).flat_map(|seed| Script::of(seed).acts);
        for (_, act) in acts {
            if let Act::Slow { by, .. } = act {
                let lands = serin_core::timing::FUNCTION_TIMEOUT_SECONDS + i64::try_from(by.as_secs() + 1).unwrap();
                assert!(lands <= serin_core::timing::WRITE_WINDOW.as_secs(), "{act}");
            }
        }
    }
}
