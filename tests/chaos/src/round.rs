//! One round: an API of its own, a rollout under traffic, whatever its script lets go wrong, and the end.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use futures_util::future::{join_all, try_join, try_join_all};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use serin_core::timing::FREE_AFTER;
use serin_local::{
    Aim, Api, ClaimView, Effect, Fault, Load, Proxy, Record, Result, Rollout, Service, Span, StageView, StateValue,
    World,
};

use crate::{
    alarm::{ALARM, Delivery, deliver},
    script::{Act, Release, Script, Way},
    show::Phase,
    verdict::{self, End, Seen},
};

/// Requests a second on a stage.
const LOAD: u32 = 8;

/// A rollout that is not at rest so long after its last act is lost. It covers a heartbeat that is overdue, and the sweep.
const PATIENCE: Duration = Duration::from_mins(8);

/// Which functions reset a stage.
const RESETTERS: [&str; 3] = ["serin-rollback", "serin-rollback-on-event", "serin-sweep"];

/// What a round is played on.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) world: &'a World,
    pub(crate) proxy: &'a Proxy,
    /// Hears what the round is doing.
    pub(crate) tell: &'a dyn Fn(&Script, Phase),
}

/// How a round went.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    /// How the rollout ended; `None` if it has not.
    pub(crate) end: Option<End>,
    /// From the first alarm to the acknowledged reset.
    pub(crate) to_reset: Option<Duration>,
    /// How many requests were sent after the acknowledged reset, if there was one.
    pub(crate) after_reset: Option<u32>,
    /// How many calls what was done to.
    pub(crate) struck: BTreeMap<&'static str, usize>,
    /// What is wrong.
    pub(crate) violations: Vec<String>,
}

/// A rollout that goes on.
struct Round<'a> {
    place: Place<'a>,
    script: &'a Script,
    api: Api,
    rollout: Rollout,
    version: &'static str,
    began: Instant,
    before: StageView,
    load: Load,
}

/// What came of an act.
#[derive(Default)]
struct Done {
    deliveries: Vec<Delivery>,
    stopped_at: Option<Timestamp>,
    alarmed_at: Option<Instant>,
}

/// Plays a round.
///
/// # Errors
/// If the local AWS fails by itself; what Serin does wrong is in the outcome.
pub(crate) async fn play(place: Place<'_>, script: &Script) -> Result<Outcome> {
    let Place { world, tell, .. } = place;
    tell(script, Phase::Deploying);
    let api = world.fashionflow(&format!("chaos-{}", script.seed)).await?;
    let load = Load::start(&api, LOAD);
    let early = news(place, &api, &script.before, &[Timestamp::now()]).await?;
    let version = match script.release {
        Release::Healthy => "recommendation-v2",
        Release::Broken => "recommendation-v3",
    };
    let before = api.view().await?;
    let steps = match script.release {
        Release::Healthy => json!([{ "percent": 10, "bakeSeconds": 8 }, { "percent": 50, "bakeSeconds": 8 }]),
        // The traffic and the time that its alarm needs, on a slow machine, too.
        Release::Broken => json!([{ "percent": 50, "bakeSeconds": 120 }]),
    };
    let rollout = world.start_rollout(&request(&api, version, &steps)).await?;
    tell(script, Phase::Rolling);
    let round = Round {
        place,
        script,
        api,
        rollout,
        version,
        began: Instant::now(),
        before,
        load,
    };
    let mut done = round.act().await?;
    done.deliveries.splice(0..0, early);
    round.judge(done).await
}

/// Ticks as short as they may be, so that half a minute is a whole rollout.
fn request(api: &Api, version: &str, steps: &Value) -> Value {
    let mut input = api.release(version);
    if let Some(input) = input.as_object_mut() {
        input.insert("plan".to_owned(), json!({ "steps": steps }));
        input.insert("tickSeconds".to_owned(), json!(5));
        input.insert("finalBakeSeconds".to_owned(), json!(6));
    }
    input
}

/// Tells of changes of the alarm, and returns when all of it is accepted.
async fn news(place: Place<'_>, api: &Api, ways: &[Way], changed_at: &[Timestamp]) -> Result<Vec<Delivery>> {
    let changes = changed_at.iter().cycle();
    let tell = |(way, at): (&Way, &Timestamp)| deliver(place.world, api, *way, (*at, false));
    try_join_all(ways.iter().zip(changes).map(tell)).await
}

impl Round<'_> {
    /// Lets everything happen at its moment, and the execution end.
    async fn act(&self) -> Result<Done> {
        let acts = self.script.acts.iter().map(|(at, act)| async {
            tokio::time::sleep_until((self.began + *at).into()).await;
            self.one(act).await
        });
        let (all, ()) = try_join(try_join_all(acts), self.execution_over()).await?;
        let mut sum = Done::default();
        for done in all {
            sum.deliveries.extend(done.deliveries);
            sum.stopped_at = sum.stopped_at.or(done.stopped_at);
            sum.alarmed_at = sum.alarmed_at.into_iter().chain(done.alarmed_at).min();
        }
        Ok(sum)
    }

    async fn execution_over(&self) -> Result<()> {
        patiently(async || Ok(!self.rollout.execution().await?.runs())).await
    }

    async fn one(&self, act: &Act) -> Result<Done> {
        let mut done = Done::default();
        match act {
            Act::Stop => {
                done.stopped_at = Some(Timestamp::now());
                // It may have ended before.
                let _ = self.rollout.stop("Stopped", "chaos").await;
            }
            Act::Alarm { way, copies, late } => {
                // A round that begins again is to be rolled back first.
                while self.script.again && !self.holds().await? && self.rollout.execution().await?.runs() {
                    tokio::time::sleep(Duration::from_millis(500)).await;
                }
                let changed = (Timestamp::now(), self.holds().await?);
                done.alarmed_at = Some(Instant::now());
                tokio::time::sleep(*late).await;
                let copies = (0..*copies).map(|_| deliver(self.place.world, &self.api, *way, changed));
                done.deliveries = try_join_all(copies).await?;
            }
            Act::RealAlarm => {
                let name = self.api.alarm(ALARM);
                done.alarmed_at = Some(Instant::now());
                self.place.world.set_alarm(&name, StateValue::Alarm, "chaos").await?;
            }
            Act::OldAlarm(way) => {
                let old = Timestamp::now() - SignedDuration::from_mins(5);
                done.deliveries = news(self.place, &self.api, &[*way], &[old]).await?;
            }
            Act::Outage {
                service,
                effect,
                lasting,
            } => self.inject(Some(*service), None, Span::For(*lasting), *effect),
            Act::Slow { by, lasting } => self.inject(None, None, Span::For(*lasting), Effect::Late(*by)),
            Act::Kill {
                function,
                after,
                effect,
            } => self.inject(None, *function, Span::OnceAfter(*after), *effect),
        }
        Ok(done)
    }

    /// Whether the rollout holds the stage.
    async fn holds(&self) -> Result<bool> {
        let claim = self.place.world.claim(&self.api).await?;
        Ok(claim.is_some_and(|claim| claim.rollout_id == self.rollout.id))
    }

    fn inject(&self, service: Option<Service>, function: Option<&str>, span: Span, effect: Effect) {
        let aim = Aim {
            service,
            function: function.map(str::to_owned),
            about: self.about().map(str::to_owned).to_vec(),
        };
        self.place.proxy.inject(Fault { aim, span, effect });
    }

    fn about(&self) -> [&str; 2] {
        [&self.api.id, &self.rollout.id]
    }

    /// Waits until nothing moves any more, and judges.
    async fn judge(self, done: Done) -> Result<Outcome> {
        let Place { world, proxy, tell } = self.place;
        tell(self.script, Phase::Settling);
        for about in self.about() {
            proxy.mend(about);
        }
        patiently(async || {
            let (stage, claim) = (self.api.view().await?, world.claim(&self.api).await?);
            let unrest = verdict::unrest(&self.before, &stage, claim.as_ref(), self.version);
            let at_rest = unrest.is_none() && proxy.under_way(&self.about()) == 0;
            Ok(at_rest && self.rollout.switch().await?.is_none())
        })
        .await?;
        // Whoever is late has another moment to do harm.
        tokio::time::sleep(Duration::from_secs(2)).await;
        let claim = world.claim(&self.api).await?;
        let reset = self.reset();
        let answers = reset.map(|at| self.load.sent_after(at));
        let seen = Seen {
            version: self.version,
            before: self.before.clone(),
            after: self.api.view().await?,
            claim: claim.clone(),
            switch: self.rollout.switch().await?,
            execution: self.rollout.execution().await?,
            deliveries: done.deliveries,
            own_alarm_at: self.own_alarm().await?,
            stopped_at: done.stopped_at,
            canary_after_reset: answers.as_ref().map(|answers| answers.of(self.version).responses),
        };
        let own_alarm_at = seen.own_alarm_at.and_then(instant);
        let alarmed_at = done.alarmed_at.into_iter().chain(own_alarm_at).min();
        let end = verdict::end(claim.as_ref());
        let mut violations = verdict::violations(self.script, &seen);
        violations.extend(self.afterwards(&seen).await?);
        if let (true, Some(claim)) = (self.script.again, &claim) {
            violations.extend(self.again(claim).await?);
        }
        let to_reset = reset
            .zip(alarmed_at)
            .and_then(|(reset, alarm)| reset.checked_duration_since(alarm));
        Ok(Outcome {
            end,
            to_reset,
            after_reset: answers.map(|answers| answers.all().responses),
            struck: self.struck(),
            violations,
        })
    }

    fn struck(&self) -> BTreeMap<&'static str, usize> {
        let own = |record: &Record| self.about().iter().any(|about| record.text.contains(about));
        let records = self
            .place
            .proxy
            .journal(|record| !record.effects.is_empty() && own(record));
        let mut struck = BTreeMap::new();
        for effect in records.iter().flat_map(|record| &record.effects) {
            *struck.entry(effect.name()).or_default() += 1;
        }
        struck
    }

    /// When the stage was first acknowledged to be at its baseline to whoever resets it.
    fn reset(&self) -> Option<Instant> {
        let answers = self.place.proxy.journal(|record| {
            record.operation == "UpdateStage"
                && record.rest_api_id.as_ref() == Some(&self.api.id)
                && record.delivered
                && RESETTERS.contains(&record.function.as_str())
        });
        let at_baseline = |record: &&Record| {
            let stage = record.stage.as_deref().map(serde_json::from_slice::<Value>);
            let Some(Ok(stage)) = stage else {
                return false;
            };
            let deployment = stage.get("deploymentId").and_then(Value::as_str);
            let alias = stage.pointer(&format!("/variables/{}", serin_local::ALIAS));
            let own = self.before.variables.get(serin_local::ALIAS).map(String::as_str);
            stage.get("canarySettings").is_none_or(Value::is_null)
                && deployment == Some(self.before.deployment_id.as_str())
                && alias.and_then(Value::as_str) == own
        };
        answers.iter().find(at_baseline).map(|record| record.answered_at)
    }

    /// When the first of the stage's alarms that are in ALARM went off.
    async fn own_alarm(&self) -> Result<Option<Timestamp>> {
        let alarms = self.place.world.alarms(&self.api.alarm("")).await?;
        let fired = alarms.iter().filter(|alarm| alarm.state == "ALARM");
        Ok(fired.filter_map(|alarm| alarm.changed_at).min())
    }

    /// News that comes too late changes nothing, and an ordinary deployment succeeds.
    async fn afterwards(&self, seen: &Seen) -> Result<Vec<String>> {
        let mut wrong = Vec::new();
        let began = seen.claim.as_ref().map_or_else(Timestamp::now, |claim| claim.began_at);
        let moments = [began + SignedDuration::from_secs(1), Timestamp::now()];
        for delivery in news(self.place, &self.api, &self.script.after, &moments).await? {
            if delivery.concerned() > 0 {
                wrong.push(format!("an alarm had an effect after the end: {}", delivery.answer));
            }
        }
        let after = self.api.view().await?;
        if (&after.deployment_id, &after.variables, &after.canary)
            != (&seen.after.deployment_id, &seen.after.variables, &seen.after.canary)
        {
            wrong.push(format!("the stage changed after its end: {after:?}"));
        }
        if let Err(error) = self.api.deploy_to_stage().await {
            wrong.push(format!("an ordinary deployment is refused: {error}"));
        }
        Ok(wrong)
    }

    /// The next rollout begins when the stage has drained, no sooner, and is not disturbed by anything of this one.
    async fn again(&self, first: &ClaimView) -> Result<Vec<String>> {
        let Place { world, tell, .. } = self.place;
        tell(self.script, Phase::Draining);
        let input = request(&self.api, self.version, &json!([{ "percent": 10, "bakeSeconds": 5 }]));
        let limit = FREE_AFTER.unsigned_abs() + PATIENCE;
        // A machine that is too slow for it makes a rollout end before it has begun, as it must; the next may have more luck.
        let mut attempts = 0;
        let (next, end, claim) = loop {
            attempts += 1;
            let next = world.start_rollout(&input).await?;
            let (end, claim) = (next.end(limit).await?, world.claim(&self.api).await?);
            let holds = claim.as_ref().is_some_and(|claim| claim.rollout_id == next.id);
            if holds || attempts == 3 {
                break (next, end, claim);
            }
        };
        let mut wrong = Vec::new();
        let free_at = first.ended_at.map(|ended| ended + FREE_AFTER);
        match claim {
            Some(claim) if claim.rollout_id == next.id => {
                if free_at.is_none_or(|free_at| claim.began_at < free_at) {
                    wrong.push(format!(
                        "the next began at {}, the stage is free at {free_at:?}",
                        claim.began_at
                    ));
                }
            }
            claim => wrong.push(format!("the next rollout does not hold the stage: {claim:?}")),
        }
        if end.status != "SUCCEEDED" {
            wrong.push(format!(
                "the next rollout is {}: {}: {}",
                end.status, end.error, end.cause
            ));
        }
        patiently(async || Ok(next.switch().await?.is_none())).await?;
        wrong.extend(verdict::left_behind(next.switch().await?.as_deref()));
        Ok(wrong)
    }
}

/// CloudWatch's clock is this machine's.
fn instant(at: Timestamp) -> Option<Instant> {
    let ago = Duration::try_from(Timestamp::now().duration_since(at)).ok()?;
    Instant::now().checked_sub(ago)
}

/// Waits, but not for ever: what does not come in time is for the verdict to say.
async fn patiently(holds: impl AsyncFn() -> Result<bool>) -> Result<()> {
    let started = Instant::now();
    while !holds().await? && started.elapsed() < PATIENCE {
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    Ok(())
}

/// Plays rounds side by side, so many at once; what each came to goes to `ended`.
pub(crate) async fn play_all(
    place: Place<'_>,
    scripts: &[Script],
    at_once: usize,
    ended: &dyn Fn(&Script, &Result<Outcome>),
) -> Vec<Result<Outcome>> {
    let room = tokio::sync::Semaphore::new(at_once);
    let rounds = scripts.iter().map(|script| async {
        let _permit = room.acquire().await;
        let outcome = play(place, script).await;
        ended(script, &outcome);
        outcome
    });
    join_all(rounds).await
}
