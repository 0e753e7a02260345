//! What can go wrong between here and the chain, and what to do about it.

use {crate::Refusal, solana_address::Address, solana_signature::Signature, std::path::PathBuf, thiserror::Error};

#[derive(Debug, Error)]
pub enum Error {
    /// A program, or the runtime before it, said no. Nothing was changed on chain; a fee may have been paid.
    #[error("{0}")]
    Refused(Box<Refusal>),

    #[error("{url} did not answer while {action}: {source}. Check that the network runs and that the URL is right")]
    Unreachable {
        url: String,
        action: &'static str,
        source: Box<solana_rpc_client_api::client_error::Error>,
    },

    #[error(
        "{url} is not an RPC address: {reason}. It looks like http://127.0.0.1:8899 or https://api.devnet.solana.com"
    )]
    BadUrl { url: String, reason: String },

    #[error("there is no place at latitude {latitude}, longitude {longitude}: {reason}. Give both in degrees")]
    BadLocation {
        latitude: f64,
        longitude: f64,
        reason: String,
    },

    #[error(
        "the transaction did not land although it was signed {signings} times; the network may be overloaded: raise the priority fee, or try again. Nothing happened on chain (last signature {last})"
    )]
    Expired { signings: u32, last: Signature },

    #[error("there is no {kind} at {address} on this network")]
    NotFound { kind: &'static str, address: Address },

    #[error("the account {address} is not a {kind}: {reason}. Check that this program version matches the network's")]
    WrongAccount {
        kind: &'static str,
        address: Address,
        reason: String,
    },

    #[error("the instructions do not fit into one transaction: {reason}. Send them in several transactions")]
    TooLarge { reason: String },

    #[error("the transaction needs the signature of {address}: pass its keypair")]
    MissingSigner { address: Address },

    #[error("the key file {path} {reason}")]
    KeyFile { path: PathBuf, reason: String },

    #[error("the subscription at {url} failed: {reason}")]
    Subscription { url: String, reason: String },

    #[error("the chain answered with something that this version does not understand: {0}")]
    Unexpected(String),
}

impl Error {
    /// The refusal, if this is one: lets a caller act on a named program error.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }

    /// Whether a program refused with exactly this error code of this program.
    pub fn is_refusal_of(&self, program: &Address, code: u32) -> bool {
        self.refusal()
            .is_some_and(|refusal| refusal.program == Some(*program) && refusal.code == Some(code))
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(Box::new(refusal))
    }
}
