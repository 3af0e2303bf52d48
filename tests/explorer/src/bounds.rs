//! The searches: several bounds, each about something, rather than one giant. Within each, everything is tried, and
//! what it is about must be reached.

use crate::{
    bound::{Bound, Left, Release, Second},
    sometimes::Sometimes::{
        self, AlarmSeenByBegin, AnswerLost, BlindReset, Busy, CleanedUpAtRest, Died, DrainedThenBegan, Draining,
        Finished, ForeignLeftAlone, ForeignPutBack, GhostMade, GhostRemoved, GivenBack, KeepsDrifting, LateAdvance,
        LateAlarmIgnored, LateAttach, LateAttachTakenBack, LateCopyRefused, OldBesideNew, OverrideLeftAlone,
        RecipeUsed, Redriven, RolledBackFromPreparing, RolledBackFromPromoted, RolledBackFromPromoting,
        RolledBackFromShifting, SecondDrift, SecondFinished, SecondRolledBack, SecondTrigger, ShareSetAgain, Stopped,
        SweptForsaken, SweptInterrupted, SwitchCutLate, SwitchKeepsClaim, SwitchRemoved, Throttled,
    },
};

const NOTHING: Left = Left::NOTHING;
/// A rollback may begin anywhere.
const FROM_ANYWHERE: &[Sometimes] = &[
    Finished,
    RolledBackFromPreparing,
    RolledBackFromShifting,
    RolledBackFromPromoting,
    RolledBackFromPromoted,
    BlindReset,
];

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
    let stop = "the execution is stopped, and perhaps redriven: while its task still runs, later, or after the drain";
    let silence = "the execution falls silent, for ever or for too long";
    let alarm = "the alarm stays on, and goes off at any time; a person asks for a rollback";
    let late: &[_] = &[
        OldBesideNew,
        LateAttach,
        LateAttachTakenBack,
        LateAdvance,
        LateCopyRefused,
        GhostMade,
        GhostRemoved,
    ];
    vec![
        Bound::new("crash", dies, NOTHING.crashes(1).alarms(1), &[Died, SecondTrigger]).twice(),
        Bound::new(
            "sweep",
            slow,
            NOTHING.crashes(1).alarms(1).sweeps(1),
            &[Died, SweptInterrupted],
        ),
        Bound::new("unknown", orphan, NOTHING.unknowns(1).alarms(1), late).twice(),
        Bound::new(
            "lost",
            lost,
            NOTHING.losses(1).refusals(1).alarms(1),
            &[AnswerLost, Throttled],
        ),
        hasty(Bound::new(
            "stop",
            stop,
            NOTHING.stops(1).redrives(1),
            &[Stopped, Redriven],
        )),
        Bound::new(
            "silence",
            silence,
            NOTHING.hangs(1).oversleeps(1).alarms(1),
            &[SweptForsaken],
        ),
        stays(Bound::new(
            "alarm",
            alarm,
            NOTHING.alarms(1).wishes(1),
            &[AlarmSeenByBegin, GivenBack],
        )),
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
            ..Bound::new("steps", steps, left.shares(1), &[OldBesideNew, ShareSetAgain])
        },
        Bound {
            refuses_bare_copies: true,
            ..Bound::new("recipe", recipe, left, &[RecipeUsed])
        },
        Bound {
            release: Release::Variable,
            ..Bound::new("variables", "a variable is all that is released", left, FROM_ANYWHERE)
        },
        Bound {
            release: Release::Made,
            ..Bound::new(
                "deployment",
                made,
                NOTHING.losses(1).crashes(1).stops(1),
                &[AnswerLost, Died, Stopped],
            )
        },
    ]
}

fn two_rollouts() -> Vec<Bound> {
    let second = "a second rollout starts at any time";
    let late = "two rollouts in a row; what is late of the first meets the second";
    let orphan = "two rollouts in a row; an attempt lives on";
    let end = "two rollouts in a row; an execution is stopped";
    let after = Second::AfterTheFirst;
    let both: &[_] = &[
        Draining,
        DrainedThenBegan,
        SecondFinished,
        SecondRolledBack,
        LateAlarmIgnored,
    ];
    vec![
        Bound::new("second", second, NOTHING.alarms(1), &[Busy, Draining, SecondFinished]).then(Second::Anytime),
        Bound::new("late", late, NOTHING.alarms(1), both).then(after),
        Bound::new("orphan", orphan, NOTHING.unknowns(1), &[OldBesideNew, SecondFinished]).then(after),
        Bound::new(
            "end",
            end,
            NOTHING.stops(1),
            &[Stopped, SecondFinished, SecondRolledBack],
        )
        .then(after),
    ]
}

fn people() -> Vec<Bound> {
    let canary = "a person makes a canary of their own; a process dies";
    let variable = "a person changes the share, and a variable that is not the rollout's";
    let drift = "a person changes the share again and again, and the canary's override";
    vec![
        Bound::new(
            "canary",
            canary,
            NOTHING.canaries(1).alarms(1).crashes(1),
            &[ForeignLeftAlone, ForeignPutBack],
        ),
        Bound::new(
            "variable",
            variable,
            NOTHING.variables(1).shares(1).alarms(1),
            &[ShareSetAgain, RolledBackFromPromoted],
        ),
        Bound::new(
            "drift",
            drift,
            NOTHING.shares(4).overrides(1).alarms(1),
            &[SecondDrift, KeepsDrifting, OverrideLeftAlone],
        ),
    ]
}

fn switches() -> Vec<Bound> {
    let away = "all of Serin is away until the switch fires; a process dies";
    let lost = "the same; an answer is lost, a call is throttled or meets a conflict";
    let orphan = "the same; an attempt lives on";
    let both = "the same; a process dies, and an attempt lives on";
    let next = "the same, and a second rollout: what the switch began is late";
    let scheduler = "the scheduler is away for a while, too, so that a switch is left behind";
    let after = Second::AfterTheFirst;
    vec![
        Bound::new(
            "switch",
            away,
            NOTHING.aways(1).crashes(1),
            &[SwitchRemoved, SwitchCutLate],
        ),
        Bound::new(
            "switch-lost",
            lost,
            NOTHING.aways(1).losses(1).refusals(1),
            &[SwitchRemoved, AnswerLost],
        ),
        Bound::new(
            "switch-orphan",
            orphan,
            NOTHING.aways(1).unknowns(1).alarms(1),
            &[SwitchRemoved, OldBesideNew],
        ),
        Bound::new(
            "away",
            both,
            NOTHING.aways(1).crashes(1).unknowns(1),
            &[SwitchRemoved, OldBesideNew, Died],
        ),
        Bound::new("switch-next", next, NOTHING.aways(1), &[SwitchCutLate, SecondFinished]).then(after),
        Bound::new(
            "scheduler",
            scheduler,
            NOTHING.aways(1).outages(1),
            &[SwitchKeepsClaim, SecondFinished],
        )
        .then(after),
    ]
}

/// Those that `make explore` runs besides: more of everything at once.
#[must_use]
pub fn deep() -> Vec<Bound> {
    let mut all = deep_single();
    all.extend(deep_double());
    all.extend(deep_others());
    all
}

/// Every trigger twice, and people beside a death.
fn deep_others() -> Vec<Bound> {
    let stop = "a stop whose event comes twice, and an alarm whose action does";
    let late = "two in a row, everything twice: what is late of the first meets the second";
    let wishes = "two people ask for a rollback, and the alarm goes off";
    let people = "a person makes a canary of their own, and sets the share; a process dies";
    vec![
        Bound::new(
            "deep-twice",
            stop,
            NOTHING.stops(1).alarms(1),
            &[Stopped, SecondTrigger],
        )
        .twice(),
        Bound::new(
            "deep-late-twice",
            late,
            NOTHING.alarms(1),
            &[LateAlarmIgnored, SecondFinished],
        )
        .then(Second::AfterTheFirst)
        .twice(),
        Bound::new("deep-wishes", wishes, NOTHING.wishes(2).alarms(1), &[SecondTrigger]),
        Bound::new(
            "deep-people",
            people,
            NOTHING.canaries(1).shares(1).crashes(1).alarms(1),
            &[ForeignLeftAlone, ShareSetAgain, Died],
        ),
    ]
}

fn deep_single() -> Vec<Bound> {
    let alarm = NOTHING.alarms(1);
    let dies = alarm.crashes(1);
    let stopped = NOTHING.stops(1).redrives(1).crashes(1);
    let silent = dies.hangs(1).oversleeps(1);
    let late: &[_] = &[
        OldBesideNew,
        LateAttachTakenBack,
        LateAdvance,
        LateCopyRefused,
        GhostRemoved,
    ];
    vec![
        Bound::new(
            "deep-crash",
            "a crash and a sweep, everything twice",
            dies.sweeps(1),
            &[Died, SweptInterrupted],
        )
        .twice(),
        Bound::new("deep-crashes", "two processes die", alarm.crashes(2), FROM_ANYWHERE),
        Bound::new(
            "deep-unknown",
            "an attempt lives on, and one dies",
            dies.unknowns(1),
            &[OldBesideNew, Died, CleanedUpAtRest],
        ),
        Bound::new("deep-unknowns", "two attempts live on", alarm.unknowns(2), late),
        Bound::new(
            "deep-lost",
            "an answer is lost, an attempt lives on",
            alarm.losses(1).unknowns(1),
            &[AnswerLost, OldBesideNew],
        ),
        Bound::new(
            "deep-stop",
            "a stop, a redrive, and a process dies",
            stopped,
            &[Stopped, Redriven, Died],
        ),
        Bound::new(
            "deep-silence",
            "silence, and a process dies",
            silent,
            &[SweptForsaken, SweptInterrupted],
        ),
    ]
}

fn deep_double() -> Vec<Bound> {
    let alarm = NOTHING.alarms(1);
    let (after, anytime) = (Second::AfterTheFirst, Second::Anytime);
    let second = "a second rollout at any time, and a process dies";
    let both = "two in a row, and an alarm for each";
    let orphan = "two in a row, an attempt lives on, and an alarm";
    let end = "two in a row, a stop, and a process dies";
    vec![
        Bound::new(
            "deep-second",
            second,
            alarm.crashes(1),
            &[Busy, Draining, SecondFinished, Died],
        )
        .then(anytime),
        Bound::new(
            "deep-late",
            both,
            NOTHING.alarms(2),
            &[LateAlarmIgnored, SecondFinished, SecondRolledBack],
        )
        .then(after),
        Bound::new(
            "deep-orphan",
            orphan,
            alarm.unknowns(1),
            &[OldBesideNew, DrainedThenBegan, SecondRolledBack],
        )
        .then(after),
        Bound::new(
            "deep-end",
            end,
            NOTHING.stops(1).crashes(1),
            &[Stopped, Died, SecondFinished, SecondRolledBack],
        )
        .then(after),
    ]
}
