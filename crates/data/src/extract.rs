//! From a page to a record: the fields that the manifest names.

use std::collections::BTreeMap;

use html5ever::{
    driver::{ParseOpts, parse_document},
    tendril::{StrTendril, TendrilSink},
};
use scraper::{ElementRef, Html, HtmlTreeSink, Node, Selector};
use serde_json::{Map, Value};
use url::Url;

use crate::{
    fetch::{Skip, SkipReason},
    manifest::{Format, Manifest, ManifestError, URL_FIELD},
    record::Record,
    text,
};

/// Most fields of one record.
const MAX_FIELDS: usize = 100;
/// Most bytes of text in one record. Nested matches repeat their text: without a bound a page of a megabyte could fill
/// the memory.
const MAX_RECORD_BYTES: usize = 8 << 20;
/// Elements nested deeper than this stop the parser. Browsers stop at 512; the parser's work grows with the depth.
const MAX_DEPTH: usize = 1_024;
/// Nodes per byte of page, above a floor: unclosed formatting elements make parsers repeat them in every paragraph, so
/// that the tree grows with the square of the page.
const MAX_NODES_FLOOR: usize = 100_000;
/// Bytes that are parsed between two looks at the tree.
const PARSE_STEP: usize = 1_024;

enum Source {
    Css {
        selector: Selector,
        attribute: Option<String>,
        multiple: bool,
    },
    JsonPointer(String),
    Text,
}

struct Field {
    source: Source,
    required: bool,
}

/// A manifest's fields, ready to use.
pub struct Extractor {
    format: Format,
    fields: BTreeMap<String, Field>,
}

impl Extractor {
    /// Compiles the fields, checking each.
    pub fn new(manifest: &Manifest) -> Result<Self, ManifestError> {
        if manifest.fields.is_empty() {
            return Err(ManifestError::Empty("fields"));
        }
        if manifest.fields.len() > MAX_FIELDS {
            return Err(ManifestError::Range {
                name: "fields",
                range: "at most 100 fields",
            });
        }
        let fields = manifest.fields.iter().map(|(name, field)| {
            let error = |why: &str| ManifestError::Field {
                field: name.clone(),
                why: why.to_owned(),
            };
            if name.is_empty() || name == URL_FIELD {
                return Err(error("choose another name: `url` is filled in for every record"));
            }
            let source = match (&field.css, &field.json_pointer, field.text) {
                (Some(css), None, false) if manifest.format == Format::Html => {
                    let selector = Selector::parse(css)
                        .map_err(|problem| error(&format!("`{css}` is not a CSS selector: {problem}")))?;
                    Source::Css {
                        selector,
                        attribute: field.attribute.clone(),
                        multiple: field.multiple,
                    }
                }
                (None, Some(pointer), false) if manifest.format == Format::Json => {
                    if !(pointer.is_empty() || pointer.starts_with('/')) {
                        return Err(error("a JSON pointer is empty or begins with `/`, as `/items/0/name`"));
                    }
                    Source::JsonPointer(pointer.clone())
                }
                (None, None, true) if manifest.format != Format::Json => Source::Text,
                _ => {
                    return Err(error(
                        "give exactly one source: `css` or `text` for html, `json_pointer` for json, `text` for text",
                    ));
                }
            };
            if !matches!(source, Source::Css { .. }) && (field.attribute.is_some() || field.multiple) {
                return Err(error("`attribute` and `multiple` go with `css` only"));
            }
            Ok((
                name.clone(),
                Field {
                    source,
                    required: field.required,
                },
            ))
        });
        Ok(Self {
            format: manifest.format,
            fields: fields.collect::<Result<_, _>>()?,
        })
    }

    /// Extracts the record of the page at `url` (which relative links start from and the record names).
    pub fn extract(&self, url: &Url, content_type: Option<&str>, body: &[u8]) -> Result<Record, Skip> {
        let text = text::decode(body, content_type, self.format);
        let page = match self.format {
            Format::Html => Page::Html(Box::new(parse_html(&text)?)),
            Format::Json => {
                // serde_json refuses to go deeper than 128 levels.
                let value = serde_json::from_str(text.trim_start_matches('\u{feff}'))
                    .map_err(|error| Skip::new(SkipReason::Unreadable, format!("it is not JSON: {error}")))?;
                Page::Json(value)
            }
            Format::Text => Page::Text(text),
        };
        let mut budget = MAX_RECORD_BYTES;
        let mut members = Map::new();
        for (name, field) in &self.fields {
            let value = page.value(&field.source, url, &mut budget)?;
            if field.required && is_missing(&value) {
                return Err(Skip::new(SkipReason::MissingField, format!("it has no `{name}`")));
            }
            members.insert(name.clone(), value);
        }
        Ok(Record::new(url, members))
    }
}

fn is_missing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

enum Page {
    Html(Box<Html>),
    Json(Value),
    Text(String),
}

impl Page {
    fn value(&self, source: &Source, url: &Url, budget: &mut usize) -> Result<Value, Skip> {
        match (self, source) {
            (
                Self::Html(html),
                Source::Css {
                    selector,
                    attribute,
                    multiple,
                },
            ) => {
                let mut values = html.select(selector).filter_map(|element| match attribute {
                    Some(name) => element.attr(name).map(|value| Ok(attribute_value(name, value, url))),
                    None => Some(element_text(element)),
                });
                if *multiple {
                    let mut items = Vec::new();
                    for value in values {
                        items.push(Value::String(spend(budget, value?)?));
                    }
                    return Ok(Value::Array(items));
                }
                values
                    .next()
                    .map_or(Ok(Value::Null), |value| Ok(Value::String(spend(budget, value?)?)))
            }
            (Self::Html(html), Source::Text) => Ok(Value::String(spend(budget, element_text(html.root_element())?)?)),
            (Self::Text(text), Source::Text) => Ok(Value::String(spend(budget, text::normalise(text))?)),
            (Self::Json(document), Source::JsonPointer(pointer)) => {
                Ok(document.pointer(pointer).map_or(Value::Null, normalise_json))
            }
            // Extractor::new lets no other pair through.
            _ => Ok(Value::Null),
        }
    }
}

fn spend(budget: &mut usize, text: String) -> Result<String, Skip> {
    *budget = budget.checked_sub(text.len()).ok_or_else(record_too_large)?;
    Ok(text)
}

fn record_too_large() -> Skip {
    Skip::new(
        SkipReason::TooLarge,
        "the record that the fields select has more than 8 MiB of text",
    )
}

fn attribute_value(name: &str, value: &str, base: &Url) -> String {
    match name {
        "href" | "src" => base
            .join(value.trim())
            .map_or_else(|_| text::normalise(value), String::from),
        _ => text::normalise(value),
    }
}

/// The text a reader sees: without scripts, styles and templates; words in different blocks do not run together.
fn element_text(element: ElementRef<'_>) -> Result<String, Skip> {
    let mut raw = String::new();
    // Edges instead of recursion: pages choose the depth.
    let mut hidden = 0u32;
    for edge in element.traverse() {
        match edge {
            ego_tree::iter::Edge::Open(node) => match node.value() {
                Node::Text(text) if hidden == 0 => {
                    raw.push_str(text);
                    // Normalising shrinks white space only, so leave room for it.
                    if raw.len() > MAX_RECORD_BYTES.saturating_mul(2) {
                        return Err(record_too_large());
                    }
                }
                Node::Element(inner) if is_hidden(inner.name()) => hidden += 1,
                Node::Element(inner) if !is_inline(inner.name()) => raw.push(' '),
                _ => {}
            },
            ego_tree::iter::Edge::Close(node) => match node.value() {
                Node::Element(inner) if is_hidden(inner.name()) => hidden = hidden.saturating_sub(1),
                Node::Element(inner) if !is_inline(inner.name()) => raw.push(' '),
                _ => {}
            },
        }
    }
    Ok(text::normalise(&raw))
}

fn is_hidden(name: &str) -> bool {
    matches!(name, "script" | "style" | "template" | "noscript" | "head")
}

fn is_inline(name: &str) -> bool {
    #[rustfmt::skip]
    let inline = matches!(name, "a" | "abbr" | "b" | "bdi" | "bdo" | "cite" | "code" | "data" | "dfn" | "em" | "font" | "i" | "ins" | "del"
        | "kbd" | "mark" | "q" | "s" | "samp" | "small" | "span" | "strong" | "sub" | "sup" | "time" | "tt" | "u" | "var" | "wbr");
    inline
}

fn normalise_json(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(text::normalise(text)),
        Value::Array(items) => items.iter().map(normalise_json).collect(),
        Value::Object(members) => members
            .iter()
            .map(|(name, member)| (text::normalise(name), normalise_json(member)))
            .collect(),
        other => other.clone(),
    }
}

/// Parses in steps, looking at the tree's size and depth in between.
pub(crate) fn parse_html(text: &str) -> Result<Html, Skip> {
    let max_nodes = text.len().max(MAX_NODES_FLOOR);
    let mut parser = parse_document(HtmlTreeSink::new(Html::new_document()), ParseOpts::default());
    let mut rest = text;
    while !rest.is_empty() {
        let mut step = rest.len().min(PARSE_STEP);
        while !rest.is_char_boundary(step) {
            step += 1;
        }
        let (chunk, after) = rest.split_at(step);
        rest = after;
        parser.process(StrTendril::from_slice(chunk));
        let html = parser.tokenizer.sink.sink.0.borrow();
        let mut nodes = html.tree.nodes();
        let too_many = nodes.len() > max_nodes;
        let too_deep = nodes
            .next_back()
            .is_some_and(|newest| newest.ancestors().take(MAX_DEPTH + 1).count() > MAX_DEPTH);
        if too_many || too_deep {
            let why = if too_deep {
                "its elements are nested more than 1,024 deep"
            } else {
                "its markup repeats itself without end"
            };
            return Err(Skip::new(SkipReason::Unreadable, why));
        }
    }
    Ok(parser.finish())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::{Duration, Instant};

    use serde_json::json;

    use super::*;

    fn extractor(format: &str, fields: Value) -> Extractor {
        let manifest: Manifest = serde_json::from_value(json!({
            "version": 1, "name": "t", "licence": "MIT", "contact": "mailto:a@example.org",
            "sites": ["https://a.example"], "pages": {"urls": ["https://a.example/dir/page"]},
            "format": format, "fields": fields,
        }))
        .unwrap();
        Extractor::new(&manifest).unwrap()
    }

    fn url() -> Url {
        Url::parse("https://a.example/dir/page").unwrap()
    }

    fn record(format: &str, fields: Value, body: &str) -> Value {
        let record = extractor(format, fields)
            .extract(&url(), None, body.as_bytes())
            .unwrap();
        serde_json::from_slice(record.bytes()).unwrap()
    }

    #[test]
    fn css_fields_texts_attributes_and_lists() {
        let page = "<html><head><title> A  page\n</title><style>p{}</style></head><body><h1>Fir<b>st</b></h1>\
                    <p>one</p><p>two<script>alert(1)</script></p><a href='../x?y#z'>l</a><a>none</a><img src='/i.png' alt=' A\u{301} '></body></html>";
        let fields = json!({
            "title": {"css": "title"}, "heading": {"css": "h1", "required": true},
            "paragraphs": {"css": "p", "multiple": true}, "links": {"css": "a", "attribute": "href", "multiple": true},
            "alt": {"css": "img", "attribute": "alt"}, "image": {"css": "img", "attribute": "src"},
            "missing": {"css": "table"}, "none": {"css": "table", "multiple": true}, "all": {"text": true},
        });
        assert_eq!(
            record("html", fields, page),
            json!({
                "url": "https://a.example/dir/page", "title": "A page", "heading": "First", "paragraphs": ["one", "two"],
                "links": ["https://a.example/x?y#z"], "alt": "\u{c1}", "image": "https://a.example/i.png",
                "missing": null, "none": [], "all": "First one two lnone",
            })
        );
    }

    #[test]
    fn json_pointers_and_plain_text() {
        let fields = json!({"name": {"json_pointer": "/items/0/na~1me"}, "all": {"json_pointer": "/tags"}, "no": {"json_pointer": "/x"}});
        assert_eq!(
            record(
                "json",
                fields,
                r#"{"items":[{"na/me":" a  b "}],"tags":["x ",1.50,null]}"#
            ),
            json!({"url": "https://a.example/dir/page", "name": "a b", "all": ["x", 1.5, null], "no": null})
        );
        assert_eq!(
            record("text", json!({"body": {"text": true}}), "a\r\n\tb"),
            json!({"url": "https://a.example/dir/page", "body": "a b"})
        );
    }

    #[test]
    fn pages_without_a_required_field_or_sense_are_skipped() {
        let required = extractor("html", json!({"t": {"css": "h1", "required": true}}));
        let skip = required.extract(&url(), None, b"<h1> </h1>").unwrap_err();
        assert_eq!(skip.reason, SkipReason::MissingField);
        assert_eq!(
            required.extract(&url(), None, b"\x00\xff\xfe\xfa").unwrap_err().reason,
            SkipReason::MissingField
        );

        let json = extractor("json", json!({"t": {"json_pointer": "/a"}}));
        for body in [&b"{"[..], b"\xff\xff", "[".repeat(100_000).as_bytes()] {
            assert_eq!(
                json.extract(&url(), None, body).unwrap_err().reason,
                SkipReason::Unreadable
            );
        }
    }

    /// Each of these takes a naive parser or extractor minutes or gigabytes.
    #[test]
    fn pages_made_to_exhaust_the_parser_are_given_up_soon() {
        let deep = "<div>".repeat(400_000);
        let bold: String = (0..900).map(|i| format!("<b x={i}>")).collect();
        let formatting = format!("<p>{bold}</p>{}", "<p>x</p>".repeat(50_000));
        for page in [deep, formatting] {
            let started = Instant::now();
            let skip = extractor("html", json!({"t": {"text": true}}))
                .extract(&url(), None, page.as_bytes())
                .unwrap_err();
            assert_eq!(skip.reason, SkipReason::Unreadable, "{}", &page[..20]);
            assert!(
                started.elapsed() < Duration::from_secs(20),
                "{} took {:?}",
                &page[..20],
                started.elapsed()
            );
        }
        let nested = format!("{}{}", "<div>".repeat(900), "word ".repeat(100_000));
        let skip = extractor("html", json!({"t": {"css": "div", "multiple": true}}))
            .extract(&url(), None, nested.as_bytes())
            .unwrap_err();
        assert_eq!(skip.reason, SkipReason::TooLarge);
    }

    #[test]
    fn the_same_page_gives_the_same_bytes() {
        let fields = json!({"b": {"css": "p"}, "a": {"text": true}});
        let extract = |body: &[u8], kind| extractor("html", fields.clone()).extract(&url(), kind, body).unwrap();
        let utf8 = extract("<p>é</p>".as_bytes(), Some("text/html; charset=utf-8"));
        let latin1 = extract(b"<p>\xe9</p>", Some("text/html; charset=latin1"));
        assert_eq!(utf8.bytes(), latin1.bytes());
        assert_eq!(
            utf8.bytes(),
            r#"{"a":"é","b":"é","url":"https://a.example/dir/page"}"#.as_bytes()
        );
    }
}
