//! A shard of a job: running it on a node, what comes out, and sealing that for the client.

mod result;
mod run;
mod sealed;

pub use result::{Counts, PageOutcome, RobotsNote, ShardResult, ShardRows, Work};
pub use run::{Progress, run_shard};
pub use sealed::{SealedShard, open, open_rows, result_name, seal};
