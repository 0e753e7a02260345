//! A small web server for demonstrations and tests: serves a folder with a given robots.txt, and counts what was asked
//! for, so that it can be shown that forbidden pages never were.

use std::{
    collections::BTreeMap,
    io,
    net::{IpAddr, SocketAddr},
    path::{Component, Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, Request, State},
    http::{HeaderValue, Method, Response, StatusCode, header},
};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};
use url::Url;

use crate::{
    error::{Error, Result},
    robots,
};

/// What to serve.
#[derive(Clone, Debug)]
pub struct SiteOptions {
    /// The folder.
    pub root: PathBuf,
    /// Served as `/robots.txt`, whatever the folder holds; 404 if none.
    pub robots_txt: Option<String>,
    /// Whether each HTML page carries a line that differs between visits (a counter), as real pages do.
    pub visit_noise: bool,
    /// Where to listen; port 0 takes a free one.
    pub address: SocketAddr,
}

impl SiteOptions {
    /// Serves `root` on a free loopback port, without robots.txt and noise.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            robots_txt: None,
            visit_noise: false,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
        }
    }
}

/// A running site. Stops when dropped.
#[derive(Debug)]
pub struct Site {
    address: SocketAddr,
    served: Arc<Served>,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Served {
    root: PathBuf,
    robots_txt: Option<String>,
    visit_noise: bool,
    /// Requests by path, as the client wrote it.
    requests: Mutex<BTreeMap<String, u64>>,
    /// When each visitor last asked for a page, and the shortest pause between two pages.
    visitors: Mutex<BTreeMap<IpAddr, (Instant, Option<Duration>)>>,
}

impl Site {
    /// Starts serving.
    pub async fn start(options: SiteOptions) -> Result<Self> {
        let root = options
            .root
            .canonicalize()
            .map_err(|source| Error::file("serve the folder", &options.root, source))?;
        let served = Arc::new(Served {
            root,
            robots_txt: options.robots_txt,
            visit_noise: options.visit_noise,
            requests: Mutex::default(),
            visitors: Mutex::default(),
        });
        let listen = |source| Error::file("listen for", Path::new(&options.address.to_string()), source);
        let listener = TcpListener::bind(options.address).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let router = Router::new().fallback(answer).with_state(Arc::clone(&served));
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(async move {
            let service = router.into_make_service_with_connect_info::<SocketAddr>();
            let server = axum::serve(listener, service).with_graceful_shutdown(async {
                // Either way of ending the wait means stop.
                let _ = stopped.await;
            });
            if let Err(error) = server.await {
                tracing::warn!(%error, "the site stopped");
            }
        });
        Ok(Self {
            address,
            served,
            stop: Some(stop),
            task,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its root URL, with a slash at the end.
    pub fn url(&self) -> Url {
        Url::parse(&format!("http://{}/", self.address)).expect("an address makes a URL")
    }

    /// Requests so far, by path.
    pub fn requests(&self) -> BTreeMap<String, u64> {
        self.served
            .requests
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The shortest pause between two pages of any one visitor (by address), robots.txt left out; `None` if nobody came
    /// twice.
    pub fn shortest_pause(&self) -> Option<Duration> {
        let visitors = self.served.visitors.lock().unwrap_or_else(PoisonError::into_inner);
        visitors.values().filter_map(|(_, shortest)| *shortest).min()
    }

    /// Requests so far for paths that robots.txt forbids to `agent`: empty for a well-behaved crawler.
    pub fn forbidden_requests(&self, agent: &str) -> BTreeMap<String, u64> {
        let Some(robots_txt) = &self.served.robots_txt else {
            return BTreeMap::new();
        };
        let rules = robots::Rules::parse(robots_txt.as_bytes(), agent);
        let mut requests = self.requests();
        requests.retain(|path, _| self.url().join(path).is_ok_and(|url| !rules.decide(&url).allowed));
        requests
    }

    /// Stops and waits until open requests are answered.
    pub async fn stop(mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        let _ = (&mut self.task).await;
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// URLs of the files under `root`/`folder` that end in `.extension`, sorted, at most `limit`.
pub fn list_pages(root: &Path, folder: &str, extension: &str, base: &Url, limit: usize) -> Result<Vec<Url>> {
    let mut urls = Vec::new();
    let mut folders = vec![root.join(folder)];
    // Folders sort after the files beside them, so that a limited list holds a tree's upper pages first.
    while let Some(folder) = folders.pop() {
        let read = |source| Error::file("list", &folder, source);
        let mut entries = std::fs::read_dir(&folder)
            .map_err(read)?
            .collect::<io::Result<Vec<_>>>()
            .map_err(read)?;
        entries.sort_by_key(std::fs::DirEntry::file_name);
        let mut below = Vec::new();
        for entry in entries {
            let kind = entry.file_type().map_err(read)?;
            let path = entry.path();
            if kind.is_dir() {
                below.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                urls.extend(page_url(root, &path, base));
                if urls.len() >= limit {
                    urls.sort();
                    return Ok(urls);
                }
            }
        }
        folders.extend(below.into_iter().rev());
    }
    urls.sort();
    Ok(urls)
}

fn page_url(root: &Path, file: &Path, base: &Url) -> Option<Url> {
    let mut url = base.clone();
    let names = file
        .strip_prefix(root)
        .ok()?
        .components()
        .map(|part| part.as_os_str().to_str())
        .collect::<Option<Vec<_>>>()?;
    url.path_segments_mut().ok()?.pop_if_empty().extend(names);
    Some(url)
}

async fn answer(
    State(site): State<Arc<Served>>,
    ConnectInfo(visitor): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response<Body> {
    let path = request.uri().path().to_owned();
    let visit = {
        let mut requests = site.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let total: u64 = requests.values().sum();
        *requests.entry(path.clone()).or_default() += 1;
        total
    };
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return text(StatusCode::METHOD_NOT_ALLOWED, "Only GET and HEAD are served.\n");
    }
    if path == "/robots.txt" {
        return match &site.robots_txt {
            Some(robots_txt) => text(StatusCode::OK, robots_txt),
            None => text(StatusCode::NOT_FOUND, "There is no robots.txt.\n"),
        };
    }
    site.note_visit(visitor.ip());
    match site.read(&path).await {
        Ok((content_type, mut body)) => {
            if site.visit_noise && content_type.starts_with("text/html") {
                add_noise(&mut body, visit);
            }
            let mut response = Response::new(Body::from(body));
            response
                .headers_mut()
                .insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
            response
        }
        Err(_) => text(StatusCode::NOT_FOUND, "There is no such page.\n"),
    }
}

impl Served {
    fn note_visit(&self, visitor: IpAddr) {
        let now = Instant::now();
        let mut visitors = self.visitors.lock().unwrap_or_else(PoisonError::into_inner);
        let (last, shortest) = visitors.entry(visitor).or_insert((now, None));
        let pause = now.saturating_duration_since(*last);
        if now != *last {
            *shortest = Some(shortest.map_or(pause, |known| known.min(pause)));
        }
        *last = now;
    }

    async fn read(&self, path: &str) -> io::Result<(&'static str, Vec<u8>)> {
        let missing = || io::Error::from(io::ErrorKind::NotFound);
        let mut file = self.root.clone();
        for segment in path.split('/').filter(|segment| !segment.is_empty()) {
            let name = percent_decoded(segment).ok_or_else(missing)?;
            // One ordinary name: no `..`, no separator that was percent-encoded.
            let mut parts = Path::new(&name).components();
            match (parts.next(), parts.next()) {
                (Some(Component::Normal(part)), None) if part == name.as_str() => file.push(part),
                _ => return Err(missing()),
            }
        }
        if path.ends_with('/') {
            file.push("index.html");
        }
        // A symbolic link may lead out of the folder.
        let file = tokio::fs::canonicalize(&file).await?;
        if !file.starts_with(&self.root) {
            return Err(missing());
        }
        Ok((content_type(&file), tokio::fs::read(&file).await?))
    }
}

fn percent_decoded(segment: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let [first, after @ ..] = rest {
        if *first == b'%' {
            let (digits, after) = after.split_at_checked(2)?;
            bytes.extend(hex::decode(digits).ok()?);
            rest = after;
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8(bytes).ok()
}

fn content_type(file: &Path) -> &'static str {
    match file
        .extension()
        .and_then(|extension| extension.to_str())
        .unwrap_or_default()
    {
        "html" | "htm" => "text/html; charset=utf-8",
        "json" => "application/json",
        "txt" | "md" => "text/plain; charset=utf-8",
        "xml" => "application/xml",
        "css" => "text/css",
        "js" => "text/javascript",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        _ => "application/octet-stream",
    }
}

/// A line before the end of the body that another visitor would not see.
fn add_noise(page: &mut Vec<u8>, visit: u64) {
    let line = format!("<aside class=\"visit\">You are visitor {visit} of this site.</aside>");
    let at = page
        .windows(7)
        .rposition(|bytes| bytes == b"</body>")
        .unwrap_or(page.len());
    page.splice(at..at, line.into_bytes());
}

fn text(status: StatusCode, body: &str) -> Response<Body> {
    let mut response = Response::new(Body::from(body.to_owned()));
    *response.status_mut() = status;
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    response
}
