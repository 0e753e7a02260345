//! Where nodes and data are: a thousand real cities.

use lumora_core::geo::{SCALE, UnitVector};

/// The 1,000 most populous places of GeoNames' `cities15000`, CC BY 4.0. The file states source and changes.
const CITIES: &str = include_str!("../data/cities.csv");

/// Cities from which much of the web is served, whatever their population: the sites of the large exchange points.
const HOSTING: [&str; 12] = [
    "Amsterdam",
    "Dallas",
    "Dublin",
    "Frankfurt am Main",
    "London",
    "Mumbai",
    "Paris",
    "Singapore",
    "Sydney",
    "São Paulo",
    "Tokyo",
    "Washington",
];

/// A city.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct City {
    /// Its name in Latin letters.
    pub name: &'static str,
    /// ISO 3166-1 code of its country.
    pub country: &'static str,
    /// Degrees north.
    pub latitude: f64,
    /// Degrees east.
    pub longitude: f64,
    /// People.
    pub population: u32,
}

impl City {
    /// Whether it is one from which much of the web is served.
    pub fn is_hosting(&self) -> bool {
        HOSTING.contains(&self.name)
    }
}

/// The cities, the most populous first.
pub fn cities() -> Vec<City> {
    CITIES.lines().filter_map(parse).collect()
}

/// A line of the file; `None` for its comments and headings.
fn parse(line: &'static str) -> Option<City> {
    let mut parts = line.split(',');
    let (name, country) = (parts.next()?, parts.next()?);
    let (latitude, longitude) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    let population = parts.next()?.parse().ok()?;
    Some(City {
        name,
        country,
        latitude,
        longitude,
        population,
    })
}

/// The point at these degrees as the chain stores it.
pub fn unit_vector(latitude: f64, longitude: f64) -> UnitVector {
    let (sin_latitude, cos_latitude) = latitude.to_radians().sin_cos();
    let (sin_longitude, cos_longitude) = longitude.to_radians().sin_cos();
    // The product lies within i16: sines and cosines are at most one.
    let component = |value: f64| (value * f64::from(SCALE)).round() as i16;
    UnitVector {
        x: component(cos_latitude * cos_longitude),
        y: component(cos_latitude * sin_longitude),
        z: component(sin_latitude),
    }
}

#[cfg(test)]
mod tests {
    use lumora_core::geo::chord_distance;

    use super::*;

    #[test]
    fn every_line_is_a_city_on_the_globe() {
        let cities = cities();
        assert_eq!(cities.len(), 1_000);
        assert_eq!(cities.iter().filter(|city| city.is_hosting()).count(), HOSTING.len());
        for city in &cities {
            assert!(unit_vector(city.latitude, city.longitude).is_unit(), "{}", city.name);
            assert!(city.population > 100_000, "{}", city.name);
        }
    }

    #[test]
    fn london_is_344_km_from_paris() {
        let cities = cities();
        let [london, paris] = ["London", "Paris"].map(|name| {
            let city = cities.iter().find(|city| city.name == name);
            city.map(|city| unit_vector(city.latitude, city.longitude))
                .unwrap_or_default()
        });
        assert!(chord_distance(london, paris).0.abs_diff(344) <= 2);
    }
}
