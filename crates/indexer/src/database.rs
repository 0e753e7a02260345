//! The one database behind everything: SQLite in a file, or PostgreSQL by its address. The statements are the same for
//! both, so that what is tested on one is true of the other.

use std::time::Duration;

use sqlx::{
    Any, AnyPool, AssertSqlSafe, Executor, Row as _, Transaction,
    any::{AnyPoolOptions, AnyRow, install_default_drivers},
    migrate::MigrateError,
    query::Query,
};
use url::Url;

use crate::error::{Error, Result};

/// Rows that one statement writes: more bind more values than both databases take in one go.
const ROWS_PER_STATEMENT: usize = 128;
/// How long somebody who wants to write waits for another who does.
const BUSY: Duration = Duration::from_secs(10);

/// A value of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Text, or nothing.
    Text(Option<String>),
    /// A number, or nothing.
    Number(Option<i64>),
    /// Bytes, or nothing.
    Bytes(Option<Vec<u8>>),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(Some(text.to_owned()))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(Some(text))
    }
}

impl From<Option<String>> for Value {
    fn from(text: Option<String>) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Number(Some(number))
    }
}

impl From<Option<i64>> for Value {
    fn from(number: Option<i64>) -> Self {
        Self::Number(number)
    }
}

impl From<u64> for Value {
    /// Cut to what a column holds.
    fn from(number: u64) -> Self {
        Self::Number(Some(i64::try_from(number).unwrap_or(i64::MAX)))
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Number(Some(number.into()))
    }
}

impl From<u16> for Value {
    fn from(number: u16) -> Self {
        Self::Number(Some(number.into()))
    }
}

impl From<u8> for Value {
    fn from(number: u8) -> Self {
        Self::Number(Some(number.into()))
    }
}

impl From<bool> for Value {
    fn from(is: bool) -> Self {
        Self::Number(Some(is.into()))
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(Some(bytes))
    }
}

/// What is written or read in one transaction.
pub type Step = Transaction<'static, Any>;

/// An open database with its tables.
#[derive(Clone, Debug)]
pub struct Database {
    /// Of its own, so that many who ask do not keep what is new from being written.
    writer: AnyPool,
    readers: AnyPool,
    engine: Engine,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Engine {
    Sqlite,
    Postgres,
}

impl Database {
    /// Opens `sqlite://FILE` (made when missing) or `postgres://USER:PASSWORD@HOST/NAME` with so many connections to read
    /// and one to write, and brings its tables up to date.
    pub async fn open(url: &str, connections: u32) -> Result<Self> {
        let failed = |reason: String| Error::Open {
            url: without_password(url),
            reason,
        };
        let (engine, address) = address(url).map_err(failed)?;
        install_default_drivers();
        let pool = async |connections| {
            let options = AnyPoolOptions::new().max_connections(connections).acquire_timeout(BUSY);
            let options = options.after_connect(move |connection, _| {
                Box::pin(async move {
                    if engine == Engine::Sqlite {
                        connection.execute(SQLITE_SETTINGS).await?;
                    }
                    Ok(())
                })
            });
            options
                .connect(&address)
                .await
                .map_err(|error| failed(error.to_string()))
        };
        let writer = pool(1).await?;
        sqlx::migrate!()
            .run(&writer)
            .await
            .map_err(|error| failed(refusal(&error)))?;
        let readers = pool(connections).await?;
        Ok(Self {
            writer,
            readers,
            engine,
        })
    }

    /// Begins to write. Whoever else wants to waits until this is committed or dropped.
    pub(crate) async fn write(&self) -> Result<Step> {
        let mut step = self.writer.begin().await?;
        step.execute("UPDATE marks SET value = value WHERE name = 'writer'")
            .await?;
        Ok(step)
    }

    /// Begins to read: everything as of one moment.
    pub(crate) async fn read(&self) -> Result<Step> {
        Ok(self
            .readers
            .begin_with(match self.engine {
                Engine::Sqlite => "BEGIN",
                Engine::Postgres => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
            })
            .await?)
    }

    /// Waits for what is under way, and closes the file or the connections.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

/// Readers do not wait for a writer. What is committed survives a kill of the process; should the machine lose power, the
/// latest commits may be gone as a whole, and are read from the chain again.
const SQLITE_SETTINGS: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA busy_timeout = 10000;";

/// Which engine an address is for, and the address as its driver wants it.
fn address(url: &str) -> std::result::Result<(Engine, String), String> {
    if let Some(file) = url.strip_prefix("sqlite:") {
        let file = file.strip_prefix("//").unwrap_or(file);
        if file.is_empty() || file.starts_with(":memory:") {
            return Err("it names no file".into());
        }
        let separator = if file.contains('?') { '&' } else { '?' };
        return Ok((Engine::Sqlite, format!("sqlite://{file}{separator}mode=rwc")));
    }
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        return Ok((Engine::Postgres, url.to_owned()));
    }
    Err("it begins with neither sqlite:// nor postgres://".into())
}

/// Why the tables could not be brought up to date.
fn refusal(error: &MigrateError) -> String {
    match error {
        MigrateError::VersionMismatch(_) | MigrateError::VersionMissing(_) => {
            "another version of the indexer made it: name a new database, which is filled from the chain".into()
        }
        error => error.to_string(),
    }
}

/// An address as it may be shown.
pub(crate) fn without_password(url: &str) -> String {
    match Url::parse(url) {
        Ok(mut parsed) if parsed.password().is_some() => {
            // Only addresses that cannot have a password refuse to have one set.
            let _ = parsed.set_password(Some("..."));
            parsed.to_string()
        }
        _ => url.to_owned(),
    }
}

fn bound<'q>(sql: String, values: impl IntoIterator<Item = Value>) -> Query<'q, Any, sqlx::any::AnyArguments> {
    values
        .into_iter()
        .fold(sqlx::query(AssertSqlSafe(sql)), |query, value| match value {
            Value::Text(text) => query.bind(text),
            Value::Number(number) => query.bind(number),
            Value::Bytes(bytes) => query.bind(bytes),
        })
}

/// Runs a statement with values for `$1`, `$2` and so on. Its text must not contain anything that came from outside.
pub(crate) async fn execute(step: &mut Step, sql: impl Into<String>, values: Vec<Value>) -> Result<u64> {
    Ok(bound(sql.into(), values).execute(&mut **step).await?.rows_affected())
}

/// The rows that a query gives, as [`execute`].
pub(crate) async fn select(step: &mut Step, sql: impl Into<String>, values: Vec<Value>) -> Result<Vec<AnyRow>> {
    Ok(bound(sql.into(), values).fetch_all(&mut **step).await?)
}

/// Writes rows: `{head} VALUES (...), (...) {tail}`. Gives what `tail` returns, if it does.
pub(crate) async fn insert(step: &mut Step, head: &str, rows: Vec<Vec<Value>>, tail: &str) -> Result<Vec<AnyRow>> {
    let mut returned = Vec::new();
    let mut rows = rows.into_iter().peekable();
    while rows.peek().is_some() {
        let chunk: Vec<Vec<Value>> = rows.by_ref().take(ROWS_PER_STATEMENT).collect();
        let width = chunk.first().map_or(0, Vec::len);
        let places = tuples(chunk.len(), width);
        let sql = format!("{head} VALUES {places} {tail}");
        returned.extend(bound(sql, chunk.into_iter().flatten()).fetch_all(&mut **step).await?);
    }
    Ok(returned)
}

/// Runs `{before} IN ($1, ...) {after}` for as many at a time as a statement takes.
pub(crate) async fn for_each_in(step: &mut Step, before: &str, texts: &[String], after: &str) -> Result<Vec<AnyRow>> {
    let mut returned = Vec::new();
    for chunk in texts.chunks(ROWS_PER_STATEMENT) {
        let sql = format!("{before} IN {} {after}", tuples(1, chunk.len()));
        let values = chunk.iter().map(|text| text.as_str().into()).collect();
        returned.extend(select(step, sql, values).await?);
    }
    Ok(returned)
}

/// `($1, $2), ($3, $4)`
fn tuples(count: usize, width: usize) -> String {
    let tuple = |row: usize| {
        let places: Vec<String> = (1..=width).map(|column| format!("${}", row * width + column)).collect();
        format!("({})", places.join(", "))
    };
    (0..count).map(tuple).collect::<Vec<_>>().join(", ")
}

/// A number that is never negative.
pub(crate) fn unsigned(row: &AnyRow, column: &str) -> Result<u64> {
    let number: i64 = row.try_get(column)?;
    u64::try_from(number).map_err(|_| Error::Stored(format!("{column} is {number}")))
}

/// A number that may be missing and is never negative.
pub(crate) fn optional_unsigned(row: &AnyRow, column: &str) -> Result<Option<u64>> {
    let number: Option<i64> = row.try_get(column)?;
    Ok(number.map(i64::unsigned_abs))
}

/// The value of a mark.
pub(crate) async fn mark(step: &mut Step, name: &str) -> Result<u64> {
    let rows = select(step, "SELECT value FROM marks WHERE name = $1", vec![name.into()]).await?;
    let row = rows
        .first()
        .ok_or_else(|| Error::Stored(format!("there is no mark {name}")))?;
    unsigned(row, "value")
}

/// Sets a mark.
pub(crate) async fn set_mark(step: &mut Step, name: &str, value: u64) -> Result<()> {
    execute(
        step,
        "UPDATE marks SET value = $1 WHERE name = $2",
        vec![value.into(), name.into()],
    )
    .await?;
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn addresses_name_their_engine_and_nothing_else_is_taken() {
        assert_eq!(address("sqlite://index.db").unwrap().1, "sqlite://index.db?mode=rwc");
        assert_eq!(
            address("sqlite:/var/index.db").unwrap().1,
            "sqlite:///var/index.db?mode=rwc"
        );
        assert_eq!(
            address("sqlite:a.db?cache=shared").unwrap().1,
            "sqlite://a.db?cache=shared&mode=rwc"
        );
        assert_eq!(address("postgresql://host/name").unwrap().0, Engine::Postgres);
        for url in ["", "sqlite://", "sqlite::memory:", "mysql://host/name", "index.db"] {
            assert!(address(url).is_err(), "{url}");
        }
    }

    #[test]
    fn passwords_are_not_shown() {
        assert_eq!(
            without_password("postgres://me:secret@host/name"),
            "postgres://me:...@host/name"
        );
        assert_eq!(without_password("sqlite://index.db"), "sqlite://index.db");
    }

    #[test]
    fn places_are_numbered_through() {
        assert_eq!(tuples(2, 3), "($1, $2, $3), ($4, $5, $6)");
    }
}
