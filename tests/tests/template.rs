//! What is deployed is what the design says: permissions, the ways into rollback, and what tells people.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use serin_core::timing::{
    FUNCTION_TIMEOUT_SECONDS, ROLLBACK_TIMEOUT_SECONDS, SWEEP_PERIOD_SECONDS, SWEEP_TIMEOUT_SECONDS,
};
use serin_tests::cfn::{Template, entries, repository, text};
use serin_tests::permissions::of_role;

const CONTROLLER: &str = "template.yaml";
const NOTIFICATIONS: &str = "infra/notifications.yaml";
const SWITCH: &str = "infra/switch.yaml";
const MONITORING: &str = "infra/monitoring.yaml";
const EXAMPLE: &str = "infra/example-api/template.yaml";

const FUNCTION: &str = "AWS::Serverless::Function";

fn controller() -> Template {
    Template::read(CONTROLLER, &[])
}

fn set<T: Ord>(items: impl IntoIterator<Item = T>) -> BTreeSet<T> {
    items.into_iter().collect()
}

fn ids(resources: &[(String, Value)]) -> BTreeSet<&str> {
    resources.iter().map(|(id, _)| id.as_str()).collect()
}

// --- The functions ---

#[test]
fn every_folder_of_functions_is_deployed_and_no_other() {
    let folders = std::fs::read_dir(repository("functions")).unwrap();
    let folders = set(folders.map(|entry| entry.unwrap().file_name().into_string().unwrap()));
    let deployed = controller().resources(FUNCTION).into_iter().map(|(_, function)| {
        let folder = text(&function["CodeUri"])
            .strip_prefix("build/lambda/")
            .unwrap()
            .to_owned();
        folder.strip_suffix('/').unwrap().to_owned()
    });
    assert_eq!(set(deployed), folders);
}

#[test]
fn rollback_is_deployed_twice_from_one_binary() {
    let template = controller();
    let (direct, on_event) = (
        template.function("RollbackFunction"),
        template.function("RollbackOnEventFunction"),
    );
    assert_eq!(direct["CodeUri"], on_event["CodeUri"]);
    assert_eq!(
        (&direct["MemorySize"], &on_event["MemorySize"]),
        (&json!(256), &json!(256))
    );
    let (direct, on_event) = (
        of_role(&template, "RollbackRole"),
        of_role(&template, "RollbackOnEventRole"),
    );
    assert_eq!(direct, on_event);
}

#[test]
fn functions_end_within_the_times_that_the_protocol_counts_on() {
    let template = controller();
    for (id, _) in template.resources(FUNCTION) {
        let limit = match id.as_str() {
            "SweepFunction" => SWEEP_TIMEOUT_SECONDS,
            "RollbackFunction" | "RollbackOnEventFunction" => ROLLBACK_TIMEOUT_SECONDS,
            _ => FUNCTION_TIMEOUT_SECONDS,
        };
        let timeout = template.function(&id)["Timeout"].as_i64().unwrap();
        assert!(
            timeout <= limit,
            "{id} may run for {timeout} s, the protocol counts on {limit} s"
        );
    }
}

#[test]
fn functions_are_traced_and_log_to_a_group_with_retention() {
    let template = controller();
    for (id, _) in template.resources(FUNCTION) {
        let function = template.function(&id);
        assert_eq!(function["Tracing"], "Active", "{id}");
        assert_eq!(function["LoggingConfig"]["LogGroup"], "FunctionLogs", "{id}");
        assert_eq!(function["Runtime"], "provided.al2023", "{id}");
        assert_eq!(function["Architectures"], json!(["arm64"]), "{id}");
    }
    for (id, group) in template.resources("AWS::Logs::LogGroup") {
        assert_eq!(group["RetentionInDays"], 90, "{id}");
    }
}

#[test]
fn functions_know_the_table_and_the_switches_and_begin_the_hooks_it_may_name() {
    let template = controller();
    for (id, _) in template.resources(FUNCTION) {
        let mut expected = json!({
            "TABLE_NAME": "Table", "LOG_LEVEL": "info", "SWITCH_GROUP": "Switch.Outputs.GroupName",
            "SWITCH_ROLE_ARN": "Switch.Outputs.RoleArn",
            "SWITCH_DEAD_LETTERS_ARN": "Switch.Outputs.DeadLettersArn",
        });
        if id == "BeginFunction" {
            expected["HOOK_FUNCTION_PATTERN"] = json!("serin-hook-*");
            expected["METRIC_RESOLUTION_SECONDS"] = json!(60);
        }
        assert_eq!(template.function(&id)["Environment"]["Variables"], expected, "{id}");
    }
}

#[test]
fn concurrency_is_reserved_only_when_asked_for() {
    assert_eq!(
        controller().function("RollbackFunction")["ReservedConcurrentExecutions"],
        Value::Null
    );
    let reserving = Template::read(CONTROLLER, &[("RollbackReservedConcurrency", "5")]);
    assert_eq!(
        reserving.function("RollbackFunction")["ReservedConcurrentExecutions"],
        "5"
    );
}

// --- The state machine and the table ---

#[test]
fn the_state_machine_is_given_every_name_it_uses_and_no_other() {
    let machine = controller().properties("RolloutStateMachine");
    let definition = std::fs::read_to_string(repository(text(&machine["DefinitionUri"]))).unwrap();
    let used = definition
        .split("${")
        .skip(1)
        .map(|rest| rest.split('}').next().unwrap_or_default());
    let given = entries(&machine["DefinitionSubstitutions"]).map(|(name, _)| name.as_str());
    assert_eq!(set(given), set(used));
    for (name, value) in entries(&machine["DefinitionSubstitutions"]) {
        assert_eq!(text(value), name.replace("FunctionArn", "Function.Arn"));
    }
}

#[test]
fn the_state_machine_is_traced_and_logs_without_payloads() {
    let machine = controller().properties("RolloutStateMachine");
    assert_eq!(
        (&machine["Type"], &machine["Tracing"]),
        (&json!("STANDARD"), &json!({"Enabled": true}))
    );
    assert_eq!(machine["Logging"]["IncludeExecutionData"], false);
    assert_eq!(
        machine["Name"], "serin-rollout",
        "the sweep's permission to describe executions is for this name"
    );
}

#[test]
fn the_table_outlives_its_stack() {
    let template = controller();
    let table = &template.source["Resources"]["Table"];
    assert_eq!(
        (&table["DeletionPolicy"], &table["UpdateReplacePolicy"]),
        (&json!("Retain"), &json!("Retain"))
    );
    let table = template.properties("Table");
    assert_eq!(table["BillingMode"], "PAY_PER_REQUEST");
    assert_eq!(table["SSESpecification"]["SSEEnabled"], true);
    assert_eq!(
        table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"],
        true
    );
    assert_eq!(table["TimeToLiveSpecification"]["AttributeName"], "expiresAt");
    assert_eq!(table["GlobalSecondaryIndexes"][0]["IndexName"], "watched");
}

// --- The ways into rollback ---

#[test]
fn what_is_invoked_by_events_is_retried_and_its_failures_are_kept() {
    let template = controller();
    let with_events = template
        .resources(FUNCTION)
        .into_iter()
        .filter(|(_, function)| !function["Events"].is_null());
    let with_events: Vec<_> = with_events.collect();
    assert_eq!(
        ids(&with_events),
        set(["RollbackFunction", "RollbackOnEventFunction", "SweepFunction"])
    );
    for (id, function) in &with_events {
        let invoked = &function["EventInvokeConfig"];
        assert_eq!(invoked["MaximumRetryAttempts"], 2, "{id}");
        assert!(
            invoked["MaximumEventAgeInSeconds"].as_u64() >= Some(300),
            "{id}: both retries need 3 minutes"
        );
        let kept = json!({"Type": "SQS", "Destination": "DeadLetters.Arn"});
        assert_eq!(invoked["DestinationConfig"]["OnFailure"], kept, "{id}");
        for (event, source) in entries(&function["Events"]) {
            let target = &source["Properties"];
            assert_eq!(target["DeadLetterConfig"]["Arn"], "DeadLetters.Arn", "{id}.{event}");
            assert!(target["RetryPolicy"]["MaximumRetryAttempts"].is_u64(), "{id}.{event}");
            assert!(
                target["RetryPolicy"]["MaximumEventAgeInSeconds"].is_u64(),
                "{id}.{event}"
            );
        }
    }
}

#[test]
fn any_alarm_of_this_account_may_roll_back_and_none_of_another() {
    let permissions = controller().resources("AWS::Lambda::Permission");
    let expected = json!({
        "FunctionName": "RollbackFunction",
        "Action": "lambda:InvokeFunction",
        "Principal": "lambda.alarms.cloudwatch.amazonaws.com",
        "SourceAccount": "123456789012",
    });
    assert_eq!(permissions, [("AlarmsMayRollBack".to_owned(), expected)]);
}

#[test]
fn rollback_hears_of_alarms_and_of_executions_that_died() {
    let template = controller();
    let alarms = &template.properties("RollbackOnEventFunction")["Events"]["AlarmStateChange"]["Properties"]["Pattern"];
    assert_eq!(alarms["source"], json!(["aws.cloudwatch"]));
    assert_eq!(alarms["detail-type"], json!(["CloudWatch Alarm State Change"]));
    assert_eq!(alarms["detail"], json!({"state": {"value": ["ALARM"]}}));
    let died = &template.properties("RollbackFunction")["Events"]["ExecutionDied"]["Properties"]["Pattern"];
    assert_eq!(died["source"], json!(["aws.states"]));
    assert_eq!(died["detail"]["stateMachineArn"], json!(["RolloutStateMachine"]));
    assert_eq!(died["detail"]["status"], json!(["FAILED", "TIMED_OUT", "ABORTED"]));
}

#[test]
fn the_sweep_runs_as_often_as_the_protocol_counts_on() {
    assert_eq!(SWEEP_PERIOD_SECONDS, 60);
    let sweep = controller().properties("SweepFunction");
    assert_eq!(
        sweep["Events"]["EveryMinute"]["Properties"]["Schedule"],
        "rate(1 minute)"
    );
}

#[test]
fn a_topic_of_other_alarms_is_heard_only_when_it_is_named() {
    assert!(controller().resources("AWS::SNS::Subscription").is_empty());
    let topic = "arn:aws:sns:eu-central-1:123456789012:alarms";
    let template = Template::read(CONTROLLER, &[("AlarmTopicArn", topic)]);
    let subscription = template.properties("AlarmTopicSubscription");
    assert_eq!(
        (&subscription["TopicArn"], &subscription["Protocol"]),
        (&json!(topic), &json!("lambda"))
    );
    assert_eq!(subscription["Endpoint"], "RollbackOnEventFunction.Arn");
    let permission = template.properties("AlarmTopicMayRollBack");
    assert_eq!(
        (&permission["Principal"], &permission["SourceArn"]),
        (&json!("sns.amazonaws.com"), &json!(topic))
    );
    let queue = &template.properties("DeadLettersPolicy")["PolicyDocument"]["Statement"];
    assert_eq!(queue[1]["Condition"]["ArnEquals"]["aws:SourceArn"], topic);
}

#[test]
fn the_dead_letters_take_from_the_rules_of_this_stack() {
    let statements = &controller().properties("DeadLettersPolicy")["PolicyDocument"]["Statement"];
    assert_eq!(
        statements.as_array().map(Vec::len),
        Some(1),
        "without a topic of other alarms nobody else sends"
    );
    assert_eq!(statements[0]["Principal"]["Service"], "events.amazonaws.com");
    let rules = "arn:aws:events:eu-central-1:123456789012:rule/serin-*";
    assert_eq!(statements[0]["Condition"]["ArnLike"]["aws:SourceArn"], rules);
}

// --- Outputs and parameters ---

#[test]
fn the_outputs_are_what_people_and_other_stacks_need() {
    let outputs = controller().resolve(&controller().source["Outputs"]);
    for name in [
        "StateMachineArn",
        "InstructFunctionArn",
        "TableName",
        "TopicArn",
        "DeadLettersUrl",
        "SwitchDeadLettersUrl",
        "LogGroupName",
    ] {
        assert!(outputs[name]["Value"].is_string(), "{name}");
    }
    assert_eq!(
        outputs["RollbackFunctionArn"]["Export"]["Name"],
        "serin-RollbackFunctionArn"
    );
    let start = text(&outputs["StartRollout"]["Value"]);
    assert!(
        start.starts_with("aws stepfunctions start-execution --region eu-central-1 --state-machine-arn"),
        "{start}"
    );
    let input = start.split('\'').nth(1).unwrap_or_default();
    let input: Value = serde_json::from_str(input).unwrap();
    assert_eq!(input, json!({"restApiId": "YOUR_API_ID", "stageName": "YOUR_STAGE"}));
}

#[test]
fn every_parameter_and_output_says_what_it_is() {
    for path in [CONTROLLER, NOTIFICATIONS, SWITCH, MONITORING, EXAMPLE] {
        let source = Template::read(path, &[]).source;
        for section in ["Parameters", "Outputs"] {
            for (name, described) in entries(&source[section]) {
                assert!(!text(&described["Description"]).is_empty(), "{path}: {name}");
            }
        }
    }
}

#[test]
fn the_nested_stacks_are_given_what_they_ask_for() {
    let template = controller();
    for (id, path) in [("Notifications", NOTIFICATIONS), ("Switch", SWITCH)] {
        let nested = template.properties(id);
        assert_eq!(nested["TemplateURL"], path);
        let given = entries(&nested["Parameters"]).map(|(name, _)| name.clone());
        let asked = Template::read(path, &[]).source["Parameters"].clone();
        assert_eq!(set(given), set(entries(&asked).map(|(name, _)| name.clone())));
    }
}

#[test]
fn nothing_is_tied_to_a_region_or_an_account() {
    for path in [CONTROLLER, NOTIFICATIONS, SWITCH, MONITORING, EXAMPLE, "samconfig.toml"] {
        let text = std::fs::read_to_string(repository(path)).unwrap();
        for region in ["us-east-", "us-west-", "eu-west-", "eu-central-"] {
            assert!(!text.contains(region), "{path} names the region {region}");
        }
        let digits = text.split(|character: char| !character.is_ascii_digit());
        assert!(
            digits.into_iter().all(|number| number.len() != 12),
            "{path} names an account"
        );
    }
}
