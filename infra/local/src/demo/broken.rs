//! The second story: `recommendation-v3` is broken, and an alarm takes it back.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;

use super::{
    LOAD,
    checks::Checks,
    restored,
    watch::{News, Seen, Watch, table},
};
use crate::{
    api::Api,
    error::Result,
    load::Load,
    rollout::Entry,
    terminal::{Line, Style, Terminal},
    world::{AlarmView, World},
};

const BASELINE: &str = "recommendation-v1";
const CANARY: &str = "recommendation-v3";

pub(super) async fn tell(terminal: &mut Terminal, world: &World, api: &Api, checks: &mut Checks) -> Result<()> {
    terminal.gap();
    terminal.say(&Line::styled(Style::Bold, format!("2  {CANARY} is broken")).and(
        Style::Plain,
        ": an alarm goes to ALARM and the canary's traffic to zero",
    ));
    let load = Load::start(api, LOAD);
    let before = api.view().await?;
    let mut input = api.release(CANARY);
    if let Some(input) = input.as_object_mut() {
        // Bakes so long that only an alarm can end the first.
        input.insert(
            "plan".to_owned(),
            json!({"steps": [{"percent": 10, "bakeSeconds": 120}, {"percent": 50, "bakeSeconds": 120}]}),
        );
        input.insert("tickSeconds".to_owned(), json!(15));
    }
    let rollout = world.start_rollout(&input).await?;
    let watch = Watch {
        api,
        rollout: &rollout,
        load: &load,
        baseline: BASELINE,
        canary: CANARY,
        limit: Duration::from_secs(100),
        news: &News::default(),
    };
    let seen = watch.until_end(terminal).await?;
    drop(load);
    table(terminal, &seen, BASELINE, CANARY);
    let alarm = fired(&world.alarms(&api.alarm("")).await?);
    reset(terminal, &seen, alarm.as_ref(), checks);
    ending(terminal, &seen, alarm.as_ref(), checks);
    restored::check(terminal, api, &before, [BASELINE, CANARY], checks).await
}

/// The alarm that went first.
fn fired(alarms: &[AlarmView]) -> Option<AlarmView> {
    alarms
        .iter()
        .filter(|alarm| alarm.state == "ALARM")
        .min_by_key(|alarm| alarm.changed_at)
        .cloned()
}

fn reset(terminal: &mut Terminal, seen: &Seen, alarm: Option<&AlarmView>, checks: &mut Checks) {
    let name = alarm
        .map(|alarm| format!("{}: {}", alarm.name, alarm.reason))
        .unwrap_or_default();
    checks.check(terminal, alarm.is_some(), "an alarm of the stage went to ALARM", &name);
    let changed = alarm.and_then(|alarm| alarm.changed_at);
    let acknowledged = acknowledged(&seen.timeline).or_else(|| seen.reset.as_ref()?.changed_at);
    let Some((changed, acknowledged)) = changed.zip(acknowledged) else {
        checks.check(
            terminal,
            false,
            "the canary's traffic was taken to zero",
            "no time of the alarm or of the reset",
        );
        return;
    };
    let took = acknowledged.duration_since(changed).as_secs_f64();
    let found = format!("alarm {changed:.3}, reset acknowledged {acknowledged:.3}");
    let claim = format!(
        "from the alarm's state change to the acknowledged reset: {:.0} ms",
        took * 1000.0
    );
    checks.check(terminal, (0.0..30.0).contains(&took), &claim, &found);
}

/// When API Gateway acknowledged the reset, as the rollback recorded it.
fn acknowledged(timeline: &[Entry]) -> Option<Timestamp> {
    timeline.iter().find_map(|entry| {
        let (_, at) = entry.text.split_once("canary traffic zero at ")?;
        at.split_whitespace().next()?.parse().ok()
    })
}

fn ending(terminal: &mut Terminal, seen: &Seen, alarm: Option<&AlarmView>, checks: &mut Checks) {
    let (status, cause) = seen
        .execution
        .as_ref()
        .map(|end| (end.status.as_str(), end.cause.as_str()))
        .unwrap_or_default();
    let named = alarm.is_some_and(|alarm| cause.contains(&alarm.name));
    checks.check(
        terminal,
        status == "FAILED" && named,
        "the execution has FAILED with the alarm as its cause",
        cause,
    );
}
