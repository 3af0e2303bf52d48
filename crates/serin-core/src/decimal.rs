//! Numbers that are told, stored and compared: decimal, with six digits after the point.
//!
//! Probabilities of a plan and everything that a finding says in numbers are kept as whole millionths. So they compare
//! exactly, and the same evidence is the same bytes wherever it is judged.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::evidence::real::signed;

/// A number in millionths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Decimal(i64);

const ONE: i64 = 1_000_000;

impl Decimal {
    /// From whole millionths.
    #[must_use]
    pub const fn from_millionths(millionths: i64) -> Self {
        Self(millionths)
    }

    /// The nearest to a number; `None` where it is not finite or beyond 9 trillion.
    #[must_use]
    pub fn nearest(number: f64) -> Option<Self> {
        let scaled = number * signed(ONE);
        if !scaled.is_finite() || scaled.abs() > 9e18 {
            return None;
        }
        format!("{scaled:.0}").parse().ok().map(Self)
    }

    /// The nearest, or the end of the range: for what is told, never for what is decided.
    #[must_use]
    pub fn clamped(number: f64) -> Self {
        let end = if number.is_nan() {
            0
        } else if number > 0.0 {
            i64::MAX
        } else {
            i64::MIN
        };
        Self::nearest(number).unwrap_or(Self(end))
    }

    /// As a float.
    #[must_use]
    pub fn get(self) -> f64 {
        signed(self.0) / signed(ONE)
    }
}

/// Without trailing zeros.
impl fmt::Display for Decimal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.get())
    }
}

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0 % ONE == 0 {
            serializer.serialize_i64(self.0 / ONE)
        } else {
            serializer.serialize_f64(self.get())
        }
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = f64::deserialize(deserializer)?;
        Self::nearest(number).ok_or_else(|| D::Error::custom(format!("{number} is out of range")))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_cannot_be_told_is_refused_or_clamped() {
        assert_eq!(Decimal::nearest(f64::NAN), None);
        assert_eq!(Decimal::nearest(1e300), None);
        assert_eq!(Decimal::clamped(f64::INFINITY), Decimal(i64::MAX));
        assert_eq!(Decimal::clamped(f64::NEG_INFINITY), Decimal(i64::MIN));
        assert_eq!(Decimal::nearest(0.001).unwrap().to_string(), "0.001");
    }

    proptest! {
        #[test]
        fn it_survives_json(millionths in -4_000_000_000_000_000_i64..4_000_000_000_000_000) {
            let number = Decimal(millionths);
            let json = serde_json::to_string(&number).unwrap();
            prop_assert_eq!(serde_json::from_str::<Decimal>(&json).unwrap(), number, "{}", json);
        }
    }
}
