//! The web app on this machine: its files, the configuration that names this network, the store that it reads and writes,
//! and an indexer beside it.

use std::{
    net::SocketAddr,
    path::{Component, Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context as _, bail};
use axum::{
    Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Path as Named, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use lumora_data::{Error as DataError, cid::Cid, store::Store};
use lumora_indexer::IndexerConfig;
use serde::Serialize;
use tokio::{net::TcpListener, task::JoinSet};
use tokio_util::sync::CancellationToken;

/// Largest object that a page may put into the store: manifests are smaller.
const MAX_PUT_BYTES: usize = 16 << 20;
/// Largest object that pages get from the store: packages and segments are smaller.
const MAX_GET_BYTES: u64 = 64 << 20;
const INDEX: &str = "index.html";

/// What the web app is served with.
pub struct Options {
    /// Folder of the built app.
    pub app: PathBuf,
    /// Folder of the content-addressed store.
    pub store: PathBuf,
    /// File of the indexer's database.
    pub database: PathBuf,
    /// Port of the app on loopback; any free one for 0.
    pub port: u16,
    /// Port of the indexer on loopback; any free one for 0.
    pub indexer_port: u16,
    /// JSON-RPC and WebSocket address of the network.
    pub rpc_url: String,
    pub websocket_url: String,
}

/// The served app; it ends with [`Web::stop`].
pub struct Web {
    url: String,
    indexer_url: String,
    ending: CancellationToken,
    running: JoinSet<()>,
}

/// The folder of the built app: below the working directory, or in the checkout that this was built from.
pub fn folder() -> anyhow::Result<PathBuf> {
    built_in(&[
        PathBuf::from("app/web/dist"),
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../app/web/dist"),
    ])
}

fn built_in(candidates: &[PathBuf]) -> anyhow::Result<PathBuf> {
    let found = candidates.iter().find(|folder| folder.join(INDEX).is_file());
    found.cloned().context(
        "the web app is not built: run `npm install` in app/client, then `npm install && npm run build` in app/web",
    )
}

impl Web {
    /// Serves the app and indexes the network. Ports that are taken are an error that says so.
    pub async fn start(options: Options) -> anyhow::Result<Self> {
        let app = built_in(std::slice::from_ref(&options.app))?;
        let indexer = IndexerConfig {
            rpc_url: options.rpc_url.clone(),
            ws_url: Some(options.websocket_url.clone()),
            database: format!("sqlite://{}", options.database.display()),
            listen: loopback(options.indexer_port),
            // A local network is quick, and its people look at it while it happens.
            poll_ms: 500,
            ..IndexerConfig::default()
        };
        let indexer_listener = lumora_indexer::bind(&indexer)
            .await
            .context("the indexer beside the web app cannot start; choose another port with --indexer-port")?;
        let listener = TcpListener::bind(loopback(options.port)).await.with_context(|| {
            format!(
                "port {} is taken; choose another for the web app with --web-port",
                options.port
            )
        })?;
        let indexer_url = format!("http://{}", indexer_listener.local_addr()?);
        let address = listener.local_addr()?;
        let site = Arc::new(Site {
            app,
            store: Store::local(&options.store)?,
            port: address.port(),
            rpc_url: options.rpc_url,
            websocket_url: options.websocket_url,
            indexer_url: indexer_url.clone(),
        });

        let ending = CancellationToken::new();
        let mut running = JoinSet::new();
        let chain =
            lumora_indexer::rpc::Network::connect(&indexer.rpc_url, indexer.ws_url.as_deref(), indexer.requests)?;
        let stop = ending.clone();
        running.spawn(async move {
            if let Err(error) = lumora_indexer::run_on(indexer, chain, indexer_listener, stop).await {
                eprintln!("error: the indexer stopped: {error}");
            }
        });
        let stop = ending.clone();
        running.spawn(async move {
            let served = axum::serve(listener, router(site)).with_graceful_shutdown(stop.cancelled_owned());
            if let Err(error) = served.await {
                eprintln!("error: the web app is no longer served: {error}");
            }
        });
        Ok(Self {
            url: format!("http://{address}"),
            indexer_url,
            ending,
            running,
        })
    }

    /// Where the app is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where the indexer answers.
    pub fn indexer_url(&self) -> &str {
        &self.indexer_url
    }

    /// Ends the indexer and the server.
    pub async fn stop(mut self) {
        self.ending.cancel();
        while self.running.join_next().await.is_some() {}
    }
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

struct Site {
    app: PathBuf,
    store: Store,
    port: u16,
    rpc_url: String,
    websocket_url: String,
    indexer_url: String,
}

/// `config.json`, as `app/web` describes it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Config<'a> {
    network: &'static str,
    rpc_url: &'a str,
    ws_url: &'a str,
    indexer_url: &'a str,
    store_url: String,
}

fn router(site: Arc<Site>) -> Router {
    Router::new()
        .route("/config.json", get(config))
        .route("/store/{shard}/{cid}", get(object).put(put_object))
        .route("/store/names/{*name}", get(name))
        .fallback(file)
        .layer(DefaultBodyLimit::max(MAX_PUT_BYTES))
        .layer(middleware::from_fn_with_state(site.clone(), by_own_name))
        .with_state(site)
}

/// Answers under the names of this machine alone. Otherwise a page of a stranger could have its own name point here, and then
/// read and fill the store with the rights of that name.
async fn by_own_name(State(site): State<Arc<Site>>, request: Request, next: Next) -> Response {
    let asked = host(request.headers());
    let own = ["127.0.0.1", "localhost"].map(|name| format!("{name}:{}", site.port));
    if !asked.is_some_and(|asked| own.iter().any(|name| name == asked)) {
        let text = format!("this is served at http://127.0.0.1:{} alone\n", site.port);
        return (StatusCode::MISDIRECTED_REQUEST, text).into_response();
    }
    let mut response = next.run(request).await;
    let nosniff = HeaderValue::from_static("nosniff");
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
    response
}

fn host(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::HOST)?.to_str().ok()
}

async fn config(State(site): State<Arc<Site>>, headers: HeaderMap) -> Response {
    // Under the name by which the page was opened, so that the store is of the same origin.
    let own = host(&headers).unwrap_or_default();
    let config = Config {
        network: "localnet",
        rpc_url: &site.rpc_url,
        ws_url: &site.websocket_url,
        indexer_url: &site.indexer_url,
        store_url: format!("http://{own}/store"),
    };
    ([(header::CACHE_CONTROL, "no-cache")], Json(config)).into_response()
}

async fn object(State(site): State<Arc<Site>>, Named((shard, name)): Named<(String, String)>) -> Response {
    let Ok(cid) = cid_at(&shard, &name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    match site.store.get_at_most(&cid, MAX_GET_BYTES).await {
        Ok(bytes) => (headers("application/octet-stream", true), bytes).into_response(),
        Err(DataError::MissingObject { .. }) => StatusCode::NOT_FOUND.into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}

async fn put_object(
    State(site): State<Arc<Site>>,
    Named((shard, name)): Named<(String, String)>,
    body: Bytes,
) -> Response {
    let refused = |why: String| (StatusCode::BAD_REQUEST, why).into_response();
    let cid = match cid_at(&shard, &name) {
        Ok(cid) => cid,
        Err(error) => return refused(format!("{error}\n")),
    };
    if !cid.names(&body) {
        return refused(format!("these bytes are not {cid}, but {}\n", Cid::of(&body)));
    }
    match site.store.put(body).await {
        Ok(_) => StatusCode::CREATED.into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}

/// The object at `xy/bafkrei...xy`.
fn cid_at(shard: &str, name: &str) -> anyhow::Result<Cid> {
    if !name.ends_with(shard) || shard.len() != 2 {
        bail!("objects lie in folders named after the last two letters of their names");
    }
    Ok(name.parse()?)
}

async fn name(State(site): State<Arc<Site>>, Named(name): Named<String>) -> Response {
    match site.store.resolve(&name).await {
        Ok(Some(cid)) => (headers("text/plain; charset=utf-8", false), cid.to_string()).into_response(),
        Ok(None) => StatusCode::NOT_FOUND.into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}

/// A file of the app; its page for every other address without a file's ending.
async fn file(State(site): State<Arc<Site>>, uri: Uri) -> Response {
    let Some(path) = inside(uri.path().trim_start_matches('/')) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let path = if path.extension().is_some() {
        path
    } else {
        Path::new(INDEX)
    };
    match tokio::fs::read(site.app.join(path)).await {
        // Vite names what lies in `assets` after its content.
        Ok(bytes) => (headers(content_type(path), path.starts_with("assets")), bytes).into_response(),
        Err(_) => StatusCode::NOT_FOUND.into_response(),
    }
}

/// A path that leads nowhere but down.
fn inside(path: &str) -> Option<&Path> {
    let path = Path::new(path);
    path.components()
        .all(|part| matches!(part, Component::Normal(_)))
        .then_some(path)
}

fn headers(content_type: &'static str, is_for_ever: bool) -> [(header::HeaderName, &'static str); 2] {
    let cache = if is_for_ever {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    [(header::CONTENT_TYPE, content_type), (header::CACHE_CONTROL, cache)]
}

/// By the ending, for what the build of the app consists of.
fn content_type(path: &Path) -> &'static str {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("json" | "map") => "application/json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("woff2") => "font/woff2",
        Some("txt") => "text/plain; charset=utf-8",
        Some("wasm") => "application/wasm",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests;
