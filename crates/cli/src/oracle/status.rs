//! How an oracle stands, by its own word and by the chain's.

use lumora_client::{
    Connection,
    oracle_api::{PeerStatus, Standing, Status},
};
use lumora_interface::{
    Address,
    bandwidth::{ORACLE_SET, OracleSet, member},
};
use serde::Serialize;
use url::Url;

use crate::output::{lmr, table};

/// A peer that was silent for longer is shown as one that is not reached, seconds.
const REACHED: u64 = 120;

/// How an oracle stands.
#[derive(Serialize)]
pub struct Shown {
    status: Status,
    /// What the chain says, where it was asked.
    chain: Option<ChainWord>,
}

/// What the chain says about the oracle.
#[derive(Serialize)]
struct ChainWord {
    next_epoch: u64,
    attestable_from: u64,
    state: u8,
    bond: u64,
}

/// Asks the oracle, and the chain where there is a connection.
pub async fn look(oracle: Url, connection: Option<Connection>) -> anyhow::Result<Shown> {
    let status = super::client(oracle)?.status().await?;
    let chain = match connection {
        Some(connection) => Some(chain_word(&connection.fetch(&ORACLE_SET).await?, &status.oracle)),
        None => None,
    };
    Ok(Shown { status, chain })
}

fn chain_word(set: &OracleSet, oracle: &Address) -> ChainWord {
    let seat = set.index_of(oracle);
    ChainWord {
        next_epoch: set.next_epoch,
        attestable_from: set.attestable_from,
        state: seat.map_or(member::EMPTY, |seat| set.states[seat]),
        bond: seat.map_or(0, |seat| set.bonds[seat]),
    }
}

/// For people.
pub fn describe(shown: &Shown) -> String {
    let status = &shown.status;
    let number = |epoch: Option<u64>| epoch.map_or("none".to_owned(), |epoch| epoch.to_string());
    let mut lines = vec![
        format!("Oracle {}", status.oracle),
        format!("  measures epoch    {}", number(status.epoch)),
        format!("  serves leaves of  {} and before", number(status.attested_epoch)),
    ];
    match &status.standing {
        Some(standing) => lines.extend(describe_standing(standing)),
        None => lines.push("  it does not say how it stands on chain: its version is older".to_owned()),
    }
    if let Some(chain) = &shown.chain {
        lines.push(describe_chain(status, chain));
    }
    let reached = status.peers.iter().filter(|peer| is_reached(peer)).count();
    lines.push(format!("  reaches           {reached} of {} peers", status.peers.len()));
    if !status.peers.is_empty() {
        lines.push(table(
            &["peer", "address", "answered"],
            &status.peers.iter().map(row).collect::<Vec<_>>(),
        ));
    }
    lines.join("\n")
}

fn describe_standing(standing: &Standing) -> Vec<String> {
    let attested = match standing.attestable_from.checked_sub(1) {
        Some(last) => format!(
            "epoch {last}, {} behind the latest",
            standing.next_epoch.saturating_sub(last + 1)
        ),
        None => "nothing yet".to_owned(),
    };
    vec![
        format!("  attested last     {attested}"),
        format!("  seat              {}", seat(standing.seat, standing.state)),
        format!(
            "  bond              {} LMR of {} LMR needed",
            lmr(standing.bond),
            lmr(standing.minimum_bond)
        ),
        format!("  looked at chain   {} s ago", standing.looked_seconds_ago),
    ]
}

fn seat(seat: Option<u8>, state: u8) -> String {
    let Some(seat) = seat else {
        return "none: it waits to be added to the oracle set".to_owned();
    };
    let state = match state {
        member::ACTIVE => "active",
        member::REMOVED => "removed from the epochs that are not open yet",
        member::JAILED => "jailed: it signed two statements about one epoch, and its bond is lost",
        _ => "in a state that this version does not know",
    };
    format!("{seat}, {state}")
}

/// Whether the chain, asked now, is ahead of what the oracle knows.
fn describe_chain(status: &Status, chain: &ChainWord) -> String {
    let known = status.standing.map_or(0, |standing| standing.next_epoch);
    let lag = chain.next_epoch.saturating_sub(known);
    if status.standing.is_none() || lag == 0 {
        return format!(
            "  lag               none: the chain's next epoch is {}",
            chain.next_epoch
        );
    }
    format!(
        "  lag               {lag} epochs: the chain's next is {}, it knows of {known}. Check its connection to the network",
        chain.next_epoch
    )
}

fn is_reached(peer: &PeerStatus) -> bool {
    peer.answered_seconds_ago.is_some_and(|seconds| seconds <= REACHED)
}

fn row(peer: &PeerStatus) -> Vec<String> {
    let answered = peer
        .answered_seconds_ago
        .map_or("never".to_owned(), |seconds| format!("{seconds} s ago"));
    vec![peer.oracle.to_string(), peer.http.to_string(), answered]
}

#[cfg(test)]
mod tests {
    use lumora_interface::Address;

    use super::*;

    fn shown() -> Shown {
        let peer = |key: u8, answered_seconds_ago| PeerStatus {
            oracle: Address::new_from_array([key; 32]),
            http: Url::parse("http://127.0.0.1:7002").unwrap_or_else(|_| unreachable!("a constant address")),
            answered_seconds_ago,
        };
        Shown {
            status: Status {
                oracle: Address::new_from_array([1; 32]),
                network_id: [0; 32],
                epoch: Some(9),
                attested_epoch: Some(7),
                rounds_per_epoch: 2,
                challengers_per_round: 3,
                standing: Some(Standing {
                    looked_seconds_ago: 1,
                    chain_time: 1_000,
                    next_epoch: 10,
                    attestable_from: 8,
                    seat: Some(2),
                    state: member::ACTIVE,
                    bond: 5_000_000,
                    minimum_bond: 2_000_000,
                }),
                peers: vec![peer(2, Some(3)), peer(3, None), peer(4, Some(900))],
            },
            chain: Some(ChainWord {
                next_epoch: 12,
                attestable_from: 8,
                state: member::ACTIVE,
                bond: 5_000_000,
            }),
        }
    }

    #[test]
    fn a_person_reads_what_lags_and_who_is_not_reached() {
        let text = describe(&shown());
        for part in [
            "measures epoch    9",
            "epoch 7, 2 behind the latest",
            "2, active",
            "5.000000 LMR of 2.000000 LMR needed",
            "1 of 3 peers",
            "never",
            "lag               2 epochs",
        ] {
            assert!(text.contains(part), "{part} is missing in\n{text}");
        }
    }
}
