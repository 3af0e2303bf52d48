//! The targets of `make bench-decisions`, on fewer releases.

#![expect(clippy::panic, reason = "a check fails by panicking")]

use serin_decisions::{
    late,
    rules::RULES,
    setting::{self, Setting},
    simulation::simulate,
    summary::{Summary, summary},
    target::target,
};

const SEED: u64 = 41;

/// What each rule did with fewer releases of a kind.
fn simulated(mut setting: Setting, runs: u32) -> (Setting, Vec<Summary>) {
    setting.runs = runs;
    let outcomes = simulate(&setting, SEED);
    let summaries = (0..RULES).map(|rule| summary(&setting, &outcomes, rule)).collect();
    (setting, summaries)
}

fn named(all: Vec<Setting>, name: &str) -> Setting {
    let found = all.into_iter().find(|setting| setting.name == name);
    found.unwrap_or_else(|| panic!("there is no {name:?}"))
}

#[test]
fn healthy_releases_are_rolled_back_no_more_often_than_promised() {
    for setting in setting::healthy().into_iter().filter(|setting| setting.minutes == 60) {
        let (setting, summaries) = simulated(setting, 1_500);
        let target = target(&setting, &summaries[0]).unwrap();
        assert!(target.met, "{}: {target:?}", setting.name);
    }
}

#[test]
fn regressions_are_noticed_about_as_soon_as_any_test_can() {
    for setting in setting::regressions()
        .into_iter()
        .filter(|setting| setting.minutes <= 180)
    {
        let (setting, summaries) = simulated(setting, 200);
        let Some(target) = target(&setting, &summaries[0]) else {
            continue;
        };
        assert!(target.met, "{}: {target:?}", setting.name);
        assert!(
            summaries[0].missed.value < 0.2,
            "{}: {:?}",
            setting.name,
            summaries[0].missed
        );
    }
}

/// A late leak has no target. What is promised is that it need not make up for the hours before it, and that a regression
/// from the first minute on is noticed about as soon as without that.
#[test]
fn a_late_regression_does_not_have_to_make_up_for_the_time_before_it() {
    for mut setting in setting::late().into_iter().filter(|setting| setting.per_minute == 600) {
        setting.runs = 100;
        let begin = setting.regression.unwrap().from;
        let late = late::compare(setting, SEED);
        let (mixed, whole) = (late.mixed.minutes(), late.whole.minutes());
        if begin == 0 {
            assert!(mixed <= whole + 1.0, "{late:?}");
        }
        if begin >= 240 {
            assert!(mixed < 0.7 * whole, "{late:?}");
        }
    }
}

/// By the formula: with a chance of 1 - 0.999^600 = 0.451 a minute has an error, and 0.510 of all runs of five minutes have
/// two such minutes running.
#[test]
fn the_published_alarm_rolls_back_half_of_the_healthy_releases_within_five_minutes() {
    let mut setting = named(setting::healthy(), "6,000/min, 10 %, 0.1 % fail");
    setting.minutes = 5;
    let (_, summaries) = simulated(setting, 3_000);
    let share = summaries[1].false_rollbacks;
    assert!(share.low < 0.51 && share.high > 0.51, "{share:?}");
}

/// The forecast for people who plan a rollout is what the simulation finds, within a quarter or a window.
#[test]
fn the_forecast_is_what_is_found() {
    use serin_core::evidence::power::{Expected, Scenario};
    for name in [
        "600/min, 10 %, 0.1 -> 1 %",
        "60/min, 10 %, 0.1 -> 5 %",
        "600/min, 10 %, 1 -> 2 %",
    ] {
        let (setting, summaries) = simulated(named(setting::regressions(), name), 400);
        let expected = Expected::new(Scenario {
            per_minute: f64::from(setting.per_minute),
            baseline_rate: setting.baseline_rate,
            canary_rate: setting.regression.unwrap().rate,
            alpha: 0.001,
            metrics: 1.0,
        });
        let forecast = expected.minutes(setting.share);
        let found = summaries[0].delay.minutes();
        assert!(
            (found - forecast).abs() <= (0.25 * forecast).max(1.0),
            "{name}: {found} min, forecast {forecast:.1}"
        );
    }
}
