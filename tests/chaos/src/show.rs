//! What a person sees: a line for each round that goes on, one that stays for each that has ended, and a table at the end.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use serin_local::{Line, Result, Style, Terminal};

use crate::{
    round::Outcome,
    script::{Release, Script},
    verdict::End,
};

/// What a round is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Its API is deployed.
    Deploying,
    /// The rollout goes on.
    Rolling,
    /// The rollout has ended, or should have.
    Settling,
    /// The next rollout waits until the stage has drained.
    Draining,
}

/// The screen.
pub(crate) struct Board {
    terminal: Terminal,
    started: Instant,
    running: BTreeMap<u64, (Instant, Phase, String)>,
    rounds: usize,
    ended: usize,
}

impl Board {
    pub(crate) fn new(seed: u64, rounds: usize, at_once: usize) -> Self {
        let mut terminal = Terminal::new();
        let title = format!("Serin, broken on purpose: {rounds} rounds from seed {seed}, {at_once} at a time");
        terminal.say(&Line::styled(Style::Bold, title));
        Self {
            terminal,
            started: Instant::now(),
            running: BTreeMap::new(),
            rounds,
            ended: 0,
        }
    }

    /// Something that happens before the rounds.
    pub(crate) fn prepare(&mut self, what: &str) {
        self.terminal
            .show(vec![Line::styled(Style::Dim, format!("  {what} ..."))]);
    }

    /// A round does something else now.
    pub(crate) fn tell(&mut self, script: &Script, phase: Phase) {
        let started = self
            .running
            .get(&script.seed)
            .map_or_else(Instant::now, |(started, ..)| *started);
        self.running.insert(script.seed, (started, phase, faults(script)));
        self.draw();
    }

    /// Shows how long everything takes.
    pub(crate) fn draw(&mut self) {
        let (ended, rounds, seconds) = (self.ended, self.rounds, self.started.elapsed().as_secs());
        let doing = |(seed, (_, phase, _)): (&u64, &(Instant, Phase, String))| format!("{seed} {}", phase.name());
        let doing: Vec<_> = self.running.iter().map(doing).collect();
        let head = format!(
            "  {ended} of {rounds} rounds have ended, {seconds} s; {}",
            doing.join(", ")
        );
        let mut lines = vec![Line::styled(Style::Dim, head)];
        for (seed, (started, phase, faults)) in &self.running {
            let (seconds, phase) = (started.elapsed().as_secs(), phase.name());
            let line = Line::plain(format!("  ..    {seed:>6}  {phase:<11}  {seconds:>4} s  "));
            lines.push(line.and(Style::Dim, faults.clone()));
        }
        self.terminal.show(lines);
    }

    /// A round has ended.
    pub(crate) fn end(&mut self, script: &Script, outcome: &Result<Outcome>) {
        let running = self.running.remove(&script.seed);
        let took = running.map_or(Duration::ZERO, |(started, ..)| started.elapsed());
        self.ended += 1;
        let (good, how, to_reset, struck) = match outcome {
            Ok(outcome) => (
                outcome.violations.is_empty(),
                outcome.end.map_or("no end", End::name),
                outcome.to_reset.map_or_else(String::new, seconds),
                counts(&outcome.struck),
            ),
            Err(_) => (false, "error", String::new(), String::new()),
        };
        let (style, mark) = if good {
            (Style::Green, "ok  ")
        } else {
            (Style::Red, "FAIL")
        };
        let (seed, took) = (script.seed, took.as_secs());
        let line = Line::styled(style, format!("  {mark}  "))
            .and(
                Style::Plain,
                format!("{seed:>6}  {how:<11}  {to_reset:>7}  {took:>4} s  "),
            )
            .and(Style::Dim, format!("{}: {struck}", faults(script)));
        self.terminal.say(&line);
        let wrong = match outcome {
            Ok(outcome) => outcome.violations.clone(),
            Err(error) => vec![error.to_string()],
        };
        for violation in wrong {
            self.terminal
                .say(&Line::styled(Style::Red, format!("          {violation}")));
        }
        self.draw();
    }

    /// The table, how to repeat what failed, and which calls the template would not have let through.
    pub(crate) fn sum_up(&mut self, scripts: &[Script], outcomes: &[Result<Outcome>], ungranted: &BTreeSet<String>) {
        self.terminal.clear();
        self.terminal.gap();
        let head = format!(
            "  {:<12}  {:>6}  {:>28}",
            "ended", "rounds", "alarm to reset, worst/median"
        );
        self.terminal.say(&Line::styled(Style::Bold, head));
        for end in [Some(End::Promoted), Some(End::RolledBack), Some(End::Refused), None] {
            let of_it: Vec<_> = outcomes.iter().flatten().filter(|outcome| outcome.end == end).collect();
            let mut resets: Vec<_> = of_it.iter().filter_map(|outcome| outcome.to_reset).collect();
            resets.sort();
            let median = resets.get(resets.len().saturating_sub(1) / 2).copied();
            let times = resets.last().copied().zip(median);
            let times = times.map_or_else(String::new, |(worst, median)| {
                format!("{} / {}", seconds(worst), seconds(median))
            });
            if !of_it.is_empty() {
                let (name, count) = (end.map_or("no end", End::name), of_it.len());
                self.terminal
                    .say(&Line::plain(format!("  {name:<12}  {count:>6}  {times:>28}")));
            }
        }
        let mut struck = BTreeMap::new();
        for (effect, count) in outcomes.iter().flatten().flat_map(|outcome| &outcome.struck) {
            *struck.entry(*effect).or_default() += count;
        }
        self.terminal.say(&Line::styled(
            Style::Dim,
            format!("  {} s; calls {}", self.started.elapsed().as_secs(), counts(&struck)),
        ));
        self.terminal.gap();
        let failed: Vec<_> = scripts
            .iter()
            .zip(outcomes)
            .filter(|(_, outcome)| !holds(outcome))
            .collect();
        if failed.is_empty() {
            let after: Vec<_> = outcomes
                .iter()
                .flatten()
                .filter_map(|outcome| outcome.after_reset)
                .collect();
            let (resets, requests) = (after.len(), after.iter().sum::<u32>());
            let line = format!(
                "every stage ended safe and unlocked; of {requests} requests after {resets} acknowledged resets none reached a canary"
            );
            self.terminal.say(&Line::styled(Style::Green, line));
        }
        for (script, _) in failed {
            let line = format!("to repeat: make chaos SEED={} ROUNDS=1", script.seed);
            self.terminal.say(&Line::styled(Style::Red, line));
        }
        for call in ungranted {
            self.terminal.say(&Line::styled(Style::Red, call.clone()));
        }
    }
}

/// Whether a round went as it must.
pub(crate) fn holds(outcome: &Result<Outcome>) -> bool {
    outcome.as_ref().is_ok_and(|outcome| outcome.violations.is_empty())
}

fn faults(script: &Script) -> String {
    let before = script.before.iter().map(|way| format!("{} before", way.name()));
    let acts = script
        .acts
        .iter()
        .map(|(at, act)| format!("{act} at {} s", at.as_secs()));
    let after = script.after.iter().map(|way| format!("{} after", way.name()));
    let broken = (script.release == Release::Broken).then(|| "broken version".to_owned());
    let again = script.again.then(|| "begins again".to_owned());
    let all: Vec<_> = broken
        .into_iter()
        .chain(before)
        .chain(acts)
        .chain(after)
        .chain(again)
        .collect();
    all.join(", ")
}

/// Such as `2 late, 5 throttled`.
fn counts(struck: &BTreeMap<&'static str, usize>) -> String {
    let counts: Vec<_> = struck
        .iter()
        .map(|(effect, count)| format!("{count} {effect}"))
        .collect();
    if counts.is_empty() {
        "no call struck".to_owned()
    } else {
        counts.join(", ")
    }
}

fn seconds(duration: Duration) -> String {
    format!("{:.2} s", duration.as_secs_f64())
}

impl Phase {
    fn name(self) -> &'static str {
        match self {
            Self::Deploying => "deploying",
            Self::Rolling => "rolling out",
            Self::Settling => "settling",
            Self::Draining => "draining",
        }
    }
}

impl End {
    fn name(self) -> &'static str {
        match self {
            Self::Promoted => "promoted",
            Self::RolledBack => "rolled back",
            Self::Refused => "refused",
        }
    }
}
