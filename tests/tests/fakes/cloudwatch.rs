//! Alarms.

use serin_core::alarm::{AlarmKind, AlarmReading, AlarmState};
use serin_steps::{
    fakes::{FakeAlarm, FakeAws},
    ports::{Alarms, Called},
};

use super::{at, now};

#[test]
fn f11_1_composite_alarms_are_left_out_unless_they_are_asked_for() {
    let aws = FakeAws::new(at(0));
    for (name, kind) in [("shop-health", AlarmKind::Composite), ("shop-5xx", AlarmKind::Metric)] {
        let alarm = FakeAlarm {
            state: AlarmState::Ok,
            reason: String::new(),
            kind,
        };
        aws.account().alarms.insert(name.to_owned(), alarm);
    }
    let names = |readings: Called<Vec<AlarmReading>>| {
        readings
            .unwrap()
            .into_iter()
            .map(|reading| reading.name)
            .collect::<Vec<_>>()
    };
    let both = ["shop-5xx", "shop-health"];
    assert_eq!(names(now(aws.named(&[AlarmKind::Metric], &both))), ["shop-5xx"]);
    assert_eq!(names(now(aws.named(&AlarmKind::ALL, &both))), both);
    assert_eq!(names(now(aws.with_prefix(&[AlarmKind::Metric], "shop-"))), ["shop-5xx"]);
    assert_eq!(names(now(aws.with_prefix(&AlarmKind::ALL, "shop-"))), both);
    assert_eq!(names(now(aws.named(&AlarmKind::ALL, &["no-such"]))), [""; 0]);
}
