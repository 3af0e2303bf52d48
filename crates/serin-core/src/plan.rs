//! How traffic moves: the steps of a rollout, how long each bakes and how often it is looked at. Immutable once begun.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::{percent::Percent, timing::LATEST_END};

mod pace;

pub use pace::{MAX_HISTORY_EVENTS, WORST_EVENTS_PER_ROLLOUT, WORST_EVENTS_PER_STEP, WORST_EVENTS_PER_TICK};

/// The most steps of a plan.
pub const MAX_STEPS: usize = 100;

/// A percentage, and how long it is watched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// The canary's share of the stage's traffic.
    pub percent: Percent,
    /// How long the share is watched before the next change, in seconds.
    pub bake_seconds: u32,
    /// Whether a person is asked once the bake is over.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub approval: bool,
}

/// The steps of a rollout and its clocks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// Rising percentages; none where the canary is promoted at once.
    pub steps: Vec<Step>,
    /// How long the stage is watched after promotion, in seconds.
    pub final_bake_seconds: u32,
    /// The time between two looks, in seconds.
    pub tick_seconds: u32,
    /// How long a person may take to answer before the rollout is rolled back, in seconds.
    pub approval_timeout_seconds: u32,
    /// What an analysis may add to each bake.
    #[serde(default, skip_serializing_if = "Hold::is_none")]
    pub hold: Hold,
}

/// How long a step may be held beyond its bake, and what ends that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Hold {
    /// The longest hold of a step, in seconds.
    pub max_seconds: u32,
    /// Whether a person is asked after it.
    pub then_asks: bool,
}

impl Hold {
    /// Whether nothing is ever held.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

impl Plan {
    /// The longest that the rollout can take if nothing fails: bakes, holds, and approvals that are given at the last
    /// moment.
    #[must_use]
    pub fn longest(&self) -> SignedDuration {
        self.baking().saturating_add(self.waiting())
    }

    /// The longest that what comes after that step can take.
    #[must_use]
    pub fn rest(&self, step: usize) -> SignedDuration {
        let steps = self.steps.get(step.saturating_add(1)..).unwrap_or_default().to_vec();
        Self { steps, ..self.clone() }.longest()
    }

    fn baking(&self) -> SignedDuration {
        let bakes = self.steps.iter().map(|step| self.held(step)).sum::<i64>();
        SignedDuration::from_secs(bakes.saturating_add(self.final_bake_seconds.into()))
    }

    /// A bake with its hold, in seconds.
    fn held(&self, step: &Step) -> i64 {
        i64::from(step.bake_seconds) + i64::from(self.hold.max_seconds)
    }

    fn waiting(&self) -> SignedDuration {
        let each = SignedDuration::from_secs(self.approval_timeout_seconds.into());
        each.saturating_mul(i32::try_from(self.approvals()).unwrap_or(i32::MAX))
    }

    fn approvals(&self) -> usize {
        let asked = |step: &&Step| step.approval || self.hold.then_asks;
        self.steps.iter().filter(asked).count()
    }

    /// Time for hooks, slow calls and bakes that begin again.
    fn room(&self) -> SignedDuration {
        let longest_bake = self.steps.iter().map(|step| self.held(step)).max().unwrap_or(0);
        SignedDuration::from_secs(longest_bake * i64::from(MAX_RESTARTS)) + SignedDuration::from_mins(90)
    }

    /// When a rollout must be over, with room for hooks, slow calls and restarted bakes: after that it is rolled back.
    #[must_use]
    pub fn time_limit(&self) -> SignedDuration {
        LATEST_END.min(self.longest().saturating_add(self.room()))
    }
}

/// How often a bake may start again because the percentage was found changed.
pub const MAX_RESTARTS: u32 = 3;

/// The presets by the names that people know from SAM, CodeDeploy and ECS, and what they mean there.
const PRESETS: [(&str, Preset); 11] = [
    ("AllAtOnce", Preset::AllAtOnce),
    ("Canary10Percent5Minutes", Preset::Canary { minutes: 5 }),
    ("Canary10Percent10Minutes", Preset::Canary { minutes: 10 }),
    ("Canary10Percent15Minutes", Preset::Canary { minutes: 15 }),
    ("Canary10Percent30Minutes", Preset::Canary { minutes: 30 }),
    ("Linear10PercentEvery1Minute", Preset::Linear { minutes: 1 }),
    ("Linear10PercentEvery1Minutes", Preset::Linear { minutes: 1 }),
    ("Linear10PercentEvery2Minutes", Preset::Linear { minutes: 2 }),
    ("Linear10PercentEvery3Minutes", Preset::Linear { minutes: 3 }),
    ("Linear10PercentEvery3Minute", Preset::Linear { minutes: 3 }),
    ("Linear10PercentEvery10Minutes", Preset::Linear { minutes: 10 }),
];

#[derive(Clone, Copy, Debug)]
enum Preset {
    AllAtOnce,
    Canary { minutes: u32 },
    Linear { minutes: u32 },
}

/// The presets that a request may name, for its error message.
#[must_use]
pub fn preset_names() -> String {
    PRESETS.map(|(name, _)| name).join(", ")
}

/// The steps of a preset, named with or without its service's prefix (`CodeDeployDefault.Lambda`, `ECS`, ...).
#[must_use]
pub fn preset(name: &str) -> Option<Vec<Step>> {
    let name = name.strip_prefix("CodeDeployDefault.").unwrap_or(name);
    let name = name
        .strip_prefix("Lambda")
        .or_else(|| name.strip_prefix("ECS"))
        .unwrap_or(name);
    let (_, preset) = PRESETS.iter().find(|(known, _)| *known == name)?;
    Some(match preset {
        Preset::AllAtOnce => Vec::new(),
        Preset::Canary { minutes } => linear(Percent::from_hundredths(1_000)?, minutes * 60)
            .into_iter()
            .take(1)
            .collect(),
        Preset::Linear { minutes } => linear(Percent::from_hundredths(1_000)?, minutes * 60),
    })
}

/// `percent`, twice `percent`, ... below 100, each watched for `every_seconds`.
#[must_use]
pub fn linear(percent: Percent, every_seconds: u32) -> Vec<Step> {
    let stride = usize::from(percent.hundredths().max(1));
    let shares = (stride..usize::from(Percent::ALL.hundredths())).step_by(stride);
    let percents = shares.filter_map(|share| u16::try_from(share).ok().and_then(Percent::from_hundredths));
    percents
        .map(|percent| Step {
            percent,
            bake_seconds: every_seconds,
            approval: false,
        })
        .collect()
}

/// `percent`, `percent` times `factor`, times its square, ... below 100, rounded to two decimals.
#[must_use]
pub fn exponential(percent: Percent, factor: f64, every_seconds: u32) -> Vec<Step> {
    let start = f64::from(percent.hundredths()) / 100.0;
    let shares = (0..=MAX_STEPS).map_while(|power| {
        let power = i32::try_from(power).ok()?;
        Percent::nearest(start * factor.powi(power)).filter(|share| *share < Percent::ALL)
    });
    shares
        .map(|percent| Step {
            percent,
            bake_seconds: every_seconds,
            approval: false,
        })
        .collect()
}

/// The plan of a request that names none: 5, 25 and 50 %, ten minutes each.
#[must_use]
pub fn default_steps() -> Vec<Step> {
    let shares = [500, 2_500, 5_000].into_iter().filter_map(Percent::from_hundredths);
    shares
        .map(|percent| Step {
            percent,
            bake_seconds: 600,
            approval: false,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(steps: &[Step]) -> Vec<String> {
        steps.iter().map(|step| step.percent.to_string()).collect()
    }

    #[test]
    fn presets_mean_what_they_mean_in_codedeploy() {
        let linear = preset("CodeDeployDefault.LambdaLinear10PercentEvery2Minutes").unwrap();
        assert_eq!(shares(&linear), ["10", "20", "30", "40", "50", "60", "70", "80", "90"]);
        assert!(linear.iter().all(|step| step.bake_seconds == 120));
        assert_eq!(preset("Canary10Percent5Minutes"), preset("ECSCanary10Percent5Minutes"));
        assert_eq!(preset("Canary10Percent5Minutes").unwrap().len(), 1);
        assert_eq!(preset("AllAtOnce"), Some(Vec::new()));
        assert_eq!(preset("Canary20Percent5Minutes"), None);
    }

    #[test]
    fn an_exponential_plan_multiplies() {
        assert_eq!(
            shares(&exponential(Percent::parse("5").unwrap(), 2.0, 300)),
            ["5", "10", "20", "40", "80"]
        );
        assert_eq!(
            shares(&exponential(Percent::parse("0.1").unwrap(), 10.0, 300)),
            ["0.1", "1", "10"]
        );
    }
}
