//! Links of a known rate, for tests, benches and the demo.

/// Why a link could not be made.
#[derive(Debug, thiserror::Error)]
pub enum LabError {}
