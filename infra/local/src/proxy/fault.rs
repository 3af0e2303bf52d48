//! What goes wrong between a function and AWS, and with which calls.

use std::time::{Duration, Instant};

use super::call::{Call, Service};

/// What happens to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It is answered with a server error of its service, and nothing was done.
    ServerError,
    /// It is answered with a throttle of its service, and nothing was done.
    Throttled,
    /// It arrives so much later, even if its caller has given up by then.
    Late(Duration),
    /// It happens, and the connection breaks before it is answered.
    AnswerLost,
    /// The process that makes it is killed before it arrives.
    KilledBefore,
    /// It happens, and the process that made it is killed before it is answered.
    KilledAfter,
}

/// Which calls a fault is for. What is not named may be anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Aim {
    /// Of this service.
    pub service: Option<Service>,
    /// By this function, such as `serin-advance`.
    pub function: Option<String>,
    /// With one of these somewhere in its path or body: a REST API's id, a rollout's id. Empty: about anything.
    pub about: Vec<String>,
}

/// How often it happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// To every such call for this long.
    For(Duration),
    /// Once, to the call after so many others.
    OnceAfter(u32),
}

/// Something that goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// With which calls.
    pub aim: Aim,
    /// How often.
    pub span: Span,
    /// How.
    pub effect: Effect,
}

impl Effect {
    /// What the journal calls it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ServerError => "server error",
            Self::Throttled => "throttled",
            Self::Late(_) => "late",
            Self::AnswerLost => "answer lost",
            Self::KilledBefore => "killed before",
            Self::KilledAfter => "killed after",
        }
    }
}

impl Aim {
    fn hits(&self, call: &Call) -> bool {
        self.service.is_none_or(|service| service == call.service)
            && self.function.as_ref().is_none_or(|function| *function == call.function)
            && (self.about.is_empty() || self.about.iter().any(|text| call.text.contains(text)))
    }
}

/// A fault that waits for its calls.
#[derive(Clone, Debug)]
pub(super) struct Armed {
    fault: Fault,
    until: Option<Instant>,
    before: u32,
    hits: u32,
}

impl Armed {
    pub(super) fn new(fault: Fault, now: Instant) -> Self {
        let (until, before) = match fault.span {
            Span::For(duration) => (Some(now + duration), 0),
            Span::OnceAfter(others) => (None, others),
        };
        Self {
            fault,
            until,
            before,
            hits: 0,
        }
    }

    /// What happens to this call, if anything does.
    pub(super) fn strikes(&mut self, call: &Call, now: Instant) -> Option<Effect> {
        if self.is_over(now) || !self.fault.aim.hits(call) {
            return None;
        }
        if self.until.is_none() && self.before > 0 {
            self.before -= 1;
            return None;
        }
        self.hits = self.hits.saturating_add(1);
        Some(self.fault.effect)
    }

    /// Whether it will strike no more.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        match self.until {
            Some(until) => now >= until,
            None => self.hits > 0,
        }
    }

    /// Whether it is about this and nothing else.
    pub(super) fn is_about(&self, text: &str) -> bool {
        self.fault.aim.about.iter().any(|about| about == text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(function: &str, text: &str) -> Call {
        Call {
            function: function.to_owned(),
            process: format!("{function}.1"),
            service: Service::DynamoDb,
            operation: "UpdateItem".to_owned(),
            rest_api_id: None,
            text: text.to_owned(),
        }
    }

    fn fault(span: Span) -> Fault {
        Fault {
            aim: Aim {
                service: Some(Service::DynamoDb),
                function: Some("serin-advance".to_owned()),
                about: vec!["a1b2c3".to_owned()],
            },
            span,
            effect: Effect::AnswerLost,
        }
    }

    #[test]
    fn a_fault_strikes_once_after_so_many_of_its_own_calls() {
        let now = Instant::now();
        let mut armed = Armed::new(fault(Span::OnceAfter(1)), now);
        let own = call("serin-advance", "STAGE#a1b2c3#prod");
        assert_eq!(armed.strikes(&call("serin-begin", "STAGE#a1b2c3#prod"), now), None);
        assert_eq!(armed.strikes(&call("serin-advance", "STAGE#other#prod"), now), None);
        assert_eq!(armed.strikes(&own, now), None);
        assert_eq!(armed.strikes(&own, now), Some(Effect::AnswerLost));
        assert_eq!(armed.strikes(&own, now), None);
        assert!(armed.is_over(now));
    }

    #[test]
    fn a_fault_that_lasts_strikes_until_it_is_over() {
        let now = Instant::now();
        let mut armed = Armed::new(fault(Span::For(Duration::from_secs(2))), now);
        let own = call("serin-advance", "STAGE#a1b2c3#prod");
        assert_eq!(armed.strikes(&own, now), Some(Effect::AnswerLost));
        assert_eq!(
            armed.strikes(&own, now + Duration::from_secs(1)),
            Some(Effect::AnswerLost)
        );
        assert_eq!(armed.strikes(&own, now + Duration::from_secs(2)), None);
    }
}
