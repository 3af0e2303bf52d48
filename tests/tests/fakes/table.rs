//! Claims: every write is conditional, and tells what it met.

use jiff::SignedDuration;
use serin_core::{
    alarm::{IfAlreadyInAlarm, PlannedAlarm},
    claim::{Absent, Change, Claim, Guard, Phase},
    ids::StageId,
    percent::Percent,
    stage::Variables,
    switch::Switch,
    timing::FREE_AFTER,
};
use serin_steps::{
    fakes::FakeAws,
    ports::{Claims, Written},
};
use serin_tests::simulation::{alarm_arn, execution_arn, prod};

use super::{at, now};

fn claim(rollout: &str) -> Claim {
    let alarm = |name: &str| PlannedAlarm {
        arn: alarm_arn(name),
        if_already_in_alarm: IfAlreadyInAlarm::Refuse,
    };
    Claim {
        stage: prod(),
        rollout_id: rollout.into(),
        execution_arn: execution_arn(rollout).as_str().into(),
        phase: Phase::Preparing,
        from: None,
        began_at: at(0),
        deployment_id: None,
        overrides: Variables::new(),
        baseline: None,
        percent: Percent::ZERO,
        alarms: vec![alarm("one"), alarm("two")],
        next_beat_by: at(100),
        awaiting: None,
        instruction: None,
        reason: None,
        switch: Switch::Silent,
        ended_at: None,
    }
}

fn claimed() -> FakeAws {
    let aws = FakeAws::new(at(0));
    assert_eq!(now(aws.take(&claim("r1"), at(0))), Ok(true));
    aws
}

fn mine(phases: &[Phase]) -> Guard {
    Guard::mine(&"r1".into(), phases)
}

fn end(aws: &FakeAws, phase: Phase, second: i64) {
    let change = Change {
        ended_at: Some(at(second)),
        ..Change::to(phase)
    };
    assert!(matches!(
        now(aws.change(&prod(), &mine(&Phase::ACTIVE), &change)),
        Ok(Written::Done(_))
    ));
}

#[test]
fn a_conditional_write_is_done_or_lost_and_tells_the_claim_as_it_is() {
    let aws = claimed();
    let Ok(Written::Done(after)) = now(aws.change(&prod(), &mine(&[Phase::Preparing]), &Change::to(Phase::Shifting)))
    else {
        panic!("the condition held")
    };
    assert_eq!(after.phase, Phase::Shifting);
    let lost = now(aws.change(&prod(), &mine(&[Phase::Preparing]), &Change::to(Phase::Promoting)));
    assert_eq!(lost, Ok(Written::Lost(Some(after.clone()))));
    let other = Guard::mine(&"r2".into(), &[Phase::Shifting]);
    assert_eq!(
        now(aws.change(&prod(), &other, &Change::to(Phase::RollingBack))),
        Ok(Written::Lost(Some(after.clone())))
    );
    assert_eq!(now(aws.read(&prod())), Ok(Some(*after)));
    let nowhere = StageId {
        stage_name: "staging".to_owned(),
        ..prod()
    };
    assert_eq!(
        now(aws.change(&nowhere, &mine(&[Phase::Shifting]), &Change::default())),
        Ok(Written::Lost(None))
    );
}

#[test]
fn the_first_writer_of_a_part_wins() {
    let aws = claimed();
    let guard = mine(&[Phase::Preparing]).without(Absent::Deployment);
    let deploy = |id: &str| Change {
        deployment_id: Some(id.into()),
        ..Change::default()
    };
    assert!(matches!(
        now(aws.change(&prod(), &guard, &deploy("d1"))),
        Ok(Written::Done(_))
    ));
    assert!(matches!(
        now(aws.change(&prod(), &guard, &deploy("d2"))),
        Ok(Written::Lost(Some(_)))
    ));
    assert_eq!(
        now(aws.read(&prod())).unwrap().unwrap().deployment_id,
        Some("d1".into())
    );
}

#[test]
fn taking_a_stage_is_all_or_nothing() {
    let aws = claimed();
    let guarded = now(aws.guarded_by(&alarm_arn("one"))).unwrap();
    assert_eq!((guarded.len(), guarded[0].rollout_id.as_str()), (1, "r1"));
    let mut other = claim("r2");
    other.alarms[0].arn = alarm_arn("three");
    assert_eq!(now(aws.take(&other, at(50))), Ok(false), "r1 has it");
    assert_eq!(now(aws.read(&prod())).unwrap().unwrap().rollout_id.as_str(), "r1");
    assert_eq!(now(aws.guarded_by(&alarm_arn("three"))), Ok(Vec::new()));
    assert_eq!(now(aws.stage_of(&"r2".into())), Ok(None));
}

#[test]
fn a_rollout_claims_once_ever() {
    let aws = claimed();
    end(&aws, Phase::RolledBack, 10);
    let free = at(10) + FREE_AFTER;
    assert_eq!(
        now(aws.take(&claim("r1"), free)),
        Ok(false),
        "its own record is a tombstone"
    );
    assert_eq!(
        now(aws.take(&claim("r2"), free - SignedDuration::from_secs(1))),
        Ok(false),
        "the stage drains"
    );
    assert_eq!(now(aws.take(&claim("r2"), free)), Ok(true));
    assert_eq!(now(aws.stage_of(&"r1".into())), Ok(Some(prod())), "and stays one");
}

#[test]
fn a_rollout_that_gave_its_claim_back_cannot_take_it_again() {
    let aws = claimed();
    assert_eq!(now(aws.give_back(&claim("r1"), &mine(&[Phase::Shifting]))), Ok(false));
    assert_eq!(now(aws.give_back(&claim("r1"), &mine(&[Phase::Preparing]))), Ok(true));
    assert_eq!((now(aws.read(&prod())), now(aws.watched())), (Ok(None), Ok(Vec::new())));
    assert_eq!(now(aws.take(&claim("r1"), at(1))), Ok(false));
    assert_eq!(now(aws.take(&claim("r2"), at(1))), Ok(true));
}

#[test]
fn an_end_takes_the_alarms_off_the_stage_and_leaves_it_to_the_sweep() {
    let aws = claimed();
    end(&aws, Phase::Finished, 10);
    assert_eq!(now(aws.guarded_by(&alarm_arn("one"))), Ok(Vec::new()));
    assert_eq!(now(aws.watched()), Ok(vec![prod()]));
    now(aws.unwatch(&prod(), &"r2".into())).unwrap();
    assert_eq!(now(aws.watched()), Ok(vec![prod()]), "that was another rollout's");
    now(aws.unwatch(&prod(), &"r1".into())).unwrap();
    assert_eq!(now(aws.watched()), Ok(Vec::new()));
}
