//! What AWS answered, in the words of the ports.

use aws_sdk_apigateway::error::ProvideErrorMetadata;
use aws_smithy_types::error::display::DisplayErrorContext;
use serin_steps::ports::CallError;

// One error type serves all clients: they share aws-smithy's.
pub(crate) use aws_sdk_apigateway::error::SdkError;

/// API Gateway's word for two writers at once, which comes as a conflict or, historically, as a bad request.
pub(crate) const CONCURRENT: &str = "concurrent modification";

const NOT_FOUND: [&str; 4] = [
    "NotFoundException",
    "ResourceNotFoundException",
    "ResourceNotFound",
    "ExecutionDoesNotExist",
];
const THROTTLED: [&str; 7] = [
    "TooManyRequestsException",
    "LimitExceededException",
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "RequestLimitExceeded",
    "ProvisionedThroughputExceededException",
];
const TRY_AGAIN: [&str; 3] = [
    "ConflictException",
    "TransactionConflictException",
    "ServiceUnavailableException",
];

/// Sorts an error of the SDK.
#[expect(
    clippy::needless_pass_by_value,
    reason = "it is the last that is done with the error, in map_err"
)]
pub(crate) fn error<E>(what: &str, error: SdkError<E, aws_sdk_apigateway::config::http::HttpResponse>) -> CallError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let SdkError::ServiceError(service) = &error else {
        let text = format!("{what}: {}", DisplayErrorContext(&error));
        // A call that could not even be made is our fault; of any other the outcome is unknown.
        let unmade = matches!(error, SdkError::ConstructionFailure(_));
        return if unmade {
            CallError::Rejected(text)
        } else {
            CallError::Unavailable(text)
        };
    };
    let code = service.err().code().unwrap_or("an error without a code");
    let message = service.err().message().unwrap_or("no message");
    let text = format!("{what}: {code}: {message}");
    let among = |codes: &[&str]| codes.contains(&code);
    if among(&NOT_FOUND) {
        CallError::NotFound(text)
    } else if among(&THROTTLED) {
        CallError::Throttled(text)
    } else if among(&TRY_AGAIN) || message.contains(CONCURRENT) || service.raw().status().is_server_error() {
        CallError::Unavailable(text)
    } else {
        CallError::Rejected(text)
    }
}
