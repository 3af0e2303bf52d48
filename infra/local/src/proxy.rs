//! A proxy between the functions and the local AWS: it writes down who calls what, and lets calls fail.
//!
//! A call that is late still arrives after its caller has given up or died, as it can on a real network. Nothing here
//! changes what AWS answers; either the answer is AWS's own, or the call never got there, or its answer is lost.

mod call;
mod fault;
mod journal;
mod refusal;

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use http_body_util::{BodyExt as _, Full};
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
    header,
    http::request::Parts,
    service::service_fn,
};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo},
};
use jiff::Timestamp;
use serin_steps::fakes::CallLimit;
use tokio::{net::TcpListener, task::JoinHandle};

use crate::{
    error::{Error, Result},
    process,
};

pub use call::{Call, Service};
pub use fault::{Aim, Effect, Fault, Span};
pub use journal::Record;

type Answer = Response<Full<Bytes>>;

/// A proxy on a loopback port of its own, until it is dropped.
#[derive(Debug)]
pub struct Proxy {
    shared: Arc<Shared>,
    address: SocketAddr,
    accepting: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    client: Client<HttpConnector, Full<Bytes>>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    behind: Option<Behind>,
    limit: Option<CallLimit>,
    faults: Vec<fault::Armed>,
    under_way: BTreeMap<u64, String>,
    calls: u64,
    journal: Vec<Record>,
}

/// What is behind the proxy.
#[derive(Clone, Debug)]
struct Behind {
    authority: String,
    processes: PathBuf,
}

/// Why a caller gets no answer: its connection is closed without one.
#[derive(Debug, thiserror::Error)]
#[error("the answer is lost")]
struct Lost;

impl Proxy {
    /// Starts on a free port. Until [`crate::World::start_behind`] has put a stack behind it, calls are answered with 502.
    ///
    /// # Errors
    /// If there is no free port.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.map_err(Error::file("no free port on", "127.0.0.1"))?;
        let address = listener
            .local_addr()
            .map_err(Error::file("no free port on", "127.0.0.1"))?;
        let shared = Arc::new(Shared {
            client: Client::builder(TokioExecutor::new()).build_http(),
            state: Mutex::default(),
        });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self {
            shared,
            address,
            accepting,
        })
    }

    /// Where it answers: `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Sends what comes on to `endpoint`. `processes` is the folder in which each function's process says its id.
    pub(crate) fn put_before(&self, endpoint: &str, processes: PathBuf) {
        let authority = endpoint.trim_start_matches("http://").to_owned();
        self.shared.lock().behind = Some(Behind { authority, processes });
    }

    /// Holds API Gateway's management calls to a limit, or to none.
    pub fn limit(&self, limit: Option<CallLimit>) {
        self.shared.lock().limit = limit;
    }

    /// Lets something go wrong from now on.
    pub fn inject(&self, fault: Fault) {
        let now = Instant::now();
        let mut state = self.shared.lock();
        state.faults.retain(|armed| !armed.is_over(now));
        state.faults.push(fault::Armed::new(fault, now));
    }

    /// Takes back every fault that is about this text.
    pub fn mend(&self, about: &str) {
        self.shared.lock().faults.retain(|armed| !armed.is_about(about));
    }

    /// How many calls with one of these texts in their path or body have not arrived yet, or are not answered yet.
    #[must_use]
    pub fn under_way(&self, about: &[&str]) -> usize {
        let state = self.shared.lock();
        let is_about = |text: &&String| about.iter().any(|about| text.contains(about));
        state.under_way.values().filter(is_about).count()
    }

    /// The answered calls so far that `wanted` likes, in the order of their answers.
    #[must_use]
    pub fn journal(&self, wanted: impl Fn(&Record) -> bool) -> Vec<Record> {
        let state = self.shared.lock();
        state.journal.iter().filter(|record| wanted(record)).cloned().collect()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Shared {
    /// A panic elsewhere leaves a state that is still good.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    // Dropped with this task, and every connection with it.
    let mut connections = tokio::task::JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok((stream, _)) = listener.accept().await else {
            // Out of descriptors, say; callers see a connection that is refused.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        let shared = Arc::clone(&shared);
        let service = service_fn(move |request| serve(Arc::clone(&shared), request));
        connections.spawn(async move {
            // A connection that ends badly is the caller's affair.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn serve(shared: Arc<Shared>, request: Request<Incoming>) -> std::result::Result<Answer, Lost> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| Lost)?.to_bytes();
    // A task of its own: the call goes on if its caller does not wait for it.
    tokio::spawn(pass(shared, parts, body)).await.map_err(|_| Lost)?
}

/// One call, with whatever goes wrong with it.
async fn pass(shared: Arc<Shared>, parts: Parts, body: Bytes) -> std::result::Result<Answer, Lost> {
    let call = Call::read(&parts, &body);
    let at = Instant::now();
    let (number, effects, behind) = shared.lock().begin(&call, at);
    let mut record = Record::new(&call, at, effects);
    let answer = carry_out(&shared, &call, behind, (parts, body), &mut record).await;
    record.answered_at = Instant::now();
    let mut state = shared.lock();
    state.under_way.remove(&number);
    state.journal.push(record);
    answer
}

impl State {
    fn begin(&mut self, call: &Call, now: Instant) -> (u64, Vec<Effect>, Option<Behind>) {
        self.calls = self.calls.saturating_add(1);
        self.under_way.insert(self.calls, call.text.clone());
        let strikes = self.faults.iter_mut().filter_map(|armed| armed.strikes(call, now));
        (self.calls, strikes.collect(), self.behind.clone())
    }

    fn admits(&mut self, call: &Call) -> bool {
        let limit = self.limit.as_mut().filter(|_| call.service == Service::ApiGateway);
        limit.is_none_or(|limit| limit.admits(Timestamp::now()))
    }
}

async fn carry_out(
    shared: &Shared,
    call: &Call,
    behind: Option<Behind>,
    request: (Parts, Bytes),
    record: &mut Record,
) -> std::result::Result<Answer, Lost> {
    let Some(behind) = behind else {
        return Ok(refusal::bad_gateway("nothing is behind the proxy yet"));
    };
    let effects = record.effects.clone();
    for effect in &effects {
        if let Effect::Late(by) = effect {
            tokio::time::sleep(*by).await;
        }
    }
    if effects.contains(&Effect::KilledBefore) {
        kill(&behind, call);
        return Err(Lost);
    }
    if effects.contains(&Effect::ServerError) {
        return Ok(refusal::server_error(call.service));
    }
    if effects.contains(&Effect::Throttled) {
        return Ok(refusal::throttled(call.service));
    }
    if !shared.lock().admits(call) {
        record.effects.push(Effect::Throttled);
        return Ok(refusal::throttled(call.service));
    }
    let answer = forward(shared, &behind, request).await;
    record.status = answer.as_ref().ok().map(|(answer, _)| answer.status().as_u16());
    let (answer, body) = answer.map_err(|_| Lost)?;
    if matches!(&*call.operation, "GetStage" | "UpdateStage") && answer.status().is_success() {
        record.stage = Some(body);
    }
    if effects.contains(&Effect::KilledAfter) {
        kill(&behind, call);
        return Err(Lost);
    }
    if effects.contains(&Effect::AnswerLost) {
        return Err(Lost);
    }
    record.delivered = true;
    Ok(answer)
}

async fn forward(shared: &Shared, behind: &Behind, (mut parts, body): (Parts, Bytes)) -> Result<(Answer, Bytes)> {
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let url = format!("http://{}{path}", behind.authority);
    parts.uri = url.parse().map_err(Error::call(&url))?;
    parts.headers.remove(header::HOST);
    let request = Request::from_parts(parts, Full::from(body));
    let response = shared.client.request(request).await.map_err(Error::call(&url))?;
    let (mut parts, body) = response.into_parts();
    let body = body.collect().await.map_err(Error::call(&url))?.to_bytes();
    // The body is whole now, whatever pieces it came in.
    for name in [header::TRANSFER_ENCODING, header::CONTENT_LENGTH, header::CONNECTION] {
        parts.headers.remove(name);
    }
    Ok((Response::from_parts(parts, Full::from(body.clone())), body))
}

/// Kills the process that waits for the answer, by the id that it was started with. It runs, so the id is still its own.
fn kill(behind: &Behind, call: &Call) {
    if call.process.is_empty() {
        return;
    }
    let id = std::fs::read_to_string(behind.processes.join(&call.process)).ok();
    if let Some(id) = id.and_then(|id| id.trim().parse().ok()) {
        process::kill(id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Http;

    /// A proxy before another one that has nothing behind it, and so answers 502 to whatever arrives.
    async fn pair() -> (Proxy, Proxy) {
        let (front, back) = (Proxy::start().await.unwrap(), Proxy::start().await.unwrap());
        front.put_before(&back.endpoint(), PathBuf::new());
        (front, back)
    }

    async fn call(proxy: &Proxy, service: &str, body: &str) -> Result<u16> {
        let url = format!("{}/restapis/a1b2c3/stages/prod", proxy.endpoint());
        let answer = Http::new().call("PATCH", &url, service, body.to_owned()).await;
        answer.map(|answer| answer.status)
    }

    fn fault(effect: Effect, span: Span, about: &str) -> Fault {
        let aim = Aim {
            about: vec![about.to_owned()],
            ..Aim::default()
        };
        Fault { aim, span, effect }
    }

    #[tokio::test]
    async fn only_the_calls_that_a_fault_is_about_are_refused_and_do_not_arrive() {
        let (front, back) = pair().await;
        front.inject(fault(Effect::ServerError, Span::OnceAfter(0), "first"));
        front.inject(fault(Effect::Throttled, Span::OnceAfter(0), "second"));
        let answers = [
            call(&front, "dynamodb", "first").await.unwrap(),
            call(&front, "dynamodb", "second").await.unwrap(),
            call(&front, "apigateway", "third").await.unwrap(),
        ];
        assert_eq!(answers, [500, 400, 502]);
        assert_eq!(back.journal(|_| true).len(), 1);
        let effects: Vec<_> = front
            .journal(|_| true)
            .into_iter()
            .map(|record| record.effects)
            .collect();
        assert_eq!(effects, [vec![Effect::ServerError], vec![Effect::Throttled], vec![]]);
    }

    #[tokio::test]
    async fn a_call_whose_answer_is_lost_has_arrived() {
        let (front, back) = pair().await;
        front.inject(fault(Effect::AnswerLost, Span::OnceAfter(0), "x"));
        assert!(call(&front, "apigateway", "x").await.is_err());
        assert_eq!(back.journal(|_| true).len(), 1);
        let record = front.journal(|_| true).remove(0);
        assert_eq!((record.status, record.delivered), (Some(502), false));
    }

    #[tokio::test]
    async fn a_late_call_arrives_although_its_caller_has_gone() {
        let (front, back) = pair().await;
        front.inject(fault(Effect::Late(Duration::from_secs(1)), Span::OnceAfter(0), "x"));
        let gone = tokio::time::timeout(Duration::from_millis(50), call(&front, "apigateway", "x")).await;
        assert!(gone.is_err());
        assert_eq!((front.under_way(&["x"]), back.journal(|_| true).len()), (1, 0));
        while front.under_way(&["x"]) > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(back.journal(|_| true).len(), 1);
    }

    #[tokio::test]
    async fn management_calls_are_held_to_the_limit_and_others_are_not() {
        let (front, back) = pair().await;
        front.limit(Some(CallLimit::new(0, 2, Timestamp::now())));
        let mut answers = Vec::new();
        for service in ["apigateway", "apigateway", "apigateway", "dynamodb"] {
            answers.push(call(&front, service, "").await.unwrap());
        }
        assert_eq!(answers, [502, 502, 429, 502]);
        assert_eq!(back.journal(|_| true).len(), 3);
    }
}
