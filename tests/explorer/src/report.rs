//! What a search came to, for people.

use std::{fmt, time::Duration};

use crate::{bound::Bound, check::Counts, search::Report, sometimes::Sometimes};

/// One search: what was covered, and a counterexample if there is one.
#[must_use]
pub fn describe(bound: &Bound, report: &Report) -> String {
    let mut text = format!(
        "{:<14} {:>10} states {:>11} transitions {:>8.1e} schedules {:>6} histories {:>5} accounts {:>6.1} s  {} ({})",
        bound.name,
        report.states,
        report.transitions,
        report.schedules,
        report.histories,
        report.accounts,
        report.took.as_secs_f64(),
        bound.about,
        bound.left,
    );
    if let Some(violation) = &report.violation {
        text.push_str("\n  BROKEN, invariant ");
        text.push_str(&violation.text);
        text.push('\n');
        text.push_str(&violation.story.join("\n"));
    } else if !report.complete {
        text.push_str("\n  NOT ALL OF IT: too many states");
    }
    for what in missed(bound, report) {
        text.push_str("\n  NEVER: ");
        text.push_str(what);
    }
    text
}

/// What the bound is about and the search never reached.
#[must_use]
pub fn missed(bound: &Bound, report: &Report) -> Vec<&'static str> {
    let wanted = bound.reaches.iter().filter(|what| reached(&report.counts, **what) == 0);
    wanted.map(|what| what.text()).collect()
}

fn reached(counts: &Counts, what: Sometimes) -> u64 {
    let all = Sometimes::ALL.iter().zip(counts);
    all.filter(|(known, _)| **known == what).map(|(_, count)| count).sum()
}

/// Several searches.
#[derive(Clone, Copy, Debug)]
pub struct Total {
    /// States of all of them.
    pub states: usize,
    /// Transitions of all of them.
    pub transitions: u64,
    /// Schedules of all of them, at least.
    pub schedules: f64,
    /// How long they took, one after the other.
    pub took: Duration,
    /// Whether all of every bound was searched.
    pub complete: bool,
    /// Counterexamples.
    pub violations: usize,
    /// What a bound is about and was never reached in it.
    pub missed: usize,
    /// What was reached.
    pub counts: Counts,
}

impl Default for Total {
    fn default() -> Self {
        Self {
            states: 0,
            transitions: 0,
            schedules: 0.0,
            took: Duration::ZERO,
            complete: true,
            violations: 0,
            missed: 0,
            counts: [0; Sometimes::ALL.len()],
        }
    }
}

impl Total {
    /// One more search.
    pub fn add(&mut self, bound: &Bound, report: &Report) {
        self.states += report.states;
        self.transitions += report.transitions;
        self.schedules += report.schedules;
        self.took += report.took;
        self.complete &= report.complete;
        self.violations += usize::from(report.violation.is_some());
        self.missed += missed(bound, report).len();
        for (total, count) in self.counts.iter_mut().zip(report.counts) {
            *total += count;
        }
    }

    /// What was never reached.
    #[must_use]
    pub fn never(&self) -> Vec<&'static str> {
        let all = Sometimes::ALL.iter().zip(self.counts);
        all.filter(|(_, count)| *count == 0)
            .map(|(what, _)| what.text())
            .collect()
    }
}

impl fmt::Display for Total {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (what, count) in Sometimes::ALL.iter().zip(self.counts) {
            writeln!(formatter, "{count:>12}  times: {}", what.text())?;
        }
        write!(
            formatter,
            "covered: {} states, {} transitions, more than {:.1e} schedules, {:.0} s, {} counterexamples",
            self.states,
            self.transitions,
            self.schedules,
            self.took.as_secs_f64(),
            self.violations
        )
    }
}
