//! Every function may do what its step needs, and nothing else.

use std::collections::BTreeSet;

use serin_tests::cfn::{Template, text};
use serin_tests::permissions::{Permission, of_managed_policy, of_role};

const CONTROLLER: &str = "template.yaml";
const FUNCTION: &str = "AWS::Serverless::Function";

const API: &str = "arn:aws:apigateway:eu-central-1::/restapis/*";
const STAGES: &str = "arn:aws:apigateway:eu-central-1::/restapis/*/stages/*";
const DEPLOYMENTS: &str = "arn:aws:apigateway:eu-central-1::/restapis/*/deployments";
const DEPLOYMENT: &str = "arn:aws:apigateway:eu-central-1::/restapis/*/deployments/*";
const EXECUTIONS: &str = "arn:aws:states:eu-central-1:123456789012:execution:serin-rollout:*";

/// What each function calls, beyond its logs and traces: role, service, actions, resource.
const CALLS: &[(&str, &str, &[&str], &str)] = &[
    ("BeginRole", "apigateway", &["GET"], API),
    ("BeginRole", "apigateway", &["GET", "PATCH"], STAGES),
    ("BeginRole", "apigateway", &["GET", "POST"], DEPLOYMENTS),
    ("BeginRole", "apigateway", &["GET"], DEPLOYMENT),
    (
        "BeginRole",
        "dynamodb",
        &["GetItem", "PutItem", "UpdateItem", "DeleteItem"],
        "Table.Arn",
    ),
    ("BeginRole", "cloudwatch", &["DescribeAlarms"], "*"),
    ("AdvanceRole", "apigateway", &["GET", "PATCH"], STAGES),
    (
        "AdvanceRole",
        "dynamodb",
        &["GetItem", "PutItem", "UpdateItem"],
        "Table.Arn",
    ),
    ("EvaluateRole", "apigateway", &["GET"], STAGES),
    (
        "EvaluateRole",
        "dynamodb",
        &["GetItem", "PutItem", "UpdateItem"],
        "Table.Arn",
    ),
    ("EvaluateRole", "cloudwatch", &["DescribeAlarms", "GetMetricData"], "*"),
    ("PromoteRole", "apigateway", &["GET", "PATCH"], STAGES),
    (
        "PromoteRole",
        "dynamodb",
        &["GetItem", "PutItem", "UpdateItem"],
        "Table.Arn",
    ),
    ("FinishRole", "apigateway", &["GET", "PATCH"], STAGES),
    (
        "FinishRole",
        "dynamodb",
        &["GetItem", "PutItem", "UpdateItem", "DeleteItem"],
        "Table.Arn",
    ),
    ("RollbackRole", "apigateway", &["GET", "PATCH"], STAGES),
    (
        "RollbackRole",
        "dynamodb",
        &["GetItem", "Query", "PutItem", "UpdateItem", "DeleteItem"],
        "Table.Arn",
    ),
    ("RollbackRole", "sqs", &["SendMessage"], "DeadLetters.Arn"),
    ("RollbackOnEventRole", "apigateway", &["GET", "PATCH"], STAGES),
    (
        "RollbackOnEventRole",
        "dynamodb",
        &["GetItem", "Query", "PutItem", "UpdateItem", "DeleteItem"],
        "Table.Arn",
    ),
    ("RollbackOnEventRole", "sqs", &["SendMessage"], "DeadLetters.Arn"),
    ("SweepRole", "apigateway", &["GET", "PATCH"], STAGES),
    (
        "SweepRole",
        "dynamodb",
        &["GetItem", "Query", "PutItem", "UpdateItem", "DeleteItem"],
        "Table.Arn",
    ),
    ("SweepRole", "dynamodb", &["Query"], "Table.Arn/index/watched"),
    ("SweepRole", "states", &["DescribeExecution"], EXECUTIONS),
    ("SweepRole", "sqs", &["SendMessage"], "DeadLetters.Arn"),
    (
        "InstructRole",
        "dynamodb",
        &["GetItem", "PutItem", "UpdateItem"],
        "Table.Arn",
    ),
];

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

#[test]
fn each_function_may_make_its_own_calls_and_no_others() {
    let template = controller();
    let always = [
        permission("logs", "CreateLogStream", "FunctionLogs.Arn"),
        permission("logs", "PutLogEvents", "FunctionLogs.Arn"),
        permission("xray", "PutTraceSegments", "*"),
        permission("xray", "PutTelemetryRecords", "*"),
    ];
    for (id, _) in template.resources(FUNCTION) {
        let role = id.replace("Function", "Role");
        let calls = CALLS.iter().filter(|(whose, ..)| *whose == role);
        let calls = calls.flat_map(|(_, service, actions, resource)| {
            actions.iter().map(move |action| permission(service, action, resource))
        });
        assert_eq!(of_role(&template, &role), set(calls.chain(always.clone())), "{role}");
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
}

#[test]
fn no_permission_is_for_everything_but_those_that_aws_cannot_narrow() {
    for (holder, permissions) in all_permissions(&controller()) {
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
    for (holder, permissions) in all_permissions(&template) {
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
