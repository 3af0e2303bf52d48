//! Arithmetic that gives the same bits on every machine.
//!
//! The standard library's `ln` and `exp` are the platform's and differ in the last place. A decision must be the same in a
//! function on Graviton and in a replay on a laptop, so they come from `libm`, which is the same code everywhere.

pub(crate) use libm::{exp, expm1 as exp_m1, log as ln, log1p as ln_1p};

/// 2 to the power of 32.
const HIGH: f64 = 4_294_967_296.0;

/// A whole number as a float: exact below 2^53, and the nearest above.
pub(crate) fn real(number: u64) -> f64 {
    let part = |bits: u64| u32::try_from(bits & 0xffff_ffff).unwrap_or(u32::MAX);
    f64::from(part(number >> 32)) * HIGH + f64::from(part(number))
}

/// The same with a sign.
pub(crate) fn signed(number: i64) -> f64 {
    let size = real(number.unsigned_abs());
    if number < 0 { -size } else { size }
}

/// A count of things as a float.
pub(crate) fn count(number: usize) -> f64 {
    real(u64::try_from(number).unwrap_or(u64::MAX))
}

/// A float as a whole number, rounded down; 0 for what is none.
pub(crate) fn floor(number: f64) -> u64 {
    format!("{:.0}", number.max(0.0).floor()).parse().unwrap_or(0)
}

/// A float as a whole number, rounded up; 0 for what is none.
pub(crate) fn ceil(number: f64) -> u64 {
    format!("{:.0}", number.max(0.0).ceil()).parse().unwrap_or(0)
}

/// `ln(sum(exp(x)))`, without overflow; minus infinity for nothing.
pub(crate) fn ln_sum_exp(logs: impl IntoIterator<Item = f64> + Clone) -> f64 {
    let top = logs.clone().into_iter().fold(f64::NEG_INFINITY, f64::max);
    if !top.is_finite() {
        return top;
    }
    top + ln(logs.into_iter().map(|log| exp(log - top)).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::float_cmp, reason = "these are exact")]
    fn whole_numbers_become_floats_exactly() {
        for number in [0, 1, 4_294_967_295, 4_294_967_296, 9_007_199_254_740_991] {
            assert_eq!(format!("{:.0}", real(number)), number.to_string());
        }
        assert_eq!(signed(-3), -3.0);
        assert_eq!((floor(2.9), ceil(2.1), floor(-1.0), ceil(f64::NAN)), (2, 3, 0, 0));
    }

    #[test]
    fn sums_of_exponentials_do_not_overflow() {
        assert!((ln_sum_exp([1e6, 1e6]) - (1e6 + std::f64::consts::LN_2)).abs() < 1e-9);
        assert!(ln_sum_exp([f64::NEG_INFINITY; 2]).is_infinite());
        assert!((ln_sum_exp([f64::NEG_INFINITY, 3.0]) - 3.0).abs() < 1e-12);
    }
}
