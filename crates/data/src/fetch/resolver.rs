//! Name resolution that yields public addresses only. Checking here, on the very addresses that are connected to, leaves
//! no gap for a name that resolves differently the second time (DNS rebinding).

use std::net::SocketAddr;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::address::is_public;

/// A host has no public address.
#[derive(Debug, thiserror::Error)]
#[error("{host} resolves to {address} only, which is not a public address")]
pub(crate) struct NotPublic {
    host: String,
    address: String,
}

pub(crate) struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let public: Vec<_> = found
                .iter()
                .copied()
                .filter(|address| is_public(address.ip()))
                .collect();
            if public.is_empty() {
                let address = found
                    .first()
                    .map_or_else(|| "nothing".to_owned(), |address| address.ip().to_string());
                return Err(NotPublic {
                    host: name.as_str().to_owned(),
                    address,
                }
                .into());
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}
