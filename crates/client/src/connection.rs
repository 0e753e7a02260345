//! A Solana network's RPC endpoint: one place that retries what is safe to retry and names what was being done.

use {
    crate::Error,
    backon::{ExponentialBuilder, Retryable},
    solana_commitment_config::CommitmentConfig,
    solana_rpc_client::nonblocking::rpc_client::RpcClient,
    solana_rpc_client_api::{
        client_error::{Error as RpcFailure, ErrorKind},
        request::{RpcError, RpcResponseErrorData},
    },
    std::{future::Future, sync::Arc, time::Duration},
    url::{Host, Url},
};

/// How long one request may take before it counts as unanswered.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// A network, reached over JSON-RPC and WebSocket. Cheap to clone. Reads are at commitment `confirmed`.
#[derive(Clone)]
pub struct Connection {
    url: Arc<str>,
    websocket_url: Arc<str>,
    client: Arc<RpcClient>,
}

impl Connection {
    /// `url` as `http://127.0.0.1:8899`. The WebSocket address is derived as every Solana node has it: the same host with
    /// the next port, or the same address where none is given.
    pub fn new(url: &str) -> Result<Self, Error> {
        let websocket_url = websocket_address(url)?;
        Self::with_websocket(url, &websocket_url)
    }

    /// For endpoints whose WebSocket is elsewhere.
    pub fn with_websocket(url: &str, websocket_url: &str) -> Result<Self, Error> {
        parse(url, &["http", "https"])?;
        parse(websocket_url, &["ws", "wss"])?;
        let client =
            RpcClient::new_with_timeout_and_commitment(url.to_owned(), REQUEST_TIMEOUT, CommitmentConfig::confirmed());
        Ok(Self {
            url: url.into(),
            websocket_url: websocket_url.into(),
            client: Arc::new(client),
        })
    }

    /// Over a client whose answers a test decides.
    #[cfg(test)]
    pub(crate) fn scripted(client: RpcClient) -> Self {
        Self {
            url: "http://scripted".into(),
            websocket_url: "ws://scripted".into(),
            client: Arc::new(client),
        }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn websocket_url(&self) -> &str {
        &self.websocket_url
    }

    /// The plain RPC client, for what this crate has no method for.
    pub fn rpc(&self) -> &RpcClient {
        &self.client
    }

    /// Whether the network runs on this machine: then there is no market for fees and no rate limit.
    pub fn is_local(&self) -> bool {
        Url::parse(&self.url).is_ok_and(|url| match url.host() {
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            Some(Host::Domain(name)) => name == "localhost",
            None => false,
        })
    }

    /// Waits until the node answers, for a network that is still starting.
    pub async fn wait_until_ready(&self, patience: Duration) -> Result<(), Error> {
        let deadline = tokio::time::Instant::now() + patience;
        loop {
            match self.client.get_health().await {
                Ok(()) => return Ok(()),
                Err(source) if tokio::time::Instant::now() >= deadline => {
                    return Err(self.unreachable("waiting for the network to start", source));
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }

    /// Makes a request that reads, again if the endpoint was briefly away. `action` completes "did not answer while ...".
    pub(crate) async fn read<T, F>(&self, action: &'static str, request: impl Fn() -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, RpcFailure>>,
    {
        let pauses = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(200))
            .with_max_delay(Duration::from_secs(3))
            .with_max_times(5)
            .with_jitter();
        request
            .retry(pauses)
            .when(is_transient)
            .notify(
                |error, pause| tracing::debug!(%error, ?pause, action, "the RPC endpoint did not answer, asking again"),
            )
            .await
            .map_err(|source| self.unreachable(action, source))
    }

    pub(crate) fn unreachable(&self, action: &'static str, source: RpcFailure) -> Error {
        Error::Unreachable {
            url: self.url.to_string(),
            action,
            source: Box::new(source),
        }
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("Connection").field(&self.url).finish()
    }
}

/// Whether the same request may succeed a moment later: the endpoint was away or behind, it did not say no.
fn is_transient(error: &RpcFailure) -> bool {
    match error.kind() {
        ErrorKind::Io(_) | ErrorKind::Reqwest(_) => true,
        ErrorKind::RpcError(RpcError::RpcResponseError { data, .. }) => {
            matches!(data, RpcResponseErrorData::NodeUnhealthy { .. })
        }
        ErrorKind::RpcError(RpcError::RpcRequestError(_)) => true,
        _ => false,
    }
}

fn parse(url: &str, schemes: &[&str]) -> Result<Url, Error> {
    let bad = |reason: String| Error::BadUrl {
        url: url.to_owned(),
        reason,
    };
    let parsed = Url::parse(url).map_err(|error| bad(error.to_string()))?;
    if !schemes.contains(&parsed.scheme()) {
        return Err(bad(format!("its scheme must be {}", schemes.join(" or "))));
    }
    Ok(parsed)
}

fn websocket_address(url: &str) -> Result<String, Error> {
    let parsed = parse(url, &["http", "https"])?;
    let scheme = if parsed.scheme() == "https" { "wss" } else { "ws" };
    let mut address = parsed.clone();
    let refused = || Error::BadUrl {
        url: url.to_owned(),
        reason: "no WebSocket address follows from it".into(),
    };
    address.set_scheme(scheme).map_err(|()| refused())?;
    if let Some(port) = parsed.port() {
        address
            .set_port(Some(port.checked_add(1).ok_or_else(refused)?))
            .map_err(|()| refused())?;
    }
    Ok(address.to_string())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_websocket_is_on_the_next_port_or_on_the_same_host() {
        assert_eq!(
            websocket_address("http://127.0.0.1:8899").unwrap(),
            "ws://127.0.0.1:8900/"
        );
        assert_eq!(
            websocket_address("https://api.devnet.solana.com").unwrap(),
            "wss://api.devnet.solana.com/"
        );
        assert!(websocket_address("http://127.0.0.1:65535").is_err());
    }

    #[test]
    fn an_address_that_is_none_is_refused_with_an_example() {
        for url in ["", "devnet", "ftp://host", "127.0.0.1:8899"] {
            assert!(
                Connection::new(url)
                    .unwrap_err()
                    .to_string()
                    .contains("http://127.0.0.1:8899"),
                "{url}"
            );
        }
    }

    #[test]
    fn only_loopback_is_local() {
        for (url, local) in [
            ("http://127.0.0.1:1", true),
            ("http://localhost:8899", true),
            ("http://[::1]:8899", true),
            ("http://127.0.0.1.example.com", false),
            ("https://api.devnet.solana.com", false),
        ] {
            assert_eq!(Connection::new(url).unwrap().is_local(), local, "{url}");
        }
    }

    #[tokio::test]
    async fn an_endpoint_that_is_away_is_named() {
        let connection = Connection::new("http://127.0.0.1:1").unwrap();
        let text = connection
            .wait_until_ready(Duration::from_millis(100))
            .await
            .unwrap_err()
            .to_string();
        assert!(
            text.contains("http://127.0.0.1:1") && text.contains("waiting for the network"),
            "{text}"
        );
    }
}
