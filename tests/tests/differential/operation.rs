//! What can be asked of API Gateway about stages, valid and not, and how it is drawn.

use proptest::{collection::vec, option, prelude::*, sample::select};
use serin_core::stage::Variables;

/// Which deployment an operation names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deployment {
    /// The one that was made so many operations ago, counted round the number of those that exist.
    Made(usize),
    /// One that does not exist.
    Unknown,
}

/// Which stage an operation names: the first exists from the beginning.
pub(crate) type Slot = usize;

/// A canary in CreateDeployment or CreateStage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Canary {
    pub(crate) percent: &'static str,
    pub(crate) overrides: Variables,
    pub(crate) use_stage_cache: bool,
}

/// The value of a patch operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    None,
    Text(&'static str),
    Deployment(Deployment),
}

/// One patch operation, with whatever op, path and value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Patch {
    pub(crate) op: &'static str,
    pub(crate) path: &'static str,
    pub(crate) value: Value,
    pub(crate) from: Option<&'static str>,
}

/// A call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    CreateDeployment {
        stage: Option<Slot>,
        canary: Option<Canary>,
    },
    CreateStage {
        stage: Slot,
        deployment: Deployment,
        variables: Variables,
        canary: Option<(Option<Deployment>, Canary)>,
    },
    UpdateStage {
        stage: Slot,
        patches: Vec<Patch>,
    },
    GetStage {
        stage: Slot,
    },
}

pub(crate) const OVERRIDES: &str = "/canarySettings/stageVariableOverrides";
pub(crate) const COPY_DEPLOYMENT: (&str, &str) = ("/canarySettings/deploymentId", "/deploymentId");
pub(crate) const COPY_VARIABLES: (&str, &str) = (OVERRIDES, "/variables");

/// Every path that `docs/aws-fidelity.md` tells of, and some that are none.
const PATHS: [&str; 14] = [
    "/canarySettings",
    "/canarySettings/percentTraffic",
    "/canarySettings/deploymentId",
    "/canarySettings/useStageCache",
    "/canarySettings/stageVariableOverrides",
    "/canarySettings/stageVariableOverrides/alias",
    "/canarySettings/stageVariableOverrides/theme",
    "/canarySettings/colour",
    "/deploymentId",
    "/variables",
    "/variables/alias",
    "/variables/theme",
    "/colour",
    "/stageName",
];

const OPS: [&str; 6] = ["add", "remove", "replace", "copy", "move", "test"];
const PERCENTS: [&str; 6] = ["0", "0.25", "10.5", "33.33", "50", "100"];
const BAD_PERCENTS: [&str; 4] = ["-1", "100.01", "101", "many"];
const NAMES: [&str; 2] = ["alias", "theme"];
const VALUES: [&str; 3] = ["v1", "v2", "dark"];

impl Patch {
    pub(crate) fn new(op: &'static str, path: &'static str, value: Value) -> Self {
        let from = None;
        Self { op, path, value, from }
    }

    pub(crate) fn replace(path: &'static str, value: &'static str) -> Self {
        Self::new("replace", path, Value::Text(value))
    }

    pub(crate) fn remove(path: &'static str) -> Self {
        Self::new("remove", path, Value::None)
    }

    pub(crate) fn copy((from, path): (&'static str, &'static str)) -> Self {
        let from = Some(from);
        Self {
            from,
            ..Self::new("copy", path, Value::None)
        }
    }
}

/// A call of any kind; changes of a stage are the most.
pub(crate) fn operation() -> impl Strategy<Value = Operation> {
    let stage = || prop_oneof![4 => Just(0), 1 => Just(1)];
    prop_oneof![
        2 => (option::weighted(0.6, stage()), option::of(canary()))
            .prop_map(|(stage, canary)| Operation::CreateDeployment { stage, canary }),
        1 => (stage(), deployment(), variables(), option::of((option::of(deployment()), canary())))
            .prop_map(|(stage, deployment, variables, canary)| Operation::CreateStage {
                stage,
                deployment,
                variables,
                canary,
            }),
        8 => (stage(), vec(patch(), 1..4))
            .prop_map(|(stage, patches)| Operation::UpdateStage { stage, patches }),
        1 => stage().prop_map(|stage| Operation::GetStage { stage }),
    ]
}

fn deployment() -> impl Strategy<Value = Deployment> {
    prop_oneof![9 => (0..6_usize).prop_map(Deployment::Made), 1 => Just(Deployment::Unknown)]
}

fn variables() -> impl Strategy<Value = Variables> {
    let pair = (select(&NAMES), select(&VALUES));
    let pairs = vec(pair, 0..3);
    pairs.prop_map(|pairs| {
        pairs
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect()
    })
}

fn canary() -> impl Strategy<Value = Canary> {
    (select(&PERCENTS), variables(), any::<bool>()).prop_map(|(percent, overrides, use_stage_cache)| Canary {
        percent,
        overrides,
        use_stage_cache,
    })
}

/// Mostly what is recorded to work, so that a stage gets somewhere; the rest is any op on any path with any value.
fn patch() -> impl Strategy<Value = Patch> {
    let percent = prop_oneof![5 => select(&PERCENTS), 1 => select(&BAD_PERCENTS)];
    let own = |path| deployment().prop_map(move |id| Patch::new("replace", path, Value::Deployment(id)));
    let texts = |paths: &'static [&'static str]| {
        (select(paths), select(&VALUES)).prop_map(|(path, value)| Patch::replace(path, value))
    };
    prop_oneof![
        3 => percent.prop_map(|value| Patch::replace("/canarySettings/percentTraffic", value)),
        3 => own("/canarySettings/deploymentId"),
        3 => texts(&PATHS[5..7]),
        1 => select(&["true", "false"][..]).prop_map(|value| Patch::replace("/canarySettings/useStageCache", value)),
        3 => Just(Patch::remove("/canarySettings")),
        2 => Just(Patch::copy(COPY_DEPLOYMENT)),
        2 => Just(Patch::copy(COPY_VARIABLES)),
        1 => own("/deploymentId"),
        1 => texts(&PATHS[10..12]),
        1 => select(&PATHS[10..12]).prop_map(Patch::remove),
        4 => anything(),
    ]
}

fn anything() -> impl Strategy<Value = Patch> {
    let value = prop_oneof![
        Just(Value::None),
        select(&VALUES).prop_map(Value::Text),
        select(&PERCENTS).prop_map(Value::Text),
        deployment().prop_map(Value::Deployment),
    ];
    (select(&OPS), select(&PATHS), value, option::of(select(&PATHS))).prop_map(|(op, path, value, from)| Patch {
        op,
        path,
        value,
        from,
    })
}
