//! Plain HTTP on loopback: the load on the API, and the few calls for which an SDK crate would cost more than it gives.

use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::{Request, body::Bytes};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};

use crate::error::{Error, Result};

const TIMEOUT: Duration = Duration::from_secs(30);

/// A client that keeps its connections.
#[derive(Clone, Debug)]
pub struct Http {
    client: Client<HttpConnector, Full<Bytes>>,
}

/// A response.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Whether Lambda says that the function failed.
    pub function_failed: bool,
    /// The body.
    pub body: Bytes,
}

impl Default for Http {
    fn default() -> Self {
        Self::new()
    }
}

impl Http {
    /// A client.
    #[must_use]
    pub fn new() -> Self {
        Self {
            client: Client::builder(TokioExecutor::new()).build_http(),
        }
    }

    /// GET.
    ///
    /// # Errors
    /// If there is no answer.
    pub async fn get(&self, url: &str) -> Result<Answer> {
        let request = Request::get(url).body(Full::default());
        self.send(url, request).await
    }

    /// A call of an AWS service that has no SDK crate here. LocalStack tells the service by the credential's scope and
    /// checks no signature.
    pub(crate) async fn call(&self, method: &str, url: &str, service: &str, body: String) -> Result<Answer> {
        let scope = format!(
            "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=0"
        );
        let request = Request::builder()
            .method(method)
            .uri(url)
            .header("authorization", scope)
            .body(Full::from(body));
        self.send(url, request).await
    }

    async fn send(&self, url: &str, request: hyper::http::Result<Request<Full<Bytes>>>) -> Result<Answer> {
        let request = request.map_err(Error::call(url))?;
        let answer = async {
            let response = self.client.request(request).await.map_err(Error::call(url))?;
            let status = response.status().as_u16();
            let function_failed = response.headers().contains_key("x-amz-function-error");
            let body = response.into_body().collect().await.map_err(Error::call(url))?;
            Ok(Answer {
                status,
                function_failed,
                body: body.to_bytes(),
            })
        };
        tokio::time::timeout(TIMEOUT, answer).await.map_err(Error::call(url))?
    }
}
