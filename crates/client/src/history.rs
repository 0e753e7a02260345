//! What happened to an account, from its transactions: events, refusals, compute units. For those who were not watching
//! when it happened; whatever an account still says is cheaper to fetch.

use {
    crate::{Connection, Error},
    base64::{Engine as _, prelude::BASE64_STANDARD},
    lumora_interface::{Event, bandwidth, market, registry, rewards, tasks},
    serde_json::{Value, json},
    solana_address::Address,
    solana_rpc_client_api::request::RpcRequest,
    solana_signature::Signature,
    std::collections::HashMap,
};

/// Most signatures that one request returns.
pub const PAGE: usize = 1_000;

/// Whose events are believed.
const PROGRAMS: [Address; 5] = [registry::ID, bandwidth::ID, rewards::ID, tasks::ID, market::ID];

/// A transaction that is on the chain.
#[derive(Clone, Debug)]
pub struct Entry {
    pub signature: Signature,
    pub slot: u64,
    /// Unix time of its block; `None` where the node does not know it any more.
    pub time: Option<i64>,
    /// Whether it did what it was meant to.
    pub succeeded: bool,
    /// Payloads of the events that Lumora's programs recorded: those in the log, then those of self-calls, each in order.
    /// Of a failed transaction none, and never what another program made to look like one.
    pub events: Vec<RecordedEvent>,
    /// The instructions that the transaction was made of, in order.
    pub instructions: Vec<ExecutedInstruction>,
    /// Accounts that it was allowed to write.
    pub writes: Vec<Address>,
    /// Who said no to a failed transaction; `None` when no program did.
    pub refusal: Option<ProgramRefusal>,
}

/// An event as it was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedEvent {
    /// The program that recorded it.
    pub program: Address,
    /// Discriminator and fields.
    pub data: Vec<u8>,
    /// Of an event that came by self-call: the accounts of the instruction that made it, in its order. Empty where the event
    /// is a line of the log.
    pub accounts: Vec<Address>,
}

/// A program's refusal, as the log tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProgramRefusal {
    /// The innermost program that failed.
    pub program: Address,
    /// Its own error code; `None` for an error that all programs share.
    pub code: Option<u32>,
}

/// A transaction in a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedTransaction {
    pub signature: String,
    pub slot: u64,
    /// Its place in the block, where the node tells.
    pub index: Option<u32>,
}

/// An instruction of a transaction.
#[derive(Clone, Debug)]
pub struct ExecutedInstruction {
    pub program: Address,
    /// First byte of its data; zero where there is none.
    pub discriminator: u8,
    /// Its data, whole.
    pub data: Vec<u8>,
    /// What it consumed, calls to other programs included; zero where the log does not say.
    pub compute_units: u64,
}

impl Entry {
    /// The events of one type.
    pub fn events<E: Event>(&self) -> impl Iterator<Item = E> {
        self.events_with_accounts().map(|(event, _)| event)
    }

    /// The events of one type, each with [`RecordedEvent::accounts`].
    pub fn events_with_accounts<E: Event>(&self) -> impl Iterator<Item = (E, &[Address])> {
        let read = |event: &RecordedEvent| E::from_event_data(&event.data);
        self.events
            .iter()
            .filter_map(move |event| Some((read(event)?, event.accounts.as_slice())))
    }
}

/// The transactions that name `address`, oldest first.
pub async fn history(connection: &Connection, address: &Address) -> Result<Vec<Entry>, Error> {
    let mut entries = Vec::new();
    for listed in listings(connection, address).await?.into_iter().rev() {
        let entry = transaction(connection, &listed.signature).await?;
        entries.push(entry.ok_or_else(|| unreadable(&listed.signature))?);
    }
    Ok(entries)
}

/// Newest first, as the network hands them out.
async fn listings(connection: &Connection, address: &Address) -> Result<Vec<ListedTransaction>, Error> {
    let mut all: Vec<ListedTransaction> = Vec::new();
    loop {
        let before = all.last().map(|last| last.signature.as_str());
        let page = listing(connection, address, before, None).await?;
        let full = page.len() == PAGE;
        all.extend(page);
        if !full {
            return Ok(all);
        }
    }
}

/// One page of the transactions that name `address`, newest first: those older than `before`, down to and without
/// `until`. A page with fewer than [`PAGE`] is the last one.
pub async fn listing(
    connection: &Connection,
    address: &Address,
    before: Option<&str>,
    until: Option<&str>,
) -> Result<Vec<ListedTransaction>, Error> {
    let mut options = json!({ "limit": PAGE, "commitment": "confirmed" });
    if let Some(before) = before {
        options["before"] = json!(before);
    }
    if let Some(until) = until {
        options["until"] = json!(until);
    }
    let rows: Vec<Value> = connection
        .read("listing transactions", || {
            connection.rpc().send(
                RpcRequest::GetSignaturesForAddress,
                json!([address.to_string(), options]),
            )
        })
        .await?;
    let read = |row: &Value| {
        Some(ListedTransaction {
            signature: row.get("signature")?.as_str()?.to_owned(),
            slot: row.get("slot")?.as_u64()?,
            index: row
                .get("transactionIndex")
                .and_then(Value::as_u64)
                .and_then(|index| index.try_into().ok()),
        })
    };
    rows.iter()
        .map(|row| read(row).ok_or_else(|| Error::Unexpected("the node's listing of transactions".into())))
        .collect()
}

/// A transaction by its signature; `None` when the node does not have it.
pub async fn transaction(connection: &Connection, signature: &str) -> Result<Option<Entry>, Error> {
    let options = json!({ "encoding": "json", "commitment": "confirmed", "maxSupportedTransactionVersion": 1 });
    let answer: Value = connection
        .read("reading a transaction", || {
            connection
                .rpc()
                .send(RpcRequest::GetTransaction, json!([signature, options]))
        })
        .await?;
    if answer.is_null() {
        return Ok(None);
    }
    decode(signature, &answer)
        .map(Some)
        .ok_or_else(|| unreadable(signature))
}

fn unreadable(signature: &str) -> Error {
    Error::Unexpected(format!("the node's answer about transaction {signature}"))
}

/// Takes the RPC's answer apart; `None` where it is not of the documented shape.
fn decode(signature: &str, answer: &Value) -> Option<Entry> {
    let meta = answer.get("meta")?;
    let message = answer.get("transaction")?.get("message")?;
    let keys = Keys::read(message, meta)?;
    let succeeded = meta.get("err").is_none_or(Value::is_null);
    let logs: Vec<&str> = meta
        .get("logMessages")
        .and_then(Value::as_array)
        .map(|lines| lines.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    let instructions = message.get("instructions")?.as_array()?;
    let events = if succeeded {
        let mut events = logged_events(&logs);
        events.extend(called_events(meta, instructions, &keys.all));
        events.retain(|event| PROGRAMS.contains(&event.program));
        events
    } else {
        Vec::new()
    };
    Some(Entry {
        signature: signature.parse().ok()?,
        slot: answer.get("slot")?.as_u64()?,
        time: answer.get("blockTime").and_then(Value::as_i64),
        succeeded,
        events,
        instructions: executed(instructions, &keys.all, &logs)?,
        writes: keys.writable,
        refusal: if succeeded { None } else { refusal(&logs) },
    })
}

/// The accounts of a transaction.
struct Keys {
    /// In the order in which its instructions number them: its own, then those it loaded from lookup tables.
    all: Vec<Address>,
    /// Those that it may write.
    writable: Vec<Address>,
}

impl Keys {
    fn read(message: &Value, meta: &Value) -> Option<Self> {
        let own = addresses(message.get("accountKeys")?)?;
        let header = message.get("header")?;
        let number = |name: &str| usize::try_from(header.get(name)?.as_u64()?).ok();
        let signers = number("numRequiredSignatures")?;
        let writable_signers = signers.checked_sub(number("numReadonlySignedAccounts")?)?;
        let writable_others = own.len().checked_sub(number("numReadonlyUnsignedAccounts")?)?;
        let mut writable: Vec<Address> = own
            .iter()
            .enumerate()
            .filter(|(place, _)| *place < writable_signers || (signers..writable_others).contains(place))
            .map(|(_, key)| *key)
            .collect();
        let loaded = meta.get("loadedAddresses").filter(|loaded| !loaded.is_null());
        let [loaded_writable, loaded_readonly] = ["writable", "readonly"].map(|kind| {
            let list = loaded.and_then(|loaded| loaded.get(kind));
            list.map_or(Some(Vec::new()), addresses)
        });
        let (loaded_writable, loaded_readonly) = (loaded_writable?, loaded_readonly?);
        writable.extend(&loaded_writable);
        let mut all = own;
        all.extend(loaded_writable);
        all.extend(loaded_readonly);
        Some(Self { all, writable })
    }
}

fn addresses(list: &Value) -> Option<Vec<Address>> {
    list.as_array()?.iter().map(|key| key.as_str()?.parse().ok()).collect()
}

/// Events of log lines. A line belongs to the program that runs when it is written: what others make to look alike has their
/// name on it.
fn logged_events(logs: &[&str]) -> Vec<RecordedEvent> {
    let mut running: Vec<Option<Address>> = Vec::new();
    let mut events = Vec::new();
    for line in logs {
        match line.split(' ').collect::<Vec<_>>().as_slice() {
            ["Program", program, "invoke", _] => running.push(program.parse().ok()),
            ["Program", _, "success"] | ["Program", _, "failed:", ..] => {
                running.pop();
            }
            ["Program", "data:", data] => {
                if let (Some(Some(program)), Ok(data)) = (running.last(), BASE64_STANDARD.decode(data)) {
                    events.push(RecordedEvent {
                        program: *program,
                        data,
                        accounts: Vec::new(),
                    });
                }
            }
            _ => {}
        }
    }
    events
}

/// Events of self-calls. Each belongs to the program that is called, which lets nobody but itself call it so.
fn called_events(meta: &Value, instructions: &[Value], keys: &[Address]) -> Vec<RecordedEvent> {
    let groups = meta.get("innerInstructions").and_then(Value::as_array);
    let mut events = Vec::new();
    for group in groups.into_iter().flatten() {
        let place = group.get("index").and_then(Value::as_u64);
        let top = place.and_then(|place| instructions.get(usize::try_from(place).ok()?));
        let inner = group.get("instructions").and_then(Value::as_array);
        // Callers come before what they call, and no program can be called by another that it has called itself: whoever made
        // a self-call is the latest instruction of the same program before it.
        let mut callers: HashMap<Address, Vec<Address>> = HashMap::new();
        for called in top.into_iter().chain(inner.into_iter().flatten()) {
            let Some((program, data)) = invoked(called, keys) else {
                continue;
            };
            match data.strip_prefix(&lumora_interface::SELF_CALL_TAG) {
                Some(data) => events.push(RecordedEvent {
                    program,
                    data: data.to_vec(),
                    accounts: callers.get(&program).cloned().unwrap_or_default(),
                }),
                None => {
                    callers.insert(program, accounts(called, keys).unwrap_or_default());
                }
            }
        }
    }
    events
}

/// The program that an instruction calls, and the data that it hands over.
fn invoked(instruction: &Value, keys: &[Address]) -> Option<(Address, Vec<u8>)> {
    let program = usize::try_from(instruction.get("programIdIndex")?.as_u64()?).ok()?;
    let data = bs58::decode(instruction.get("data")?.as_str()?).into_vec().ok()?;
    Some((*keys.get(program)?, data))
}

/// The accounts that an instruction names.
fn accounts(instruction: &Value, keys: &[Address]) -> Option<Vec<Address>> {
    let places = instruction.get("accounts")?.as_array()?.iter();
    places
        .map(|place| keys.get(usize::try_from(place.as_u64()?).ok()?).copied())
        .collect()
}

/// Who failed first. Those that called it fail after it with the same error.
fn refusal(logs: &[&str]) -> Option<ProgramRefusal> {
    logs.iter().find_map(|line| {
        let (program, reason) = line.strip_prefix("Program ")?.split_once(" failed: ")?;
        let code = reason.strip_prefix("custom program error: 0x");
        Some(ProgramRefusal {
            program: program.parse().ok()?,
            code: code.and_then(|code| u32::from_str_radix(code, 16).ok()),
        })
    })
}

/// The top-level instructions with what the log says they consumed. Precompiles leave no line in the log.
fn executed(instructions: &[Value], keys: &[Address], logs: &[&str]) -> Option<Vec<ExecutedInstruction>> {
    let mut consumed = consumed_by_top_level(logs).into_iter().peekable();
    instructions
        .iter()
        .map(|instruction| {
            let (program, data) = invoked(instruction, keys)?;
            let compute_units = consumed
                .next_if(|(logged, _)| *logged == program)
                .map_or(0, |(_, units)| units);
            Some(ExecutedInstruction {
                program,
                discriminator: data.first().copied().unwrap_or_default(),
                data,
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

    #[test]
    fn events_belong_to_the_program_that_recorded_them_and_forgeries_are_left_out() {
        let stranger = Address::new_from_array([1; 32]);
        let tagged = |payload: &[u8]| {
            let data = [lumora_interface::SELF_CALL_TAG.as_slice(), payload].concat();
            bs58::encode(data).into_string()
        };
        let line = |payload: &[u8]| format!("Program data: {}", BASE64_STANDARD.encode(payload));
        let answer = json!({
            "slot": 5,
            "transaction": { "message": {
                "header": {
                    "numRequiredSignatures": 2, "numReadonlySignedAccounts": 1, "numReadonlyUnsignedAccounts": 2,
                },
                "accountKeys": [
                    Address::new_from_array([2; 32]).to_string(),
                    Address::new_from_array([3; 32]).to_string(),
                    Address::new_from_array([4; 32]).to_string(),
                    stranger.to_string(),
                    tasks::ID.to_string(),
                ],
                "instructions": [{ "programIdIndex": 3, "data": "", "accounts": [0] }],
            } },
            "meta": {
                "err": null,
                "loadedAddresses": {
                    "writable": [Address::new_from_array([5; 32]).to_string()],
                    "readonly": [market::ID.to_string()],
                },
                "innerInstructions": [{ "index": 0, "instructions": [
                    { "programIdIndex": 4, "data": bs58::encode(b"first").into_string(), "accounts": [1, 5] },
                    { "programIdIndex": 2, "data": bs58::encode(b"a transfer").into_string(), "accounts": [0] },
                    { "programIdIndex": 4, "data": tagged(b"called"), "accounts": [4] },
                    { "programIdIndex": 3, "data": tagged(b"forged"), "accounts": [4] },
                    { "programIdIndex": 6, "data": tagged(b"loaded"), "accounts": [4] },
                    { "programIdIndex": 4, "data": bs58::encode(b"second").into_string(), "accounts": [2] },
                    { "programIdIndex": 4, "data": tagged(b"again"), "accounts": [4] },
                ] }],
                "logMessages": [
                    format!("Program {stranger} invoke [1]"),
                    line(b"forged"),
                    format!("Program log: Program {} invoke [2]", tasks::ID),
                    line(b"forged"),
                    format!("Program {} invoke [2]", tasks::ID),
                    line(b"logged"),
                    format!("Program {} success", tasks::ID),
                    line(b"forged"),
                    format!("Program {stranger} success"),
                    line(b"forged"),
                ],
            },
        });
        let entry = decode(&"1".repeat(64), &answer).unwrap();
        let event = |program, data: &[u8], accounts: &[u8]| RecordedEvent {
            program,
            data: data.to_vec(),
            accounts: accounts.iter().map(|it| Address::new_from_array([*it; 32])).collect(),
        };
        assert_eq!(
            entry.events,
            [
                event(tasks::ID, b"logged", &[]),
                event(tasks::ID, b"called", &[3, 5]),
                event(market::ID, b"loaded", &[]),
                event(tasks::ID, b"again", &[4]),
            ]
        );
        let writable = [2, 4, 5].map(|number| Address::new_from_array([number; 32]));
        assert_eq!(entry.writes, writable);
        assert_eq!(entry.refusal, None);
    }

    #[test]
    fn a_refusal_is_of_the_innermost_program() {
        let outer = Address::new_from_array([1; 32]);
        let logs = [
            format!("Program {outer} invoke [1]"),
            format!("Program {} invoke [2]", tasks::ID),
            format!("Program {} failed: custom program error: 0x1771", tasks::ID),
            format!("Program {outer} failed: custom program error: 0x1771"),
        ];
        let logs: Vec<&str> = logs.iter().map(String::as_str).collect();
        let expected = ProgramRefusal {
            program: tasks::ID,
            code: Some(6_001),
        };
        assert_eq!(refusal(&logs), Some(expected));
        let failed = format!("Program {outer} failed: Program failed to complete");
        assert_eq!(refusal(&[failed.as_str()]).map(|it| it.code), Some(None));
        assert_eq!(refusal(&[]), None);
    }
}
