//! Events as they happen: from the beginning, from now on, and from where a reader broke off.

use std::time::Duration;

use futures_util::StreamExt as _;
use lumora_indexer::IndexerConfig;
use serde_json::Value;

use crate::{
    history::Author,
    served::{ONCE, Served, sqlite},
};

/// A reader of a stream.
struct Reader {
    body: futures_util::stream::BoxStream<'static, reqwest::Result<bytes::Bytes>>,
    text: String,
}

impl Reader {
    async fn open(served: &Served, query: &str, last_event: Option<u64>) -> Self {
        let mut request = reqwest::Client::new().get(format!("{}/v1/events/stream{query}", served.url));
        if let Some(last_event) = last_event {
            request = request.header("last-event-id", last_event.to_string());
        }
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200);
        assert!(
            answer.headers()["content-type"]
                .to_str()
                .unwrap()
                .starts_with("text/event-stream")
        );
        Self {
            body: answer.bytes_stream().boxed(),
            text: String::new(),
        }
    }

    /// The next event: its id, its type, its document.
    async fn next(&mut self) -> (u64, String, Value) {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| {
                    block
                        .lines()
                        .find_map(|line| line.strip_prefix(name))
                        .map(str::to_owned)
                };
                let event = field("id: ").zip(field("event: ")).zip(field("data: "));
                self.text = rest.to_owned();
                // Anything else is a sign of life.
                if let Some(((id, kind), data)) = event {
                    return (id.parse().unwrap(), kind, serde_json::from_str(&data).unwrap());
                }
                continue;
            }
            let piece = tokio::time::timeout(Duration::from_secs(30), self.body.next())
                .await
                .expect("an event in time");
            self.text
                .push_str(std::str::from_utf8(&piece.expect("the stream goes on").unwrap()).unwrap());
        }
    }
}

#[tokio::test]
async fn a_stream_tells_everything_once_and_goes_on_where_its_reader_broke_off() {
    let folder = tempfile::tempdir().unwrap();
    let mut author = Author::new(31);
    for _ in 0..100 {
        author.slot(6);
    }
    let served = Served::open(&sqlite(&folder)).await;
    let mut follower = served.follow(author.chain(), ONCE);
    follower.round().await.unwrap();
    let so_far = served.all("/v1/events?order=oldest", 500).await.len() as u64;

    let mut from_now = Reader::open(&served, "", None).await;
    let mut from_start = Reader::open(&served, "?after=0", None).await;
    let mut proofs = Reader::open(&served, "?name=NodeProven", None).await;
    for expected in 1..=so_far {
        let (id, kind, event) = from_start.next().await;
        assert_eq!((id, kind.as_str()), (expected, event["name"].as_str().unwrap()));
    }
    // It breaks off, and things happen before it connects again.
    drop(from_start);
    for _ in 0..30 {
        author.slot(6);
    }
    follower.round().await.unwrap();
    let all = served.all("/v1/events?order=oldest", 500).await;
    assert!(all.len() as u64 > so_far + 50);
    let mut resumed = Reader::open(&served, "?after=0", Some(so_far)).await;
    for event in &all[so_far as usize..] {
        assert_eq!(resumed.next().await.2, *event);
        assert_eq!(from_now.next().await.2, *event);
        if event["name"] == "NodeProven" {
            assert_eq!(proofs.next().await.2, *event);
        }
    }
}

#[tokio::test]
async fn streams_beyond_the_most_are_refused_until_one_ends() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::open_with(IndexerConfig {
        database: sqlite(&folder),
        streams: 2,
        ..IndexerConfig::default()
    })
    .await;
    let first = Reader::open(&served, "", None).await;
    let _second = Reader::open(&served, "", None).await;
    let said = served.refused("/v1/events/stream", 503).await;
    assert!(said.contains("too many event streams"), "{said}");
    drop(first);
    // The server notices that a reader is gone at its next sign of life at the latest.
    for _ in 0..400 {
        if served.status_of_stream().await == 200 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("a stream that ended still counts");
}
