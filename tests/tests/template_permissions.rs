//! Every function may do what its step needs, and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use serin_core::percent::Percent;
use serin_core::stage::{CanaryView, Variables};
use serin_core::switch::Switch;
use serin_core::timing::SWEEP_REACTION;
use serin_steps::fakes::{Call, Fault};
use serin_steps::ports::CallError;
use serin_tests::cfn::{Template, entries, text};
use serin_tests::payloads::{FUNCTIONS, events, prepared};
use serin_tests::permissions::{CONTROLLER, Permission, granted, needed, of_managed_policy, of_role};
use serin_tests::simulation::{API, Simulation};

const FUNCTION: &str = "AWS::Serverless::Function";
/// The account that templates are read for.
const ACCOUNT: &str = "123456789012";

/// What AWS does not let one narrow. Nothing here changes an API, a function, the table or a schedule.
const UNAVOIDABLE: &[&str] = &[
    "cloudwatch:DescribeAlarms",
    "cloudwatch:GetMetricData",
    "logs:CreateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:DescribeLogGroups",
    "logs:DescribeResourcePolicies",
    "logs:GetLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:UpdateLogDelivery",
    "xray:GetSamplingRules",
    "xray:GetSamplingTargets",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
];

fn controller() -> Template {
    Template::read(CONTROLLER, &[])
}

fn set<T: Ord>(items: impl IntoIterator<Item = T>) -> BTreeSet<T> {
    items.into_iter().collect()
}

fn permission(service: &str, action: &str, resource: &str) -> Permission {
    (format!("{service}:{action}"), resource.to_owned())
}

/// Every role and managed policy of the controller with what it allows.
fn all_permissions(template: &Template) -> Vec<(String, BTreeSet<Permission>)> {
    let roles = template
        .resources("AWS::IAM::Role")
        .into_iter()
        .map(|(id, _)| (id.clone(), of_role(template, &id)));
    let policies = template.resources("AWS::IAM::ManagedPolicy").into_iter();
    let policies = policies.map(|(id, policy)| (id, of_managed_policy(&policy)));
    roles.chain(policies).collect()
}

#[test]
fn every_function_has_a_role_of_its_own() {
    let functions = controller().resources(FUNCTION);
    let roles = set(functions.iter().map(|(_, function)| text(&function["Role"]).to_owned()));
    let expected = set(functions.iter().map(|(id, _)| id.replace("Function", "Role.Arn")));
    assert_eq!(roles, expected);
}

/// What each function asks of its ports, over every payload and some stories: enough to need every grant.
fn made() -> BTreeMap<String, BTreeSet<Call>> {
    let mut made: BTreeMap<String, BTreeSet<Call>> = BTreeMap::new();
    let mut note = |world: Simulation| {
        for (function, calls) in world.made {
            made.entry(function).or_default().extend(calls);
        }
    };
    for function in FUNCTIONS {
        for (_, payload) in events(function) {
            let mut world = prepared(function, &payload);
            // A refusal, and what is seen of it, is an answer like any other.
            let _ = world.invoke(function, payload);
            note(world);
        }
    }
    for story in [lost_answers, stopped, left_over, late_switch] {
        let mut world = Simulation::new();
        world.start("r1", json!({ "restApiId": API, "stageName": "prod" }));
        story(&mut world);
        world.run();
        note(world);
    }
    made
}

fn lost_answers(world: &mut Simulation) {
    world.aws.fail_next("CreateDeployment", Fault::AnswerLost);
    let lost = Fault::Fails(CallError::Unavailable("lost".to_owned()));
    world.aws.fail_next("UpdateStage", lost);
}

fn stopped(world: &mut Simulation) {
    world.at(700, |world| world.stop("r1"));
}

/// A ghost that a late writer left in the final bake, which `finish` removes.
fn left_over(world: &mut Simulation) {
    world.at(2300, |world| {
        let mut account = world.aws.account();
        let stages = account.api(API).map(|api| api.stages.values_mut());
        for stage in stages.into_iter().flatten() {
            assert_eq!(stage.canary, None, "the canary is promoted");
            stage.canary = Some(CanaryView {
                deployment_id: stage.deployment_id.clone(),
                percent: Percent::ZERO,
                overrides: Variables::new(),
                use_stage_cache: false,
            });
        }
    });
}

/// A dead man's switch that is pushed, and that `promote` cannot take away, so that `finish` does.
fn late_switch(world: &mut Simulation) {
    world.at(700, |world| {
        let soon = world.now() + SWEEP_REACTION;
        let mut account = world.aws.account();
        for claim in account.claims.values_mut() {
            claim.switch = Switch::Armed(soon);
        }
        drop(account);
        let lost = Fault::Fails(CallError::Unavailable("lost".to_owned()));
        world.aws.fail_next("DeleteSchedule", lost);
    });
}

/// `Simulation::invoke` checks in every scenario that a function may make the calls that it makes: nothing is missing. With
/// this, nothing is granted that is not used.
#[test]
fn each_function_may_make_the_calls_that_it_makes_and_no_others() {
    let made = made();
    let mut wrong = Vec::new();
    for function in FUNCTIONS {
        let used = needed(&made[function]);
        let unused = granted(function).difference(&used);
        wrong.extend(unused.map(|unused| format!("{function} never uses {unused:?}")));
        let missing = used.difference(granted(function));
        wrong.extend(missing.map(|missing| format!("{function} is not granted {missing:?}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What the platform does on behalf of a function.
#[test]
fn each_function_may_log_and_trace_and_give_up_what_came_as_an_event() {
    let template = controller();
    let always = [
        permission("logs", "CreateLogStream", "FunctionLogs.Arn"),
        permission("logs", "PutLogEvents", "FunctionLogs.Arn"),
        permission("xray", "PutTraceSegments", "*"),
        permission("xray", "PutTelemetryRecords", "*"),
    ];
    for (id, function) in template.resources(FUNCTION) {
        let binary = text(&function["CodeUri"]).split('/').nth(2).unwrap_or_default();
        let given_up = permission("sqs", "SendMessage", "DeadLetters.Arn");
        let given_up = (!function["EventInvokeConfig"].is_null()).then_some(given_up);
        let expected = granted(binary).iter().cloned().chain(always.clone()).chain(given_up);
        assert_eq!(
            of_role(&template, &id.replace("Function", "Role")),
            set(expected),
            "{id}"
        );
    }
}

/// Whoever may send to the dead letters is a service that acts for a rule or a topic of this account. Conditions with several
/// operators hold where each does (IAM).
#[test]
fn nobody_of_another_account_may_leave_a_dead_letter() {
    for owner in [ACCOUNT, "444455556666"] {
        let topic = format!("arn:aws:sns:eu-west-1:{owner}:alarms");
        let template = Template::read(CONTROLLER, &[("AlarmTopicArn", &topic)]);
        let policy = &template.properties("DeadLettersPolicy")["PolicyDocument"];
        let statements = policy["Statement"].as_array().unwrap();
        assert_eq!(statements.len(), 2);
        for statement in statements {
            assert!(
                text(&statement["Principal"]["Service"]).ends_with(".amazonaws.com"),
                "{statement}"
            );
            let sources = entries(&statement["Condition"]).map(|(_, values)| text(&values["aws:SourceArn"]));
            let accounts = sources.map(|arn| arn.split(':').nth(4).unwrap());
            assert!(set(accounts).contains(ACCOUNT), "{statement}");
        }
    }
}

/// Whoever may invoke a function is a service that acts for this account, or has a policy of this account.
#[test]
fn nobody_of_another_account_may_invoke_a_function() {
    for owner in [ACCOUNT, "444455556666"] {
        let topic = format!("arn:aws:sns:eu-west-1:{owner}:alarms");
        let template = Template::read(CONTROLLER, &[("AlarmTopicArn", &topic)]);
        let permissions = template.resources("AWS::Lambda::Permission");
        assert_eq!(permissions.len(), 2);
        for (id, permission) in permissions {
            assert!(text(&permission["Principal"]).ends_with(".amazonaws.com"), "{id}");
            let account = permission["SourceAccount"].as_str();
            let source = permission["SourceArn"].as_str().and_then(|arn| arn.split(':').nth(4));
            assert_eq!(account.or(source), Some(ACCOUNT), "{id}");
        }
        // What SAM makes of an event is limited to the rule that it makes, which is this stack's.
        for (id, function) in template.resources(FUNCTION) {
            for (event, source) in entries(&function["Events"]) {
                assert!(
                    ["EventBridgeRule", "Schedule"].contains(&text(&source["Type"])),
                    "{id}.{event}"
                );
                assert!(
                    source["Properties"]["EventBusName"].is_null(),
                    "{id}.{event}: another bus"
                );
            }
            assert!(function["FunctionUrlConfig"].is_null(), "{id}");
        }
    }
}

#[test]
fn the_state_machine_runs_its_own_functions_and_hooks_only() {
    let template = controller();
    let allowed = of_role(&template, "RolloutRole");
    let invoked = allowed.iter().filter(|(action, _)| action.starts_with("lambda:"));
    let hooks = "arn:aws:lambda:eu-central-1:123456789012:function:serin-hook-*".to_owned();
    let own =
        ["Begin", "Advance", "Evaluate", "Promote", "Finish", "Rollback"].map(|name| format!("{name}Function.Arn"));
    let expected = set(own
        .into_iter()
        .chain([hooks])
        .map(|resource| permission("lambda", "InvokeFunction", &resource)));
    assert_eq!(set(invoked.cloned()), expected);
    let told = allowed.iter().filter(|(action, _)| action.starts_with("events:"));
    let bus = "arn:aws:events:eu-central-1:123456789012:event-bus/default";
    assert_eq!(set(told.cloned()), set([permission("events", "PutEvents", bus)]));
}

#[test]
fn no_permission_is_for_everything_but_those_that_aws_cannot_narrow() {
    let (template, switch) = (controller(), controller().nested("Switch"));
    for (holder, permissions) in all_permissions(&template).into_iter().chain(all_permissions(&switch)) {
        for (action, resource) in permissions {
            assert!(!action.contains('*'), "{holder} may {action}");
            assert!(
                resource != "*" || UNAVOIDABLE.contains(&action.as_str()),
                "{holder} may {action} on everything"
            );
        }
    }
}

#[test]
fn rest_apis_can_be_narrowed_to_some() {
    let first = "arn:aws:apigateway:eu-central-1::/restapis/a1b2c3";
    let second = "arn:aws:apigateway:eu-central-1::/restapis/x9y8z7";
    let template = Template::read(CONTROLLER, &[("RestApiArns", &format!("{first},{second}"))]);
    let mut changed = BTreeSet::new();
    let switch = template.nested("Switch");
    for (holder, permissions) in all_permissions(&template).into_iter().chain(all_permissions(&switch)) {
        for (action, resource) in permissions
            .into_iter()
            .filter(|(action, _)| action.starts_with("apigateway:"))
        {
            assert!(
                resource.starts_with(first) || resource.starts_with(second),
                "{holder} may {action} {resource}"
            );
            if action == "apigateway:PATCH" {
                changed.insert(resource);
            }
        }
    }
    assert_eq!(
        changed,
        set([format!("{first}/stages/*"), format!("{second}/stages/*")])
    );
}
