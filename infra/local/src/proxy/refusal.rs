//! Refusals as the services word them, so that a caller takes them for the service's own.

use http_body_util::Full;
use hyper::{Response, body::Bytes};

use super::call::Service;

/// A server error of this service.
pub(super) fn server_error(service: Service) -> Response<Full<Bytes>> {
    match service {
        Service::ApiGateway => rest(503, "ServiceUnavailableException", "Service Unavailable"),
        Service::DynamoDb => dynamodb(500, "InternalServerError", "Internal server error"),
        Service::Scheduler => rest(500, "InternalServerException", "Internal server error"),
        Service::Other => rest(503, "ServiceUnavailable", "Service Unavailable"),
    }
}

/// A throttle of this service.
pub(super) fn throttled(service: Service) -> Response<Full<Bytes>> {
    match service {
        Service::ApiGateway => rest(429, "TooManyRequestsException", "Too Many Requests"),
        Service::DynamoDb => dynamodb(
            400,
            "ThrottlingException",
            "Throughput exceeds the current capacity of your table or index.",
        ),
        Service::Scheduler => rest(429, "ThrottlingException", "Rate exceeded"),
        Service::Other => rest(400, "Throttling", "Rate exceeded"),
    }
}

/// Where there is nothing behind the proxy.
pub(super) fn bad_gateway(why: &str) -> Response<Full<Bytes>> {
    rest(502, "BadGateway", why)
}

/// The error's name in a header, as API Gateway's and the scheduler's protocol (REST with JSON) has it.
fn rest(status: u16, name: &str, message: &str) -> Response<Full<Bytes>> {
    answer(status, Some(name), &serde_json::json!({ "message": message }))
}

/// The error's name in the body, as DynamoDB's protocol (JSON 1.0) has it.
fn dynamodb(status: u16, name: &str, message: &str) -> Response<Full<Bytes>> {
    let kind = format!("com.amazonaws.dynamodb.v20120810#{name}");
    answer(status, None, &serde_json::json!({ "__type": kind, "message": message }))
}

fn answer(status: u16, name: Option<&str>, body: &serde_json::Value) -> Response<Full<Bytes>> {
    let kind = match name {
        Some(_) => "application/json",
        None => "application/x-amz-json-1.0",
    };
    let mut response = Response::builder().status(status).header("content-type", kind);
    if let Some(name) = name {
        response = response.header("x-amzn-errortype", name);
    }
    let body = Full::from(body.to_string());
    // The statuses and names are all above, and all of them are good.
    response.body(body).unwrap_or_default()
}
