//! Shows a rollout while it goes on: what was decided and why, as lines that stay; the split and the errors below them, live.

use std::{
    cell::RefCell,
    time::{Duration, Instant},
};

use jiff::Timestamp;

use crate::{
    api::{ALIAS, Api, StageView},
    error::{Error, Result},
    load::{Count, Load, Tally},
    rollout::{Entry, Execution, Rollout},
    terminal::{Line, Style, Terminal},
};

const LOOK_EVERY: Duration = Duration::from_millis(250);

/// A rollout that is watched.
pub(super) struct Watch<'a> {
    pub(super) api: &'a Api,
    pub(super) rollout: &'a Rollout,
    pub(super) load: &'a Load,
    pub(super) baseline: &'a str,
    pub(super) canary: &'a str,
    pub(super) limit: Duration,
    /// What else happens meanwhile, for the person who watches.
    pub(super) news: &'a News,
}

/// Lines from beside the rollout.
#[derive(Debug, Default)]
pub(super) struct News(RefCell<Vec<String>>);

impl News {
    /// Has a line shown.
    pub(super) fn tell(&self, text: impl Into<String>) {
        self.0.borrow_mut().push(text.into());
    }
}

/// What was seen.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// How it ended.
    pub(super) execution: Option<Execution>,
    /// Each share that the canary had, and what was counted meanwhile.
    pub(super) shares: Vec<Share>,
    /// The stage when it was first seen without the canary that it had.
    pub(super) reset: Option<StageView>,
    /// The whole timeline.
    pub(super) timeline: Vec<Entry>,
}

/// What was counted while the canary had one share.
#[derive(Clone, Debug)]
pub(super) struct Share {
    pub(super) percent: f64,
    pub(super) since: Duration,
    pub(super) tally: Tally,
}

impl Watch<'_> {
    /// Watches until the execution has ended.
    pub(super) async fn until_end(&self, terminal: &mut Terminal) -> Result<Seen> {
        let (started, began) = (Instant::now(), Timestamp::now());
        let mut seen = Seen::default();
        loop {
            let (execution, view) = tokio::try_join!(self.rollout.execution(), self.api.view())?;
            self.follow(&mut seen, view);
            for text in self.news.0.take() {
                let after = Timestamp::now().duration_since(began).as_secs_f64();
                terminal
                    .say(&Line::styled(Style::Dim, format!("  +{after:>5.1} s  {:<9} ", "")).and(Style::Yellow, text));
            }
            self.tell_timeline(terminal, &mut seen, began).await?;
            terminal.show(self.state(&seen));
            if !execution.runs() {
                terminal.clear();
                seen.execution = Some(execution);
                return Ok(seen);
            }
            if started.elapsed() > self.limit {
                return Err(Error::TooLate {
                    what: format!("the end of rollout {}", self.rollout.id),
                    seconds: self.limit.as_secs(),
                });
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Notes a new share, and counts for the one that there is.
    #[expect(
        clippy::float_cmp,
        reason = "a share is the number that was set, not one that was computed"
    )]
    fn follow(&self, seen: &mut Seen, view: StageView) {
        let now = self.load.elapsed();
        match view
            .canary
            .as_ref()
            .map(|canary| canary.percent)
            .filter(|percent| *percent > 0.0)
        {
            Some(percent) if seen.shares.last().is_none_or(|share| share.percent != percent) => {
                // The second under way has answers from before the change.
                let since = now + Duration::from_secs(1);
                seen.shares.push(Share {
                    percent,
                    since,
                    tally: Tally::default(),
                });
            }
            Some(_) => {
                if let Some(share) = seen.shares.last_mut() {
                    share.tally = self.load.since(share.since);
                }
            }
            None if !seen.shares.is_empty() && seen.reset.is_none() => seen.reset = Some(view),
            None => {}
        }
    }

    async fn tell_timeline(&self, terminal: &mut Terminal, seen: &mut Seen, began: Timestamp) -> Result<()> {
        let timeline = self.rollout.timeline().await?;
        for (index, entry) in timeline.iter().enumerate().skip(seen.timeline.len()) {
            let after = entry.at.duration_since(began).as_secs_f64().max(0.0);
            let style = match entry.decision.as_deref() {
                Some("rollBack") => Style::Red,
                Some(_) => Style::Bold,
                None => Style::Plain,
            };
            let line = Line::styled(Style::Dim, format!("  +{after:>5.1} s  {:<9} ", entry.by));
            terminal.say(&line.and(style, &entry.text));
            // A step that only carries the document on has the findings of the decision before it.
            let earlier = timeline.get(..index).unwrap_or_default();
            let known = |finding: &String| earlier.iter().any(|entry| entry.findings.contains(finding));
            let news = entry.findings.iter().filter(|finding| !known(finding));
            for finding in news.filter(|finding| !entry.text.contains(*finding)) {
                terminal.say(&Line::styled(Style::Dim, format!("{:>22}because {finding}", "")));
            }
        }
        seen.timeline = timeline;
        Ok(())
    }

    /// The lines that change. The first says it all, for where nothing can be redrawn.
    fn state(&self, seen: &Seen) -> Vec<Line> {
        let (set, tally, over) = match (seen.shares.last(), &seen.reset) {
            (Some(share), None) if share.tally.all().responses > 0 => {
                let over = self.load.elapsed().saturating_sub(share.since);
                (format!("{} % set", share.percent), share.tally.clone(), over)
            }
            (Some(share), None) => (
                format!("{} % set", share.percent),
                self.load.last(1),
                Duration::from_secs(1),
            ),
            (_, after) => {
                let promoted = after
                    .as_ref()
                    .is_some_and(|view| view.variables.get(ALIAS).is_some_and(|alias| alias == self.canary));
                let what = if promoted { "promoted" } else { "no canary" };
                (what.to_owned(), self.load.last(3), Duration::from_secs(3))
            }
        };
        let measured = tally.share(self.canary).unwrap_or(0.0);
        let head = Line::styled(Style::Bold, format!("  {set:<10}  {measured:>5.1} % measured "))
            .and(Style::Green, bar(measured))
            .and(
                Style::Dim,
                format!(
                    "  of {} responses in {} s; errors: {} {}, {} {}",
                    tally.all().responses,
                    over.as_secs().max(1),
                    self.baseline,
                    rate(tally.of(self.baseline)),
                    self.canary,
                    rate(tally.of(self.canary)),
                ),
            );
        vec![
            head,
            side("baseline", self.baseline, tally.of(self.baseline)),
            side("canary", self.canary, tally.of(self.canary)),
        ]
    }
}

fn side(role: &str, version: &str, count: Count) -> Line {
    let style = if count.errors > 0 { Style::Red } else { Style::Green };
    Line::plain(format!(
        "  {role:<10}  {version:<20} {:>6} responses  ",
        count.responses
    ))
    .and(style, format!("{:>8} errors", rate(count)))
}

/// `40.0 %`, or a dash where there is nothing to divide by.
pub(super) fn rate(count: Count) -> String {
    count
        .error_rate()
        .map_or_else(|| "-".to_owned(), |rate| format!("{rate:.1} %"))
}

/// 20 characters for 100 %.
fn bar(percent: f64) -> String {
    (0..20_u8)
        .map(|cell| {
            if f64::from(cell) * 5.0 + 2.5 <= percent {
                '█'
            } else {
                '░'
            }
        })
        .collect()
}

/// A table of the shares: what was set, what was measured, and the errors of each side.
pub(super) fn table(terminal: &mut Terminal, seen: &Seen, baseline: &str, canary: &str) {
    terminal.say(&Line::styled(
        Style::Dim,
        format!(
            "  {:>9}  {:>9}  {:>9}  {:>22}  {:>22}",
            "set",
            "measured",
            "responses",
            format!("errors {}", short(baseline)),
            format!("errors {}", short(canary))
        ),
    ));
    for share in &seen.shares {
        let measured = share
            .tally
            .share(canary)
            .map_or_else(|| "-".to_owned(), |share| format!("{share:.1} %"));
        let cell = |count: Count| format!("{} of {} ({})", count.errors, count.responses, rate(count));
        terminal.say(&Line::plain(format!(
            "  {:>9}  {measured:>9}  {:>9}  {:>22}  {:>22}",
            format!("{} %", share.percent),
            share.tally.all().responses,
            cell(share.tally.of(baseline)),
            cell(share.tally.of(canary)),
        )));
    }
}

/// `v2` of `recommendation-v2`.
fn short(version: &str) -> &str {
    version.rsplit('-').next().unwrap_or(version)
}
