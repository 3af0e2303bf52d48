//! The account in memory obeys what is recorded about AWS. Where a test's name begins with a number, that is the fact's own;
//! `docs/aws-fidelity.md` says where each comes from.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a check fails by panicking")]

mod api_gateway;
mod cloudwatch;
mod faults;
mod table;

use futures_util::FutureExt as _;
use jiff::Timestamp;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// The outcome of a call that does not crash.
fn now<T>(call: impl Future<Output = T>) -> T {
    call.now_or_never().expect("the fakes wait for nothing")
}
