//! The shipped steps hold every invariant in every state within the bounds of `bounds::quick`.

#![expect(clippy::print_stdout, reason = "it prints what was covered")]

use std::sync::{Mutex, PoisonError};

use serin_explorer::{
    bound::Bound,
    bounds,
    report::{Total, describe},
    search::search,
};

const MOST: usize = 5_000_000;

/// Takes bounds off the list until none is left.
fn work(bounds: &Mutex<Vec<Bound>>, total: &Mutex<Total>) {
    loop {
        let next = bounds.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let Some(bound) = next else { return };
        let report = search(&bound, None, MOST);
        println!("{}", describe(&bound, &report));
        total.lock().unwrap_or_else(PoisonError::into_inner).add(&report);
    }
}

#[test]
fn no_interleaving_of_the_steps_breaks_an_invariant() {
    let (bounds, total) = (Mutex::new(bounds::quick()), Mutex::new(Total::default()));
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
    assert_eq!(total.never(), [""; 0], "what never happens shows nothing");
}

#[test]
fn the_names_of_bounds_are_their_own() {
    let all: Vec<_> = bounds::quick().into_iter().chain(bounds::deep()).collect();
    let mut names: Vec<_> = all.iter().map(|bound| bound.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all.len());
}
