//! What the steps of a plan can notice, how soon, and what it costs until then: expectations, no guarantees.
//!
//! A window must be clean, complete and settled before it counts. So a regression that is there from a step's beginning is
//! noticed after the windows around the change (one and a half in the mean), the windows that the evidence needs, the time to
//! settle, and half a tick.

use super::{
    power::{Expected, Scenario},
    real::{exp, ln_1p},
};
use crate::{
    analysis::Analysis,
    percent::Percent,
    plan::{Plan, Step},
};

/// What a plan can notice.
#[derive(Clone, Debug, PartialEq)]
pub struct Forecast {
    /// Step by step.
    pub steps: Vec<StepForecast>,
    /// When a regression is noticed that is there from the first request; `None` where promotion comes first.
    pub noticed: Option<Noticed>,
    /// Requests a minute that fail because of the regression once the canary has all traffic.
    pub promoted_per_minute: f64,
    /// Requests that fail because of the regression in all steps, if nobody notices.
    pub harmed_in_steps: f64,
}

/// What a step can notice by itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepForecast {
    /// The canary's share.
    pub percent: Percent,
    /// How long it is watched, in seconds.
    pub bake_seconds: u32,
    /// Requests of the canary a minute.
    pub canary_per_minute: f64,
    /// How long it takes to notice a regression that begins with the step, in seconds; infinite where it never is.
    pub seconds_to_notice: f64,
    /// How many requests fail because of it until then.
    pub harmed: f64,
    /// The smallest rate of bad requests that the step notices before its bake is over; `None` where not even a canary
    /// that fails every request is noticed.
    pub smallest_rate: Option<f64>,
    /// What the step is good for.
    pub power: Power,
}

/// What a step is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Power {
    /// It notices the regression before its bake is over.
    Notices,
    /// It notices larger ones.
    TooWeak,
    /// It has too few requests to notice even a canary that fails all of them, or no baseline to compare it with.
    Blind,
    /// Its bake may hold no clean and settled window: alarms only.
    TooShort,
}

/// When a regression is noticed that is there from the first request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Noticed {
    /// In which step, from 0.
    pub step: usize,
    /// How long after the first step began, in seconds.
    pub seconds: f64,
    /// How many requests have failed because of it.
    pub harmed: f64,
}

/// Forecasts a plan whose steps follow each other without a hold.
#[must_use]
pub fn forecast(scenario: Scenario, plan: &Plan, analysis: &Analysis) -> Forecast {
    let clocks = Clocks {
        window: f64::from(analysis.window_seconds),
        settle: f64::from(analysis.settle_seconds),
        tick: f64::from(plan.tick_seconds),
    };
    let mut windows_before = 0.0;
    let mut steps = Vec::new();
    for step in &plan.steps {
        let too_short = !analysis.can_judge(step.bake_seconds);
        steps.push(alone(scenario, step, too_short, windows_before, &clocks));
        windows_before += clocks.clean(step) / clocks.window * telling(&scenario, clocks.window);
    }
    let all = plan.steps.iter().map(|step| f64::from(step.bake_seconds)).sum();
    let noticed = together(scenario, &plan.steps, &clocks).filter(|(_, seconds)| *seconds <= all);
    Forecast {
        steps,
        noticed: noticed.map(|(step, seconds)| Noticed {
            step,
            seconds,
            harmed: harmed(&scenario, &plan.steps, seconds),
        }),
        promoted_per_minute: harmed_per_minute(&scenario, 1.0),
        harmed_in_steps: harmed(&scenario, &plan.steps, all),
    }
}

/// Lengths of time, in seconds.
struct Clocks {
    window: f64,
    settle: f64,
    tick: f64,
}

impl Clocks {
    /// How much of a bake lies in clean windows, in the mean: the change before it masks one and a half windows, and the one
    /// after it half a window.
    fn clean(&self, step: &Step) -> f64 {
        (f64::from(step.bake_seconds) - 2.0 * self.window).max(0.0)
    }

    /// When a step notices what takes so many minutes of evidence. There is no less than a window of it.
    fn noticed(&self, minutes: f64) -> f64 {
        let windows = (minutes * 60.0 / self.window).ceil().max(1.0);
        (1.5 + windows) * self.window + self.settle + self.tick / 2.0
    }
}

fn share(step: &Step) -> f64 {
    f64::from(step.percent.hundredths()) / f64::from(Percent::ALL.hundredths())
}

fn harmed_per_minute(scenario: &Scenario, share: f64) -> f64 {
    scenario.per_minute * share * (scenario.canary_rate - scenario.baseline_rate)
}

/// How many requests have failed because of the regression, so long after the first step began.
fn harmed(scenario: &Scenario, steps: &[Step], seconds: f64) -> f64 {
    let mut left = seconds;
    let parts = steps.iter().map(|step| {
        let part = left.clamp(0.0, f64::from(step.bake_seconds));
        left -= part;
        harmed_per_minute(scenario, share(step)) * part / 60.0
    });
    parts.sum()
}

/// The chance that a window before the regression has a bad request at all: those that have none cost nothing.
fn telling(scenario: &Scenario, window: f64) -> f64 {
    let requests = scenario.per_minute * window / 60.0;
    1.0 - exp(requests * ln_1p(-scenario.baseline_rate))
}

fn alone(scenario: Scenario, step: &Step, too_short: bool, windows_before: f64, clocks: &Clocks) -> StepForecast {
    let seconds_for = |canary_rate: f64| {
        let scenario = Scenario {
            canary_rate,
            ..scenario
        };
        clocks.noticed(Expected::late(scenario, windows_before).minutes(share(step)))
    };
    let bake = f64::from(step.bake_seconds);
    let seconds_to_notice = seconds_for(scenario.canary_rate);
    let smallest_rate = (!too_short)
        .then(|| smallest(scenario.baseline_rate, |rate| seconds_for(rate) <= bake))
        .flatten();
    let power = match smallest_rate {
        _ if too_short => Power::TooShort,
        None => Power::Blind,
        Some(_) if seconds_to_notice <= bake => Power::Notices,
        Some(_) => Power::TooWeak,
    };
    StepForecast {
        percent: step.percent,
        bake_seconds: step.bake_seconds,
        canary_per_minute: scenario.per_minute * share(step),
        seconds_to_notice,
        harmed: harmed_per_minute(&scenario, share(step)) * seconds_to_notice / 60.0,
        smallest_rate,
        power,
    }
}

/// The smallest rate above the baseline's for which something holds that holds for all larger ones; `None` where it does
/// not hold for a rate of 1.
fn smallest(baseline_rate: f64, holds: impl Fn(f64) -> bool) -> Option<f64> {
    if !holds(1.0) {
        return None;
    }
    let (mut below, mut above) = (baseline_rate, 1.0);
    for _ in 0..40 {
        let middle = f64::midpoint(below, above);
        if holds(middle) {
            above = middle;
        } else {
            below = middle;
        }
    }
    Some(above)
}

/// In which step, and how long after the first began, the evidence of all steps together suffices.
fn together(scenario: Scenario, steps: &[Step], clocks: &Clocks) -> Option<(usize, f64)> {
    let mut expected = Expected::new(scenario);
    let mut begun = 0.0;
    for (index, step) in steps.iter().enumerate() {
        let clean = clocks.clean(step) / 60.0;
        let minutes = expected.minutes(share(step));
        if minutes <= clean && clean > 0.0 {
            return Some((index, begun + clocks.noticed(minutes)));
        }
        expected.gain(share(step), clean);
        begun += f64::from(step.bake_seconds);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Hold;

    const SCENARIO: Scenario = Scenario {
        per_minute: 600.0,
        baseline_rate: 0.001,
        canary_rate: 0.01,
        alpha: 0.001,
        metrics: 1.0,
    };

    fn of(steps: &[(u16, u32)]) -> Forecast {
        let step = |(percent, bake_seconds): &(u16, u32)| Step {
            percent: Percent::from_hundredths(percent * 100).unwrap(),
            bake_seconds: *bake_seconds,
            approval: false,
        };
        let plan = Plan {
            steps: steps.iter().map(step).collect(),
            final_bake_seconds: 600,
            tick_seconds: 60,
            approval_timeout_seconds: 600,
            hold: Hold::default(),
        };
        forecast(SCENARIO, &plan, &Analysis::default())
    }

    #[test]
    fn a_regression_is_noticed_after_masked_windows_its_evidence_and_the_time_to_settle() {
        let minutes = Expected::new(SCENARIO).minutes(0.1).ceil();
        let seconds = 90.0 + minutes * 60.0 + 120.0 + 30.0;
        let forecast = of(&[(10, 3_600)]);
        let [step] = forecast.steps.as_slice() else {
            panic!("{forecast:?}")
        };
        assert!((step.seconds_to_notice - seconds).abs() < 1e-6, "{step:?}");
        assert_eq!(step.power, Power::Notices);
        // 600 x 10 % x 0.9 % = 0.54 a minute.
        let noticed = forecast.noticed.unwrap();
        assert!((noticed.seconds - seconds).abs() < 1e-6 && (noticed.harmed - seconds / 60.0 * 0.54).abs() < 1e-6);
        assert!((forecast.harmed_in_steps - 60.0 * 0.54).abs() < 1e-6);
        assert!((forecast.promoted_per_minute - 5.4).abs() < 1e-6);
    }

    #[test]
    fn steps_that_are_too_weak_by_themselves_notice_it_together() {
        let forecast = of(&[(10, 600), (12, 600), (14, 600)]);
        assert!(
            forecast.steps.iter().all(|step| step.power == Power::TooWeak),
            "{forecast:?}"
        );
        let noticed = forecast.noticed.unwrap();
        assert_eq!(noticed.step, 1);
        assert!(noticed.seconds > 600.0 && noticed.seconds < 1_500.0, "{noticed:?}");
        assert_eq!(of(&[(10, 600)]).noticed, None);
    }

    #[test]
    fn the_smallest_rate_that_a_step_notices_is_noticed_just_in_time() {
        let forecast = of(&[(10, 900)]);
        let smallest = forecast.steps[0].smallest_rate.unwrap();
        let minutes = |canary_rate| {
            let scenario = Scenario {
                canary_rate,
                ..SCENARIO
            };
            Expected::new(scenario).minutes(0.1)
        };
        // 900 s less 90 s, 120 s and 30 s are eleven windows.
        assert!(
            minutes(smallest) <= 11.0 && minutes(smallest * 0.999) > 11.0,
            "{smallest}"
        );
    }

    #[test]
    fn a_step_without_a_clean_window_or_without_a_baseline_notices_nothing() {
        let forecast = of(&[(10, 299), (100, 3_600)]);
        let powers: Vec<_> = forecast.steps.iter().map(|step| step.power).collect();
        assert_eq!(powers, [Power::TooShort, Power::Blind]);
        assert!(forecast.steps.iter().all(|step| step.smallest_rate.is_none()));
        assert_eq!(forecast.noticed, None);
    }
}
