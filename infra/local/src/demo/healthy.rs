//! The first story: `recommendation-v2` is healthy and becomes the stage's own.

use std::time::Duration;

use serde_json::json;

use super::{
    LOAD, answers,
    checks::Checks,
    seconds,
    watch::{Seen, Watch, table},
};
use crate::{
    api::{ALIAS, Api},
    error::Result,
    load::Load,
    terminal::{Line, Style, Terminal},
    world::World,
};

const BASELINE: &str = "recommendation-v1";
const CANARY: &str = "recommendation-v2";
const SHARES: [f64; 3] = [5.0, 25.0, 50.0];

pub(super) async fn tell(terminal: &mut Terminal, world: &World, api: &Api, checks: &mut Checks) -> Result<()> {
    terminal.gap();
    terminal.say(
        &Line::styled(Style::Bold, format!("1  {CANARY} is healthy"))
            .and(Style::Plain, ": 5 % -> 25 % -> 50 % -> promoted -> baked"),
    );
    let load = Load::start(api, LOAD);
    let mut input = api.release(CANARY);
    let steps: Vec<_> = SHARES
        .iter()
        .map(|percent| json!({"percent": percent, "bakeSeconds": 8}))
        .collect();
    if let Some(input) = input.as_object_mut() {
        input.insert("plan".to_owned(), json!({ "steps": steps }));
        input.insert("finalBakeSeconds".to_owned(), json!(8));
        input.insert("tickSeconds".to_owned(), json!(5));
    }
    let rollout = world.start_rollout(&input).await?;
    let watch = Watch {
        api,
        rollout: &rollout,
        load: &load,
        baseline: BASELINE,
        canary: CANARY,
        limit: Duration::from_mins(3),
    };
    let seen = watch.until_end(terminal).await?;
    let lasted = load.elapsed();
    let unanswered = load.total().of("");
    drop(load);
    table(terminal, &seen, BASELINE, CANARY);
    split_is_the_plan(terminal, &seen, checks);
    let succeeded = seen
        .execution
        .as_ref()
        .is_some_and(|execution| execution.status == "SUCCEEDED");
    let ending = seen
        .execution
        .map(|end| format!("{} {} {}", end.status, end.error, end.cause))
        .unwrap_or_default();
    let after = if succeeded {
        format!("after {}", seconds(lasted))
    } else {
        ending
    };
    checks.check(terminal, succeeded, "the rollout has succeeded", &after);
    checks.check(
        terminal,
        unanswered.responses == 0,
        "every request during the rollout was answered by one of the versions",
        &if unanswered.responses == 0 {
            String::new()
        } else {
            format!("{} that were not", unanswered.responses)
        },
    );
    outcome(terminal, api, checks).await
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
        shares == SHARES,
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
