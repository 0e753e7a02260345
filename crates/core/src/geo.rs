//! Coarse locations as unit vectors, so that a distance is one integer square root and no trigonometry.
//!
//! A component's step is 1/32,767 of the Earth's radius, 0.2 km; the cells that nodes may state are some 120 km wide.

use crate::units::Kilometres;

/// Length of a unit vector's components' scale: a component of 32,767 is 1.0.
pub const SCALE: i16 = i16::MAX;

/// Mean radius R1 of the Geodetic Reference System 1980 (Moritz, 2000), 6,371.0088 km.
const EARTH_RADIUS_KM: u64 = 6_371;

/// A point on the Earth as a vector of length [`SCALE`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UnitVector {
    /// Towards latitude 0, longitude 0.
    pub x: i16,
    /// Towards latitude 0, longitude 90 east.
    pub y: i16,
    /// Towards the north pole.
    pub z: i16,
}

impl UnitVector {
    /// Whether the length is one to within 0.1 %. A longer vector would bring a node nearer to nothing, a shorter one
    /// nearer to everything.
    pub fn is_unit(self) -> bool {
        let one = i64::from(SCALE).saturating_mul(i64::from(SCALE));
        let off = self.squared_length().saturating_sub(one).unsigned_abs();
        // (1 + e)^2 is about 1 + 2e.
        off <= one.unsigned_abs() / 500
    }

    fn squared_length(self) -> i64 {
        squared_distance(self, Self::default())
    }
}

fn squared_distance(a: UnitVector, b: UnitVector) -> i64 {
    let square = |p: i16, q: i16| {
        let d = i64::from(p).saturating_sub(i64::from(q));
        d.saturating_mul(d)
    };
    square(a.x, b.x)
        .saturating_add(square(a.y, b.y))
        .saturating_add(square(a.z, b.z))
}

/// Straight-line (chord) distance between two points of the surface, rounded down. It orders points exactly as the
/// great-circle distance does and is at most 12,742 km for unit vectors.
pub fn chord_distance(a: UnitVector, b: UnitVector) -> Kilometres {
    let chord = squared_distance(a, b).unsigned_abs().isqrt();
    Kilometres((chord.saturating_mul(EARTH_RADIUS_KM) / u64::from(SCALE.unsigned_abs())) as u32)
}

/// Whether `cell` is an H3 index of resolution 3, the only one that a node may state: finer ones would tell where a
/// provider lives, coarser ones would let it claim to be near everything.
///
/// Layout of an index (H3 documentation, "H3 Index Representations"): a zero bit, mode (4 bits, 1 for a cell), 3 reserved bits, resolution (4 bits), base cell (7 bits,
/// below 122), then 15 digits of 3 bits, of which those past the resolution are 7 and the others below 7.
pub fn is_coarse_cell(cell: u64) -> bool {
    let digit = |position: u32| (cell >> (45u32.saturating_sub(position.saturating_mul(3)))) & 7;
    cell >> 52 == 0x083
        && (cell >> 45) & 0x7f < 122
        && (1..=3).all(|position| digit(position) < 7)
        && cell & 0xf_ffff_ffff == 0xf_ffff_ffff
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GREENWICH_EQUATOR: UnitVector = UnitVector { x: SCALE, y: 0, z: 0 };
    const NORTH_POLE: UnitVector = UnitVector { x: 0, y: 0, z: SCALE };

    #[test]
    fn a_quarter_of_the_globe_is_a_chord_of_9009_km() {
        assert_eq!(chord_distance(GREENWICH_EQUATOR, NORTH_POLE), Kilometres(9_009));
        let antipode = UnitVector { x: -SCALE, y: 0, z: 0 };
        assert_eq!(chord_distance(GREENWICH_EQUATOR, antipode), Kilometres(12_742));
    }

    #[test]
    fn only_unit_vectors_pass() {
        assert!(NORTH_POLE.is_unit());
        assert!(!UnitVector { x: 0, y: 0, z: 32_000 }.is_unit());
        assert!(!UnitVector::default().is_unit());
        assert!(
            !UnitVector {
                x: i16::MIN,
                y: i16::MIN,
                z: i16::MIN
            }
            .is_unit()
        );
    }

    proptest! {
        #[test]
        fn distance_is_symmetric_and_bounded(a in any::<[i16; 3]>(), b in any::<[i16; 3]>()) {
            let [a, b] = [a, b].map(|[x, y, z]| UnitVector { x, y, z });
            prop_assert_eq!(chord_distance(a, b), chord_distance(b, a));
            prop_assert_eq!(chord_distance(a, a), Kilometres(0));
            if a.is_unit() && b.is_unit() {
                prop_assert!(chord_distance(a, b).0 <= 12_750);
            }
        }

        #[test]
        fn no_way_round_is_shorter(a in any::<[i16; 3]>(), b in any::<[i16; 3]>(), c in any::<[i16; 3]>()) {
            let [a, b, c] = [a, b, c].map(|[x, y, z]| UnitVector { x, y, z });
            // Each distance is rounded down twice, by less than a kilometre and by less than a step of 0.2 km.
            prop_assert!(chord_distance(a, c).0 <= chord_distance(a, b).0 + chord_distance(b, c).0 + 3);
        }

        #[test]
        fn farther_along_an_axis_is_not_nearer(a in any::<[i16; 3]>(), x in any::<i16>(), more in 0i16..1_000) {
            let [ax, y, z] = a;
            let a = UnitVector { x: ax, y, z };
            let away = if x >= ax { x.saturating_add(more) } else { x.saturating_sub(more) };
            let [near, far] = [x, away].map(|x| UnitVector { x, y, z });
            prop_assert!(chord_distance(a, far) >= chord_distance(a, near));
        }

        #[test]
        fn a_coarse_cell_is_what_the_layout_says(base in 0u64..128, digits in any::<[u8; 3]>(), flipped in 0u32..64) {
            let digits = digits.map(|digit| u64::from(digit & 7));
            let used = digits.iter().fold(0, |bits, digit| bits << 3 | digit);
            let cell = 0x083 << 52 | base << 45 | used << 36 | 0xf_ffff_ffff;
            let is_valid = base < 122 && digits.iter().all(|digit| *digit < 7);
            prop_assert_eq!(is_coarse_cell(cell), is_valid);
            // Any bit outside base cell and used digits decides alone.
            if !(36..52).contains(&flipped) {
                prop_assert!(!is_coarse_cell(cell ^ 1 << flipped));
            }
        }
    }

    #[test]
    fn only_cells_of_resolution_three() {
        // Cells of resolutions 2, 3 and 4 around Berlin: 821f1f.., 831f1d.., 841f1d5...
        assert!(is_coarse_cell(0x0831_f1df_ffff_ffff));
        assert!(!is_coarse_cell(0x0821_f1ff_ffff_ffff));
        assert!(!is_coarse_cell(0x0841_f1d5_ffff_ffff));
        // An edge, an unused digit that is set, a base cell that does not exist, a used digit that is not set.
        assert!(!is_coarse_cell(0x1031_f1df_ffff_ffff));
        assert!(!is_coarse_cell(0x0831_f1df_ffff_fffe));
        assert!(!is_coarse_cell(0x083f_f1df_ffff_ffff));
        assert!(!is_coarse_cell(0x0831_f1ff_ffff_ffff));
        assert!(!is_coarse_cell(0));
    }
}
