//! `rollback`: sends all traffic back to the baseline, whatever asks for it.

use serin_aws::{ApiGateway, Config, Scheduler, SystemClock, Table, serve};
use serin_steps::rollback;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let config = Config::load().await;
    let table = Table::new(&config)?;
    let gateway = ApiGateway::new(&config);
    let scheduler = Scheduler::new(&config)?;
    serve(|input| rollback::rollback(&gateway, &table, &scheduler, &SystemClock, input)).await?;
    Ok(())
}
