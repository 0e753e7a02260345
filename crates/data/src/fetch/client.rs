//! The fetcher: one page at a time through every check, over HTTP.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use backon::{BackoffBuilder, ExponentialBuilder};
use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Empty};
use hyper::{
    StatusCode,
    body::Body,
    header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER, USER_AGENT},
};
use tower_service::Service;
use url::{Host as UrlHost, Url};

use super::{
    connection::{self, HttpClient},
    host::{Host, KnownRules},
    options::{AGENT, FetchOptions},
    resolver::NotPublic,
    skip::{Skip, SkipReason},
    throttle::Throttle,
};
use crate::{
    address::is_public,
    error::{Error, Result},
    manifest::{Format, Manifest, visitable},
    robots::{self, Origin, RobotsDecision, Rules},
};

/// RFC 9309, section 2.3.1.2: at least five consecutive redirects of robots.txt are followed.
const ROBOTS_REDIRECTS: usize = 5;

/// A page that was had.
#[derive(Clone, Debug)]
pub struct Page {
    /// As asked for.
    pub url: Url,
    /// After redirects.
    pub final_url: Url,
    /// The Content-Type header.
    pub content_type: Option<String>,
    /// The body, decompressed.
    pub body: Bytes,
    /// Unix time at which it had arrived.
    pub fetched_at: i64,
    /// What robots.txt said about the final URL.
    pub robots: RobotsDecision,
}

/// What is known of sites: their robots.txt, and when each was last asked. Cheap to clone; fetchers that share it keep
/// one site's pace together.
#[derive(Clone, Default)]
pub struct Hosts(Arc<Mutex<HashMap<url::Origin, Arc<Host>>>>);

impl Hosts {
    fn of(&self, url: &Url, connections: usize) -> Arc<Host> {
        let mut hosts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(
            hosts
                .entry(url.origin())
                .or_insert_with(|| Arc::new(Host::new(connections))),
        )
    }
}

/// Fetches pages. A node with several jobs has one for each, and lets them share what is known of sites
/// ([`Fetcher::sharing`]) and the rate that all may use together.
pub struct Fetcher {
    client: HttpClient,
    user_agent: HeaderValue,
    options: FetchOptions,
    hosts: Hosts,
    throttle: Throttle,
}

/// What one request asks for.
struct Request<'a> {
    url: &'a Url,
    accept: &'static str,
    interval: Duration,
    limit: u64,
    /// Read up to the limit and drop the rest, instead of refusing.
    truncate: bool,
    /// Content types that are read; all if none.
    format: Option<Format>,
}

/// What came back, after retries.
enum Reply {
    Redirect(Option<Url>),
    Body { content_type: Option<String>, body: Bytes },
    Status(StatusCode),
}

enum Attempt {
    Done(Reply),
    Again { skip: Skip, wait: Option<Duration> },
    Never(Skip),
}

impl Fetcher {
    /// A fetcher with these manners, as fast as they allow.
    pub fn new(options: FetchOptions) -> Result<Self> {
        Self::throttled(options, Throttle::unlimited())
    }

    /// A fetcher with these manners, whose traffic goes through `throttle`.
    pub fn throttled(options: FetchOptions, throttle: Throttle) -> Result<Self> {
        let user_agent = options.user_agent()?;
        let user_agent = HeaderValue::from_str(&user_agent).map_err(|_| Error::BadContact {
            found: options.contact.clone(),
        })?;
        Ok(Self {
            client: connection::client(&options, throttle.clone())?,
            user_agent,
            options,
            hosts: Hosts::default(),
            throttle,
        })
    }

    /// Keeps the pace of each site together with the other fetchers that share `hosts`.
    #[must_use]
    pub fn sharing(self, hosts: Hosts) -> Self {
        Self { hosts, ..self }
    }

    /// The manners.
    pub fn options(&self) -> &FetchOptions {
        &self.options
    }

    /// Fetches the page at `url`, following redirects as long as each address passes every check.
    pub async fn fetch(&self, manifest: &Manifest, url: &Url) -> Result<Page, Skip> {
        let mut current = url.clone();
        for hop in 0..=self.options.max_redirects {
            if let Err(why) = visitable(&current) {
                return Err(Skip::new(
                    if hop == 0 {
                        SkipReason::OutOfScope
                    } else {
                        SkipReason::BadRedirect
                    },
                    why,
                ));
            }
            if !manifest.covers(&current) {
                let reason = if hop == 0 {
                    SkipReason::OutOfScope
                } else {
                    SkipReason::RedirectedOutOfScope
                };
                return Err(Skip::new(reason, current));
            }
            let decision = self.robots(&current).await?;
            if !decision.allowed {
                return Err(match (&decision.origin, &decision.rule) {
                    (Origin::Unreachable, _) => {
                        Skip::new(SkipReason::RobotsUnreachable, current.origin().ascii_serialization())
                    }
                    (_, rule) => Skip::new(
                        SkipReason::RobotsDisallowed,
                        rule.clone().unwrap_or_else(|| current.to_string()),
                    ),
                });
            }
            let delay = decision.crawl_delay.unwrap_or_default();
            if delay > self.options.max_wait {
                return Err(Skip::new(
                    SkipReason::CrawlDelayTooLong,
                    format!("{} s", delay.as_secs()),
                ));
            }
            let request = Request {
                url: &current,
                accept: accept(manifest.format),
                interval: self.options.interval().max(delay),
                limit: self.options.max_bytes,
                truncate: false,
                format: Some(manifest.format),
            };
            match self.request(&request).await? {
                Reply::Redirect(Some(next)) => current = next,
                Reply::Redirect(None) => {
                    return Err(Skip::new(SkipReason::BadRedirect, "without a Location that is a URL"));
                }
                Reply::Status(status) => return Err(skip_for(status)),
                Reply::Body { content_type, body } => {
                    let url = url.clone();
                    return Ok(Page {
                        url,
                        final_url: current,
                        content_type,
                        body,
                        fetched_at: unix_time(),
                        robots: decision,
                    });
                }
            }
        }
        Err(Skip::new(
            SkipReason::TooManyRedirects,
            format!("more than {}", self.options.max_redirects),
        ))
    }

    /// What the site's robots.txt says about `url`, fetching it if it is not known yet.
    pub async fn robots(&self, url: &Url) -> Result<RobotsDecision, Skip> {
        let host = self.host(url);
        let mut known = host.robots.lock().await;
        if let Some(known) = known.as_ref().filter(|known| known.is_fresh()) {
            return Ok(known.rules.decide(url));
        }
        let learned = self.fetch_rules(url).await?;
        let decision = learned.rules.decide(url);
        *known = Some(learned);
        Ok(decision)
    }

    async fn fetch_rules(&self, page: &Url) -> Result<KnownRules, Skip> {
        let mut current = page.clone();
        current.set_path("/robots.txt");
        current.set_query(None);
        current.set_fragment(None);
        for _ in 0..=ROBOTS_REDIRECTS {
            let request = Request {
                url: &current,
                accept: "text/plain, */*;q=0.1",
                interval: self.options.interval(),
                limit: robots::MAX_BYTES as u64 + 1,
                truncate: true,
                format: None,
            };
            match self.request(&request).await {
                // Where private addresses are allowed, only the scope of the job protects the node's own network, and a
                // robots.txt is outside of it.
                Ok(Reply::Redirect(Some(next)))
                    if self.options.allow_private_addresses && next.origin() != page.origin() =>
                {
                    return Ok(KnownRules::unreachable());
                }
                Ok(Reply::Redirect(Some(next))) if visitable(&next).is_ok() => current = next,
                Ok(Reply::Redirect(_)) => return Ok(KnownRules::read(Rules::unavailable())),
                Ok(Reply::Body { body, .. }) => return Ok(KnownRules::read(Rules::parse(&body, AGENT))),
                Ok(Reply::Status(status)) => {
                    return Ok(KnownRules::read(Rules::for_status(status.as_u16(), &[], AGENT)));
                }
                // Not the site's failing: the address must not be asked at all.
                Err(skip) if skip.reason == SkipReason::PrivateAddress => return Err(skip),
                Err(skip) => {
                    tracing::info!(site = %page.origin().ascii_serialization(), %skip, "robots.txt could not be read");
                    return Ok(KnownRules::unreachable());
                }
            }
        }
        Ok(KnownRules::read(Rules::unavailable()))
    }

    fn host(&self, url: &Url) -> Arc<Host> {
        self.hosts.of(url, self.options.connections_per_host)
    }

    /// One request, repeated with growing delays while the failure may pass.
    async fn request(&self, request: &Request<'_>) -> Result<Reply, Skip> {
        if !self.options.allow_private_addresses {
            refuse_private_literal(request.url)?;
        }
        let host = self.host(request.url);
        let mut delays = ExponentialBuilder::default()
            .with_min_delay(self.options.retry_delay)
            .with_max_delay(self.options.max_wait)
            .with_max_times(self.options.retries)
            .with_jitter()
            .build();
        loop {
            let attempt = {
                let _turn = host.turn(request.interval, &self.throttle).await;
                tokio::time::timeout(self.options.timeout, self.attempt(request))
                    .await
                    .unwrap_or_else(|_| timed_out(self.options.timeout))
            };
            match attempt {
                Attempt::Done(reply) => return Ok(reply),
                Attempt::Never(skip) => return Err(skip),
                Attempt::Again { skip, wait } => {
                    let Some(delay) = delays.next() else { return Err(skip) };
                    if let Some(wait) = wait {
                        if wait > self.options.max_wait {
                            let detail = format!("Retry-After {} s", wait.as_secs());
                            return Err(Skip::new(SkipReason::RateLimited, detail));
                        }
                        // The whole site asked for quiet, not this page alone.
                        host.pause(wait).await;
                    }
                    tokio::time::sleep(delay).await;
                }
            }
        }
    }

    async fn attempt(&self, request: &Request<'_>) -> Attempt {
        let asked = hyper::Request::get(request.url.as_str())
            .header(USER_AGENT, &self.user_agent)
            .header(ACCEPT, request.accept)
            .body(Empty::new());
        let asked = match asked {
            Ok(asked) => asked,
            Err(error) => return Attempt::Never(Skip::new(SkipReason::Unreachable, error.to_string())),
        };
        let response = match self.client.clone().call(asked).await {
            Ok(response) => response,
            Err(error) => return unreachable(&error),
        };
        let status = response.status();
        let headers = response.headers();
        if status.is_redirection() && status != StatusCode::NOT_MODIFIED {
            let target = headers
                .get(LOCATION)
                .and_then(|value| std::str::from_utf8(value.as_bytes()).ok());
            return Attempt::Done(Reply::Redirect(target.and_then(|target| request.url.join(target).ok())));
        }
        if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
            return Attempt::Again {
                skip: skip_for(status),
                wait: retry_after(headers, SystemTime::now()),
            };
        }
        if status != StatusCode::OK && status != StatusCode::NON_AUTHORITATIVE_INFORMATION {
            return Attempt::Done(Reply::Status(status));
        }
        let content_type = headers
            .get(CONTENT_TYPE)
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        if let (Some(format), Some(found)) = (request.format, &content_type)
            && !is_of(format, found)
        {
            return Attempt::Never(Skip::new(
                SkipReason::WrongType,
                found.chars().take(100).collect::<String>(),
            ));
        }
        let length = headers
            .get(CONTENT_LENGTH)
            .and_then(|value| value.to_str().ok()?.parse().ok());
        match read_body(response.into_body(), length, request).await {
            Ok(body) => Attempt::Done(Reply::Body { content_type, body }),
            Err(attempt) => attempt,
        }
    }
}

/// Reads a body up to the limit: what arrives is counted after decompression, so a small body that unfolds to gigabytes
/// is dropped as soon as it passes the limit.
async fn read_body<B>(body: B, length: Option<u64>, request: &Request<'_>) -> Result<Bytes, Attempt>
where
    B: Body<Data = Bytes, Error: std::fmt::Display>,
{
    let too_large = |bytes: u64| Attempt::Never(Skip::new(SkipReason::TooLarge, format!("more than {bytes} bytes")));
    if !request.truncate && length.is_some_and(|length| length > request.limit) {
        return Err(too_large(request.limit));
    }
    let mut body = Box::pin(body);
    let mut read = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Attempt::Again {
            skip: Skip::new(SkipReason::BrokenBody, error.to_string()),
            wait: None,
        })?;
        // Trailers say nothing that is asked for.
        let Ok(data) = frame.into_data() else { continue };
        read.extend_from_slice(&data);
        if read.len() as u64 > request.limit {
            if !request.truncate {
                return Err(too_large(request.limit));
            }
            read.truncate(usize::try_from(request.limit).unwrap_or(usize::MAX));
            break;
        }
    }
    Ok(read.freeze())
}

/// Names are checked when they are resolved; an address written into the URL never is.
fn refuse_private_literal(url: &Url) -> Result<(), Skip> {
    let address = match url.host() {
        Some(UrlHost::Ipv4(address)) => address.into(),
        Some(UrlHost::Ipv6(address)) => address.into(),
        _ => return Ok(()),
    };
    if is_public(address) {
        Ok(())
    } else {
        Err(Skip::new(SkipReason::PrivateAddress, address.to_string()))
    }
}

fn timed_out(after: Duration) -> Attempt {
    Attempt::Again {
        skip: Skip::new(SkipReason::Timeout, format!("after {} s", after.as_secs())),
        wait: None,
    }
}

/// No answer came.
fn unreachable(error: &(dyn std::error::Error + 'static)) -> Attempt {
    let causes = || std::iter::successors(Some(error), |error| error.source());
    if let Some(refused) = causes().find_map(|cause| cause.downcast_ref::<NotPublic>()) {
        return Attempt::Never(Skip::new(SkipReason::PrivateAddress, refused.to_string()));
    }
    let timed_out = causes()
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
        .any(|error| error.kind() == std::io::ErrorKind::TimedOut);
    let reason = if timed_out {
        SkipReason::Timeout
    } else {
        SkipReason::Unreachable
    };
    let innermost = causes().last().map(ToString::to_string).unwrap_or_default();
    Attempt::Again {
        skip: Skip::new(reason, innermost),
        wait: None,
    }
}

fn skip_for(status: StatusCode) -> Skip {
    let reason = match status.as_u16() {
        404 | 410 => SkipReason::NotFound,
        401 | 402 | 403 | 407 | 451 => SkipReason::Forbidden,
        429 => SkipReason::RateLimited,
        500..=599 => SkipReason::ServerError,
        _ => SkipReason::OtherStatus,
    };
    Skip::new(reason, format!("status {}", status.as_u16()))
}

/// Retry-After as a number of seconds or a date.
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    match value.parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => httpdate::parse_http_date(value)
            .ok()
            .map(|date| date.duration_since(now).unwrap_or_default()),
    }
}

fn accept(format: Format) -> &'static str {
    match format {
        Format::Html => "text/html, application/xhtml+xml;q=0.9",
        Format::Json => "application/json",
        Format::Text => "text/plain, text/*;q=0.9",
    }
}

fn is_of(format: Format, content_type: &str) -> bool {
    let essence = content_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    match format {
        Format::Html => essence == "text/html" || essence == "application/xhtml+xml",
        Format::Json => essence == "application/json" || essence == "text/json" || essence.ends_with("+json"),
        Format::Text => essence.starts_with("text/"),
    }
}

fn unix_time() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_in_seconds_and_as_a_date() {
        let wait = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, text.parse().unwrap());
            retry_after(&headers, UNIX_EPOCH + Duration::from_secs(784_111_777 - 20))
        };
        assert_eq!(wait("120"), Some(Duration::from_secs(120)));
        assert_eq!(wait("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Duration::from_secs(20)));
        assert_eq!(wait("Sun, 06 Nov 1994 08:00:00 GMT"), Some(Duration::ZERO));
        assert_eq!(wait("soon"), None);
        assert_eq!(retry_after(&HeaderMap::new(), SystemTime::now()), None);
    }

    #[test]
    fn content_types() {
        assert!(is_of(Format::Html, "Text/HTML; charset=utf-8"));
        assert!(!is_of(Format::Html, "application/pdf"));
        assert!(is_of(Format::Json, "application/ld+json"));
        assert!(!is_of(Format::Json, "text/html"));
        assert!(is_of(Format::Text, "text/markdown"));
    }
}
