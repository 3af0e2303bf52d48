//! A REST API in memory, as it was recorded on AWS: a canary is made by setting any of its fields, promotion merges
//! variables, a canary locks the stage against ordinary deployments, another canary deployment silently takes its place.

use std::collections::BTreeMap;

use serin_core::{
    ids::DeploymentId,
    percent::Percent,
    stage::{CanaryView, PatchOperation, StageView, Variables},
};

use crate::ports::{CallError, Called};

/// What CreateDeployment and CreateStage can say of a canary.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewCanary {
    /// Its share.
    pub percent: Percent,
    /// The variables that differ from the stage's.
    pub overrides: Variables,
    /// Whether it shares the stage's cache.
    pub use_stage_cache: bool,
}

impl NewCanary {
    /// A canary with a share and nothing else.
    #[must_use]
    pub fn at(percent: Percent) -> Self {
        Self {
            percent,
            ..Self::default()
        }
    }

    fn of(self, deployment_id: DeploymentId) -> CanaryView {
        CanaryView {
            deployment_id,
            percent: self.percent,
            overrides: self.overrides,
            use_stage_cache: self.use_stage_cache,
        }
    }
}

/// A REST API.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RestApi {
    /// Its name.
    pub name: String,
    /// Its deployments by id, with their descriptions.
    pub deployments: BTreeMap<DeploymentId, String>,
    /// Its stages by name.
    pub stages: BTreeMap<String, StageView>,
    /// Whether promoting takes the documented recipe: the copies alone are refused. Not recorded on AWS, so both are tested.
    pub refuses_bare_copies: bool,
}

impl RestApi {
    /// An API with one stage, on deployment `baseline`.
    #[must_use]
    pub fn new(name: &str, stage_name: &str, variables: Variables) -> Self {
        let deployment_id = DeploymentId::from("baseline");
        let stage = StageView {
            variables,
            ..on(deployment_id.clone())
        };
        Self {
            name: name.to_owned(),
            deployments: BTreeMap::from([(deployment_id, "by hand".to_owned())]),
            stages: BTreeMap::from([(stage_name.to_owned(), stage)]),
            refuses_bare_copies: false,
        }
    }

    /// CreateDeployment: free-standing, or of a stage (which is made where there is none), or of a stage's canary.
    ///
    /// # Errors
    /// As recorded on AWS.
    pub fn create_deployment(
        &mut self,
        description: &str,
        stage_name: Option<&str>,
        canary: Option<NewCanary>,
    ) -> Called<DeploymentId> {
        let id = DeploymentId(format!("d{}", self.deployments.len()));
        let prefix = "Invalid deployment content specified.";
        match (stage_name, canary) {
            (None, None) => {}
            (None, Some(_)) => {
                return rejected(format!(
                    "{prefix}Non null and non empty stageName must be provided for canary deployment. Provided value is null"
                ));
            }
            (Some(name), Some(canary)) => {
                let Some(stage) = self.stages.get_mut(name) else {
                    return rejected(format!(
                        "{prefix}Stage {name} must already be created before making a canary release deployment"
                    ));
                };
                stage.canary = Some(canary.of(id.clone()));
            }
            (Some(name), None) => {
                let stage = self.stages.entry(name.to_owned()).or_insert_with(|| on(id.clone()));
                if stage.canary.is_some() {
                    return rejected(format!(
                        "{prefix}Non canary deployment not supported on stage {name} because Canary is enabled. Provide CanarySettings in deploymentInput."
                    ));
                }
                stage.deployment_id = id.clone();
            }
        }
        self.deployments.insert(id.clone(), description.to_owned());
        Ok(id)
    }

    /// CreateStage. Of the canary the first is its deployment, the stage's own without one.
    ///
    /// # Errors
    /// Where there is such a stage, or a deployment is unknown.
    pub fn create_stage(
        &mut self,
        stage_name: &str,
        deployment_id: &str,
        variables: Variables,
        canary: Option<(Option<&str>, NewCanary)>,
    ) -> Called<StageView> {
        if self.stages.contains_key(stage_name) {
            // A conflict, which the port takes for two writers at once.
            return Err(CallError::Unavailable("Stage already exists".to_owned()));
        }
        let deployment_id = self.known(deployment_id)?;
        let canary = match canary {
            None => None,
            Some((None, canary)) => Some(canary.of(deployment_id.clone())),
            Some((Some(id), canary)) => Some(canary.of(self.known(id)?)),
        };
        let stage = StageView {
            deployment_id,
            variables,
            canary,
        };
        self.stages.insert(stage_name.to_owned(), stage.clone());
        Ok(stage)
    }

    /// UpdateStage: all operations or none.
    ///
    /// # Errors
    /// As recorded on AWS.
    pub fn update_stage(&mut self, stage_name: &str, operations: &[PatchOperation]) -> Called<StageView> {
        let mut view = self.stage(stage_name)?;
        let sets_percent = operations
            .iter()
            .any(|operation| operation.path.ends_with("percentTraffic"));
        if self.refuses_bare_copies && !sets_percent && operations.iter().any(|operation| operation.op == "copy") {
            return rejected("Promotion not available.".to_owned());
        }
        for operation in operations {
            self.apply(&mut view, operation)?;
        }
        self.stages.insert(stage_name.to_owned(), view.clone());
        Ok(view)
    }

    /// GetStage.
    ///
    /// # Errors
    /// Where there is no such stage.
    pub fn stage(&self, stage_name: &str) -> Called<StageView> {
        let stage = self.stages.get(stage_name).cloned();
        stage.ok_or_else(|| CallError::NotFound("Invalid stage identifier specified".to_owned()))
    }

    fn apply(&self, view: &mut StageView, operation: &PatchOperation) -> Called<()> {
        if operation.op == "replace" && operation.value.is_none() {
            return rejected(format!("Invalid replace operation without a value: {}", operation.path));
        }
        let value = operation.value.clone().unwrap_or_default();
        let path: Vec<_> = operation.path.trim_start_matches('/').split('/').collect();
        match (operation.op, path.as_slice()) {
            ("replace", ["deploymentId"]) => view.deployment_id = self.known(&value)?,
            ("replace", ["variables", name]) => {
                view.variables.insert((*name).to_owned(), value);
            }
            ("remove", ["variables", name]) => {
                if view.variables.remove(*name).is_none() {
                    return rejected(format!("Cannot remove {name} because there is no such variable"));
                }
            }
            ("remove", ["canarySettings"]) => {
                if view.canary.take().is_none() {
                    return rejected("Cannot remove canarySettings because there is none".to_owned());
                }
            }
            ("remove", ["canarySettings", "stageVariableOverrides", name]) => {
                let canary = view.canary.as_mut();
                if canary.and_then(|canary| canary.overrides.remove(*name)).is_none() {
                    return rejected(format!("Cannot remove {name} because there is no such override"));
                }
            }
            ("remove", ["canarySettings", "stageVariableOverrides"]) => {
                return rejected(
                    "Cannot remove method setting canarySettings/stageVariableOverrides because there is no method setting for this method ".to_owned(),
                );
            }
            ("replace", ["canarySettings", rest @ ..]) => self.replace_canary(view, rest, value)?,
            ("copy", [target]) => copy(view, operation.from.unwrap_or_default(), target)?,
            (op, _) => return rejected(format!("Invalid {op} operation with path: {}", operation.path)),
        }
        Ok(())
    }

    /// A canary that is not there is made, of the stage's own deployment at 0 %.
    fn replace_canary(&self, view: &mut StageView, path: &[&str], value: String) -> Called<()> {
        let mut canary = view.canary.clone().unwrap_or_else(|| CanaryView {
            deployment_id: view.deployment_id.clone(),
            percent: Percent::ZERO,
            overrides: Variables::new(),
            use_stage_cache: false,
        });
        match path {
            ["deploymentId"] => canary.deployment_id = self.known(&value)?,
            ["percentTraffic"] => {
                let Some(percent) = Percent::parse(&value) else {
                    return rejected(format!("Invalid percentTraffic: {value}"));
                };
                canary.percent = percent;
            }
            ["useStageCache"] => canary.use_stage_cache = value == "true",
            ["stageVariableOverrides", name] => {
                canary.overrides.insert((*name).to_owned(), value);
            }
            _ => {
                return rejected(format!(
                    "Invalid method setting path: /canarySettings/{}",
                    path.join("/")
                ));
            }
        }
        view.canary = Some(canary);
        Ok(())
    }

    fn known(&self, id: &str) -> Called<DeploymentId> {
        let id = DeploymentId::from(id);
        if self.deployments.contains_key(&id) {
            Ok(id)
        } else {
            rejected("Deployment id does not exist".to_owned())
        }
    }
}

/// A stage with a deployment and nothing else.
fn on(deployment_id: DeploymentId) -> StageView {
    StageView {
        deployment_id,
        variables: Variables::new(),
        canary: None,
    }
}

/// Promotion: variables are merged, the canary stays.
fn copy(view: &mut StageView, from: &str, target: &str) -> Called<()> {
    let Some(canary) = view.canary.clone() else {
        return rejected("Promotion not available. Canary does not exist.".to_owned());
    };
    match (from, target) {
        ("/canarySettings/deploymentId", "deploymentId") => view.deployment_id = canary.deployment_id,
        ("/canarySettings/stageVariableOverrides", "variables") => view.variables.extend(canary.overrides),
        _ => return rejected(format!("Invalid copy operation with path: /{target} and from: {from}")),
    }
    Ok(())
}

fn rejected<T>(text: String) -> Called<T> {
    Err(CallError::Rejected(text))
}
