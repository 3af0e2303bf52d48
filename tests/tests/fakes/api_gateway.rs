//! REST APIs, their stages and canaries.

use serin_core::{
    ids::{DeploymentId, StageId},
    percent::Percent,
    stage::{CanaryTarget, CanaryView, Patch, PatchOperation, StageView, Variables, promote, promote_as_documented},
};
use serin_steps::{
    fakes::{FakeAws, NewCanary, RestApi},
    ports::{CallError, Called, Gateway},
};

use super::{at, now};

fn variables(pairs: &[(&str, &str)]) -> Variables {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

pub(super) fn percent(text: &str) -> Percent {
    Percent::parse(text).unwrap()
}

/// An API whose stage `prod` is on deployment `baseline`, with a deployment `d1` beside it.
fn api() -> RestApi {
    let mut api = RestApi::new("shop", "prod", variables(&[("alias", "v1"), ("theme", "dark")]));
    assert_eq!(
        api.create_deployment("the next version", None, None),
        Ok(DeploymentId::from("d1"))
    );
    api
}

fn patch(api: &mut RestApi, patches: &[Patch]) -> Called<StageView> {
    let operations: Vec<_> = patches.iter().map(Patch::operation).collect();
    api.update_stage("prod", &operations)
}

fn target() -> CanaryTarget {
    CanaryTarget {
        deployment_id: "d1".into(),
        stage_variable_overrides: variables(&[("alias", "v2")]),
        use_stage_cache: false,
    }
}

/// The same with a canary of `d1` at 25 %.
pub(super) fn with_canary() -> RestApi {
    let mut api = api();
    let mut attach = serin_core::stage::attach(&target());
    attach.push(Patch::CanaryPercent(percent("25")));
    patch(&mut api, &attach).unwrap();
    api
}

fn refused(text: &str) -> CallError {
    CallError::Rejected(text.to_owned())
}

#[test]
fn f1_3_a_canary_deployment_leaves_the_stage_s_own_and_needs_a_stage_that_exists() {
    let mut api = api();
    let id = api
        .create_deployment("canary", Some("prod"), Some(NewCanary::at(percent("40"))))
        .unwrap();
    let stage = api.stage("prod").unwrap();
    assert_eq!(stage.deployment_id.as_str(), "baseline");
    assert_eq!(stage.canary.unwrap().deployment_id, id);
    assert_eq!(
        api.create_deployment("canary", None, Some(NewCanary::at(percent("40")))),
        Err(refused(
            "Invalid deployment content specified.Non null and non empty stageName must be provided for canary deployment. Provided value is null"
        ))
    );
    assert_eq!(
        api.create_deployment("canary", Some("staging"), Some(NewCanary::at(percent("40")))),
        Err(refused(
            "Invalid deployment content specified.Stage staging must already be created before making a canary release deployment"
        ))
    );
}

#[test]
fn f1_4_another_canary_deployment_silently_takes_the_place_of_the_first() {
    let mut api = with_canary();
    let id = api
        .create_deployment("somebody else's", Some("prod"), Some(NewCanary::at(percent("50"))))
        .unwrap();
    let canary = api.stage("prod").unwrap().canary.unwrap();
    assert_eq!((canary.deployment_id, canary.percent), (id, percent("50")));
    assert_eq!(canary.overrides, Variables::new());
}

#[test]
fn f1_5_a_canary_locks_the_stage_against_ordinary_deployments_even_at_0_percent() {
    for share in ["25", "0"] {
        let mut api = with_canary();
        patch(&mut api, &[Patch::CanaryPercent(percent(share))]).unwrap();
        let deployments = api.deployments.len();
        assert_eq!(
            api.create_deployment("by the pipeline", Some("prod"), None),
            Err(refused(
                "Invalid deployment content specified.Non canary deployment not supported on stage prod because Canary is enabled. Provide CanarySettings in deploymentInput."
            ))
        );
        assert_eq!(api.deployments.len(), deployments, "nothing was made");
        patch(&mut api, &[Patch::RemoveCanary]).unwrap();
        let id = api.create_deployment("by the pipeline", Some("prod"), None).unwrap();
        assert_eq!(api.stage("prod").unwrap().deployment_id, id);
    }
}

#[test]
fn an_ordinary_deployment_to_a_stage_that_does_not_exist_makes_it() {
    let mut api = api();
    let id = api.create_deployment("by the pipeline", Some("staging"), None).unwrap();
    let stage = api.stage("staging").unwrap();
    assert_eq!((stage.deployment_id, stage.canary), (id, None));
}

#[test]
fn f1_1_a_stage_is_made_once_with_or_without_a_canary_of_a_deployment_that_exists() {
    let mut api = api();
    let canary = || NewCanary::at(percent("10"));
    let plain = api
        .create_stage("one", "d1", variables(&[("alias", "v1")]), None)
        .unwrap();
    assert_eq!(plain.variables, variables(&[("alias", "v1")]));
    let own = api
        .create_stage("two", "d1", variables(&[]), Some((None, canary())))
        .unwrap();
    assert_eq!(own.canary.unwrap().deployment_id.as_str(), "d1");
    let other = Some((Some("baseline"), canary()));
    let other = api.create_stage("three", "d1", variables(&[]), other).unwrap();
    assert_eq!(other.canary.unwrap().deployment_id.as_str(), "baseline");
    let again = api.create_stage("one", "d1", variables(&[]), None);
    assert!(matches!(again, Err(CallError::Unavailable(_))), "{again:?}");
    let unknown = Some((Some("no-such"), canary()));
    let unknown = api.create_stage("four", "d1", variables(&[]), unknown);
    assert_eq!(unknown, Err(refused("Deployment id does not exist")));
    assert!(matches!(api.stage("four"), Err(CallError::NotFound(_))));
}

#[test]
fn f1_6_and_f11_9_a_free_standing_deployment_leaves_the_stage_alone_and_can_be_attached() {
    let mut api = api();
    let before = api.stage("prod").unwrap();
    let id = api.create_deployment("free-standing", None, None).unwrap();
    assert_eq!(api.stage("prod").unwrap(), before);
    let view = patch(
        &mut api,
        &[Patch::CanaryDeployment(id.clone()), Patch::CanaryPercent(percent("5"))],
    )
    .unwrap();
    assert_eq!(
        (view.deployment_id, view.variables),
        (before.deployment_id, before.variables)
    );
    assert_eq!(view.canary.unwrap().deployment_id, id);
}

fn operation(op: &'static str, path: &str, value: Option<&str>, from: Option<&'static str>) -> PatchOperation {
    PatchOperation {
        op,
        path: path.to_owned(),
        value: value.map(str::to_owned),
        from,
    }
}

#[test]
fn f1_8_only_the_recorded_operations_are_taken() {
    let overrides = "/canarySettings/stageVariableOverrides";
    for (operation, text) in [
        (
            operation("add", "/canarySettings/deploymentId", Some("d1"), None),
            "Invalid add operation with path: /canarySettings/deploymentId",
        ),
        (
            operation("replace", "/canarySettings", Some("{}"), None),
            "Invalid method setting path: /canarySettings",
        ),
        (
            operation("replace", "/canarySettings/colour", Some("yellow"), None),
            "Invalid method setting path: /canarySettings/colour",
        ),
        (
            operation("remove", "/canarySettings/colour", None, None),
            "Invalid remove operation",
        ),
        (
            operation("remove", overrides, None, None),
            "Cannot remove method setting canarySettings/stageVariableOverrides",
        ),
        (
            operation("copy", "/description", None, Some("/canarySettings/deploymentId")),
            "Invalid copy operation",
        ),
        (
            operation("copy", "/deploymentId", None, Some("/canarySettings/percentTraffic")),
            "Invalid copy operation",
        ),
        (
            operation("replace", "/deploymentId", Some("no-such"), None),
            "Deployment id does not exist",
        ),
        (
            operation("replace", "/canarySettings/deploymentId", Some("no-such"), None),
            "Deployment id does not exist",
        ),
    ] {
        let mut api = with_canary();
        let before = api.clone();
        let Err(CallError::Rejected(told)) = api.update_stage("prod", std::slice::from_ref(&operation)) else {
            panic!("{operation:?} was taken")
        };
        assert!(told.starts_with(text), "{operation:?}: {told}");
        assert_eq!(api, before);
    }
}

#[test]
fn f1_8_a_single_override_can_be_removed() {
    let mut api = with_canary();
    let remove = operation("remove", "/canarySettings/stageVariableOverrides/alias", None, None);
    let view = api.update_stage("prod", &[remove]).unwrap();
    assert_eq!(view.canary.unwrap().overrides, Variables::new());
}

#[test]
fn f1_9_replacing_any_field_of_a_canary_that_is_not_there_makes_one_of_the_stage_s_own_deployment() {
    for (change, deployment, share, overrides) in [
        (Patch::CanaryPercent(Percent::ZERO), "baseline", "0", variables(&[])),
        (Patch::CanaryPercent(percent("25")), "baseline", "25", variables(&[])),
        (Patch::CanaryDeployment("d1".into()), "d1", "0", variables(&[])),
        (
            Patch::CanaryOverride("alias".into(), "v2".into()),
            "baseline",
            "0",
            variables(&[("alias", "v2")]),
        ),
        (Patch::CanaryUsesStageCache(false), "baseline", "0", variables(&[])),
    ] {
        let view = patch(&mut api(), std::slice::from_ref(&change)).unwrap();
        let expected = CanaryView {
            deployment_id: deployment.into(),
            percent: percent(share),
            overrides,
            use_stage_cache: false,
        };
        assert_eq!(view.canary, Some(expected), "{change:?}");
        assert_eq!(view.deployment_id.as_str(), "baseline");
    }
}

#[test]
fn f1_10_promotion_merges_variables_and_leaves_the_canary_there() {
    let view = patch(&mut with_canary(), &promote_as_documented(&target())).unwrap();
    assert_eq!(view.deployment_id.as_str(), "d1");
    assert_eq!(view.variables, variables(&[("alias", "v2"), ("theme", "dark")]));
    let canary = view.canary.unwrap();
    assert_eq!((canary.deployment_id.as_str(), canary.percent), ("d1", Percent::ZERO));
}

#[test]
fn f1_10_copies_may_stand_in_either_order() {
    let mut patches = promote_as_documented(&target());
    patches[1..].reverse();
    let view = patch(&mut with_canary(), &patches).unwrap();
    assert!(view.is_promoted(&target()));
}

#[test]
fn f1_10_copies_without_a_canary_are_refused_and_change_nothing() {
    let mut api = api();
    let before = api.clone();
    let told = patch(&mut api, &promote(&target()));
    assert_eq!(told, Err(refused("Promotion not available. Canary does not exist.")));
    assert_eq!(api, before);
}

#[test]
fn f1_10_the_documented_recipe_without_a_canary_promotes_nothing_and_leaves_a_canary_at_0_percent() {
    let mut api = api();
    let before = api.stage("prod").unwrap();
    let after = patch(&mut api, &promote_as_documented(&target())).unwrap();
    assert_eq!(
        (&after.deployment_id, &after.variables),
        (&before.deployment_id, &before.variables)
    );
    assert!(after.has_ghost());
    assert!(
        api.create_deployment("by the pipeline", Some("prod"), None).is_err(),
        "and it locks the stage"
    );
}

#[test]
fn f1_11_removing_a_canary_takes_all_of_it_and_removing_none_is_refused() {
    let mut api = with_canary();
    let view = patch(&mut api, &[Patch::RemoveCanary]).unwrap();
    assert_eq!(view.canary, None);
    let again = patch(&mut api, &[Patch::RemoveCanary]);
    assert!(matches!(again, Err(CallError::Rejected(_))), "{again:?}");
    assert_eq!(api.stage("prod").unwrap(), view);
}

#[test]
fn f1_12_percentages_go_from_0_to_100_with_decimals() {
    for share in ["0", "10.5", "0.01", "100"] {
        let view = patch(&mut with_canary(), &[Patch::CanaryPercent(percent(share))]).unwrap();
        assert_eq!(view.canary.unwrap().percent.to_string(), share);
    }
    for share in ["-1", "100.1", "many"] {
        let change = operation("replace", "/canarySettings/percentTraffic", Some(share), None);
        assert!(with_canary().update_stage("prod", &[change]).is_err(), "{share}");
    }
}

#[test]
fn f1_13_at_0_percent_the_canary_is_still_there() {
    let view = patch(&mut with_canary(), &[Patch::CanaryPercent(Percent::ZERO)]).unwrap();
    assert_eq!(view.canary.unwrap().deployment_id.as_str(), "d1");
}

#[test]
fn f1_14_overrides_stand_beside_the_stage_s_variables_which_the_canary_inherits() {
    let view = with_canary().stage("prod").unwrap();
    assert_eq!(view.variables, variables(&[("alias", "v1"), ("theme", "dark")]));
    assert_eq!(view.canary.unwrap().overrides, variables(&[("alias", "v2")]));
}

#[test]
fn a_patch_list_applies_whole_or_not_at_all() {
    let mut api = with_canary();
    let before = api.clone();
    let changes = [Patch::CanaryPercent(percent("50")), Patch::Deployment("no-such".into())];
    assert!(patch(&mut api, &changes).is_err());
    assert_eq!(api, before);
}

#[test]
fn what_does_not_exist_is_not_found() {
    let aws = FakeAws::new(at(0));
    aws.account().apis.insert("a1".to_owned(), api());
    let stage = |api: &str, stage: &str| StageId {
        rest_api_id: api.to_owned(),
        stage_name: stage.to_owned(),
    };
    for stage in [stage("http1", "prod"), stage("a1", "staging")] {
        assert!(matches!(now(aws.stage(&stage)), Err(CallError::NotFound(_))), "{stage}");
        assert!(
            matches!(
                now(aws.update_stage(&stage, &[Patch::RemoveCanary])),
                Err(CallError::NotFound(_))
            ),
            "{stage}"
        );
    }
    assert_eq!(now(aws.has_deployment("a1", &"d1".into())), Ok(true));
    assert_eq!(now(aws.has_deployment("a1", &"d9".into())), Ok(false));
    assert_eq!(
        now(aws.deployment_described("a1", "the next version")),
        Ok(Some("d1".into()))
    );
    assert_eq!(now(aws.deployment_described("a1", "another")), Ok(None));
}
