//! What a user asks for when starting a rollout, parsed once into types that cannot be wrong.
//!
//! All faults are reported at once, and a field that is not known is one of them.

use serde_json::Value;

use crate::{
    alarm::{IfAlreadyInAlarm, MAX_ALARMS, PlannedAlarm},
    analysis::{Analysis, Mode, Source},
    document::Hooks,
    fields::{Faults, Field, Object, Reader, brief},
    ids::{AlarmArn, DeploymentId, Home, StageId},
    percent::Percent,
    plan::{self, MAX_STEPS, Plan, Step},
    stage::Variables,
    timing::LONGEST_ROLLOUT,
};

/// The most bytes of a request.
pub const MAX_REQUEST_BYTES: usize = 32 * 1024;

/// The most overridden variables.
pub const MAX_OVERRIDES: usize = 20;

const LONGEST_SECONDS: u32 = 14 * 24 * 60 * 60;

/// A request to begin a rollout.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The stage to release to.
    pub stage: StageId,
    /// The deployment to release; `None` to deploy the API as it stands.
    pub deployment_id: Option<DeploymentId>,
    /// The variables that differ on the canary.
    pub overrides: Variables,
    /// Whether the canary shares the stage's cache.
    pub use_stage_cache: bool,
    /// How traffic moves.
    pub plan: Plan,
    /// What guards it; `None` for the stage's own alarms.
    pub alarms: Option<Vec<PlannedAlarm>>,
    /// How evidence is gathered and judged.
    pub analysis: Analysis,
    /// The user's own checks.
    pub hooks: Hooks,
}

/// What a request is checked against.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// The account and region that Serin works in.
    pub home: Home,
    /// Which functions may be hooks: a name with `*` for any characters.
    pub hook_pattern: String,
}

const FIELDS: [&str; 10] = [
    "restApiId",
    "stageName",
    "canary",
    "plan",
    "finalBakeSeconds",
    "tickSeconds",
    "approvalTimeoutSeconds",
    "alarms",
    "analysis",
    "hooks",
];

/// Reads a request.
///
/// # Errors
/// Every fault, with the path of its field, what was given and what is allowed.
pub fn parse(input: &Value, surroundings: &Surroundings) -> Result<Request, Faults> {
    let size = input.to_string().len();
    if size > MAX_REQUEST_BYTES {
        return Err(Faults::one(
            "the request",
            format!("{size} bytes"),
            format!("at most {MAX_REQUEST_BYTES} bytes"),
        ));
    }
    let mut reader = Reader::default();
    let request = read(&mut reader, input, surroundings);
    reader.finish(request)
}

/// Every part is read before any is found missing, so that all faults are told at once.
fn read(reader: &mut Reader, input: &Value, surroundings: &Surroundings) -> Option<Request> {
    let object = reader.object(&Field::root("", input), &FIELDS)?;
    let stage = stage(reader, &object);
    let canary = canary(reader, &object);
    let plan = read_plan(reader, &object);
    let alarms = optional(object.get("alarms"), |field| alarms(reader, field, &surroundings.home));
    let analysis = analysis(reader, &object, stage.as_ref().map_or("", |stage| &stage.stage_name));
    let hooks = hooks(reader, &object, surroundings);
    let (deployment_id, overrides, use_stage_cache) = canary?;
    Some(Request {
        stage: stage?,
        deployment_id,
        overrides,
        use_stage_cache,
        plan: plan?,
        alarms: alarms?,
        analysis: analysis?,
        hooks: hooks?,
    })
}

fn is_name(text: &str, length: usize, extra: &str) -> bool {
    (1..=length).contains(&text.len())
        && text
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || extra.contains(letter))
}

fn stage(reader: &mut Reader, object: &Object<'_>) -> Option<StageId> {
    let api = "the id of a REST API: 1 to 64 letters and digits";
    let rest_api_id = reader
        .required(object, "restApiId", api)
        .and_then(|field| reader.text(&field, api, |text| is_name(text, 64, "")));
    let name = "the name of one of its stages: 1 to 128 letters, digits, - and _";
    let stage_name = reader
        .required(object, "stageName", name)
        .and_then(|field| reader.text(&field, name, |text| is_name(text, 128, "-_")));
    Some(StageId {
        rest_api_id: rest_api_id?,
        stage_name: stage_name?,
    })
}

type CanaryFields = (Option<DeploymentId>, Variables, bool);

fn canary(reader: &mut Reader, object: &Object<'_>) -> Option<CanaryFields> {
    let Some(field) = object.get("canary") else {
        return Some((None, Variables::new(), false));
    };
    let canary = reader.object(&field, &["deploymentId", "stageVariableOverrides", "useStageCache"])?;
    let deployment = optional(canary.get("deploymentId"), |field| {
        reader.text(
            field,
            "the id of a deployment of this API: 1 to 64 letters and digits",
            |text| is_name(text, 64, ""),
        )
    });
    let overrides = canary
        .get("stageVariableOverrides")
        .map_or(Some(Variables::new()), |field| overrides(reader, &field));
    let cache = canary
        .get("useStageCache")
        .map_or(Some(false), |field| reader.truth(&field));
    Some((deployment?.map(DeploymentId), overrides?, cache?))
}

/// What API Gateway allows in a stage variable, and limits so that the document stays small.
fn overrides(reader: &mut Reader, field: &Field<'_>) -> Option<Variables> {
    let object = reader.open_object(field)?;
    if object.len() > MAX_OVERRIDES {
        reader.fault(
            &field.path,
            format!("{} variables", object.len()),
            format!("at most {MAX_OVERRIDES}"),
        );
        return None;
    }
    let mut variables = Variables::new();
    for (name, field) in object.entries() {
        if !is_name(name, 64, "_") {
            reader.fault(
                &field.path,
                format!("the name {name:?}"),
                "1 to 64 letters, digits and _",
            );
        }
        let allowed = "1 to 512 letters, digits and -._~:/?#&=,";
        if let Some(value) = reader.text(&field, allowed, |text| is_name(text, 512, "-._~:/?#&=,")) {
            variables.insert(name.clone(), value);
        }
    }
    Some(variables)
}

fn read_plan(reader: &mut Reader, object: &Object<'_>) -> Option<Plan> {
    let steps = object
        .get("plan")
        .map_or_else(|| Some(plan::default_steps()), |field| steps(reader, &field));
    let mut seconds = |name, low, high, default| {
        object
            .get(name)
            .map_or(Some(default), |field| reader.whole(&field, low, high, "seconds"))
    };
    let final_bake = seconds("finalBakeSeconds", 0, LONGEST_SECONDS, 600);
    let tick = seconds("tickSeconds", 5, 600, 60);
    let approval = seconds("approvalTimeoutSeconds", 60, LONGEST_SECONDS, 86_400);
    let plan = Plan {
        steps: steps?,
        final_bake_seconds: final_bake?,
        tick_seconds: tick?,
        approval_timeout_seconds: approval?,
    };
    if plan.longest() > LONGEST_ROLLOUT {
        let hours = plan.longest().as_hours();
        reader.fault(
            "plan",
            format!("{hours} hours with all bakes and approvals"),
            "at most 14 days (336 hours) in all",
        );
        return None;
    }
    Some(plan)
}

fn steps(reader: &mut Reader, field: &Field<'_>) -> Option<Vec<Step>> {
    if let Some(name) = field.value.as_str() {
        let steps = plan::preset(name);
        if steps.is_none() {
            reader.fault(
                &field.path,
                brief(field.value),
                format!("one of {}", plan::preset_names()),
            );
        }
        return steps;
    }
    let object = reader.object(field, &["linear", "exponential", "steps"])?;
    match (object.get("linear"), object.get("exponential"), object.get("steps")) {
        (Some(linear), None, None) => regular_steps(reader, &linear, false),
        (None, Some(exponential), None) => regular_steps(reader, &exponential, true),
        (None, None, Some(list)) => listed_steps(reader, &list),
        _ => {
            reader.fault(
                &field.path,
                format!("{} kinds of plan", object.len()),
                "a preset's name, or exactly one of linear, exponential and steps",
            );
            None
        }
    }
}

fn percent(reader: &mut Reader, field: &Field<'_>, above: Percent) -> Option<Percent> {
    let given = field
        .value
        .as_number()
        .and_then(|number| Percent::parse(&number.to_string()));
    let allowed = || format!("a number above {above} and at most 100, with at most two decimals");
    match given {
        Some(percent) if percent > above => Some(percent),
        _ => {
            reader.fault(&field.path, brief(field.value), allowed());
            None
        }
    }
}

/// `{"percent", "everySeconds"}`, and `"factor"` where it is exponential.
fn regular_steps(reader: &mut Reader, field: &Field<'_>, exponential: bool) -> Option<Vec<Step>> {
    let known: &[&str] = if exponential {
        &["percent", "factor", "everySeconds"]
    } else {
        &["percent", "everySeconds"]
    };
    let object = reader.object(field, known)?;
    let share = reader
        .required(&object, "percent", "a percentage")
        .and_then(|field| percent(reader, &field, Percent::ZERO));
    let every = reader
        .required(&object, "everySeconds", "a number of seconds")
        .and_then(|field| reader.whole(&field, 1, LONGEST_SECONDS, "seconds"));
    let factor = if exponential {
        factor(reader, &object)
    } else {
        Some(1.0)
    };
    let (share, every, factor) = (share?, every?, factor?);
    let steps = if exponential {
        plan::exponential(share, factor, every)
    } else {
        plan::linear(share, every)
    };
    let rises = steps.is_sorted_by(|one, next| one.percent < next.percent);
    if steps.is_empty() || steps.len() > MAX_STEPS || !rises {
        reader.fault(
            &field.path,
            format!("{} steps", steps.len()),
            format!("1 to {MAX_STEPS} rising steps below 100 %"),
        );
        return None;
    }
    Some(steps)
}

fn factor(reader: &mut Reader, object: &Object<'_>) -> Option<f64> {
    let field = reader.required(object, "factor", "a number above 1 and at most 100")?;
    let factor = field.value.as_f64().filter(|factor| *factor > 1.0 && *factor <= 100.0);
    if factor.is_none() {
        reader.fault(&field.path, brief(field.value), "a number above 1 and at most 100");
    }
    factor
}

fn listed_steps(reader: &mut Reader, field: &Field<'_>) -> Option<Vec<Step>> {
    let items = reader.list(field, 1, MAX_STEPS, "steps")?;
    let count = items.len();
    let mut above = Percent::ZERO;
    let mut steps = Vec::new();
    for item in items {
        let Some(object) = reader.object(&item, &["percent", "bakeSeconds", "approval"]) else {
            continue;
        };
        let share = reader
            .required(&object, "percent", "a percentage")
            .and_then(|field| percent(reader, &field, above));
        above = share.unwrap_or(above);
        let bake = reader
            .required(&object, "bakeSeconds", "a number of seconds")
            .and_then(|field| reader.whole(&field, 1, LONGEST_SECONDS, "seconds"));
        let approval = object.get("approval").map_or(Some(false), |field| reader.truth(&field));
        if let (Some(percent), Some(bake_seconds), Some(approval)) = (share, bake, approval) {
            steps.push(Step {
                percent,
                bake_seconds,
                approval,
            });
        }
    }
    (steps.len() == count).then_some(steps)
}

fn alarms(reader: &mut Reader, field: &Field<'_>, home: &Home) -> Option<Vec<PlannedAlarm>> {
    let items = reader.list(field, 0, MAX_ALARMS, "alarms")?;
    let mut alarms: Vec<PlannedAlarm> = Vec::new();
    for item in items {
        let Some(alarm) = alarm(reader, &item, home) else {
            continue;
        };
        if alarms.iter().any(|known| known.arn == alarm.arn) {
            reader.fault(
                &item.path,
                format!("{:?} again", alarm.arn.alarm_name()),
                "each alarm once",
            );
        }
        alarms.push(alarm);
    }
    Some(alarms)
}

fn alarm(reader: &mut Reader, field: &Field<'_>, home: &Home) -> Option<PlannedAlarm> {
    if field.value.is_string() {
        let arn = alarm_arn(reader, field, home)?;
        return Some(PlannedAlarm {
            arn,
            if_already_in_alarm: IfAlreadyInAlarm::Refuse,
        });
    }
    let object = reader.object(field, &["name", "ifAlreadyInAlarm"])?;
    let arn = reader
        .required(&object, "name", "an alarm's name or ARN")
        .and_then(|field| alarm_arn(reader, &field, home));
    let words = [
        ("refuse", IfAlreadyInAlarm::Refuse),
        ("ignoreUntilOk", IfAlreadyInAlarm::IgnoreUntilOk),
    ];
    let policy = object
        .get("ifAlreadyInAlarm")
        .map_or(Some(IfAlreadyInAlarm::Refuse), |field| reader.word(&field, &words));
    Some(PlannedAlarm {
        arn: arn?,
        if_already_in_alarm: policy?,
    })
}

/// A name, or an ARN of this account and region: alarms of elsewhere cannot be read.
fn alarm_arn(reader: &mut Reader, field: &Field<'_>, home: &Home) -> Option<AlarmArn> {
    let allowed = "an alarm's name of 1 to 255 characters, or its ARN";
    let text = reader.text(field, allowed, |text| {
        let name = text
            .split_once(":alarm:")
            .filter(|_| text.starts_with("arn:"))
            .map_or(text, |(_, name)| name);
        (1..=255).contains(&name.chars().count())
    })?;
    if !text.starts_with("arn:") {
        return Some(home.alarm_arn(&text));
    }
    let arn = AlarmArn(text);
    if home.alarm_arn(arn.alarm_name()) == arn {
        return Some(arn);
    }
    let here = format!(
        "an alarm of account {} in {}, where Serin runs",
        home.account, home.region
    );
    reader.fault(&field.path, brief(field.value), here);
    None
}

fn analysis(reader: &mut Reader, object: &Object<'_>, stage_name: &str) -> Option<Analysis> {
    let mut analysis = Analysis {
        mode: Mode::Guard,
        source: Source::StageMetrics {
            canary_stage: format!("{stage_name}/Canary"),
            stage_includes_canary: true,
        },
        ..Analysis::default()
    };
    let Some(field) = object.get("analysis") else {
        return Some(analysis);
    };
    let object = reader.object(&field, &["mode", "windowSeconds", "settleSeconds", "source"])?;
    if let Some(field) = object.get("mode") {
        analysis.mode = reader.word(&field, &[("off", Mode::Off), ("guard", Mode::Guard)])?;
    }
    if let Some(field) = object.get("windowSeconds") {
        analysis.window_seconds = reader.whole(&field, 60, 3_600, "seconds")?;
        if !analysis.window_seconds.is_multiple_of(60) {
            reader.fault(&field.path, brief(field.value), "a multiple of 60 seconds");
        }
    }
    if let Some(field) = object.get("settleSeconds") {
        analysis.settle_seconds = reader.whole(&field, 0, 3_600, "seconds")?;
    }
    if let Some(field) = object.get("source") {
        analysis.source = source(reader, &field, analysis.source)?;
    }
    Some(analysis)
}

fn source(reader: &mut Reader, field: &Field<'_>, default: Source) -> Option<Source> {
    let object = reader.object(field, &["kind", "canaryStage", "stageIncludesCanary"])?;
    if let Some(field) = object.get("kind") {
        reader.word(&field, &[("stageMetrics", ())])?;
    }
    let Source::StageMetrics {
        mut canary_stage,
        mut stage_includes_canary,
    } = default;
    if let Some(field) = object.get("canaryStage") {
        let allowed = "the value of the dimension Stage that counts the canary, 1 to 255 characters";
        canary_stage = reader.text(&field, allowed, |text| (1..=255).contains(&text.chars().count()))?;
    }
    if let Some(field) = object.get("stageIncludesCanary") {
        stage_includes_canary = reader.truth(&field)?;
    }
    Some(Source::StageMetrics {
        canary_stage,
        stage_includes_canary,
    })
}

fn hooks(reader: &mut Reader, object: &Object<'_>, surroundings: &Surroundings) -> Option<Hooks> {
    let Some(field) = object.get("hooks") else {
        return Some(Hooks::default());
    };
    let object = reader.object(&field, &["beforeTraffic", "afterPromotion"])?;
    let mut hook = |name| optional(object.get(name), |field| hook(reader, field, surroundings));
    let (before, after) = (hook("beforeTraffic"), hook("afterPromotion"));
    Some(Hooks {
        before_traffic: before?,
        after_promotion: after?,
    })
}

/// Whoever may start a rollout must not thereby be able to run any function of the account.
fn hook(reader: &mut Reader, field: &Field<'_>, surroundings: &Surroundings) -> Option<String> {
    let Surroundings { home, hook_pattern } = surroundings;
    let start = format!(
        "arn:{}:lambda:{}:{}:function:",
        home.partition, home.region, home.account
    );
    let allowed = format!(
        "the ARN of a function of this account and region whose name matches {hook_pattern}: {start}{hook_pattern}"
    );
    reader.text(field, &allowed, |text| {
        let name = text
            .strip_prefix(&start)
            .map(|rest| rest.split(':').next().unwrap_or(rest));
        text.len() <= 512 && name.is_some_and(|name| is_name(name, 64, "-_") && matches(hook_pattern, name))
    })
}

/// A pattern with `*` for any characters, as IAM reads it.
fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((start, rest)) => name.strip_prefix(start).is_some_and(|name| {
            let mut tails = name.char_indices().map(|(index, _)| index).chain([name.len()]);
            tails.any(|index| name.get(index..).is_some_and(|tail| matches(rest, tail)))
        }),
    }
}

#[expect(
    clippy::option_option,
    reason = "a field that is missing is not a field that is faulty"
)]
/// A field that may be missing: `None` only where it is there and faulty.
fn optional<'a, T>(field: Option<Field<'a>>, read: impl FnOnce(&Field<'a>) -> Option<T>) -> Option<Option<T>> {
    match field {
        Some(field) => read(&field).map(Some),
        None => Some(None),
    }
}
