//! What went through the proxy.

use std::time::Instant;

use hyper::body::Bytes;

use super::{
    call::{Call, Service},
    fault::Effect,
};

/// A call that was made, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// When it reached the proxy.
    pub at: Instant,
    /// When its answer was known, or it was clear that there would be none.
    pub answered_at: Instant,
    /// Which function made it; empty if the caller is none.
    pub function: String,
    /// Of which service.
    pub service: Service,
    /// Which operation.
    pub operation: String,
    /// The REST API that a call of API Gateway is about.
    pub rest_api_id: Option<String>,
    /// Its path and body.
    pub text: String,
    /// What was done to it.
    pub effects: Vec<Effect>,
    /// The status of the answer; `None` if AWS did not get the call, or gave no answer.
    pub status: Option<u16>,
    /// Whether its caller was sent AWS's answer.
    pub delivered: bool,
    /// The stage as AWS answered it, if that was asked for.
    pub stage: Option<Bytes>,
}

impl Record {
    pub(super) fn new(call: &Call, at: Instant, effects: Vec<Effect>) -> Self {
        Self {
            at,
            answered_at: at,
            function: call.function.clone(),
            service: call.service,
            operation: call.operation.clone(),
            rest_api_id: call.rest_api_id.clone(),
            text: call.text.clone(),
            effects,
            status: None,
            delivered: false,
            stage: None,
        }
    }
}
