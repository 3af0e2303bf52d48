//! Least privilege, seen from outside: every call that came through the proxy is one that the template grants its caller.
//! LocalStack itself refuses nothing.

use std::collections::BTreeSet;

use serde_json::Value;
use serin_local::{Record, Service};
use serin_tests::permissions::granted_to;

/// What functions called without being granted it, as lines for a person.
pub(crate) fn missing(journal: &[Record]) -> BTreeSet<String> {
    let by_functions = journal.iter().filter(|record| !record.function.is_empty());
    by_functions
        .flat_map(|record| {
            let granted = granted_to(&record.function);
            let needed = actions(record).into_iter();
            let missing = needed.filter(|needed| !granted.iter().any(|(action, _)| action == needed));
            missing.map(|action| format!("{} is not granted {action}", record.function))
        })
        .collect()
}

/// The IAM actions that a call needs.
fn actions(record: &Record) -> Vec<String> {
    let operation = &*record.operation;
    match (record.service, operation) {
        (Service::ApiGateway, "UpdateStage") => vec!["apigateway:PATCH".to_owned()],
        (Service::ApiGateway, "CreateDeployment") => vec!["apigateway:POST".to_owned()],
        (Service::ApiGateway, read) if read.starts_with("Get") => vec!["apigateway:GET".to_owned()],
        (Service::DynamoDb, "TransactWriteItems") => transaction(&record.text),
        (Service::DynamoDb, _) => vec![format!("dynamodb:{operation}")],
        (Service::Scheduler, _) => vec![format!("scheduler:{operation}")],
        (Service::Other, "DescribeExecution") => vec![format!("states:{operation}")],
        (Service::Other, "DescribeAlarms" | "GetMetricData") => vec![format!("cloudwatch:{operation}")],
        (Service::ApiGateway | Service::Other, unknown) => vec![unknown.to_owned()],
    }
}

/// DynamoDB knows no action for a transaction, only for its parts.
fn transaction(text: &str) -> Vec<String> {
    let body = text.split_once(' ').map_or(text, |(_, body)| body);
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    let items = body.get("TransactItems").and_then(Value::as_array);
    let parts = items
        .into_iter()
        .flatten()
        .filter_map(Value::as_object)
        .flat_map(|item| item.keys());
    parts.map(|part| format!("dynamodb:{part}Item")).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn record(function: &str, service: Service, operation: &str, text: &str) -> Record {
        let at = Instant::now();
        Record {
            at,
            answered_at: at,
            function: function.to_owned(),
            service,
            operation: operation.to_owned(),
            rest_api_id: None,
            text: text.to_owned(),
            effects: Vec::new(),
            status: Some(200),
            delivered: true,
            stage: None,
        }
    }

    #[test]
    fn what_a_function_is_granted_is_fine() {
        let claim = r#"/ {"TransactItems": [{"Put": {}}, {"Update": {}}]}"#;
        let calls = [
            record(
                "serin-advance",
                Service::ApiGateway,
                "UpdateStage",
                "/restapis/a1/stages/prod {}",
            ),
            record("serin-begin", Service::DynamoDb, "TransactWriteItems", claim),
            record(
                "serin-rollback-on-event",
                Service::Scheduler,
                "DeleteSchedule",
                "/schedules/r1",
            ),
            record("serin-sweep", Service::Other, "DescribeExecution", "/"),
            record("", Service::ApiGateway, "DELETE /restapis/a1", "/restapis/a1"),
        ];
        assert_eq!(missing(&calls), BTreeSet::new());
    }

    #[test]
    fn what_a_function_is_not_granted_is_found() {
        let conditioned = r#"/ {"TransactItems": [{"ConditionCheck": {}}]}"#;
        let calls = [
            record("serin-evaluate", Service::ApiGateway, "UpdateStage", ""),
            record("serin-advance", Service::ApiGateway, "DELETE /restapis/a1", ""),
            record("serin-begin", Service::DynamoDb, "TransactWriteItems", conditioned),
        ];
        let expected = [
            "serin-advance is not granted DELETE /restapis/a1",
            "serin-begin is not granted dynamodb:ConditionCheckItem",
            "serin-evaluate is not granted apigateway:PATCH",
        ];
        assert_eq!(missing(&calls), expected.map(str::to_owned).into());
    }
}
