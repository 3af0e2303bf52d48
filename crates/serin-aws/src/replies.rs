//! A connection that replies what it is told to, so that tests see requests to the byte. It reaches no network.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use aws_smithy_runtime_api::{
    client::{
        http::{HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn},
        orchestrator::{HttpRequest, HttpResponse},
    },
    http::StatusCode,
};
use aws_smithy_types::body::SdkBody;

/// What comes back.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// The one header that the SDK looks at.
    pub(crate) header: Option<(&'static str, &'static str)>,
    pub(crate) body: Vec<u8>,
}

/// What was sent.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) method: String,
    pub(crate) url: String,
    pub(crate) body: Vec<u8>,
}

/// The replies that are left, one for each request, and what was sent.
#[derive(Clone, Debug)]
pub(crate) struct Replies {
    left: Arc<Mutex<VecDeque<Reply>>>,
    sent: Arc<Mutex<Vec<Sent>>>,
}

impl Replies {
    pub(crate) fn of(replies: impl IntoIterator<Item = Reply>) -> Self {
        Self {
            left: Arc::new(Mutex::new(replies.into_iter().collect())),
            sent: Arc::default(),
        }
    }

    /// For a client of the SDK.
    pub(crate) fn http_client(&self) -> SharedHttpClient {
        let connector = SharedHttpConnector::new(self.clone());
        http_client_fn(move |_, _| connector.clone())
    }

    pub(crate) fn sent(&self) -> Vec<Sent> {
        self.sent.lock().unwrap().clone()
    }
}

impl HttpConnector for Replies {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        self.sent.lock().unwrap().push(Sent {
            method: request.method().to_owned(),
            url: request.uri().to_owned(),
            body: request.body().bytes().unwrap_or_default().to_vec(),
        });
        let reply = self.left.lock().unwrap().pop_front();
        let reply = reply.expect("more is asked for than there are replies");
        let mut response = HttpResponse::new(StatusCode::try_from(reply.status).unwrap(), SdkBody::from(reply.body));
        if let Some((name, value)) = reply.header {
            response.headers_mut().insert(name, value);
        }
        HttpConnectorFuture::ready(Ok(response))
    }
}
