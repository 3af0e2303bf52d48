//! What of a stage is ours, and how patches look to API Gateway.

use super::*;

fn variables(pairs: &[(&str, &str)]) -> Variables {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn target(deployment: &str, overrides: &[(&str, &str)]) -> CanaryTarget {
    CanaryTarget {
        deployment_id: deployment.into(),
        stage_variable_overrides: variables(overrides),
        use_stage_cache: false,
    }
}

fn view(deployment: &str, own: &[(&str, &str)], canary: Option<(&str, &[(&str, &str)])>) -> StageView {
    StageView {
        deployment_id: deployment.into(),
        variables: variables(own),
        canary: canary.map(|(deployment, overrides)| CanaryView {
            deployment_id: deployment.into(),
            percent: Percent::from_hundredths(2_500).unwrap(),
            overrides: variables(overrides),
            use_stage_cache: false,
        }),
    }
}

const V1: (&str, &str) = ("alias", "v1");
const V2: (&str, &str) = ("alias", "v2");

#[test]
fn ours_is_our_deployment_with_our_overrides() {
    let ours = target("DA", &[V2]);
    for (canary, has_ours, removable) in [
        (None, false, false),
        (Some(("DA", [V2].as_slice())), true, true),
        (Some(("DA", &[])), false, true),
        (Some(("DA", &[V1])), false, false),
        (Some(("X", &[V2])), false, false),
        (Some(("D0", &[])), false, true),
        (Some(("D0", &[V2])), false, false),
    ] {
        let view = view("D0", &[V1], canary);
        assert_eq!(
            (view.has_ours(&ours), view.has_removable(&ours)),
            (has_ours, removable),
            "{}",
            view.describe()
        );
    }
}

#[test]
fn a_ghost_is_the_stage_s_own_deployment_without_overrides_wherever_the_stage_is() {
    for deployment in ["D0", "DA", "X"] {
        assert!(view(deployment, &[], Some((deployment, &[]))).has_ghost());
        assert!(!view(deployment, &[], Some((deployment, &[V2]))).has_ghost());
        assert!(!view(deployment, &[], Some(("other", &[]))).has_ghost());
        assert!(!view(deployment, &[], None).has_ghost());
    }
}

#[test]
fn promoted_is_our_deployment_and_our_variables_beside_any_others() {
    let ours = target("DA", &[V2]);
    assert!(view("DA", &[V2, ("theme", "dark")], None).is_promoted(&ours));
    assert!(!view("DA", &[V1], None).is_promoted(&ours));
    assert!(!view("DA", &[], None).is_promoted(&ours));
    assert!(!view("D0", &[V2], None).is_promoted(&ours));
    assert!(view("DA", &[V1], None).is_promoted(&target("DA", &[])));
}

#[test]
fn a_stage_is_unrestored_while_it_carries_what_the_rollout_put_there() {
    let before = view("D0", &[V1], None);
    let ours = target("DA", &[V2]);
    let baseline = Baseline::of(&before, &ours);
    assert!(view("DA", &[V2], None).is_unrestored(&ours, &baseline));
    assert!(view("DA", &[V1], None).is_unrestored(&ours, &baseline), "half restored");
    assert!(!before.is_unrestored(&ours, &baseline));
    assert!(
        !view("X", &[V2], None).is_unrestored(&ours, &baseline),
        "somebody else's deployment is left alone"
    );
}

#[test]
fn variables_alone_are_unrestored_until_they_are_back() {
    let before = view("D0", &[V1], None);
    let ours = target("D0", &[V2]);
    let baseline = Baseline::of(&before, &ours);
    assert!(view("D0", &[V2], None).is_unrestored(&ours, &baseline));
    assert!(!before.is_unrestored(&ours, &baseline));
}

#[test]
fn a_restore_touches_our_variable_names_only() {
    let ours = target("DA", &[V2, ("engine", "v2")]);
    let baseline = Baseline::of(&view("D0", &[V1, ("theme", "light")], None), &ours);
    let after = view("DA", &[V2, ("engine", "v2"), ("theme", "dark")], None);
    assert_eq!(
        restore(&after, &baseline),
        [
            Patch::Deployment("D0".into()),
            Patch::Variable("alias".into(), "v1".into()),
            Patch::RemoveVariable("engine".into()),
        ]
    );
    assert_eq!(restore(&view("D0", &[V1], None), &baseline), []);
}

#[test]
fn what_was_promoted_by_mistake_is_put_back_whole() {
    let before = view("X", &[("theme", "dark"), ("alias", "x")], None);
    let now = view("Y", &[("theme", "dark"), ("alias", "y"), ("new", "y")], None);
    assert_eq!(
        put_back(&now, &before),
        [
            Patch::Deployment("X".into()),
            Patch::Variable("alias".into(), "x".into()),
            Patch::RemoveVariable("new".into()),
        ]
    );
}

#[test]
fn a_canary_is_removed_before_anything_is_restored() {
    let ours = target("DA", &[V2]);
    let baseline = Baseline::of(&view("D0", &[V1], None), &ours);
    let both = view("DA", &[V2], Some(("DA", &[V2])));
    assert_eq!(make_safe(&both, &ours, &baseline), Some(vec![Patch::RemoveCanary]));
    assert_eq!(make_safe(&view("X", &[V2], Some(("Y", &[]))), &ours, &baseline), None);
}

/// Patches as lines, as API Gateway takes them.
fn rendered(patches: &[Patch]) -> String {
    let lines = patches
        .iter()
        .map(|patch| serde_json::to_string(&patch.operation()).unwrap());
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn patches_look_as_api_gateway_takes_them() {
    let mut ours = target("DA", &[V2, ("a/b~c", "x")]);
    ours.use_stage_cache = true;
    let baseline = Baseline::of(&view("D0", &[V1], None), &ours);
    let promoted = view("DA", &[V2, ("a/b~c", "x")], None);
    let share = [Patch::CanaryPercent(Percent::parse("12.5").unwrap())];
    let sections = [
        ("attach", attach(&ours)),
        ("advance", share.to_vec()),
        ("promote", promote(&ours)),
        ("promote without variables", promote(&target("DA", &[]))),
        ("promote as documented", promote_as_documented(&ours)),
        ("reset", vec![Patch::RemoveCanary]),
        ("restore", restore(&promoted, &baseline)),
    ];
    let text: Vec<_> = sections
        .iter()
        .map(|(name, patches)| format!("{name}\n{}", rendered(patches)))
        .collect();
    insta::assert_snapshot!(text.join("\n\n"));
}

#[test]
fn no_patch_is_one_that_api_gateway_is_known_to_refuse() {
    let ours = target("DA", &[V2]);
    let patches = [
        attach(&ours),
        promote(&ours),
        promote_as_documented(&ours),
        vec![Patch::RemoveCanary],
    ]
    .concat();
    for operation in patches.iter().map(Patch::operation) {
        assert!(
            ["replace", "remove", "copy"].contains(&operation.op),
            "{operation:?}: add is refused"
        );
        assert_ne!((operation.op, operation.path.as_str()), ("replace", "/canarySettings"));
        assert_ne!(
            operation.path, "/canarySettings/stageVariableOverrides",
            "the whole map cannot be changed"
        );
        assert_eq!(operation.op == "copy", operation.from.is_some(), "{operation:?}");
        assert_eq!(operation.op == "replace", operation.value.is_some(), "{operation:?}");
    }
}

#[test]
fn a_stage_is_described_in_one_sentence() {
    assert_eq!(view("D0", &[V1], None).describe(), "deployment D0, no canary");
    assert_eq!(
        view("D0", &[V1], Some(("DA", &[V2, ("b", "c")]))).describe(),
        "deployment D0, canary DA at 25 % with its own alias, b"
    );
}
