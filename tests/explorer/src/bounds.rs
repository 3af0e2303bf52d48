//! The searches: several bounds, each about something, rather than one giant. Within each, everything is tried.

use crate::bound::{Bound, Left, Release, Second};

const NOTHING: Left = Left::NOTHING;

/// Those that `make test` runs.
#[must_use]
pub fn quick() -> Vec<Bound> {
    let mut all = one_rollout();
    all.extend(other_rollouts());
    all.extend(two_rollouts());
    all.extend(people());
    all.extend(switches());
    all
}

fn one_rollout() -> Vec<Bound> {
    let stays = |bound| Bound {
        alarm_stays: true,
        ..bound
    };
    let hasty = |bound| Bound { hasty: true, ..bound };
    let dies = "a process dies anywhere; the alarm's action comes twice, at any time";
    let slow = "a process dies anywhere; a sweep, which may be slow, begins at any time";
    let orphan = "an attempt of which nothing is known lives on";
    let lost = "an answer is lost, a call is throttled or meets a conflict";
    let stop = "the execution is stopped, and perhaps redriven, at once or after the drain";
    let redriven = "the execution is redriven while its task still runs: it comes to rest all the same";
    let silence = "the execution falls silent, for ever or for too long";
    let alarm = "the alarm stays on, and goes off at any time; a person asks for a rollback";
    vec![
        Bound::new("crash", dies, NOTHING.crashes(1).alarms(1)).twice(),
        Bound::new("sweep", slow, NOTHING.crashes(1).alarms(1).sweeps(1)),
        Bound::new("unknown", orphan, NOTHING.unknowns(1).alarms(1)).twice(),
        Bound::new("lost", lost, NOTHING.losses(1).refusals(1).alarms(1)),
        Bound::new("stop", stop, NOTHING.stops(1).redrives(1)),
        hasty(Bound::new("hasty", redriven, NOTHING.stops(1).redrives(1))),
        Bound::new("silence", silence, NOTHING.hangs(1).oversleeps(1).alarms(1)),
        stays(Bound::new("alarm", alarm, NOTHING.alarms(1).wishes(1))),
    ]
}

fn other_rollouts() -> Vec<Bound> {
    let left = NOTHING.unknowns(1).alarms(1);
    let steps = "two steps; an attempt lives on; somebody changes the share";
    let recipe = "API Gateway takes the documented recipe only";
    let made = "begin makes the deployment; an answer is lost";
    vec![
        Bound {
            steps: &[10, 50],
            ..Bound::new("steps", steps, left.shares(1))
        },
        Bound {
            refuses_bare_copies: true,
            ..Bound::new("recipe", recipe, left)
        },
        Bound {
            release: Release::Variable,
            ..Bound::new("variables", "a variable is all that is released", left)
        },
        Bound {
            release: Release::Made,
            ..Bound::new("deployment", made, NOTHING.losses(1).crashes(1).stops(1))
        },
    ]
}

fn two_rollouts() -> Vec<Bound> {
    let second = "a second rollout starts at any time";
    let late = "two rollouts in a row; what is late of the first meets the second";
    let orphan = "two rollouts in a row; an attempt lives on";
    let end = "two rollouts in a row; an execution is stopped";
    let after = Second::AfterTheFirst;
    vec![
        Bound::new("second", second, NOTHING.alarms(1)).then(Second::Anytime),
        Bound::new("late", late, NOTHING.alarms(1)).then(after),
        Bound::new("orphan", orphan, NOTHING.unknowns(1)).then(after),
        Bound::new("end", end, NOTHING.stops(1)).then(after),
    ]
}

fn people() -> Vec<Bound> {
    let canary = "a person makes a canary of their own; a process dies";
    let variable = "a person changes the share, and a variable that is not the rollout's";
    vec![
        Bound::new("canary", canary, NOTHING.canaries(1).alarms(1).crashes(1)),
        Bound::new("variable", variable, NOTHING.variables(1).shares(1).alarms(1)),
    ]
}

fn switches() -> Vec<Bound> {
    let away = "all of Serin is away until the switch fires; a process dies";
    let lost = "the same; an answer is lost, a call is throttled or meets a conflict";
    let orphan = "the same; an attempt lives on";
    let next = "the same, and a second rollout: what the switch began is late";
    vec![
        Bound::new("switch", away, NOTHING.aways(1).crashes(1)),
        Bound::new("switch-lost", lost, NOTHING.aways(1).losses(1).refusals(1)),
        Bound::new("switch-orphan", orphan, NOTHING.aways(1).unknowns(1).alarms(1)),
        Bound::new("switch-next", next, NOTHING.aways(1)).then(Second::AfterTheFirst),
    ]
}

/// Those that `make explore` runs besides: more of everything at once.
#[must_use]
pub fn deep() -> Vec<Bound> {
    let alarm = NOTHING.alarms(1);
    let dies = alarm.crashes(1);
    let (after, anytime) = (Second::AfterTheFirst, Second::Anytime);
    vec![
        Bound::new("deep-crash", "a crash and a sweep, everything twice", dies.sweeps(1)).twice(),
        Bound::new("deep-crashes", "two processes die", alarm.crashes(2)),
        Bound::new("deep-unknown", "an attempt lives on, and one dies", dies.unknowns(1)),
        Bound::new("deep-unknowns", "two attempts live on", alarm.unknowns(2)),
        Bound::new(
            "deep-lost",
            "an answer is lost, an attempt lives on",
            alarm.losses(1).unknowns(1),
        ),
        Bound::new(
            "deep-stop",
            "a stop, a redrive, and a process dies",
            NOTHING.stops(1).redrives(1).crashes(1),
        ),
        Bound::new(
            "deep-silence",
            "silence, and a process dies",
            dies.hangs(1).oversleeps(1),
        ),
        Bound::new("deep-second", "a second rollout at any time, and a process dies", dies).then(anytime),
        Bound::new("deep-late", "two in a row, and an alarm for each", NOTHING.alarms(2)).then(after),
        Bound::new(
            "deep-orphan",
            "two in a row, an attempt lives on, and an alarm",
            alarm.unknowns(1),
        )
        .then(after),
        Bound::new(
            "deep-end",
            "two in a row, a stop, and a process dies",
            NOTHING.stops(1).crashes(1),
        )
        .then(after),
    ]
}
