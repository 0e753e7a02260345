//! What happened to an account, from its transactions: events, refusals, compute units. For those who were not watching
//! when it happened; whatever an account still says is cheaper to fetch.

use {
    crate::{Connection, Error},
    base64::{Engine as _, prelude::BASE64_STANDARD},
    lumora_interface::Event,
    serde_json::{Value, json},
    solana_address::Address,
    solana_rpc_client_api::request::RpcRequest,
    solana_signature::Signature,
};

/// Most signatures that one request returns.
const PAGE: usize = 1_000;

/// A transaction that is on the chain.
#[derive(Clone, Debug)]
pub struct Entry {
    pub signature: Signature,
    pub slot: u64,
    /// Unix time of its block; `None` where the node does not know it any more.
    pub time: Option<i64>,
    /// Whether it did what it was meant to.
    pub succeeded: bool,
    /// Payloads of the events that programs recorded, in order; of a failed transaction none.
    pub events: Vec<RecordedEvent>,
    /// The instructions that the transaction was made of, in order.
    pub instructions: Vec<ExecutedInstruction>,
}

/// An event as it was recorded.
#[derive(Clone, Debug)]
pub struct RecordedEvent {
    /// Discriminator and fields.
    pub data: Vec<u8>,
}

/// An instruction of a transaction.
#[derive(Clone, Debug)]
pub struct ExecutedInstruction {
    pub program: Address,
    /// First byte of its data; zero where there is none.
    pub discriminator: u8,
    /// What it consumed, calls to other programs included; zero where the log does not say.
    pub compute_units: u64,
}

impl Entry {
    /// The events of one type.
    pub fn events<E: Event>(&self) -> impl Iterator<Item = E> {
        self.events.iter().filter_map(|event| E::from_event_data(&event.data))
    }
}

/// The transactions that name `address`, oldest first.
pub async fn history(connection: &Connection, address: &Address) -> Result<Vec<Entry>, Error> {
    let mut entries = Vec::new();
    for signature in signatures(connection, address).await?.into_iter().rev() {
        entries.push(transaction(connection, &signature).await?);
    }
    Ok(entries)
}

/// Newest first, as the network hands them out.
async fn signatures(connection: &Connection, address: &Address) -> Result<Vec<String>, Error> {
    let mut all: Vec<String> = Vec::new();
    loop {
        let mut options = json!({ "limit": PAGE, "commitment": "confirmed" });
        if let Some(last) = all.last() {
            options["before"] = json!(last);
        }
        let rows: Vec<Value> = connection
            .read("listing transactions", || {
                connection.rpc().send(
                    RpcRequest::GetSignaturesForAddress,
                    json!([address.to_string(), options]),
                )
            })
            .await?;
        let full = rows.len() == PAGE;
        all.extend(
            rows.iter()
                .filter_map(|row| Some(row.get("signature")?.as_str()?.to_owned())),
        );
        if !full {
            return Ok(all);
        }
    }
}

async fn transaction(connection: &Connection, signature: &str) -> Result<Entry, Error> {
    let options = json!({ "encoding": "json", "commitment": "confirmed", "maxSupportedTransactionVersion": 1 });
    let answer: Value = connection
        .read("reading a transaction", || {
            connection
                .rpc()
                .send(RpcRequest::GetTransaction, json!([signature, options]))
        })
        .await?;
    decode(signature, &answer)
        .ok_or_else(|| Error::Unexpected(format!("the node's answer about transaction {signature}")))
}

/// Takes the RPC's answer apart; `None` where it is not of the documented shape.
fn decode(signature: &str, answer: &Value) -> Option<Entry> {
    let meta = answer.get("meta")?;
    let message = answer.get("transaction")?.get("message")?;
    let keys: Vec<Address> = message
        .get("accountKeys")?
        .as_array()?
        .iter()
        .map(|key| key.as_str()?.parse().ok())
        .collect::<Option<_>>()?;
    let succeeded = meta.get("err").is_none_or(Value::is_null);
    let logs: Vec<&str> = meta
        .get("logMessages")
        .and_then(Value::as_array)
        .map(|lines| lines.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    let instructions = message.get("instructions")?.as_array()?;
    let events = if succeeded {
        recorded_events(meta, &logs)
    } else {
        Vec::new()
    };
    Some(Entry {
        signature: signature.parse().ok()?,
        slot: answer.get("slot")?.as_u64()?,
        time: answer.get("blockTime").and_then(Value::as_i64),
        succeeded,
        events,
        instructions: executed(instructions, &keys, &logs)?,
    })
}

/// Events of log lines, then those of self-calls.
fn recorded_events(meta: &Value, logs: &[&str]) -> Vec<RecordedEvent> {
    let logged = logs
        .iter()
        .filter_map(|line| BASE64_STANDARD.decode(line.strip_prefix("Program data: ")?).ok());
    let called = meta
        .get("innerInstructions")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|group| group.get("instructions")?.as_array())
        .flatten()
        .filter_map(|instruction| bs58::decode(instruction.get("data")?.as_str()?).into_vec().ok())
        .filter(|data| data.starts_with(&lumora_interface::SELF_CALL_TAG));
    logged.chain(called).map(|data| RecordedEvent { data }).collect()
}

/// The top-level instructions with what the log says they consumed. Precompiles leave no line in the log.
fn executed(instructions: &[Value], keys: &[Address], logs: &[&str]) -> Option<Vec<ExecutedInstruction>> {
    let mut consumed = consumed_by_top_level(logs).into_iter().peekable();
    instructions
        .iter()
        .map(|instruction| {
            let index = usize::try_from(instruction.get("programIdIndex")?.as_u64()?).ok()?;
            let program = *keys.get(index)?;
            let data = bs58::decode(instruction.get("data")?.as_str()?).into_vec().ok()?;
            let compute_units = consumed
                .next_if(|(logged, _)| *logged == program)
                .map_or(0, |(_, units)| units);
            Some(ExecutedInstruction {
                program,
                discriminator: data.first().copied().unwrap_or_default(),
                compute_units,
            })
        })
        .collect()
}

/// Program and units of each instruction of depth one that left lines in the log, in order.
fn consumed_by_top_level(logs: &[&str]) -> Vec<(Address, u64)> {
    let mut depth = 0usize;
    let mut found: Vec<(Address, u64)> = Vec::new();
    for line in logs {
        let words: Vec<&str> = line.split(' ').collect();
        match words.as_slice() {
            ["Program", program, "invoke", _] => {
                depth += 1;
                if depth == 1
                    && let Ok(program) = program.parse()
                {
                    found.push((program, 0));
                }
            }
            ["Program", _, "consumed", units, ..] if depth == 1 => {
                if let (Some((_, sum)), Ok(units)) = (found.last_mut(), units.parse()) {
                    *sum = units;
                }
            }
            ["Program", _, "success"] | ["Program", _, "failed:", ..] => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    found
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn units_belong_to_the_instruction_that_used_them() {
        let [a, b] = [Address::new_from_array([1; 32]), Address::new_from_array([2; 32])];
        let logs = [
            format!("Program {a} invoke [1]"),
            format!("Program {a} success"),
            format!("Program {b} invoke [1]"),
            "Program log: Program x consumed 9 of 9".to_owned(),
            format!("Program {a} invoke [2]"),
            format!("Program {a} consumed 100 of 1000 compute units"),
            format!("Program {a} success"),
            format!("Program {b} consumed 500 of 2000 compute units"),
            format!("Program {b} success"),
        ];
        let logs: Vec<&str> = logs.iter().map(String::as_str).collect();
        assert_eq!(consumed_by_top_level(&logs), [(a, 0), (b, 500)]);
    }
}
