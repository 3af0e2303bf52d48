//! Where the rest of LocalStack is known to differ, in what no fake stands for: `docs/aws-fidelity.md` names these tests.

use std::{collections::BTreeMap, time::Duration};

use aws_sdk_apigateway::{
    Config,
    config::Credentials,
    types::{Op, PatchOperation},
};
use aws_sdk_scheduler::types::{ActionAfterCompletion, FlexibleTimeWindow, FlexibleTimeWindowMode, Target};
use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use serin_local::{Clients, World};

use crate::{local, runtime};

const STAGE: &str = "others";

/// The world, and an API with a stage.
fn world_with_a_stage() -> (tokio::runtime::Runtime, World, String) {
    let runtime = runtime();
    let (world, api) = runtime.block_on(async {
        let world = World::find_or_start().await.unwrap();
        let api = local::make_api(world.clients()).await;
        let deployment = world.clients().apigateway.create_deployment().rest_api_id(&api);
        deployment.stage_name(STAGE).send().await.unwrap();
        (world, api)
    });
    (runtime, world, api)
}

/// AWS refuses the 41st of them at the latest (B1); that is why the proxy has the limit.
#[test]
fn a_burst_of_management_calls_is_not_throttled() {
    let (runtime, world, api) = world_with_a_stage();
    let client = &world.clients().apigateway;
    let call = || client.get_stage().rest_api_id(&api).stage_name(STAGE).send();
    let answers = runtime.block_on(join_all((0..50).map(|_| call())));
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 50);
}

/// By itself LocalStack may lose one of two changes; the plugin makes one at a time.
#[test]
fn of_many_changes_at_once_none_is_lost() {
    let (runtime, world, api) = world_with_a_stage();
    let client = &world.clients().apigateway;
    let change = |number: u32| {
        let patch = PatchOperation::builder().op(Op::Replace).value("yes");
        let patch = patch.path(format!("/variables/change{number}")).build();
        let call = client.update_stage().rest_api_id(&api).stage_name(STAGE);
        call.patch_operations(patch).send()
    };
    let variables = runtime.block_on(async {
        for answer in join_all((0..20).map(change)).await {
            answer.unwrap();
        }
        let stage = client.get_stage().rest_api_id(&api).stage_name(STAGE);
        stage.send().await.unwrap().variables.unwrap_or_default()
    });
    let expected: BTreeMap<_, _> = (0..20)
        .map(|number| (format!("change{number}"), "yes".to_owned()))
        .collect();
    assert_eq!(variables.into_iter().collect::<BTreeMap<_, _>>(), expected);
}

#[test]
fn whoever_calls_may_do_everything() {
    let (runtime, world, api) = world_with_a_stage();
    let nobody = Config::builder().credentials_provider(Credentials::new("nobody", "x", None, None, "test"));
    let call = world
        .clients()
        .apigateway
        .get_stage()
        .rest_api_id(&api)
        .stage_name(STAGE);
    let answer = runtime.block_on(call.customize().config_override(nobody).send());
    assert_eq!(answer.unwrap().stage_name.as_deref(), Some(STAGE));
}

/// On AWS they are listed only if they are asked for (C16).
#[test]
fn composite_alarms_are_listed_unasked() {
    let runtime = runtime();
    let listed = runtime.block_on(async {
        let world = World::find_or_start().await.unwrap();
        let client = &world.clients().cloudwatch;
        let alarm = client.put_composite_alarm().alarm_name("others-composite");
        alarm.alarm_rule("FALSE").send().await.unwrap();
        let listed = client.describe_alarms().alarm_names("others-composite").send().await;
        client
            .delete_alarms()
            .alarm_names("others-composite")
            .send()
            .await
            .unwrap();
        listed.unwrap().composite_alarms.unwrap_or_default().len()
    });
    assert_eq!(listed, 1);
}

const SCHEDULE: &str = "others-switch";

/// A schedule that is due since a minute and removes itself once it fired.
async fn set_overdue(clients: &Clients, world_target: Target) {
    let minute_ago = Timestamp::now() - SignedDuration::from_mins(1);
    let at = format!("at({})", format!("{minute_ago:.0}").trim_end_matches('Z'));
    let window = FlexibleTimeWindow::builder()
        .mode(FlexibleTimeWindowMode::Off)
        .build()
        .unwrap();
    let schedule = clients
        .scheduler
        .create_schedule()
        .name(SCHEDULE)
        .schedule_expression(at);
    let schedule = schedule.flexible_time_window(window).description("as it was set");
    let schedule = schedule.action_after_completion(ActionAfterCompletion::Delete);
    schedule.target(world_target).send().await.unwrap();
}

fn target() -> Target {
    let target = Target::builder().arn("arn:aws:scheduler:::aws-sdk:apigateway:updateStage");
    target
        .role_arn("arn:aws:iam::000000000000:role/switch")
        .input("{}")
        .build()
        .unwrap()
}

/// On AWS it fires within its minute (E3) and is gone (E9), and an update resets what it leaves out (E4).
#[test]
fn a_schedule_never_fires_and_an_update_keeps_what_comes_after_it() {
    let runtime = runtime();
    let (before, after) = runtime.block_on(async {
        let world = World::find_or_start().await.unwrap();
        let scheduler = &world.clients().scheduler;
        set_overdue(world.clients(), target()).await;
        tokio::time::sleep(Duration::from_secs(3)).await;
        let before = scheduler.get_schedule().name(SCHEDULE).send().await;
        let update = scheduler.update_schedule().name(SCHEDULE).target(target());
        let window = FlexibleTimeWindow::builder()
            .mode(FlexibleTimeWindowMode::Off)
            .build()
            .unwrap();
        let update = update
            .schedule_expression("at(2099-01-01T00:00:00)")
            .flexible_time_window(window);
        update.send().await.unwrap();
        let after = scheduler.get_schedule().name(SCHEDULE).send().await;
        scheduler.delete_schedule().name(SCHEDULE).send().await.unwrap();
        (before.unwrap(), after.unwrap())
    });
    assert_eq!(before.action_after_completion, Some(ActionAfterCompletion::Delete));
    assert_eq!(after.schedule_expression.as_deref(), Some("at(2099-01-01T00:00:00)"));
    assert_eq!(after.description, None);
    assert_eq!(after.action_after_completion, Some(ActionAfterCompletion::Delete));
}
