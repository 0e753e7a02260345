//! Single steps on the owner's command. But for [`measure`], the agent may run beside them.

use lumora_client::{registry as build, token};
use lumora_interface::{
    Address,
    registry::Node,
    rewards::{Reward, reward_address},
};
use serde::Serialize;
use solana_signer::Signer as _;

use crate::{
    agent::Agent,
    config::NodeConfig,
    connect,
    error::{Error, Result},
    event::Events,
    measurement, registration, rewards,
    status::Told,
};

/// What a claim came to. Amounts are LMR base units.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Claimed {
    /// Paid to the owner by this command.
    pub amount: u64,
    /// Claimed in the node's lifetime.
    pub lifetime: u64,
    /// Why there is nothing more to claim now.
    pub rest: Option<Told>,
}

/// Proves what is attested and not proven yet, and claims all that is due, however little.
pub async fn claim(mut config: NodeConfig) -> Result<Claimed> {
    config.minimum_claim = 1;
    let connection = connect(&config)?;
    let agent = Agent::by_hand(config, connection).await?;
    registered(&agent).await?;
    let claimed = async || -> Result<u64> {
        let reward: Option<Reward> = agent.connection.fetch_optional(&reward_address(&agent.node).0).await?;
        Ok(reward.map_or(0, |reward| reward.claimed))
    };
    let before = claimed().await?;
    rewards::settle(&agent).await?;
    let lifetime = claimed().await?;
    Ok(Claimed {
        amount: lifetime.saturating_sub(before),
        lifetime,
        rest: agent.notes.report().no_reward,
    })
}

/// Brings the node on chain in line with the configuration. Whether it differed.
pub async fn publish(config: NodeConfig) -> Result<bool> {
    let connection = connect(&config)?;
    let agent = Agent::by_hand(config, connection).await?;
    let node = registered(&agent).await?;
    owner_key(&agent, "a change of the node's account")?;
    registration::update(&agent, &node).await
}

/// Where a withdrawal stands. Amounts are LMR base units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Withdrawal {
    /// There is no bond.
    Nothing,
    /// It was asked back by this command or an earlier one, and is not due yet. Until then it can still be slashed.
    Waiting {
        /// Asked back.
        amount: u64,
        /// Unix time from which it is paid.
        due_at: i64,
        /// The chain's clock now.
        now: i64,
    },
    /// It was paid to the owner by this command.
    Paid {
        /// Paid.
        amount: u64,
        /// What is left of the bond.
        left: u64,
    },
}

/// Asks `amount` of the bond back (all of it, if `None`), or pays what was asked back earlier and is due.
///
/// What was asked back no longer vouches for new shards.
pub async fn withdraw(config: NodeConfig, amount: Option<u64>) -> Result<Withdrawal> {
    let connection = connect(&config)?;
    let agent = Agent::by_hand(config, connection).await?;
    let node = registered(&agent).await?;
    let owner = owner_key(&agent, "a withdrawal of the bond")?;
    let (sender, address) = (agent.sender.paid_by(owner.clone()), owner.pubkey());
    let now = agent.clock.now();
    let is_due = node.unbonding > 0 && node.unbonds_at <= now;
    if is_due && amount.is_none_or(|amount| amount <= node.unbonding) {
        let instructions = [
            token::create_lmr_account(&address, &address),
            build::withdraw_bond(&address, &agent.node),
        ];
        let is_paid = || async { Ok(agent.connection.fetch::<Node>(&agent.node).await?.unbonding == 0) };
        sender.send_unless(is_paid, &instructions, &[]).await?;
        let left = agent.connection.fetch::<Node>(&agent.node).await?.bond;
        return Ok(Withdrawal::Paid {
            amount: node.bond.saturating_sub(left),
            left,
        });
    }
    let asked = amount.unwrap_or(node.bond);
    if asked > node.bond {
        return Err(Error::BondTooSmall { bond: node.bond, asked });
    }
    if asked == 0 {
        return Ok(Withdrawal::Nothing);
    }
    // A second request for more would begin the wait anew; one for as much changes nothing.
    if asked != node.unbonding {
        let request = build::request_unbond(&address, &agent.node, asked);
        let is_asked = || async { Ok(agent.connection.fetch::<Node>(&agent.node).await?.unbonding == asked) };
        sender.send_unless(is_asked, &[request], &[]).await?;
    }
    let node: Node = agent.connection.fetch(&agent.node).await?;
    Ok(Withdrawal::Waiting {
        amount: node.unbonding,
        due_at: node.unbonds_at,
        now,
    })
}

/// A measurement by hand. Rates in kbit/s.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Measurement {
    /// Epoch that it counts for.
    pub epoch: u64,
    /// Round of the epoch.
    pub round: u32,
    /// The figures, if an oracle measured.
    pub figures: Option<Figures>,
    /// What the other oracles said that were asked.
    pub refusals: Vec<Refusal>,
}

/// What an oracle measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[allow(missing_docs)]
pub struct Figures {
    #[serde(with = "crate::text")]
    pub oracle: Address,
    pub down_kbps: u32,
    pub up_kbps: u32,
    pub rtt_us: u32,
}

/// Why an oracle did not measure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[allow(missing_docs)]
pub struct Refusal {
    #[serde(with = "crate::text")]
    pub oracle: Address,
    pub sentence: String,
}

/// Has the node measured now by an oracle that this round gives it to, or by `only`.
///
/// It counts like one that the agent asks for. The agent must not run: its folder is locked for the time.
pub async fn measure(config: NodeConfig, only: Option<Address>) -> Result<Measurement> {
    let connection = connect(&config)?;
    let agent = Agent::new(config, connection, Events::to(std::io::sink())).await?;
    registered(&agent).await?;
    let (epoch, round, attempts) = measurement::by_hand(&agent, only).await?;
    let (mut figures, mut refusals) = (None, Vec::new());
    for (oracle, result) in attempts {
        match result {
            Ok(signed) => {
                figures = Some(Figures {
                    oracle,
                    down_kbps: signed.receipt.down.kbps,
                    up_kbps: signed.receipt.up.kbps,
                    rtt_us: signed.receipt.min_rtt_us,
                });
            }
            Err(sentence) => refusals.push(Refusal { oracle, sentence }),
        }
    }
    Ok(Measurement {
        epoch,
        round,
        figures,
        refusals,
    })
}

async fn registered(agent: &Agent) -> Result<Node> {
    let found = agent.connection.fetch_optional::<Node>(&agent.node).await?;
    found.ok_or(Error::NotRegistered {
        owner: agent.keys.owner_address,
        index: agent.config.index,
    })
}

fn owner_key<'a>(agent: &'a Agent, what: &'static str) -> Result<&'a std::sync::Arc<solana_keypair::Keypair>> {
    agent.keys.owner.as_ref().ok_or(Error::OwnerKeyNeeded {
        what,
        owner: agent.keys.owner_address,
    })
}
