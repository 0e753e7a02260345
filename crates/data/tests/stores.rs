//! Stores over the network, honest and hostile.
#![allow(clippy::unwrap_used)]

use std::{
    collections::BTreeMap,
    convert::Infallible,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::Request,
    http::{HeaderMap, Method, StatusCode, header},
    response::Response,
};
use futures_util::{StreamExt, stream};
use lumora_data::{Error, cid::Cid, store::Store};

/// Serves `answer` on loopback and returns the address.
async fn serve(answer: impl Fn(Request) -> Response + Clone + Send + Sync + 'static) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().fallback(move |request: Request| {
        let answer = answer.clone();
        async move { answer(request) }
    });
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

fn store(address: &str) -> Store {
    Store::open(address).unwrap().with_patience(Duration::from_millis(400))
}

fn content() -> Vec<u8> {
    (0..100_000u32).map(|i| (i % 251) as u8).collect()
}

/// Where the asked range begins.
fn start(headers: &HeaderMap) -> usize {
    let range = headers.get(header::RANGE).map(|range| range.to_str().unwrap());
    let from = range.and_then(|range| range.strip_prefix("bytes=")?.split('-').next());
    from.map_or(0, |from| from.parse().unwrap())
}

fn part(content: &[u8], from: usize, body: Body) -> Response {
    let answer = Response::builder().header(header::CONTENT_LENGTH, content.len() - from);
    let answer = if from > 0 {
        let range = format!("bytes {from}-{}/{}", content.len() - 1, content.len());
        answer
            .status(StatusCode::PARTIAL_CONTENT)
            .header(header::CONTENT_RANGE, range)
    } else {
        answer
    };
    answer.body(body).unwrap()
}

/// A body that breaks off after these bytes, once they are on their way.
fn cut(sent: &[u8]) -> Body {
    let sent = Bytes::from(sent.to_vec());
    let pieces = stream::iter([Some(sent), None]).then(|piece| async move {
        match piece {
            Some(sent) => Ok(sent),
            None => {
                tokio::time::sleep(Duration::from_millis(100)).await;
                Err(std::io::Error::other("cut"))
            }
        }
    });
    Body::from_stream(pieces)
}

#[tokio::test]
async fn a_broken_transfer_is_continued_where_it_broke() {
    let starts = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&starts);
    let address = serve(move |request| {
        let (content, from) = (content(), start(request.headers()));
        seen.lock().unwrap().push(from);
        // Less than was announced, until little is left.
        let body = if from + 40_000 >= content.len() {
            Body::from(content[from..].to_vec())
        } else {
            cut(&content[from..from + 40_000])
        };
        part(&content, from, body)
    })
    .await;
    let cid = Cid::of(&content());
    assert_eq!(store(&address).get_at_most(&cid, 100_000).await.unwrap(), content());
    let starts = starts.lock().unwrap().clone();
    assert!(
        starts.len() >= 3 && starts[0] == 0 && starts[1..].iter().all(|start| *start > 0),
        "{starts:?}"
    );
}

#[tokio::test]
async fn a_server_that_always_breaks_off_is_given_up() {
    let address = serve(|request| {
        let (content, from) = (content(), start(request.headers()));
        part(&content, from, cut(&content[from..from + 10]))
    })
    .await;
    let started = Instant::now();
    let failed = store(&address).get_at_most(&Cid::of(&content()), 100_000).await;
    assert!(
        matches!(failed, Err(Error::Store { .. } | Error::SlowObject { .. })),
        "{failed:?}"
    );
    assert!(started.elapsed() < Duration::from_secs(30));
}

#[tokio::test]
async fn an_oversized_object_is_refused_before_it_takes_memory() {
    let address = serve(|_| Response::new(Body::from(vec![7; 200_000]))).await;
    let cid = Cid::of(&content());
    let failed = store(&address).get_at_most(&cid, 100_000).await;
    assert!(
        matches!(failed, Err(Error::ObjectTooLarge { bytes: 200_000, .. })),
        "{failed:?}"
    );

    // Without a length, and without an end.
    let address = serve(|_| {
        let endless = stream::repeat_with(|| Ok::<_, Infallible>(Bytes::from_static(&[7; 65_536])));
        Response::new(Body::from_stream(endless))
    })
    .await;
    let started = Instant::now();
    let failed = store(&address).get_at_most(&cid, 100_000).await;
    assert!(
        matches!(failed, Err(Error::ObjectTooLarge { .. } | Error::Store { .. })),
        "{failed:?}"
    );
    assert!(started.elapsed() < Duration::from_secs(30));
}

#[tokio::test]
async fn other_bytes_than_those_of_the_name_are_refused() {
    let address = serve(|_| {
        let mut content = content();
        content[5] ^= 1;
        Response::new(Body::from(content))
    })
    .await;
    let failed = store(&address).get(&Cid::of(&content())).await;
    assert!(matches!(failed, Err(Error::CorruptObject { .. })), "{failed:?}");
    let address = serve(|_| Response::builder().status(404).body(Body::empty()).unwrap()).await;
    let failed = store(&address).get(&Cid::of(&content())).await;
    assert!(matches!(failed, Err(Error::MissingObject { .. })), "{failed:?}");
}

#[tokio::test]
async fn a_wrong_range_is_refused() {
    for wrong in [0usize, 10] {
        let address = serve(move |request| {
            let content = content();
            if start(request.headers()) == 0 {
                return part(&content, 0, cut(&content[..1_000]));
            }
            // From the beginning, or from elsewhere.
            part(&content, wrong, Body::from(content[wrong..].to_vec()))
        })
        .await;
        let failed = store(&address).get_at_most(&Cid::of(&content()), 100_000).await;
        assert!(
            matches!(
                failed,
                Err(Error::Store { .. } | Error::WrongRange { .. } | Error::ObjectTooLarge { .. })
            ),
            "{failed:?}"
        );
    }
}

#[tokio::test]
async fn a_slow_server_is_given_up() {
    let dripping = |pause: u64| {
        move |_: Request| {
            let content = content();
            let drip = stream::iter(content.clone()).then(move |byte| async move {
                tokio::time::sleep(Duration::from_millis(pause)).await;
                Ok::<_, Infallible>(Bytes::from(vec![byte]))
            });
            part(&content, 0, Body::from_stream(drip))
        }
    };
    for pause in [
        // Nothing within the patience; and always a little, which would take an hour.
        10_000, 40,
    ] {
        let address = serve(dripping(pause)).await;
        let started = Instant::now();
        let failed = store(&address).get_at_most(&Cid::of(&content()), 100_000).await;
        assert!(matches!(failed, Err(Error::SlowObject { .. })), "{failed:?}");
        assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    }
}

#[tokio::test]
async fn endless_redirects_are_given_up() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let address = serve(move |request| {
        let number = count.fetch_add(1, Ordering::SeqCst);
        let location = format!("{}?{number}", request.uri().path());
        Response::builder()
            .status(StatusCode::FOUND)
            .header(header::LOCATION, location)
            .body(Body::empty())
            .unwrap()
    })
    .await;
    let failed = store(&address)
        .with_patience(Duration::from_secs(20))
        .get(&Cid::of(&content()))
        .await;
    assert!(
        matches!(failed, Err(Error::Store { .. } | Error::SlowObject { .. })),
        "{failed:?}"
    );
    assert!(asked.load(Ordering::SeqCst) < 100, "{asked:?}");
}

/// As much of S3 as a store needs: PUT, GET and HEAD of objects in a bucket.
#[tokio::test]
async fn buckets_of_s3_are_stores() {
    type Bucket = Arc<Mutex<BTreeMap<String, Bytes>>>;
    let bucket: Bucket = Arc::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let objects = Arc::clone(&bucket);
    let router = Router::new().fallback(move |request: Request| {
        let objects = Arc::clone(&objects);
        async move {
            let signed = request.headers().contains_key(header::AUTHORIZATION);
            let (method, path) = (request.method().clone(), request.uri().path().to_owned());
            let body = axum::body::to_bytes(request.into_body(), 1 << 20).await.unwrap();
            let answer = Response::builder()
                .header(header::ETAG, "\"tag\"")
                .header(header::LAST_MODIFIED, "Mon, 12 Oct 2026 12:00:00 GMT");
            let found = objects.lock().unwrap().get(&path).cloned();
            match (method, found) {
                _ if !signed => Response::builder().status(403).body(Body::empty()).unwrap(),
                (Method::PUT, _) => {
                    objects.lock().unwrap().insert(path, body);
                    answer.body(Body::empty()).unwrap()
                }
                (_, None) => Response::builder().status(404).body(Body::empty()).unwrap(),
                (Method::HEAD, Some(object)) => answer
                    .header(header::CONTENT_LENGTH, object.len())
                    .body(Body::empty())
                    .unwrap(),
                (_, Some(object)) => answer.body(Body::from(object)).unwrap(),
            }
        }
    });
    tokio::spawn(async move { axum::serve(listener, router).await });
    let settings = [
        ("AWS_ENDPOINT", format!("http://{address}")),
        ("AWS_ALLOW_HTTP", "true".to_owned()),
        ("AWS_REGION", "anywhere".to_owned()),
        ("AWS_ACCESS_KEY_ID", "id".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "secret".to_owned()),
        ("PATH", "something else".to_owned()),
    ];
    let settings = settings.map(|(name, value)| (name.to_owned(), value));
    let store = Store::open_with("s3://bucket/some/prefix", settings).unwrap();
    let cid = store.put(content()).await.unwrap();
    assert!(store.has(&cid).await.unwrap());
    assert_eq!(store.get(&cid).await.unwrap(), content());
    store.point("samples/x", &cid).await.unwrap();
    assert_eq!(store.resolve("samples/x").await.unwrap(), Some(cid));
    let names: Vec<String> = bucket.lock().unwrap().keys().cloned().collect();
    assert!(
        names.iter().all(|name| name.starts_with("/bucket/some/prefix/")),
        "{names:?}"
    );
    assert!(!store.has(&Cid::of(b"none")).await.unwrap());
}

#[tokio::test]
async fn places_are_folders_buckets_and_servers() {
    let folder = tempfile::tempdir().unwrap();
    for place in [
        folder.path().join("a").display().to_string(),
        format!("file://{}/b", folder.path().display()),
    ] {
        let store = Store::open(&place).unwrap();
        let cid = store.put(&b"x"[..]).await.unwrap();
        assert!(store.has(&cid).await.unwrap());
    }
    assert!(folder.path().join("a").is_dir() && folder.path().join("b").is_dir());
    let failed = Store::open("ftp://example.org/");
    assert!(
        matches!(&failed, Err(Error::UnknownStore { place }) if place == "ftp://example.org/"),
        "{failed:?}"
    );
}
