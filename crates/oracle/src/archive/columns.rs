//! Receipts, sightings and leaves as columns of Arrow and back. What was signed comes back byte for byte.

use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, BooleanArray, FixedSizeBinaryArray, Int64Array, RecordBatch, UInt8Array, UInt16Array, UInt32Array,
    UInt64Array, builder::FixedSizeBinaryBuilder,
};
use arrow_schema::{ArrowError, DataType, Field, Schema};
use lumora_core::attestation::Leaf;
use lumora_pob::{DirectionResult, Receipt, SignedReceipt};

use crate::bundle::Sighting;

/// Something that is kept as a row.
pub trait Row: Sized {
    /// The columns of some rows, all in the order of [`Row::read`]; none may be left out for no rows.
    fn columns(rows: &[Self]) -> Result<Vec<Column>, ArrowError>;
    /// The rows of a batch.
    fn read(batch: &RecordBatch) -> Result<Vec<Self>, String>;

    /// The schema, which is that of no rows.
    fn schema() -> Result<Arc<Schema>, ArrowError> {
        Ok(batch_of::<Self>(&[])?.schema())
    }
}

/// A column: its name, whether it may be empty, and its values.
pub type Column = (&'static str, bool, ArrayRef);

/// Rows as a batch.
pub fn batch_of<T: Row>(rows: &[T]) -> Result<RecordBatch, ArrowError> {
    let columns = T::columns(rows)?;
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, nullable, values)| Field::new(*name, values.data_type().clone(), *nullable))
        .collect();
    let values = columns.into_iter().map(|(_, _, values)| values).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), values)
}

/// A receipt in the bundle of a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiptRow {
    /// Seat of the oracle in whose bundle it stands.
    pub member: u8,
    /// The receipt.
    pub signed: SignedReceipt,
}

/// What a member saw of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SightingRow {
    /// Seat of the oracle in whose bundle it stands.
    pub member: u8,
    /// What it saw.
    pub sighting: Sighting,
}

impl Row for ReceiptRow {
    fn columns(rows: &[Self]) -> Result<Vec<Column>, ArrowError> {
        let receipts = || rows.iter().map(|row| &row.signed.receipt);
        let mut columns: Vec<Column> = vec![
            ("member", false, Arc::new(u8s(rows.iter().map(|row| row.member)))),
            (
                "version",
                false,
                Arc::new(u8s(receipts().map(|receipt| receipt.version))),
            ),
            (
                "network_id",
                false,
                fixed(receipts().map(|receipt| Some(receipt.network_id)))?,
            ),
            ("epoch", false, Arc::new(u64s(receipts().map(|receipt| receipt.epoch)))),
            ("round", false, Arc::new(u32s(receipts().map(|receipt| receipt.round)))),
            ("node", false, fixed(receipts().map(|receipt| Some(receipt.node)))?),
            (
                "prover_key",
                false,
                fixed(receipts().map(|receipt| Some(receipt.prover_key)))?,
            ),
            (
                "challenger_key",
                false,
                fixed(receipts().map(|receipt| Some(receipt.challenger_key)))?,
            ),
            (
                "limit_kbps",
                false,
                Arc::new(u32s(receipts().map(|receipt| receipt.limit_kbps))),
            ),
        ];
        for (names, direction) in DIRECTIONS {
            let results = || receipts().map(direction);
            let [
                kbps,
                chunks,
                first_counted_chunk,
                counted_bytes,
                duration_us,
                background_bytes,
            ] = names;
            columns.extend([
                (kbps, false, Arc::new(u32s(results().map(|it| it.kbps))) as ArrayRef),
                (chunks, false, Arc::new(u32s(results().map(|it| it.chunks)))),
                (
                    first_counted_chunk,
                    false,
                    Arc::new(u32s(results().map(|it| it.first_counted_chunk))),
                ),
                (
                    counted_bytes,
                    false,
                    Arc::new(u64s(results().map(|it| it.counted_bytes))),
                ),
                (duration_us, false, Arc::new(u64s(results().map(|it| it.duration_us)))),
                (
                    background_bytes,
                    false,
                    Arc::new(u64s(results().map(|it| it.background_bytes))),
                ),
            ]);
        }
        for (sample, name) in RTT_SAMPLES.into_iter().enumerate() {
            let samples = receipts().map(|receipt| receipt.rtt_samples_us[sample]);
            columns.push((name, false, Arc::new(u32s(samples))));
        }
        columns.extend([
            (
                "min_rtt_us",
                false,
                Arc::new(u32s(receipts().map(|receipt| receipt.min_rtt_us))) as ArrayRef,
            ),
            (
                "transcript_root",
                false,
                fixed(receipts().map(|receipt| Some(receipt.transcript_root)))?,
            ),
            (
                "seed_commitment",
                false,
                fixed(receipts().map(|receipt| Some(receipt.seed_commitment)))?,
            ),
            (
                "unix_timestamp",
                false,
                Arc::new(receipts().map(|receipt| receipt.unix_timestamp).collect::<Int64Array>()),
            ),
            (
                "network",
                false,
                fixed(receipts().map(|receipt| Some(receipt.network)))?,
            ),
            ("pass", false, Arc::new(u8s(receipts().map(|receipt| receipt.pass)))),
            ("reason", false, Arc::new(u8s(receipts().map(|receipt| receipt.reason)))),
            (
                "challenger_signature",
                false,
                fixed(rows.iter().map(|row| Some(row.signed.challenger_signature)))?,
            ),
            (
                "prover_signature",
                true,
                fixed(rows.iter().map(|row| row.signed.prover_signature))?,
            ),
            ("seed", false, fixed(rows.iter().map(|row| Some(row.signed.seed)))?),
        ]);
        Ok(columns)
    }

    fn read(batch: &RecordBatch) -> Result<Vec<Self>, String> {
        let columns = Columns(batch);
        (0..batch.num_rows())
            .map(|row| {
                let direction = |names: DirectionNames| -> Result<DirectionResult, String> {
                    let [
                        kbps,
                        chunks,
                        first_counted_chunk,
                        counted_bytes,
                        duration_us,
                        background_bytes,
                    ] = names;
                    Ok(DirectionResult {
                        kbps: columns.u32(kbps, row)?,
                        chunks: columns.u32(chunks, row)?,
                        first_counted_chunk: columns.u32(first_counted_chunk, row)?,
                        counted_bytes: columns.u64(counted_bytes, row)?,
                        duration_us: columns.u64(duration_us, row)?,
                        background_bytes: columns.u64(background_bytes, row)?,
                    })
                };
                let [(down, _), (up, _)] = DIRECTIONS;
                let mut rtt_samples_us = [0; RTT_SAMPLES.len()];
                for (sample, name) in rtt_samples_us.iter_mut().zip(RTT_SAMPLES) {
                    *sample = columns.u32(name, row)?;
                }
                let receipt = Receipt {
                    version: columns.u8("version", row)?,
                    network_id: columns.bytes("network_id", row)?,
                    epoch: columns.u64("epoch", row)?,
                    round: columns.u32("round", row)?,
                    node: columns.bytes("node", row)?,
                    prover_key: columns.bytes("prover_key", row)?,
                    challenger_key: columns.bytes("challenger_key", row)?,
                    limit_kbps: columns.u32("limit_kbps", row)?,
                    down: direction(down)?,
                    up: direction(up)?,
                    rtt_samples_us,
                    min_rtt_us: columns.u32("min_rtt_us", row)?,
                    transcript_root: columns.bytes("transcript_root", row)?,
                    seed_commitment: columns.bytes("seed_commitment", row)?,
                    unix_timestamp: columns.get::<Int64Array>("unix_timestamp")?.value(row),
                    network: columns.bytes("network", row)?,
                    pass: columns.u8("pass", row)?,
                    reason: columns.u8("reason", row)?,
                };
                Ok(Self {
                    member: columns.u8("member", row)?,
                    signed: SignedReceipt {
                        receipt,
                        challenger_signature: columns.bytes("challenger_signature", row)?,
                        prover_signature: columns.optional_bytes("prover_signature", row)?,
                        seed: columns.bytes("seed", row)?,
                    },
                })
            })
            .collect()
    }
}

impl Row for SightingRow {
    fn columns(rows: &[Self]) -> Result<Vec<Column>, ArrowError> {
        let sightings = || rows.iter().map(|row| &row.sighting);
        let paused: BooleanArray = sightings().map(|sighting| Some(sighting.paused)).collect();
        Ok(vec![
            ("member", false, Arc::new(u8s(rows.iter().map(|row| row.member)))),
            ("node", false, fixed(sightings().map(|sighting| Some(sighting.node)))?),
            (
                "transport_key",
                false,
                fixed(sightings().map(|sighting| Some(sighting.transport_key)))?,
            ),
            ("owner", false, fixed(sightings().map(|sighting| Some(sighting.owner)))?),
            (
                "limit_kbps",
                false,
                Arc::new(u32s(sightings().map(|sighting| sighting.limit_kbps))),
            ),
            ("paused", false, Arc::new(paused)),
            (
                "completed",
                false,
                Arc::new(u64s(sightings().map(|sighting| sighting.completed))),
            ),
            (
                "failed",
                false,
                Arc::new(u64s(sightings().map(|sighting| sighting.failed))),
            ),
            (
                "expired",
                false,
                Arc::new(u64s(sightings().map(|sighting| sighting.expired))),
            ),
            (
                "marred",
                false,
                Arc::new(u64s(sightings().map(|sighting| sighting.marred))),
            ),
        ])
    }

    fn read(batch: &RecordBatch) -> Result<Vec<Self>, String> {
        let columns = Columns(batch);
        (0..batch.num_rows())
            .map(|row| {
                Ok(Self {
                    member: columns.u8("member", row)?,
                    sighting: Sighting {
                        node: columns.bytes("node", row)?,
                        transport_key: columns.bytes("transport_key", row)?,
                        owner: columns.bytes("owner", row)?,
                        limit_kbps: columns.u32("limit_kbps", row)?,
                        paused: columns.get::<BooleanArray>("paused")?.value(row),
                        completed: columns.u64("completed", row)?,
                        failed: columns.u64("failed", row)?,
                        expired: columns.u64("expired", row)?,
                        marred: columns.u64("marred", row)?,
                    },
                })
            })
            .collect()
    }
}

impl Row for Leaf {
    fn columns(rows: &[Self]) -> Result<Vec<Column>, ArrowError> {
        let leaves = || rows.iter();
        let bps = |figure: fn(&Leaf) -> u16| Arc::new(leaves().map(figure).collect::<UInt16Array>()) as ArrayRef;
        Ok(vec![
            ("node", false, fixed(leaves().map(|leaf| Some(leaf.node)))?),
            ("epoch", false, Arc::new(u64s(leaves().map(|leaf| leaf.epoch)))),
            ("down_kbps", false, Arc::new(u32s(leaves().map(|leaf| leaf.down_kbps)))),
            ("up_kbps", false, Arc::new(u32s(leaves().map(|leaf| leaf.up_kbps)))),
            ("rtt_us", false, Arc::new(u32s(leaves().map(|leaf| leaf.rtt_us)))),
            ("uptime_bps", false, bps(|leaf| leaf.uptime_bps)),
            ("reputation_bps", false, bps(|leaf| leaf.reputation_bps)),
            ("reason", false, Arc::new(u8s(leaves().map(|leaf| leaf.reason)))),
            (
                "contribution",
                false,
                Arc::new(u64s(leaves().map(|leaf| leaf.contribution))),
            ),
            (
                "cumulative_contribution",
                false,
                Arc::new(u64s(leaves().map(|leaf| leaf.cumulative_contribution))),
            ),
            (
                "cumulative_reward",
                false,
                Arc::new(u64s(leaves().map(|leaf| leaf.cumulative_reward))),
            ),
        ])
    }

    fn read(batch: &RecordBatch) -> Result<Vec<Self>, String> {
        let columns = Columns(batch);
        (0..batch.num_rows())
            .map(|row| {
                Ok(Self {
                    node: columns.bytes("node", row)?,
                    epoch: columns.u64("epoch", row)?,
                    down_kbps: columns.u32("down_kbps", row)?,
                    up_kbps: columns.u32("up_kbps", row)?,
                    rtt_us: columns.u32("rtt_us", row)?,
                    uptime_bps: columns.get::<UInt16Array>("uptime_bps")?.value(row),
                    reputation_bps: columns.get::<UInt16Array>("reputation_bps")?.value(row),
                    reason: columns.u8("reason", row)?,
                    contribution: columns.u64("contribution", row)?,
                    cumulative_contribution: columns.u64("cumulative_contribution", row)?,
                    cumulative_reward: columns.u64("cumulative_reward", row)?,
                })
            })
            .collect()
    }
}

type DirectionNames = [&'static str; 6];

/// Names of a direction's columns, and where it is in a receipt.
const DIRECTIONS: [(DirectionNames, fn(&Receipt) -> &DirectionResult); 2] = [
    (
        [
            "down_kbps",
            "down_chunks",
            "down_first_counted_chunk",
            "down_counted_bytes",
            "down_duration_us",
            "down_background_bytes",
        ],
        |receipt| &receipt.down,
    ),
    (
        [
            "up_kbps",
            "up_chunks",
            "up_first_counted_chunk",
            "up_counted_bytes",
            "up_duration_us",
            "up_background_bytes",
        ],
        |receipt| &receipt.up,
    ),
];

const RTT_SAMPLES: [&str; lumora_pob::receipt::RTT_SAMPLES] = [
    "rtt_sample_0_us",
    "rtt_sample_1_us",
    "rtt_sample_2_us",
    "rtt_sample_3_us",
];

fn u8s(values: impl Iterator<Item = u8>) -> UInt8Array {
    values.collect()
}

fn u32s(values: impl Iterator<Item = u32>) -> UInt32Array {
    values.collect()
}

fn u64s(values: impl Iterator<Item = u64>) -> UInt64Array {
    values.collect()
}

fn fixed<const N: usize>(values: impl Iterator<Item = Option<[u8; N]>>) -> Result<ArrayRef, ArrowError> {
    // The lengths are those of keys and signatures.
    let mut builder = FixedSizeBinaryBuilder::new(N as i32);
    for value in values {
        match value {
            Some(value) => builder.append_value(value)?,
            None => builder.append_null(),
        }
    }
    Ok(Arc::new(builder.finish()))
}

/// The columns of a batch whose schema was checked.
struct Columns<'a>(&'a RecordBatch);

impl Columns<'_> {
    fn get<T: Array + 'static>(&self, name: &str) -> Result<&T, String> {
        self.0
            .column_by_name(name)
            .and_then(|column| column.as_any().downcast_ref())
            .ok_or_else(|| format!("its column `{name}` is missing or of another type"))
    }

    fn u8(&self, name: &str, row: usize) -> Result<u8, String> {
        Ok(self.get::<UInt8Array>(name)?.value(row))
    }

    fn u32(&self, name: &str, row: usize) -> Result<u32, String> {
        Ok(self.get::<UInt32Array>(name)?.value(row))
    }

    fn u64(&self, name: &str, row: usize) -> Result<u64, String> {
        Ok(self.get::<UInt64Array>(name)?.value(row))
    }

    fn bytes<const N: usize>(&self, name: &str, row: usize) -> Result<[u8; N], String> {
        let bytes = self.get::<FixedSizeBinaryArray>(name)?.value(row);
        bytes
            .try_into()
            .map_err(|_| format!("its column `{name}` holds {} bytes instead of {N}", bytes.len()))
    }

    fn optional_bytes<const N: usize>(&self, name: &str, row: usize) -> Result<Option<[u8; N]>, String> {
        if self.get::<FixedSizeBinaryArray>(name)?.is_null(row) {
            return Ok(None);
        }
        self.bytes(name, row).map(Some)
    }
}

/// Whether a file's columns are those that are expected, so that nothing of it is left unread.
pub fn is_of<T: Row>(schema: &Schema) -> Result<bool, ArrowError> {
    let shape = |schema: &Schema| -> Vec<(String, DataType, bool)> {
        let fields = schema.fields().iter();
        fields
            .map(|field| (field.name().clone(), field.data_type().clone(), field.is_nullable()))
            .collect()
    };
    Ok(shape(schema) == shape(&*T::schema()?))
}
