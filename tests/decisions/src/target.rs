//! What Serin promises, checked.

use crate::{rules::ALPHA, setting::Setting, summary::Summary};

/// Longer than a window or two, so that the whole windows that evidence comes in are no matter: in minutes.
const LONG: f64 = 5.0;

/// How much longer than the bound it may take.
const SLACK: f64 = 1.5;

/// A promise about one setting, and whether it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// What is promised.
    pub wanted: String,
    /// What was found.
    pub reached: String,
    /// Whether it is kept.
    pub met: bool,
}

/// The promise for the setting, by what Serin did with it; `None` where there is none.
///
/// A healthy release is rolled back with a chance of at most alpha, to which three standard errors are added. A regression
/// that is there from the beginning is noticed, in the median, within 1.5 times the information bound, wherever that is
/// above five windows. The bound says nothing of one that begins later: it would have to know when.
#[must_use]
pub fn target(setting: &Setting, serin: &Summary) -> Option<Target> {
    let Some(regression) = setting.regression else {
        let error = (ALPHA * (1.0 - ALPHA) / f64::from(setting.runs)).sqrt();
        let most = ALPHA + 3.0 * error;
        return Some(Target {
            wanted: format!("at most {:.3} % rolled back", most * 100.0),
            reached: format!("{:.3} %", serin.false_rollbacks.value * 100.0),
            met: serin.false_rollbacks.value <= most,
        });
    };
    let bound = setting.bound().filter(|bound| *bound > LONG && regression.from == 0)?;
    let minutes = serin.delay.minutes();
    Some(Target {
        wanted: format!("noticed within {:.1} min = {SLACK} x {bound:.1} min", SLACK * bound),
        reached: format!("{minutes:.0} min = {:.2} x", minutes / bound),
        met: minutes <= SLACK * bound,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        setting,
        summary::{Delay, Estimate},
    };

    fn serin(false_rollbacks: f64, minutes: Option<f64>) -> Summary {
        let estimate = |value| Estimate {
            value,
            low: value,
            high: value,
        };
        Summary {
            false_rollbacks: estimate(false_rollbacks),
            missed: estimate(0.0),
            delay: minutes.map_or(Delay::Never, |minutes| Delay::Median(estimate(minutes))),
            harmed: estimate(1.0),
        }
    }

    #[test]
    fn too_many_false_rollbacks_miss_the_target() {
        let setting = setting::healthy().remove(0);
        assert!(target(&setting, &serin(0.0016, None)).unwrap().met);
        assert!(!target(&setting, &serin(0.0017, None)).unwrap().met);
    }

    #[test]
    fn a_late_median_misses_the_target_and_a_short_bound_has_none() {
        let all = setting::regressions();
        let tenfold = all
            .iter()
            .find(|setting| setting.name == "600/min, 10 %, 0.1 -> 1 %")
            .unwrap();
        assert!(target(tenfold, &serin(0.0, Some(15.0))).unwrap().met);
        assert!(!target(tenfold, &serin(0.0, Some(16.0))).unwrap().met);
        assert!(!target(tenfold, &serin(0.0, None)).unwrap().met);
        let without: Vec<_> = all
            .iter()
            .filter(|setting| target(setting, &serin(0.0, None)).is_none())
            .collect();
        assert!(
            without
                .iter()
                .all(|setting| { setting.bound().unwrap() <= LONG || setting.regression.unwrap().from > 0 })
        );
        assert!(!without.is_empty() && without.len() < all.len() - 5);
    }
}
