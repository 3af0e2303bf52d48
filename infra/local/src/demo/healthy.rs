//! The first story: `recommendation-v2` is healthy and becomes the stage's own, in spite of an outage of both versions.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    LOAD, answers,
    checks::Checks,
    outage::{self, Outage},
    seconds,
    watch::{News, Seen, Watch, table},
};
use crate::{
    api::{ALIAS, Api},
    error::Result,
    load::Load,
    monitoring::Monitoring,
    terminal::{Line, Style, Terminal},
    world::{METRIC_SECONDS, World},
};

const BASELINE: &str = "recommendation-v1";
const CANARY: &str = "recommendation-v2";
/// Each share and its bake in seconds: the last one is long enough for evidence.
const STEPS: [(f64, u32); 3] = [(5.0, 8), (25.0, 8), (50.0, 25)];

/// Alarms that want something to last: three bad periods of 10 s in a row.
pub(super) const MONITORING: Monitoring = Monitoring {
    bad_5xx: 5,
    bad_periods: 3,
    access_logs: false,
};

pub(super) async fn tell(terminal: &mut Terminal, world: &World, api: &Api, checks: &mut Checks) -> Result<()> {
    announce(terminal);
    let load = Load::start(api, LOAD);
    let rollout = world.start_rollout(&request(api)).await?;
    let (news, outage) = (News::default(), Outage::default());
    let watch = Watch {
        api,
        rollout: &rollout,
        load: &load,
        baseline: BASELINE,
        canary: CANARY,
        limit: Duration::from_mins(3),
        news: &news,
    };
    let seen = tokio::select! {
        seen = watch.until_end(terminal) => seen?,
        failed = outage.play(api, 50.0, &load, &news) => match failed? {},
    };
    table(terminal, &seen, BASELINE, CANARY);
    split_is_the_plan(terminal, &seen, checks);
    outage.check(terminal, &seen, &load, [BASELINE, CANARY], checks);
    succeeded(terminal, &seen, &load, checks);
    drop(load);
    let alarms = world.alarms(&api.alarm("")).await?;
    let states: Vec<_> = alarms.iter().map(|alarm| alarm.state.as_str()).collect();
    let none = alarms.len() == 5 && !states.contains(&"ALARM");
    checks.check(terminal, none, "no alarm of the stage is in ALARM", &states.join(", "));
    outcome(terminal, api, checks).await
}

fn announce(terminal: &mut Terminal) {
    terminal.gap();
    terminal.say(
        &Line::styled(Style::Bold, format!("1  {CANARY} is healthy"))
            .and(Style::Plain, ": 5 % -> 25 % -> 50 % -> promoted -> baked"),
    );
    terminal.say(&Line::styled(
        Style::Dim,
        format!(
            "   At 50 % both versions fail for {} s. Its alarms want {} errors in each of three periods of 10 s: an outage that short is in two.",
            outage::LASTS.as_secs(),
            MONITORING.bad_5xx
        ),
    ));
}

fn request(api: &Api) -> Value {
    let steps = STEPS.map(|(percent, bake)| json!({"percent": percent, "bakeSeconds": bake}));
    let mut input = api.release(CANARY);
    if let Some(input) = input.as_object_mut() {
        input.insert("plan".to_owned(), json!({ "steps": steps }));
        input.insert("finalBakeSeconds".to_owned(), json!(8));
        input.insert("tickSeconds".to_owned(), json!(5));
        input.insert(
            "analysis".to_owned(),
            json!({"windowSeconds": METRIC_SECONDS, "settleSeconds": 3}),
        );
    }
    input
}

fn succeeded(terminal: &mut Terminal, seen: &Seen, load: &Load, checks: &mut Checks) {
    let end = seen.execution.as_ref();
    let succeeded = end.is_some_and(|end| end.status == "SUCCEEDED");
    let ending = end.map(|end| format!("{} {} {}", end.status, end.error, end.cause));
    let found = if succeeded {
        format!("after {}", seconds(load.elapsed()))
    } else {
        ending.unwrap_or_default()
    };
    checks.check(terminal, succeeded, "the rollout has succeeded", &found);
    let unanswered = load.total().of("").responses;
    let found = if unanswered == 0 {
        String::new()
    } else {
        format!("{unanswered} that were not")
    };
    let claim = "every request during the rollout was answered by one of the versions";
    checks.check(terminal, unanswered == 0, claim, &found);
}

/// The canary got what the plan gave it: within five standard deviations, for a split is a throw of dice.
fn split_is_the_plan(terminal: &mut Terminal, seen: &Seen, checks: &mut Checks) {
    let shares: Vec<f64> = seen.shares.iter().map(|share| share.percent).collect();
    let found = shares
        .iter()
        .map(|share| format!("{share} %"))
        .collect::<Vec<_>>()
        .join(" -> ");
    checks.check(
        terminal,
        shares == STEPS.map(|(percent, _)| percent),
        "the canary had the shares of the plan, one after the other",
        &found,
    );
    let near = seen.shares.iter().all(|share| {
        let responses = f64::from(share.tally.all().responses);
        let chance = share.percent / 100.0;
        let deviation = 100.0 * (chance * (1.0 - chance) / responses).sqrt();
        share
            .tally
            .share(CANARY)
            .is_some_and(|measured| (measured - share.percent).abs() <= 5.0 * deviation)
    });
    checks.check(terminal, near, "the responses were split as set, within chance", "");
}

async fn outcome(terminal: &mut Terminal, api: &Api, checks: &mut Checks) -> Result<()> {
    let from = answers(api, 200).await?;
    let all = from.get(CANARY) == Some(&200);
    checks.check(
        terminal,
        all,
        &format!("every response comes from {CANARY}"),
        &format!("{from:?}"),
    );
    let view = api.view().await?;
    let canary = view
        .canary
        .as_ref()
        .map_or_else(String::new, |canary| format!("{canary:?}"));
    checks.check(
        terminal,
        view.canary.is_none(),
        "the stage has no canarySettings",
        &canary,
    );
    let alias = view.variables.get(ALIAS).cloned().unwrap_or_default();
    checks.check(
        terminal,
        alias == CANARY,
        "the stage's own variable names it",
        &format!("{ALIAS} = {alias}"),
    );
    let deployed = api.deploy_to_stage().await;
    let found = match &deployed {
        Ok(id) => format!("deployment {id}"),
        Err(error) => error.to_string(),
    };
    checks.check(
        terminal,
        deployed.is_ok(),
        "an ordinary deployment to the stage succeeds",
        &found,
    );
    Ok(())
}
