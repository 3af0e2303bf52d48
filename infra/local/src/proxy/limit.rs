//! A rate limit as AWS has it: so many calls a second, and a burst on top.

use std::time::{Duration, Instant};

/// A token bucket: it holds at most `burst` tokens, gains `per_second` of them each second, and a call takes one.
#[derive(Clone, Debug)]
pub struct RateLimit {
    per_second: u32,
    burst: u32,
    tokens: f64,
    filled_at: Instant,
}

impl RateLimit {
    /// A full bucket.
    #[must_use]
    pub fn new(per_second: u32, burst: u32, now: Instant) -> Self {
        Self {
            per_second,
            burst,
            tokens: f64::from(burst),
            filled_at: now,
        }
    }

    /// What API Gateway allows an account and region for all management calls: 10 a second, burst 40 (Amazon API Gateway
    /// Developer Guide, "Quotas").
    #[must_use]
    pub fn of_api_gateway(now: Instant) -> Self {
        Self::new(10, 40, now)
    }

    /// Whether a call at `now` is admitted; if so, it has taken its token.
    pub fn admits(&mut self, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.filled_at);
        self.tokens = (self.tokens + self.gained(passed)).min(f64::from(self.burst));
        self.filled_at = self.filled_at.max(now);
        let admits = self.tokens >= 1.0;
        if admits {
            self.tokens -= 1.0;
        }
        admits
    }

    fn gained(&self, passed: Duration) -> f64 {
        passed.as_secs_f64() * f64::from(self.per_second)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admitted(limit: &mut RateLimit, now: Instant, calls: u32) -> u32 {
        (0..calls).map(|_| u32::from(limit.admits(now))).sum()
    }

    #[test]
    fn a_burst_is_admitted_and_then_so_many_a_second() {
        let start = Instant::now();
        let mut limit = RateLimit::of_api_gateway(start);
        assert_eq!(admitted(&mut limit, start, 200), 40);
        assert_eq!(admitted(&mut limit, start + Duration::from_millis(250), 200), 2);
        assert_eq!(admitted(&mut limit, start + Duration::from_millis(1250), 200), 10);
        assert_eq!(
            admitted(&mut limit, start + Duration::from_mins(1), 200),
            40,
            "no more than the burst is saved up"
        );
    }

    #[test]
    fn a_clock_that_is_read_out_of_order_gives_nothing_twice() {
        let start = Instant::now();
        let later = start + Duration::from_secs(1);
        let mut limit = RateLimit::new(1, 1, start);
        assert!(limit.admits(later));
        assert!(!limit.admits(start));
        assert!(!limit.admits(later));
    }
}
