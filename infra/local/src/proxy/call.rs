//! What a request to AWS asks for, and which function asks.

use hyper::http::request::Parts;

/// An AWS service that Serin's functions call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// API Gateway's control plane.
    ApiGateway,
    /// DynamoDB.
    DynamoDb,
    /// EventBridge Scheduler.
    Scheduler,
    /// Any other.
    Other,
}

/// A call that a function makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The function's name, such as `serin-rollback`; empty if the caller is none.
    pub function: String,
    /// The process it runs in, by the name that the sandbox gave it; empty if the caller is no function.
    pub process: String,
    /// The service.
    pub service: Service,
    /// The operation, such as `UpdateStage`.
    pub operation: String,
    /// The REST API that a call of API Gateway is about.
    pub rest_api_id: Option<String>,
    /// Path and body: what the call is about stands somewhere in it.
    pub text: String,
}

impl Call {
    /// Reads a request. The service is in the scope of its signature, the process in the SDK's user agent.
    pub(super) fn read(parts: &Parts, body: &[u8]) -> Self {
        let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
        let scope = header("authorization").unwrap_or_default();
        let scope = scope.split("Credential=").nth(1).unwrap_or_default();
        let service = match scope.split('/').nth(3) {
            Some("apigateway") => Service::ApiGateway,
            Some("dynamodb") => Service::DynamoDb,
            Some("scheduler") => Service::Scheduler,
            _ => Service::Other,
        };
        let path: Vec<&str> = parts.uri.path().trim_matches('/').split('/').collect();
        let target = header("x-amz-target").and_then(|target| target.rsplit('.').next());
        let operation = match (service, target) {
            (Service::ApiGateway, _) => management_operation(parts.method.as_str(), &path),
            (Service::Scheduler, _) => schedule_operation(parts.method.as_str(), &path),
            (_, Some(target)) => target.to_owned(),
            (_, None) => path.last().copied().unwrap_or_default().to_owned(),
        };
        let agents = ["x-amz-user-agent", "user-agent"].map(|name| header(name).unwrap_or_default());
        let mut words = agents.iter().flat_map(|agent| agent.split_whitespace());
        let process = words.find_map(|word| word.strip_prefix("app/"));
        let process = process.unwrap_or_default().to_owned();
        Self {
            function: process.split('.').next().unwrap_or_default().to_owned(),
            process,
            service,
            operation,
            rest_api_id: match path.as_slice() {
                ["restapis", id, ..] if service == Service::ApiGateway => Some((*id).to_owned()),
                _ => None,
            },
            text: format!("{} {}", parts.uri, String::from_utf8_lossy(body)),
        }
    }
}

/// API Gateway's management API has no header that names the operation.
fn management_operation(method: &str, path: &[&str]) -> String {
    let known = match (method, path) {
        ("GET", ["restapis", _]) => "GetRestApi",
        ("GET", ["restapis", _, "stages", _]) => "GetStage",
        ("PATCH", ["restapis", _, "stages", _]) => "UpdateStage",
        ("POST", ["restapis", _, "deployments"]) => "CreateDeployment",
        ("GET", ["restapis", _, "deployments"]) => "GetDeployments",
        ("GET", ["restapis", _, "deployments", _]) => "GetDeployment",
        _ => return unknown(method, path),
    };
    known.to_owned()
}

/// Neither has EventBridge Scheduler's.
fn schedule_operation(method: &str, path: &[&str]) -> String {
    let known = match (method, path) {
        ("POST", ["schedules", _]) => "CreateSchedule",
        ("PUT", ["schedules", _]) => "UpdateSchedule",
        ("DELETE", ["schedules", _]) => "DeleteSchedule",
        _ => return unknown(method, path),
    };
    known.to_owned()
}

fn unknown(method: &str, path: &[&str]) -> String {
    format!("{method} /{}", path.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(method: &str, uri: &str, headers: &[(&str, &str)], body: &str) -> Call {
        let mut request = hyper::Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        Call::read(&parts, body.as_bytes())
    }

    fn scope(service: &str) -> String {
        format!("AWS4-HMAC-SHA256 Credential=test/20260301/us-east-1/{service}/aws4_request, SignedHeaders=host")
    }

    #[test]
    fn a_change_of_a_stage_is_told_by_method_and_path() {
        let agent = "aws-sdk-rust/1.3.9 os/linux lang/rust/1.94.1 app/serin-rollback.7";
        let headers = [("authorization", &*scope("apigateway")), ("x-amz-user-agent", agent)];
        let call = read("PATCH", "/restapis/a1b2c3/stages/prod", &headers, "{}");
        assert_eq!((call.service, &*call.operation), (Service::ApiGateway, "UpdateStage"));
        assert_eq!(
            (&*call.function, &*call.process),
            ("serin-rollback", "serin-rollback.7")
        );
        assert_eq!(call.rest_api_id.as_deref(), Some("a1b2c3"));
    }

    #[test]
    fn a_call_of_dynamodb_is_told_by_its_target_and_what_it_is_about_by_its_body() {
        let headers = [
            ("authorization", &*scope("dynamodb")),
            ("x-amz-target", "DynamoDB_20120810.UpdateItem"),
        ];
        let call = read("POST", "/", &headers, r#"{"Key":{"pk":{"S":"STAGE#a1b2c3#prod"}}}"#);
        assert_eq!((call.service, &*call.operation), (Service::DynamoDb, "UpdateItem"));
        assert_eq!((&*call.function, call.rest_api_id), ("", None));
        assert!(call.text.contains("STAGE#a1b2c3#prod"));
    }

    #[test]
    fn a_call_of_the_scheduler_is_told_by_its_method_and_is_about_the_schedule_in_its_path() {
        let headers = [("authorization", &*scope("scheduler"))];
        for (method, operation) in [
            ("POST", "CreateSchedule"),
            ("PUT", "UpdateSchedule"),
            ("DELETE", "DeleteSchedule"),
        ] {
            let call = read(method, "/schedules/rollout-7?groupName=serin", &headers, "");
            assert_eq!((call.service, &*call.operation), (Service::Scheduler, operation));
            assert!(call.text.contains("rollout-7"));
        }
    }

    #[test]
    fn a_call_by_path_is_told_by_its_last_segment() {
        let headers = [("authorization", &*scope("monitoring"))];
        let path = "/service/GraniteServiceVersion20100801/operation/DescribeAlarms";
        let call = read("POST", path, &headers, "");
        assert_eq!((call.service, &*call.operation), (Service::Other, "DescribeAlarms"));
    }
}
