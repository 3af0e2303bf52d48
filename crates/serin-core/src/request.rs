//! What a user asks for when starting a rollout, parsed once into types that cannot be wrong.
//!
//! All faults are reported at once, and a field that is not known is one of them.

mod analysis;
mod plan;
#[cfg(test)]
mod tests;
mod windows;

use serde_json::Value;

use crate::{
    alarm::{IfAlreadyInAlarm, MAX_ALARMS, PlannedAlarm},
    analysis::Analysis,
    document::Hooks,
    fields::{Faults, Field, Object, Reader, brief, json_length},
    ids::{AlarmArn, DeploymentId, Home, StageId},
    plan::Plan,
    stage::Variables,
};

pub use windows::{Counted, MOST_WINDOWS, parse_counts};

/// The most bytes of a request.
pub const MAX_REQUEST_BYTES: usize = 32 * 1024;

/// The most overridden variables.
pub const MAX_OVERRIDES: usize = 20;

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
    /// What this deployment of Serin allows.
    pub settings: Settings,
}

/// What a deployment of Serin allows its rollouts.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Which functions may be hooks: a name with `*` for any characters.
    pub hook_pattern: String,
    /// How often the metrics that are read get a value, in seconds: no window may be shorter.
    pub metric_seconds: u32,
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

/// Reads the plan and the analysis of a request, and nothing else of it, for people who try plans out.
///
/// # Errors
/// Every fault of the two, and every field that a request does not have.
pub fn parse_plan(input: &Value) -> Result<(Plan, Analysis), Faults> {
    let mut reader = Reader::default();
    let planned = reader.object(&Field::root("", input), &FIELDS).and_then(|object| {
        let plan = plan::read(&mut reader, &object);
        let analysis = analysis::read(&mut reader, &object, analysis::Place::ANY);
        fitted(&mut reader, plan, analysis)
    });
    reader.finish(planned)
}

/// A plan and an analysis that are right by themselves, made to fit each other.
fn fitted(reader: &mut Reader, plan: Option<Plan>, analysis: Option<Analysis>) -> Option<(Plan, Analysis)> {
    let plan = plan.and_then(|plan| plan::with_holds(reader, plan, analysis.as_ref()))?;
    let analysis = analysis?.fitting(plan.time_limit());
    Some((plan, analysis))
}

/// Every part is read before any is found missing, so that all faults are told at once.
fn read(reader: &mut Reader, input: &Value, surroundings: &Surroundings) -> Option<Request> {
    let object = reader.object(&Field::root("", input), &FIELDS)?;
    let stage = stage(reader, &object);
    let canary = canary(reader, &object);
    let (api, name) = stage
        .as_ref()
        .map_or(("", ""), |stage| (&stage.rest_api_id, &stage.stage_name));
    let place = analysis::Place {
        api,
        stage_name: name,
        metric_seconds: surroundings.settings.metric_seconds,
    };
    let plan = plan::read(reader, &object);
    let alarms = optional(object.get("alarms"), |field| alarms(reader, field, &surroundings.home));
    let analysis = analysis::read(reader, &object, place);
    let fitted = fitted(reader, plan, analysis);
    let hooks = hooks(reader, &object, surroundings);
    let (deployment_id, overrides, use_stage_cache) = canary?;
    let (plan, analysis) = fitted?;
    Some(Request {
        stage: stage?,
        deployment_id,
        overrides,
        use_stage_cache,
        plan,
        alarms: alarms?,
        analysis,
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
    let allowed = "an alarm's name of 1 to 255 characters (bytes, where they are not plain ASCII), or its ARN";
    let text = reader.text(field, allowed, |text| {
        let name = text
            .split_once(":alarm:")
            .filter(|_| text.starts_with("arn:"))
            .map_or(text, |(_, name)| name);
        (1..=255).contains(&json_length(name))
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
    let (home, hook_pattern) = (&surroundings.home, &surroundings.settings.hook_pattern);
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
