//! The account's limit of management calls.

use jiff::Timestamp;

/// A token bucket: so many calls a second over time, and so many at once.
/// AWS documents 10 a second and a burst of 40 for API Gateway, over all tools of an account and region:
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html>
#[derive(Clone, Copy, Debug)]
pub struct CallLimit {
    per_second: i64,
    burst: i64,
    /// In thousandths of a call, as they were at `at`.
    left: i64,
    at: Timestamp,
}

impl CallLimit {
    /// A full bucket.
    #[must_use]
    pub fn new(per_second: i64, burst: i64, now: Timestamp) -> Self {
        Self {
            per_second,
            burst,
            left: burst * 1000,
            at: now,
        }
    }

    /// API Gateway's.
    #[must_use]
    pub fn of_api_gateway(now: Timestamp) -> Self {
        Self::new(10, 40, now)
    }

    /// Whether a call is let through; if so, it is counted.
    pub fn admits(&mut self, now: Timestamp) -> bool {
        let elapsed = i64::try_from(now.duration_since(self.at).as_millis())
            .unwrap_or(i64::MAX)
            .max(0);
        self.left = self
            .left
            .saturating_add(elapsed.saturating_mul(self.per_second))
            .min(self.burst * 1000);
        self.at = self.at.max(now);
        let admitted = self.left >= 1000;
        if admitted {
            self.left -= 1000;
        }
        admitted
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn a_burst_is_let_through_and_then_ten_a_second() {
        let start = Timestamp::UNIX_EPOCH;
        let mut limit = CallLimit::of_api_gateway(start);
        let admitted = |limit: &mut CallLimit, millis| {
            let now = start + SignedDuration::from_millis(millis);
            (0..100).filter(|_| limit.admits(now)).count()
        };
        assert_eq!(admitted(&mut limit, 0), 40);
        assert_eq!(admitted(&mut limit, 99), 0);
        assert_eq!(admitted(&mut limit, 100), 1);
        assert_eq!(admitted(&mut limit, 1100), 10);
        assert_eq!(admitted(&mut limit, 60_000), 40);
    }
}
