//! How a node fetches.

use std::time::Duration;

use crate::{
    error::{Error, Result},
    manifest::{Manifest, is_contact},
};

/// The product token that sites name in robots.txt.
pub const AGENT: &str = "LumoraBot";

/// Bounds and manners of a [`super::Fetcher`].
#[derive(Clone, Debug)]
pub struct FetchOptions {
    /// Whom a site's owner can write to.
    pub contact: String,
    /// Most bytes of a page after decompression.
    pub max_bytes: u64,
    /// Most requests per second to one site.
    pub requests_per_second: f64,
    /// Connections to one site at a time.
    pub connections_per_host: usize,
    /// Until a request, body included, is given up.
    pub timeout: Duration,
    /// Until a connection is given up.
    pub connect_timeout: Duration,
    /// Redirects of one page that are followed.
    pub max_redirects: usize,
    /// Attempts after the first, where the failure may pass.
    pub retries: usize,
    /// Wait before the first retry; doubles for each, with jitter.
    pub retry_delay: Duration,
    /// Longest Crawl-delay and Retry-After that are waited for; pages that ask for more are skipped.
    pub max_wait: Duration,
    /// Whether loopback, private and link-local addresses may be fetched: for tests and demonstrations on one machine.
    /// With it, a hostile page can make the node ask its own network.
    pub allow_private_addresses: bool,
}

impl FetchOptions {
    /// The defaults, with this contact.
    pub fn new(contact: impl Into<String>) -> Self {
        Self {
            contact: contact.into(),
            max_bytes: 4 << 20,
            requests_per_second: 1.0,
            connections_per_host: 1,
            timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(10),
            max_redirects: 5,
            retries: 3,
            retry_delay: Duration::from_millis(500),
            max_wait: Duration::from_secs(60),
            allow_private_addresses: false,
        }
    }

    /// As the manifest asks.
    pub fn for_manifest(manifest: &Manifest) -> Self {
        Self {
            max_bytes: manifest.max_bytes,
            requests_per_second: manifest.requests_per_second,
            timeout: Duration::from_secs(manifest.timeout_seconds.into()),
            ..Self::new(manifest.contact.clone())
        }
    }

    /// The User-Agent header: who asks and how to object.
    pub(crate) fn user_agent(&self) -> Result<String> {
        if is_contact(&self.contact) {
            Ok(format!("{AGENT}/{} (+{})", env!("CARGO_PKG_VERSION"), self.contact))
        } else {
            Err(Error::BadContact {
                found: self.contact.clone(),
            })
        }
    }

    /// Time between the starts of two requests to one site.
    pub(crate) fn interval(&self) -> Duration {
        let rate = if self.requests_per_second.is_finite() {
            self.requests_per_second.max(0.001)
        } else {
            1.0
        };
        Duration::from_secs_f64(1.0 / rate)
    }
}
