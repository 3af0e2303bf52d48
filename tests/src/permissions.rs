//! What a template's roles may do, as a list of single permissions.

#![expect(
    clippy::indexing_slicing,
    reason = "it serves tests only, which fail by panicking; indexing a JSON value by name does not panic"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use serde_json::Value;
use serin_steps::fakes::Call;

use crate::cfn::{Template, text, texts};

/// One action on one resource.
pub type Permission = (String, String);

/// The controller's template.
pub const CONTROLLER: &str = "template.yaml";

const API: &str = "arn:aws:apigateway:eu-central-1::/restapis/*";
const STAGES: &str = "arn:aws:apigateway:eu-central-1::/restapis/*/stages/*";
const DEPLOYMENTS: &str = "arn:aws:apigateway:eu-central-1::/restapis/*/deployments";
const DEPLOYMENT: &str = "arn:aws:apigateway:eu-central-1::/restapis/*/deployments/*";
const EXECUTIONS: &str = "arn:aws:states:eu-central-1:123456789012:execution:serin-rollout:*";
const SCHEDULES: &str = "arn:aws:scheduler:eu-central-1:123456789012:schedule/Group/*";
const TABLE: &str = "Table.Arn";

/// What a call needs. A transaction needs what its items need: DynamoDB knows no action for the whole.
fn needs(call: Call) -> &'static [(&'static str, &'static str)] {
    match call {
        Call::ApiName => &[("apigateway:GET", API)],
        Call::Stage => &[("apigateway:GET", STAGES)],
        Call::UpdateStage => &[("apigateway:PATCH", STAGES)],
        Call::CreateDeployment => &[("apigateway:POST", DEPLOYMENTS)],
        Call::DeploymentDescribed => &[("apigateway:GET", DEPLOYMENTS)],
        Call::HasDeployment => &[("apigateway:GET", DEPLOYMENT)],
        Call::AlarmsNamed | Call::AlarmsWithPrefix => &[("cloudwatch:DescribeAlarms", "*")],
        Call::Requests => &[("cloudwatch:GetMetricData", "*")],
        Call::ExecutionStatus => &[("states:DescribeExecution", EXECUTIONS)],
        Call::ReadClaim | Call::StageOf => &[("dynamodb:GetItem", TABLE)],
        Call::Take | Call::Record => &[("dynamodb:PutItem", TABLE)],
        Call::Change | Call::Unwatch => &[("dynamodb:UpdateItem", TABLE)],
        // It reads the claim for its alarms; a lost condition reads it again.
        Call::End => &[
            ("dynamodb:GetItem", TABLE),
            ("dynamodb:UpdateItem", TABLE),
            ("dynamodb:DeleteItem", TABLE),
        ],
        Call::GiveBack => &[("dynamodb:DeleteItem", TABLE)],
        // What is there is set again. Whoever sets a schedule passes on the role that it acts by.
        Call::Arm => &[
            ("scheduler:CreateSchedule", SCHEDULES),
            ("scheduler:UpdateSchedule", SCHEDULES),
            ("iam:PassRole", "Role.Arn"),
        ],
        Call::Push => &[("scheduler:UpdateSchedule", SCHEDULES), ("iam:PassRole", "Role.Arn")],
        Call::Disarm => &[("scheduler:DeleteSchedule", SCHEDULES)],
        Call::GuardedBy => &[("dynamodb:Query", TABLE)],
        Call::Watched => &[("dynamodb:Query", "Table.Arn/index/watched")],
    }
}

/// What some calls need.
#[must_use]
pub fn needed(calls: &BTreeSet<Call>) -> BTreeSet<Permission> {
    let needs = calls.iter().flat_map(|call| needs(*call));
    needs
        .map(|(action, resource)| ((*action).to_owned(), (*resource).to_owned()))
        .collect()
}

/// What the template grants the functions of a binary, by the binary's name: what all of them have, if it is deployed twice.
/// Logs, traces and dead letters are left out, for the platform makes those calls.
///
/// # Panics
/// Where no function is called so.
#[must_use]
pub fn granted(binary: &str) -> &'static BTreeSet<Permission> {
    static GRANTED: LazyLock<Grants> = LazyLock::new(|| grants(binary_of));
    &GRANTED[binary]
}

/// The same for one function, by its name in a stack called `serin`, such as `serin-rollback-on-event`.
///
/// # Panics
/// Where no function is called so.
#[must_use]
pub fn granted_to(function: &str) -> &'static BTreeSet<Permission> {
    static GRANTED: LazyLock<Grants> = LazyLock::new(|| grants(|function| text(&function["FunctionName"])));
    &GRANTED[function]
}

type Grants = BTreeMap<String, BTreeSet<Permission>>;

fn binary_of(function: &Value) -> &str {
    let code = text(&function["CodeUri"]);
    code.trim_start_matches("build/lambda/").trim_end_matches('/')
}

fn grants(key: fn(&Value) -> &str) -> Grants {
    let template = Template::read(CONTROLLER, &[]);
    let mut grants = Grants::new();
    for (id, function) in template.resources("AWS::Serverless::Function") {
        let mut own = of_role(&template, &id.replace("Function", "Role"));
        own.retain(|(action, _)| {
            !["logs:", "xray:", "sqs:"]
                .iter()
                .any(|platform| action.starts_with(platform))
        });
        grants
            .entry(key(&function).to_owned())
            .and_modify(|both| both.retain(|permission| own.contains(permission)))
            .or_insert(own);
    }
    grants
}

/// What a role may do, by its own policies and by the managed policies of the stack, and of those nested in it, that it names.
#[must_use]
pub fn of_role(template: &Template, role: &str) -> BTreeSet<Permission> {
    let properties = template.properties(role);
    let own = properties["Policies"].as_array().into_iter().flatten();
    let own = own.flat_map(|policy| of_policy(&policy["PolicyDocument"]));
    let managed = texts(&properties["ManagedPolicyArns"]).into_iter();
    let managed = managed.flat_map(|policy| match policy.split_once(".Outputs.") {
        Some((stack, output)) => {
            let nested = template.nested(stack);
            let policy = nested.resolve(&nested.source["Outputs"][output]["Value"]);
            of_managed_policy(&nested.properties(text(&policy)))
        }
        None => of_managed_policy(&template.properties(&policy)),
    });
    own.chain(managed).collect()
}

/// What a managed policy of the stack allows.
#[must_use]
pub fn of_managed_policy(properties: &Value) -> BTreeSet<Permission> {
    of_policy(&properties["PolicyDocument"])
}

/// What a policy allows. A policy that says anything else than Allow is not understood, and refused.
fn of_policy(document: &Value) -> BTreeSet<Permission> {
    let mut permissions = BTreeSet::new();
    for statement in document["Statement"].as_array().into_iter().flatten() {
        assert_eq!(text(&statement["Effect"]), "Allow", "{statement}");
        assert!(
            statement["NotAction"].is_null() && statement["NotResource"].is_null(),
            "{statement}"
        );
        for action in texts(&statement["Action"]) {
            permissions.extend(
                texts(&statement["Resource"])
                    .into_iter()
                    .map(|resource| (action.clone(), resource)),
            );
        }
    }
    permissions
}
