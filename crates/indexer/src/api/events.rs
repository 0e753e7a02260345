//! Everything that happened, as pages and as a stream that can be taken up again where it broke off.

use std::{collections::VecDeque, convert::Infallible, time::Duration};

use axum::{
    Json,
    extract::State,
    http::HeaderMap,
    response::{
        IntoResponse, Response, Sse,
        sse::{self, KeepAlive},
    },
};
use futures_util::{Stream, stream};
use serde::{Deserialize, Serialize};
use sqlx::{Row as _, any::AnyRow};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio_util::sync::CancellationToken;
use utoipa::{IntoParams, ToSchema};

use super::{
    Answers, Page, Problem,
    page::{Place, limit},
    problem::{Answer, Ask, optional_address, optional_word, shortened},
    text::Amount,
};
use crate::{
    catalog::CATALOG,
    database::{Database, Step, Value, select, unsigned},
    effects::UNKNOWN,
    error::Result,
};

/// Events that a stream reads at a time.
const READ_AHEAD: u32 = 256;
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Something that happened.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Event {
    /// Its number. Numbers rise in the order of the chain, without gaps.
    pub seq: Amount,
    /// First signature of the transaction.
    pub signature: String,
    /// Its place among the transaction's events.
    pub ordinal: u64,
    /// Slot of the transaction.
    pub slot: u64,
    /// Unix time of its block; `null` where no node knew it any more.
    pub time: Option<i64>,
    /// Name of the program that recorded it.
    pub program: String,
    /// Name of its type; `Unknown` for one of a newer program.
    pub name: String,
    /// Its fields as named in the program's IDL. Integers of 64 bits are texts, times excepted; bytes are hexadecimal.
    #[schema(value_type = Object)]
    pub fields: serde_json::Map<String, serde_json::Value>,
}

/// Which events.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct EventsQuery {
    /// Only those of this program: `registry`, `bandwidth`, `rewards`, `tasks` or `market`.
    program: Option<String>,
    /// Only those of this type, as `ShardSettled`.
    name: Option<String>,
    /// Only those that name this address: a node, a job, a wallet.
    address: Option<String>,
    /// `newest` first, as by default, or `oldest`.
    order: Option<String>,
    /// Items of the page, 1 to 500; 50 by default.
    limit: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// Which events a stream tells.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct StreamQuery {
    /// Only those of this program: `registry`, `bandwidth`, `rewards`, `tasks` or `market`.
    program: Option<String>,
    /// Only those of this type, as `ShardSettled`.
    name: Option<String>,
    /// Only those that name this address: a node, a job, a wallet.
    address: Option<String>,
    /// Begin after the event with this number, 0 for all of them; by default, with what happens from now on. The header
    /// `Last-Event-ID`, which browsers send when they connect again, goes first.
    after: Option<u64>,
}

/// What events are filtered by.
#[derive(Clone, Debug, Default)]
struct Filter {
    program: Option<String>,
    name: Option<String>,
    address: Option<String>,
}

impl Filter {
    fn read(program: Option<String>, name: Option<String>, address: Option<&str>) -> Answer<Self> {
        let names: Vec<&str> = CATALOG.programs().iter().map(|program| program.name.as_str()).collect();
        let known = |name: &str| {
            CATALOG
                .programs()
                .iter()
                .any(|program| program.event_named(name).is_some())
        };
        if let Some(name) = name.as_deref().filter(|name| *name != UNKNOWN && !known(name)) {
            return Err(Problem::malformed(format!(
                "`{}` is no event: the programs' IDLs name them, as ShardSettled",
                shortened(name)
            )));
        }
        Ok(Self {
            program: optional_word("program", program.as_deref(), &names)?,
            name,
            address: optional_address(address)?,
        })
    }

    /// Events beyond a number, in one direction.
    async fn select(&self, step: &mut Step, beyond: Option<u64>, order: Order, most: u32) -> Result<Vec<AnyRow>> {
        let mut from = "events";
        let mut conditions = Vec::new();
        let mut values: Vec<Value> = Vec::new();
        let mut only = |condition: &str, value: Option<Value>| {
            if let Some(value) = value {
                values.push(value);
                conditions.push(format!("{condition} ${}", values.len()));
            }
        };
        if self.address.is_some() {
            from = "event_addresses JOIN events ON events.seq = event_addresses.seq";
        }
        only("event_addresses.address =", self.address.as_deref().map(Value::from));
        only("program =", self.program.as_deref().map(Value::from));
        only("name =", self.name.as_deref().map(Value::from));
        // With an address, its own index gives the order.
        let seq = if self.address.is_some() {
            "event_addresses.seq"
        } else {
            "events.seq"
        };
        only(&format!("{seq} {}", order.beyond()), beyond.map(Value::from));
        let condition = if conditions.is_empty() {
            String::new()
        } else {
            format!("WHERE {}", conditions.join(" AND "))
        };
        let sql = format!(
            "SELECT events.seq AS seq, signature, ordinal, slot, time, program, name, data FROM {from} {condition} \
             ORDER BY {seq} {} LIMIT {most}",
            order.direction()
        );
        select(step, sql, values).await
    }
}

#[derive(Clone, Copy)]
enum Order {
    Newest,
    Oldest,
}

impl Order {
    fn beyond(self) -> &'static str {
        match self {
            Self::Newest => "<",
            Self::Oldest => ">",
        }
    }

    fn direction(self) -> &'static str {
        match self {
            Self::Newest => "DESC",
            Self::Oldest => "ASC",
        }
    }
}

/// Events, the newest first.
#[utoipa::path(get, path = "/v1/events", params(EventsQuery), responses(
    (status = 200, body = Page<Event>),
    (status = 400, body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn list(State(answers): State<Answers>, Ask(asked): Ask<EventsQuery>) -> Answer<Json<Page<Event>>> {
    let limit = limit(asked.limit)?;
    let order = optional_word("order", asked.order.as_deref(), &["newest", "oldest"])?;
    let (order, list) = match order.as_deref() {
        Some("oldest") => (Order::Oldest, "events-oldest"),
        _ => (Order::Newest, "events"),
    };
    let beyond = Place::read(list, asked.cursor.as_deref())?.map(|place| place.number.unsigned_abs());
    let filter = Filter::read(asked.program, asked.name, asked.address.as_deref())?;
    let (mut step, slot) = answers.view().await?;
    let mut rows = filter.select(&mut step, beyond, order, limit + 1).await?;
    let more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let next = match rows.last().filter(|_| more) {
        Some(row) => {
            let place = Place {
                number: row.try_get("seq")?,
                text: String::new(),
            };
            Some(place.cursor(list))
        }
        None => None,
    };
    let items = rows.iter().map(view).collect::<Result<_>>()?;
    Ok(Json(Page { slot, items, next }))
}

/// Events as server-sent events, as they happen. The `id` of each is its number, the `event` its type, the `data` the
/// same document as in `/v1/events`.
#[utoipa::path(get, path = "/v1/events/stream", params(StreamQuery), responses(
    (status = 200, body = Event, content_type = "text/event-stream"),
    (status = 400, body = Problem, content_type = "application/problem+json"),
    (status = 503, body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn stream(
    State(answers): State<Answers>,
    headers: HeaderMap,
    Ask(asked): Ask<StreamQuery>,
) -> Answer<Response> {
    let filter = Filter::read(asked.program, asked.name, asked.address.as_deref())?;
    let resumed = headers.get("last-event-id").map(|id| {
        let id = id.to_str().ok().and_then(|id| id.parse().ok());
        id.ok_or_else(|| Problem::malformed("Last-Event-ID is not the number of an event"))
    });
    let news = answers.0.status.events();
    let after = match resumed.transpose()?.or(asked.after) {
        Some(after) => after,
        None => *news.borrow(),
    };
    let permit = answers.0.streams.clone().try_acquire_owned().map_err(|_| {
        Problem::busy("too many event streams are open: try again later, or read /v1/events with `order=oldest`")
    })?;
    let told = Told {
        database: answers.0.database.clone(),
        shutdown: answers.0.shutdown.clone(),
        filter,
        news,
        after,
        seen: None,
        ready: VecDeque::new(),
        _permit: permit,
    };
    Ok(Sse::new(told.stream())
        .keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
        .into_response())
}

/// A stream of events. It reads as fast as its reader does, so a slow reader holds up nobody and fills no buffer.
struct Told {
    database: Database,
    shutdown: CancellationToken,
    filter: Filter,
    news: watch::Receiver<u64>,
    after: u64,
    /// Number of the latest event when the database was last read to its end.
    seen: Option<u64>,
    ready: VecDeque<Event>,
    _permit: OwnedSemaphorePermit,
}

impl Told {
    fn stream(self) -> impl Stream<Item = std::result::Result<sse::Event, Infallible>> {
        stream::unfold(self, |mut told| async move {
            let event = told.next().await?;
            let told_event = sse::Event::default()
                .id(event.seq.0.to_string())
                .event(&event.name)
                .json_data(&event)
                .ok()?;
            Some((Ok(told_event), told))
        })
    }

    /// The next event; `None` ends the stream, and its reader connects again where it broke off.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                self.after = event.seq.0;
                return Some(event);
            }
            let latest = *self.news.borrow_and_update();
            if self.seen == Some(latest) {
                tokio::select! {
                    changed = self.news.changed() => changed.ok()?,
                    () = self.shutdown.cancelled() => return None,
                }
                continue;
            }
            match self.read().await {
                Ok(events) if events.is_empty() => self.seen = Some(latest),
                Ok(events) => self.ready.extend(events),
                Err(error) => {
                    tracing::error!(%error, "an event stream ends, since the index cannot be read");
                    return None;
                }
            }
        }
    }

    async fn read(&self) -> Result<Vec<Event>> {
        let mut step = self.database.read().await?;
        let rows = self
            .filter
            .select(&mut step, Some(self.after), Order::Oldest, READ_AHEAD)
            .await?;
        rows.iter().map(view).collect()
    }
}

fn view(row: &AnyRow) -> Result<Event> {
    let program: String = row.try_get("program")?;
    let data: Vec<u8> = row.try_get("data")?;
    let layout = CATALOG.program_named(&program).and_then(|program| program.event(&data));
    Ok(Event {
        seq: Amount(unsigned(row, "seq")?),
        signature: row.try_get("signature")?,
        ordinal: unsigned(row, "ordinal")?,
        slot: unsigned(row, "slot")?,
        time: row.try_get("time")?,
        // One that was unknown when it was written may be known by now.
        name: match layout {
            Some(layout) => layout.name.clone(),
            None => row.try_get("name")?,
        },
        fields: layout.map(|layout| layout.decode(&data)).unwrap_or_default(),
        program,
    })
}
