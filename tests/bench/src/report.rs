//! What was measured, as tables for the terminal and for docs/performance.md.

use serin_report::{row, table};

use crate::{
    cargo::Size,
    numbers::{Millis, kib_as_mib, mib, middle},
    sample::{Rollback, Start},
};

/// A rollback as one program does it over one transport, over all runs.
#[derive(Debug)]
pub(crate) struct Contender {
    /// What it is called.
    pub(crate) title: &'static str,
    /// `plain` or `TLS`.
    pub(crate) transport: &'static str,
    init: Millis,
    cold_reset: Millis,
    cold_answer: Millis,
    warm_reset: Millis,
    warm_answer: Millis,
    peaks: Vec<u32>,
    /// The most calls of API Gateway up to and including the reset.
    gateway_calls: usize,
}

impl Contender {
    /// Without any run yet.
    pub(crate) fn new(title: &'static str, transport: &'static str) -> Self {
        Self {
            title,
            transport,
            init: Millis::default(),
            cold_reset: Millis::default(),
            cold_answer: Millis::default(),
            warm_reset: Millis::default(),
            warm_answer: Millis::default(),
            peaks: Vec::new(),
            gateway_calls: 0,
        }
    }

    /// Adds a run.
    pub(crate) fn push(&mut self, run: &Rollback) {
        self.init.push(run.init);
        self.cold_reset.push(run.cold.reset);
        self.cold_answer.push(run.cold.responded);
        for warm in &run.warm {
            self.warm_reset.push(warm.reset);
            self.warm_answer.push(warm.responded);
        }
        self.peaks.push(run.peak);
        let calls = run.warm.iter().chain([&run.cold]).map(|times| times.gateway_calls);
        self.gateway_calls = calls.max().unwrap_or_default().max(self.gateway_calls);
    }

    /// Exec to acknowledged reset, in milliseconds.
    pub(crate) fn cold_reset(&self) -> &Millis {
        &self.cold_reset
    }

    /// In MiB.
    pub(crate) fn peak(&self) -> f64 {
        kib_as_mib(middle(&self.peaks))
    }

    fn row(&self) -> Vec<String> {
        let times = [
            self.init.median(),
            self.cold_reset.median(),
            self.cold_reset.most(),
            self.cold_answer.median(),
            self.warm_reset.median(),
            self.warm_answer.median(),
        ];
        let mut row = row([self.title, self.transport]);
        row.extend(times.map(|time| format!("{time:.2}")));
        row.push(format!("{:.1}", self.peak()));
        row.push(self.gateway_calls.to_string());
        row
    }
}

/// Rollback by an alarm, side by side.
pub(crate) fn contenders(all: &[Contender]) -> String {
    let mut rows = vec![row([
        "rollback",
        "AWS over",
        "init ms",
        "cold reset ms",
        "9 of 10 within ms",
        "cold answer ms",
        "warm reset ms",
        "warm answer ms",
        "peak MiB",
        "API Gateway calls",
    ])];
    rows.extend(all.iter().map(Contender::row));
    table(2, &rows)
}

/// A function over all runs.
#[derive(Debug)]
pub(crate) struct Function {
    name: String,
    size: Size,
    init: [Millis; 2],
    peaks: [Vec<u32>; 2],
}

impl Function {
    /// Without any run yet.
    pub(crate) fn new(name: &str, size: Size) -> Self {
        Self {
            name: name.to_owned(),
            size,
            init: Default::default(),
            peaks: Default::default(),
        }
    }

    /// Adds a start, plain and over TLS.
    pub(crate) fn push(&mut self, starts: [Start; 2]) {
        for ((init, peaks), start) in self.init.iter_mut().zip(&mut self.peaks).zip(starts) {
            init.push(start.init);
            peaks.push(start.peak);
        }
    }

    /// The larger of both transports, in MiB.
    fn peak(&self) -> f64 {
        let peaks = self.peaks.iter().map(|peaks| kib_as_mib(middle(peaks)));
        peaks.fold(0.0, f64::max)
    }

    fn row(&self) -> Vec<String> {
        let mut row = row([&self.name]);
        row.extend(self.init.iter().map(|init| format!("{:.2}", init.median())));
        row.extend([self.peak(), mib(self.size.binary), mib(self.size.zip)].map(|number| format!("{number:.1}")));
        row
    }
}

/// Every function's start and size.
pub(crate) fn functions(all: &[Function]) -> String {
    let mut rows = vec![row([
        "function",
        "init ms, plain",
        "init ms, TLS",
        "peak MiB",
        "binary MiB",
        "zip MiB",
    ])];
    rows.extend(all.iter().map(Function::row));
    table(1, &rows)
}

/// What was wanted and what was reached, plain and over TLS. Contenders come as Serin, floor, Python for each transport.
pub(crate) fn targets(contenders: &[Contender], functions: &[Function]) -> String {
    let mut rows = vec![row(["target", "AWS over", "wanted", "reached", "verdict"])];
    let mut judge = |what: &str, transport: &str, wanted: String, reached: String, met: bool| {
        rows.push(row([
            what,
            transport,
            &wanted,
            &reached,
            if met { "pass" } else { "MISS" },
        ]));
    };
    for trio in contenders.chunks(3) {
        let [serin, floor, python] = trio else { continue };
        let over = serin.transport;
        let [cold, floor, python] = [serin, floor, python].map(|contender| contender.cold_reset.median());
        let (slower, faster, warm) = (cold / floor, python / cold, serin.warm_reset.median());
        judge(
            "cold reset against the floor",
            over,
            "<= 2.5 x".into(),
            format!("{slower:.2} x"),
            slower <= 2.5,
        );
        judge(
            "cold reset against boto3",
            over,
            ">= 25 x faster".into(),
            format!("{faster:.1} x"),
            faster >= 25.0,
        );
        judge(
            "warm reset",
            over,
            "<= 2 ms".into(),
            format!("{warm:.2} ms"),
            warm <= 2.0,
        );
        let calls = serin.gateway_calls;
        judge(
            "API Gateway calls before traffic is zero",
            over,
            "1".into(),
            calls.to_string(),
            calls == 1,
        );
    }
    let serin = contenders.iter().step_by(3).map(Contender::peak);
    let peak = serin.chain(functions.iter().map(Function::peak)).fold(0.0, f64::max);
    judge(
        "peak memory, every function",
        "both",
        "<= 12 MiB".into(),
        format!("{peak:.1} MiB"),
        peak <= 12.0,
    );
    table(5, &rows)
}
