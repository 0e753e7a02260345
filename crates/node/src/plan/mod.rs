//! What to do next, given what the chain says, what is on disk and what time it is. Pure: the shell around it reads,
//! asks here, and carries out the answer; it decides nothing.

pub mod allowance;
pub mod link;
pub mod measurement;
pub mod rewards;
pub mod tasks;
