//! `registry`, `bandwidth` and `rewards` together, under long random sequences of calls by honest and by hostile callers.
//!
//! Whoever calls what in which order, and whatever accounts they pass: LMR is never beyond the schedule, vaults hold what
//! their programs say they hold, nothing is paid twice, no minority attests anything, and at the end everybody gets out.
//!
//! `LUMORA_STEPS` sets the number of steps, `LUMORA_SEED` where the randomness starts.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on must stop"
)]

#[path = "conservation/actions.rs"]
mod actions;
#[path = "conservation/audit.rs"]
mod audit;
#[path = "conservation/cast.rs"]
mod cast;
#[path = "conservation/exit.rs"]
mod exit;

use cast::Run;

/// Steps after which everybody leaves and a new network begins.
const STEPS_PER_NETWORK: u64 = 2_500;

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |text| text.parse().expect("a number"))
}

#[test]
fn money_is_conserved_whoever_calls_what_in_which_order() {
    let (steps, seed) = (number("LUMORA_STEPS", 50_000), number("LUMORA_SEED", 0));
    let mut done = 0;
    let mut tally = actions::Tally::default();
    for network in 0.. {
        if done >= steps {
            break;
        }
        let mut run = Run::new(seed + network);
        for _ in 0..STEPS_PER_NETWORK.min(steps - done) {
            run.step(&mut tally);
            run.audit();
            done += 1;
        }
        run.everybody_leaves();
    }
    println!("{done} steps\n{tally}");
    tally.assert_everything_happened();
}
