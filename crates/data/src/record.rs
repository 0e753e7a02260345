//! Records, their hashes, and what a replica reveals of a set of them.

use std::borrow::Cow;

use lumora_core::{
    hash::{Hash, sha256},
    merkle,
    result::{self, WORDS},
    sketch::{Sketch, is_volatile},
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::{Map, Value};
use url::Url;

use crate::{
    error::{Error, Result},
    json,
    manifest::URL_FIELD,
};

/// Words in a shingle. Each changed word changes as many shingles, so short ones keep what a site shows to one visitor
/// only (a time, an offer) from outweighing a short page.
const SHINGLE_WORDS: usize = 2;

/// One page's record: canonical JSON with the page's URL under `url`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Record {
    // First, so that records sort by it.
    url: String,
    bytes: Vec<u8>,
    content_hash: Hash,
}

impl Record {
    /// The record of the page at `url` with these members.
    pub fn new(url: &Url, members: Map<String, Value>) -> Self {
        Self::from_members(url.to_string(), members)
    }

    fn from_members(url: String, mut members: Map<String, Value>) -> Self {
        members.remove(URL_FIELD);
        let content = Value::Object(members);
        let content_hash = sha256(&[&json::canonical(&content)]);
        let mut with_url = content;
        if let Some(members) = with_url.as_object_mut() {
            members.insert(URL_FIELD.to_owned(), Value::String(url.clone()));
        }
        Self {
            url,
            bytes: json::canonical(&with_url),
            content_hash,
        }
    }

    /// Reads a record from a line of a dataset. It must be in canonical form, or its hash would be another.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let malformed = |why: String| Error::Malformed { what: "a record", why };
        let value: Value = serde_json::from_slice(bytes).map_err(|error| malformed(error.to_string()))?;
        let Value::Object(members) = value else {
            return Err(malformed("it is not an object".to_owned()));
        };
        let url = members
            .get(URL_FIELD)
            .and_then(Value::as_str)
            .ok_or_else(|| malformed("it names no URL".to_owned()))?;
        let record = Self::from_members(url.to_owned(), members);
        if record.bytes == bytes {
            Ok(record)
        } else {
            Err(malformed("it is not canonical JSON".to_owned()))
        }
    }

    /// Canonical JSON.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The page it came from, as the manifest lists it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// SHA-256 of the bytes.
    pub fn hash(&self) -> Hash {
        sha256(&[&self.bytes])
    }

    /// SHA-256 of the URL.
    pub fn url_hash(&self) -> Hash {
        sha256(&[self.url.as_bytes()])
    }

    /// SHA-256 of the record without its URL: equal for the same content under two addresses.
    pub fn content_hash(&self) -> Hash {
        self.content_hash
    }

    /// The record's leaf under a result root.
    pub fn leaf(&self) -> Hash {
        merkle::leaf_hash(&self.bytes)
    }

    /// Hashes of the runs of two words in each member, without the volatile ones; without order, some more than once.
    pub fn shingles(&self) -> Vec<u64> {
        let mut shingles = Vec::new();
        for (name, value) in self.members() {
            let mut texts = Vec::new();
            collect_texts(&value, &mut texts);
            let words = texts.iter().flat_map(|text| text.split(' '));
            let words: Vec<&str> = words.filter(|word| !is_volatile(word)).collect();
            let width = words.len().clamp(1, SHINGLE_WORDS);
            shingles.extend(words.windows(width).map(|run| {
                let digest = sha256(&[name.as_bytes(), b"\0", run.join(" ").as_bytes()]);
                leading_word(&digest)
            }));
        }
        shingles
    }

    /// What stands for it in a sketch: a hash of its URL, and its shingles.
    pub fn sketched(&self) -> (u64, Vec<u64>) {
        (leading_word(&self.url_hash()), self.shingles())
    }

    fn value(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_default()
    }

    /// Members in canonical order.
    pub fn members(&self) -> Map<String, Value> {
        match self.value() {
            Value::Object(members) => members,
            _ => Map::new(),
        }
    }
}

/// The URL of a row, read without building the rest of it.
#[derive(Deserialize)]
pub(crate) struct UrlOfRow<'a> {
    #[serde(borrow)]
    url: Cow<'a, str>,
}

impl<'a> UrlOfRow<'a> {
    /// The URL of the record in `row`, which must be JSON throughout.
    pub(crate) fn of(row: &'a [u8]) -> Result<Cow<'a, str>> {
        let read: serde_json::Result<Self> = serde_json::from_slice(row);
        read.map(|row| row.url).map_err(|error| Error::Malformed {
            what: "a record",
            why: error.to_string(),
        })
    }
}

/// The URL only: records are long.
impl std::fmt::Debug for Record {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Record({}, {} bytes)", self.url, self.bytes.len())
    }
}

/// As the JSON object that it is.
impl Serialize for Record {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.members().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Record {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let members = Map::deserialize(deserializer)?;
        let url = members
            .get(URL_FIELD)
            .and_then(Value::as_str)
            .ok_or_else(|| de::Error::missing_field(URL_FIELD))?;
        Ok(Self::from_members(url.to_owned(), members))
    }
}

/// Merkle root of records in canonical order (by URL, then bytes), as replicas reveal it.
pub fn result_root(sorted: &[Record]) -> Hash {
    merkle::Tree::new(sorted.iter().map(Record::leaf).collect()).root()
}

/// The sketch of the records of a shard with so many pages, word by word as replicas reveal it.
pub fn sketch(records: &[Record], pages: u32) -> [Sketch; WORDS] {
    let parts: Vec<(u64, Vec<u64>)> = records.iter().map(Record::sketched).collect();
    result::words(parts.iter().map(|(name, shingles)| (*name, shingles.as_slice())), pages)
}

fn leading_word(hash: &Hash) -> u64 {
    u64::from_le_bytes(std::array::from_fn(|i| hash[i]))
}

fn collect_texts(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::String(text) => texts.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| collect_texts(item, texts)),
        Value::Object(members) => members.values().for_each(|member| collect_texts(member, texts)),
        Value::Null => {}
        other => texts.push(other.to_string()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    fn record(url: &str, text: &str) -> Record {
        let members = json!({"text": text}).as_object().unwrap().clone();
        Record::new(&Url::parse(url).unwrap(), members)
    }

    #[test]
    fn a_line_reads_back_and_only_in_canonical_form() {
        let one = record("https://a.example/1", "hello");
        assert_eq!(Record::parse(one.bytes()).unwrap(), one);
        let spaced = b"{\"text\": \"hello\",\"url\":\"https://a.example/1\"}";
        assert!(Record::parse(spaced).is_err());
        assert!(Record::parse(b"{\"text\":\"hello\"}").is_err());
        assert!(Record::parse(b"[]").is_err());
        let two = record("https://a.example/2", "hello");
        assert_ne!(one.hash(), two.hash());
        assert_eq!(one.content_hash(), two.content_hash());
        assert!(one < two);
    }

    #[test]
    fn a_little_noise_moves_the_sketch_little_and_another_set_moves_it_much() {
        let pages = |noise: &str, topic: u32| -> Vec<Record> {
            (0..50)
                .map(|page| {
                    let words: String = (0..200)
                        .map(|word| format!("word{} ", topic + page * 200 + word))
                        .collect();
                    record(
                        &format!("https://a.example/{topic}/{page}"),
                        format!("{noise} {words}").trim(),
                    )
                })
                .collect()
        };
        let base = sketch(&pages("", 0), 50);
        let noisy = sketch(&pages("served 2026-11-22 at 17:03:14", 0), 50);
        let other = sketch(&pages("", 50_000), 50);
        for word in 0..WORDS {
            let (near, far) = (base[word].distance(&noisy[word]), base[word].distance(&other[word]));
            assert!(near <= 40 && far >= 96, "word {word}: {near}, {far}");
        }
        assert_eq!(sketch(&[], 50), [Sketch::default(); WORDS]);
        assert_ne!(result_root(&pages("", 0)), result_root(&pages("x", 0)));
    }
}
