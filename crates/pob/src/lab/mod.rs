//! Links of a known rate, for tests, benches and the demo: a shaped link into a network namespace where the machine
//! allows it ([`Link`]), else a relay in user space ([`Relay`]); and nodes that [`cheat`].

pub mod cheat;
mod forward;
mod link;
mod relay;

pub use forward::forward;
pub use link::{Link, cleanup_stale};
pub use relay::{Relay, Shape};

use std::io;

/// Why a link could not be made.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    #[error("shaped links need root (this process runs as user {0}). Run as root, or use the relay")]
    NotRoot(u32),
    #[error("cannot run `{command}`: {source}. Install iproute2 (Debian: apt-get install iproute2)")]
    NoTool { command: String, source: io::Error },
    #[error("`{command}` failed: {output}. This kernel or container may not allow network namespaces; use the relay")]
    Command { command: String, output: String },
    #[error("the link index {0} is taken by another link of this machine. Choose another (1 to 254)")]
    IndexTaken(u8),
    #[error("every link index from 128 to 254 is taken: too many links on this machine")]
    NoFreeIndex,
    #[error("`{0}` is no name for a link: use 1 to 20 of a-z, 0-9 and -")]
    BadName(String),
    #[error("the kernel does not tell how many bytes went over the link: {0}")]
    Counter(#[source] io::Error),
    #[error("the relay cannot open a socket: {0}")]
    Socket(#[source] io::Error),
}
