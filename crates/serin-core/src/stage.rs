//! What a stage looks like, what of it is ours, and the patch operations that change it.
//!
//! The predicates are those of `docs/protocol.md`; whoever changes a stage judges the *answer* of the change by them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{ids::DeploymentId, percent::Percent};

/// Stage variables by name.
pub type Variables = BTreeMap<String, String>;

/// A stage as API Gateway described it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StageView {
    /// The deployment that serves what the canary does not.
    pub deployment_id: DeploymentId,
    /// The stage's own variables. A canary inherits them (seen on AWS).
    pub variables: Variables,
    /// The canary, if the stage has one. While it does, no pipeline can deploy to the stage, even at 0 %.
    pub canary: Option<CanaryView>,
}

/// The canary of a stage.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CanaryView {
    /// The deployment that serves the canary's share.
    pub deployment_id: DeploymentId,
    /// Its share of the traffic.
    pub percent: Percent,
    /// The variables that differ on the canary.
    pub overrides: Variables,
    /// Whether it shares the stage's cache.
    pub use_stage_cache: bool,
}

/// What a rollout puts on a stage: how it recognises its own canary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CanaryTarget {
    /// The canary deployment.
    pub deployment_id: DeploymentId,
    /// The overridden variables.
    #[serde(default)]
    pub stage_variable_overrides: Variables,
    /// Whether the canary shares the stage's cache.
    #[serde(default)]
    pub use_stage_cache: bool,
}

/// What a stage was before a rollout: where a rollback goes back to.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Baseline {
    /// The deployment that the stage had.
    pub deployment_id: DeploymentId,
    /// The value of each overridden variable, or `None` where the stage had no such variable.
    #[serde(default)]
    pub variables: BTreeMap<String, Option<String>>,
}

impl Baseline {
    /// Remembers what `target` would change of a stage.
    #[must_use]
    pub fn of(view: &StageView, target: &CanaryTarget) -> Self {
        let names = target.stage_variable_overrides.keys();
        let variables = names
            .map(|name| (name.clone(), view.variables.get(name).cloned()))
            .collect();
        Self {
            deployment_id: view.deployment_id.clone(),
            variables,
        }
    }
}

impl StageView {
    /// The canary is this rollout's: its deployment with its overrides.
    #[must_use]
    pub fn has_ours(&self, target: &CanaryTarget) -> bool {
        self.canary.as_ref().is_some_and(|canary| {
            canary.deployment_id == target.deployment_id && canary.overrides == target.stage_variable_overrides
        })
    }

    /// The canary is a ghost: the stage's own deployment without overrides, which a late change to a canary that is gone
    /// creates (API Gateway makes a canary implicitly). It serves nothing new, but it locks the stage.
    #[must_use]
    pub fn has_ghost(&self) -> bool {
        self.canary
            .as_ref()
            .is_some_and(|canary| canary.deployment_id == self.deployment_id && canary.overrides.is_empty())
    }

    /// The canary is this rollout's, whole or half made, or a ghost: it may be removed without taking anybody else's.
    #[must_use]
    pub fn has_removable(&self, target: &CanaryTarget) -> bool {
        let half_made = self
            .canary
            .as_ref()
            .is_some_and(|canary| canary.deployment_id == target.deployment_id && canary.overrides.is_empty());
        self.has_ours(target) || half_made || self.has_ghost()
    }

    /// The stage itself is what the rollout wanted.
    #[must_use]
    pub fn is_promoted(&self, target: &CanaryTarget) -> bool {
        self.deployment_id == target.deployment_id && self.has_variables_of(target)
    }

    /// The stage itself still carries what the rollout put there.
    #[must_use]
    pub fn is_unrestored(&self, target: &CanaryTarget, baseline: &Baseline) -> bool {
        if self.deployment_id != target.deployment_id {
            return false;
        }
        target.deployment_id != baseline.deployment_id
            || (self.has_variables_of(target) && !self.has_baseline_variables(baseline))
    }

    fn has_variables_of(&self, target: &CanaryTarget) -> bool {
        target
            .stage_variable_overrides
            .iter()
            .all(|(name, value)| self.variables.get(name) == Some(value))
    }

    fn has_baseline_variables(&self, baseline: &Baseline) -> bool {
        baseline
            .variables
            .iter()
            .all(|(name, value)| self.variables.get(name) == value.as_ref())
    }

    /// One sentence for people.
    #[must_use]
    pub fn describe(&self) -> String {
        match &self.canary {
            None => format!("deployment {}, no canary", self.deployment_id),
            Some(canary) => format!(
                "deployment {}, canary {} at {} %{}",
                self.deployment_id,
                canary.deployment_id,
                canary.percent,
                describe_overrides(&canary.overrides)
            ),
        }
    }
}

/// Only the names: a value may be a secret, and the description is logged.
fn describe_overrides(overrides: &Variables) -> String {
    if overrides.is_empty() {
        return String::new();
    }
    let names: Vec<_> = overrides.keys().map(String::as_str).collect();
    format!(" with its own {}", names.join(", "))
}

/// One operation of an UpdateStage call. Only those that are recorded to work on AWS can be said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Patch {
    /// Sets the canary's deployment; makes a canary where there is none.
    CanaryDeployment(DeploymentId),
    /// Sets the canary's share; makes a canary of the stage's own deployment where there is none.
    CanaryPercent(Percent),
    /// Sets one override of the canary.
    CanaryOverride(String, String),
    /// Sets whether the canary shares the stage's cache.
    CanaryUsesStageCache(bool),
    /// Removes the canary: all traffic to the stage's own deployment, and the stage unlocked.
    RemoveCanary,
    /// Merges the canary's overrides into the stage's variables.
    CopyCanaryVariables,
    /// Makes the canary's deployment the stage's own.
    CopyCanaryDeployment,
    /// Sets the stage's own deployment.
    Deployment(DeploymentId),
    /// Sets one variable of the stage.
    Variable(String, String),
    /// Removes one variable of the stage.
    RemoveVariable(String),
}

/// A patch operation as the API takes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PatchOperation {
    /// `replace`, `remove` or `copy`; `add` is refused for canary paths.
    pub op: &'static str,
    /// A JSON pointer.
    pub path: String,
    /// The value, always a string.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// The source of a copy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<&'static str>,
}

impl Patch {
    /// The operation as API Gateway takes it.
    #[must_use]
    pub fn operation(&self) -> PatchOperation {
        match self {
            Self::CanaryDeployment(id) => replace("/canarySettings/deploymentId".into(), id.as_str()),
            Self::CanaryPercent(percent) => replace("/canarySettings/percentTraffic".into(), &percent.to_string()),
            Self::CanaryOverride(name, value) => replace(
                format!("/canarySettings/stageVariableOverrides/{}", pointer(name)),
                value,
            ),
            Self::CanaryUsesStageCache(uses) => replace("/canarySettings/useStageCache".into(), &uses.to_string()),
            Self::RemoveCanary => remove("/canarySettings".into()),
            Self::CopyCanaryVariables => copy("/canarySettings/stageVariableOverrides", "/variables"),
            Self::CopyCanaryDeployment => copy("/canarySettings/deploymentId", "/deploymentId"),
            Self::Deployment(id) => replace("/deploymentId".into(), id.as_str()),
            Self::Variable(name, value) => replace(format!("/variables/{}", pointer(name)), value),
            Self::RemoveVariable(name) => remove(format!("/variables/{}", pointer(name))),
        }
    }
}

fn replace(path: String, value: &str) -> PatchOperation {
    PatchOperation {
        op: "replace",
        path,
        value: Some(value.to_owned()),
        from: None,
    }
}

fn remove(path: String) -> PatchOperation {
    PatchOperation {
        op: "remove",
        path,
        value: None,
        from: None,
    }
}

fn copy(from: &'static str, path: &str) -> PatchOperation {
    PatchOperation {
        op: "copy",
        path: path.to_owned(),
        value: None,
        from: Some(from),
    }
}

/// Escapes a name for a JSON pointer (RFC 6901).
fn pointer(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// Attaches the rollout's canary at 0 %, or makes it of a ghost, whose cache setting must not stay.
#[must_use]
pub fn attach(target: &CanaryTarget) -> Vec<Patch> {
    let overrides = target.stage_variable_overrides.iter();
    [
        Patch::CanaryDeployment(target.deployment_id.clone()),
        Patch::CanaryPercent(Percent::ZERO),
        Patch::CanaryUsesStageCache(target.use_stage_cache),
    ]
    .into_iter()
    .chain(overrides.map(|(name, value)| Patch::CanaryOverride(name.clone(), value.clone())))
    .collect()
}

/// Makes the canary the stage: copies and nothing else, so that it fails where there is no canary. The documented recipe
/// begins by setting the percentage, which would *create* one.
#[must_use]
pub fn promote(target: &CanaryTarget) -> Vec<Patch> {
    let variables = (!target.stage_variable_overrides.is_empty()).then_some(Patch::CopyCanaryVariables);
    variables.into_iter().chain([Patch::CopyCanaryDeployment]).collect()
}

/// The recipe that AWS documents for a promotion, for the case that the copies alone are refused.
#[must_use]
pub fn promote_as_documented(target: &CanaryTarget) -> Vec<Patch> {
    let mut patches = vec![Patch::CanaryPercent(Percent::ZERO)];
    patches.extend(promote(target));
    patches
}

/// Puts a stage back to `baseline`: its deployment, and our variable names only.
#[must_use]
pub fn restore(view: &StageView, baseline: &Baseline) -> Vec<Patch> {
    let mut patches = Vec::new();
    if view.deployment_id != baseline.deployment_id {
        patches.push(Patch::Deployment(baseline.deployment_id.clone()));
    }
    for (name, value) in &baseline.variables {
        match value {
            Some(value) if view.variables.get(name) != Some(value) => {
                patches.push(Patch::Variable(name.clone(), value.clone()));
            }
            None if view.variables.contains_key(name) => patches.push(Patch::RemoveVariable(name.clone())),
            Some(_) | None => {}
        }
    }
    patches
}

/// The next change that brings a stage back to its baseline; `None` once it is there, or is somebody else's.
#[must_use]
pub fn make_safe(view: &StageView, target: &CanaryTarget, baseline: &Baseline) -> Option<Vec<Patch>> {
    if view.has_removable(target) {
        Some(vec![Patch::RemoveCanary])
    } else if view.is_unrestored(target, baseline) {
        Some(restore(view, baseline))
    } else {
        None
    }
}

/// The patches that make the stage itself (not its canary) of `now` what it was in `before`.
#[must_use]
pub fn put_back(now: &StageView, before: &StageView) -> Vec<Patch> {
    let names = now.variables.keys().chain(before.variables.keys());
    let variables = names
        .map(|name| (name.clone(), before.variables.get(name).cloned()))
        .collect();
    restore(
        now,
        &Baseline {
            deployment_id: before.deployment_id.clone(),
            variables,
        },
    )
}

#[cfg(test)]
mod tests;
