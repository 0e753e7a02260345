//! Coarse locations: where a node stands, to within an H3 cell of resolution 3 (about 12,000 square kilometres).
//!
//! Nobody learns more of a provider's home than the cell, and nobody can stand anywhere but at its centre, so that a
//! distance cannot be improved by a metre.

use {
    crate::Error,
    h3o::{CellIndex, LatLng, Resolution},
    lumora_core::geo::{SCALE, UnitVector},
};

/// A cell and its centre, as `register_node` takes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Location {
    /// H3 index of the cell.
    pub h3_cell: u64,
    /// Unit vector of the cell's centre, components scaled to 32,767.
    pub centre: UnitVector,
}

impl Location {
    /// The cell around a point; both in degrees, north and east positive.
    pub fn from_degrees(latitude: f64, longitude: f64) -> Result<Self, Error> {
        let wrong = |reason: String| Error::BadLocation {
            latitude,
            longitude,
            reason,
        };
        if !(-90.0..=90.0).contains(&latitude) {
            return Err(wrong("the latitude lies between -90 and 90 degrees".into()));
        }
        if !(-180.0..=180.0).contains(&longitude) {
            return Err(wrong("the longitude lies between -180 and 180 degrees".into()));
        }
        let point = LatLng::new(latitude, longitude).map_err(|error| wrong(error.to_string()))?;
        Ok(Self::of_cell(point.to_cell(Resolution::Three)))
    }

    /// The components of the centre as the accounts hold them.
    pub fn components(&self) -> [i16; 3] {
        [self.centre.x, self.centre.y, self.centre.z]
    }

    fn of_cell(cell: CellIndex) -> Self {
        let centre = LatLng::from(cell);
        let (latitude, longitude) = (centre.lat_radians(), centre.lng_radians());
        Self {
            h3_cell: cell.into(),
            centre: UnitVector {
                x: scaled(latitude.cos() * longitude.cos()),
                y: scaled(latitude.cos() * longitude.sin()),
                z: scaled(latitude.sin()),
            },
        }
    }
}

/// A component between -1 and 1 as a 16-bit integer; the cast saturates, and rounding keeps the length of the vector.
fn scaled(component: f64) -> i16 {
    (component * f64::from(SCALE)).round() as i16
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use {super::*, lumora_core::geo::chord_distance, proptest::prelude::*};

    #[test]
    fn the_cell_is_the_one_that_h3_gives() {
        // The example of H3's documentation (8928308280fffff at resolution 9), and its parent at resolution 3.
        let here = Location::from_degrees(37.775_938_728_915_946, -122.417_950_630_187_99).unwrap();
        assert_eq!(format!("{:x}", here.h3_cell), "832830fffffffff");
    }

    #[test]
    fn distances_between_cities_are_right_to_within_a_cell() {
        // Great-circle distances are 344 km and 9,559 km; the chord of the latter is 8,687 km.
        let place = |latitude, longitude| Location::from_degrees(latitude, longitude).unwrap().centre;
        let (london, paris, tokyo) = (place(51.51, -0.13), place(48.86, 2.35), place(35.68, 139.69));
        assert!(chord_distance(london, paris).0.abs_diff(344) < 140);
        assert!(chord_distance(london, tokyo).0.abs_diff(8_687) < 140);
    }

    #[test]
    fn a_place_off_the_globe_is_named() {
        for (latitude, longitude) in [(91.0, 0.0), (0.0, 181.0), (f64::NAN, 0.0), (0.0, f64::INFINITY)] {
            let text = Location::from_degrees(latitude, longitude).unwrap_err().to_string();
            assert!(text.contains("between"), "{text}");
        }
    }

    proptest! {
        #[test]
        fn the_program_accepts_every_centre(latitude in -90.0f64..=90.0, longitude in -180.0f64..=180.0) {
            let location = Location::from_degrees(latitude, longitude).unwrap();
            prop_assert!(location.centre.is_unit(), "{:?}", location);
            // Bits 52 to 55 of a cell hold its resolution.
            prop_assert_eq!(location.h3_cell >> 52 & 0xf, 3);
        }
    }
}
