//! Whether the canary is worse than the baseline: tests that may be looked at after every window and stopped at any time.
//!
//! API Gateway assigns requests to the canary at random. So, whatever the error rate does over time, by endpoint or by
//! client, a canary that is no worse has a hypergeometric share of a window's errors: of `n = n_c + n_b` requests `e` are
//! marked, and `n_c` are drawn. Everything here is conditional on `n_c`, `n_b` and `e` as they were counted, so the share
//! is the realised one and never the configured percentage. It is Fisher's exact test made sequential.
//!
//! | module | what | guarantee |
//! | --- | --- | --- |
//! | [`harm`] | an e-process against "no worse" | reaches 1/alpha with a chance of at most alpha per healthy rollout |
//! | [`health`] | e-processes against "too bad" | says "good enough" wrongly with a chance of at most beta |
//! | [`odds`] | an interval for the odds ratio | holds the true one at all times at once, with a chance of 1 - alpha |
//! | [`latency`] | requests above a threshold, as counts | those of the three, as for errors |
//! | [`judge`], [`ruling`] | several metrics with one alpha, and what is decided window after window | those of [`harm`] |
//! | [`power`], [`forecast`] | how long it takes to notice | an expectation, no guarantee |
//!
//! An *e-process* is a non-negative process that starts at 1 and of which no stopping rule can expect more than 1 under its
//! null hypothesis. By Ville's inequality (1939) it ever reaches 1/alpha with a chance of at most alpha. That holds for any
//! number of looks, any pause, any change of weight, and for any mixture of e-processes whatever their dependence.
//!
//! Sources: Johari et al., "Always valid inference" (2022); Lindon and Malek, "Anytime-valid inference for multinomial
//! count data" (NeurIPS 2022); Turner, Ly and Grünwald, "Generic E-variables for exact sequential k-sample tests"
//! (JSPI 2024); Hoeffding, "Probability inequalities for sums of bounded random variables" (1963), theorem 4.

pub mod counts;
mod fisher;
pub mod forecast;
pub mod harm;
pub mod health;
pub mod judge;
pub mod latency;
mod moments;
pub mod odds;
pub mod power;
pub(crate) mod real;
pub mod ruling;
#[cfg(test)]
mod tests;
pub mod words;

pub use counts::Counts;
