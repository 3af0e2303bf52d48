//! Bad input gets every fault at once, each with where, what and what else; good input becomes what it says.

mod analysis;
mod refused;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::analysis::Mode;

fn surroundings() -> Surroundings {
    Surroundings {
        home: Home::of_arn("arn:aws:states:eu-central-1:111122223333:execution:serin:r-1").unwrap(),
        settings: Settings {
            hook_pattern: "serin-hook-*".to_owned(),
            metric_seconds: 60,
        },
    }
}

fn smallest() -> Value {
    json!({ "restApiId": "a1b2c3", "stageName": "prod" })
}

/// The smallest request with more fields.
fn with(fields: Value) -> Value {
    let mut request = smallest();
    let Value::Object(fields) = fields else {
        panic!("{fields}")
    };
    request.as_object_mut().unwrap().extend(fields);
    request
}

fn read(input: &Value) -> Request {
    parse(input, &surroundings()).unwrap_or_else(|faults| panic!("{input}: {faults}"))
}

fn faults(input: &Value) -> Vec<crate::fields::Fault> {
    match parse(input, &surroundings()) {
        Ok(request) => panic!("{input} became {request:?}"),
        Err(faults) => faults.0,
    }
}

/// Every input has exactly one fault, at that path, and its message has that part.
fn assert_faults(table: Vec<(Value, &str, &str)>) {
    for (input, path, part) in table {
        let faults = faults(&input);
        let [fault] = faults.as_slice() else {
            panic!("{input} has {faults:?}")
        };
        assert_eq!(fault.path, path, "{input}");
        assert!(fault.to_string().contains(part), "{part:?} is not in {fault}");
    }
}

fn steps(list: impl Into<Value>) -> Value {
    with(json!({ "plan": { "steps": list.into() } }))
}

#[test]
fn the_smallest_request_has_a_default_for_everything() {
    let request = read(&smallest());
    let steps: Vec<_> = request
        .plan
        .steps
        .iter()
        .map(|step| (step.percent.to_string(), step.bake_seconds))
        .collect();
    assert_eq!(
        steps,
        [("5".to_owned(), 600), ("25".to_owned(), 600), ("50".to_owned(), 600)]
    );
    assert_eq!((request.plan.final_bake_seconds, request.plan.tick_seconds), (600, 60));
    assert_eq!(
        (request.alarms, request.deployment_id, request.use_stage_cache),
        (None, None, false)
    );
    assert_eq!(request.analysis.mode, Mode::Guard);
    assert_eq!(
        request.analysis.source.describe("shop"),
        "AWS/ApiGateway Count with ApiName=shop, Stage=prod/Canary"
    );
}

#[test]
fn every_preset_means_what_it_means_where_it_comes_from() {
    let canary = |minutes: u32| vec![("10".to_owned(), minutes * 60)];
    let linear = |minutes: u32| {
        (1..=9)
            .map(|tenth| (format!("{}", tenth * 10), minutes * 60))
            .collect::<Vec<_>>()
    };
    let table = [
        ("AllAtOnce", Vec::new()),
        ("Canary10Percent5Minutes", canary(5)),
        ("Canary10Percent10Minutes", canary(10)),
        ("Canary10Percent15Minutes", canary(15)),
        ("Canary10Percent30Minutes", canary(30)),
        ("Linear10PercentEvery1Minute", linear(1)),
        ("Linear10PercentEvery2Minutes", linear(2)),
        ("Linear10PercentEvery3Minutes", linear(3)),
        ("Linear10PercentEvery10Minutes", linear(10)),
    ];
    for (name, expected) in table {
        for prefix in ["", "Lambda", "ECS", "CodeDeployDefault.Lambda", "CodeDeployDefault.ECS"] {
            let name = format!("{prefix}{name}");
            let plan = read(&with(json!({ "plan": name }))).plan;
            let steps: Vec<_> = plan
                .steps
                .iter()
                .map(|step| (step.percent.to_string(), step.bake_seconds))
                .collect();
            assert_eq!(steps, expected, "{name}");
        }
    }
    let ecs = read(&with(json!({ "plan": "ECSLinear10PercentEvery1Minutes" })))
        .plan
        .steps;
    assert_eq!(
        ecs,
        read(&with(json!({ "plan": "Linear10PercentEvery1Minute" }))).plan.steps
    );
}

#[test]
fn alarms_are_named_by_name_or_arn_and_none_at_all_only_on_purpose() {
    let request = read(&with(json!({ "alarms": [
        "errors", "arn:aws:cloudwatch:eu-central-1:111122223333:alarm:slow", { "name": "old", "ifAlreadyInAlarm": "ignoreUntilOk" },
    ] })));
    let alarms: Vec<_> = request
        .alarms
        .iter()
        .flatten()
        .map(|alarm| (alarm.arn.alarm_name(), alarm.if_already_in_alarm))
        .collect();
    assert_eq!(
        alarms,
        [
            ("errors", IfAlreadyInAlarm::Refuse),
            ("slow", IfAlreadyInAlarm::Refuse),
            ("old", IfAlreadyInAlarm::IgnoreUntilOk)
        ]
    );
    assert_eq!(read(&with(json!({ "alarms": [] }))).alarms, Some(Vec::new()));
}

#[test]
fn a_hook_may_be_a_version_or_an_alias() {
    let arn = "arn:aws:lambda:eu-central-1:111122223333:function:serin-hook-smoke:live";
    let hooks = read(&with(json!({ "hooks": { "afterPromotion": arn } }))).hooks;
    assert_eq!(
        (hooks.before_traffic, hooks.after_promotion.as_deref()),
        (None, Some(arn))
    );
}

#[test]
fn a_pattern_is_read_as_iam_reads_it() {
    for (pattern, name, fits) in [
        ("serin-hook-*", "serin-hook-", true),
        ("serin-hook-*", "serin-hook", false),
        ("*", "anything", true),
        ("a*b*c", "a1b2b3c", true),
        ("a*b*c", "a1c", false),
        ("exact", "exact", true),
        ("exact", "exactly", false),
    ] {
        assert_eq!(matches(pattern, name), fits, "{pattern} {name}");
    }
}

// --- Anything at all ---

/// JSON that looks like a request from afar: known names at every depth, values of every type.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (0..700_i64).prop_map(Value::from),
        (0..20_000_u32).prop_map(|hundredths| json!(f64::from(hundredths) / 100.0)),
        "\\PC{0,12}".prop_map(Value::from),
        prop::sample::select(vec![
            "a1b2c3",
            "prod",
            "AllAtOnce",
            "guard",
            "arn:aws:cloudwatch:x:y:alarm:z"
        ])
        .prop_map(Value::from),
    ];
    let names = vec![
        "restApiId",
        "stageName",
        "canary",
        "plan",
        "steps",
        "linear",
        "exponential",
        "percent",
        "factor",
        "bakeSeconds",
        "everySeconds",
        "approval",
        "alarms",
        "name",
        "ifAlreadyInAlarm",
        "analysis",
        "mode",
        "source",
        "hooks",
        "beforeTraffic",
        "deploymentId",
        "stageVariableOverrides",
        "tickSeconds",
        "finalBakeSeconds",
        "other",
    ];
    leaf.prop_recursive(4, 64, 6, move |inner| {
        let name = prop::sample::select(names.clone()).prop_map(str::to_owned);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(name, inner, 0..6).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn anything_is_a_request_or_has_a_fault(mut input in any_json(), on_a_stage in any::<bool>()) {
        if let (true, Some(fields)) = (on_a_stage, input.as_object_mut()) {
            fields.insert("restApiId".to_owned(), json!("a1b2c3"));
            fields.insert("stageName".to_owned(), json!("prod"));
        }
        match parse(&input, &surroundings()) {
            Ok(request) => {
                prop_assert!(request.plan.longest() <= crate::timing::LONGEST_ROLLOUT);
                prop_assert!(request.plan.steps.is_sorted_by(|one, next| one.percent < next.percent));
                prop_assert!(request.plan.tick() >= 5);
            }
            Err(faults) => {
                prop_assert!(!faults.0.is_empty());
                prop_assert!(faults.0.iter().all(|fault| !fault.path.is_empty() && !fault.allowed.is_empty()));
            }
        }
    }

    #[test]
    fn every_listed_plan_that_rises_is_read_as_it_is_written(
        shares in prop::collection::btree_set(1_u16..=10_000, 1..=100), bake in 1_u32..=10_000, tick in 5_u32..=600,
    ) {
        let list: Vec<_> = shares
            .iter()
            .map(|share| json!({ "percent": f64::from(*share) / 100.0, "bakeSeconds": bake }))
            .collect();
        let mut input = steps(json!(list));
        input["tickSeconds"] = json!(tick);
        let plan = read(&input).plan;
        let read: Vec<_> = plan.steps.iter().map(|step| step.percent.hundredths()).collect();
        prop_assert_eq!(read, shares.into_iter().collect::<Vec<_>>());
        prop_assert_eq!(plan.tick_seconds, tick);
    }
}
