//! Text of unknown origin made uniform: character sets, Unicode form, white space.

use encoding_rs::{Encoding, UTF_8};
use unicode_normalization::UnicodeNormalization;

use crate::manifest::Format;

/// Bytes at the start of a page in which browsers look for a `<meta charset>`.
const META_WINDOW: usize = 1024;

/// Decodes a body: byte order mark, then the Content-Type's charset, then (HTML) the page's own declaration, then UTF-8.
/// Malformed sequences become U+FFFD, as in browsers.
pub fn decode(body: &[u8], content_type: Option<&str>, format: Format) -> String {
    let declared = content_type
        .and_then(|value| charset_after(value.as_bytes()))
        .or_else(|| (format == Format::Html).then(|| meta_charset(body)).flatten());
    declared.unwrap_or(UTF_8).decode(body).0.into_owned()
}

fn meta_charset(body: &[u8]) -> Option<&'static Encoding> {
    let window = body.get(..META_WINDOW).unwrap_or(body).to_ascii_lowercase();
    let meta = window.windows(5).position(|bytes| bytes == b"<meta")?;
    // A page that could be read this far is not in UTF-16, whatever it says.
    charset_after(window.get(meta..)?).filter(|encoding| encoding.is_ascii_compatible())
}

fn charset_after(text: &[u8]) -> Option<&'static Encoding> {
    let text = text.to_ascii_lowercase();
    let at = text.windows(8).position(|bytes| bytes == b"charset=")?;
    let value = text.get(at + 8..)?;
    let value = value
        .strip_prefix(b"\"")
        .or_else(|| value.strip_prefix(b"'"))
        .unwrap_or(value);
    let end = value
        .iter()
        .position(|byte| matches!(byte, b'"' | b'\'' | b';' | b' ' | b'>' | b'/' | b','))
        .unwrap_or(value.len());
    Encoding::for_label(value.get(..end)?)
}

/// One spelling for texts that look alike: Unicode NFC, runs of white space as one space, no control characters.
pub fn normalise(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut space = false;
    for character in text.nfc() {
        if character.is_whitespace() {
            space = true;
        } else if !(character.is_control() || matches!(character, '\u{feff}' | '\u{200b}')) {
            if space && !out.is_empty() {
                out.push(' ');
            }
            space = false;
            out.push(character);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn character_sets_are_found_where_browsers_find_them() {
        let latin1 = b"caf\xe9";
        assert_eq!(
            decode(latin1, Some("text/html; charset=ISO-8859-1"), Format::Html),
            "café"
        );
        assert_eq!(
            decode(b"<meta charset=\"latin1\">caf\xe9", None, Format::Html),
            "<meta charset=\"latin1\">café"
        );
        assert_eq!(
            decode(
                b"<META http-equiv=content-type content='text/html; charset=windows-1252'>\x80",
                None,
                Format::Html
            ),
            "<META http-equiv=content-type content='text/html; charset=windows-1252'>€"
        );
        assert_eq!(
            decode(
                b"\xef\xbb\xbfcaf\xc3\xa9",
                Some("text/html; charset=latin1"),
                Format::Html
            ),
            "café"
        );
        assert_eq!(decode(b"\xff\xfec\x00", None, Format::Text), "c");
        assert_eq!(decode(latin1, None, Format::Html), "caf\u{fffd}");
        assert_eq!(
            decode(latin1, Some("text/html; charset=nonsense"), Format::Html),
            "caf\u{fffd}"
        );
        assert_eq!(
            decode(b"<meta charset=utf-16>ab", None, Format::Html),
            "<meta charset=utf-16>ab"
        );
    }

    #[test]
    fn texts_that_look_alike_become_equal() {
        assert_eq!(
            normalise("  e\u{301}te\u{301}\u{a0}\r\n\t2026\u{0}\u{feff} "),
            "été 2026"
        );
        assert_eq!(normalise(""), "");
    }

    proptest! {
        #[test]
        fn normalising_twice_changes_nothing(text in any::<String>()) {
            let once = normalise(&text);
            prop_assert_eq!(normalise(&once), once);
        }

        #[test]
        fn no_bytes_make_decoding_fail(body in prop::collection::vec(any::<u8>(), 0..200), label in "[ -~]{0,20}") {
            let text = decode(&body, Some(&format!("text/html; charset={label}")), Format::Html);
            prop_assert!(text.len() <= body.len() * 4 + 8);
        }
    }
}
