//! A stand-in for the Lambda Runtime API, DynamoDB and API Gateway on free ports of the loopback interface. It notes when
//! each request came, and hands the function events when it is told to.

use std::{
    collections::VecDeque,
    io::{self, BufReader, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Receiver, Sender},
    },
    thread,
    time::{Duration, Instant},
};

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::Value;

use crate::{
    aws,
    error::{Outcome, doing},
    http::{self, Answer, Request},
};

/// Something that the stub saw, and when.
#[derive(Debug)]
pub(crate) struct Moment {
    /// What.
    pub(crate) what: Seen,
    /// When.
    pub(crate) at: Instant,
}

/// What the stub can see.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// The function asked for the next event.
    Asked,
    /// It got one.
    HandedOver,
    /// A call by a target in a header is being answered: one of DynamoDB.
    Table,
    /// API Gateway's answer to the removal of the canary is on its way: the canary's traffic is zero.
    Reset,
    /// Another call of API Gateway is being answered.
    Gateway(String),
    /// The function answered the event.
    Responded,
    /// The function failed.
    Failed(String),
}

/// How the functions talk to AWS. They always talk to the Runtime API in plain, as on Lambda.
#[derive(Clone, Debug)]
pub(crate) enum Transport {
    /// HTTP.
    Plain,
    /// HTTPS.
    Tls(Arc<ServerConfig>),
}

impl Transport {
    /// For the columns of a table.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Tls(_) => "TLS",
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Role {
    Runtime,
    Aws,
}

#[derive(Debug)]
struct Shared {
    transport: Transport,
    events: Mutex<VecDeque<Value>>,
    changed: Condvar,
    closed: AtomicBool,
    moments: Sender<Moment>,
}

/// A running stub. It ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Stub {
    shared: Arc<Shared>,
    moments: Receiver<Moment>,
    runtime: SocketAddr,
    table: SocketAddr,
    gateway: SocketAddr,
}

impl Stub {
    /// Starts one.
    pub(crate) fn start(transport: &Transport) -> Outcome<Self> {
        let (sender, moments) = mpsc::channel();
        let shared = Arc::new(Shared {
            transport: transport.clone(),
            events: Mutex::default(),
            changed: Condvar::new(),
            closed: AtomicBool::new(false),
            moments: sender,
        });
        let listen = |role| listen(&shared, role).map_err(doing("listen on the loopback interface"));
        let (runtime, table, gateway) = (listen(Role::Runtime)?, listen(Role::Aws)?, listen(Role::Aws)?);
        Ok(Self {
            shared,
            moments,
            runtime,
            table,
            gateway,
        })
    }

    /// The variables that lead a function here.
    pub(crate) fn environment(&self) -> [(&'static str, String); 4] {
        let scheme = match self.shared.transport {
            Transport::Plain => "http",
            Transport::Tls(_) => "https",
        };
        let gateway = format!("{scheme}://{}", self.gateway);
        [
            ("AWS_LAMBDA_RUNTIME_API", self.runtime.to_string()),
            // Two hosts, as on AWS: each costs a connection, and each its handshake.
            ("AWS_ENDPOINT_URL_DYNAMODB", format!("{scheme}://{}", self.table)),
            ("AWS_ENDPOINT_URL_API_GATEWAY", gateway.clone()),
            ("AWS_ENDPOINT_URL", gateway),
        ]
    }

    /// Has an event for whoever asks next.
    pub(crate) fn send(&self, event: Value) {
        let mut events = self.shared.events.lock().unwrap_or_else(PoisonError::into_inner);
        events.push_back(event);
        self.shared.changed.notify_one();
    }

    /// What it saw next, waiting until `deadline`.
    pub(crate) fn next(&self, deadline: Instant) -> Option<Moment> {
        let left = deadline.saturating_duration_since(Instant::now());
        self.moments.recv_timeout(left).ok()
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::Release);
        self.shared.changed.notify_all();
        for address in [self.runtime, self.table, self.gateway] {
            // Wakes the listener, which then sees that it is closed; if it has ended already, all the better.
            drop(TcpStream::connect_timeout(&address, Duration::from_secs(1)));
        }
    }
}

fn listen(shared: &Arc<Shared>, role: Role) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    let shared = Arc::clone(shared);
    thread::spawn(move || {
        for stream in listener.incoming() {
            if shared.closed.load(Ordering::Acquire) {
                break;
            }
            let Ok(stream) = stream else { continue };
            let shared = Arc::clone(&shared);
            // A connection that breaks is the function's to notice; if it does not, it falls silent and that is reported.
            thread::spawn(move || drop(shared.connection(role, stream)));
        }
    });
    Ok(address)
}

impl Shared {
    fn connection(&self, role: Role, stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        match (role, &self.transport) {
            (Role::Aws, Transport::Tls(config)) => {
                let server = ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?;
                self.serve(role, StreamOwned::new(server, stream))
            }
            (Role::Runtime, _) | (_, Transport::Plain) => self.serve(role, stream),
        }
    }

    fn serve(&self, role: Role, stream: impl Read + Write) -> io::Result<()> {
        let mut stream = BufReader::new(stream);
        while let Some(request) = http::read(&mut stream)? {
            match role {
                Role::Runtime => self.runtime(&request, stream.get_mut())?,
                Role::Aws => {
                    let answer = aws::answer(&request);
                    // Just before, not after: the function may be quicker to go on than this thread.
                    self.saw(seen(&request));
                    http::write(stream.get_mut(), &answer)?;
                }
            }
        }
        Ok(())
    }

    fn runtime(&self, request: &Request, stream: &mut impl Write) -> io::Result<()> {
        let accepted = Answer {
            status: "202 Accepted",
            headers: vec![("content-type", "application/json".to_owned())],
            body: br#"{"status":"OK"}"#.to_vec(),
        };
        if request.path.ends_with("/invocation/next") {
            self.saw(Seen::Asked);
            let Some(event) = self.wait() else {
                return Err(io::ErrorKind::ConnectionAborted.into());
            };
            self.saw(Seen::HandedOver);
            return http::write(stream, &invocation(&event));
        }
        self.saw(if request.path.ends_with("/response") {
            Seen::Responded
        } else {
            Seen::Failed(String::from_utf8_lossy(&request.body).into_owned())
        });
        http::write(stream, &accepted)
    }

    /// The next event; `None` once the stub is closed.
    fn wait(&self) -> Option<Value> {
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if self.closed.load(Ordering::Acquire) {
                return None;
            }
            if let Some(event) = events.pop_front() {
                return Some(event);
            }
            events = self.changed.wait(events).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn saw(&self, what: Seen) {
        let at = Instant::now();
        // Nobody listens any more once a measurement is over.
        drop(self.moments.send(Moment { what, at }));
    }
}

/// A call of AWS that is being answered.
fn seen(request: &Request) -> Seen {
    if request.operation.is_some() {
        Seen::Table
    } else if aws::is_reset(request) {
        Seen::Reset
    } else {
        Seen::Gateway(format!("{} {}", request.method, request.path))
    }
}

fn invocation(event: &Value) -> Answer {
    let function = "arn:aws:lambda:eu-west-1:123456789012:function:serin-rollback";
    let headers = [
        ("content-type", "application/json"),
        ("lambda-runtime-aws-request-id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd"),
        ("lambda-runtime-deadline-ms", "4102444800000"),
        ("lambda-runtime-invoked-function-arn", function),
        (
            "lambda-runtime-trace-id",
            "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1",
        ),
    ];
    Answer {
        status: "200 OK",
        headers: headers.map(|(name, value)| (name, value.to_owned())).to_vec(),
        body: event.to_string().into_bytes(),
    }
}
