//! The fake API Gateway and LocalStack's, asked the same things: random calls, valid and not, and the same state and kind
//! of refusal after each. `make end-to-end` runs it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::print_stdout, reason = "it prints the seed and what was covered")]

mod differences;
mod fake;
mod local;
mod operation;
mod others;
mod sides;

use std::{
    cell::Cell,
    collections::BTreeSet,
    env,
    time::{SystemTime, UNIX_EPOCH},
};

use proptest::{
    collection::vec,
    test_runner::{Config, FileFailurePersistence, RngSeed, TestCaseError, TestRunner},
};
use serin_local::{Clients, World};

use crate::{
    fake::Fake,
    local::Local,
    operation::Operation,
    sides::{Answer, Outcome, Refusal},
};

/// Random sequences, unless `PROPTEST_CASES` says otherwise.
const CASES: u32 = 100;

/// What stands in the file is tried first, whatever the seed.
const REGRESSIONS: &str = "proptest-regressions/differential.txt";

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

/// Makes every call on both sides and compares after each; which known differences were passed by on the way.
async fn compare(fake: &mut Fake, local: &mut Local, calls: &[Operation]) -> Result<usize, String> {
    let mut passed_by = 0;
    for (number, call) in calls.iter().enumerate() {
        let before = fake.stages();
        let slot = if let Operation::UpdateStage { stage, .. } = call {
            *stage
        } else {
            0
        };
        if differences::runs_into(call, before.get(slot).and_then(|stage| stage.as_ref().ok())).is_some() {
            passed_by += 1;
            continue;
        }
        let (faked, real) = (fake.call(call), local.call(call).await);
        let (stages, real_stages) = (fake.stages(), local.stages().await);
        if faked != real || stages != real_stages {
            return Err(format!(
                "call {number}: {call:#?}\n before: {before:?}\n   fake: {faked:?}, {stages:?}\n  local: {real:?}, {real_stages:?}"
            ));
        }
    }
    Ok(passed_by)
}

#[test]
fn the_fake_answers_random_calls_as_local_stack_does() {
    let runtime = runtime();
    let world = runtime.block_on(World::find_or_start()).unwrap();
    let api = runtime.block_on(local::make_api(world.clients()));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let seed = env::var("SEED").map_or(now, |seed| seed.parse().unwrap());
    println!("to repeat: SEED={seed}");
    let config = Config {
        cases: env::var("PROPTEST_CASES").map_or(CASES, |cases| cases.parse().unwrap()),
        rng_seed: RngSeed::Fixed(seed),
        max_shrink_iters: 500,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(REGRESSIONS))),
        ..Config::default()
    };
    let (case, sent, passed_by) = (Cell::new(0_u32), Cell::new(0), Cell::new(0));
    let outcome = TestRunner::new(config).run(&vec(operation::operation(), 1..16), |calls| {
        case.set(case.get() + 1);
        let prefix = format!("s{}", case.get());
        let compared = runtime.block_on(async {
            let mut local = Local::new(world.clients(), &api, prefix, false).await;
            compare(&mut Fake::new(), &mut local, &calls).await
        });
        let skipped = compared.map_err(|told| TestCaseError::fail(format!("{told}\n(SEED={seed})")))?;
        sent.set(sent.get() + calls.len() - skipped);
        passed_by.set(passed_by.get() + skipped);
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
    println!(
        "{} calls compared, {} passed by for a known difference",
        sent.get(),
        passed_by.get()
    );
    assert!(sent.get() > 2 * passed_by.get(), "most of what is drawn is compared");
}

/// Only whether it was refused, and how.
fn refusal(outcome: &Outcome) -> Result<(), Refusal> {
    match outcome {
        Outcome::Stage(answer) => answer.as_ref().map(drop).map_err(|refusal| *refusal),
        Outcome::Made(made) => made.map(drop),
    }
}

async fn both(
    clients: &Clients,
    api: &str,
    number: usize,
    difference: &differences::Difference,
) -> [(Outcome, Vec<Answer>); 2] {
    let mut fake = Fake::new();
    let mut local = Local::new(clients, api, format!("d{number}"), difference.mended).await;
    for call in &difference.before {
        let (faked, real) = (fake.call(call), local.call(call).await);
        assert_eq!(faked, real, "before {:?}", difference.name);
    }
    let (faked, real) = (fake.call(&difference.call), local.call(&difference.call).await);
    [(faked, fake.stages()), (real, local.stages().await)]
}

#[test]
fn local_stack_still_differs_where_it_is_known_to_and_the_document_says_so() {
    let runtime = runtime();
    let world = runtime.block_on(World::find_or_start()).unwrap();
    let api = runtime.block_on(local::make_api(world.clients()));
    let all = differences::all();
    let mut wrong = Vec::new();
    for (number, difference) in all.iter().enumerate() {
        let [fake, local] = runtime.block_on(both(world.clients(), &api, number, difference));
        let name = difference.name;
        if fake == local {
            wrong.push(format!("{name:?}: LocalStack no longer differs: {local:?}"));
        }
        if refusal(&fake.0) != difference.fake || refusal(&local.0) != difference.local {
            wrong.push(format!("{name:?}: the fake {fake:?}, LocalStack {local:?}"));
        }
        // What the plugin mends is drawn like anything else.
        if differences::runs_into(&difference.call, None).is_some() == difference.mended {
            wrong.push(format!("{name:?}: whether drawn calls of it are passed by"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));

    let document = include_str!("../../../docs/aws-fidelity.md");
    let names: BTreeSet<_> = all.iter().map(|difference| difference.name).collect();
    let rows = document.split("### Known by name").nth(1).unwrap_or_default();
    let rows = rows.lines().filter(|line| line.starts_with("| ")).skip(1);
    let told: BTreeSet<_> = rows.filter_map(|row| row.split('|').nth(1)).map(str::trim).collect();
    let told: BTreeSet<_> = told.into_iter().filter(|name| !name.starts_with('-')).collect();
    assert_eq!(told, names, "docs/aws-fidelity.md, Known by name");
}
