//! Every rule that must give the same answer on and off chain: who may take a shard, what a quorum signs, how a
//! result agrees with another, how money splits. Pure functions of their arguments; no clock, no I/O, no framework.
//!
//! All arithmetic is in integers and total: no function here panics, whatever the input.

#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs)]

extern crate alloc;

pub mod adaptation;
pub mod agreement;
pub mod allocation;
pub mod attestation;
pub mod contribution;
pub mod delivery;
pub mod emission;
pub mod geo;
pub mod hash;
pub mod log;
pub mod median;
pub mod merkle;
pub mod parameters;
pub mod provenance;
pub mod quorum;
pub mod reason;
pub mod reputation;
pub mod result;
pub mod rounds;
pub mod schedule;
pub mod score;
pub mod seed;
pub mod sketch;
pub mod slash;
pub mod split;
pub mod turn;
pub mod units;
pub mod verdict;
pub mod vesting;
