//! The calls that the ports make, told apart more finely than by the operation that AWS knows: what they need differs.

/// One method of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Call {
    /// `Gateway::api_name`.
    ApiName,
    /// `Gateway::stage`.
    Stage,
    /// `Gateway::update_stage`.
    UpdateStage,
    /// `Gateway::create_deployment`.
    CreateDeployment,
    /// `Gateway::deployment_described`.
    DeploymentDescribed,
    /// `Gateway::has_deployment`.
    HasDeployment,
    /// `Alarms::named`.
    AlarmsNamed,
    /// `Alarms::with_prefix`.
    AlarmsWithPrefix,
    /// `Metrics::requests`.
    Requests,
    /// `Executions::status`.
    ExecutionStatus,
    /// `Claims::read`.
    ReadClaim,
    /// `Claims::take`.
    Take,
    /// `Claims::change` that ends nothing.
    Change,
    /// `Claims::change` that ends a rollout.
    End,
    /// `Claims::give_back`.
    GiveBack,
    /// `Claims::guarded_by`.
    GuardedBy,
    /// `Claims::stage_of`.
    StageOf,
    /// `Claims::watched`.
    Watched,
    /// `Claims::unwatch`.
    Unwatch,
    /// `Claims::record`.
    Record,
    /// `DeadMansSwitch::arm`.
    Arm,
    /// `DeadMansSwitch::push`.
    Push,
    /// `DeadMansSwitch::disarm`.
    Disarm,
}

impl Call {
    /// The operation that AWS knows it by.
    #[must_use]
    pub fn operation(self) -> &'static str {
        match self {
            Self::ApiName => "GetRestApi",
            Self::Stage => "GetStage",
            Self::UpdateStage => "UpdateStage",
            Self::CreateDeployment => "CreateDeployment",
            Self::DeploymentDescribed => "GetDeployments",
            Self::HasDeployment => "GetDeployment",
            Self::AlarmsNamed | Self::AlarmsWithPrefix => "DescribeAlarms",
            Self::Requests => "GetMetricData",
            Self::ExecutionStatus => "DescribeExecution",
            Self::ReadClaim | Self::StageOf => "GetItem",
            Self::Take | Self::End | Self::GiveBack => "TransactWriteItems",
            Self::Change | Self::Unwatch => "UpdateItem",
            Self::GuardedBy | Self::Watched => "Query",
            Self::Record => "PutItem",
            Self::Arm => "CreateSchedule",
            Self::Push => "UpdateSchedule",
            Self::Disarm => "DeleteSchedule",
        }
    }
}
