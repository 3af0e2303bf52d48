//! A share of a stage's traffic.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// A share of traffic from 0 to 100 % with two decimals, kept as whole hundredths so that it compares exactly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Percent(u16);

impl Percent {
    /// No traffic.
    pub const ZERO: Self = Self(0);
    /// All traffic.
    pub const ALL: Self = Self(10_000);

    /// From hundredths of a percent, 0 to 10,000.
    #[must_use]
    pub fn from_hundredths(hundredths: u16) -> Option<Self> {
        (hundredths <= 10_000).then_some(Self(hundredths))
    }

    /// In hundredths of a percent.
    #[must_use]
    pub fn hundredths(self) -> u16 {
        self.0
    }

    /// Reads a decimal number as people and JSON write it: `5`, `12.5`, `0.25`, `10.0`.
    ///
    /// `None` where it is not one, has more than two decimals that matter, or is above 100.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
        let decimals = decimals.trim_end_matches('0');
        let digits_only = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || whole.len() > 3 || decimals.len() > 2 || !digits_only(whole) || !digits_only(decimals) {
            return None;
        }
        let hundredths = format!("{decimals:0<2}").parse::<u16>().ok()?;
        Self::from_hundredths(whole.parse::<u16>().ok()?.checked_mul(100)?.checked_add(hundredths)?)
    }

    /// The nearest share to a double as API Gateway returns it; `None` outside of 0 to 100.
    #[must_use]
    pub fn nearest(percent: f64) -> Option<Self> {
        if !(0.0..=100.0).contains(&percent) {
            return None;
        }
        Self::parse(&format!("{percent:.2}"))
    }
}

/// Without trailing zeros: `5`, `12.5`, `0.25`. API Gateway takes this form in a patch operation.
impl fmt::Display for Percent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, hundredths) = (self.0 / 100, self.0 % 100);
        match (hundredths, hundredths % 10) {
            (0, _) => write!(formatter, "{whole}"),
            (_, 0) => write!(formatter, "{whole}.{}", hundredths / 10),
            _ => write!(formatter, "{whole}.{hundredths:02}"),
        }
    }
}

impl Serialize for Percent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.is_multiple_of(100) {
            serializer.serialize_u16(self.0 / 100)
        } else {
            serializer.serialize_f64(f64::from(self.0) / 100.0)
        }
    }
}

impl<'de> Deserialize<'de> for Percent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = serde_json::Number::deserialize(deserializer)?;
        Self::parse(&number.to_string())
            .ok_or_else(|| D::Error::custom(format!("{number} is not a percentage with two decimals")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_percentage_survives_text_and_json() {
        for hundredths in 0..=10_000 {
            let percent = Percent::from_hundredths(hundredths).unwrap();
            assert_eq!(Percent::parse(&percent.to_string()), Some(percent));
            let json = serde_json::to_string(&percent).unwrap();
            assert_eq!(serde_json::from_str::<Percent>(&json).unwrap(), percent, "{json}");
            assert_eq!(Percent::nearest(f64::from(hundredths) / 100.0), Some(percent));
        }
    }

    #[test]
    fn what_is_not_a_percentage_is_refused() {
        for text in [
            "",
            "-1",
            "100.01",
            "101",
            "5.125",
            "5e1",
            "1e-7",
            ".5",
            "NaN",
            " 5",
            "5.-1",
            "99999999999",
        ] {
            assert_eq!(Percent::parse(text), None, "{text:?}");
        }
        assert_eq!(Percent::nearest(f64::NAN), None);
        assert_eq!(Percent::nearest(100.004), None);
    }
}
