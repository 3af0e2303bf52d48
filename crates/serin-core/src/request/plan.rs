//! The plan of a request: a preset, a regular plan or a list of steps, and its clocks.

use crate::{
    analysis::Analysis,
    fields::{Field, Object, Reader, brief},
    percent::Percent,
    plan::{self, Hold, MAX_STEPS, Plan, Step},
    timing::LONGEST_ROLLOUT,
};

const LONGEST_SECONDS: u32 = 14 * 24 * 60 * 60;

pub(super) fn read(reader: &mut Reader, object: &Object<'_>) -> Option<Plan> {
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
        hold: Hold::default(),
    };
    Some(plan)
}

/// The plan with what the analysis may add to its bakes, if it is not too long then.
pub(super) fn with_holds(reader: &mut Reader, mut plan: Plan, analysis: Option<&Analysis>) -> Option<Plan> {
    plan.hold = analysis.map_or_else(Hold::default, Analysis::hold);
    if plan.longest() > LONGEST_ROLLOUT {
        let hours = plan.longest().as_hours();
        reader.fault(
            "plan",
            format!("{hours} hours with all bakes, holds and approvals"),
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
