//! The least that a rollback by an alarm can be in Rust: the same six calls, signed, over one blocking thread and hand-made
//! HTTP. No retries, no timeouts, no logs and hardly an error: a floor to measure against, not a function to deploy.

mod http;
mod sign;

use serde_json::{Value, json};

use crate::{http::Connection, sign::Signer};

type Failure = Box<dyn std::error::Error>;

/// DynamoDB, API Gateway and the stage that is rolled back.
struct Aws {
    signer: Signer,
    table: Connection,
    gateway: Connection,
    table_name: String,
}

fn main() -> Result<(), Failure> {
    let trust = http::trust()?;
    let mut runtime = Connection::new(&format!("http://{}", variable("AWS_LAMBDA_RUNTIME_API")?), None)?;
    let mut aws = Aws {
        signer: Signer::from_environment()?,
        table: Connection::new(&variable("AWS_ENDPOINT_URL_DYNAMODB")?, trust.clone())?,
        gateway: Connection::new(&variable("AWS_ENDPOINT_URL_API_GATEWAY")?, trust)?,
        table_name: variable("TABLE_NAME")?,
    };
    loop {
        let next = runtime.call("GET", "/2018-06-01/runtime/invocation/next", &[], b"")?;
        let request = next
            .header("lambda-runtime-aws-request-id")
            .unwrap_or_default()
            .to_owned();
        let event = serde_json::from_slice(&next.body)?;
        let (path, answer) = match aws.roll_back(&event) {
            Ok(answer) => ("response", answer),
            Err(error) => (
                "error",
                json!({"errorType": "Failed", "errorMessage": error.to_string()}),
            ),
        };
        let path = format!("/2018-06-01/runtime/invocation/{request}/{path}");
        runtime.call("POST", &path, &[], answer.to_string().as_bytes())?;
    }
}

fn variable(name: &str) -> Result<String, Failure> {
    std::env::var(name).map_err(|_| format!("{name} is not set").into())
}

fn text<'a>(value: &'a Value, pointer: &str) -> Result<&'a str, Failure> {
    let text = value.pointer(pointer).and_then(Value::as_str);
    text.ok_or_else(|| format!("no {pointer}").into())
}

impl Aws {
    /// Every stage that the alarm guards.
    fn roll_back(&mut self, event: &Value) -> Result<Value, Failure> {
        if text(event, "/alarmData/state/value")? != "ALARM" {
            return Ok(json!({ "outcome": "nothing" }));
        }
        let alarm = text(event, "/alarmArn")?;
        let guarded = self.dynamodb(
            "Query",
            &json!({
                "TableName": self.table_name,
                "KeyConditionExpression": "pk = :alarm",
                "ExpressionAttributeValues": {":alarm": {"S": format!("ALARM#{alarm}")}},
                "ConsistentRead": true,
            }),
        )?;
        let items = guarded
            .get("Items")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        for item in &items {
            self.stage(item, alarm)?;
        }
        Ok(json!({ "outcome": "rolledBack", "stages": items.len() }))
    }

    /// The claim, the reset, the end and the history.
    fn stage(&mut self, item: &Value, alarm: &str) -> Result<(), Failure> {
        let (api, stage) = (text(item, "/restApiId/S")?, text(item, "/stageName/S")?);
        let rollout = text(item, "/rolloutId/S")?;
        let key = json!({"pk": {"S": format!("STAGE#{api}#{stage}")}, "sk": {"S": "CLAIM"}});
        let names = json!({"#rolloutId": "rolloutId", "#phase": "phase"});
        self.dynamodb(
            "UpdateItem",
            &json!({
                "TableName": self.table_name, "Key": key,
                "ConditionExpression": "#rolloutId = :rollout AND #phase IN (:p1, :p2, :p3, :p4)",
                "UpdateExpression": "SET #from = #phase, #phase = :new, #reason = :reason",
                "ExpressionAttributeNames": {"#rolloutId": "rolloutId", "#phase": "phase", "#from": "from", "#reason": "reason"},
                "ExpressionAttributeValues": {
                    ":rollout": {"S": rollout}, ":new": {"S": "rollingBack"}, ":reason": {"S": format!("alarm {alarm}")},
                    ":p1": {"S": "preparing"}, ":p2": {"S": "shifting"}, ":p3": {"S": "promoting"}, ":p4": {"S": "promoted"},
                },
                "ReturnValues": "ALL_NEW",
            }),
        )?;
        self.reset(api, stage)?;
        self.dynamodb(
            "GetItem",
            &json!({"TableName": self.table_name, "Key": key, "ConsistentRead": true}),
        )?;
        let end = json!({
            "TableName": self.table_name, "Key": key,
            "ConditionExpression": "#rolloutId = :rollout AND #phase = :old",
            "UpdateExpression": "SET #phase = :new",
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": {":rollout": {"S": rollout}, ":old": {"S": "rollingBack"}, ":new": {"S": "rolledBack"}},
        });
        let off = json!({"TableName": self.table_name, "Key": {"pk": {"S": format!("ALARM#{alarm}")}, "sk": {"S": format!("STAGE#{api}#{stage}")}}});
        self.dynamodb(
            "TransactWriteItems",
            &json!({"TransactItems": [{"Update": end}, {"Delete": off}]}),
        )?;
        let entry = json!({
            "pk": {"S": format!("ROLLOUT#{rollout}")}, "sk": {"S": format!("AT#{}#rollback", jiff::Timestamp::now())},
            "text": {"S": format!("rolled back: alarm {alarm}")},
        });
        self.dynamodb("PutItem", &json!({"TableName": self.table_name, "Item": entry}))?;
        Ok(())
    }

    fn dynamodb(&mut self, operation: &str, input: &Value) -> Result<Value, Failure> {
        let body = input.to_string();
        let target = format!("DynamoDB_20120810.{operation}");
        let extra = [
            ("content-type", "application/x-amz-json-1.0".to_owned()),
            ("x-amz-target", target),
        ];
        let headers = self
            .signer
            .sign("dynamodb", "POST", self.table.host(), "/", &extra, body.as_bytes());
        let answer = self.table.call("POST", "/", &headers, body.as_bytes())?;
        answer.success(operation)
    }

    fn reset(&mut self, api: &str, stage: &str) -> Result<Value, Failure> {
        let body = json!({"patchOperations": [{"op": "remove", "path": "/canarySettings"}]}).to_string();
        let path = format!("/restapis/{api}/stages/{stage}");
        let extra = [("content-type", "application/json".to_owned())];
        let headers = self.signer.sign(
            "apigateway",
            "PATCH",
            self.gateway.host(),
            &path,
            &extra,
            body.as_bytes(),
        );
        let answer = self.gateway.call("PATCH", &path, &headers, body.as_bytes())?;
        answer.success("UpdateStage")
    }
}
