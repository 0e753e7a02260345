//! How a node fetches.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use url::{Host, Url};

use crate::{
    error::{Error, Result},
    manifest::{Manifest, is_contact},
};

/// The product token that sites name in robots.txt.
pub const AGENT: &str = "LumoraBot";

/// Most requests per second to a public site, whatever the manifest says: a client must not be able to turn nodes against
/// a site. Sites at private addresses, which the node's owner has to allow, are served as fast as the manifest says.
pub const MAX_PUBLIC_RATE: f64 = 5.0;

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

    /// As the manifest asks, reaching private addresses if all of its sites are among those listed. Pages and redirects stay
    /// on the manifest's sites, so that nothing else can be reached.
    pub fn for_manifest_at(manifest: &Manifest, private_addresses: &[SocketAddr]) -> Self {
        Self {
            allow_private_addresses: manifest.sites.iter().all(|site| is_listed(site, private_addresses)),
            ..Self::for_manifest(manifest)
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
    pub fn interval(&self) -> Duration {
        let fastest = if self.allow_private_addresses {
            f64::INFINITY
        } else {
            MAX_PUBLIC_RATE
        };
        // max and min pass over a NaN.
        let rate = self.requests_per_second.max(0.001).min(fastest);
        Duration::from_secs_f64(1.0 / rate)
    }
}

/// Whether the site is one of the listed addresses, written as an address: a name could lead anywhere.
fn is_listed(site: &Url, listed: &[SocketAddr]) -> bool {
    let address: IpAddr = match site.host() {
        Some(Host::Ipv4(address)) => address.into(),
        Some(Host::Ipv6(address)) => address.into(),
        _ => return false,
    };
    site.port_or_known_default()
        .is_some_and(|port| listed.contains(&SocketAddr::new(address, port)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_addresses_are_let_through() {
        let listed = ["10.77.1.1:80".parse().unwrap(), "[::1]:8080".parse().unwrap()];
        let is_listed = |site: &str| is_listed(&site.parse().unwrap(), &listed);
        assert!(is_listed("http://10.77.1.1/docs") && is_listed("http://[::1]:8080"));
        for other in [
            "http://10.77.1.1:81",
            "https://10.77.1.1",
            "http://10.77.1.2",
            "http://localhost:8080",
            "http://[::1]",
        ] {
            assert!(!is_listed(other), "{other}");
        }
    }

    #[test]
    fn public_sites_are_spared_whatever_the_manifest_says() {
        let interval = |requests_per_second, allow_private_addresses| {
            let options = FetchOptions {
                requests_per_second,
                allow_private_addresses,
                ..FetchOptions::new("")
            };
            options.interval().as_secs_f64()
        };
        assert_eq!(interval(1_000.0, false), 1.0 / MAX_PUBLIC_RATE);
        assert_eq!(interval(1_000.0, true), 0.001);
        assert_eq!(interval(0.5, false), 2.0);
        for odd in [0.0, -1.0, f64::NAN] {
            assert_eq!(interval(odd, false), 1_000.0, "{odd}");
        }
    }
}
