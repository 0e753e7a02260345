//! The data card: what a buyer sees before paying. Stored as Croissant 1.0 (JSON-LD), which dataset search engines and
//! machine-learning tools read.
//!
//! Everything in the Croissant document follows from the [`Card`] that it carries, the name and size of the package, and
//! this code. A reader makes the document anew and compares, so that the two cannot say different things.

use std::collections::{BTreeMap, BTreeSet};

use lumora_core::hash::Hash;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::Url;

use super::schema::{FieldSchema, Kind};
use crate::{
    cid::Cid,
    error::{Error, Result},
    fetch::SkipReason,
    json::canonical,
    manifest::URL_FIELD,
};

pub(super) const VERSION: u32 = 2;
/// Largest card that is read.
pub const MAX_CARD_BYTES: u64 = 16 << 20;

/// The version of the Croissant vocabulary.
const CROISSANT: &str = "http://mlcommons.org/croissant/1.0";
/// Member of the document that holds the [`Card`].
const CARD_MEMBER: &str = "lumoraCard";
const PACKAGE_FILE: &str = "package.json";
const ROWS_FILE: &str = "rows.jsonl";

/// Describes a dataset.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Card {
    /// Version of the format: 2.
    pub version: u32,
    /// The id under which it is listed.
    #[serde(with = "hex::serde")]
    pub dataset_id: [u8; 32],
    /// Its name.
    pub name: String,
    /// What it holds.
    pub description: String,
    /// Licence of the content: an SPDX expression or a URL.
    pub licence: String,
    /// Whom the collected sites could write to.
    pub contact: String,
    /// Hash of the manifest it was made from.
    #[serde(with = "hex::serde")]
    pub manifest: Hash,
    /// The members of each row.
    pub schema: Vec<FieldSchema>,
    /// Number of rows.
    pub rows: u64,
    /// Bytes of the rows as JSON Lines.
    pub bytes: u64,
    /// Rows left out because another page has the same content.
    pub duplicates_removed: u64,
    /// Some rows, spread evenly, that the seller chose to show. A sample that nobody chose is published once the dataset
    /// is listed; see [`super::sample`].
    pub preview: Vec<Value>,
    /// Where the rows come from.
    pub sources: Vec<Source>,
    /// What robots.txt said.
    pub robots: RobotsSummary,
    /// Pages that gave no row, by reason.
    pub skipped: BTreeMap<SkipReason, u64>,
    /// Unix time of the first fetch; 0 for a dataset without rows.
    pub collected_from: i64,
    /// Unix time of the last fetch; 0 for a dataset without rows.
    pub collected_until: i64,
}

/// A site that rows come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// Scheme, host and port.
    pub site: String,
    /// Rows from it.
    pub rows: u64,
}

/// What robots.txt said about the pages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RobotsSummary {
    /// Rows from pages that it allows.
    pub allowed: u64,
    /// Rows from sites that have none.
    pub no_rules: u64,
    /// Pages that it forbids: they were not fetched.
    pub forbidden: u64,
}

impl Card {
    /// The card as Croissant, in canonical JSON, for the package of that name and size.
    pub fn croissant(&self, package: &Cid, package_bytes: u64) -> Result<Vec<u8>> {
        let card = serde_json::to_value(self).map_err(|error| malformed(error.to_string()))?;
        let address = format!("ipfs://{package}");
        let document = json!({
            "@context": context(),
            "@type": "sc:Dataset",
            "conformsTo": CROISSANT,
            "name": self.name,
            "description": if self.description.is_empty() { &self.name } else { &self.description },
            "license": licence(&self.licence),
            "url": address,
            "creator": {"@type": "sc:Organization", "name": self.contact, "url": self.contact},
            "datePublished": date(self.collected_until),
            "version": "1.0.0",
            "isLiveDataset": false,
            "distribution": [
                {
                    "@type": "cr:FileObject",
                    "@id": PACKAGE_FILE,
                    "name": PACKAGE_FILE,
                    "description": "Names the encrypted segments.",
                    "contentUrl": address,
                    "contentSize": format!("{package_bytes} B"),
                    "encodingFormat": "application/json",
                    "sha256": hex::encode(package.digest()),
                },
                {
                    "@type": "cr:FileObject",
                    "@id": ROWS_FILE,
                    "name": ROWS_FILE,
                    "description": "The rows, decrypted from the segments with the key that a buyer receives.",
                    "contentUrl": ROWS_FILE,
                    "contentSize": format!("{} B", self.bytes),
                    "containedIn": {"@id": PACKAGE_FILE},
                    "encodingFormat": "application/jsonlines",
                },
            ],
            "recordSet": [{
                "@type": "cr:RecordSet",
                "@id": "rows",
                "name": "rows",
                "description": format!("{} rows, one for each page", self.rows),
                "key": {"@id": field_id(URL_FIELD)},
                "field": self.schema.iter().map(field).collect::<Vec<_>>(),
                "examples": self.preview.iter().map(|row| example(row, &self.schema)).collect::<Vec<_>>(),
            }],
            CARD_MEMBER: card,
        });
        Ok(canonical(&document))
    }

    /// Reads the card that a Croissant document carries, and checks that the document says nothing else and belongs to
    /// that package.
    pub fn from_croissant(document: &[u8], package: &Cid, package_bytes: u64) -> Result<Self> {
        let mut parsed: BTreeMap<String, Value> =
            serde_json::from_slice(document).map_err(|error| malformed(error.to_string()))?;
        let card = parsed
            .remove(CARD_MEMBER)
            .ok_or_else(|| malformed(format!("it has no `{CARD_MEMBER}`")))?;
        let card: Self = serde_json::from_value(card).map_err(|error| malformed(error.to_string()))?;
        if card.version != VERSION {
            return Err(malformed(format!("it has version {}", card.version)));
        }
        if card.croissant(package, package_bytes)? != document {
            return Err(Error::CardMismatch {
                what: "Croissant members",
            });
        }
        Ok(card)
    }
}

fn malformed(why: String) -> Error {
    Error::Malformed {
        what: "the data card",
        why,
    }
}

/// The context that the specification recommends (appendix 1), and ours.
fn context() -> Value {
    json!({
        "@language": "en",
        "@vocab": "https://schema.org/",
        "citeAs": "cr:citeAs",
        "column": "cr:column",
        "conformsTo": "dct:conformsTo",
        "cr": "http://mlcommons.org/croissant/",
        "data": {"@id": "cr:data", "@type": "@json"},
        "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
        "dct": "http://purl.org/dc/terms/",
        "examples": {"@id": "cr:examples", "@type": "@json"},
        "extract": "cr:extract",
        "field": "cr:field",
        "fileObject": "cr:fileObject",
        "fileProperty": "cr:fileProperty",
        "fileSet": "cr:fileSet",
        "format": "cr:format",
        "includes": "cr:includes",
        "isLiveDataset": "cr:isLiveDataset",
        "jsonPath": "cr:jsonPath",
        "key": "cr:key",
        "lumora": "https://github.com/lumora-network/lumora#",
        CARD_MEMBER: {"@id": "lumora:card", "@type": "@json"},
        "md5": "cr:md5",
        "parentField": "cr:parentField",
        "path": "cr:path",
        "recordSet": "cr:recordSet",
        "references": "cr:references",
        "regex": "cr:regex",
        "repeated": "cr:repeated",
        "replace": "cr:replace",
        "sc": "https://schema.org/",
        "separator": "cr:separator",
        "source": "cr:source",
        "subField": "cr:subField",
        "transform": "cr:transform",
    })
}

/// A URL, or a work that is named by its SPDX expression.
fn licence(licence: &str) -> Value {
    if Url::parse(licence).is_ok() {
        json!(licence)
    } else {
        json!({"@type": "sc:CreativeWork", "name": licence})
    }
}

fn field(field: &FieldSchema) -> Value {
    let (kind, repeated) = match field.kind {
        _ if field.name == URL_FIELD => ("sc:URL", false),
        Kind::Boolean => ("sc:Boolean", false),
        Kind::Integer => ("sc:Integer", false),
        Kind::Number => ("sc:Float", false),
        Kind::Text | Kind::Json => ("sc:Text", false),
        Kind::TextList => ("sc:Text", true),
    };
    let mut value = json!({
        "@type": "cr:Field",
        "@id": field_id(&field.name),
        "name": field.name,
        "description": format!("In {} rows.", field.present),
        "dataType": kind,
        "source": {
            "fileObject": {"@id": ROWS_FILE},
            "extract": {"jsonPath": format!("$['{}']", field.name.replace('\\', "\\\\").replace('\'', "\\'"))},
        },
    });
    if let (true, Some(members)) = (repeated, value.as_object_mut()) {
        members.insert("repeated".to_owned(), json!(true));
    }
    value
}

/// Unique in the document and an IRI, whatever the member's name is.
fn field_id(name: &str) -> String {
    let mut id = "rows/".to_owned();
    id.extend(url::form_urlencoded::byte_serialize(name.as_bytes()));
    id
}

/// A row under the fields' ids.
fn example(row: &Value, schema: &[FieldSchema]) -> Value {
    schema
        .iter()
        .filter_map(|field| Some((field_id(&field.name), row.get(&field.name)?.clone())))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

fn date(unix: i64) -> String {
    chrono::DateTime::from_timestamp(unix, 0)
        .unwrap_or_default()
        .format("%Y-%m-%d")
        .to_string()
}

/// Counts the rows of each site. Rows come sorted, so that the site of most is that of the row before.
#[derive(Default)]
pub(super) struct Sources {
    /// Scheme, host and port as the URLs write them -> the site.
    prefix: String,
    site: String,
    rows: BTreeMap<String, u64>,
}

impl Sources {
    pub(super) fn count(&mut self, url: &str) {
        let is_same = !self.prefix.is_empty()
            && url
                .strip_prefix(&self.prefix)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?', '#']));
        if !is_same {
            let end = url
                .find("://")
                .and_then(|at| Some(at + 3 + url.get(at + 3..)?.find(['/', '?', '#'])?))
                .unwrap_or(url.len());
            self.prefix = url.get(..end).unwrap_or(url).to_owned();
            self.site = Url::parse(url).map_or_else(|_| url.to_owned(), |url| url.origin().ascii_serialization());
        }
        match self.rows.get_mut(&self.site) {
            Some(rows) => *rows += 1,
            None => {
                self.rows.insert(self.site.clone(), 1);
            }
        }
    }

    pub(super) fn finish(self) -> Vec<Source> {
        let sources = self.rows.into_iter();
        sources.map(|(site, rows)| Source { site, rows }).collect()
    }
}

/// Names of the columns, for holding rows against a card.
pub(super) fn column_names(schema: &[FieldSchema]) -> BTreeSet<&str> {
    schema.iter().map(|field| field.name.as_str()).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn card() -> Card {
        let field = |name: &str, kind| FieldSchema {
            name: name.to_owned(),
            kind,
            present: 2,
        };
        Card {
            version: VERSION,
            dataset_id: [7; 32],
            name: "Documentation pages".to_owned(),
            description: "Titles and texts.".to_owned(),
            licence: "MIT OR Apache-2.0".to_owned(),
            contact: "mailto:ops@example.org".to_owned(),
            manifest: [8; 32],
            schema: vec![
                field("it's a \"name\"", Kind::Json),
                field("links", Kind::TextList),
                field("price", Kind::Number),
                field("url", Kind::Text),
            ],
            rows: 2,
            bytes: 100,
            duplicates_removed: 1,
            preview: vec![json!({"links": ["a"], "price": 1.5, "url": "https://a.example/1"})],
            sources: Vec::new(),
            robots: RobotsSummary::default(),
            skipped: BTreeMap::from([(SkipReason::NotFound, 3)]),
            collected_from: 1_790_000_000,
            collected_until: 1_790_000_100,
        }
    }

    /// The properties that Croissant 1.0 requires of a dataset, of each file and of each record set.
    #[test]
    fn the_document_has_what_croissant_requires() {
        let package = Cid::of(b"package");
        let document: Value = serde_json::from_slice(&card().croissant(&package, 9).unwrap()).unwrap();
        assert_eq!(document["@type"], "sc:Dataset");
        assert_eq!(document["@context"]["@vocab"], "https://schema.org/");
        assert_eq!(document["conformsTo"], "http://mlcommons.org/croissant/1.0");
        for required in [
            "description",
            "license",
            "name",
            "url",
            "creator",
            "datePublished",
            "distribution",
        ] {
            assert!(!document[required].is_null(), "{required}");
        }
        assert_eq!(document["datePublished"], "2026-09-21");
        assert_eq!(document["license"]["name"], "MIT OR Apache-2.0");
        let mut ids = BTreeSet::new();
        for file in document["distribution"].as_array().unwrap() {
            assert_eq!(file["@type"], "cr:FileObject");
            for required in ["@id", "name", "contentUrl", "contentSize", "encodingFormat"] {
                assert!(file[required].is_string(), "{required}: {file}");
            }
            assert!(file["sha256"].is_string() || file["containedIn"]["@id"] == PACKAGE_FILE);
            assert!(ids.insert(file["@id"].as_str().unwrap().to_owned()));
        }
        assert_eq!(document["distribution"][0]["sha256"], hex::encode(package.digest()));
        let rows = &document["recordSet"][0];
        assert_eq!(rows["@type"], "cr:RecordSet");
        for field in rows["field"].as_array().unwrap() {
            assert_eq!(field["@type"], "cr:Field");
            assert!(ids.insert(field["@id"].as_str().unwrap().to_owned()), "ids are unique");
            assert!(ids.contains(field["source"]["fileObject"]["@id"].as_str().unwrap()));
            assert!(field["dataType"].as_str().unwrap().starts_with("sc:"));
        }
        assert!(ids.contains(rows["key"]["@id"].as_str().unwrap()));
        for id in rows["examples"][0].as_object().unwrap().keys() {
            assert!(ids.contains(id), "{id}");
        }
    }

    #[test]
    fn the_document_and_the_card_in_it_cannot_differ() {
        let (card, package) = (card(), Cid::of(b"package"));
        let document = card.croissant(&package, 9).unwrap();
        assert_eq!(Card::from_croissant(&document, &package, 9).unwrap(), card);
        let refused = |document: &[u8], package: &Cid, bytes| {
            matches!(
                Card::from_croissant(document, package, bytes),
                Err(Error::CardMismatch { .. })
            )
        };
        assert!(refused(&document, &Cid::of(b"other"), 9));
        assert!(refused(&document, &package, 10));
        let text = String::from_utf8(document).unwrap();
        let licence = text.replacen("\"name\":\"MIT OR Apache-2.0\"", "\"name\":\"CC0-1.0\"", 1);
        assert_ne!(licence, text);
        assert!(refused(licence.as_bytes(), &package, 9));
        assert!(refused(text.replacen('{', "{ ", 1).as_bytes(), &package, 9));
    }

    #[test]
    fn sites_are_counted_whatever_their_urls_look_like() {
        let mut sources = Sources::default();
        for url in [
            "https://a.example/1",
            "https://a.example/2?x",
            "https://a.example.org/",
            "https://a.example:8443/",
            "https://a.example?q",
            "not a url",
        ] {
            sources.count(url);
        }
        let counted: Vec<_> = sources
            .finish()
            .into_iter()
            .map(|source| (source.site, source.rows))
            .collect();
        let expected = [
            ("https://a.example", 3),
            ("https://a.example.org", 1),
            ("https://a.example:8443", 1),
            ("not a url", 1),
        ];
        assert_eq!(counted, expected.map(|(site, rows)| (site.to_owned(), rows)));
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_card_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200), at in any::<usize>(), new in any::<u8>()) {
            let package = Cid::of(b"package");
            prop_assert!(Card::from_croissant(&bytes, &package, 9).is_err());
            let mut document = card().croissant(&package, 9).unwrap();
            let at = at % document.len();
            document[at] = new;
            // What is changed in the card alone makes another card, and never one that the rest contradicts.
            if let Ok(card) = Card::from_croissant(&document, &package, 9) {
                prop_assert_eq!(card.croissant(&package, 9).unwrap(), document);
            }
        }
    }
}
