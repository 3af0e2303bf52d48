//! Where LocalStack is known to differ from what was recorded on AWS, or where nothing was recorded and the fake is the
//! stricter. `docs/aws-fidelity.md` has the same list, with sources.

use serin_core::stage::StageView;

use crate::{
    operation::{COPY_DEPLOYMENT, COPY_VARIABLES, Canary, Deployment, OVERRIDES, Operation, Patch, Value},
    sides::Refusal,
};

/// A known difference.
pub(crate) struct Difference {
    /// What the document calls it.
    pub(crate) name: &'static str,
    /// Whether it is LocalStack's by itself: the plugin mends it.
    pub(crate) mended: bool,
    /// What leads to it.
    pub(crate) before: Vec<Operation>,
    /// The call that is answered differently.
    pub(crate) call: Operation,
    /// How the fake refuses it, if it does.
    pub(crate) fake: Result<(), Refusal>,
    /// How LocalStack refuses it, if it does.
    pub(crate) local: Result<(), Refusal>,
}

fn update(patches: impl Into<Vec<Patch>>) -> Operation {
    let patches = patches.into();
    Operation::UpdateStage { stage: 0, patches }
}

fn deploy() -> Operation {
    let (stage, canary) = (Some(0), None);
    Operation::CreateDeployment { stage, canary }
}

fn share(value: &'static str) -> Patch {
    Patch::replace("/canarySettings/percentTraffic", value)
}

fn variable(value: &'static str) -> Patch {
    Patch::replace("/variables/alias", value)
}

fn override_alias(value: &'static str) -> Patch {
    Patch::replace("/canarySettings/stageVariableOverrides/alias", value)
}

fn made_stage(deployment: Deployment, canary: Option<Deployment>) -> Operation {
    let settings = Canary {
        percent: "10.5",
        overrides: [].into(),
        use_stage_cache: false,
    };
    Operation::CreateStage {
        stage: 1,
        deployment,
        variables: [].into(),
        canary: canary.map(|deployment| (Some(deployment), settings)),
    }
}

/// All of them.
pub(crate) fn all() -> Vec<Difference> {
    let mended = mended().into_iter().map(|difference| (true, difference));
    let left = variables().into_iter().chain(copies()).chain(stages());
    let all = mended.chain(left.map(|difference| (false, difference)));
    all.map(|(mended, (name, before, call, fake, local))| Difference {
        name,
        mended,
        before,
        call,
        fake,
        local,
    })
    .collect()
}

type Row = (
    &'static str,
    Vec<Operation>,
    Operation,
    Result<(), Refusal>,
    Result<(), Refusal>,
);

const REFUSED: Result<(), Refusal> = Err(Refusal::BadRequest);
const FAILED: Result<(), Refusal> = Err(Refusal::Other);

fn canary() -> Vec<Operation> {
    vec![update([share("50"), override_alias("v2")])]
}

/// What the plugin mends.
fn mended() -> Vec<Row> {
    let remove = update([Patch::remove("/canarySettings")]);
    let cache = update([Patch::replace("/canarySettings/useStageCache", "true")]);
    vec![
        (
            "ordinary deployment beside a canary",
            canary(),
            deploy(),
            REFUSED,
            Ok(()),
        ),
        ("ordinary deployment resets variables", vec![], deploy(), Ok(()), Ok(())),
        ("removing no canary", vec![], remove, REFUSED, Ok(())),
        ("share above 100", canary(), update([share("101")]), REFUSED, FAILED),
        ("share below 0", canary(), update([share("-1")]), REFUSED, FAILED),
        (
            "share that is no number",
            canary(),
            update([share("many")]),
            REFUSED,
            FAILED,
        ),
        ("cache setting that is a text", canary(), cache, Ok(()), FAILED),
    ]
}

/// The rest is left as it is, because nothing here sends it.
fn variables() -> Vec<Row> {
    let one = update([Patch::remove("/canarySettings/stageVariableOverrides/alias")]);
    let whole = update([Patch::replace(OVERRIDES, "v1")]);
    let missing = update([Patch::remove("/variables/theme")]);
    let add = update([Patch::new("add", "/variables/theme", Value::Text("dark"))]);
    let no_value = update([Patch::new("replace", "/variables/alias", Value::None)]);
    vec![
        ("removing one override", canary(), one, Ok(()), REFUSED),
        ("replacing all overrides", canary(), whole, REFUSED, FAILED),
        ("removing no variable", vec![], missing, REFUSED, Ok(())),
        ("adding a variable", vec![], add, REFUSED, FAILED),
        ("replacing without a value", vec![], no_value, REFUSED, FAILED),
    ]
}

fn copies() -> Vec<Row> {
    let crossed = update([Patch::copy((COPY_VARIABLES.0, COPY_DEPLOYMENT.1))]);
    let after = update([variable("v1"), Patch::copy(COPY_VARIABLES)]);
    vec![
        ("crossed copy", canary(), crossed, REFUSED, Ok(())),
        ("copy after a replacement", canary(), after, Ok(()), Ok(())),
    ]
}

fn stages() -> Vec<Row> {
    let (newest, unknown) = (Deployment::Made(0), Deployment::Unknown);
    let add = update([Patch::new("add", "/deploymentId", Value::Deployment(newest))]);
    let remove = update([Patch::new("remove", "/deploymentId", Value::Deployment(newest))]);
    let on_unknown = made_stage(unknown, None);
    let canary_of_unknown = made_stage(newest, Some(unknown));
    vec![
        ("adding the deployment", vec![], add, REFUSED, Ok(())),
        ("removing the deployment", vec![], remove, REFUSED, Ok(())),
        ("stage on an unknown deployment", vec![], on_unknown, REFUSED, FAILED),
        (
            "stage with a canary of an unknown deployment",
            vec![],
            canary_of_unknown,
            REFUSED,
            REFUSED,
        ),
    ]
}

/// The difference that this call runs into, if it is one that is left. `before` is the stage that it changes.
pub(crate) fn runs_into(call: &Operation, before: Option<&StageView>) -> Option<&'static str> {
    match call {
        Operation::UpdateStage { patches, .. } => patches.iter().find_map(|patch| of_patch(patch, patches, before)),
        Operation::CreateStage { deployment, canary, .. } => match (deployment, canary) {
            (Deployment::Unknown, _) => Some("stage on an unknown deployment"),
            (_, Some((Some(Deployment::Unknown), _))) => Some("stage with a canary of an unknown deployment"),
            _ => None,
        },
        Operation::CreateDeployment { .. } | Operation::GetStage { .. } => None,
    }
}

fn of_patch(one: &Patch, all: &[Patch], before: Option<&StageView>) -> Option<&'static str> {
    let copies = all.iter().any(|patch| patch.op == "copy");
    let variable = one.path.strip_prefix("/variables/");
    let is_there = |name: &str| before.is_some_and(|stage| stage.variables.contains_key(name));
    match (one.op, one.path) {
        ("copy", to) => {
            let from = one.from.unwrap_or_default();
            let known = |copy: &(&str, &str)| *copy == (from, to);
            let crossed = [COPY_DEPLOYMENT.0, COPY_VARIABLES.0].contains(&from)
                && [COPY_DEPLOYMENT.1, COPY_VARIABLES.1].contains(&to)
                && ![COPY_DEPLOYMENT, COPY_VARIABLES].iter().any(known);
            crossed.then_some("crossed copy")
        }
        ("remove", path) if path.starts_with(OVERRIDES) && path != OVERRIDES => Some("removing one override"),
        ("replace", OVERRIDES) => Some("replacing all overrides"),
        ("replace", _) if one.value == Value::None => Some("replacing without a value"),
        ("replace" | "remove", path) if copies && !path.starts_with("/canarySettings") => {
            Some("copy after a replacement")
        }
        ("remove", "/deploymentId") => Some("removing the deployment"),
        ("remove", path) => {
            let others = all.iter().filter(|other| other.path == path).count();
            let missing = variable.is_some_and(|name| !is_there(name) || others > 1);
            missing.then_some("removing no variable")
        }
        ("add" | "move" | "test", _) if variable.is_some() => Some("adding a variable"),
        ("add" | "move" | "test", "/deploymentId") => Some("adding the deployment"),
        _ => None,
    }
}
