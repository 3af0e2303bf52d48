//! Medians, units and tables.

use std::time::Duration;

/// Milliseconds of several runs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Millis(Vec<f64>);

impl Millis {
    /// Adds a run.
    pub(crate) fn push(&mut self, time: Duration) {
        self.0.push(time.as_secs_f64() * 1_000.0);
    }

    /// The median; not a number where there was no run.
    pub(crate) fn median(&self) -> f64 {
        self.quantile(1, 2)
    }

    /// What nine of ten runs stayed within.
    pub(crate) fn most(&self) -> f64 {
        self.quantile(9, 10)
    }

    /// The run at `part / whole` of all runs in order of their time.
    fn quantile(&self, part: usize, whole: usize) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let at = sorted.len().saturating_sub(1) * part / whole;
        sorted.get(at).copied().unwrap_or(f64::NAN)
    }
}

/// Bytes as MiB.
pub(crate) fn mib(bytes: u64) -> f64 {
    // Binaries are far below the 4 GiB from which this would be wrong.
    f64::from(u32::try_from(bytes).unwrap_or(u32::MAX)) / 1_048_576.0
}

/// KiB as MiB.
pub(crate) fn kib_as_mib(kib: u32) -> f64 {
    f64::from(kib) / 1_024.0
}

/// The median of peaks.
pub(crate) fn middle(peaks: &[u32]) -> u32 {
    let mut sorted = peaks.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_one_of_the_runs() {
        let mut millis = Millis::default();
        for run in [5, 1, 4, 2, 3, 100, 6, 7, 8, 9, 10] {
            millis.push(Duration::from_millis(run));
        }
        assert!((millis.median() - 6.0).abs() < 1e-9);
        assert!((millis.most() - 10.0).abs() < 1e-9);
        assert!(Millis::default().median().is_nan());
    }
}
