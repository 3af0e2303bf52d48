//! The requests to the byte, and what is made of the answers.

use aws_sdk_scheduler::config::{BehaviorVersion, Credentials, Region};
use serde_json::Value;

use super::*;
use crate::replies::{Replies, Reply};

/// A request: method, path with its query, and body.
type Sent = (String, String, Value);

/// A scheduler that is given these answers: a status, and the error's name if it is one.
fn scheduler(answers: &[(u16, &'static str)]) -> (Scheduler, Replies) {
    let reply = |&(status, error): &(u16, &'static str)| {
        let fault = (!error.is_empty()).then_some(error);
        let body = fault.map_or(r#"{"ScheduleArn": "arn"}"#, |_| r#"{"Message": "no"}"#);
        Reply {
            status,
            header: fault.map(|error| ("x-amzn-errortype", error)),
            body: body.into(),
        }
    };
    let replies = Replies::of(answers.iter().map(reply));
    let config = aws_sdk_scheduler::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .credentials_provider(Credentials::new("id", "key", None, None, "a test"))
        .http_client(replies.http_client())
        .retry_config(RetryConfig::disabled())
        .build();
    let scheduler = Scheduler {
        config,
        client: OnceLock::new(),
        group: "serin".to_owned(),
        role_arn: "arn:aws:iam::111122223333:role/serin-switch".to_owned(),
        dead_letters_arn: "arn:aws:sqs:eu-central-1:111122223333:serin-switch".to_owned(),
    };
    (scheduler, replies)
}

fn stage() -> StageId {
    StageId {
        rest_api_id: "a1b2c3".to_owned(),
        stage_name: "prod".to_owned(),
    }
}

fn at() -> Timestamp {
    "2026-03-01T04:30:15.9Z".parse().unwrap()
}

fn rollout() -> RolloutId {
    "fashionflow-2026-03-01".into()
}

/// The whole schedule, but for the token by which the SDK makes a repeated call the same call.
fn whole() -> Value {
    json!({
        "GroupName": "serin",
        "ScheduleExpression": "at(2026-03-01T04:30:15)",
        "ScheduleExpressionTimezone": "UTC",
        "Description": "Removes the canary of a1b2c3/prod if nobody looks after rollout fashionflow-2026-03-01 any more.",
        "State": "ENABLED",
        "FlexibleTimeWindow": { "Mode": "OFF" },
        "ActionAfterCompletion": "DELETE",
        "Target": {
            "Arn": "arn:aws:scheduler:::aws-sdk:apigateway:updateStage",
            "RoleArn": "arn:aws:iam::111122223333:role/serin-switch",
            "DeadLetterConfig": { "Arn": "arn:aws:sqs:eu-central-1:111122223333:serin-switch" },
            "RetryPolicy": { "MaximumEventAgeInSeconds": 3600, "MaximumRetryAttempts": 185 },
            "Input": "{\"PatchOperations\":[{\"Op\":\"remove\",\"Path\":\"/canarySettings\"}],\
                      \"RestApiId\":\"a1b2c3\",\"StageName\":\"prod\"}",
        },
    })
}

fn sent(replies: &Replies) -> Vec<Sent> {
    let sent = replies.sent().into_iter();
    sent.map(|sent| {
        let path = sent.url.strip_prefix("https://scheduler.eu-central-1.amazonaws.com");
        let mut body = serde_json::from_slice(&sent.body).unwrap_or(Value::Null);
        let token = body.as_object_mut().and_then(|body| body.remove("ClientToken"));
        assert!(body.is_null() || token.is_some_and(|token| token.is_string()));
        (sent.method, path.unwrap().to_owned(), body)
    })
    .collect()
}

const PATH: &str = "/schedules/fashionflow-2026-03-01";

#[tokio::test]
async fn a_switch_is_armed_with_everything_that_a_schedule_needs() {
    let (scheduler, answers) = scheduler(&[(200, "")]);
    scheduler.arm(&rollout(), &stage(), at()).await.unwrap();
    assert_eq!(sent(&answers), [("POST".to_owned(), PATH.to_owned(), whole())]);
}

#[tokio::test]
async fn one_that_is_there_is_set_again_as_a_whole() {
    let (scheduler, answers) = scheduler(&[(409, "ConflictException"), (200, "")]);
    scheduler.arm(&rollout(), &stage(), at()).await.unwrap();
    let [_, (method, path, body)] = sent(&answers).try_into().unwrap();
    assert_eq!((method.as_str(), path.as_str()), ("PUT", PATH));
    assert_eq!(body, whole(), "what an update leaves out is reset");
}

#[tokio::test]
async fn a_push_sends_everything_and_makes_nothing() {
    let (scheduler, answers) = scheduler(&[(200, ""), (404, "ResourceNotFoundException")]);
    scheduler.push(&rollout(), &stage(), at()).await.unwrap();
    let gone = scheduler.push(&rollout(), &stage(), at()).await;
    assert!(matches!(gone, Err(CallError::NotFound(_))), "{gone:?}");
    let put = ("PUT".to_owned(), PATH.to_owned(), whole());
    assert_eq!(sent(&answers), [put.clone(), put]);
}

#[tokio::test]
async fn a_switch_is_taken_away_and_one_that_is_gone_is_fine() {
    let (scheduler, answers) = scheduler(&[(200, ""), (404, "ResourceNotFoundException")]);
    scheduler.disarm(&rollout()).await.unwrap();
    scheduler.disarm(&rollout()).await.unwrap();
    for (method, path, _) in sent(&answers) {
        assert_eq!(method, "DELETE");
        let query = path.strip_prefix(PATH).unwrap();
        assert!(
            query.contains("groupName=serin") && query.contains("clientToken="),
            "{query}"
        );
    }
}

#[tokio::test]
async fn errors_are_sorted_as_everywhere() {
    let answers = [
        (429, "ThrottlingException"),
        (402, "ServiceQuotaExceededException"),
        (403, "AccessDeniedException"),
        (500, "InternalServerException"),
        (409, "ConflictException"),
    ];
    let (scheduler, _) = scheduler(&answers);
    let mut kinds = Vec::new();
    for _ in 0..3 {
        kinds.push(scheduler.arm(&rollout(), &stage(), at()).await.unwrap_err());
    }
    for _ in 0..2 {
        kinds.push(scheduler.disarm(&rollout()).await.unwrap_err());
    }
    let texts: Vec<_> = kinds.iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        [
            "throttled: CreateSchedule: ThrottlingException: no",
            "refused: CreateSchedule: ServiceQuotaExceededException: no",
            "refused: CreateSchedule: AccessDeniedException: no",
            "unavailable: DeleteSchedule: InternalServerException: no",
            "unavailable: DeleteSchedule: ConflictException: no",
        ]
    );
}

#[test]
fn in_other_partitions_the_target_is_theirs() {
    let (mut scheduler, _) = scheduler(&[]);
    scheduler.dead_letters_arn = "arn:aws-cn:sqs:cn-north-1:111122223333:serin-switch".to_owned();
    assert_eq!(
        scheduler.target_arn(),
        "arn:aws-cn:scheduler:::aws-sdk:apigateway:updateStage"
    );
}
