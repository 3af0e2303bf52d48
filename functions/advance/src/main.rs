//! `advance`: sets the canary's percentage to the step's.

use serin_aws::{ApiGateway, Config, SystemClock, Table, serve};
use serin_steps::advance;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let config = Config::load().await;
    let table = Table::new(&config)?;
    let gateway = ApiGateway::new(&config);
    serve(|input| advance::advance(&gateway, &table, &SystemClock, input)).await?;
    Ok(())
}
