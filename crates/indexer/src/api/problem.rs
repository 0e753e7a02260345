//! Why a request is not answered with what it asked for: a problem document (RFC 9457) with a sentence.

use axum::{
    Json,
    extract::{FromRequestParts, Path, Query},
    http::{HeaderValue, StatusCode, Uri, header, request::Parts},
    response::{IntoResponse, Response},
};
use lumora_interface::Address;
use serde::{Serialize, de::DeserializeOwned};
use utoipa::ToSchema;

use crate::error::Error;

/// Why a request is not answered with what it asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Problem {
    /// Always `about:blank`: the status says what kind of problem this is.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The status in words.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What is wrong and what to do about it.
    detail: String,
}

pub(super) type Answer<T> = Result<T, Problem>;

impl Problem {
    fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail: detail.into(),
        }
    }

    /// The request cannot be understood.
    pub(super) fn malformed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// There is no such thing.
    pub(super) fn missing(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    /// Not now.
    pub(super) fn busy(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, detail)
    }
}

impl From<Error> for Problem {
    /// What the database says is for the operator's log, not for whoever asks.
    fn from(error: Error) -> Self {
        tracing::error!(%error, "a request could not be answered");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the index cannot be read at the moment: try again later",
        )
    }
}

impl From<sqlx::Error> for Problem {
    fn from(error: sqlx::Error) -> Self {
        Error::from(error).into()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(self)).into_response();
        let kind = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        response
    }
}

/// For every path that is none.
pub(super) async fn no_such_route(uri: Uri) -> Problem {
    Problem::missing(format!(
        "there is nothing at {}: /openapi.json describes what there is",
        uri.path()
    ))
}

/// For every method but GET.
pub(super) async fn no_such_method() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "everything here is read with GET")
}

/// The query of a request.
pub(super) struct Ask<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Ask<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Answer<Self> {
        let query = Query::from_request_parts(parts, state).await;
        let Query(asked) = query.map_err(|error| Problem::malformed(error.body_text()))?;
        Ok(Self(asked))
    }
}

/// The one variable part of a path, an address.
pub(super) struct At(pub(super) Address);

impl<S: Send + Sync> FromRequestParts<S> for At {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Answer<Self> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        let Path(text) = path.map_err(|error| Problem::malformed(error.body_text()))?;
        address(&text).map(Self)
    }
}

/// Reads an address.
pub(super) fn address(text: &str) -> Answer<Address> {
    text.parse()
        .map_err(|_| Problem::malformed(format!("`{}` is not an address: 32 bytes in base58", shortened(text))))
}

/// Reads an address that may be missing.
pub(super) fn optional_address(text: Option<&str>) -> Answer<Option<String>> {
    text.map(|text| Ok(address(text)?.to_string())).transpose()
}

/// Reads one of a few words that may be missing.
pub(super) fn optional_word(name: &str, text: Option<&str>, words: &[&str]) -> Answer<Option<String>> {
    match text {
        Some(text) if !words.contains(&text) => Err(Problem::malformed(format!(
            "`{}` is no {name}: it is one of {}",
            shortened(text),
            words.join(", ")
        ))),
        text => Ok(text.map(str::to_owned)),
    }
}

/// What somebody sent, short enough to be sent back.
pub(super) fn shortened(text: &str) -> String {
    const MOST: usize = 60;
    if text.chars().count() <= MOST {
        return text.to_owned();
    }
    text.chars().take(MOST).chain("...".chars()).collect()
}
