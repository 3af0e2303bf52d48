//! One run of a function as a process of its own, with the environment that Lambda gives it.

use std::{
    fs::{self, File},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::{
    error::{BenchError, Outcome, doing},
    stub::{Moment, Seen, Stub},
};

/// Far more than anything here takes, also on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// A program that is measured.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    /// What the tables call it.
    pub(crate) name: String,
    /// The executable.
    pub(crate) path: PathBuf,
    /// Its arguments.
    pub(crate) arguments: Vec<String>,
    /// Variables of its own.
    pub(crate) variables: Vec<(&'static str, PathBuf)>,
}

/// Where things are that every function gets.
#[derive(Clone, Debug)]
pub(crate) struct Surroundings {
    /// The trusted certificates.
    pub(crate) bundle: PathBuf,
    /// Where logs go.
    pub(crate) logs: PathBuf,
}

/// A running function; it ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Function<'a> {
    name: &'a str,
    log: PathBuf,
    child: Child,
    stub: &'a Stub,
    /// When it was started.
    pub(crate) started: Instant,
}

impl<'a> Function<'a> {
    /// Starts one that talks to `stub`.
    pub(crate) fn start(program: &'a Program, stub: &'a Stub, around: &Surroundings) -> Outcome<Self> {
        let log = around.logs.join(format!("{}.log", program.name));
        let open = || File::create(&log).map_err(doing(format!("write {}", log.display())));
        let output = open()?;
        let errors = output.try_clone().map_err(doing("share a log file"))?;
        let mut command = Command::new(&program.path);
        command
            .args(&program.arguments)
            .env_clear()
            .envs(LAMBDA)
            .envs(stub.environment())
            // Rust reads the first, botocore the second.
            .env("SSL_CERT_FILE", &around.bundle)
            .env("AWS_CA_BUNDLE", &around.bundle)
            .envs(program.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors);
        let started = Instant::now();
        let child = command.spawn();
        let child = child.map_err(doing(format!("start {}", program.path.display())))?;
        Ok(Self {
            name: &program.name,
            log,
            child,
            stub,
            started,
        })
    }

    /// What happens until `end`, and including it. A failure is none of what is measured.
    pub(crate) fn until(&self, end: &Seen, awaited: &'static str) -> Outcome<Vec<Moment>> {
        let moments = self.until_one(|seen| seen == end || matches!(seen, Seen::Failed(_)), awaited)?;
        match moments.last() {
            Some(Moment {
                what: Seen::Failed(error),
                ..
            }) => Err(self.astray(format!("failed: {error}"))),
            _ => Ok(moments),
        }
    }

    /// What happens until the function has answered an event, well or not.
    pub(crate) fn until_answered(&self) -> Outcome<Vec<Moment>> {
        self.until_one(
            |seen| matches!(seen, Seen::Responded | Seen::Failed(_)),
            "answered an event",
        )
    }

    fn until_one(&self, is_end: impl Fn(&Seen) -> bool, awaited: &'static str) -> Outcome<Vec<Moment>> {
        let deadline = Instant::now() + PATIENCE;
        let mut moments = Vec::new();
        while let Some(moment) = self.stub.next(deadline) {
            let ended = is_end(&moment.what);
            moments.push(moment);
            if ended {
                return Ok(moments);
            }
        }
        Err(BenchError::Silent {
            function: self.name.to_owned(),
            awaited,
            waited: PATIENCE,
            log: self.log.display().to_string(),
        })
    }

    /// It did something that makes the measurement meaningless.
    pub(crate) fn astray(&self, what: String) -> BenchError {
        BenchError::Astray {
            function: self.name.to_owned(),
            what,
            log: self.log.display().to_string(),
        }
    }

    /// The most memory that it has had so far, in KiB.
    pub(crate) fn peak_memory(&self) -> Outcome<u32> {
        let file = format!("/proc/{}/status", self.child.id());
        let status = fs::read_to_string(&file).map_err(doing(format!("read {file} (this benchmark needs Linux)")))?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        peak.and_then(|peak| peak.trim().strip_suffix(" kB")?.parse().ok())
            .ok_or_else(|| self.astray(format!("has no VmHWM in {file}")))
    }
}

impl Drop for Function<'_> {
    fn drop(&mut self) {
        // It waits for its next event and has nothing to lose; if it is gone already, there is nothing to end.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

const LAMBDA: [(&str, &str); 18] = [
    ("AWS_LAMBDA_FUNCTION_NAME", "serin-rollback"),
    ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
    ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
    ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
    ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/serin-rollback"),
    ("AWS_LAMBDA_LOG_STREAM_NAME", "2026/11/24/[$LATEST]0123456789abcdef"),
    ("AWS_REGION", "eu-west-1"),
    ("AWS_DEFAULT_REGION", "eu-west-1"),
    ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
    ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
    ("AWS_SESSION_TOKEN", "IQoJb3JpZ2luX2VjEXAMPLETOKEN"),
    ("TABLE_NAME", "serin"),
    ("SWITCH_GROUP", "serin"),
    ("SWITCH_ROLE_ARN", "arn:aws:iam::111122223333:role/serin-switch"),
    (
        "SWITCH_DEAD_LETTERS_ARN",
        "arn:aws:sqs:eu-west-1:111122223333:serin-switch",
    ),
    ("LOG_LEVEL", "info"),
    ("HOOK_FUNCTION_PATTERN", "serin-hook-*"),
    ("METRIC_RESOLUTION_SECONDS", "60"),
];
