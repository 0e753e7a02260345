//! Small networks from end to end.

use crate::{CapacityRule, Error, Figures, Policy, Settings, WeightSettings, simulate};

fn small() -> Settings {
    Settings {
        nodes: 300,
        shards: 800,
        shards_per_job: (8, 64),
        warm_up: 1.0,
        ..Settings::full()
    }
}

#[test]
fn the_same_seed_gives_the_same_figures() -> Result<(), Error> {
    assert_eq!(simulate(&small())?, simulate(&small())?);
    assert_ne!(simulate(&small())?, simulate(&Settings { seed: 2, ..small() })?);
    Ok(())
}

#[test]
fn nodes_that_take_turns_rarely_race_and_the_best_win() -> Result<(), Error> {
    let Figures {
        shards,
        claims,
        best_winner_share,
        wasted_share,
        load_mean,
        load_max_over_mean,
        p50_claim_s,
        ..
    } = simulate(&small())?;
    assert!(shards >= 800 && claims * 1_000 >= shards * 2 * 999);
    assert!(best_winner_share > 0.97, "{best_winner_share}");
    assert!(wasted_share < 0.1, "{wasted_share}");
    // Nobody is filled to more than 80 %.
    assert!(
        load_mean * load_max_over_mean < 0.81,
        "{load_mean} x {load_max_over_mean}"
    );
    assert!(p50_claim_s > 0.0 && p50_claim_s < 125.0);
    Ok(())
}

#[test]
fn nodes_that_look_for_themselves_race() -> Result<(), Error> {
    let turns = simulate(&small())?;
    let spread = simulate(&Settings {
        policy: Policy::Spread,
        ..small()
    })?;
    assert!(
        spread.wasted_share > 2.0 * turns.wasted_share,
        "{} {}",
        spread.wasted_share,
        turns.wasted_share
    );
    Ok(())
}

#[test]
fn shards_of_nodes_that_leave_are_claimed_anew() -> Result<(), Error> {
    let figures = simulate(&Settings {
        leaving_per_hour: 1.0,
        commit_seconds: 60,
        ..small()
    })?;
    assert!(
        figures.left > 0 && figures.reopened > 0,
        "{} {}",
        figures.left,
        figures.reopened
    );
    assert!(figures.claims * 1_000 >= (figures.shards * 2 + figures.reopened) * 999);
    Ok(())
}

#[test]
fn weights_decide_who_wins() -> Result<(), Error> {
    let of = |weights| simulate(&Settings { weights, ..small() });
    let near = of(WeightSettings {
        bandwidth: 0,
        proximity: 10_000,
        latency: 0,
        reputation: 0,
    })?;
    let fast = of(WeightSettings {
        bandwidth: 10_000,
        proximity: 0,
        latency: 0,
        reputation: 0,
    })?;
    assert!(near.p50_km < fast.p50_km, "{} {}", near.p50_km, fast.p50_km);
    Ok(())
}

#[test]
fn rounding_capacity_up_fills_small_nodes() -> Result<(), Error> {
    let up = simulate(&Settings {
        capacity_rule: CapacityRule::RoundedUp,
        ..small()
    })?;
    assert!(up.load_mean * up.load_max_over_mean > 0.9);
    Ok(())
}

#[test]
fn impossible_settings_are_refused() {
    let impossible = [
        Settings { nodes: 0, ..small() },
        Settings { shards: 0, ..small() },
        Settings { replicas: 8, ..small() },
        Settings {
            utilisation: 0.8,
            ..small()
        },
        Settings { max_wait: 0, ..small() },
        Settings {
            shards_per_job: (9, 9),
            ..small()
        },
        Settings {
            landing_ms: (2, 1),
            ..small()
        },
        Settings { stale: 1.1, ..small() },
        Settings {
            awake_asleep: (0.0, 1.0),
            ..small()
        },
        Settings {
            leaving_per_hour: f64::NAN,
            ..small()
        },
    ];
    for settings in impossible {
        assert!(matches!(simulate(&settings), Err(Error::Settings(_))), "{settings:?}");
    }
    let weights = WeightSettings {
        bandwidth: 1,
        ..small().weights
    };
    assert!(matches!(
        simulate(&Settings { weights, ..small() }),
        Err(Error::Settings(_))
    ));
    let work = (240.0, f64::NAN);
    assert!(matches!(
        simulate(&Settings { work, ..small() }),
        Err(Error::Distribution(_))
    ));
}
