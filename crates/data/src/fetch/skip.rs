//! Why a page was not had.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! skip_reasons {
    ($($(#[$docs:meta])* $name:ident, $transient:literal, $sentence:literal;)*) => {
        /// Why a page was skipped.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum SkipReason { $($(#[$docs])* $name),* }

        impl SkipReason {
            /// All reasons.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The reason in a sentence.
            pub fn sentence(self) -> &'static str {
                match self { $(Self::$name => $sentence),* }
            }

            /// Whether another attempt later may succeed.
            pub fn is_transient(self) -> bool {
                match self { $(Self::$name => $transient),* }
            }
        }
    };
}

skip_reasons! {
    /// A rule of robots.txt forbids it.
    RobotsDisallowed, false, "The site's robots.txt forbids this page.";
    /// robots.txt could not be asked.
    RobotsUnreachable, true, "The site's robots.txt could not be read (server error or no answer), so nothing may be fetched.";
    /// The site asks for a longer delay than we wait.
    CrawlDelayTooLong, false, "The site's Crawl-delay is longer than this node waits between pages.";
    /// Not on a site of the manifest, or denied by it.
    OutOfScope, false, "The page is outside the manifest's scope.";
    /// A redirect led out of the scope.
    RedirectedOutOfScope, false, "The page redirects to an address outside the manifest's scope.";
    /// Redirects without end.
    TooManyRedirects, false, "The page redirects too many times.";
    /// A redirect that names no address.
    BadRedirect, false, "The page redirects to something that is not a URL we can visit.";
    /// The address is not on the public Internet.
    PrivateAddress, false, "The host's address is private, link-local or loopback; only public pages are fetched.";
    /// 404 or 410.
    NotFound, false, "The page does not exist.";
    /// 401, 402, 403, 407 or 451.
    Forbidden, false, "The page asks for a login, a payment or a permission; only public pages are fetched.";
    /// Another status.
    OtherStatus, false, "The server answered with a status that carries no page.";
    /// 5xx after several attempts.
    ServerError, true, "The server kept failing.";
    /// 429, or a Retry-After longer than we wait.
    RateLimited, true, "The server asks to come back later than this node waits.";
    /// No answer in time.
    Timeout, true, "The server did not answer in time.";
    /// No connection.
    Unreachable, true, "The host could not be found or refused the connection.";
    /// The body broke off or does not decompress.
    BrokenBody, true, "The page broke off or could not be decompressed.";
    /// More bytes than the manifest allows.
    TooLarge, false, "The page is larger than the manifest allows.";
    /// Another content type.
    WrongType, false, "The page is not of the type that the manifest asks for.";
    /// It does not parse.
    Unreadable, false, "The page could not be read as what it claims to be.";
    /// A required field is missing.
    MissingField, false, "The page lacks a field that the manifest requires.";
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.sentence())
    }
}

/// A page that was not had, and what was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skip {
    /// Why.
    pub reason: SkipReason,
    /// What was seen: the rule, the status, the size.
    pub detail: String,
}

impl Skip {
    pub(crate) fn new(reason: SkipReason, detail: impl Into<String>) -> Self {
        Self {
            reason,
            detail: detail.into(),
        }
    }
}

impl fmt::Display for Skip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.reason, self.detail)
    }
}
