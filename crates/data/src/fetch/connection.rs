//! Connections of a fetcher: names resolved to public addresses only, receive buffers within bounds, every byte through the
//! throttle.

use std::{
    io,
    net::Shutdown,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http_body_util::Empty;
use hyper::{
    Uri,
    rt::{Read, ReadBufCursor, Write},
};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{
        Client,
        connect::{Connected, Connection, HttpConnector},
    },
    rt::{TokioExecutor, TokioTimer},
};
use rustls::{ClientConfig, crypto::ring};
use rustls_platform_verifier::BuilderVerifierExt;
use socket2::SockRef;
use tokio::{
    net::TcpStream,
    time::{Instant, Sleep, sleep_until},
};
use tower_http::decompression::Decompression;
use tower_service::Service;

use super::{
    options::FetchOptions,
    resolver::Resolver,
    throttle::{Grant, Throttle},
};
use crate::error::{Error, Result};

/// Idle connections are closed after this long.
const IDLE: Duration = Duration::from_secs(90);
/// Most bytes that are read at once.
const READ: usize = 16 << 10;

/// Sends requests and unpacks the bodies of their answers. Cheap to clone.
pub(super) type HttpClient = Decompression<Client<HttpsConnector<Connector>, Empty<Bytes>>>;

/// A client with these options whose traffic goes through `throttle`. It knows no proxies, which would resolve names
/// themselves, behind the back of the address check.
pub(super) fn client(options: &FetchOptions, throttle: Throttle) -> Result<HttpClient> {
    let mut tcp = HttpConnector::new_with_resolver(Resolver {
        public_only: !options.allow_private_addresses,
    });
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(options.connect_timeout));
    tcp.set_recv_buffer_size(throttle.receive_buffer());
    let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(BuilderVerifierExt::with_platform_verifier)
        .map_err(|source| Error::Client { source })?
        .with_no_client_auth();
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_or_http()
        .enable_http1()
        .wrap_connector(Connector { tcp, throttle });
    let client = Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(options.connections_per_host)
        .build(connector);
    Ok(Decompression::new(client))
}

/// Makes connections.
#[derive(Clone)]
pub(super) struct Connector {
    tcp: HttpConnector<Resolver>,
    throttle: Throttle,
}

impl Service<Uri> for Connector {
    type Response = Throttled;
    type Error = <HttpConnector<Resolver> as Service<Uri>>::Error;
    type Future = BoxFuture<'static, Result<Throttled, Self::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.tcp.poll_ready(context)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let (connecting, throttle) = (self.tcp.call(uri), self.throttle.clone());
        Box::pin(async move {
            let tcp = Arc::new(connecting.await?.into_inner());
            throttle.connected(&tcp);
            Ok(Throttled {
                tcp,
                throttle,
                wait: None,
            })
        })
    }
}

/// A TCP connection that is read no faster than the throttle allows.
pub(super) struct Throttled {
    /// Shared with the throttle, which asks how much is unread.
    tcp: Arc<TcpStream>,
    throttle: Throttle,
    wait: Option<Pin<Box<Sleep>>>,
}

impl Throttled {
    /// Leave to read up to `wanted` bytes.
    fn poll_leave(&mut self, context: &mut Context<'_>, wanted: u64) -> Poll<Grant> {
        loop {
            if let Some(wait) = &mut self.wait {
                ready!(wait.as_mut().poll(context));
                self.wait = None;
            }
            match self.throttle.may_read(wanted) {
                Ok(grant) => return Poll::Ready(grant),
                Err(wait) => self.wait = Some(Box::pin(sleep_until(Instant::now() + wait))),
            }
        }
    }
}

impl Read for Throttled {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, mut into: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let wanted = into.remaining().min(READ);
        let mut bytes = [0; READ];
        loop {
            // An idle connection waits for its peer and not for the throttle.
            ready!(this.tcp.poll_read_ready(context))?;
            let grant = ready!(this.poll_leave(context, wanted as u64));
            let most = wanted.min(usize::try_from(grant.payload).unwrap_or(READ));
            let read = this.tcp.try_read(&mut bytes[..most]);
            this.throttle.read(grant, read.as_ref().map_or(0, |read| *read as u64));
            match read {
                Ok(read) => {
                    into.put_slice(&bytes[..read]);
                    return Poll::Ready(Ok(()));
                }
                // It was not ready after all; the readiness is cleared by now.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl Write for Throttled {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.tcp.poll_write_ready(context))?;
            match self.tcp.try_write(bytes) {
                Ok(written) => {
                    self.throttle.written(written as u64);
                    return Poll::Ready(Ok(written));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // The kernel sends what it has.
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(SockRef::from(&*self.tcp).shutdown(Shutdown::Write))
    }
}

impl Drop for Throttled {
    fn drop(&mut self) {
        self.throttle.disconnected(&self.tcp);
    }
}

impl Connection for Throttled {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}
