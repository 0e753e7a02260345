//! Fetching pages politely: robots.txt, pacing, redirects by hand, bounds on everything a server can send.

mod client;
mod connection;
mod host;
mod options;
mod resolver;
mod skip;
mod throttle;

pub use client::{Fetcher, Hosts, Page};
pub use options::{AGENT, FetchOptions, MAX_PUBLIC_RATE};
pub use skip::{Skip, SkipReason};
pub use throttle::{Paused, Throttle};
