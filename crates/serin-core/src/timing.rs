//! The times on which the safety of a rollout rests (`docs/protocol.md`, "Time").
//!
//! A test holds them equal to the timeouts in `template.yaml`.

use jiff::{SignedDuration, Timestamp};

/// The timeout of every function that takes part in a rollout, in seconds.
pub const FUNCTION_TIMEOUT_SECONDS: i64 = 15;

/// The timeout of `rollback`, in seconds: one alarm may reset more stages than the account's limit of calls lets through in
/// the time of the others. Its writes still end within the write window, counted from the last look at each stage's claim.
pub const ROLLBACK_TIMEOUT_SECONDS: i64 = 60;

/// The timeout of the sweep, in seconds. It stays below the sweep's period.
pub const SWEEP_TIMEOUT_SECONDS: i64 = 55;

/// How often the sweep runs, in seconds.
pub const SWEEP_PERIOD_SECONDS: i64 = 60;

/// An invocation sends its last write at most this long after its last read of the claim:
/// a function's timeout, a margin for the network and one for clocks that differ. "T" in the protocol.
pub const WRITE_WINDOW: SignedDuration = SignedDuration::from_secs(FUNCTION_TIMEOUT_SECONDS + 5);

/// A call to AWS with all its attempts takes at most this long.
pub const CALL: SignedDuration = SignedDuration::from_secs(9);

/// The last moment to begin a write, counted from the last read of the claim: it then ends within the write window.
pub const LAST_WRITE: SignedDuration = SignedDuration::from_secs(WRITE_WINDOW.as_secs() - CALL.as_secs());

/// How long `rollback` tries throttled calls again: what is under way then still ends before the function does.
pub const ROLLBACK_PERSISTS: SignedDuration =
    SignedDuration::from_secs(ROLLBACK_TIMEOUT_SECONDS - WRITE_WINDOW.as_secs());

/// How long a rollback is left to the call that began it, without a sign of life: many times what it needs, and short enough
/// for another trigger's call to wait for.
pub const ROLLBACK_LEASE: SignedDuration = SignedDuration::from_secs(5);

/// Between two calls of one that is throttled: API Gateway lets an account make 10 management calls a second.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html>
pub const CALL_PACE: SignedDuration = SignedDuration::from_millis(100);

/// How long after its end a rollout's stage is still looked after: its last writers must be dead and one complete sweep
/// must have looked. "D" in the protocol.
pub const DRAIN: SignedDuration = SignedDuration::from_secs(200);

/// When the stage of a rollout that ended may be claimed by the next one.
pub const FREE_AFTER: SignedDuration = SignedDuration::from_secs(DRAIN.as_secs() + WRITE_WINDOW.as_secs());

/// How soon at the latest the sweep has rolled back a rollout whose heartbeat is overdue: the sweep that finds it begins within
/// a period, perhaps after one that began too early and was slow, and its own writes land within the write window.
pub const SWEEP_REACTION: SignedDuration =
    SignedDuration::from_secs(2 * SWEEP_PERIOD_SECONDS + SWEEP_TIMEOUT_SECONDS + WRITE_WINDOW.as_secs());

/// A call about the dead man's switch with all its attempts. It is short, because but for `begin` nobody needs its answer and
/// everybody has something more important to do within a function's timeout.
pub const SWITCH_CALL: SignedDuration = SignedDuration::from_secs(3);

/// The dead man's switch fires within this time after the one that it is set for (EventBridge Scheduler has a precision of
/// one minute).
pub const SWITCH_PRECISION: SignedDuration = SignedDuration::from_secs(60);

/// For how long a switch that fired tries again while API Gateway refuses or does not answer. Whatever has taken
/// Serin away for so long may have taken API Gateway with it.
pub const SWITCH_TRIES: SignedDuration = SignedDuration::from_hours(1);

/// A switch that is taken away so long before the time that it is set for does not fire. EventBridge Scheduler states no
/// bound; the write window is for clocks that differ and for a time that was set a moment before.
pub const SWITCH_HEEDS: SignedDuration = SignedDuration::from_secs(SWITCH_PRECISION.as_secs() + WRITE_WINDOW.as_secs());

/// After it was taken away too late, nothing of a switch can reach the stage when this is over: it may yet have fired, as late
/// as it does, and have tried again.
pub const SWITCH_OVER: SignedDuration = SignedDuration::from_secs(
    SWITCH_HEEDS.as_secs() + SWITCH_PRECISION.as_secs() + SWITCH_TRIES.as_secs() + WRITE_WINDOW.as_secs(),
);

/// The longest rollout with all its holds: CloudWatch keeps one-minute data for 15 days.
pub const LONGEST_ROLLOUT: SignedDuration = SignedDuration::from_hours(14 * 24);

/// When a rollout is over at the latest, with hooks, slow calls and bakes that began again. Still within the life of an
/// execution (15 days by the state machine) and of CloudWatch's one-minute data.
pub const LATEST_END: SignedDuration = SignedDuration::from_secs(LONGEST_ROLLOUT.as_secs() + 12 * 60 * 60);

/// The longest that one state other than a wait can take with all its retries; a hook is the slowest.
/// A claim whose heartbeat is late by more than its wait and this is swept.
pub const SLOWEST_STATE: SignedDuration = SignedDuration::from_mins(20);

/// `time` plus `duration`; the end of time where that overflows.
#[must_use]
pub fn later(time: Timestamp, duration: SignedDuration) -> Timestamp {
    time.checked_add(duration).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_drain_holds_the_last_writers_and_a_complete_sweep() {
        let needed = WRITE_WINDOW.as_secs() + 2 * SWEEP_PERIOD_SECONDS + SWEEP_TIMEOUT_SECONDS;
        assert!(
            DRAIN.as_secs() >= needed,
            "{} s of drain, {needed} s needed",
            DRAIN.as_secs()
        );
    }
}
