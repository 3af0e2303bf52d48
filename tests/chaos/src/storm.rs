//! `make storm`: many stages with a rollout each, one alarm for all of them, and API Gateway's limit of management calls.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use futures_util::{StreamExt as _, TryStreamExt as _, future::try_join, stream};
use jiff::Timestamp;
use serde_json::json;
use serin_local::{BareApi, Effect, Error, Line, Proxy, Record, Result, Service, StateValue, Style, Terminal, World};
use serin_steps::fakes::CallLimit;

use crate::{alarm::payload, grants, script::Way};

/// The alarm that guards every stage.
const ALARM: &str = "storm";

/// So much is prepared side by side; more only makes the machine slower.
const AT_ONCE: usize = 8;

/// All rollouts have begun after so long, or something is wrong.
const PATIENCE: Duration = Duration::from_mins(15);

/// A burst of calls, and then so many a second: what [`CallLimit::of_api_gateway`] lets through.
const BURST: usize = 40;
const PER_SECOND: f64 = 10.0;

/// Plays a storm over so many stages; whether everything held.
///
/// # Errors
/// If the local AWS fails by itself.
pub(crate) async fn play(stages: usize) -> Result<bool> {
    let mut terminal = Terminal::new();
    let title = format!("Serin in a storm: one alarm for {stages} stages, 10 management calls a second");
    terminal.say(&Line::styled(Style::Bold, title));
    let proxy = Proxy::start().await?;
    let world = World::start_behind(&proxy, |_| ()).await?;
    let apis = begin(&world, &proxy, stages, &mut terminal).await?;
    proxy.limit(Some(CallLimit::of_api_gateway(Timestamp::now())));
    let at = Instant::now();
    go_off(&world).await?;
    terminal.clear();
    let canaries = stream::iter(&apis).map(|api| world.has_canary(api)).buffered(AT_ONCE);
    let left = canaries.try_filter(|has| std::future::ready(*has)).count().await;
    let storm = Storm::of(&proxy, at);
    let mut wrong = storm.violations(stages, left);
    wrong.extend(grants::missing(&proxy.journal(|_| true)));
    for line in storm.lines(stages) {
        terminal.say(&Line::plain(line));
    }
    if let Some(slow) = storm.slow(&proxy, stages) {
        terminal.say(&Line::styled(Style::Yellow, slow));
    }
    for violation in &wrong {
        terminal.say(&Line::styled(Style::Red, format!("  {violation}")));
    }
    if wrong.is_empty() {
        let line = "every canary was reset with one call, before any other call of Serin's";
        terminal.say(&Line::styled(Style::Green, line));
    }
    Ok(wrong.is_empty())
}

/// Starts a rollout on each of so many stages, and returns when every canary has its share.
async fn begin(world: &World, proxy: &Proxy, stages: usize, terminal: &mut Terminal) -> Result<Vec<BareApi>> {
    world.bare_alarm(ALARM).await?;
    world.set_alarm(ALARM, StateValue::Ok, "nothing is wrong").await?;
    let names: Vec<_> = (0..stages).map(|number| format!("storm-{number}")).collect();
    let apis = stream::iter(&names).map(|name| world.bare_api(name)).buffered(AT_ONCE);
    let apis: Vec<_> = apis.try_collect().await?;
    let started = Instant::now();
    let mut waiting = apis.iter();
    loop {
        let shifted = shares(proxy);
        let under_way = stages - waiting.len() - shifted;
        for api in waiting.by_ref().take(AT_ONCE.saturating_sub(under_way)) {
            let input = json!({
                "restApiId": api.id, "stageName": BareApi::STAGE, "alarms": [ALARM], "analysis": { "mode": "off" },
                "plan": { "steps": [{ "percent": 10, "bakeSeconds": 3600 }] }, "tickSeconds": 600,
            });
            world.start_rollout(&input).await?;
        }
        terminal.show(vec![Line::styled(
            Style::Dim,
            format!("  {shifted} of {stages} canaries have their share"),
        )]);
        if shifted == stages {
            return Ok(apis);
        }
        if started.elapsed() > PATIENCE {
            return Err(Error::TooLate {
                what: format!("{stages} rollouts"),
                seconds: PATIENCE.as_secs(),
            });
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// How many canaries have got their share.
fn shares(proxy: &Proxy) -> usize {
    let shifted = |record: &Record| {
        record.function == "serin-advance" && record.operation == "UpdateStage" && record.status == Some(200)
    };
    proxy.journal(shifted).len()
}

/// The alarm goes off, and is told of twice: by its action and by EventBridge.
async fn go_off(world: &World) -> Result<()> {
    let at = Timestamp::now();
    let (action, event) = (payload(ALARM, Way::Action, at)?, payload(ALARM, Way::Event, at)?);
    try_join(world.invoke(action.0, &action.1), world.invoke(event.0, &event.1)).await?;
    Ok(())
}

/// What Serin's functions sent to API Gateway from the alarm on.
struct Storm {
    /// In the order of their arrival.
    calls: Vec<Record>,
    at: Instant,
}

impl Storm {
    fn of(proxy: &Proxy, at: Instant) -> Self {
        let mut calls = proxy
            .journal(|record| record.at >= at && record.service == Service::ApiGateway && !record.function.is_empty());
        calls.sort_by_key(|record| record.at);
        Self { calls, at }
    }

    fn throttled(&self) -> usize {
        self.calls.iter().filter(|record| was_throttled(record)).count()
    }

    /// Those that were let through.
    fn resets(&self) -> impl Iterator<Item = &Record> {
        let through = self.calls.iter().filter(|record| !was_throttled(record));
        through.filter(|record| record.operation == "UpdateStage")
    }

    /// From the alarm to the last acknowledged reset.
    fn took(&self) -> Duration {
        let last = self.resets().map(|record| record.answered_at).max();
        last.map_or(Duration::ZERO, |last| last.duration_since(self.at))
    }

    fn violations(&self, stages: usize, left: usize) -> Vec<String> {
        let mut wrong = Vec::new();
        if left > 0 {
            wrong.push(format!("{left} stages still have a canary"));
        }
        let mut by_api: BTreeMap<_, usize> = BTreeMap::new();
        for record in self.resets() {
            *by_api.entry(&record.rest_api_id).or_default() += 1;
        }
        let more = by_api.values().filter(|calls| **calls != 1).count();
        if by_api.len() != stages || more > 0 {
            wrong.push(format!(
                "{} of {stages} stages were reset, {more} of them not with one call",
                by_api.len()
            ));
        }
        let others = self.calls.iter().filter(|record| record.operation != "UpdateStage");
        let others: Vec<_> = others
            .map(|record| format!("{} of {}", record.operation, record.function))
            .collect();
        if !others.is_empty() {
            wrong.push(format!("other calls during the storm: {}", others.join(", ")));
        }
        wrong
    }

    /// Where it took more than a fifth longer than the limit allows. That is no fault by itself: the machine may be the
    /// slower one. `tests/storms` holds Serin to it, on a clock of its own.
    fn slow(&self, proxy: &Proxy, stages: usize) -> Option<String> {
        let took = self.took().as_secs_f64();
        let answered = |record: &Record| record.at >= self.at && record.answered_at <= self.at + self.took();
        let answered = proxy.journal(answered).len();
        (took > allowed(stages) * 1.2).then(|| {
            format!(
                "  later than the limit allows and 20 %: {answered} calls of all kinds were answered in {took:.1} s"
            )
        })
    }

    fn lines(&self, stages: usize) -> [String; 4] {
        [
            format!("  resets                    {:>6}", self.resets().count()),
            format!("  calls that were throttled {:>6}", self.throttled()),
            format!("  alarm to last reset       {:>6.1} s", self.took().as_secs_f64()),
            format!("  what the limit allows     {:>6.1} s", allowed(stages)),
        ]
    }
}

fn was_throttled(record: &Record) -> bool {
    record.effects.contains(&Effect::Throttled)
}

/// How long so many calls take under the limit, in seconds.
fn allowed(stages: usize) -> f64 {
    let beyond = u32::try_from(stages.saturating_sub(BURST)).unwrap_or(u32::MAX);
    f64::from(beyond) / PER_SECOND
}
