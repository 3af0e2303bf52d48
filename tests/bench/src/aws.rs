//! What AWS answers to a rollback by an alarm, in the shapes and about the sizes of the real thing.

use serde_json::{Value, json};

use crate::http::{Answer, Request};

/// The API of the rollout.
const API: &str = "a1b2c3d4e5";
const ALARM: &str = "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:serin-a1b2c3d4e5-prod-canary-5xx";
const ROLLOUT: &str = "checkout-2026-11-24T10-15-00";
const BEGAN: &str = "2026-11-24T10:15:00.123Z";

/// CloudWatch's direct action on an alarm.
pub(crate) fn alarm_event() -> Value {
    json!({
        "source": "aws.cloudwatch",
        "alarmArn": ALARM,
        "accountId": "123456789012",
        "time": "2026-11-24T10:21:15.490+0000",
        "region": "eu-west-1",
        "alarmData": {
            "alarmName": "serin-a1b2c3d4e5-prod-canary-5xx",
            "state": {
                "value": "ALARM",
                "reason": "Threshold Crossed: 1 out of the last 1 datapoints [14.0 (24/11/26 10:20:00)] was greater than or equal to the threshold (5.0).",
                "reasonData": "{\"version\":\"1.0\",\"queryDate\":\"2026-11-24T10:21:15.488+0000\",\"statistic\":\"Sum\",\"period\":60,\"recentDatapoints\":[14.0],\"threshold\":5.0}",
                "timestamp": "2026-11-24T10:21:15.490+0000"
            },
            "previousState": {
                "value": "OK",
                "reason": "Threshold Crossed: no datapoints were received for 1 period and 1 missing datapoint was treated as [NonBreaching].",
                "timestamp": "2026-11-24T10:16:15.490+0000"
            },
            "configuration": {
                "description": "Server errors of the canary",
                "metrics": [{
                    "id": "m1",
                    "metricStat": {
                        "metric": {"namespace": "AWS/ApiGateway", "name": "5XXError", "dimensions": {"ApiName": "checkout", "Stage": "prod/Canary"}},
                        "period": 60,
                        "stat": "Sum"
                    },
                    "returnData": true
                }]
            }
        }
    })
}

/// The least that makes a function talk to AWS once; the stub's claim is one that is being rolled back, so that most stop there.
pub(crate) fn event(function: &str) -> Value {
    match function {
        "rollback" => alarm_event(),
        "sweep" => json!({}),
        "instruct" => json!({
            "restApiId": API, "stageName": "prod", "instruction": "approve", "by": "alex", "reason": "looks good",
        }),
        "begin" => json!({
            "request": {"restApiId": API, "stageName": "prod", "canary": {"deploymentId": "v2dep1"}, "plan": "Canary10Percent5Minutes"},
            "execution": execution(),
        }),
        _ => document(),
    }
}

fn execution() -> Value {
    let arn = format!("arn:aws:states:eu-west-1:123456789012:execution:serin-rollout:{ROLLOUT}");
    json!({"Id": arn, "Name": ROLLOUT, "StartTime": BEGAN})
}

fn document() -> Value {
    json!({
        "version": 1,
        "rolloutId": ROLLOUT,
        "executionArn": execution().get("Id"),
        "stage": {"restApiId": API, "stageName": "prod"},
        "apiName": "checkout",
        "beganAt": BEGAN,
        "deadline": "2099-01-01T00:00:00Z",
        "baseline": {"deploymentId": "v1dep1", "variables": {"lambdaAlias": "v1"}},
        "canary": {"deploymentId": "v2dep1", "stageVariableOverrides": {"lambdaAlias": "v2"}},
        "plan": {
            "steps": [{"percent": 5, "bakeSeconds": 600, "approval": false}, {"percent": 25, "bakeSeconds": 600, "approval": false}],
            "finalBakeSeconds": 600, "tickSeconds": 60, "approvalTimeoutSeconds": 86_400,
        },
        "alarms": [{"arn": ALARM, "ifAlreadyInAlarm": "refuse"}],
        "progress": {"step": 0, "percent": 5, "since": BEGAN},
        "decision": "bake",
        "waitSeconds": 60,
    })
}

/// The claim just after a rollback has begun.
fn claim() -> Value {
    let text = |value: &str| json!({ "S": value });
    json!({
        "pk": text(&format!("STAGE#{API}#prod")),
        "sk": text("CLAIM"),
        "restApiId": text(API),
        "stageName": text("prod"),
        "rolloutId": text(ROLLOUT),
        "executionArn": execution().get("Id").and_then(Value::as_str).map(text),
        "phase": text("rollingBack"),
        "from": text("shifting"),
        "beganAt": text(BEGAN),
        "deploymentId": text("v2dep1"),
        "overrides": text(r#"{"lambdaAlias":"v2"}"#),
        "baseline": text(r#"{"deploymentId":"v1dep1","variables":{"lambdaAlias":"v1"}}"#),
        "percent": text("5"),
        "alarms": text(&json!([{"arn": ALARM, "ifAlreadyInAlarm": "refuse"}]).to_string()),
        "nextBeatBy": text("2026-11-24T10:45:00Z"),
        "watched": text("yes"),
        "reason": text("alarm serin-a1b2c3d4e5-prod-canary-5xx went into ALARM: Threshold Crossed"),
    })
}

/// Which stage the alarm guards; nothing for the sweep, which asks by the index.
fn query(body: &[u8]) -> Value {
    let body = serde_json::from_slice::<Value>(body).unwrap_or_default();
    if body.get("IndexName").is_some() {
        return json!({"Count": 0, "Items": [], "ScannedCount": 0});
    }
    let text = |value: &str| json!({ "S": value });
    let item = json!({
        "pk": text(&format!("ALARM#{ALARM}")),
        "sk": text(&format!("STAGE#{API}#prod")),
        "restApiId": text(API),
        "stageName": text("prod"),
        "rolloutId": text(ROLLOUT),
        "beganAt": text(BEGAN),
    });
    json!({"Count": 1, "Items": [item], "ScannedCount": 1})
}

/// The stage without its canary.
fn stage() -> Value {
    json!({
        "stageName": "prod",
        "deploymentId": "v1dep1",
        "description": "What customers use",
        "variables": {"lambdaAlias": "v1", "logLevel": "info"},
        "cacheClusterEnabled": false,
        "cacheClusterStatus": "NOT_AVAILABLE",
        "methodSettings": {"*/*": {
            "metricsEnabled": true, "loggingLevel": "ERROR", "dataTraceEnabled": false, "throttlingBurstLimit": 5000,
            "throttlingRateLimit": 10000.0, "cachingEnabled": false, "cacheTtlInSeconds": 300, "cacheDataEncrypted": false,
            "requireAuthorizationForCacheControl": true,
            "unauthorizedCacheControlHeaderStrategy": "SUCCEED_WITH_RESPONSE_HEADER",
        }},
        "tracingEnabled": true,
        "tags": {"team": "checkout"},
        "createdDate": 1_764_000_000,
        "lastUpdatedDate": 1_795_515_675,
    })
}

/// The answer of DynamoDB or API Gateway.
pub(crate) fn answer(request: &Request) -> Answer {
    let body = match request.operation.as_deref() {
        Some("Query") => query(&request.body),
        Some("UpdateItem") => json!({ "Attributes": claim() }),
        Some("GetItem") => json!({ "Item": claim() }),
        Some("TransactWriteItems" | "PutItem") => json!({}),
        None if request.path.contains("/stages/") => return success("application/json", &stage()),
        _ => return unknown(),
    };
    success("application/x-amz-json-1.0", &body)
}

fn success(content_type: &str, body: &Value) -> Answer {
    Answer {
        status: "200 OK",
        headers: vec![
            ("content-type", content_type.to_owned()),
            ("x-amzn-requestid", "8f14e45f-ceea-467f-a3c5-0b8a3a3f1c11".to_owned()),
        ],
        body: body.to_string().into_bytes(),
    }
}

/// Not retried by any SDK.
fn unknown() -> Answer {
    Answer {
        status: "400 Bad Request",
        headers: vec![("content-type", "application/x-amz-json-1.0".to_owned())],
        body: br#"{"__type":"ValidationException","message":"the stub does not know this call"}"#.to_vec(),
    }
}

/// Whether a call is the one that takes the canary's traffic to zero.
pub(crate) fn is_reset(request: &Request) -> bool {
    let body = serde_json::from_slice::<Value>(&request.body).unwrap_or_default();
    let operations = body.get("patchOperations").and_then(Value::as_array);
    let is = |operation: &Value, field: &str, value: &str| operation.get(field).and_then(Value::as_str) == Some(value);
    let removes = operations.into_iter().flatten();
    let mut removes =
        removes.filter(|operation| is(operation, "op", "remove") && is(operation, "path", "/canarySettings"));
    request.method == "PATCH" && request.path == format!("/restapis/{API}/stages/prod") && removes.next().is_some()
}
