//! Latency as counts: how many requests took longer than a threshold that is fixed before the rollout.
//!
//! CloudWatch's trimmed count `TC(x:)` counts the samples above x. It interpolates, so the canary's is rounded down and the
//! baseline's up: the error is on the side of no harm. Percentiles of single windows cannot be added up and carry no such
//! guarantee.

use super::real::{ceil, floor};

/// The canary's slow requests, rounded down and never more than its requests.
#[must_use]
pub fn canary(above: f64, requests: u64) -> u64 {
    floor(above).min(requests)
}

/// The baseline's slow requests, rounded up and never more than its requests. Where the stage's series includes the
/// canary, `above` is what is left after the canary's.
#[must_use]
pub fn baseline(above: f64, requests: u64) -> u64 {
    ceil(above).min(requests)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_interpolated_is_rounded_against_harm_and_clamped() {
        assert_eq!((canary(2.9, 10), baseline(2.1, 10)), (2, 3));
        assert_eq!((canary(12.0, 10), baseline(12.0, 10)), (10, 10));
        assert_eq!((canary(-1.0, 10), baseline(f64::NAN, 10)), (0, 0));
    }
}
