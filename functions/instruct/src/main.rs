//! `instruct`: writes a person's word into the claim.

use serin_aws::{Config, SystemClock, Table, serve};
use serin_steps::instruct;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let config = Config::load().await;
    let table = Table::new(&config)?;
    serve(|input| instruct::instruct(&table, &SystemClock, input)).await?;
    Ok(())
}
