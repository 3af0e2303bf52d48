//! `evaluate`: looks at the rollout once and decides what is next.

use serin_aws::{ApiGateway, CloudWatch, Config, Scheduler, SystemClock, Table, serve};
use serin_steps::evaluate;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let config = Config::load().await;
    let table = Table::new(&config)?;
    let gateway = ApiGateway::new(&config);
    let cloudwatch = CloudWatch::new(&config);
    let scheduler = Scheduler::new(&config)?;
    serve(|input| {
        evaluate::evaluate(
            &gateway,
            &table,
            &cloudwatch,
            &cloudwatch,
            &scheduler,
            &SystemClock,
            input,
        )
    })
    .await?;
    Ok(())
}
