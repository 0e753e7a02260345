//! The server, asked over real sockets.

#![allow(clippy::unwrap_used)]

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::*;

struct Served {
    folder: tempfile::TempDir,
    port: u16,
}

/// What was answered: the status, the header lines in lower case, the body.
struct Answer {
    status: u16,
    headers: String,
    body: String,
}

impl Served {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let app = folder.path().join("app");
        std::fs::create_dir_all(app.join("assets")).unwrap();
        std::fs::write(app.join(INDEX), "<title>Lumora</title>").unwrap();
        std::fs::write(app.join("assets/index-1a2b.js"), "import './x.js'").unwrap();
        std::fs::write(folder.path().join("secret.json"), "[1]").unwrap();
        let listener = TcpListener::bind(loopback(0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let site = Arc::new(Site {
            app,
            store: Store::local(folder.path().join("store")).unwrap(),
            port,
            rpc_url: "http://127.0.0.1:8899".into(),
            websocket_url: "ws://127.0.0.1:8900".into(),
            indexer_url: "http://127.0.0.1:8890".into(),
        });
        tokio::spawn(async move { axum::serve(listener, router(site)).await });
        Self { folder, port }
    }

    async fn ask_as(&self, host: &str, method: &str, path: &str, body: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(loopback(self.port)).await.unwrap();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {host}:{}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            self.port,
            body.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(body).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        let answer = String::from_utf8(answer).unwrap();
        let (headers, body) = answer.split_once("\r\n\r\n").unwrap();
        Answer {
            status: headers.split(' ').nth(1).unwrap().parse().unwrap(),
            headers: headers.to_lowercase(),
            body: body.to_owned(),
        }
    }

    async fn get(&self, path: &str) -> Answer {
        self.ask_as("127.0.0.1", "GET", path, b"").await
    }

    fn object_path(&self, cid: &Cid) -> String {
        let name = cid.to_string();
        format!("/store/{}/{name}", &name[name.len() - 2..])
    }
}

#[tokio::test]
async fn every_room_is_the_page_and_every_file_has_its_type() {
    let served = Served::start().await;
    for path in ["/", "/jobs/abc", "/index.html"] {
        let page = served.get(path).await;
        assert_eq!(
            (page.status, page.body.as_str()),
            (200, "<title>Lumora</title>"),
            "{path}"
        );
        assert!(
            page.headers.contains("text/html") && page.headers.contains("no-cache"),
            "{path}"
        );
    }
    let script = served.get("/assets/index-1a2b.js").await;
    assert!(script.headers.contains("text/javascript") && script.headers.contains("immutable"));
    assert!(script.headers.contains("nosniff"));
    assert_eq!(served.get("/assets/gone.js").await.status, 404);
}

#[tokio::test]
async fn the_configuration_names_this_network_and_the_store_where_the_page_is() {
    let served = Served::start().await;
    let config: serde_json::Value = serde_json::from_str(&served.get("/config.json").await.body).unwrap();
    assert_eq!(config["network"], "localnet");
    assert_eq!(config["rpcUrl"], "http://127.0.0.1:8899");
    assert_eq!(config["wsUrl"], "ws://127.0.0.1:8900");
    assert_eq!(config["indexerUrl"], "http://127.0.0.1:8890");
    assert_eq!(config["storeUrl"], format!("http://127.0.0.1:{}/store", served.port));
    let by_name = served.ask_as("localhost", "GET", "/config.json", b"").await;
    assert!(
        by_name
            .body
            .contains(&format!("http://localhost:{}/store", served.port))
    );
}

#[tokio::test]
async fn nothing_outside_the_app_is_served_and_nobody_else_s_name_is_answered() {
    let served = Served::start().await;
    assert!(served.folder.path().join("secret.json").exists());
    for path in [
        "/../secret.json",
        "/assets/../../secret.json",
        "/%2e%2e/secret.json",
        "//etc/passwd.json",
    ] {
        assert_eq!(served.get(path).await.status, 404, "{path}");
    }
    let rebound = served.ask_as("evil.example.org", "GET", "/config.json", b"").await;
    assert_eq!(rebound.status, 421);
}

#[tokio::test]
async fn the_store_takes_objects_under_their_own_names_alone_and_gives_them_back() {
    let served = Served::start().await;
    let cid = Cid::of(b"a manifest");
    let path = served.object_path(&cid);
    assert_eq!(served.get(&path).await.status, 404);
    let other = served.ask_as("127.0.0.1", "PUT", &path, b"another manifest").await;
    assert_eq!(other.status, 400);
    assert!(other.body.contains(&Cid::of(b"another manifest").to_string()));
    let elsewhere = path.replace("/store/", "/store/x");
    assert_eq!(
        served
            .ask_as("127.0.0.1", "PUT", &elsewhere, b"a manifest")
            .await
            .status,
        400
    );
    assert_eq!(served.get(&path).await.status, 404);

    assert_eq!(
        served.ask_as("127.0.0.1", "PUT", &path, b"a manifest").await.status,
        201
    );
    assert_eq!(served.get(&path).await.body, "a manifest");
    let too_large = vec![0; MAX_PUT_BYTES + 1];
    assert_eq!(served.ask_as("127.0.0.1", "PUT", &path, &too_large).await.status, 413);

    let store = Store::local(served.folder.path().join("store")).unwrap();
    store.point("samples/ab", &cid).await.unwrap();
    assert_eq!(served.get("/store/names/samples/ab").await.body, cid.to_string());
    assert_eq!(served.get("/store/names/samples/cd").await.status, 404);
    let name = cid.to_string();
    let named = served.ask_as("127.0.0.1", "PUT", "/store/names/samples/ab", name.as_bytes());
    assert_eq!(named.await.status, 405);
}

#[test]
fn an_app_that_is_not_built_says_how_to_build_it() {
    let folder = tempfile::tempdir().unwrap();
    let error = built_in(&[folder.path().to_owned()]).unwrap_err().to_string();
    assert!(error.contains("npm run build"), "{error}");
}
