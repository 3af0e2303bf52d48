//! AWS in memory: stateful stand-ins for every port, which obey what is recorded about AWS, count every call and fail on
//! command.
//!
//! A call that is to *crash* never answers. Nothing else here waits, so whoever drives a step with
//! `FutureExt::now_or_never` sees a crash as `None` and drops the step, as Lambda does with a process that dies.

mod account;
pub mod api_gateway;
mod call;
mod cloudwatch;
mod gateway;
mod limit;
mod scheduler;
mod table;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    future::pending,
    ops::{Deref, DerefMut},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::{SignedDuration, Timestamp};
use serin_core::{ids::ExecutionArn, timeline::Entry};

pub use account::{Account, FakeAlarm, Traffic};
pub use api_gateway::{NewCanary, RestApi};
pub use call::Call;
pub use limit::CallLimit;
pub use scheduler::Schedule;

use crate::ports::{CallError, Called, Clock, ExecutionStatus, Executions};

/// The operations that count against API Gateway's limit.
pub const API_GATEWAY: [&str; 6] = [
    "GetRestApi",
    "GetStage",
    "UpdateStage",
    "CreateDeployment",
    "GetDeployments",
    "GetDeployment",
];

/// How a call is made to fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It fails and has done nothing.
    Fails(CallError),
    /// It happens, and its answer is lost.
    AnswerLost,
    /// The process dies before it is sent.
    CrashBefore,
    /// It happens, and the process dies before it sees the answer.
    CrashAfter,
}

/// An account, and how its calls go.
#[derive(Debug)]
pub struct Shared {
    account: Account,
    /// Everything that was recorded.
    pub timeline: Vec<Entry>,
    /// Every call that was sent: the operation's name.
    pub calls: Vec<&'static str>,
    /// What was asked of the ports, by the method: what the functions need permission for.
    pub made: BTreeSet<Call>,
    /// What goes wrong: at which call, counted from 0 over everything that is sent from now on.
    faults: Vec<(Aim, Fault)>,
    /// Operations that always fail.
    broken: BTreeMap<&'static str, CallError>,
    /// What happens just before a call of that name is sent.
    meanwhile: Vec<Meanwhile>,
    /// The limit of API Gateway's calls, if there is one.
    limit: Option<CallLimit>,
}

impl Deref for Shared {
    type Target = Account;

    fn deref(&self) -> &Account {
        &self.account
    }
}

impl DerefMut for Shared {
    fn deref_mut(&mut self) -> &mut Account {
        &mut self.account
    }
}

/// Which call a fault is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Aim {
    /// The call of this number in the account's life.
    Number(usize),
    /// The next of this name.
    Next(&'static str),
}

/// Something that happens just before a call is sent: how two writers meet.
struct Meanwhile {
    operation: &'static str,
    happens: Box<dyn FnOnce(&FakeAws) + Send>,
}

impl fmt::Debug for Meanwhile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "before {}", self.operation)
    }
}

/// An account that is shared by everybody who works on it.
#[derive(Clone, Debug)]
pub struct FakeAws(Arc<Mutex<Shared>>);

impl FakeAws {
    /// An account with nothing in it.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(Shared {
            account: Account::new(now),
            timeline: Vec::new(),
            calls: Vec::new(),
            made: BTreeSet::new(),
            faults: Vec::new(),
            broken: BTreeMap::new(),
            meanwhile: Vec::new(),
            limit: None,
        })))
    }

    /// The account, to look at and to change by hand.
    pub fn account(&self) -> MutexGuard<'_, Shared> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the call of that number fail, counted from 0 over the account's life.
    pub fn fail_call(&self, number: usize, fault: Fault) {
        self.account().faults.push((Aim::Number(number), fault));
    }

    /// Makes the next call of that name fail.
    pub fn fail_next(&self, operation: &'static str, fault: Fault) {
        self.account().faults.push((Aim::Next(operation), fault));
    }

    /// Makes every call of that name fail from now on.
    pub fn break_operation(&self, operation: &'static str, error: CallError) {
        self.account().broken.insert(operation, error);
    }

    /// Makes the calls of that name work again.
    pub fn mend_operation(&self, operation: &'static str) {
        self.account().broken.remove(operation);
    }

    /// Throttles the calls to API Gateway that go beyond a limit.
    pub fn limit_calls(&self, limit: CallLimit) {
        self.account().limit = Some(limit);
    }

    /// Lets something happen just before the next call of that name is sent.
    pub fn before_next(&self, operation: &'static str, happens: impl FnOnce(&Self) + Send + 'static) {
        self.account().meanwhile.push(Meanwhile {
            operation,
            happens: Box::new(happens),
        });
    }

    fn let_happen(&self, operation: &'static str) {
        let mut account = self.account();
        let index = account
            .meanwhile
            .iter()
            .position(|meanwhile| meanwhile.operation == operation);
        let meanwhile = index.map(|index| account.meanwhile.swap_remove(index));
        let made = account.made.clone();
        drop(account);
        if let Some(meanwhile) = meanwhile {
            (meanwhile.happens)(self);
            // Somebody else's calls are not this caller's.
            self.account().made = made;
        }
    }

    /// Sends a call: counts it, fails it if that was asked for, and otherwise does what it does.
    async fn call<T>(&self, call: Call, effect: impl FnOnce(&mut Account) -> Called<T>) -> Called<T> {
        let operation = call.operation();
        self.account().made.insert(call);
        self.let_happen(operation);
        let fault = self.account().next_fault(operation);
        match fault {
            Some(Fault::CrashBefore) => pending().await,
            Some(Fault::Fails(error)) => {
                self.account().calls.push(operation);
                Err(error)
            }
            Some(Fault::AnswerLost) => {
                let _ = self.account().send(operation, effect);
                Err(CallError::Unavailable(format!("{operation}: the answer was lost")))
            }
            Some(Fault::CrashAfter) => {
                let _ = self.account().send(operation, effect);
                pending().await
            }
            None => self.account().send(operation, effect),
        }
    }
}

impl Shared {
    fn next_fault(&mut self, operation: &'static str) -> Option<Fault> {
        let number = self.calls.len();
        let hit = |(aim, _): &(Aim, Fault)| *aim == Aim::Number(number) || *aim == Aim::Next(operation);
        match self.faults.iter().position(hit) {
            Some(index) => Some(self.faults.swap_remove(index).1),
            None => self.broken.get(operation).cloned().map(Fault::Fails),
        }
    }

    fn send<T>(&mut self, operation: &'static str, effect: impl FnOnce(&mut Account) -> Called<T>) -> Called<T> {
        self.calls.push(operation);
        let now = self.now;
        let limit = self.limit.as_mut().filter(|_| API_GATEWAY.contains(&operation));
        if limit.is_some_and(|limit| !limit.admits(now)) {
            return Err(CallError::Throttled(format!("{operation}: Too Many Requests")));
        }
        effect(&mut self.account)
    }
}

impl Clock for FakeAws {
    fn now(&self) -> Timestamp {
        self.account().now
    }

    async fn sleep(&self, duration: SignedDuration) {
        let mut account = self.account();
        account.now = serin_core::timing::later(account.now, duration);
    }
}

impl Executions for FakeAws {
    async fn status(&self, execution: &ExecutionArn) -> Called<ExecutionStatus> {
        self.call(Call::ExecutionStatus, |account| Ok(account.status(execution)))
            .await
    }
}
