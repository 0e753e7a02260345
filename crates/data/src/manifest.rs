//! The manifest: what a job fetches and what it extracts. A JSON file; its hash stands in the job on chain, so that
//! every replica works from the same one. For example:
//!
//! ```json
#![doc = include_str!("../examples/manifest.json")]
//! ```

use std::collections::{BTreeMap, BTreeSet};

use lumora_core::hash::{Hash, sha256};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::{extract::Extractor, json, key::ResultsPublicKey};

/// The version of the format that this program reads.
pub const VERSION: u32 = 1;
/// Most pages that one job may list.
pub const MAX_PAGES: usize = 1_000_000;
/// Largest `max_bytes` that a manifest may ask for.
pub const MAX_PAGE_BYTES: u64 = 64 << 20;
/// Name of the member of every record that holds the page's URL.
pub const URL_FIELD: &str = "url";

/// What to fetch, how, and what to keep of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of the format: 1.
    pub version: u32,
    /// Name of the dataset to be.
    pub name: String,
    /// What it holds, for people.
    #[serde(default)]
    pub description: String,
    /// Licence of the content, as an SPDX expression or a URL.
    pub licence: String,
    /// Whom a site's owner can write to: `mailto:...` or a web page. Sent in the User-Agent header.
    pub contact: String,
    /// The sites that may be visited: scheme, host and port. Nothing else is, not even by a redirect.
    pub sites: Vec<Url>,
    /// The pages.
    pub pages: Pages,
    /// Which parts of the sites may be visited.
    #[serde(default)]
    pub scope: Scope,
    /// What the pages are.
    #[serde(default)]
    pub format: Format,
    /// Name of a member of the record -> where it is found.
    pub fields: BTreeMap<String, Field>,
    /// Most bytes of one page, after decompression. Larger pages are skipped.
    #[serde(default = "default_max_bytes")]
    pub max_bytes: u64,
    /// Most requests per second and site that one node makes. A longer Crawl-delay of the site wins.
    #[serde(default = "default_requests_per_second")]
    pub requests_per_second: f64,
    /// Seconds until a request is given up.
    #[serde(default = "default_timeout_seconds")]
    pub timeout_seconds: u32,
    /// Public key (64 hexadecimal digits) for which nodes seal the results of their shards. The client holds the secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub results_key: Option<ResultsPublicKey>,
}

fn default_max_bytes() -> u64 {
    4 << 20
}

fn default_requests_per_second() -> f64 {
    1.0
}

fn default_timeout_seconds() -> u32 {
    30
}

/// The list of pages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Pages {
    /// In the manifest itself.
    Urls(Vec<Url>),
    /// In a file next to it, see [`url_list`].
    UrlList(UrlListReference),
}

/// Names a URL list by its hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UrlListReference {
    /// SHA-256 of the list as [`url_list`] writes it, in hexadecimal.
    #[serde(with = "hex::serde")]
    pub sha256: Hash,
    /// Number of URLs.
    pub count: u64,
}

/// URL prefixes. A prefix covers URLs of the same scheme, host and port whose path begins with the prefix's path.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scope {
    /// What may be visited; everything on the sites if empty.
    #[serde(default)]
    pub allow: Vec<Url>,
    /// What may not be visited, although it is allowed.
    #[serde(default)]
    pub deny: Vec<Url>,
}

/// What the pages are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Web pages.
    #[default]
    Html,
    /// JSON documents.
    Json,
    /// Plain text.
    Text,
}

/// Where a member of the record is found: exactly one of `css`, `json_pointer` and `text`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// CSS selector (format html).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub css: Option<String>,
    /// JSON pointer, RFC 6901 (format json).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json_pointer: Option<String>,
    /// The visible text of the whole page (formats html and text).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub text: bool,
    /// With `css`: this attribute of the element instead of its text. `href` and `src` are made absolute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attribute: Option<String>,
    /// With `css`: a list of all matches instead of the first.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub multiple: bool,
    /// A page without it gives no record.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub required: bool,
}

/// What is wrong with a manifest, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// Not the JSON we expect.
    #[error("the manifest cannot be read: {0}")]
    Json(String),
    /// Another version of the format.
    #[error("the manifest has version {0}; write `\"version\": 1`, the only one there is")]
    Version(u32),
    /// A text that must be there is empty.
    #[error("the manifest's `{0}` is empty; fill it in")]
    Empty(&'static str),
    /// The contact is no contact.
    #[error(
        "the manifest's `contact` is `{0}`; write `mailto:you@example.org` or the address of a web page, so that a site's owner can object"
    )]
    Contact(String),
    /// A URL we do not visit.
    #[error("{what} `{url}` cannot be visited: {why}")]
    Url {
        /// Which member of the manifest.
        what: &'static str,
        /// The URL.
        url: String,
        /// The rule that it breaks.
        why: &'static str,
    },
    /// A page outside the scope.
    #[error("page `{0}` is outside the manifest's `sites` and `scope`; add its site or remove it from `pages`")]
    OutOfScope(String),
    /// No pages or too many.
    #[error("the manifest lists {0} pages; list between 1 and 1,000,000")]
    PageCount(u64),
    /// The list is needed and is not there.
    #[error("the manifest refers to a URL list (SHA-256 {0}); pass that list along with it")]
    UrlListMissing(String),
    /// The list is not the one that was named.
    #[error(
        "this URL list has SHA-256 {found}, the manifest asks for {expected}: take the list the manifest was made with"
    )]
    UrlListHash {
        /// As the manifest says.
        expected: String,
        /// Of the list.
        found: String,
    },
    /// A field that cannot be extracted.
    #[error("field `{field}`: {why}")]
    Field {
        /// Its name.
        field: String,
        /// What to change.
        why: String,
    },
    /// A number out of range.
    #[error("the manifest's `{name}` must be {range}")]
    Range {
        /// Which member.
        name: &'static str,
        /// What it may be.
        range: &'static str,
    },
    /// More shards than pages.
    #[error("{pages} pages cannot be split into {shards} shards; use between 1 and {pages} shards")]
    TooManyShards {
        /// Number of pages.
        pages: usize,
        /// Number of shards asked for.
        shards: u32,
    },
}

impl Manifest {
    /// Reads and checks a manifest.
    pub fn from_json(text: &[u8]) -> Result<Self, ManifestError> {
        let manifest: Self = serde_json::from_slice(text).map_err(|error| ManifestError::Json(error.to_string()))?;
        manifest.validate()?;
        Ok(manifest)
    }

    /// The manifest's canonical bytes: what is stored and hashed.
    pub fn canonical(&self) -> Vec<u8> {
        // Plain strings, numbers and maps with text keys: nothing that serde_json cannot represent.
        json::canonical(&serde_json::to_value(self).expect("a manifest consists of JSON values"))
    }

    /// SHA-256 of [`Manifest::canonical`], defaults filled in: what the job on chain binds.
    pub fn hash(&self) -> Hash {
        sha256(&[&self.canonical()])
    }

    /// Checks every rule, the pages' URLs included where the manifest lists them.
    pub fn validate(&self) -> Result<(), ManifestError> {
        if self.version != VERSION {
            return Err(ManifestError::Version(self.version));
        }
        for (name, text) in [
            ("name", &self.name),
            ("licence", &self.licence),
            ("contact", &self.contact),
        ] {
            if text.trim().is_empty() {
                return Err(ManifestError::Empty(name));
            }
        }
        if !is_contact(&self.contact) {
            return Err(ManifestError::Contact(self.contact.clone()));
        }
        if self.sites.is_empty() {
            return Err(ManifestError::Empty("sites"));
        }
        for url in &self.sites {
            visitable(url).map_err(|why| ManifestError::Url {
                what: "site",
                url: url.to_string(),
                why,
            })?;
        }
        for url in self.scope.allow.iter().chain(&self.scope.deny) {
            visitable(url).map_err(|why| ManifestError::Url {
                what: "scope",
                url: url.to_string(),
                why,
            })?;
        }
        if self.max_bytes == 0 || self.max_bytes > MAX_PAGE_BYTES {
            return Err(ManifestError::Range {
                name: "max_bytes",
                range: "between 1 and 67,108,864 (64 MiB)",
            });
        }
        if !(self.requests_per_second >= 0.001 && self.requests_per_second <= 1_000.0) {
            return Err(ManifestError::Range {
                name: "requests_per_second",
                range: "between 0.001 and 1,000",
            });
        }
        if self.timeout_seconds == 0 || self.timeout_seconds > 600 {
            return Err(ManifestError::Range {
                name: "timeout_seconds",
                range: "between 1 and 600",
            });
        }
        Extractor::new(self)?;
        match &self.pages {
            Pages::Urls(urls) => self.check_pages(urls),
            Pages::UrlList(list) => check_count(list.count),
        }
    }

    /// The pages, sorted and without repetition. `list` is the text of the URL list, where the manifest refers to one.
    pub fn urls(&self, list: Option<&str>) -> Result<Vec<Url>, ManifestError> {
        match &self.pages {
            Pages::Urls(urls) => Ok(sorted(urls.iter().cloned())),
            Pages::UrlList(reference) => {
                let text = list.ok_or_else(|| ManifestError::UrlListMissing(hex::encode(reference.sha256)))?;
                let found = sha256(&[text.as_bytes()]);
                if found != reference.sha256 {
                    return Err(ManifestError::UrlListHash {
                        expected: hex::encode(reference.sha256),
                        found: hex::encode(found),
                    });
                }
                let parse = |line: &str| {
                    Url::parse(line).map_err(|_| ManifestError::Url {
                        what: "page",
                        url: line.to_owned(),
                        why: "it is not a URL",
                    })
                };
                let urls = sorted(text.lines().map(parse).collect::<Result<Vec<_>, _>>()?);
                self.check_pages(&urls)?;
                Ok(urls)
            }
        }
    }

    /// Whether `url` may be visited: on one of the sites, allowed and not denied.
    pub fn covers(&self, url: &Url) -> bool {
        let on_site = self.sites.iter().any(|site| site.origin() == url.origin());
        let allowed = self.scope.allow.is_empty() || self.scope.allow.iter().any(|prefix| has_prefix(url, prefix));
        on_site && allowed && !self.scope.deny.iter().any(|prefix| has_prefix(url, prefix))
    }

    fn check_pages(&self, urls: &[Url]) -> Result<(), ManifestError> {
        check_count(urls.len() as u64)?;
        for url in urls {
            visitable(url).map_err(|why| ManifestError::Url {
                what: "page",
                url: url.to_string(),
                why,
            })?;
            if !self.covers(url) {
                return Err(ManifestError::OutOfScope(url.to_string()));
            }
        }
        Ok(())
    }
}

fn check_count(count: u64) -> Result<(), ManifestError> {
    if count == 0 || count > MAX_PAGES as u64 {
        Err(ManifestError::PageCount(count))
    } else {
        Ok(())
    }
}

/// Writes a URL list: sorted, without repetition, one URL to a line. Returns the text and the reference to it.
pub fn url_list(urls: impl IntoIterator<Item = Url>) -> (String, UrlListReference) {
    let urls = sorted(urls);
    let text: String = urls.iter().map(|url| format!("{url}\n")).collect();
    let reference = UrlListReference {
        sha256: sha256(&[text.as_bytes()]),
        count: urls.len() as u64,
    };
    (text, reference)
}

/// Splits the pages into shards, the same way for everybody: sorted, then cut into runs whose lengths differ by at most
/// one. Neighbours share a host and a folder, so a shard keeps to few hosts.
pub fn shards(urls: &[Url], shard_count: u32) -> Result<Vec<Vec<Url>>, ManifestError> {
    let urls = sorted(urls.iter().cloned());
    let count = shard_count as usize;
    if count == 0 || count > urls.len() {
        return Err(ManifestError::TooManyShards {
            pages: urls.len(),
            shards: shard_count,
        });
    }
    let (length, longer) = (urls.len() / count, urls.len() % count);
    let mut rest = urls.into_iter();
    Ok((0..count)
        .map(|shard| rest.by_ref().take(length + usize::from(shard < longer)).collect())
        .collect())
}

fn sorted(urls: impl IntoIterator<Item = Url>) -> Vec<Url> {
    // The fragment never reaches the server: two URLs that differ in it are one page.
    let without_fragment = |mut url: Url| {
        url.set_fragment(None);
        url
    };
    urls.into_iter()
        .map(without_fragment)
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect()
}

/// Why a URL is never visited, whatever the manifest says.
pub(crate) fn visitable(url: &Url) -> Result<(), &'static str> {
    if !matches!(url.scheme(), "http" | "https") {
        Err("only http and https are fetched")
    } else if url.host().is_none() {
        Err("it has no host")
    } else if !url.username().is_empty() || url.password().is_some() {
        Err("it carries a login, and only public pages are fetched")
    } else {
        Ok(())
    }
}

/// Whether somebody can be reached under this contact.
pub(crate) fn is_contact(contact: &str) -> bool {
    let printable = contact.bytes().all(|byte| byte.is_ascii_graphic());
    let reachable = contact.strip_prefix("mailto:").is_some_and(|mail| {
        mail.split_once('@')
            .is_some_and(|(name, host)| !name.is_empty() && !host.is_empty())
    }) || Url::parse(contact).is_ok_and(|url| visitable(&url).is_ok());
    printable && contact.len() <= 200 && reachable
}

fn has_prefix(url: &Url, prefix: &Url) -> bool {
    // Not on the text: `https://a.example` would cover `https://a.example.evil.org`.
    url.origin() == prefix.origin() && url[url::Position::BeforePath..].starts_with(prefix.path())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn valid() -> Value {
        json!({
            "version": 1, "name": "Docs", "licence": "MIT", "contact": "mailto:ops@example.org",
            "sites": ["https://docs.example.org"],
            "pages": {"urls": ["https://docs.example.org/b.html", "https://docs.example.org/a.html#part"]},
            "scope": {"deny": ["https://docs.example.org/private/"]},
            "fields": {"title": {"css": "h1", "required": true}, "body": {"text": true}},
        })
    }

    fn with(name: &str, value: Value) -> Result<Manifest, ManifestError> {
        let mut manifest = valid();
        manifest[name] = value;
        Manifest::from_json(manifest.to_string().as_bytes())
    }

    #[test]
    fn the_documented_example_is_valid() {
        let manifest = Manifest::from_json(include_bytes!("../examples/manifest.json")).unwrap();
        assert_eq!(manifest.urls(None).unwrap().len(), 2);
    }

    #[test]
    fn the_hash_does_not_depend_on_how_the_file_is_written() {
        let short = Manifest::from_json(valid().to_string().as_bytes()).unwrap();
        let long = with("max_bytes", json!(4 << 20)).unwrap();
        assert_eq!(short.hash(), long.hash());
        assert_eq!(Manifest::from_json(&short.canonical()).unwrap(), short);
        assert_ne!(short.hash(), with("name", json!("Other")).unwrap().hash());
        assert_ne!(short.hash(), with("requests_per_second", json!(1.5)).unwrap().hash());
    }

    #[test]
    fn each_rule_has_its_error() {
        type Check = fn(&ManifestError) -> bool;
        #[rustfmt::skip]
        let table: &[(&str, Value, Check)] = &[
            ("version", json!(2), |e| matches!(e, ManifestError::Version(2))),
            ("surprise", json!(1), |e| matches!(e, ManifestError::Json(why) if why.contains("surprise"))),
            ("name", json!(" "), |e| matches!(e, ManifestError::Empty("name"))),
            ("contact", json!("me"), |e| matches!(e, ManifestError::Contact(_))),
            ("contact", json!("mailto:a@b\r\nX-Evil: 1"), |e| matches!(e, ManifestError::Contact(_))),
            ("sites", json!([]), |e| matches!(e, ManifestError::Empty("sites"))),
            ("sites", json!(["ftp://docs.example.org"]), |e| matches!(e, ManifestError::Url { what: "site", .. })),
            ("sites", json!(["https://user:pw@docs.example.org"]), |e| matches!(e, ManifestError::Url { .. })),
            ("pages", json!({"urls": []}), |e| matches!(e, ManifestError::PageCount(0))),
            ("pages", json!({"urls": ["https://else.example.org/"]}), |e| matches!(e, ManifestError::OutOfScope(_))),
            ("pages", json!({"urls": ["https://docs.example.org.evil.org/"]}), |e| matches!(e, ManifestError::OutOfScope(_))),
            ("pages", json!({"urls": ["https://docs.example.org/private/x"]}), |e| matches!(e, ManifestError::OutOfScope(_))),
            ("fields", json!({}), |e| matches!(e, ManifestError::Empty("fields"))),
            ("fields", json!({"a": {}}), |e| matches!(e, ManifestError::Field { .. })),
            ("fields", json!({"a": {"css": "h1", "text": true}}), |e| matches!(e, ManifestError::Field { .. })),
            ("fields", json!({"a": {"css": "h1["}}), |e| matches!(e, ManifestError::Field { .. })),
            ("fields", json!({"a": {"text": true, "attribute": "href"}}), |e| matches!(e, ManifestError::Field { .. })),
            ("fields", json!({"a": {"json_pointer": "/a"}}), |e| matches!(e, ManifestError::Field { .. })),
            ("fields", json!({"url": {"css": "h1"}}), |e| matches!(e, ManifestError::Field { .. })),
            ("max_bytes", json!(0), |e| matches!(e, ManifestError::Range { name: "max_bytes", .. })),
            ("requests_per_second", json!(0), |e| matches!(e, ManifestError::Range { .. })),
            ("timeout_seconds", json!(0), |e| matches!(e, ManifestError::Range { .. })),
            ("results_key", json!("00"), |e| matches!(e, ManifestError::Json(_))),
        ];
        for (name, value, check) in table {
            let error = with(name, value.clone()).expect_err(&format!("{name} = {value} was accepted"));
            assert!(check(&error), "{name} = {value}: {error:?}");
        }
        let pointer = json!({"a": {"json_pointer": "no slash"}});
        let mut manifest = valid();
        manifest["format"] = json!("json");
        manifest["fields"] = pointer;
        assert!(matches!(
            Manifest::from_json(manifest.to_string().as_bytes()),
            Err(ManifestError::Field { .. })
        ));
    }

    #[test]
    fn url_lists_are_bound_by_their_hash() {
        let manifest = Manifest::from_json(valid().to_string().as_bytes()).unwrap();
        let urls = manifest.urls(None).unwrap();
        assert_eq!(urls.len(), 2);
        assert_eq!(urls[0].as_str(), "https://docs.example.org/a.html");

        let (text, reference) = url_list(urls.clone());
        let listed = with("pages", json!({"url_list": reference})).unwrap();
        assert_eq!(listed.urls(Some(&text)).unwrap(), urls);
        assert!(matches!(listed.urls(None), Err(ManifestError::UrlListMissing(_))));
        let longer = format!("{text}https://docs.example.org/c.html\n");
        assert!(matches!(
            listed.urls(Some(&longer)),
            Err(ManifestError::UrlListHash { .. })
        ));
        // A list that the manifest's author bound himself is held to the scope all the same.
        let (outside, reference) = url_list([Url::parse("https://docs.example.org/private/x").unwrap()]);
        let listed = with("pages", json!({"url_list": reference})).unwrap();
        assert!(matches!(listed.urls(Some(&outside)), Err(ManifestError::OutOfScope(_))));
    }

    fn pages(count: usize) -> Vec<Url> {
        (0..count)
            .map(|i| Url::parse(&format!("https://a.example/{i}")).unwrap())
            .collect()
    }

    proptest! {
        #[test]
        fn shards_hold_every_page_once_in_any_order_given(count in 1usize..300, parts in 1u32..40, seed in any::<u64>()) {
            prop_assume!(parts as usize <= count);
            let urls = pages(count);
            let mut shuffled = urls.clone();
            shuffled.sort_by_key(|url| sha256(&[&seed.to_le_bytes(), url.as_str().as_bytes()]));
            let split = shards(&urls, parts).unwrap();
            prop_assert_eq!(&split, &shards(&shuffled, parts).unwrap());
            prop_assert_eq!(split.len(), parts as usize);
            let lengths: Vec<_> = split.iter().map(Vec::len).collect();
            prop_assert!(lengths.iter().max().unwrap() - lengths.iter().min().unwrap() <= 1);
            let all: BTreeSet<_> = split.into_iter().flatten().collect();
            prop_assert_eq!(all, urls.into_iter().collect::<BTreeSet<_>>());
        }
    }

    #[test]
    fn more_shards_than_pages_is_an_error() {
        assert!(matches!(
            shards(&pages(3), 4),
            Err(ManifestError::TooManyShards { pages: 3, shards: 4 })
        ));
        assert!(shards(&pages(3), 0).is_err());
    }
}
