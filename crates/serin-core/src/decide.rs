//! What happens next in a rollout: one pure, total function of the document and of what one look has shown.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    alarm::{AlarmReading, AlarmState},
    analysis::{Span, Window},
    claim::{Instruction, InstructionKind},
    decision::MAX_TEXT,
    document::{Document, Reason, ReasonKind},
    fields::shortened,
    percent::Percent,
    plan::MAX_RESTARTS,
    stage::StageView,
    timing::later,
};

pub use crate::decision::{Decision, Finding, Verdict};

mod evidence;
mod traffic;

/// What one look at a rollout has shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Look {
    /// When.
    pub now: Timestamp,
    /// The stage.
    pub stage: StageView,
    /// The alarms of the plan that still exist.
    pub alarms: Vec<AlarmReading>,
    /// The windows since the rollout began, oldest first.
    pub windows: Vec<Window>,
    /// What a person said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instruction: Option<Instruction>,
}

/// A decision's inputs as they were. The decision is a pure function of them, so it can be made again anywhere and comes out
/// the same to the byte.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replay {
    /// The document before the look.
    pub document: Document,
    /// What the look has shown.
    pub look: Look,
}

impl Replay {
    /// The document that the decision made.
    #[must_use]
    pub fn decide(self) -> Document {
        decide(self.document, &self.look)
    }
}

/// A decision with its reasons, before it is written into the document.
struct Ruling {
    decision: Decision,
    /// Until when there is nothing to do, if the decision is to wait.
    until: Timestamp,
    finding: Finding,
    reason: Option<Reason>,
}

/// Decides what happens next and returns the document that says so.
#[must_use]
pub fn decide(mut document: Document, look: &Look) -> Document {
    let mut findings = note_alarms(&mut document, look);
    let evidence = evidence::weigh(&document, look, &mut findings);
    let ruling = drift(&document, look)
        .or_else(|| harm(&findings))
        .or_else(|| rejection(look))
        .or_else(|| deadline(&document, look.now))
        .or_else(|| changed_percentage(&document, look))
        .or_else(|| traffic::silence(&document, look, &mut findings))
        .or_else(|| evidence::gate(&document, look, evidence.as_ref(), &mut findings))
        .unwrap_or_else(|| timer(&document, look));
    findings.push(ruling.finding);
    document.findings = findings;
    document.reason = ruling.reason;
    step_on(&mut document, ruling.decision, look.now);
    document.decide(ruling.decision, ruling.until, look.now);
    document
}

/// Moves the document's progress along with the decision.
fn step_on(document: &mut Document, decision: Decision, now: Timestamp) {
    let progress = &mut document.progress;
    match decision {
        Decision::AwaitApproval => progress.awaiting_since = progress.awaiting_since.or(Some(now)),
        Decision::Advance
            if document
                .findings
                .last()
                .is_some_and(|finding| finding.subject == RESTART) =>
        {
            progress.restarts += 1;
            progress.awaiting_since = None;
        }
        Decision::Advance => {
            progress.past.push(Span {
                from: progress.since,
                to: now,
            });
            progress.step += 1;
            progress.awaiting_since = None;
        }
        Decision::Promote | Decision::Bake | Decision::Hold | Decision::Finish | Decision::RollBack => {
            progress.awaiting_since = None;
        }
    }
}

const RESTART: &str = "percentage";

fn roll_back(kind: ReasonKind, subject: &str, text: impl AsRef<str>, now: Timestamp) -> Ruling {
    let finding = Finding::new(subject, Verdict::Harmful, text);
    let reason = Reason {
        kind,
        text: finding.text.clone(),
    };
    Ruling {
        decision: Decision::RollBack,
        until: now,
        finding,
        reason: Some(reason),
    }
}

/// The alarms, one finding for each that is not simply OK; an ignored alarm counts again once it was OK.
fn note_alarms(document: &mut Document, look: &Look) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut quiet = 0;
    for alarm in document.alarms.clone() {
        let name = alarm.arn.alarm_name();
        let subject = format!("alarm {name}");
        let ignored = document.progress.ignored_alarms.contains(&alarm.arn);
        match look.alarms.iter().find(|reading| reading.name == name) {
            None => findings.push(Finding::new(
                subject,
                Verdict::Harmful,
                format!("alarm {name} no longer exists, so nothing guards the rollout in its place"),
            )),
            Some(reading) => match (reading.state, ignored) {
                (AlarmState::Ok, _) => {
                    document.progress.ignored_alarms.retain(|arn| *arn != alarm.arn);
                    quiet += 1;
                }
                (AlarmState::InsufficientData, _) => {
                    findings.push(Finding::new(
                        subject,
                        Verdict::Inconclusive,
                        format!("alarm {name} has too little data"),
                    ));
                }
                (AlarmState::Alarm, true) => {
                    findings.push(Finding::new(
                        subject,
                        Verdict::Inconclusive,
                        format!("alarm {name} is in ALARM since before the rollout and is ignored until it is OK"),
                    ));
                }
                (AlarmState::Alarm, false) => {
                    findings.push(Finding::new(
                        subject,
                        Verdict::Harmful,
                        format!("alarm {name} is in ALARM: {}", reading.reason),
                    ));
                }
            },
        }
    }
    if quiet > 0 {
        findings.push(Finding::new(
            "alarms",
            Verdict::Healthy,
            format!("{quiet} of {} alarms OK", document.alarms.len()),
        ));
    }
    findings
}

/// The first harmful finding rolls back.
fn harm(findings: &[Finding]) -> Option<Ruling> {
    let harmful = findings.iter().find(|finding| finding.verdict == Verdict::Harmful)?;
    let kind = if harmful.evidence.is_some() {
        ReasonKind::Evidence
    } else {
        ReasonKind::Alarm
    };
    let reason = Reason {
        kind,
        text: harmful.text.clone(),
    };
    // What it says is among the findings already.
    let text = format!("rolled back because of {}", harmful.subject);
    let finding = Finding::new("decision", Verdict::Harmful, text);
    Some(Ruling {
        decision: Decision::RollBack,
        until: Timestamp::MIN,
        finding,
        reason: Some(reason),
    })
}

/// Whether the stage is still what the rollout made of it.
fn drift(document: &Document, look: &Look) -> Option<Ruling> {
    let (stage, progress) = (&look.stage, &document.progress);
    if progress.promoted {
        if stage.is_promoted(&document.canary) {
            return None;
        }
        let text = format!(
            "the stage was changed by somebody else after promotion: it now has {}",
            stage.describe()
        );
        return Some(roll_back(ReasonKind::Drift, "drift", text, look.now));
    }
    if !stage.has_ours(&document.canary) || stage.deployment_id != document.baseline.deployment_id {
        let text = format!(
            "the stage was changed by somebody else: expected deployment {} with canary {}, found {}",
            document.baseline.deployment_id,
            document.canary.deployment_id,
            stage.describe()
        );
        return Some(roll_back(ReasonKind::Drift, "drift", text, look.now));
    }
    None
}

/// The percentage is not what was set: it is set again, a few times. It comes after everything that rolls back, because a
/// canary that hurts must not be given its share again.
fn changed_percentage(document: &Document, look: &Look) -> Option<Ruling> {
    let set = document.progress.percent;
    let found = look
        .stage
        .canary
        .as_ref()
        .map_or(Percent::ZERO, |canary| canary.percent);
    if document.progress.promoted || found == set {
        return None;
    }
    if document.progress.restarts >= MAX_RESTARTS {
        let text = format!(
            "the canary's percentage keeps being changed: {set} % was set, {found} % found, {MAX_RESTARTS} times put back"
        );
        return Some(roll_back(ReasonKind::Drift, "drift", text, look.now));
    }
    let text = format!("{found} % found where {set} % was set: set again, and the bake starts again");
    Some(Ruling {
        decision: Decision::Advance,
        until: look.now,
        finding: Finding::new(RESTART, Verdict::Inconclusive, text),
        reason: None,
    })
}

fn rejection(look: &Look) -> Option<Ruling> {
    let said = look
        .instruction
        .as_ref()
        .filter(|said| said.kind == InstructionKind::Reject)?;
    Some(roll_back(
        ReasonKind::Person,
        "approval",
        format!("rejected by {}: {}", said.by, said.reason),
        look.now,
    ))
}

fn deadline(document: &Document, now: Timestamp) -> Option<Ruling> {
    (now >= document.deadline).then(|| {
        let text = format!("the rollout is not over at its deadline, {}", clock(document.deadline));
        roll_back(ReasonKind::Deadline, "deadline", text, now)
    })
}

/// Nothing speaks against going on: the clock and, where the step asks for it, a person decide.
fn timer(document: &Document, look: &Look) -> Ruling {
    let since = document.progress.since;
    let Some(step) = document.step() else {
        return if document.progress.promoted {
            final_bake(document, look.now)
        } else {
            wait_over(document, look.now)
        };
    };
    let baked = later(since, SignedDuration::from_secs(step.bake_seconds.into()));
    if look.now < baked {
        return baking(
            &format!("{} %", document.progress.percent),
            since,
            step.bake_seconds,
            look.now,
        );
    }
    if step.approval {
        ask(document, look)
    } else {
        wait_over(document, look.now)
    }
}

/// The step's bake is over, and a person decides.
fn ask(document: &Document, look: &Look) -> Ruling {
    let approved = look
        .instruction
        .as_ref()
        .filter(|said| said.step == document.progress.step);
    match (approved, document.progress.awaiting_since) {
        (Some(said), _) => {
            let mut ruling = wait_over(document, look.now);
            let text = format!("approved by {}: {}; {}", said.by, said.reason, ruling.finding.text);
            ruling.finding.text = shortened(&text, MAX_TEXT);
            ruling
        }
        (None, awaiting) => await_approval(document, awaiting.unwrap_or(look.now), look.now),
    }
}

fn baking(what: &str, since: Timestamp, bake_seconds: u32, now: Timestamp) -> Ruling {
    let until = later(since, SignedDuration::from_secs(bake_seconds.into()));
    let gone = now.duration_since(since).as_secs();
    let text = format!("{what} for {gone} s of {bake_seconds} s; not before {}", clock(until));
    Ruling {
        decision: Decision::Bake,
        until,
        finding: Finding::new("bake", Verdict::Healthy, text),
        reason: None,
    }
}

fn final_bake(document: &Document, now: Timestamp) -> Ruling {
    let (since, seconds) = (document.progress.since, document.plan.final_bake_seconds);
    if now < later(since, SignedDuration::from_secs(seconds.into())) {
        return baking("promoted", since, seconds, now);
    }
    let finding = Finding::new("bake", Verdict::Healthy, format!("promoted and baked for {seconds} s"));
    Ruling {
        decision: Decision::Finish,
        until: now,
        finding,
        reason: None,
    }
}

/// The present step is done with: the next one, or promotion.
fn wait_over(document: &Document, now: Timestamp) -> Ruling {
    let baked = document.step().map_or(0, |step| step.bake_seconds);
    let done = format!("{} % baked for {baked} s", document.progress.percent);
    let (decision, text) = match document.plan.steps.get(document.progress.step.saturating_add(1)) {
        Some(next) => (Decision::Advance, format!("{done}: on to {} %", next.percent)),
        None => (Decision::Promote, format!("{done}: on to promotion")),
    };
    Ruling {
        decision,
        until: now,
        finding: Finding::new("bake", Verdict::Healthy, text),
        reason: None,
    }
}

fn await_approval(document: &Document, since: Timestamp, now: Timestamp) -> Ruling {
    let until = later(
        since,
        SignedDuration::from_secs(document.plan.approval_timeout_seconds.into()),
    );
    if now >= until {
        let text = format!(
            "nobody approved step {} by {}",
            document.progress.step + 1,
            clock(until)
        );
        return roll_back(ReasonKind::Deadline, "approval", text, now);
    }
    let text = format!(
        "{} % has baked; step {} waits for approval until {}",
        document.progress.percent,
        document.progress.step + 1,
        clock(until)
    );
    Ruling {
        decision: Decision::AwaitApproval,
        until,
        finding: Finding::new("approval", Verdict::Inconclusive, text),
        reason: None,
    }
}

/// A time of day in UTC, to the second.
fn clock(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests;
