//! `local`: the demo, a stack for a command, or a stack to play with. AWS on this machine, without an account or Docker.

use std::process::ExitCode;

use serin_local::{Error, Result, Terminal, World};

const USAGE: &str = "\
Serin on AWS on this machine, without an account or Docker.

  local demo                play the stories of the demo, and check them
  local run -- CMD [ARG]..  start a stack, run a command against it, stop the stack; the exit code is the command's
  local up                  start a stack with an API to release to, until Ctrl-C
";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = tokio::select! {
        outcome = act(&arguments) => outcome,
        outcome = serin_local::interrupted() => outcome,
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            say_error(&error);
            ExitCode::from(if matches!(error, Error::Interrupted) { 130 } else { 1 })
        }
    }
}

async fn act(arguments: &[&str]) -> Result<ExitCode> {
    match arguments {
        ["demo"] => demo().await,
        ["run", "--", program, rest @ ..] => run(program, rest).await,
        ["up"] => up().await,
        ["help" | "--help" | "-h"] => {
            say(USAGE);
            Ok(ExitCode::SUCCESS)
        }
        _ => {
            say_error(format!("what is {arguments:?}?\n\n{USAGE}"));
            Ok(ExitCode::from(2))
        }
    }
}

async fn demo() -> Result<ExitCode> {
    let held = serin_local::demo::play(&mut Terminal::new()).await?;
    Ok(if held { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn run(program: &str, arguments: &[&str]) -> Result<ExitCode> {
    let mut world = World::start(|phase| say_error(format!("local: {phase}"))).await?;
    let arguments: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
    let status = serin_local::run(&world, program, &arguments).await?;
    if let Some(logs) = (!status.success()).then(|| world.keep_logs()).flatten() {
        say_error(format!("local: what the functions logged is in {}", logs.display()));
    }
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(ExitCode::from(code.unwrap_or(1)))
}

async fn up() -> Result<ExitCode> {
    let world = World::start(|phase| say_error(format!("local: {phase}"))).await?;
    say_error("local: FashionFlow");
    let api = world.fashionflow("fashionflow").await?;
    let mut input = api.release("recommendation-v2");
    if let Some(input) = input.as_object_mut() {
        let plan =
            serde_json::json!({"steps": [{"percent": 10, "bakeSeconds": 30}, {"percent": 50, "bakeSeconds": 30}]});
        input.insert("plan".to_owned(), plan);
        input.insert("tickSeconds".to_owned(), 5.into());
        input.insert("finalBakeSeconds".to_owned(), 30.into());
    }
    let exports: Vec<_> = world
        .environment()
        .iter()
        .map(|(name, value)| format!("export {name}={value}"))
        .collect();
    let exports = exports.join("\n");
    let aws = world.workspace().local("tools/bin/aws");
    let aws = aws.display();
    say(&format!(
        "\nThe stack is up until Ctrl-C. In another terminal:\n\n{exports}\n\n\
         # a request through the stage\ncurl {url}\n\n\
         # release recommendation-v2 (-v3 is broken, -v4 a little worse)\n\
         {aws} stepfunctions start-execution --state-machine-arn {machine} --input '{input}'\n\n\
         # the stage\n{aws} apigateway get-stage --rest-api-id {id} --stage-name {stage}\n\n\
         # what happened to the rollouts\n{aws} dynamodb scan --table-name {table}\n\n\
         # what the functions logged\n{logs}\n",
        url = api.url,
        machine = world.state_machine(),
        id = api.id,
        stage = api.stage,
        table = world.table(),
        logs = world.logs().unwrap_or_default().display(),
    ));
    std::future::pending().await
}

fn say(text: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stdout(), "{text}");
}

fn say_error(text: impl std::fmt::Display) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "{text}");
}
