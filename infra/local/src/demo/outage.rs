//! What both versions share is down for a moment: the stage's variable `catalogue` says so, and its canary inherits it.

use std::{cell::Cell, convert::Infallible, time::Duration};

use serde_json::Value;

use super::{
    checks::Checks,
    watch::{News, Seen, rate},
};
use crate::{api::Api, error::Result, load::Load, terminal::Terminal, world::METRIC_SECONDS};

/// How long it lasts. An alarm that wants three bad periods of 10 s sees it in two at the most.
pub(super) const LASTS: Duration = Duration::from_secs(3);

/// Two windows after a change of traffic are not judged, so it begins after those.
const AFTER: Duration = Duration::from_secs(1).saturating_mul(2 * METRIC_SECONDS + 1);

/// An outage, and when it was.
#[derive(Debug, Default)]
pub(super) struct Outage {
    lasted: Cell<Option<(Duration, Duration)>>,
}

impl Outage {
    /// Waits for the canary to have this share, breaks what both versions share for a moment, and goes on for ever.
    pub(super) async fn play(&self, api: &Api, share: f64, load: &Load, news: &News) -> Result<Infallible> {
        while api.view().await?.canary.is_none_or(|canary| canary.percent < share) {
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
        tokio::time::sleep(AFTER).await;
        let began = load.elapsed();
        api.set_variable("catalogue", "down").await?;
        news.tell("the catalogue that both versions need is down");
        tokio::time::sleep(LASTS).await;
        api.set_variable("catalogue", "up").await?;
        news.tell("the catalogue is up again");
        self.lasted.set(Some((began, load.elapsed())));
        std::future::pending().await
    }

    /// Both sides failed, the evidence counted it on both sides, and found nothing against the canary in it.
    pub(super) fn check(
        &self,
        terminal: &mut Terminal,
        seen: &Seen,
        load: &Load,
        versions: [&str; 2],
        checks: &mut Checks,
    ) {
        let [baseline, canary] = versions;
        let tally = self
            .lasted
            .get()
            .map(|(from, to)| load.between(from, to))
            .unwrap_or_default();
        let (one, other) = (tally.of(baseline), tally.of(canary));
        checks.check(
            terminal,
            one.errors > 10 && other.errors > 10,
            "an outage hit both sides during the rollout",
            &format!("{} of v1's answers and {} of v2's were errors", rate(one), rate(other)),
        );
        let latest = seen
            .timeline
            .iter()
            .rev()
            .find_map(|entry| evidence(entry.stored.get("findings")?));
        let bad = |side: &str| {
            let count = latest.as_ref()?.pointer(&format!("/metrics/0/{side}/bad"))?;
            count.as_u64()
        };
        let (one, other) = (bad("baseline").unwrap_or(0), bad("canary").unwrap_or(0));
        let harmful = latest.as_ref().is_none_or(|evidence| evidence["harmful"] != false);
        checks.check(
            terminal,
            one > 10 && other > 10 && !harmful,
            "the evidence has seen it on both sides, and none of harm by the canary",
            &format!("{one} errors of the baseline's, {other} of the canary's"),
        );
    }
}

/// The evidence among the findings of a decision.
fn evidence(findings: &str) -> Option<Value> {
    let findings: Vec<Value> = serde_json::from_str(findings).ok()?;
    findings
        .into_iter()
        .find_map(|mut finding| finding.get_mut("evidence").map(Value::take))
}
