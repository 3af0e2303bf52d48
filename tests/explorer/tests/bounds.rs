//! The shipped steps hold every invariant in every state within the bounds of `bounds::quick`.

#![expect(clippy::print_stdout, reason = "it prints what was covered")]

use std::{
    sync::{Mutex, PoisonError},
    vec,
};

use serin_explorer::{
    bound::{Bound, Left},
    bounds,
    report::{Total, describe},
    search::search,
};

const MOST: usize = 5_000_000;

/// Takes bounds off the list until none is left. Those at its front are the largest, so that both workers end together.
fn work(bounds: &Mutex<vec::IntoIter<Bound>>, total: &Mutex<Total>) {
    loop {
        let next = bounds.lock().unwrap_or_else(PoisonError::into_inner).next();
        let Some(bound) = next else { return };
        let report = search(&bound, None, MOST);
        println!("{}", describe(&bound, &report));
        total
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .add(&bound, &report);
    }
}

#[test]
fn no_interleaving_of_the_steps_breaks_an_invariant() {
    let (bounds, total) = (Mutex::new(bounds::quick().into_iter()), Mutex::new(Total::default()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| work(&bounds, &total));
        }
    });
    let total = total.into_inner().unwrap();
    println!("{total}");
    assert_eq!(total.violations, 0, "the story is above");
    assert!(total.complete, "a bound has more than {MOST} states");
    assert!(total.states > 1_000_000, "{} states", total.states);
    assert!(total.schedules > 1e6, "{} schedules", total.schedules);
    assert_eq!(total.missed, 0, "what a bound is about and never reaches is above");
    assert_eq!(total.never(), [""; 0], "what never happens shows nothing");
}

#[test]
fn every_bound_says_what_it_must_reach() {
    let all = bounds::quick().into_iter().chain(bounds::deep());
    let silent: Vec<_> = all
        .filter(|bound| bound.reaches.is_empty())
        .map(|bound| bound.name)
        .collect();
    assert_eq!(silent, [""; 0]);
}

#[test]
fn whatever_may_happen_happens_in_a_bound() {
    let bounds = bounds::quick();
    for (place, (_, kind)) in Left::NOTHING.kinds().into_iter().enumerate() {
        let some = bounds.iter().any(|bound| bound.left.kinds()[place].0 > 0);
        assert!(some, "no bound has a {kind}");
    }
}

#[test]
fn the_names_of_bounds_are_their_own() {
    let all: Vec<_> = bounds::quick().into_iter().chain(bounds::deep()).collect();
    let mut names: Vec<_> = all.iter().map(|bound| bound.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all.len());
}
