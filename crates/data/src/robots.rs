//! robots.txt by RFC 9309: who may fetch what, and how often. Pure; fetching the file is `fetch`'s part.
//!
//! Parsing and matching are the `robotxt` crate's. Mended here: a Crawl-delay line between two User-agent lines does not
//! split their group (RFC 9309, section 2.2.4: other records must not interfere), several delays for one agent give the
//! largest, and `User-agent: Name/1.0` means Name.

use std::{borrow::Cow, time::Duration};

use lumora_core::provenance;
use robotxt::Robots;
use serde::{Deserialize, Serialize, Serializer};
use url::{Position, Url};

/// Bytes of a robots.txt that are read (RFC 9309 asks for at least 500 KiB).
pub const MAX_BYTES: usize = robotxt::BYTE_LIMIT;

/// How the file was come by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// It was read.
    File,
    /// There is none (4xx, or a chain of redirects without end): everything is allowed.
    Unavailable,
    /// The server could not say (5xx, timeout, refused connection): nothing is allowed.
    Unreachable,
}

/// What robots.txt says about one URL.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RobotsDecision {
    /// Whether the page may be fetched.
    pub allowed: bool,
    /// The rule that decided, as `Disallow: /private`; none if no rule matched.
    pub rule: Option<String>,
    /// The `User-agent` value of the group that applied.
    pub group: String,
    /// Seconds between requests that the site asks this agent for.
    #[serde(serialize_with = "as_seconds")]
    pub crawl_delay: Option<Duration>,
    /// How the file was come by.
    pub origin: Origin,
}

impl RobotsDecision {
    /// How the decision is written into a record's provenance; none for a forbidden page, which has no record.
    pub fn provenance(&self) -> Option<provenance::RobotsDecision> {
        match (self.allowed, &self.origin) {
            (false, _) => None,
            (true, Origin::File) => Some(provenance::RobotsDecision::Allowed),
            (true, _) => Some(provenance::RobotsDecision::NoRules),
        }
    }
}

/// A site's robots.txt as it applies to one agent.
#[derive(Clone, Debug)]
pub struct Rules {
    robots: Robots,
    crawl_delay: Option<Duration>,
    origin: Origin,
}

impl Rules {
    /// Reads a robots.txt for `agent`, given as a product token (`LumoraBot`) or a whole User-Agent header.
    pub fn parse(robots_txt: &[u8], agent: &str) -> Self {
        let text = String::from_utf8_lossy(robots_txt.get(..MAX_BYTES).unwrap_or(robots_txt));
        // A rule cut in half at the limit must not apply.
        let text = match robots_txt.len() > MAX_BYTES {
            true => Cow::Borrowed(
                text.rsplit_once(['\n', '\r'])
                    .map_or("", |(whole_lines, _)| whole_lines),
            ),
            false => text,
        };
        let lines = mend(&text);
        let rules: String = lines
            .iter()
            .filter(|line| line.key != Key::CrawlDelay)
            .map(|line| line.text())
            .collect();
        let robots = Robots::parse(rules.as_bytes(), product_token(agent));
        Self {
            crawl_delay: crawl_delay(&lines, robots.user_agent()),
            robots,
            origin: Origin::File,
        }
    }

    /// For a site that has no robots.txt.
    pub fn unavailable() -> Self {
        Self {
            robots: Robots::allow_all(),
            crawl_delay: None,
            origin: Origin::Unavailable,
        }
    }

    /// For a site that could not be asked.
    pub fn unreachable() -> Self {
        Self {
            robots: Robots::disallow_all(),
            crawl_delay: None,
            origin: Origin::Unreachable,
        }
    }

    /// For the status of a final (not redirecting) answer to a request for robots.txt.
    pub fn for_status(status: u16, body: &[u8], agent: &str) -> Self {
        match status {
            200..=299 => Self::parse(body, agent),
            // A server that is overloaded has not said that there are no rules.
            429 => Self::unreachable(),
            400..=499 => Self::unavailable(),
            _ => Self::unreachable(),
        }
    }

    /// What the rules say about `url` (only its path and query matter).
    pub fn decide(&self, url: &Url) -> RobotsDecision {
        let path = &url[Position::BeforePath..Position::AfterQuery];
        // RFC 9309 2.2.2: /robots.txt itself is always allowed; rules for it decide nothing.
        let allowed = self.robots.is_allowed(path);
        let rule = self
            .robots
            .matching_rule(path)
            .filter(|rule| rule.is_allow() == allowed && self.origin == Origin::File)
            .map(|rule| {
                format!(
                    "{}: {}",
                    if rule.is_allow() { "Allow" } else { "Disallow" },
                    rule.pattern()
                )
            });
        RobotsDecision {
            allowed,
            rule,
            group: self.robots.user_agent().to_owned(),
            crawl_delay: self.crawl_delay,
            origin: self.origin.clone(),
        }
    }

    /// Time between requests that the site asks for.
    pub fn crawl_delay(&self) -> Option<Duration> {
        self.crawl_delay
    }
}

/// What `robots_txt` says about `agent` fetching `url`.
pub fn check(robots_txt: &[u8], agent: &str, url: &Url) -> RobotsDecision {
    Rules::parse(robots_txt, agent).decide(url)
}

/// The product token of a User-Agent header: `LumoraBot` of `LumoraBot/0.1 (+https://example.org)`.
pub fn product_token(agent: &str) -> &str {
    let agent = agent.trim();
    agent
        .split(|c: char| c == '/' || c == '(' || c.is_whitespace())
        .next()
        .unwrap_or(agent)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Key {
    UserAgent,
    Rule,
    CrawlDelay,
    Other,
}

/// One line of the file, comment and surrounding space removed.
struct Line<'a> {
    key: Key,
    name: &'a str,
    value: &'a str,
}

impl Line<'_> {
    fn text(&self) -> String {
        format!("{}: {}\n", self.name, self.value)
    }
}

fn mend(text: &str) -> Vec<Line<'_>> {
    text.trim_start_matches('\u{feff}')
        .split(['\n', '\r', '\0'])
        .filter_map(|line| {
            let line = line.split('#').next()?;
            // As Google's parser: a missing colon is forgiven when a space separates key and value.
            let (name, value) = line.split_once(':').or_else(|| line.trim().split_once([' ', '\t']))?;
            let (name, value) = (name.trim(), value.trim());
            let key = match name.to_ascii_lowercase().as_str() {
                "user-agent" | "useragent" | "user agent" => Key::UserAgent,
                "allow" | "disallow" => Key::Rule,
                "crawl-delay" | "crawldelay" | "crawl delay" => Key::CrawlDelay,
                _ => Key::Other,
            };
            let value = if key == Key::UserAgent {
                product_token(value)
            } else {
                value
            };
            Some(Line { key, name, value })
        })
        .collect()
}

/// The largest delay of the groups of `agent`.
fn crawl_delay(lines: &[Line<'_>], agent: &str) -> Option<Duration> {
    let mut applies = false;
    let mut in_agents = false;
    let mut largest = None;
    for line in lines {
        match line.key {
            Key::UserAgent => {
                applies = line.value.eq_ignore_ascii_case(agent) || (in_agents && applies);
                in_agents = true;
            }
            Key::Rule => in_agents = false,
            Key::CrawlDelay if applies => {
                let seconds = line
                    .value
                    .parse()
                    .ok()
                    .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
                largest = largest.max(seconds);
            }
            Key::CrawlDelay | Key::Other => {}
        }
    }
    largest
}

fn as_seconds<S: Serializer>(delay: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    delay.map(|delay| delay.as_secs_f64()).serialize(serializer)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn allowed(robots_txt: &str, agent: &str, path: &str) -> bool {
        check(
            robots_txt.as_bytes(),
            agent,
            &Url::parse(&format!("https://example.com{path}")).unwrap(),
        )
        .allowed
    }

    fn delay(robots_txt: &str, agent: &str) -> Option<f64> {
        Rules::parse(robots_txt.as_bytes(), agent)
            .crawl_delay()
            .map(|delay| delay.as_secs_f64())
    }

    /// (robots.txt, agent, path, allowed): the cases of RFC 9309 and of Google's published test suite.
    #[test]
    fn the_table_of_edge_cases() {
        #[rustfmt::skip]
        let table: &[(&str, &str, &str, bool)] = &[
            // No rules, or none for us.
            ("", "LumoraBot", "/", true),
            ("User-agent: Other\nDisallow: /", "LumoraBot", "/x", true),
            ("Disallow: /", "LumoraBot", "/x", true),                                     // a rule outside any group
            ("User-agent: *\nDisallow:", "LumoraBot", "/x", true),                        // an empty rule forbids nothing
            ("<html><body>Not found</body></html>", "LumoraBot", "/x", true),
            // Our group replaces the general one; names are compared without case.
            ("User-agent: *\nDisallow: /\n\nUser-agent: lumorabot\nAllow: /", "LumoraBot", "/x", true),
            ("User-agent: LUMORABOT\nDisallow: /x", "LumoraBot", "/x", false),
            ("User-agent: LumoraBot/1.0\nDisallow: /x", "LumoraBot", "/x", false),
            ("User-agent: LumoraBot\nDisallow: /x", "LumoraBot/0.1 (+https://a.example)", "/x", false),
            ("User-agent: Lumora\nDisallow: /x", "LumoraBot", "/x", true),                // not a prefix match
            // Several lines and several groups for one agent are one group.
            ("User-agent: a\nUser-agent: LumoraBot\nDisallow: /x", "LumoraBot", "/x", false),
            ("User-agent: LumoraBot\nDisallow: /x\nUser-agent: b\nDisallow: /\nUser-agent: LumoraBot\nDisallow: /y", "LumoraBot", "/y", false),
            ("User-agent: LumoraBot\nDisallow: /x\nUser-agent: b\nDisallow: /\nUser-agent: LumoraBot\nDisallow: /y", "LumoraBot", "/x", false),
            ("User-agent: LumoraBot\nDisallow: /x\nUser-agent: b\nDisallow: /\nUser-agent: LumoraBot\nDisallow: /y", "LumoraBot", "/z", true),
            // Other records between agents do not split a group.
            ("User-agent: LumoraBot\nCrawl-delay: 1\nUser-agent: b\nDisallow: /x", "LumoraBot", "/x", false),
            ("User-agent: LumoraBot\nSitemap: https://example.com/s.xml\nDisallow: /x", "LumoraBot", "/x", false),
            // The longest match wins, allow wins a tie, order does not matter.
            ("User-agent: *\nDisallow: /a\nAllow: /a/b", "LumoraBot", "/a/b/c", true),
            ("User-agent: *\nAllow: /a/b\nDisallow: /a", "LumoraBot", "/a/b/c", true),
            ("User-agent: *\nAllow: /a\nDisallow: /a/b", "LumoraBot", "/a/b/c", false),
            ("User-agent: *\nDisallow: /page\nAllow: /page", "LumoraBot", "/page", true),
            ("User-agent: *\nAllow: /page\nDisallow: /*.htm", "LumoraBot", "/page.htm", false),
            ("User-agent: *\nAllow: /$\nDisallow: /", "LumoraBot", "/", true),
            ("User-agent: *\nAllow: /$\nDisallow: /", "LumoraBot", "/page.htm", false),
            // Wildcards, anchors, query, case of paths.
            ("User-agent: *\nDisallow: /*.php$", "LumoraBot", "/a/b.php", false),
            ("User-agent: *\nDisallow: /*.php$", "LumoraBot", "/a/b.php?q", true),
            ("User-agent: *\nDisallow: /*?", "LumoraBot", "/a?b=c", false),
            ("User-agent: *\nDisallow: /fish*.php", "LumoraBot", "/fishheads/catfish.php?p", false),
            ("User-agent: *\nDisallow: /Private", "LumoraBot", "/private", true),
            ("User-agent: *\nDisallow: *", "LumoraBot", "/anything", false),
            ("User-agent: *\nDisallow: /a/*/c", "LumoraBot", "/a/b/b/c", false),
            ("User-agent: *\nDisallow: private", "LumoraBot", "/private", false),          // a missing slash is supplied
            // Percent-encoding on either side.
            ("User-agent: *\nDisallow: /a/%D8%A7", "LumoraBot", "/a/ا", false),
            ("User-agent: *\nDisallow: /a/ا", "LumoraBot", "/a/%d8%a7", false),
            ("User-agent: *\nDisallow: /%7Ejoe", "LumoraBot", "/~joe/", false),
            ("User-agent: *\nDisallow: /a%2Fb", "LumoraBot", "/a/b", true),
            // robots.txt itself is always allowed.
            ("User-agent: *\nDisallow: /", "LumoraBot", "/robots.txt", true),
            // Line ends, byte order mark, comments, spaces, missing colon, misspelling.
            ("\u{feff}User-agent: *\r\nDisallow: /x\r\n", "LumoraBot", "/x", false),
            ("User-agent: *\rDisallow: /x", "LumoraBot", "/x", false),
            ("User-agent: * # all\nDisallow: /x # secret", "LumoraBot", "/x", false),
            ("  USER-AGENT :  *  \n\t disallow\t:\t/x\t", "LumoraBot", "/x", false),
            ("User-agent *\nDisallow /x", "LumoraBot", "/x", false),
            ("User-agent: *\n\n\nDisallow: /x", "LumoraBot", "/x", false),                // empty lines do not end groups
        ];
        for (robots_txt, agent, path, expected) in table {
            assert_eq!(
                allowed(robots_txt, agent, path),
                *expected,
                "{robots_txt:?} {agent} {path}"
            );
        }
    }

    #[test]
    fn crawl_delays_belong_to_groups() {
        let file = "User-agent: *\nCrawl-delay: 5\nDisallow: /x\n\nUser-agent: LumoraBot\nUser-agent: b\nCrawl-delay: 0.5\nAllow: /";
        assert_eq!(delay(file, "LumoraBot"), Some(0.5));
        assert_eq!(delay(file, "b"), Some(0.5));
        assert_eq!(delay(file, "c"), Some(5.0));
        assert_eq!(delay("User-agent: a\nCrawl-delay: 5\nDisallow:", "c"), None);
        // The most careful reading of a file that says two things.
        assert_eq!(
            delay(
                "User-agent: *\nCrawl-delay: 1\nAllow: /\nUser-agent: *\nCrawl-delay: 3\nAllow: /a",
                "c"
            ),
            Some(3.0)
        );
        for odd in ["-1", "soon", "NaN", "inf", "1e999", ""] {
            assert_eq!(
                delay(&format!("User-agent: *\nCrawl-delay: {odd}\nDisallow: /x"), "c"),
                None,
                "{odd}"
            );
        }
    }

    #[test]
    fn the_file_is_read_up_to_500_kib_and_no_half_rule_applies() {
        let head = "User-agent: *\nDisallow: /early\n";
        let filler = "#".repeat(MAX_BYTES - head.len() - "\nDisallow: /l".len());
        let file = format!("{head}{filler}\nDisallow: /late\n");
        assert!(!allowed(&file, "LumoraBot", "/early"));
        assert!(allowed(&file, "LumoraBot", "/late"));
        assert!(allowed(&file, "LumoraBot", "/l"), "a rule cut at the limit applied");
    }

    #[test]
    fn answers_without_a_file() {
        let url = Url::parse("https://example.com/x").unwrap();
        for (status, expected, origin) in [
            (404, true, Origin::Unavailable),
            (401, true, Origin::Unavailable),
            (403, true, Origin::Unavailable),
            (410, true, Origin::Unavailable),
            (429, false, Origin::Unreachable),
            (500, false, Origin::Unreachable),
            (503, false, Origin::Unreachable),
        ] {
            let decision = Rules::for_status(status, b"User-agent: *\nDisallow: /x", "LumoraBot").decide(&url);
            assert_eq!((decision.allowed, &decision.origin), (expected, &origin), "{status}");
            assert_eq!(decision.rule, None);
        }
        let decision = Rules::for_status(200, b"User-agent: *\nDisallow: /x", "LumoraBot").decide(&url);
        assert_eq!(decision.rule.as_deref(), Some("Disallow: /x"));
        assert_eq!(decision.provenance(), None);
        assert_eq!(serde_json::to_value(&decision).unwrap()["allowed"], false);
    }
}
