//! One run of one program: what happened when, and how much memory it took.

use std::{
    thread,
    time::{Duration, Instant},
};

use crate::{
    aws,
    error::Outcome,
    function::{Function, Program, Surroundings},
    stub::{Moment, Seen, Stub, Transport},
};

/// How many warm invocations follow the cold one.
const WARM: usize = 3;
/// How long the process rests before each, as it would between alarms.
const REST: Duration = Duration::from_millis(3);

/// A run of a rollback.
#[derive(Debug)]
pub(crate) struct Rollback {
    /// From exec to the first `next`.
    pub(crate) init: Duration,
    /// From exec.
    pub(crate) cold: Times,
    /// From the hand-over of the event, of each warm invocation.
    pub(crate) warm: Vec<Times>,
    /// In KiB, at the end.
    pub(crate) peak: u32,
}

/// What a rollback is judged by.
#[derive(Debug)]
pub(crate) struct Times {
    /// Until API Gateway's answer to the removal of the canary was on its way.
    pub(crate) reset: Duration,
    /// Until the function had answered the event.
    pub(crate) responded: Duration,
    /// Calls of API Gateway up to and including the reset.
    pub(crate) gateway_calls: usize,
}

/// Starts a rollback with an alarm's event at hand, and lets it have more of them.
pub(crate) fn rollback(program: &Program, transport: &Transport, around: &Surroundings) -> Outcome<Rollback> {
    let stub = Stub::start(transport)?;
    stub.send(aws::alarm_event());
    let function = Function::start(program, &stub, around)?;
    let moments = function.until(&Seen::Responded, "answered its first event")?;
    let init = first(&function, &moments, &Seen::Asked)? - function.started;
    let cold = times(&function, &moments, function.started)?;
    let mut warm = Vec::new();
    for _ in 0..WARM {
        function.until(&Seen::Asked, "asked for another event")?;
        thread::sleep(REST);
        stub.send(aws::alarm_event());
        let moments = function.until(&Seen::Responded, "answered a later event")?;
        let handed_over = first(&function, &moments, &Seen::HandedOver)?;
        warm.push(times(&function, &moments, handed_over)?);
    }
    let peak = function.peak_memory()?;
    Ok(Rollback { init, cold, warm, peak })
}

fn first(function: &Function<'_>, moments: &[Moment], what: &Seen) -> Outcome<Instant> {
    let moment = moments.iter().find(|moment| moment.what == *what);
    moment
        .map(|moment| moment.at)
        .ok_or_else(|| function.astray(format!("answered its event without {what:?}")))
}

fn times(function: &Function<'_>, moments: &[Moment], since: Instant) -> Outcome<Times> {
    let reset = first(function, moments, &Seen::Reset)?;
    let is_call = |moment: &&Moment| moment.at <= reset && matches!(moment.what, Seen::Reset | Seen::Gateway(_));
    let gateway_calls = moments.iter().filter(is_call).count();
    if gateway_calls != 1 {
        return Err(function.astray(format!(
            "made {gateway_calls} calls of API Gateway until the canary's traffic was zero; it must be 1"
        )));
    }
    Ok(Times {
        reset: reset - since,
        responded: first(function, moments, &Seen::Responded)? - since,
        gateway_calls,
    })
}

/// A start of any function.
#[derive(Debug)]
pub(crate) struct Start {
    /// From exec to the first `next`.
    pub(crate) init: Duration,
    /// In KiB, after an event that made it call AWS.
    pub(crate) peak: u32,
}

/// Starts a function and, once it waits, gives it an event that makes it call AWS.
pub(crate) fn start(program: &Program, transport: &Transport, around: &Surroundings) -> Outcome<Start> {
    let stub = Stub::start(transport)?;
    let function = Function::start(program, &stub, around)?;
    let moments = function.until(&Seen::Asked, "asked for its first event")?;
    let init = first(&function, &moments, &Seen::Asked)? - function.started;
    stub.send(aws::event(&program.name));
    let moments = function.until_answered()?;
    let called = |moment: &Moment| matches!(moment.what, Seen::Table | Seen::Reset | Seen::Gateway(_));
    if !moments.iter().any(called) {
        return Err(function.astray(format!("made no call of AWS: {moments:?}")));
    }
    let peak = function.peak_memory()?;
    Ok(Start { init, peak })
}
