//! Pages of a list, newest first. A cursor says where the next page begins; it holds for the list that it came from, and
//! stays good while rows come and go.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::Serialize;
use sqlx::{Row as _, any::AnyRow};
use utoipa::ToSchema;

use super::problem::{Answer, Problem, shortened};
use crate::database::{Step, Value, select};

/// Items of a page when nothing else is asked for.
pub const DEFAULT_LIMIT: u32 = 50;
/// Most items of a page.
pub const MAX_LIMIT: u32 = 500;

/// One page of a list.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Page<T> {
    /// Slot of the chain up to which the answer is complete.
    pub slot: u64,
    /// The items.
    pub items: Vec<T>,
    /// Pass this as `cursor` for the next page; `null` on the last one.
    pub next: Option<String>,
}

/// The number of items to answer with.
pub(super) fn limit(asked: Option<u32>) -> Answer<u32> {
    let limit = asked.unwrap_or(DEFAULT_LIMIT);
    if limit == 0 || limit > MAX_LIMIT {
        return Err(Problem::malformed(format!(
            "a page has between 1 and {MAX_LIMIT} items, not {limit}: ask for fewer, and follow `next`"
        )));
    }
    Ok(limit)
}

/// A place in a list: the number by which it is ordered, then a text that tells equal ones apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) number: i64,
    pub(super) text: String,
}

impl Place {
    /// The place as a cursor of this list.
    pub(super) fn cursor(&self, list: &str) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(format!("{list}:{}:{}", self.number, self.text))
    }

    /// Reads a cursor of this list.
    pub(super) fn read(list: &str, cursor: Option<&str>) -> Answer<Option<Self>> {
        let Some(cursor) = cursor else {
            return Ok(None);
        };
        let place = || {
            let text = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
            let mut parts = text.splitn(3, ':');
            let same = parts.next()? == list;
            let number = parts.next()?.parse().ok()?;
            let text = parts.next()?.to_owned();
            // A text with a zero byte is none to PostgreSQL.
            (same && !text.contains('\0')).then_some(Self { number, text })
        };
        place().map(Some).ok_or_else(|| {
            Problem::malformed(format!(
                "`{}` is not a cursor of this list: pass on `next` of the page before, unchanged, or leave it out to begin",
                shortened(cursor)
            ))
        })
    }
}

/// A search in one table.
pub(super) struct Search {
    /// Name of the list, for its cursors.
    pub(super) list: &'static str,
    /// What is selected, from where.
    pub(super) from: &'static str,
    /// The column of numbers by which the list is ordered.
    pub(super) order: &'static str,
    /// The column that tells equal numbers apart.
    pub(super) key: &'static str,
    conditions: Vec<String>,
    values: Vec<Value>,
}

impl Search {
    /// Everything in a table.
    pub(super) fn new(list: &'static str, from: &'static str, order: &'static str, key: &'static str) -> Self {
        Self {
            list,
            from,
            order,
            key,
            conditions: Vec::new(),
            values: Vec::new(),
        }
    }

    /// Only rows with this value in this column, if there is a value.
    pub(super) fn only(mut self, column: &str, value: Option<impl Into<Value>>) -> Self {
        if let Some(value) = value {
            self.values.push(value.into());
            self.conditions.push(format!("{column} = ${}", self.values.len()));
        }
        self
    }

    /// The rows of a page and the cursor of the next one.
    pub(super) async fn page(
        mut self,
        step: &mut Step,
        cursor: Option<&str>,
        limit: u32,
    ) -> Answer<(Vec<AnyRow>, Option<String>)> {
        if let Some(place) = Place::read(self.list, cursor)? {
            self.values.extend([place.number.into(), place.text.into()]);
            let last = self.values.len();
            self.conditions
                .push(format!("({}, {}) < (${}, ${last})", self.order, self.key, last - 1));
        }
        let condition = if self.conditions.is_empty() {
            String::new()
        } else {
            format!("WHERE {}", self.conditions.join(" AND "))
        };
        let sql = format!(
            "{} {condition} ORDER BY {order} DESC, {key} DESC LIMIT {}",
            self.from,
            limit + 1,
            order = self.order,
            key = self.key,
        );
        let mut rows = select(step, sql, self.values).await?;
        let more = rows.len() > limit as usize;
        rows.truncate(limit as usize);
        let next = match rows.last().filter(|_| more) {
            Some(row) => {
                let place = Place {
                    number: row.try_get(self.order)?,
                    text: row.try_get(self.key)?,
                };
                Some(place.cursor(self.list))
            }
            None => None,
        };
        Ok((rows, next))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_in_its_own_list_alone() {
        let place = Place {
            number: -5,
            text: "a:b".into(),
        };
        let cursor = place.cursor("nodes");
        assert_eq!(Place::read("nodes", Some(&cursor)).unwrap(), Some(place));
        assert!(Place::read("jobs", Some(&cursor)).is_err());
        assert_eq!(Place::read("jobs", None).unwrap(), None);
    }

    #[test]
    fn what_is_no_cursor_is_refused() {
        let encoded = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
        let long = "x".repeat(100_000);
        for cursor in [
            "",
            "nodes:1:a",
            "%",
            &encoded("nodes"),
            &encoded("nodes:1"),
            &encoded("nodes:one:a"),
            &encoded("nodes:99999999999999999999:a"),
            &encoded("nodes:1:a\0b"),
            &BASE64_URL_SAFE_NO_PAD.encode([0xff, 0xfe]),
            &long,
        ] {
            let problem = Place::read("nodes", Some(cursor)).unwrap_err();
            let text = serde_json::to_string(&problem).unwrap();
            assert!(text.contains("not a cursor") && text.len() < 400, "{text}");
        }
    }

    #[test]
    fn limits_are_from_one_to_the_most() {
        assert_eq!(limit(None).unwrap(), DEFAULT_LIMIT);
        assert_eq!(limit(Some(MAX_LIMIT)).unwrap(), MAX_LIMIT);
        for asked in [0, MAX_LIMIT + 1, u32::MAX] {
            assert!(limit(Some(asked)).is_err());
        }
    }
}
