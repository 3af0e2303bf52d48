//! `promote`: makes the canary the stage's own.

use serin_aws::{ApiGateway, Config, Scheduler, SystemClock, Table, serve};
use serin_steps::promote;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let config = Config::load().await;
    let table = Table::new(&config)?;
    let gateway = ApiGateway::new(&config);
    let scheduler = Scheduler::new(&config)?;
    serve(|input| promote::promote(&gateway, &table, &scheduler, &SystemClock, input)).await?;
    Ok(())
}
