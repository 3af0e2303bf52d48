//! How calls fail on command.

use futures_util::FutureExt as _;
use serin_core::stage::Patch;
use serin_steps::{
    fakes::{FakeAws, Fault},
    ports::{CallError, Gateway},
};
use serin_tests::simulation::prod;

use super::{
    api_gateway::{percent, with_canary},
    at, now,
};

#[test]
fn a_call_fails_happens_unseen_or_never_answers() {
    let share = [Patch::CanaryPercent(percent("50"))];
    let update = |fault: Fault| {
        let aws = FakeAws::new(at(0));
        aws.account().apis.insert(prod().rest_api_id, with_canary());
        aws.fail_next("UpdateStage", fault);
        let outcome = aws.update_stage(&prod(), &share).now_or_never();
        let share = now(aws.stage(&prod())).unwrap().canary.unwrap().percent.to_string();
        let sent = aws
            .account()
            .calls
            .iter()
            .filter(|call| **call == "UpdateStage")
            .count();
        (outcome.map(|answer| answer.is_ok()), share, sent)
    };
    let fails = Fault::Fails(CallError::Throttled("Rate exceeded".to_owned()));
    assert_eq!(update(fails), (Some(false), "25".to_owned(), 1));
    assert_eq!(update(Fault::AnswerLost), (Some(false), "50".to_owned(), 1));
    assert_eq!(update(Fault::CrashBefore), (None, "25".to_owned(), 0));
    assert_eq!(update(Fault::CrashAfter), (None, "50".to_owned(), 1));
}
