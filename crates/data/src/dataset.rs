//! Datasets: built from the results of a job's shards, packaged for sale, opened and verified by the buyer. All of it in
//! memory that does not grow with the dataset, and going on where a killed process stopped.
//!
//! 1. [`build()`] merges the shards' records, leaves out duplicates and sorts, in a work folder.
//! 2. [`package()`] encrypts rows and provenance into the store and writes the [`Package`] and the data [`Card`].
//! 3. Once the dataset is listed, [`Sample::new`] shows rows that a block's hash chose.
//! 4. [`describe`] reads what can be known before paying; [`download`] opens what was bought; [`verify`] checks it again;
//!    [`export`] writes CSV and Parquet.

mod build;
mod card;
mod export;
mod open;
mod package;
mod provenance;
mod sample;
mod schema;

pub use build::{Build, BuildProgress, Built, MAX_SHARDS, Shards, build};
pub use card::{Card, RobotsSummary, Source};
pub use export::{Format, Formulas, export};
pub use open::{Described, Listed, ShardClaim, Statements, Verification, describe, download, verify};
pub use package::{Package, Packaged, Progress, SealedStream, package};
pub use provenance::Origin;
pub use sample::{Sample, SampleRow, sample_name, sample_rows};
pub use schema::{FieldSchema, Inference, Kind, MAX_COLUMNS, Misfit};
