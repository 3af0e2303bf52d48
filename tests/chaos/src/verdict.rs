//! What must hold of every round, judged from what was seen.

use jiff::{SignedDuration, Timestamp};
use serin_core::timing::WRITE_WINDOW;
use serin_local::{ALIAS, ClaimView, Execution, StageView};

use crate::{
    alarm::Delivery,
    script::{Release, Script},
};

/// So long before its end a rollout has looked at its alarms for the last time, if `finish` had to be tried again.
const LAST_LOOK: SignedDuration = SignedDuration::from_mins(1);

/// How a rollout ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The canary is the stage's own now.
    Promoted,
    /// The stage is at its baseline again.
    RolledBack,
    /// It never held the stage, or gave it back before it touched it.
    Refused,
}

/// What was seen of a round, once it had come to rest.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// The version that was released.
    pub(crate) version: &'static str,
    /// The stage before.
    pub(crate) before: StageView,
    /// The stage after.
    pub(crate) after: StageView,
    /// The claim after.
    pub(crate) claim: Option<ClaimView>,
    /// What the rollout's dead man's switch is set for after, if it is still there.
    pub(crate) switch: Option<String>,
    /// How the execution ended.
    pub(crate) execution: Execution,
    /// The news of alarms from before the rollout and during it.
    pub(crate) deliveries: Vec<Delivery>,
    /// When the stage's alarms last went off by themselves, if they are in ALARM.
    pub(crate) own_alarm_at: Option<Timestamp>,
    /// When somebody asked for a stop.
    pub(crate) stopped_at: Option<Timestamp>,
    /// Answers of the canary's version to requests that were sent after the reset was acknowledged, if one was.
    pub(crate) canary_after_reset: Option<u32>,
}

/// How the rollout ended by its claim; `None` while it goes on.
pub(crate) fn end(claim: Option<&ClaimView>) -> Option<End> {
    match claim.map(|claim| claim.phase.as_str()) {
        None => Some(End::Refused),
        Some("finished") => Some(End::Promoted),
        Some("rolledBack") => Some(End::RolledBack),
        Some(_) => None,
    }
}

/// Why the stage is not where its claim says that it ends.
pub(crate) fn unrest(
    before: &StageView,
    after: &StageView,
    claim: Option<&ClaimView>,
    version: &str,
) -> Option<String> {
    let Some(end) = end(claim) else {
        return Some(format!(
            "the claim is still {}",
            claim.map_or("there", |claim| &claim.phase)
        ));
    };
    if let Some(canary) = &after.canary {
        return Some(format!("the stage still has a canary at {} %", canary.percent));
    }
    let alias = after.variables.get(ALIAS).map(String::as_str);
    let deployment = claim.and_then(|claim| claim.deployment_id.as_ref());
    let is_there = match end {
        End::Promoted => deployment == Some(&after.deployment_id) && alias == Some(version),
        End::RolledBack | End::Refused => {
            (&after.deployment_id, &after.variables) == (&before.deployment_id, &before.variables)
        }
    };
    (!is_there).then(|| {
        format!(
            "{end:?}, but the stage is on deployment {} with {alias:?}",
            after.deployment_id
        )
    })
}

/// What is wrong with a dead man's switch that outlasts its rollout: what it removes may be somebody else's canary.
pub(crate) fn left_behind(switch: Option<&str>) -> Option<String> {
    switch.map(|switch| format!("its dead man's switch is still set: {switch}"))
}

/// Everything that is wrong.
pub(crate) fn violations(script: &Script, seen: &Seen) -> Vec<String> {
    let mut wrong = Vec::new();
    wrong.extend(unrest(&seen.before, &seen.after, seen.claim.as_ref(), seen.version));
    wrong.extend(left_behind(seen.switch.as_deref()));
    let end = end(seen.claim.as_ref());
    let said = seen.execution.status.as_str();
    if seen.execution.runs() {
        wrong.push("the execution still runs".to_owned());
    }
    if (said == "SUCCEEDED") != (end == Some(End::Promoted)) && said != "ABORTED" {
        let (error, cause) = (&seen.execution.error, &seen.execution.cause);
        wrong.push(format!("{end:?}, but the execution is {said}: {error}: {cause}"));
    }
    if end == Some(End::Promoted) {
        wrong.extend(why_not_promoted(script, seen));
    } else if script.is_harmless() {
        let cause = &seen.execution.cause;
        wrong.push(format!("{end:?}, and there was no reason for it: {cause}"));
    }
    for delivery in &seen.deliveries {
        let of_before = seen
            .claim
            .as_ref()
            .is_none_or(|claim| delivery.changed_at < claim.began_at);
        if of_before && delivery.concerned() > 0 {
            wrong.push(format!(
                "an alarm from before the rollout had an effect: {}",
                delivery.answer
            ));
        }
    }
    if let Some(answers @ 1..) = seen.canary_after_reset {
        wrong.push(format!(
            "{answers} requests reached the canary after the reset was acknowledged"
        ));
    }
    if let Some(claim) = &seen.claim
        && claim
            .ended_at
            .is_none_or(|ended| ended < claim.began_at || ended > Timestamp::now())
    {
        wrong.push(format!("the claim ended at {:?}", claim.ended_at));
    }
    wrong
}

/// What should have kept it from being promoted.
fn why_not_promoted(script: &Script, seen: &Seen) -> Vec<String> {
    let mut wrong = Vec::new();
    let ended = seen.claim.as_ref().and_then(|claim| claim.ended_at);
    let Some(ended) = ended else {
        return wrong;
    };
    let told = |delivery: &&Delivery| delivery.held && delivery.accepted_at < ended;
    if let Some(delivery) = seen.deliveries.iter().find(told) {
        let (changed, accepted) = (delivery.changed_at, delivery.accepted_at);
        let answer = &delivery.answer;
        wrong.push(format!(
            "promoted, and finished at {ended}, although an alarm of {changed} was accepted at {accepted}: {answer}"
        ));
    }
    // A function that runs when its execution is stopped goes on to its end.
    let late = |stopped: Timestamp| ended.duration_since(stopped) > WRITE_WINDOW + SignedDuration::from_secs(1);
    if seen.stopped_at.is_some_and(late) {
        wrong.push(format!("promoted, although it was stopped at {:?}", seen.stopped_at));
    }
    match seen.own_alarm_at {
        Some(at) if ended.duration_since(at) > LAST_LOOK => wrong.push(format!(
            "promoted, and finished at {ended}, although its alarm went off at {at}"
        )),
        _ if script.release == Release::Broken => {
            wrong.push("promoted, although it is broken: its alarm did not go off in time".to_owned());
        }
        Some(_) | None => {}
    }
    wrong
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::{Value, json};
    use serin_local::CanaryView;

    use super::*;

    const BEGAN: &str = "2026-05-04T03:02:00Z";
    const ENDED: &str = "2026-05-04T03:03:00Z";

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn stage(deployment: &str, alias: &str) -> StageView {
        StageView {
            deployment_id: deployment.to_owned(),
            variables: BTreeMap::from([(ALIAS.to_owned(), alias.to_owned())]),
            ..StageView::default()
        }
    }

    fn claim(phase: &str) -> ClaimView {
        ClaimView {
            rollout_id: "r".to_owned(),
            phase: phase.to_owned(),
            began_at: time(BEGAN),
            ended_at: Some(time(ENDED)),
            deployment_id: Some("d1".to_owned()),
            reason: None,
        }
    }

    fn script(release: Release) -> Script {
        Script {
            acts: Vec::new(),
            release,
            ..Script::of(1)
        }
    }

    fn seen(phase: &str, status: &str, after: StageView) -> Seen {
        Seen {
            version: "v2",
            before: stage("d0", "v1"),
            after,
            claim: Some(claim(phase)),
            switch: None,
            execution: Execution {
                status: status.to_owned(),
                error: String::new(),
                cause: String::new(),
                output: Value::Null,
            },
            deliveries: Vec::new(),
            own_alarm_at: None,
            stopped_at: None,
            canary_after_reset: None,
        }
    }

    fn alarm(changed: &str, accepted: &str, stages: &Value) -> Delivery {
        Delivery {
            changed_at: time(changed),
            held: time(changed) > time(BEGAN),
            accepted_at: time(accepted),
            answer: json!({ "results": [{ "stages": stages }] }),
        }
    }

    fn wrong(script: &Script, seen: &Seen) -> String {
        violations(script, seen).join("; ")
    }

    #[test]
    fn a_promotion_and_a_rollback_that_end_where_they_say_are_fine() {
        let healthy = script(Release::Healthy);
        assert_eq!(wrong(&healthy, &seen("finished", "SUCCEEDED", stage("d1", "v2"))), "");
        let broken = script(Release::Broken);
        assert_eq!(wrong(&broken, &seen("rolledBack", "FAILED", stage("d0", "v1"))), "");
        let refused = Seen {
            claim: None,
            ..seen("", "FAILED", stage("d0", "v1"))
        };
        assert_eq!(wrong(&broken, &refused), "");
    }

    #[test]
    fn a_stage_that_is_not_where_its_claim_ended_is_found() {
        let broken = script(Release::Broken);
        for (after, what) in [
            (stage("d1", "v1"), "deployment d1"),
            (stage("d0", "v2"), "v2"),
            (
                StageView {
                    canary: Some(CanaryView::default()),
                    ..stage("d0", "v1")
                },
                "still has a canary",
            ),
        ] {
            let found = wrong(&broken, &seen("rolledBack", "FAILED", after));
            assert!(found.contains(what), "{found}");
        }
        let found = wrong(&broken, &seen("rollingBack", "FAILED", stage("d0", "v1")));
        assert!(found.contains("still rollingBack"), "{found}");
    }

    #[test]
    fn a_promotion_in_spite_of_an_alarm_a_stop_or_a_fault_is_found() {
        let promoted = seen("finished", "SUCCEEDED", stage("d1", "v2"));
        let warned = Seen {
            deliveries: vec![alarm("2026-05-04T03:02:30Z", "2026-05-04T03:02:31Z", &json!([]))],
            ..promoted.clone()
        };
        assert!(wrong(&script(Release::Healthy), &warned).contains("was accepted at"));
        let stopped = Seen {
            stopped_at: Some(time("2026-05-04T03:02:30Z")),
            ..promoted.clone()
        };
        assert!(wrong(&script(Release::Healthy), &stopped).contains("was stopped at"));
        assert!(wrong(&script(Release::Broken), &promoted).contains("did not go off"));
        let went_off = |at| Seen {
            own_alarm_at: Some(time(at)),
            ..promoted.clone()
        };
        assert!(wrong(&script(Release::Broken), &went_off("2026-05-04T03:01:30Z")).contains("its alarm went off at"));
        assert!(wrong(&script(Release::Healthy), &went_off("2026-05-04T03:01:30Z")).contains("its alarm went off at"));
        assert_eq!(wrong(&script(Release::Healthy), &went_off("2026-05-04T03:03:30Z")), "");
        let too_late = Seen {
            deliveries: vec![alarm("2026-05-04T03:02:30Z", "2026-05-04T03:03:31Z", &json!([]))],
            ..promoted
        };
        assert_eq!(wrong(&script(Release::Healthy), &too_late), "");
    }

    #[test]
    fn an_alarm_of_before_that_has_an_effect_and_a_rollback_for_nothing_are_found() {
        let rolled_back = seen("rolledBack", "FAILED", stage("d0", "v1"));
        assert!(wrong(&script(Release::Healthy), &rolled_back).contains("no reason"));
        let early = Seen {
            deliveries: vec![alarm("2026-05-04T03:01:00Z", "2026-05-04T03:02:31Z", &json!([{}]))],
            ..rolled_back
        };
        assert!(wrong(&script(Release::Broken), &early).contains("from before the rollout"));
    }

    #[test]
    fn a_request_that_reaches_the_canary_after_the_reset_is_found() {
        let late = Seen {
            canary_after_reset: Some(1),
            ..seen("rolledBack", "FAILED", stage("d0", "v1"))
        };
        assert!(wrong(&script(Release::Broken), &late).contains("1 requests reached the canary"));
    }

    #[test]
    fn a_switch_that_outlasts_its_rollout_is_found() {
        let left = Seen {
            switch: Some("at(2026-05-04T04:30:00) {}".to_owned()),
            ..seen("rolledBack", "FAILED", stage("d0", "v1"))
        };
        assert!(wrong(&script(Release::Broken), &left).contains("is still set: at(2026"));
    }

    #[test]
    fn an_execution_that_says_otherwise_is_found() {
        let healthy = script(Release::Healthy);
        let found = wrong(&healthy, &seen("finished", "FAILED", stage("d1", "v2")));
        assert!(found.contains("but the execution is FAILED"), "{found}");
        assert_eq!(wrong(&healthy, &seen("finished", "ABORTED", stage("d1", "v2"))), "");
    }
}
