//! What a request cannot be, and what it is told.

use serde_json::{Map, Value, json};

use super::{MAX_REQUEST_BYTES, assert_faults, faults, parse, read, smallest, steps, surroundings, with};

#[test]
fn a_request_that_is_not_an_object_says_so() {
    for input in [json!(null), json!("prod"), json!(7), json!([smallest()]), json!(true)] {
        assert_faults(vec![(input, "the request", "allowed: an object")]);
    }
}

#[test]
fn a_stage_must_be_named() {
    assert_faults(vec![
        (json!({ "stageName": "prod" }), "restApiId", "given nothing"),
        (json!({ "restApiId": "a1b2c3" }), "stageName", "given nothing"),
        (
            with(json!({ "restApiId": "" })),
            "restApiId",
            "1 to 64 letters and digits",
        ),
        (with(json!({ "restApiId": 5 })), "restApiId", "given 5"),
        (
            with(json!({ "restApiId": "a/../b" })),
            "restApiId",
            "letters and digits",
        ),
        (with(json!({ "restApiId": "a".repeat(65) })), "restApiId", "1 to 64"),
        (
            with(json!({ "stageName": "pro d" })),
            "stageName",
            "letters, digits, - and _",
        ),
        (
            with(json!({ "stageName": "$default" })),
            "stageName",
            "letters, digits, - and _",
        ),
    ]);
}

#[test]
fn a_misspelt_field_is_a_fault_wherever_it_stands() {
    let hook = "arn:aws:lambda:eu-central-1:111122223333:function:serin-hook-smoke";
    assert_faults(vec![
        (
            with(json!({ "alarmz": [] })),
            "alarmz",
            "given an unknown field; allowed: restApiId",
        ),
        (
            with(json!({ "canary": { "deployment": "x" } })),
            "canary.deployment",
            "deploymentId",
        ),
        (
            steps(json!([{ "percent": 5, "bakeSecond": 60, "bakeSeconds": 60 }])),
            "plan.steps[0].bakeSecond",
            "bakeSeconds",
        ),
        (
            with(json!({ "plan": { "linear": { "percent": 5, "every": 1, "everySeconds": 1 } } })),
            "plan.linear.every",
            "everySeconds",
        ),
        (
            with(json!({ "alarms": [{ "name": "a", "ignore": true }] })),
            "alarms[0].ignore",
            "ifAlreadyInAlarm",
        ),
        (
            with(json!({ "analysis": { "modus": "off" } })),
            "analysis.modus",
            "mode",
        ),
        (
            with(json!({ "analysis": { "source": { "stage": "x" } } })),
            "analysis.source.stage",
            "canaryStage",
        ),
        (
            with(json!({ "hooks": { "before": hook } })),
            "hooks.before",
            "beforeTraffic, afterPromotion",
        ),
    ]);
}

#[test]
fn percentages_rise_up_to_100_with_two_decimals() {
    let percent = |percent: Value| steps(json!([{ "percent": percent, "bakeSeconds": 60 }]));
    let second = |percent: Value| {
        steps(json!([{ "percent": 25, "bakeSeconds": 60 }, { "percent": percent, "bakeSeconds": 60 }]))
    };
    assert_faults(vec![
        (
            second(json!(10)),
            "plan.steps[1].percent",
            "given 10; allowed: a number above 25 and at most 100",
        ),
        (second(json!(25)), "plan.steps[1].percent", "above 25"),
        (second(json!(25.00)), "plan.steps[1].percent", "above 25"),
        (percent(json!(0)), "plan.steps[0].percent", "above 0"),
        (percent(json!(-5)), "plan.steps[0].percent", "given -5"),
        (percent(json!(101)), "plan.steps[0].percent", "at most 100"),
        (percent(json!(100.01)), "plan.steps[0].percent", "at most 100"),
        (percent(json!(5.125)), "plan.steps[0].percent", "at most two decimals"),
        (
            percent(json!("5")),
            "plan.steps[0].percent",
            "given \"5\"; allowed: a number",
        ),
        (percent(json!(null)), "plan.steps[0].percent", "given null"),
        (percent(json!(1e300)), "plan.steps[0].percent", "at most 100"),
    ]);
}

#[test]
fn a_step_has_a_share_and_a_time() {
    let many: Vec<_> = (1..=101)
        .map(|share| json!({ "percent": share, "bakeSeconds": 1 }))
        .collect();
    assert_faults(vec![
        (
            steps(json!([])),
            "plan.steps",
            "given 0 of them; allowed: 1 to 100 steps",
        ),
        (steps(json!(many)), "plan.steps", "101 of them"),
        (steps(json!("5, 25")), "plan.steps", "a list of 1 to 100 steps"),
        (steps(json!([5])), "plan.steps[0]", "an object"),
        (
            steps(json!([{ "percent": 5 }])),
            "plan.steps[0].bakeSeconds",
            "given nothing",
        ),
        (
            steps(json!([{ "percent": 5, "bakeSeconds": 0 }])),
            "plan.steps[0].bakeSeconds",
            "a whole number from 1",
        ),
        (
            steps(json!([{ "percent": 5, "bakeSeconds": 1.5 }])),
            "plan.steps[0].bakeSeconds",
            "a whole number",
        ),
        (
            steps(json!([{ "percent": 5, "bakeSeconds": 60, "approval": "yes" }])),
            "plan.steps[0].approval",
            "true or false",
        ),
    ]);
}

#[test]
fn a_plan_is_of_one_kind() {
    let step = json!({ "percent": 5, "bakeSeconds": 60 });
    let linear = |percent: Value, every: Value| {
        with(json!({ "plan": { "linear": { "percent": percent, "everySeconds": every } } }))
    };
    let exponential = |factor: Value| {
        with(json!({ "plan": { "exponential": { "percent": 1, "factor": factor, "everySeconds": 60 } } }))
    };
    assert_faults(vec![
        (
            with(json!({ "plan": "Canary20Percent5Minutes" })),
            "plan",
            "one of AllAtOnce, Canary10Percent5Minutes",
        ),
        (with(json!({ "plan": {} })), "plan", "0 kinds of plan"),
        (
            with(json!({ "plan": { "steps": [step], "linear": { "percent": 5, "everySeconds": 1 } } })),
            "plan",
            "2 kinds of plan",
        ),
        (
            linear(json!(0.5), json!(60)),
            "plan.linear",
            "given 199 steps; allowed: 1 to 100 rising steps below 100 %",
        ),
        (linear(json!(100), json!(60)), "plan.linear", "0 steps"),
        (linear(json!(10), json!(0)), "plan.linear.everySeconds", "from 1"),
        (
            exponential(json!(1)),
            "plan.exponential.factor",
            "above 1 and at most 100",
        ),
        (exponential(json!("2")), "plan.exponential.factor", "above 1"),
        (exponential(json!(1.001)), "plan.exponential", "rising steps"),
    ]);
}

#[test]
fn the_clocks_of_a_plan_have_limits() {
    assert_faults(vec![
        (
            with(json!({ "tickSeconds": 4 })),
            "tickSeconds",
            "from 5 to 600 seconds",
        ),
        (with(json!({ "tickSeconds": 601 })), "tickSeconds", "given 601"),
        (with(json!({ "finalBakeSeconds": -1 })), "finalBakeSeconds", "given -1"),
        (
            with(json!({ "approvalTimeoutSeconds": 59 })),
            "approvalTimeoutSeconds",
            "from 60",
        ),
        (
            with(json!({ "finalBakeSeconds": 1_209_600 })),
            "plan",
            "at most 14 days",
        ),
    ]);
}

#[test]
fn holds_for_approval_count_into_the_fourteen_days() {
    let step = |percent, approval| json!({ "percent": percent, "bakeSeconds": 600, "approval": approval });
    let mut request = steps(json!([step(5, true), step(25, true)]));
    request["approvalTimeoutSeconds"] = json!(7 * 24 * 60 * 60);
    assert_faults(vec![(
        request.clone(),
        "plan",
        "336 hours with all bakes, holds and approvals",
    )]);
    request["plan"]["steps"][1]["approval"] = json!(false);
    assert_eq!(read(&request).plan.longest().as_hours(), 7 * 24);
}

#[test]
fn alarms_are_of_this_account_and_each_once() {
    let alarm = |region: &str, account: &str| format!("arn:aws:cloudwatch:{region}:{account}:alarm:errors");
    let elsewhere = "an alarm of account 111122223333 in eu-central-1, where Serin runs";
    assert_faults(vec![
        (
            with(json!({ "alarms": [alarm("eu-central-1", "444455556666")] })),
            "alarms[0]",
            elsewhere,
        ),
        (
            with(json!({ "alarms": [alarm("us-east-1", "111122223333")] })),
            "alarms[0]",
            elsewhere,
        ),
        (
            with(json!({ "alarms": ["arn:aws:sns:eu-central-1:111122223333:errors"] })),
            "alarms[0]",
            elsewhere,
        ),
        (
            with(json!({ "alarms": ["a", { "name": "a" }] })),
            "alarms[1]",
            "given \"a\" again; allowed: each alarm once",
        ),
        (
            with(json!({ "alarms": ["a", alarm("eu-central-1", "111122223333"), "errors"] })),
            "alarms[2]",
            "again",
        ),
    ]);
}

#[test]
fn an_alarm_has_a_name_and_a_policy() {
    let many: Vec<_> = (0..21).map(|number| json!(format!("alarm-{number}"))).collect();
    assert_faults(vec![
        (with(json!({ "alarms": [""] })), "alarms[0]", "1 to 255 characters"),
        (
            with(json!({ "alarms": ["a".repeat(256)] })),
            "alarms[0]",
            "1 to 255 characters",
        ),
        (
            with(json!({ "alarms": ["鳥".repeat(86)] })),
            "alarms[0]",
            "bytes, where they are not plain ASCII",
        ),
        (
            with(json!({ "alarms": [{ "ifAlreadyInAlarm": "refuse" }] })),
            "alarms[0].name",
            "given nothing",
        ),
        (
            with(json!({ "alarms": [{ "name": "a", "ifAlreadyInAlarm": "ignore" }] })),
            "alarms[0].ifAlreadyInAlarm",
            "\"refuse\" or \"ignoreUntilOk\"",
        ),
        (with(json!({ "alarms": [7] })), "alarms[0]", "an object"),
        (with(json!({ "alarms": many })), "alarms", "21 of them"),
        (
            with(json!({ "alarms": "errors" })),
            "alarms",
            "a list of 0 to 20 alarms",
        ),
        (with(json!({ "alarms": null })), "alarms", "a list of 0 to 20 alarms"),
    ]);
}

#[test]
fn a_hook_outside_the_pattern_is_refused() {
    let hook = |name: &str| with(json!({ "hooks": { "beforeTraffic": name } }));
    let arn = "arn:aws:lambda:eu-central-1:111122223333:function:";
    let path = "hooks.beforeTraffic";
    let matching = "whose name matches serin-hook-*: arn:aws:lambda:eu-central-1:111122223333:function:serin-hook-*";
    assert_faults(vec![
        (hook(&format!("{arn}delete-everything")), path, matching),
        (hook(&format!("{arn}my-serin-hook-smoke")), path, matching),
        (hook("serin-hook-smoke"), path, matching),
        (
            hook("arn:aws:lambda:eu-central-1:444455556666:function:serin-hook-smoke"),
            path,
            matching,
        ),
        (
            hook("arn:aws:lambda:us-east-1:111122223333:function:serin-hook-smoke"),
            path,
            matching,
        ),
        (
            hook("arn:aws:states:eu-central-1:111122223333:stateMachine:serin-hook-x"),
            path,
            matching,
        ),
        (hook(&format!("{arn}serin-hook-{}", "x".repeat(54))), path, matching),
        (hook(&format!("{arn}serin-hook-a/b")), path, matching),
        (
            with(json!({ "hooks": { "afterPromotion": null } })),
            "hooks.afterPromotion",
            "given null",
        ),
        (with(json!({ "hooks": [] })), "hooks", "an object"),
    ]);
}

#[test]
fn a_canary_is_described_as_api_gateway_allows() {
    let many: Map<_, _> = (0..21).map(|number| (format!("v{number}"), json!("x"))).collect();
    let variables = |variables: Value| with(json!({ "canary": { "stageVariableOverrides": variables } }));
    let path = "canary.stageVariableOverrides";
    assert_faults(vec![
        (with(json!({ "canary": "x9y8" })), "canary", "an object"),
        (
            with(json!({ "canary": { "deploymentId": "" } })),
            "canary.deploymentId",
            "a deployment of this API",
        ),
        (
            with(json!({ "canary": { "deploymentId": "../x" } })),
            "canary.deploymentId",
            "1 to 64 letters and digits",
        ),
        (
            with(json!({ "canary": { "useStageCache": "true" } })),
            "canary.useStageCache",
            "true or false",
        ),
        (variables(json!(["alias"])), path, "an object"),
        (variables(json!(many)), path, "given 21 variables; allowed: at most 20"),
        (
            variables(json!({ "my-alias": "v2" })),
            "canary.stageVariableOverrides.my-alias",
            "letters, digits and _",
        ),
        (
            variables(json!({ "alias": "" })),
            "canary.stageVariableOverrides.alias",
            "1 to 512",
        ),
        (
            variables(json!({ "alias": "v 2" })),
            "canary.stageVariableOverrides.alias",
            "letters, digits and -._~:/?#&=,",
        ),
        (
            variables(json!({ "alias": 2 })),
            "canary.stageVariableOverrides.alias",
            "given 2",
        ),
    ]);
}

#[test]
fn a_request_too_big_to_be_one_is_not_read_at_all() {
    let input = with(json!({ "alarms": ["a".repeat(MAX_REQUEST_BYTES)] }));
    assert_faults(vec![(input, "the request", "at most 32768 bytes")]);
}

#[test]
fn all_faults_are_told_at_once() {
    let input = json!({
        "restApiId": "a/1", "colour": "yellow",
        "canary": { "deploymentId": 9, "stageVariableOverrides": { "a b": "c d" }, "useStageCache": 1 },
        "plan": { "steps": [{ "percent": 50, "bakeSeconds": "long" }, { "percent": 5, "bakeSeconds": 60 }, 7] },
        "finalBakeSeconds": -1, "tickSeconds": 1, "approvalTimeoutSeconds": 1,
        "alarms": ["", { "name": "b", "ifAlreadyInAlarm": 1 }],
        "analysis": { "mode": "on" },
        "hooks": { "beforeTraffic": "x", "afterPromotion": "y" },
    });
    let paths: Vec<_> = faults(&input).into_iter().map(|fault| fault.path).collect();
    assert_eq!(
        paths,
        [
            "colour",
            "restApiId",
            "stageName",
            "canary.deploymentId",
            "canary.stageVariableOverrides.a b",
            "canary.stageVariableOverrides.a b",
            "canary.useStageCache",
            "plan.steps[0].bakeSeconds",
            "plan.steps[1].percent",
            "plan.steps[2]",
            "finalBakeSeconds",
            "tickSeconds",
            "approvalTimeoutSeconds",
            "alarms[0]",
            "alarms[1].ifAlreadyInAlarm",
            "analysis.mode",
            "hooks.beforeTraffic",
            "hooks.afterPromotion",
        ]
    );
    let message = parse(&input, &surroundings()).unwrap_err().to_string();
    assert!(
        message.starts_with("18 faults: (1) colour: given an unknown field; allowed:"),
        "{message}"
    );
}
