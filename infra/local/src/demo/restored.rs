//! A stage after a rollback: as it was, and free.

use super::{answers, checks::Checks};
use crate::{
    api::{ALIAS, Api, StageView},
    error::Result,
    terminal::Terminal,
};

/// Checks all of that, against the stage as it was before; `versions` are the baseline and the canary.
pub(super) async fn check(
    terminal: &mut Terminal,
    api: &Api,
    before: &StageView,
    versions: [&str; 2],
    checks: &mut Checks,
) -> Result<()> {
    let [baseline, gone] = versions;
    let from = answers(api, 200).await?;
    let none = !from.contains_key(gone) && from.get(baseline) == Some(&200);
    checks.check(
        terminal,
        none,
        &format!("no response comes from {gone}"),
        &format!("{from:?}"),
    );
    let view = api.view().await?;
    let restored = view.deployment_id == before.deployment_id && view.variables == before.variables;
    let alias = view.variables.get(ALIAS).cloned().unwrap_or_default();
    let found = format!("deployment {}, {ALIAS} = {alias}", view.deployment_id);
    checks.check(terminal, restored, "the stage is what it was before", &found);
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
    let deployed = api.deploy_to_stage().await;
    let found = match &deployed {
        Ok(id) => format!("deployment {id}"),
        Err(error) => error.to_string(),
    };
    checks.check(
        terminal,
        deployed.is_ok(),
        "the stage is unlocked: an ordinary deployment succeeds",
        &found,
    );
    Ok(())
}
