//! Clients for the local AWS: plain HTTP, fixed credentials, no configuration of the machine's.

use aws_sdk_apigateway::config::{BehaviorVersion, Credentials, Region};

/// The region that everything is in.
pub const REGION: &str = "us-east-1";

/// The account that everything is in.
pub const ACCOUNT: &str = "000000000000";

/// A client per service.
#[derive(Clone, Debug)]
pub struct Clients {
    /// API Gateway.
    pub apigateway: aws_sdk_apigateway::Client,
    /// CloudWatch.
    pub cloudwatch: aws_sdk_cloudwatch::Client,
    /// DynamoDB.
    pub dynamodb: aws_sdk_dynamodb::Client,
    /// EventBridge Scheduler.
    pub scheduler: aws_sdk_scheduler::Client,
    /// Step Functions.
    pub sfn: aws_sdk_sfn::Client,
}

macro_rules! client {
    ($sdk:ident, $endpoint:expr) => {
        $sdk::Client::from_conf(
            $sdk::Config::builder()
                .behavior_version(BehaviorVersion::latest())
                .region(Region::new(REGION))
                .credentials_provider(Credentials::new("test", "test", None, None, "local"))
                .http_client(aws_smithy_http_client::Builder::new().build_http())
                .endpoint_url($endpoint)
                .build(),
        )
    };
}

impl Clients {
    /// Clients of the stack at `endpoint`.
    #[must_use]
    pub fn new(endpoint: &str) -> Self {
        Self {
            apigateway: client!(aws_sdk_apigateway, endpoint),
            cloudwatch: client!(aws_sdk_cloudwatch, endpoint),
            dynamodb: client!(aws_sdk_dynamodb, endpoint),
            scheduler: client!(aws_sdk_scheduler, endpoint),
            sfn: client!(aws_sdk_sfn, endpoint),
        }
    }
}
