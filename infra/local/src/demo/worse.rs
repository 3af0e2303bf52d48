//! The third story: `recommendation-v4` is a little worse, too little for an alarm, and evidence takes it back.

use std::time::Duration;

use serde_json::json;

use super::{
    checks::Checks,
    restored,
    watch::{News, Seen, Watch, rate, table},
};
use crate::{
    api::Api,
    error::Result,
    load::Load,
    monitoring::Monitoring,
    terminal::{Line, Style, Terminal},
    world::{METRIC_SECONDS, World},
};

const BASELINE: &str = "recommendation-v1";
const CANARY: &str = "recommendation-v4";

/// Requests a second: what evidence needs is errors, and at 2 % they are few.
const LOAD: u32 = 100;

/// Alarms for an outage. 2 % of a quarter of the load is five errors in 10 s.
pub(super) const MONITORING: Monitoring = Monitoring {
    bad_5xx: 40,
    bad_periods: 1,
    access_logs: false,
};

pub(super) async fn tell(terminal: &mut Terminal, world: &World, api: &Api, checks: &mut Checks) -> Result<()> {
    terminal.gap();
    terminal.say(
        &Line::styled(Style::Bold, format!("3  {CANARY} is a little worse"))
            .and(Style::Plain, ": no alarm minds, and evidence takes it back"),
    );
    terminal.say(&Line::styled(
        Style::Dim,
        format!(
            "   2 % of its answers are errors, about five in 10 s, and 0.2 % of the baseline's. Its alarms want {} in 10 s.",
            MONITORING.bad_5xx
        ),
    ));
    let load = Load::start(api, LOAD);
    let before = api.view().await?;
    let mut input = api.release(CANARY);
    if let Some(input) = input.as_object_mut() {
        // A bake so long that only evidence can end it.
        input.insert(
            "plan".to_owned(),
            json!({"steps": [{"percent": 25, "bakeSeconds": 300}]}),
        );
        input.insert("tickSeconds".to_owned(), json!(5));
        input.insert(
            "analysis".to_owned(),
            json!({"windowSeconds": METRIC_SECONDS, "settleSeconds": 3}),
        );
    }
    let rollout = world.start_rollout(&input).await?;
    let watch = Watch {
        api,
        rollout: &rollout,
        load: &load,
        baseline: BASELINE,
        canary: CANARY,
        limit: Duration::from_secs(200),
        news: &News::default(),
    };
    let seen = watch.until_end(terminal).await?;
    drop(load);
    table(terminal, &seen, BASELINE, CANARY);
    rolled_back(terminal, &seen, checks);
    let alarms = world.alarms(&api.alarm("")).await?;
    let states: Vec<_> = alarms.iter().map(|alarm| alarm.state.as_str()).collect();
    checks.check(
        terminal,
        alarms.len() == 5 && states.iter().all(|state| *state != "ALARM"),
        "no alarm of the stage is in ALARM",
        &states.join(", "),
    );
    restored::check(terminal, api, &before, [BASELINE, CANARY], checks).await
}

/// By evidence, which says so in numbers; and the requests that the story itself has counted agree that it was little.
fn rolled_back(terminal: &mut Terminal, seen: &Seen, checks: &mut Checks) {
    let (status, cause) = seen
        .execution
        .as_ref()
        .map(|end| (end.status.as_str(), end.cause.as_str()))
        .unwrap_or_default();
    let by_evidence = cause.starts_with("server errors: canary ") && cause.contains("1,000 rolls back");
    checks.check(
        terminal,
        status == "FAILED" && by_evidence,
        "the execution has FAILED with the evidence as its cause",
        cause,
    );
    let canary = seen
        .shares
        .last()
        .map(|share| share.tally.of(CANARY))
        .unwrap_or_default();
    let little = canary.error_rate().is_some_and(|rate| rate > 0.0 && rate < 5.0);
    checks.check(
        terminal,
        little,
        "it was a little worse, and not broken",
        &format!("{} of its {} responses were errors", rate(canary), canary.responses),
    );
}
