//! An embedded Solana network on loopback, with every Lumora program deployed through the real loader and initialised by
//! the same migrations that a public network gets.
//!
//! ```no_run
//! # async fn example() -> Result<(), lumora_localnet::Error> {
//! let localnet = lumora_localnet::Localnet::start(lumora_localnet::Options::new("target/deploy")).await?;
//! println!("{} {}", localnet.rpc_url(), localnet.websocket_url());
//! # Ok(()) }
//! ```

mod clock;
mod engine;
mod environment;
mod error;
mod localnet;

/// Keys of a local network. Anybody can derive them: they are worth nothing anywhere else.
pub mod keys;

pub use error::Error;
pub use localnet::{Localnet, Options};
