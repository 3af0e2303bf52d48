//! Every stage that can be, with API Gateway as it is recorded: a rollback always comes to rest, at the baseline, without
//! touching what is somebody else's. Enumerated, not sampled.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a check fails by panicking")]

use serin_core::{
    ids::DeploymentId,
    percent::Percent,
    stage::{self, Baseline, CanaryTarget, CanaryView, Patch, StageView, Variables},
};
use serin_steps::fakes::RestApi;

const DEPLOYMENTS: [&str; 3] = ["D0", "DA", "X"];

/// What the variable `alias` may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Alias {
    None,
    Base,
    Ours,
    Foreign,
}

impl Alias {
    const ALL: [Self; 4] = [Self::None, Self::Base, Self::Ours, Self::Foreign];

    fn variables(self) -> Variables {
        let value = match self {
            Self::None => return Variables::new(),
            Self::Base => "base",
            Self::Ours => "ours",
            Self::Foreign => "foreign",
        };
        Variables::from([("alias".to_owned(), value.to_owned())])
    }
}

/// A rollout: what it puts on a stage, and what was there before.
struct Rollout {
    target: CanaryTarget,
    baseline: Baseline,
}

/// Rollouts of a new deployment with and without a variable, and of a variable alone; on stages with and without that variable.
fn rollouts() -> Vec<Rollout> {
    let mut rollouts = Vec::new();
    for (deployment, overrides) in [("DA", Alias::Ours), ("DA", Alias::None), ("D0", Alias::Ours)] {
        for before in [Alias::None, Alias::Base] {
            let target = CanaryTarget {
                deployment_id: deployment.into(),
                stage_variable_overrides: overrides.variables(),
                use_stage_cache: false,
            };
            let view = StageView {
                deployment_id: "D0".into(),
                variables: before.variables(),
                canary: None,
            };
            let baseline = Baseline::of(&view, &target);
            rollouts.push(Rollout { target, baseline });
        }
    }
    rollouts
}

fn every_view() -> Vec<StageView> {
    let mut canaries = vec![None];
    for deployment in DEPLOYMENTS {
        for overrides in [Alias::None, Alias::Ours, Alias::Foreign] {
            canaries.push(Some(CanaryView {
                deployment_id: deployment.into(),
                percent: Percent::parse("25").unwrap(),
                overrides: overrides.variables(),
                use_stage_cache: false,
            }));
        }
    }
    let mut views = Vec::new();
    for deployment in DEPLOYMENTS {
        for variables in Alias::ALL.map(Alias::variables) {
            for canary in canaries.clone() {
                views.push(StageView {
                    deployment_id: deployment.into(),
                    variables: variables.clone(),
                    canary,
                });
            }
        }
    }
    views
}

/// Applies patches as API Gateway does.
fn apply(view: &StageView, patches: &[Patch]) -> StageView {
    let mut api = RestApi::new("shop", "prod", Variables::new());
    for id in DEPLOYMENTS {
        api.deployments
            .insert(DeploymentId::from(id), "one of three".to_owned());
    }
    api.stages.insert("prod".to_owned(), view.clone());
    let operations: Vec<_> = patches.iter().map(Patch::operation).collect();
    api.update_stage("prod", &operations).unwrap()
}

/// Where a rollback comes to rest, and in how many changes.
fn at_rest(view: &StageView, rollout: &Rollout) -> (StageView, usize) {
    let mut view = view.clone();
    for changes in 0..=3 {
        match stage::make_safe(&view, &rollout.target, &rollout.baseline) {
            None => return (view, changes),
            Some(patches) => view = apply(&view, &patches),
        }
    }
    panic!("more than three changes, and still {view:?}")
}

fn every_case() -> Vec<(StageView, Rollout)> {
    let cases = every_view()
        .into_iter()
        .flat_map(|view| rollouts().into_iter().map(move |rollout| (view.clone(), rollout)));
    cases.collect()
}

#[test]
fn a_rollback_comes_to_rest_within_three_changes_with_nothing_of_ours_left() {
    let mut most = 0;
    for (view, rollout) in every_case() {
        let (rest, changes) = at_rest(&view, &rollout);
        assert!(!rest.has_removable(&rollout.target), "{view:?} became {rest:?}");
        assert!(
            !rest.is_unrestored(&rollout.target, &rollout.baseline),
            "{view:?} became {rest:?}"
        );
        most = most.max(changes);
    }
    assert_eq!(most, 2, "no stage needs more, and some need as many");
}

#[test]
fn what_the_rollout_promoted_is_back_at_the_baseline() {
    for (view, rollout) in every_case() {
        let Rollout { target, baseline } = &rollout;
        if view.deployment_id != target.deployment_id || target.deployment_id == baseline.deployment_id {
            continue;
        }
        let (rest, _) = at_rest(&view, &rollout);
        assert_eq!(rest.deployment_id, baseline.deployment_id, "{view:?}");
        for (name, value) in &baseline.variables {
            assert_eq!(rest.variables.get(name), value.as_ref(), "{view:?}");
        }
    }
}

#[test]
fn variables_that_were_promoted_alone_are_back_too() {
    for (view, rollout) in every_case() {
        let Rollout { target, baseline } = &rollout;
        if target.deployment_id == baseline.deployment_id && view.is_promoted(target) {
            let (rest, _) = at_rest(&view, &rollout);
            assert_eq!(rest.deployment_id, baseline.deployment_id);
            for (name, value) in &baseline.variables {
                assert_eq!(rest.variables.get(name), value.as_ref(), "{view:?}");
            }
        }
    }
}

#[test]
fn a_stage_on_somebody_else_s_deployment_is_never_changed() {
    for (view, rollout) in every_case() {
        let (rest, _) = at_rest(&view, &rollout);
        if view.deployment_id.as_str() == "X" {
            assert_eq!(
                (&rest.deployment_id, &rest.variables),
                (&view.deployment_id, &view.variables)
            );
        }
        if view.deployment_id.as_str() == "D0" && rollout.target.deployment_id.as_str() == "DA" {
            assert_eq!(
                (&rest.deployment_id, &rest.variables),
                (&view.deployment_id, &view.variables),
                "it is restored already"
            );
        }
    }
}

#[test]
fn a_canary_that_is_neither_ours_nor_a_ghost_stays() {
    for (view, rollout) in every_case() {
        let Some(canary) = &view.canary else { continue };
        let foreign_deployment = canary.deployment_id.as_str() == "X" && view.deployment_id.as_str() != "X";
        let foreign_overrides = canary.overrides == Alias::Foreign.variables();
        if foreign_deployment || foreign_overrides {
            let (rest, _) = at_rest(&view, &rollout);
            assert_eq!(rest.canary, view.canary, "{view:?}");
        }
    }
}

#[test]
fn our_canary_and_every_ghost_go() {
    for (view, rollout) in every_case() {
        if view.has_ours(&rollout.target) || view.has_ghost() {
            assert_eq!(at_rest(&view, &rollout).0.canary, None, "{view:?}");
        }
    }
}

#[test]
fn only_our_variable_s_name_is_ever_restored() {
    for (mut view, rollout) in every_case() {
        view.variables.insert("theme".to_owned(), "dark".to_owned());
        let (rest, _) = at_rest(&view, &rollout);
        assert_eq!(
            rest.variables.get("theme").map(String::as_str),
            Some("dark"),
            "{view:?}"
        );
    }
}

#[test]
fn a_promotion_of_ours_promotes_and_then_only_the_canary_is_left_to_remove() {
    for (view, rollout) in every_case() {
        if !view.has_ours(&rollout.target) {
            continue;
        }
        for recipe in [
            stage::promote(&rollout.target),
            stage::promote_as_documented(&rollout.target),
        ] {
            let after = apply(&view, &recipe);
            assert!(after.is_promoted(&rollout.target), "{view:?} became {after:?}");
            assert!(after.has_removable(&rollout.target), "{view:?} became {after:?}");
        }
    }
}

#[test]
fn what_was_promoted_by_mistake_can_be_put_back_whole() {
    for before in every_view() {
        for now in every_view() {
            let patches = stage::put_back(&now, &before);
            let after = if patches.is_empty() {
                now.clone()
            } else {
                apply(&now, &patches)
            };
            assert_eq!(
                (&after.deployment_id, &after.variables),
                (&before.deployment_id, &before.variables)
            );
            assert_eq!(after.canary, now.canary);
        }
    }
}
