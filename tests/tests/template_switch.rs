//! The dead man's switches: what they act by, who may set them, and where they say what they could not do.

use std::collections::BTreeSet;

use serde_json::json;
use serin_core::timing::{DRAIN, SWITCH_TRIES};
use serin_tests::cfn::{Template, entries, text};
use serin_tests::permissions::of_role;

const STAGES: &str = "arn:aws:apigateway:eu-central-1::/restapis/*/stages/*";

fn controller() -> Template {
    Template::read("template.yaml", &[])
}

fn switch() -> Template {
    controller().nested("Switch")
}

#[test]
fn a_switch_may_change_the_stages_that_serin_may_and_say_that_it_could_not() {
    let expected = [("apigateway:PATCH", STAGES), ("sqs:SendMessage", "DeadLetters.Arn")];
    let expected: BTreeSet<_> = expected.map(|(action, on)| (action.to_owned(), on.to_owned())).into();
    assert_eq!(of_role(&switch(), "Role"), expected);
}

#[test]
fn only_schedules_of_serin_s_group_act_by_its_role() {
    let trust = &switch().properties("Role")["AssumeRolePolicyDocument"]["Statement"];
    assert_eq!(trust.as_array().map(Vec::len), Some(1));
    assert_eq!(trust[0]["Principal"], json!({"Service": "scheduler.amazonaws.com"}));
    let group = "arn:aws:scheduler:eu-central-1:123456789012:schedule-group/Group";
    let condition = json!({
        "StringEquals": {"aws:SourceAccount": "123456789012"}, "ArnEquals": {"aws:SourceArn": group},
    });
    assert_eq!(trust[0]["Condition"], condition);
    assert_eq!(switch().properties("Group")["Name"], "serin");
}

#[test]
fn the_role_is_passed_on_to_the_scheduler_and_to_nobody_else() {
    let template = switch();
    let mut passing = 0;
    for (id, policy) in template.resources("AWS::IAM::ManagedPolicy") {
        let statements = policy["PolicyDocument"]["Statement"].as_array().unwrap().clone();
        for statement in statements
            .iter()
            .filter(|statement| statement["Action"] == "iam:PassRole")
        {
            passing += 1;
            let condition = json!({"StringEquals": {"iam:PassedToService": "scheduler.amazonaws.com"}});
            assert_eq!(statement["Condition"], condition, "{id}");
            assert_eq!(statement["Resource"], "Role.Arn", "{id}");
        }
    }
    assert_eq!(passing, 2, "begin makes them, evaluate sets them again");
}

#[test]
fn what_a_switch_could_not_do_is_kept_for_as_long_as_a_queue_can() {
    let queue = switch().properties("DeadLetters");
    assert_eq!(queue["MessageRetentionPeriod"], 1_209_600);
    assert_eq!(queue["SqsManagedSseEnabled"], true);
    assert!(
        queue["FifoQueueName"].is_null() && queue["FifoQueue"].is_null(),
        "the scheduler takes none"
    );
}

/// EventBridge Scheduler takes an age of 60 s to a day.
#[test]
fn a_switch_tries_for_as_long_as_the_scheduler_lets_it() {
    assert!((60..=86_400).contains(&SWITCH_TRIES.as_secs()));
    assert!(
        SWITCH_TRIES > DRAIN,
        "which is why a switch that may have fired is waited for by itself"
    );
}

#[test]
fn every_output_is_used() {
    let template = controller();
    let source = template.resolve(&template.source).to_string();
    for (name, _) in entries(&switch().source["Outputs"]) {
        assert!(
            source.contains(&format!("Switch.Outputs.{}", text(&json!(name)))),
            "{name}"
        );
    }
}
