//! The nodes: drawn once from the distributions of the settings.

use std::collections::HashMap;

use lumora_core::{
    allocation::shards_allowed,
    geo::{UnitVector, chord_distance},
    hash::sha256,
    score::{Figures, Scoring, Weights, score},
    units::{Bps, Kbps, Kilometres, Micros},
};
use rand::{Rng, RngExt, seq::IndexedRandom};
use rand_distr::{Distribution, LogNormal, Normal, weighted::WeightedAliasIndex};

use crate::{
    Error,
    cities::{City, cities, unit_vector},
    settings::{CapacityRule, Desertion, Settings},
};

/// Degrees between two places that nodes may state: about as coarse as the H3 cells of the chain.
const COARSE_DEGREES: f64 = 1.0;
/// How far from a city's centre its nodes live, degrees of latitude.
const SCATTER_DEGREES: f64 = 0.2;
/// Kilometres of chord for which light in fibre needs a millisecond there and back.
const KILOMETRES_PER_MILLISECOND: f64 = 100.0;
/// Challengers that measure a node; the median of their round-trip times is attested.
const CHALLENGERS: usize = 3;

/// A node, as far as assignment depends on it.
#[derive(Clone, Debug)]
pub struct Node {
    /// Index of its place.
    pub place: u32,
    /// Address.
    pub key: [u8; 32],
    /// Its score but for the proximity term. Terms are rounded one by one, so the two parts add up exactly.
    pub base: u16,
    /// Last mile, ms.
    pub last_mile: f64,
    /// Shards that it states to hold at once.
    pub capacity: u16,
    /// Shards that capacity, bond and attestation let it hold at once.
    pub allowed: u16,
}

/// The nodes, by place.
pub struct Network {
    /// Everything that is drawn of a node.
    pub nodes: Vec<Node>,
    /// Where nodes are.
    pub places: Vec<UnitVector>,
    /// The cities.
    pub cities: Vec<City>,
    targets: WeightedAliasIndex<u64>,
    hosting: Vec<usize>,
    scoring: Scoring,
    path_stretch: f64,
}

impl Network {
    /// Draws a network.
    pub fn draw(settings: &Settings, rng: &mut impl Rng) -> Result<Self, Error> {
        let cities = cities();
        let targets = WeightedAliasIndex::new(cities.iter().map(|city| u64::from(city.population)).collect())?;
        let rate = LogNormal::new(settings.rate.0.ln(), settings.rate.1)?;
        let last_mile = LogNormal::new(settings.last_mile.0.ln(), settings.last_mile.1)?;
        let scatter = Normal::new(0.0, SCATTER_DEGREES)?;
        let hosting: Vec<usize> = (0..cities.len()).filter(|index| cities[*index].is_hosting()).collect();
        let scoring = settings.scoring();
        let challengers: Vec<UnitVector> = hosting
            .iter()
            .map(|index| unit_vector(cities[*index].latitude, cities[*index].longitude))
            .collect();

        let mut places: Vec<UnitVector> = Vec::new();
        let mut known: HashMap<(i32, i32), u32> = HashMap::new();
        let mut nodes = Vec::with_capacity(settings.nodes as usize);
        for index in 0..settings.nodes {
            let city = &cities[targets.sample(rng)];
            let coarse = |degrees: f64| (degrees / COARSE_DEGREES).round() as i32;
            let cell = (
                coarse(city.latitude + scatter.sample(rng)),
                coarse(city.longitude + scatter.sample(rng)),
            );
            let place = *known.entry(cell).or_insert_with(|| {
                let degrees = |coarse: i32| f64::from(coarse) * COARSE_DEGREES;
                places.push(unit_vector(degrees(cell.0), degrees(cell.1)));
                places.len() as u32 - 1
            });
            let attested = rate.sample(rng).min(10_000_000.0);
            let limit = attested * rng.random_range(0.2..1.0);
            let last_mile = last_mile.sample(rng);
            let mut round_trips: Vec<f64> = challengers
                .sample(rng, CHALLENGERS)
                .map(|at| {
                    let distance = chord_distance(places[place as usize], *at);
                    round_trip(distance, last_mile, settings.path_stretch)
                })
                .collect();
            round_trips.sort_by(f64::total_cmp);
            let reputation = if rng.random_bool(0.9) {
                8_000..=10_000
            } else {
                3_000..=8_000
            };
            let figures = Figures {
                attested: Kbps(attested as u32),
                limit: Kbps(limit as u32),
                distance: Kilometres(0),
                rtt: Micros((round_trips[CHALLENGERS / 2] * 1_000.0) as u32),
                reputation: Bps(rng.random_range(reputation)),
            };
            let capacity = (limit as u32 / settings.kbps_per_shard).clamp(2, 64) as u16;
            let allowed = allowed(settings, capacity, rng);
            let is_gone = settings.deserted.is_some_and(|from| is_gone(&from, city, index));
            nodes.push(Node {
                place,
                key: sha256(&[b"lumora sim node", &settings.seed.to_le_bytes(), &index.to_le_bytes()]),
                base: base(&scoring, &figures),
                last_mile,
                capacity,
                allowed: if is_gone { 0 } else { allowed },
            });
        }
        Ok(Self {
            nodes,
            places,
            cities,
            targets,
            hosting,
            scoring,
            path_stretch: settings.path_stretch,
        })
    }

    /// Draws where a job's data lives.
    pub fn draw_target(&self, hosting_share: f64, rng: &mut impl Rng) -> UnitVector {
        let index = if rng.random_bool(hosting_share) {
            self.hosting.choose(rng).copied().unwrap_or_default()
        } else {
            self.targets.sample(rng)
        };
        unit_vector(self.cities[index].latitude, self.cities[index].longitude)
    }

    /// The proximity term of every place for this target, weighted.
    pub fn proximity(&self, target: UnitVector) -> Vec<u16> {
        let none = Figures {
            attested: Kbps(0),
            limit: Kbps(0),
            distance: Kilometres(0),
            rtt: Micros(0),
            reputation: Bps(0),
        };
        let scoring = Scoring {
            weights: Weights {
                bandwidth: Bps(0),
                latency: Bps(0),
                reputation: Bps(0),
                ..self.scoring.weights
            },
            ..self.scoring
        };
        let term = |place: &UnitVector| {
            let distance = chord_distance(*place, target);
            score(&scoring, &Figures { distance, ..none }).0
        };
        self.places.iter().map(term).collect()
    }

    /// Distance of a node to a target.
    pub fn distance(&self, node: u32, target: UnitVector) -> Kilometres {
        chord_distance(self.places[self.nodes[node as usize].place as usize], target)
    }

    /// Round-trip time of a node to a target, ms.
    pub fn round_trip(&self, node: u32, target: UnitVector) -> f64 {
        let last_mile = self.nodes[node as usize].last_mile;
        round_trip(self.distance(node, target), last_mile, self.path_stretch)
    }
}

fn round_trip(distance: Kilometres, last_mile: f64, path_stretch: f64) -> f64 {
    f64::from(distance.0) / KILOMETRES_PER_MILLISECOND * path_stretch + last_mile
}

/// Whether a node of this city has left; nothing is drawn for it, so that all others stay as they are.
fn is_gone(from: &Desertion, city: &City, index: u32) -> bool {
    let between = |(low, high): (f64, f64), value: f64| (low..=high).contains(&value);
    between(from.longitude, city.longitude)
        && between(from.latitude, city.latitude)
        && index.is_multiple_of(from.one_in)
}

/// The score without the proximity term.
fn base(scoring: &Scoring, figures: &Figures) -> u16 {
    let weights = Weights {
        proximity: Bps(0),
        ..scoring.weights
    };
    score(&Scoring { weights, ..*scoring }, figures).0
}

/// Shards that a node may hold at once, as `claim_shard` counts.
fn allowed(settings: &Settings, capacity: u16, rng: &mut impl Rng) -> u16 {
    if rng.random_bool(settings.stale) {
        return 0;
    }
    let bond = if rng.random_bool(settings.thin_bond) {
        rng.random_range(1..=capacity)
    } else {
        capacity
    };
    let share = Bps(settings.capacity_share);
    let allowed = match settings.capacity_rule {
        CapacityRule::RoundedDown => shards_allowed(capacity, share),
        CapacityRule::RoundedUp => {
            let product = u32::from(capacity) * u32::from(share.0);
            product.div_ceil(u32::from(Bps::ONE.0)) as u16
        }
    };
    bond.min(allowed)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_pcg::Pcg64;

    use super::*;

    fn small() -> (Settings, Network) {
        let settings = Settings {
            nodes: 500,
            ..Settings::full()
        };
        let network = Network::draw(&settings, &mut Pcg64::seed_from_u64(3)).unwrap_or_else(|error| panic!("{error}"));
        (settings, network)
    }

    /// The search for the best node adds the two parts; the program computes the whole.
    #[test]
    fn the_two_parts_of_the_score_add_up_to_the_whole() {
        let (settings, network) = small();
        let scoring = settings.scoring();
        let mut rng = Pcg64::seed_from_u64(4);
        let target = network.draw_target(0.5, &mut rng);
        for (place, term) in network.places.iter().zip(network.proximity(target)) {
            let mut figures = Figures {
                attested: Kbps(rng.random_range(0..2_000_000)),
                limit: Kbps(rng.random_range(0..2_000_000)),
                distance: Kilometres(0),
                rtt: Micros(rng.random_range(0..400_000)),
                reputation: Bps(rng.random_range(0..=10_000)),
            };
            let base = base(&scoring, &figures);
            figures.distance = chord_distance(*place, target);
            assert_eq!(base + term, score(&scoring, &figures).0);
        }
    }

    #[test]
    fn nothing_is_faster_than_light_in_fibre() {
        let (_, network) = small();
        let target = network.draw_target(1.0, &mut Pcg64::seed_from_u64(5));
        for node in 0..500 {
            let least = f64::from(network.distance(node, target).0) / KILOMETRES_PER_MILLISECOND;
            assert!(network.round_trip(node, target) >= least);
        }
    }

    #[test]
    fn no_node_may_hold_more_than_its_share() {
        let (settings, network) = small();
        for node in &network.nodes {
            assert!(node.capacity >= 2);
            assert!(u32::from(node.allowed) * 10_000 <= u32::from(node.capacity) * u32::from(settings.capacity_share));
        }
    }
}
