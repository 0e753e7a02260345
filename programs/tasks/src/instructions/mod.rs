//! One file per instruction: its accounts, their validation, and what it does.

pub mod cancel_job;
pub mod claim_shard;
pub mod close_assignment;
pub mod close_job;
pub mod close_verdict;
pub mod commit_result;
pub mod create_job;
pub mod expire_assignment;
pub mod initialize;
pub mod refund_job;
pub mod reject_result;
pub mod reveal_result;
pub mod settle_shard;
pub mod slash_assignment;

pub use cancel_job::*;
pub use claim_shard::*;
pub use close_assignment::*;
pub use close_job::*;
pub use close_verdict::*;
pub use commit_result::*;
pub use create_job::*;
pub use expire_assignment::*;
pub use initialize::*;
pub use refund_job::*;
pub use reject_result::*;
pub use reveal_result::*;
pub use settle_shard::*;
pub use slash_assignment::*;
