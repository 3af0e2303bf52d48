//! `sweep`: looks after rollouts that nobody else looks after.

use serin_aws::{ApiGateway, Config, Scheduler, StepFunctions, SystemClock, Table, serve};
use serin_steps::sweep;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let config = Config::load().await;
    let table = Table::new(&config)?;
    let gateway = ApiGateway::new(&config);
    let executions = StepFunctions::new(&config);
    let scheduler = Scheduler::new(&config)?;
    serve(|_| sweep::sweep(&gateway, &table, &executions, &scheduler, &SystemClock)).await?;
    Ok(())
}
