//! Name resolution that yields public addresses only. Checking here, on the very addresses that are connected to, leaves
//! no gap for a name that resolves differently the second time (DNS rebinding).

use std::{
    net::SocketAddr,
    task::{Context, Poll},
    vec,
};

use futures_util::future::BoxFuture;
use hyper_util::client::legacy::connect::dns::Name;
use tower_service::Service;

use crate::address::is_public;

/// A host has no public address.
#[derive(Debug, thiserror::Error)]
#[error("{host} resolves to {address} only, which is not a public address")]
pub(crate) struct NotPublic {
    host: String,
    address: String,
}

/// The system's resolver.
#[derive(Clone)]
pub(crate) struct Resolver {
    /// Whether private, link-local and loopback addresses are left out.
    pub public_only: bool,
}

impl Service<Name> for Resolver {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = Box<dyn std::error::Error + Send + Sync>;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let public_only = self.public_only;
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            if !public_only {
                return Ok(found.into_iter());
            }
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
            Ok(public.into_iter())
        })
    }
}
