//! The fetcher against servers that misbehave, over real HTTP on loopback.
#![allow(clippy::unwrap_used)]

use std::{
    io::Write as _,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{Response, StatusCode},
};
use lumora_data::{
    fetch::{FetchOptions, Fetcher, Hosts, Page, Skip, SkipReason},
    manifest::Manifest,
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use tokio_util::io::ReaderStream;
use url::Url;

type Answer = dyn Fn(&Request) -> Response<Body> + Send + Sync;

/// A server that answers with `answer` and writes down when each path was asked for.
struct Server {
    url: Url,
    log: Arc<Mutex<Vec<(Instant, String, String)>>>,
}

#[derive(Clone)]
struct Shared {
    answer: Arc<Answer>,
    log: Arc<Mutex<Vec<(Instant, String, String)>>>,
}

impl Server {
    async fn start(answer: impl Fn(&Request) -> Response<Body> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let shared = Shared {
            answer: Arc::new(answer),
            log: Arc::clone(&log),
        };
        let router = Router::new()
            .fallback(|State(shared): State<Shared>, request: Request| async move {
                let agent = request
                    .headers()
                    .get("user-agent")
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .to_owned();
                let path = request.uri().path().to_owned();
                shared.log.lock().unwrap().push((Instant::now(), path, agent));
                (shared.answer)(&request)
            })
            .with_state(shared);
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, log }
    }

    fn page(&self, path: &str) -> Url {
        self.url.join(path).unwrap()
    }

    fn asked(&self, path: &str) -> usize {
        self.log
            .lock()
            .unwrap()
            .iter()
            .filter(|(_, asked, _)| asked == path)
            .count()
    }

    fn times(&self) -> Vec<Instant> {
        self.log.lock().unwrap().iter().map(|(at, ..)| *at).collect()
    }
}

fn reply(status: u16, headers: &[(&str, &str)], body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(body.into()).unwrap()
}

fn html(body: impl Into<Body>) -> Response<Body> {
    reply(200, &[("content-type", "text/html")], body)
}

fn missing() -> Response<Body> {
    reply(404, &[], "")
}

fn manifest(server: &Url, changes: Value) -> Manifest {
    let mut manifest = json!({
        "version": 1, "name": "t", "licence": "MIT", "contact": "mailto:ops@example.org",
        "sites": [server], "pages": {"urls": [server.join("page").unwrap()]}, "fields": {"t": {"text": true}},
        "requests_per_second": 1_000.0, "max_bytes": 10_000,
    });
    for (name, value) in changes.as_object().unwrap() {
        manifest[name] = value.clone();
    }
    Manifest::from_json(manifest.to_string().as_bytes()).unwrap()
}

fn options(manifest: &Manifest) -> FetchOptions {
    FetchOptions {
        allow_private_addresses: true,
        retry_delay: Duration::from_millis(5),
        max_wait: Duration::from_secs(2),
        ..FetchOptions::for_manifest(manifest)
    }
}

async fn fetch(server: &Server, path: &str) -> Result<Page, Skip> {
    let manifest = manifest(&server.url, json!({}));
    Fetcher::new(options(&manifest))
        .unwrap()
        .fetch(&manifest, &server.page(path))
        .await
}

fn reason(result: Result<Page, Skip>) -> SkipReason {
    match result {
        Err(skip) => skip.reason,
        Ok(page) => panic!("{} was fetched: {} bytes", page.url, page.body.len()),
    }
}

#[tokio::test]
async fn a_page_comes_with_its_circumstances() {
    let server = Server::start(|request| match request.uri().path() {
        "/robots.txt" => reply(
            200,
            &[],
            "User-agent: LumoraBot\nAllow: /page\nDisallow: /\nCrawl-delay: 0.01",
        ),
        "/page" => html("<p>hello</p>"),
        _ => missing(),
    })
    .await;
    let page = fetch(&server, "page").await.unwrap();
    assert_eq!(&page.body[..], b"<p>hello</p>");
    assert!(page.robots.allowed);
    assert_eq!(page.robots.rule.as_deref(), Some("Allow: /page"));
    assert_eq!(page.robots.crawl_delay, Some(Duration::from_millis(10)));
    assert!(page.fetched_at > 1_700_000_000);
    let agents: Vec<_> = server
        .log
        .lock()
        .unwrap()
        .iter()
        .map(|(.., agent)| agent.clone())
        .collect();
    assert_eq!(agents.len(), 2);
    assert!(
        agents
            .iter()
            .all(|agent| agent.starts_with("LumoraBot/") && agent.ends_with("(+mailto:ops@example.org)"))
    );
}

#[tokio::test]
async fn forbidden_pages_are_never_asked_for() {
    let server = Server::start(|request| match request.uri().path() {
        "/robots.txt" => reply(200, &[], "User-agent: *\nDisallow: /private"),
        "/to-private" => reply(302, &[("location", "/private/x")], ""),
        _ => html("x"),
    })
    .await;
    let manifest = manifest(&server.url, json!({}));
    let fetcher = Fetcher::new(options(&manifest)).unwrap();
    for path in ["private", "private/x?y", "to-private"] {
        let skip = fetcher.fetch(&manifest, &server.page(path)).await.unwrap_err();
        assert_eq!(
            (skip.reason, skip.detail.as_str()),
            (SkipReason::RobotsDisallowed, "Disallow: /private"),
            "{path}"
        );
    }
    fetcher.fetch(&manifest, &server.page("public")).await.unwrap();
    assert_eq!(server.asked("/private") + server.asked("/private/x"), 0);
    assert_eq!(server.asked("/robots.txt"), 1, "robots.txt is remembered");
}

#[tokio::test]
async fn robots_txt_that_is_missing_allows_and_that_fails_forbids() {
    for (status, expected) in [
        (404, None),
        (403, None),
        (500, Some(SkipReason::RobotsUnreachable)),
        (503, Some(SkipReason::RobotsUnreachable)),
    ] {
        let server = Server::start(move |request| match request.uri().path() {
            "/robots.txt" => reply(status, &[], "User-agent: *\nDisallow: /"),
            _ => html("x"),
        })
        .await;
        assert_eq!(
            fetch(&server, "page").await.err().map(|skip| skip.reason),
            expected,
            "{status}"
        );
        assert_eq!(server.asked("/page"), usize::from(expected.is_none()));
    }
}

#[tokio::test]
async fn robots_txt_is_followed_through_redirects_and_read_to_its_limit() {
    let server = Server::start(|request| match request.uri().path() {
        "/robots.txt" => reply(301, &[("location", "/a")], ""),
        "/a" => reply(302, &[("location", "/b")], ""),
        // Unfolds to far more than is read; what matters stands at the start.
        "/b" => {
            let mut body = b"User-agent: *\nDisallow: /page\n".to_vec();
            body.resize(3_000_000, b'#');
            reply(200, &[("content-encoding", "gzip")], gzip(&body))
        }
        _ => html("x"),
    })
    .await;
    assert_eq!(reason(fetch(&server, "page").await), SkipReason::RobotsDisallowed);

    let server = Server::start(|request| match request.uri().path() {
        "/page" => html("x"),
        _ => reply(302, &[("location", "/robots.txt")], ""),
    })
    .await;
    fetch(&server, "page").await.unwrap();
    assert_eq!(
        server.asked("/robots.txt"),
        6,
        "five redirects are followed, then there are no rules"
    );
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn bodies_without_end_are_dropped_at_the_limit() {
    let bomb = gzip(&vec![b'a'; 50_000_000]);
    assert!(bomb.len() < 100_000);
    let server = Server::start(move |request| match request.uri().path() {
        "/announced" => html(vec![b'a'; 20_000]),
        "/bomb" => reply(
            200,
            &[("content-type", "text/html"), ("content-encoding", "gzip")],
            bomb.clone(),
        ),
        "/endless" => html(Body::from_stream(ReaderStream::new(tokio::io::repeat(b'a')))),
        "/exact" => html(vec![b'a'; 10_000]),
        _ => missing(),
    })
    .await;
    for path in ["announced", "bomb", "endless"] {
        assert_eq!(reason(fetch(&server, path).await), SkipReason::TooLarge, "{path}");
        assert_eq!(server.asked(&format!("/{path}")), 1, "{path} was asked for again");
    }
    assert_eq!(fetch(&server, "exact").await.unwrap().body.len(), 10_000);
}

#[tokio::test]
async fn redirects_end_and_stay_in_scope() {
    let elsewhere = Server::start(|_| html("elsewhere")).await;
    let away = elsewhere.page("stolen").to_string();
    let server = Server::start(move |request| match request.uri().path() {
        "/loop" => reply(302, &[("location", "/loop")], ""),
        "/away" => reply(302, &[("location", &away)], ""),
        "/login" => reply(302, &[("location", "http://user:pw@127.0.0.1/")], ""),
        "/file" => reply(302, &[("location", "file:///etc/passwd")], ""),
        "/nowhere" => reply(302, &[], ""),
        "/denied" => reply(302, &[("location", "/hidden/x")], ""),
        "/twice" => reply(307, &[("location", "once")], ""),
        "/once" => reply(308, &[("location", "/there")], ""),
        "/there" => html("there"),
        _ => missing(),
    })
    .await;
    let manifest = manifest(&server.url, json!({"scope": {"deny": [server.page("hidden/")]}}));
    let fetcher = Fetcher::new(options(&manifest)).unwrap();
    for (path, expected) in [
        ("loop", SkipReason::TooManyRedirects),
        ("away", SkipReason::RedirectedOutOfScope),
        ("login", SkipReason::BadRedirect),
        ("file", SkipReason::BadRedirect),
        ("nowhere", SkipReason::BadRedirect),
        ("denied", SkipReason::RedirectedOutOfScope),
        ("hidden/x", SkipReason::OutOfScope),
    ] {
        assert_eq!(
            reason(fetcher.fetch(&manifest, &server.page(path)).await),
            expected,
            "{path}"
        );
    }
    assert_eq!(server.asked("/loop"), 6);
    assert_eq!(server.asked("/hidden/x"), 0);
    assert!(elsewhere.times().is_empty(), "the other server was asked");
    let page = fetcher.fetch(&manifest, &server.page("twice")).await.unwrap();
    assert_eq!((page.url, page.final_url), (server.page("twice"), server.page("there")));
}

#[tokio::test]
async fn private_addresses_are_refused_before_anything_is_sent() {
    let server = Server::start(|_| html("secret")).await;
    let port = server.url.port().unwrap();
    // As an address, as addresses in other spellings, and as a name that resolves to one.
    for host in [
        "127.0.0.1",
        "2130706433",
        "0x7f.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "localhost",
    ] {
        let url = Url::parse(&format!("http://{host}:{port}/")).unwrap();
        let manifest = manifest(&url, json!({}));
        let fetcher = Fetcher::new(FetchOptions {
            allow_private_addresses: false,
            ..options(&manifest)
        })
        .unwrap();
        let skip = fetcher.fetch(&manifest, &url.join("page").unwrap()).await.unwrap_err();
        assert_eq!(skip.reason, SkipReason::PrivateAddress, "{host}: {skip}");
    }
    assert!(server.times().is_empty(), "a request was sent to a private address");
}

#[tokio::test]
async fn statuses_and_types_have_their_reasons() {
    let server = Server::start(|request| {
        let path = request.uri().path().to_owned();
        match path.strip_prefix("/status/").and_then(|status| status.parse().ok()) {
            Some(status) => reply(status, &[("content-type", "text/html")], "x"),
            None if path == "/pdf" => reply(200, &[("content-type", "application/pdf")], "%PDF"),
            None if path == "/garbled" => reply(
                200,
                &[("content-type", "text/html"), ("content-encoding", "gzip")],
                "not gzip",
            ),
            None => missing(),
        }
    })
    .await;
    for (path, expected, attempts) in [
        ("status/401", SkipReason::Forbidden, 1),
        ("status/403", SkipReason::Forbidden, 1),
        ("status/404", SkipReason::NotFound, 1),
        ("status/410", SkipReason::NotFound, 1),
        ("status/418", SkipReason::OtherStatus, 1),
        ("status/204", SkipReason::OtherStatus, 1),
        ("status/304", SkipReason::OtherStatus, 1),
        ("status/429", SkipReason::RateLimited, 4),
        ("status/500", SkipReason::ServerError, 4),
        ("status/503", SkipReason::ServerError, 4),
        ("pdf", SkipReason::WrongType, 1),
        ("garbled", SkipReason::BrokenBody, 4),
    ] {
        assert_eq!(reason(fetch(&server, path).await), expected, "{path}");
        assert_eq!(server.asked(&format!("/{path}")), attempts, "{path}");
    }
}

#[tokio::test]
async fn a_failure_that_passes_is_retried() {
    let attempts = AtomicU64::new(0);
    let server = Server::start(move |request| match request.uri().path() {
        "/page" if attempts.fetch_add(1, Ordering::SeqCst) < 2 => reply(StatusCode::BAD_GATEWAY.as_u16(), &[], ""),
        "/page" => html("at last"),
        _ => missing(),
    })
    .await;
    assert_eq!(&fetch(&server, "page").await.unwrap().body[..], b"at last");
}

#[tokio::test]
async fn retry_after_is_waited_for_and_too_long_a_wait_is_not() {
    let attempts = AtomicU64::new(0);
    let server = Server::start(move |request| match request.uri().path() {
        "/busy" if attempts.fetch_add(1, Ordering::SeqCst) == 0 => reply(503, &[("retry-after", "1")], ""),
        "/busy" => html("x"),
        "/tomorrow" => reply(429, &[("retry-after", "86400")], ""),
        _ => missing(),
    })
    .await;
    let started = Instant::now();
    fetch(&server, "busy").await.unwrap();
    assert!(
        started.elapsed() >= Duration::from_secs(1),
        "came back after {:?}",
        started.elapsed()
    );
    let skip = fetch(&server, "tomorrow").await.unwrap_err();
    assert_eq!(
        (skip.reason, skip.detail.as_str()),
        (SkipReason::RateLimited, "Retry-After 86400 s")
    );
    assert_eq!(server.asked("/tomorrow"), 1);
}

#[tokio::test]
async fn pages_keep_the_longer_of_our_interval_and_the_sites() {
    for (robots_txt, rate, interval) in [("User-agent: *\nCrawl-delay: 0.4", 1_000.0, 400), ("", 2.5, 400)] {
        let server = Server::start(move |request| match request.uri().path() {
            "/robots.txt" => reply(200, &[], robots_txt),
            _ => html("x"),
        })
        .await;
        let manifest = manifest(&server.url, json!({"requests_per_second": rate}));
        let fetcher = Fetcher::new(options(&manifest)).unwrap();
        // Asked for at once, they leave one after the other.
        let pages: Vec<_> = (0..4).map(|page| server.page(&page.to_string())).collect();
        let fetches = pages.iter().map(|page| fetcher.fetch(&manifest, page));
        let (first, second, third, fourth) = {
            let mut fetches = fetches.into_iter();
            let mut next = || fetches.next().unwrap();
            tokio::join!(next(), next(), next(), next())
        };
        for page in [first, second, third, fourth] {
            page.unwrap();
        }
        // Between pages; the first follows robots.txt, which is not yet under its own delay. Half, because a busy machine
        // may write down the first of two requests late; without pacing the whole takes milliseconds.
        let times = server.times();
        let span = times[4] - times[1];
        assert!(
            span >= Duration::from_millis(interval * 3 / 2),
            "{span:?} for three times {interval} ms"
        );
    }
}

#[tokio::test]
async fn fetchers_that_share_hosts_keep_one_pace() {
    let server = Server::start(|request| match request.uri().path() {
        "/robots.txt" => missing(),
        _ => html("x"),
    })
    .await;
    let manifest = manifest(&server.url, json!({"requests_per_second": 1.0}));
    let hosts = Hosts::default();
    let fetcher = || Fetcher::new(options(&manifest)).unwrap().sharing(hosts.clone());
    let (first, second, page) = (fetcher(), fetcher(), server.page("page"));
    let (one, two) = tokio::join!(first.fetch(&manifest, &page), second.fetch(&manifest, &page));
    one.unwrap();
    two.unwrap();
    assert_eq!(server.asked("/robots.txt"), 1);
    let gap = server.times()[2] - server.times()[1];
    assert!(gap >= Duration::from_millis(500), "{gap:?}");
}

#[tokio::test]
async fn robots_txt_does_not_lead_into_the_own_network() {
    let internal = Server::start(|_| html("internal")).await;
    let target = internal.page("admin").to_string();
    let server = Server::start(move |request| match request.uri().path() {
        "/robots.txt" => reply(302, &[("location", &target)], ""),
        _ => html("x"),
    })
    .await;
    assert_eq!(reason(fetch(&server, "page").await), SkipReason::RobotsUnreachable);
    assert!(internal.times().is_empty(), "the other server was asked");
}

#[tokio::test]
async fn a_crawl_delay_of_hours_skips_the_page() {
    let server = Server::start(|request| match request.uri().path() {
        "/robots.txt" => reply(200, &[], "User-agent: *\nCrawl-delay: 7200"),
        _ => html("x"),
    })
    .await;
    assert_eq!(reason(fetch(&server, "page").await), SkipReason::CrawlDelayTooLong);
}

/// A server that speaks no HTTP, or stops speaking.
async fn raw(answer: &'static [u8]) -> Url {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
    tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut request = [0; 1_024];
                let length = socket.read(&mut request).await.unwrap_or_default();
                if request[..length].starts_with(b"GET /robots.txt") {
                    let _ = socket
                        .write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                        .await;
                    return;
                }
                let _ = socket.write_all(answer).await;
                if answer.is_empty() {
                    // Holds the line and says nothing.
                    tokio::time::sleep(Duration::from_secs(60)).await;
                }
            });
        }
    });
    url
}

#[tokio::test]
async fn servers_that_break_off_or_fall_silent_are_given_up() {
    for (answer, expected) in [
        (
            &b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 1000\r\n\r\nhalf"[..],
            SkipReason::BrokenBody,
        ),
        (b"SSH-2.0-OpenSSH\r\n", SkipReason::Unreachable),
        (b"", SkipReason::Timeout),
    ] {
        let url = raw(answer).await;
        let manifest = manifest(&url, json!({}));
        let quick = FetchOptions {
            timeout: Duration::from_millis(1_500),
            retries: 1,
            ..options(&manifest)
        };
        let started = Instant::now();
        let result = Fetcher::new(quick)
            .unwrap()
            .fetch(&manifest, &url.join("page").unwrap())
            .await;
        assert_eq!(reason(result), expected, "{}", String::from_utf8_lossy(answer));
        assert!(started.elapsed() < Duration::from_secs(20));
    }
    // Nobody listens here.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
    drop(listener);
    let manifest = manifest(&url, json!({}));
    let result = Fetcher::new(options(&manifest))
        .unwrap()
        .fetch(&manifest, &url.join("page").unwrap())
        .await;
    assert_eq!(reason(result), SkipReason::RobotsUnreachable);
}

#[test]
fn a_fetcher_without_a_contact_is_refused() {
    assert!(Fetcher::new(FetchOptions::new("nobody")).is_err());
}
