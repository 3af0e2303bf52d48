//! Names of things, each of its own type so that they cannot be mixed up.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl $name {
            /// The name as API Gateway, Step Functions or CloudWatch write it.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(name: &str) -> Self {
                Self(name.to_owned())
            }
        }
    };
}

name_type! {
    /// The id of a deployment: an immutable snapshot of an API.
    DeploymentId
}
name_type! {
    /// The id of a rollout, which is the name of its execution.
    RolloutId
}
name_type! {
    /// The ARN of a CloudWatch alarm.
    AlarmArn
}
name_type! {
    /// The ARN of an execution of the state machine.
    ExecutionArn
}

impl AlarmArn {
    /// The alarm's name, which is what follows `:alarm:`; the whole ARN where that is missing.
    #[must_use]
    pub fn alarm_name(&self) -> &str {
        self.0.split_once(":alarm:").map_or(&self.0, |(_, name)| name)
    }
}

/// What is released to: a stage of a REST API.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StageId {
    /// The id of the REST API.
    pub rest_api_id: String,
    /// The name of its stage.
    pub stage_name: String,
}

impl StageId {
    /// How the names of the stage's own alarms begin (`infra/monitoring.yaml`).
    #[must_use]
    pub fn alarm_prefix(&self) -> String {
        format!("serin-{}-{}-", self.rest_api_id, self.stage_name)
    }
}

/// `a1b2c3/prod`
impl fmt::Display for StageId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.rest_api_id, self.stage_name)
    }
}

/// The account, region and partition that Serin works in, as its execution's ARN names them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    /// `aws`, `aws-cn`, ...
    pub partition: String,
    /// `eu-central-1`, ...
    pub region: String,
    /// Twelve digits.
    pub account: String,
}

impl Home {
    /// Reads the home from any ARN that has a region and an account.
    #[must_use]
    pub fn of_arn(arn: &str) -> Option<Self> {
        let mut parts = arn.split(':');
        if parts.next() != Some("arn") {
            return None;
        }
        let partition = parts.next()?.to_owned();
        let region = parts.nth(1)?.to_owned();
        let account = parts.next()?.to_owned();
        (!region.is_empty() && !account.is_empty()).then_some(Self {
            partition,
            region,
            account,
        })
    }

    /// The ARN of an alarm of this account and region.
    #[must_use]
    pub fn alarm_arn(&self, name: &str) -> AlarmArn {
        AlarmArn(format!(
            "arn:{}:cloudwatch:{}:{}:alarm:{name}",
            self.partition, self.region, self.account
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alarm_arn_is_built_and_read_back() {
        let home = Home::of_arn("arn:aws:states:eu-central-1:111122223333:execution:serin:r-1").unwrap();
        let arn = home.alarm_arn("checkout: errors");
        assert_eq!(
            arn.as_str(),
            "arn:aws:cloudwatch:eu-central-1:111122223333:alarm:checkout: errors"
        );
        assert_eq!(arn.alarm_name(), "checkout: errors");
        assert_eq!(Home::of_arn(arn.as_str()), Some(home));
    }

    #[test]
    fn what_is_no_arn_has_no_home() {
        for text in ["", "arn", "arn:aws:s3:::bucket", "execution"] {
            assert_eq!(Home::of_arn(text), None, "{text:?}");
        }
    }
}
