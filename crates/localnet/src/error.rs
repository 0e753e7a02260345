//! Why a local network did not start or serve.

use {std::path::PathBuf, thiserror::Error};

#[derive(Debug, Error)]
pub enum Error {
    #[error("the embedded network did not start: {0}")]
    Start(String),

    #[error("port {port} on 127.0.0.1 is taken: {reason}. Stop what uses it, or choose another port")]
    PortTaken { port: u16, reason: String },

    #[error("no two neighbouring free ports were found on 127.0.0.1")]
    NoFreePorts,

    #[error("the embedded network did not confirm within {seconds} s that it stopped; its ports may still be bound")]
    Stop { seconds: u64 },

    #[error("the environment file {path} could not be written: {source}")]
    Environment { path: PathBuf, source: std::io::Error },

    #[error("an airdrop of {lamports} lamports did not arrive")]
    Airdrop { lamports: u64 },

    #[error(transparent)]
    Migration(#[from] lumora_migrations::Error),

    #[error(transparent)]
    Client(#[from] lumora_client::Error),
}
