//! Datasets: built from the results of a job's shards, packaged for sale, opened and verified by the buyer.

mod build;
mod card;
mod export;
mod open;
mod package;

pub use build::{Build, Dataset, build};
pub use card::{Card, FieldSchema, RobotsSummary, Source};
pub use export::write_csv;
pub use open::{Listed, ShardClaim, Verification, open};
pub use package::{DatasetIndex, Packaged, package};
