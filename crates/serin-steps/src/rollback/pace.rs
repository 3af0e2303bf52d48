//! The pace of one invocation's calls to API Gateway once the account's limit is met.

use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use serin_core::{timing::CALL_PACE, timing::later};

use crate::ports::Clock;

/// As fast as calls are answered until one of them is throttled; from then on one after the other, at the account's rate.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// The next turn, once there are turns.
    next: Mutex<Option<Timestamp>>,
}

impl Pace {
    /// A call was throttled: those that follow take turns.
    pub(super) fn throttled(&self, now: Timestamp) {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        *next = Some(next.map_or(now, |next| next.max(now)));
    }

    /// Waits for a turn.
    pub(super) async fn turn(&self, clock: &impl Clock) {
        let wait = self.take(clock.now());
        if wait.is_positive() {
            clock.sleep(wait).await;
        }
    }

    fn take(&self, now: Timestamp) -> SignedDuration {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(turn) = next.map(|turn| turn.max(now)) else {
            return SignedDuration::ZERO;
        };
        *next = Some(later(turn, CALL_PACE));
        turn.duration_since(now)
    }
}
