//! Which block holds the reveal of a result: what the lot that decides on its check is drawn from.

use {
    crate::{Connection, Error},
    lumora_core::hash::Hash,
    lumora_interface::tasks::{ID, instruction},
    serde_json::{Value, json},
    solana_address::Address,
    solana_rpc_client_api::request::RpcRequest,
};

/// Transactions that are listed.
const LISTED: usize = 1_000;

/// Transactions that are read. Anybody can name an assignment in a transaction of his own, so that there may be others on
/// top of the reveal.
const READ: usize = 50;

/// Place of the assignment among the accounts of `reveal_result`.
const ASSIGNMENT: usize = 2;

impl Connection {
    /// Hash of the block in which the node of an assignment showed its last word; `None` where it is not found among the
    /// latest transactions that name the assignment.
    ///
    /// Found by its instruction, not by its event: a node can log what looks like the event in a block that it likes
    /// better, or log so much that the event is cut off.
    pub async fn reveal_block(&self, assignment: &Address) -> Result<Option<Hash>, Error> {
        let options = json!({ "limit": LISTED, "commitment": "confirmed" });
        let listed: Vec<Value> = self
            .read("listing transactions", || {
                let arguments = json!([assignment.to_string(), options]);
                self.rpc().send(RpcRequest::GetSignaturesForAddress, arguments)
            })
            .await?;
        let succeeded = listed
            .iter()
            .filter(|row| row.get("err").is_none_or(Value::is_null))
            .filter_map(|row| row.get("signature")?.as_str());
        // Newest first: earlier ones are reveals of earlier words, or of nodes that had the replica before.
        for signature in succeeded.take(READ) {
            let options = json!({ "encoding": "json", "commitment": "confirmed", "maxSupportedTransactionVersion": 1 });
            let transaction: Value = self
                .read("reading a transaction", || {
                    self.rpc().send(RpcRequest::GetTransaction, json!([signature, options]))
                })
                .await?;
            if holds_reveal(&transaction, assignment) {
                return match transaction.get("slot").and_then(Value::as_u64) {
                    Some(slot) => self.block_hash(slot).await,
                    None => Ok(None),
                };
            }
        }
        Ok(None)
    }

    async fn block_hash(&self, slot: u64) -> Result<Option<Hash>, Error> {
        let options = json!({
            "transactionDetails": "none", "rewards": false, "commitment": "confirmed", "maxSupportedTransactionVersion": 1,
        });
        let block: Value = self
            .read("reading a block", || {
                self.rpc().send(RpcRequest::GetBlock, json!([slot, options]))
            })
            .await?;
        Ok(block.get("blockhash").and_then(Value::as_str).and_then(hash))
    }
}

fn hash(text: &str) -> Option<Hash> {
    bs58::decode(text).into_vec().ok()?.try_into().ok()
}

/// Whether a transaction, as the RPC has it, shows a word of this assignment; also where another program has it shown.
fn holds_reveal(transaction: &Value, assignment: &Address) -> bool {
    let reveals = || {
        let meta = transaction.get("meta")?;
        let message = transaction.get("transaction")?.get("message")?;
        if !meta.get("err").is_none_or(Value::is_null) {
            return None;
        }
        let loaded = |kind| meta.get("loadedAddresses").and_then(|loaded| loaded.get(kind));
        let keys: Vec<&str> = [message.get("accountKeys"), loaded("writable"), loaded("readonly")]
            .into_iter()
            .flatten()
            .filter_map(Value::as_array)
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let called = meta
            .get("innerInstructions")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(|group| group.get("instructions"));
        let found = std::iter::once(message.get("instructions")?)
            .chain(called)
            .filter_map(Value::as_array)
            .flatten()
            .any(|instruction| is_reveal(instruction, &keys, assignment).unwrap_or(false));
        Some(found)
    };
    reveals().unwrap_or(false)
}

fn is_reveal(instruction: &Value, keys: &[&str], assignment: &Address) -> Option<bool> {
    let key = |index: &Value| {
        let index = usize::try_from(index.as_u64()?).ok()?;
        keys.get(index)?.parse::<Address>().ok()
    };
    let data = bs58::decode(instruction.get("data")?.as_str()?).into_vec().ok()?;
    Some(
        key(instruction.get("programIdIndex")?)? == ID
            && *data.first()? == instruction::REVEAL_RESULT
            && key(instruction.get("accounts")?.get(ASSIGNMENT)?)? == *assignment,
    )
}

#[cfg(test)]
mod tests {
    use {
        super::*,
        crate::tasks::{Replica, reveal_result},
        lumora_interface::tasks::{RevealResultArguments, ShardState},
    };

    fn address(seed: u8) -> Address {
        Address::new_from_array([seed; 32])
    }

    /// A transaction with keys 0 to 3, the program and one that is loaded; `own` and `called` are its instructions.
    fn transaction(own: &Value, called: &Value) -> Value {
        let keys: Vec<String> = (0..4)
            .map(|seed| address(seed).to_string())
            .chain([ID.to_string()])
            .collect();
        json!({
            "slot": 5,
            "transaction": { "message": { "accountKeys": keys, "instructions": [own] } },
            "meta": {
                "err": null,
                "loadedAddresses": { "writable": [address(9).to_string()], "readonly": [] },
                "innerInstructions": [{ "index": 0, "instructions": [called] }],
            },
        })
    }

    fn instruction(program: u8, discriminator: u8, accounts: [u8; 3]) -> Value {
        let data = bs58::encode([discriminator, 7]).into_string();
        json!({ "programIdIndex": program, "accounts": accounts, "data": data })
    }

    #[test]
    fn a_reveal_is_known_by_its_program_its_number_and_its_assignment() {
        let other = instruction(1, 0, [0, 0, 0]);
        let reveal = instruction(4, instruction::REVEAL_RESULT, [0, 1, 2]);
        let of_loaded = instruction(4, instruction::REVEAL_RESULT, [0, 1, 5]);
        for (own, called, assignment, holds) in [
            (&reveal, &other, 2, true),
            (&other, &reveal, 2, true),
            (&of_loaded, &other, 9, true),
            (&reveal, &other, 1, false),
            (&other, &other, 2, false),
            (&instruction(3, instruction::REVEAL_RESULT, [0, 1, 2]), &other, 2, false),
            (&instruction(4, instruction::COMMIT_RESULT, [0, 1, 2]), &other, 2, false),
            (
                &json!({ "programIdIndex": 4, "accounts": [], "data": "" }),
                &other,
                2,
                false,
            ),
        ] {
            let transaction = transaction(own, called);
            assert_eq!(holds_reveal(&transaction, &address(assignment)), holds, "{transaction}");
            let mut failed = transaction;
            failed["meta"]["err"] = json!({ "InstructionError": [0, "InvalidArgument"] });
            assert!(!holds_reveal(&failed, &address(assignment)));
        }
        assert!(!holds_reveal(&Value::Null, &address(2)));
    }

    #[test]
    fn the_assignment_is_where_the_builder_puts_it() {
        let replica = Replica {
            job: address(1),
            shard: 2,
            replica: 0,
        };
        let arguments = RevealResultArguments {
            result_root: [0; 32],
            records: 0,
            word: [0; 4],
            salt: [0; 32],
            rest: [0; 32],
        };
        let reveal = reveal_result(&address(3), replica, ShardState(0), &arguments);
        assert_eq!(reveal.accounts[ASSIGNMENT].pubkey, replica.assignment());
        assert_eq!(reveal.data[0], instruction::REVEAL_RESULT);
    }

    #[test]
    fn a_block_hash_has_32_bytes() {
        assert_eq!(hash(&address(7).to_string()), Some([7; 32]));
        assert_eq!(hash("abc"), None);
    }
}
