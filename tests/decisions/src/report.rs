//! What was simulated, as tables for the terminal and for docs/decisions.md.

use serin_report::{row, table};

use crate::{
    late::Late,
    rules::{NAMES, RULES},
    setting::Setting,
    summary::{Delay, Estimate, Summary},
    target::Target,
};

/// A setting and what each rule did with it.
#[derive(Clone, Debug)]
pub struct Compared {
    /// The kind of release.
    pub setting: Setting,
    /// By rule.
    pub summaries: [Summary; RULES],
    /// How often each rule rolls back the same release if its canary is no worse: without a regression that is what it did.
    pub healthy: [Estimate; RULES],
    /// What was promised.
    pub target: Option<Target>,
}

/// Every promise and whether it is kept.
#[must_use]
pub fn targets(all: &[Compared]) -> String {
    let mut rows = vec![row(["release", "wanted", "reached", "verdict"])];
    for compared in all {
        if let Some(target) = &compared.target {
            let verdict = if target.met { "pass" } else { "MISS" };
            rows.push(row([&compared.setting.name, &target.wanted, &target.reached, verdict]));
        }
    }
    table(4, &rows)
}

/// Healthy releases that were rolled back, by rule.
#[must_use]
pub fn healthy(all: &[Compared]) -> String {
    let mut head = row(["healthy release"]);
    head.extend(NAMES.map(str::to_owned));
    let mut rows = vec![head];
    for compared in all.iter().filter(|compared| compared.setting.regression.is_none()) {
        let mut row = row([&compared.setting.name]);
        row.extend(compared.healthy.iter().map(percent));
        rows.push(row);
    }
    table(1, &rows)
}

/// Regressions: which were missed, when the others were noticed, and whom they harmed.
#[must_use]
pub fn regressions(all: &[Compared]) -> String {
    let mut rows = vec![row([
        "regression",
        "rule",
        "missed",
        "median minutes to notice",
        "requests harmed, mean",
        "rolled back if healthy",
    ])];
    for compared in all.iter().filter(|compared| compared.setting.regression.is_some()) {
        let bound = compared.setting.bound().unwrap_or(f64::INFINITY);
        let mut name = format!("{}; bound {bound:.1} min", compared.setting.name);
        for ((summary, healthy), rule) in compared.summaries.iter().zip(&compared.healthy).zip(NAMES) {
            let [missed, minutes, harmed] = noticed(summary);
            rows.push(row([&name, rule, &missed, &minutes, &harmed, &percent(healthy)]));
            name.clear();
        }
    }
    table(2, &rows)
}

/// How soon late regressions are noticed, with and without mixing over start times.
#[must_use]
pub fn late(all: &[Late]) -> String {
    let mut rows = vec![row([
        "regression",
        "begins after",
        "bound, min",
        "mixed: median minutes",
        "not mixed: median minutes",
    ])];
    for late in all {
        let begin = late.setting.regression.map_or(0, |regression| regression.from);
        let begin = if begin == 0 {
            "-".to_owned()
        } else {
            format!("{} h", begin / 60)
        };
        let bound = format!("{:.1}", late.setting.bound().unwrap_or(f64::INFINITY));
        let [mixed, whole] = [&late.mixed, &late.whole].map(minutes);
        rows.push(row([&late.setting.name, &begin, &bound, &mixed, &whole]));
    }
    table(2, &rows)
}

/// `0.06 % [0.03, 0.1]`.
fn percent(share: &Estimate) -> String {
    let [value, low, high] = [share.value, share.low, share.high].map(|share| digits(share * 100.0));
    format!("{value} % [{low}, {high}]")
}

/// How many regressions were missed, how soon the others were noticed, and how many requests were harmed.
fn noticed(summary: &Summary) -> [String; 3] {
    let minutes = minutes(&summary.delay);
    if summary.delay == Delay::NoneLeft {
        return [String::new(), minutes, String::new()];
    }
    [percent(&summary.missed), minutes, whole(&summary.harmed)]
}

fn minutes(delay: &Delay) -> String {
    match delay {
        Delay::NoneLeft => "all rolled back before".to_owned(),
        Delay::Never => "over half missed".to_owned(),
        Delay::Median(minutes) => format!("{:.0} [{:.0}, {:.0}]", minutes.value, minutes.low, minutes.high),
    }
}

fn whole(number: &Estimate) -> String {
    let [value, low, high] = [number.value, number.low.max(0.0), number.high].map(digits);
    format!("{value} [{low}, {high}]")
}

/// About two significant digits of what is below 10, whole numbers above.
fn digits(number: f64) -> String {
    let decimals = match number.abs() {
        size if size >= 9.95 => 0,
        size if size >= 0.995 => 1,
        _ => 2,
    };
    let text = format!("{number:.decimals$}");
    if decimals == 0 {
        return text;
    }
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_their_intervals() {
        let estimate = Estimate {
            value: 0.000_6,
            low: 0.000_3,
            high: 0.123,
        };
        assert_eq!(percent(&estimate), "0.06 % [0.03, 12]");
        assert_eq!(digits(100.0), "100");
    }
}
