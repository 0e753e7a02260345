//! What a node tells the outside: one JSON object a line on standard output. People read the log on standard error.

use std::{
    io::Write,
    sync::{Arc, Mutex},
};

use lumora_interface::Address;
use serde::{Deserialize, Serialize};

use crate::plan::allowance::Stop;

/// Something that happened. Amounts are LMR base units, rates kbit/s, round trips microseconds, times Unix seconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// The node runs.
    Started {
        /// Address of the node's account.
        #[serde(with = "crate::text")]
        node: Address,
        /// Wallet that owns it.
        #[serde(with = "crate::text")]
        owner: Address,
        /// Assignments that were found half done and go on.
        resumed: usize,
    },
    /// The node was put on chain.
    Registered {
        /// Transaction.
        signature: String,
    },
    /// Limits, location or keys on chain were brought in line with the configuration.
    Updated {
        /// Transaction.
        signature: String,
    },
    /// The bond was filled up.
    Bonded {
        /// Added.
        amount: u64,
        /// Transaction.
        signature: String,
    },
    /// An oracle measured the node.
    Measured {
        /// Epoch.
        epoch: u64,
        /// Round of the epoch.
        round: u32,
        /// The challenger.
        #[serde(with = "crate::text")]
        oracle: Address,
        /// Towards the node.
        down_kbps: u32,
        /// From the node.
        up_kbps: u32,
        /// Least round trip.
        rtt_us: u32,
        /// IP-layer bytes that counted, both directions.
        bytes: u64,
        /// Wall time, milliseconds.
        millis: u64,
    },
    /// A scheduled measurement gave no figure.
    MeasurementFailed {
        /// Epoch.
        epoch: u64,
        /// Round of the epoch.
        round: u32,
        /// The challenger.
        #[serde(with = "crate::text")]
        oracle: Address,
        /// Why, and what to do.
        error: String,
        /// Whether it is tried again in this round.
        again: bool,
    },
    /// A measurement that is due waits, or is left out if nothing changes before its round is over.
    MeasurementDelayed {
        /// Epoch.
        epoch: u64,
        /// Round of the epoch.
        round: u32,
        /// Name of the reason.
        reason: String,
        /// The reason as a sentence.
        sentence: String,
    },
    /// The owner's limits stop the node: it takes no work and is not measured. What it holds it finishes.
    Paused {
        /// Why, with its figures.
        #[serde(flatten)]
        stop: Stop,
        /// The same as a sentence.
        sentence: String,
    },
    /// The owner's limits let it go on.
    Resumed,
    /// A good part of the month's volume is used up; at 100 % the node stops.
    VolumeWarning {
        /// Percent that were reached: 85 or 100.
        percent: u64,
        /// Bytes moved this month.
        used: u64,
        /// Bytes allowed.
        allowed: u64,
        /// Unix time at which the next month begins.
        turns_at: i64,
    },
    /// The figures of an epoch were proven on chain.
    Proven {
        /// Epoch.
        epoch: u64,
        /// Attested rate towards the node.
        down_kbps: u32,
        /// Attested rate from the node.
        up_kbps: u32,
        /// Attested round trip.
        rtt_us: u32,
        /// Share of rounds answered, bp.
        uptime_bps: u16,
        /// Reputation, bp.
        reputation_bps: u16,
        /// Code of the reason.
        reason: u8,
        /// The reason as a sentence.
        sentence: String,
        /// Reward of the node's lifetime.
        cumulative_reward: u64,
        /// Transaction, unless somebody else had paid for the proof.
        signature: Option<String>,
    },
    /// Rewards were claimed.
    RewardClaimed {
        /// Paid to the owner.
        amount: u64,
        /// Claimed in the node's lifetime.
        lifetime: u64,
        /// Transaction.
        signature: String,
    },
    /// A replica of a shard was claimed.
    ShardClaimed {
        /// Whose shard it is.
        #[serde(flatten)]
        shard: ShardName,
        /// Score of the node for the job, bp.
        score: u16,
        /// From when the node was entitled to it.
        claimable_at: i64,
        /// Transaction, unless it had landed before a restart.
        signature: Option<String>,
    },
    /// Another node was faster.
    ClaimLost {
        /// Whose shard it is.
        #[serde(flatten)]
        shard: ShardName,
        /// What the program said.
        reason: String,
    },
    /// A shard is being worked on.
    ShardStarted {
        /// Whose shard it is.
        #[serde(flatten)]
        shard: ShardName,
        /// Pages that the manifest names for it.
        pages: u64,
    },
    /// Progress on a shard.
    ShardProgress {
        /// Whose shard it is.
        #[serde(flatten)]
        shard: ShardName,
        /// Pages done, fetched or not.
        done: u64,
        /// Pages that the manifest names for it.
        pages: u64,
    },
    /// A shard's result is sealed, stored and on disk.
    ShardRun {
        /// Whose shard it is.
        #[serde(flatten)]
        shard: ShardName,
        /// Records extracted.
        records: u32,
        /// What became of the pages.
        pages: Pages,
        /// Content identifier of the sealed result.
        result: String,
        /// Wall time, milliseconds.
        millis: u64,
    },
    /// The result was committed to.
    Committed {
        /// Whose shard it is.
        #[serde(flatten)]
        shard: ShardName,
        /// Transaction, unless it had landed before a restart.
        signature: Option<String>,
    },
    /// The next word of the result was revealed.
    Revealed {
        /// Whose shard it is.
        #[serde(flatten)]
        shard: ShardName,
        /// Transaction, unless it had landed before a restart.
        signature: Option<String>,
    },
    /// A shard was settled.
    Settled {
        /// The job.
        #[serde(with = "crate::text")]
        job: Address,
        /// The shard.
        shard: u32,
        /// Transaction, unless somebody else was faster.
        signature: Option<String>,
    },
    /// An assignment of this node ended with its shard.
    AssignmentEnded {
        /// Whose shard it is.
        #[serde(flatten)]
        shard: ShardName,
        /// How.
        outcome: Outcome,
    },
    /// Somebody's assignment that had run out of time was expired.
    Expired {
        /// Whose shard it is.
        #[serde(flatten)]
        shard: ShardName,
        /// The node that let it pass.
        #[serde(with = "crate::text")]
        late: Address,
        /// Transaction.
        signature: String,
    },
    /// A node was slashed for an assignment that expired or was rejected; this node's owner has the reporter's part.
    Slashed {
        /// Whose shard it is.
        #[serde(flatten)]
        shard: ShardName,
        /// The node that was slashed.
        #[serde(with = "crate::text")]
        slashed: Address,
        /// Transaction.
        signature: String,
    },
    /// What an expired or rejected assignment of this node had left behind is closed, and its rent is back.
    Cleared {
        /// Whose shard it is.
        #[serde(flatten)]
        shard: ShardName,
        /// Transaction.
        signature: String,
    },
    /// A step failed; it is tried again unless the chain made it pointless.
    Failed {
        /// What was tried.
        step: String,
        /// Why it failed, and what to do.
        error: String,
    },
    /// The node stopped as it was asked to.
    Stopped,
}

/// A replica of a shard of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ShardName {
    /// The job.
    #[serde(with = "crate::text")]
    pub job: Address,
    /// The shard.
    pub shard: u32,
    /// The replica.
    pub replica: u8,
}

/// What became of a shard's pages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pages {
    /// Fetched.
    pub fetched: u64,
    /// Not fetched or not used, by reason.
    pub skipped: std::collections::BTreeMap<String, u64>,
    /// Bytes received.
    pub bytes: u64,
}

/// How an assignment ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The result was in the agreeing majority, and paid.
    Won,
    /// The majority did not agree with the result, or there was none.
    NotAgreed,
    /// The oracles rejected the result.
    Rejected,
    /// It ran out of time.
    Expired,
    /// The job is gone, so its outcome can only be read from the log of events.
    Closed,
}

/// Where events go. Cheap to clone; lines of several tasks never mix.
#[derive(Clone)]
pub struct Events {
    sink: Arc<Mutex<dyn Write + Send>>,
}

impl Events {
    /// To standard output.
    pub fn stdout() -> Self {
        Self::to(std::io::stdout())
    }

    /// To any writer.
    pub fn to(writer: impl Write + Send + 'static) -> Self {
        Self {
            sink: Arc::new(Mutex::new(writer)),
        }
    }

    /// Writes one line. A reader that is gone does not stop the node.
    pub fn emit(&self, event: &Event) {
        let Ok(mut line) = serde_json::to_vec(event) else {
            return;
        };
        line.push(b'\n');
        if let Ok(mut sink) = self.sink.lock() {
            let _ = sink.write_all(&line).and_then(|()| sink.flush());
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line_with_its_name_and_reads_back() {
        let shard = ShardName {
            job: lumora_interface::tasks::ID,
            shard: 7,
            replica: 1,
        };
        let event = Event::ShardClaimed {
            shard,
            score: 9_000,
            claimable_at: 12,
            signature: Some("s".into()),
        };
        let text = serde_json::to_string(&event).unwrap();
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["event"], "shard_claimed");
        assert_eq!(value["shard"], 7);
        assert_eq!(value["job"], lumora_interface::tasks::ID.to_string());
        assert_eq!(serde_json::from_str::<Event>(&text).unwrap(), event);
    }

    #[test]
    fn lines_end_and_do_not_mix() {
        #[derive(Clone, Default)]
        struct Shared(Arc<Mutex<Vec<u8>>>);
        impl Write for Shared {
            fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
                self.0.lock().unwrap().extend_from_slice(bytes);
                Ok(bytes.len())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let written = Shared::default();
        let events = Events::to(written.clone());
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..50).for_each(|_| events.emit(&Event::Stopped)));
            }
        });
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.lines().count(), 200);
        assert!(text.lines().all(|line| line == r#"{"event":"stopped"}"#));
    }
}
