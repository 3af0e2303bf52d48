//! `begin`: checks the request, claims the stage and attaches the canary at 0 %.

use serin_aws::{ApiGateway, CloudWatch, Config, Scheduler, SystemClock, Table, serve};
use serin_steps::begin::{self, Settings};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let config = Config::load().await;
    let table = Table::new(&config)?;
    let gateway = ApiGateway::new(&config);
    let cloudwatch = CloudWatch::new(&config);
    let settings = Settings {
        hook_pattern: Config::variable("HOOK_FUNCTION_PATTERN")?,
        metric_seconds: Config::number("METRIC_RESOLUTION_SECONDS")?,
    };
    let scheduler = Scheduler::new(&config)?;
    serve(|input| {
        begin::begin(
            &gateway,
            &table,
            &cloudwatch,
            &scheduler,
            &SystemClock,
            &settings,
            input,
        )
    })
    .await?;
    Ok(())
}
