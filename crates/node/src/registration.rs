//! Puts the node on chain, and keeps what is there in line with the configuration.

use lumora_client::{Outcome, registry as build, token};
use lumora_interface::registry::{Node, RegisterNodeArguments, UpdateNodeArguments};

use crate::{
    agent::Agent,
    error::{Error, Result},
    event::Event,
};

/// Registers the node, or updates it where the configuration says otherwise than the chain.
pub(crate) async fn ensure(agent: &Agent) -> Result<()> {
    match agent.connection.fetch_optional::<Node>(&agent.node).await? {
        None => register(agent).await?,
        Some(node) => {
            update(agent, &node).await?;
        }
    }
    ensure_lmr_account(agent).await
}

async fn register(agent: &Agent) -> Result<()> {
    let (keys, config) = (&agent.keys, &agent.config);
    let Some(owner) = &keys.owner else {
        return Err(Error::NotRegistered {
            owner: keys.owner_address,
            index: config.index,
        });
    };
    let cell = config.cell()?;
    let arguments = RegisterNodeArguments {
        index: config.index,
        operator: agent.operator(),
        transport_key: keys.transport.public(),
        h3_cell: cell.h3_cell,
        location: cell.components(),
        limit_kbps: config.limits.rate_kbps,
        shard_capacity: config.limits.shards,
    };
    let instruction = build::register_node(&keys.owner_address, &arguments);
    let sender = agent.sender.paid_by(owner.clone());
    let outcome = sender
        .send_unless(
            || async { Ok(agent.connection.fetch_optional::<Node>(&agent.node).await?.is_some()) },
            &[instruction],
            &[],
        )
        .await?;
    if let Outcome::Landed(landed) = outcome {
        agent.events.emit(&Event::Registered {
            signature: landed.signature.to_string(),
        });
    }
    Ok(())
}

/// What the node's account should say; its status stays as the owner set it.
fn wanted(agent: &Agent, node: &Node) -> Result<UpdateNodeArguments> {
    let cell = agent.config.cell()?;
    Ok(UpdateNodeArguments {
        operator: agent.operator(),
        transport_key: agent.keys.transport.public(),
        h3_cell: cell.h3_cell,
        location: cell.components(),
        limit_kbps: agent.config.limits.rate_kbps,
        shard_capacity: agent.config.limits.shards,
        status: node.status,
    })
}

fn as_is(node: &Node) -> UpdateNodeArguments {
    UpdateNodeArguments {
        operator: node.operator,
        transport_key: node.transport_key,
        h3_cell: node.h3_cell,
        location: node.location,
        limit_kbps: node.limit_kbps,
        shard_capacity: node.shard_capacity,
        status: node.status,
    }
}

/// Brings the node on chain in line with the configuration. Whether there was something to do and it was done.
pub(crate) async fn update(agent: &Agent, node: &Node) -> Result<bool> {
    let wanted = wanted(agent, node)?;
    if as_is(node) == wanted {
        return Ok(false);
    }
    let Some(owner) = &agent.keys.owner else {
        // Other keys make the node useless; other limits or another place only differ from what this file says.
        let other = |what, found| Error::OtherKey {
            node: agent.node,
            what,
            found,
        };
        if node.operator != wanted.operator {
            return Err(other("operator key", node.operator));
        }
        if node.transport_key != wanted.transport_key {
            return Err(other("transport key", node.transport_key.into()));
        }
        tracing::warn!(
            "limits or location on chain differ from the configuration; only the owner's key can change them"
        );
        return Ok(false);
    };
    let instruction = build::update_node(&agent.keys.owner_address, &agent.node, &wanted);
    let sender = agent.sender.paid_by(owner.clone());
    let landed = sender.send(&[instruction], &[]).await?;
    agent.events.emit(&Event::Updated {
        signature: landed.signature.to_string(),
    });
    Ok(true)
}

/// The account that rewards and payments go to; without it nothing can be paid.
async fn ensure_lmr_account(agent: &Agent) -> Result<()> {
    let (connection, owner) = (&agent.connection, agent.keys.owner_address);
    let account = token::lmr_account(&owner);
    let instruction = token::create_lmr_account(&agent.operator(), &owner);
    agent
        .sender
        .send_unless(
            || async { Ok(connection.account(&account).await?.is_some()) },
            &[instruction],
            &[],
        )
        .await?;
    Ok(())
}

/// Fills the bond up to what the configuration says, as far as the owner's LMR goes.
pub(crate) async fn top_up_bond(agent: &Agent) -> Result<()> {
    let Some(owner) = &agent.keys.owner else { return Ok(()) };
    if agent.config.bond == 0 {
        return Ok(());
    }
    let node: Node = agent.connection.fetch(&agent.node).await?;
    let missing = agent.config.bond.saturating_sub(node.bond);
    let amount = missing.min(agent.connection.lmr_balance(&agent.keys.owner_address).await?);
    if amount == 0 {
        return Ok(());
    }
    let instruction = build::deposit_bond(&agent.keys.owner_address, &agent.node, amount);
    let before = node.bond;
    let outcome = agent
        .sender
        .paid_by(owner.clone())
        .send_unless(
            || async { Ok(agent.connection.fetch::<Node>(&agent.node).await?.bond > before) },
            &[instruction],
            &[],
        )
        .await?;
    if let Outcome::Landed(landed) = outcome {
        agent.events.emit(&Event::Bonded {
            amount,
            signature: landed.signature.to_string(),
        });
    }
    Ok(())
}
