//! Deploys and upgrades programs through the upgradeable BPF loader (v3), with transactions that any cluster takes.
//!
//! A program's code is first written in chunks into a buffer account. The buffer's keypair follows from the deployer's
//! secret, the program and the code: a deployment that was killed finds its buffer again and writes only what is missing, and no
//! lamports are stranded.

use {
    crate::Error,
    futures_util::future::try_join_all,
    lumora_client::{Batch, Connection, Sender},
    lumora_core::hash::sha256,
    solana_address::Address,
    solana_instruction::Instruction,
    solana_keypair::Keypair,
    solana_loader_v3_interface::{
        get_program_data_address,
        instruction::{self, MINIMUM_EXTEND_PROGRAM_BYTES},
        state::UpgradeableLoaderState,
    },
    solana_sdk_ids::bpf_loader_upgradeable,
    solana_signer::Signer,
    std::time::Duration,
};

/// Bytes of code per transaction. With two signatures, five accounts, the compute budget and the loader's header the rest of
/// a transaction's 1,232 bytes is at most 371.
const CHUNK_BYTES: usize = 860;

/// What a write uses is a few thousand compute units; asking for little lets more of them into a block.
const WRITE_COMPUTE_UNITS: u32 = 10_000;

/// A program to be put on chain.
pub struct Program {
    pub name: String,
    /// Its address is the program's id.
    pub keypair: Keypair,
    pub code: Vec<u8>,
    /// Largest size that the code may grow to without an extension, in bytes; at least the code's.
    pub max_bytes: usize,
}

/// What had to be done to have this code at this address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Deployed,
    Upgraded,
    /// The very code was there already.
    Unchanged,
}

/// Puts every program on chain; those that are there already with the same code are left alone. The sender's payer becomes the
/// upgrade authority. `progress(done, total)` counts chunks.
pub async fn deploy(
    sender: &Sender,
    programs: &[Program],
    progress: impl Fn(usize, usize) + Send + Sync,
) -> Result<Vec<Change>, Error> {
    let changes = try_join_all(programs.iter().map(|program| needed(sender, program))).await?;
    let open: Vec<_> = programs
        .iter()
        .zip(&changes)
        .filter(|(_, change)| **change != Change::Unchanged)
        .collect();
    if open.is_empty() {
        return Ok(changes);
    }
    let writes = try_join_all(open.iter().map(|(program, _)| prepare(sender, program)))
        .await?
        .concat();
    let total = writes.len();
    let batch = Batch {
        transactions: writes,
        compute_units: Some(WRITE_COMPUTE_UNITS),
    };
    sender.send_batch(&batch, &[], |done| progress(done, total)).await?;
    let slots = try_join_all(open.iter().map(|(program, change)| install(sender, program, **change))).await?;
    // A program runs from the slot after the one that installed it.
    if let Some(slot) = slots.into_iter().max() {
        wait_for_slot_after(sender.connection(), slot).await?;
    }
    Ok(changes)
}

/// Looks at what is deployed.
async fn needed(sender: &Sender, program: &Program) -> Result<Change, Error> {
    let address = program.keypair.pubkey();
    let Some(account) = sender.connection().account(&address).await? else {
        return Ok(Change::Deployed);
    };
    if account.owner != bpf_loader_upgradeable::ID || !account.executable {
        let reason = format!("it is an account of {}", account.owner);
        return Err(Error::NotAProgram { address, reason });
    }
    let data_address = get_program_data_address(&address);
    let data = sender
        .connection()
        .account(&data_address)
        .await?
        .ok_or_else(|| Error::NotAProgram {
            address,
            reason: "it was closed".into(),
        })?
        .data;
    let deployed = DeployedCode::parse(&data).ok_or_else(|| Error::NotAProgram {
        address,
        reason: "its code is not stored as the loader does".into(),
    })?;
    if deployed.is(&program.code) {
        return Ok(Change::Unchanged);
    }
    if deployed.authority != Some(sender.payer_address()) {
        let authority = deployed
            .authority
            .map_or_else(|| "nobody".to_owned(), |authority| authority.to_string());
        return Err(Error::NotUpgradeAuthority { address, authority });
    }
    Ok(Change::Upgraded)
}

/// A ProgramData account: `u32` state, `u64` slot, optional authority (1 + 32 bytes), then the code, padded with zeros.
struct DeployedCode<'a> {
    authority: Option<Address>,
    code: &'a [u8],
}

impl<'a> DeployedCode<'a> {
    const STATE: u32 = 3;

    fn parse(data: &'a [u8]) -> Option<Self> {
        let (header, code) = data.split_at_checked(UpgradeableLoaderState::size_of_programdata_metadata())?;
        if u32::from_le_bytes(header.get(..4)?.try_into().ok()?) != Self::STATE {
            return None;
        }
        let authority = optional_address(header.get(12..)?)?;
        Some(Self { authority, code })
    }

    fn is(&self, code: &[u8]) -> bool {
        self.code
            .split_at_checked(code.len())
            .is_some_and(|(same, rest)| same == code && rest.iter().all(|byte| *byte == 0))
    }
}

/// One byte that says whether there is an address, then the address.
fn optional_address(bytes: &[u8]) -> Option<Option<Address>> {
    match bytes.first()? {
        0 => Some(None),
        1 => Some(Some(Address::new_from_array(bytes.get(1..33)?.try_into().ok()?))),
        _ => None,
    }
}

/// Nobody else can know it, the same deployer finds it again.
fn buffer_keypair(payer: &Keypair, program: &Program) -> Keypair {
    let code = sha256(&[&program.code]);
    Keypair::new_from_array(sha256(&[
        b"lumora program buffer",
        payer.secret_bytes(),
        program.keypair.pubkey().as_ref(),
        &code,
    ]))
}

/// Makes sure that the buffer exists: the transactions that write what it lacks.
async fn prepare(sender: &Sender, program: &Program) -> Result<Vec<Vec<Instruction>>, Error> {
    let (payer, connection) = (sender.payer_address(), sender.connection());
    let buffer = buffer_keypair(sender.payer(), program);
    let address = buffer.pubkey();
    let bytes = UpgradeableLoaderState::size_of_buffer(program.code.len());
    let written = match connection.account(&address).await? {
        Some(account) if account.owner == bpf_loader_upgradeable::ID && account.data.len() == bytes => account.data,
        Some(account) => {
            let reason = format!("its buffer is an account of {}", account.owner);
            return Err(Error::NotAProgram { address, reason });
        }
        None => {
            let rent = rent(connection, bytes).await?;
            let create =
                instruction::create_buffer(&payer, &address, &payer, rent, program.code.len()).map_err(|error| {
                    Error::NotAProgram {
                        address,
                        reason: error.to_string(),
                    }
                })?;
            sender
                .send_unless(
                    || async { Ok(connection.account(&address).await?.is_some()) },
                    &create,
                    &[&buffer],
                )
                .await?;
            vec![0; bytes]
        }
    };
    let written = &written[UpgradeableLoaderState::size_of_buffer_metadata()..];
    Ok(missing_chunks(&program.code, written)
        .map(|(offset, chunk)| vec![instruction::write(&address, &payer, offset, chunk.to_vec())])
        .collect())
}

/// Chunks of the code that differ from what is written, with their offsets.
fn missing_chunks<'a>(code: &'a [u8], written: &'a [u8]) -> impl Iterator<Item = (u32, &'a [u8])> {
    code.chunks(CHUNK_BYTES)
        .zip(written.chunks(CHUNK_BYTES))
        .enumerate()
        .filter(|(_, (chunk, written))| chunk != written)
        .map(|(index, (chunk, _))| ((index * CHUNK_BYTES) as u32, chunk))
}

/// Turns the filled buffer into the program: the slot in which it happened.
async fn install(sender: &Sender, program: &Program, change: Change) -> Result<u64, Error> {
    let (payer, connection) = (sender.payer_address(), sender.connection());
    let address = program.keypair.pubkey();
    let buffer = buffer_keypair(sender.payer(), program).pubkey();
    if change == Change::Upgraded {
        extend(sender, program).await?;
        let upgrade = instruction::upgrade(&address, &buffer, &payer, &payer, true);
        return Ok(sender.send(&[upgrade], &[]).await?.slot);
    }
    let rent = rent(connection, UpgradeableLoaderState::size_of_program()).await?;
    let max_bytes = program.max_bytes.max(program.code.len());
    let deploy = instruction::deploy_with_max_program_len(&payer, &address, &buffer, &payer, rent, max_bytes, true)
        .map_err(|error| Error::NotAProgram {
            address,
            reason: error.to_string(),
        })?;
    Ok(sender.send(&deploy, &[&program.keypair]).await?.slot)
}

/// Makes room if the new code is longer than what was reserved.
async fn extend(sender: &Sender, program: &Program) -> Result<(), Error> {
    let address = program.keypair.pubkey();
    let data_address = get_program_data_address(&address);
    let reserved = sender
        .connection()
        .account(&data_address)
        .await?
        .map_or(0, |account| account.data.len());
    let needed = UpgradeableLoaderState::size_of_programdata(program.code.len());
    if let Some(missing) = needed.checked_sub(reserved).filter(|missing| *missing > 0) {
        let bytes = u32::try_from(missing)
            .unwrap_or(u32::MAX)
            .max(MINIMUM_EXTEND_PROGRAM_BYTES);
        let extend = instruction::extend_program(&address, Some(&sender.payer_address()), bytes);
        let landed = sender.send(&[extend], &[]).await?;
        // The loader refuses to change a program twice in one slot.
        wait_for_slot_after(sender.connection(), landed.slot).await?;
    }
    Ok(())
}

async fn rent(connection: &Connection, bytes: usize) -> Result<u64, Error> {
    Ok(connection.rent(bytes).await?)
}

async fn wait_for_slot_after(connection: &Connection, slot: u64) -> Result<(), Error> {
    while connection.slot().await? <= slot {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program_data(authority: Option<Address>, code: &[u8]) -> Vec<u8> {
        let mut data = 3u32.to_le_bytes().to_vec();
        data.extend(77u64.to_le_bytes());
        data.push(u8::from(authority.is_some()));
        data.extend(authority.unwrap_or_default().to_bytes());
        data.extend(code);
        data
    }

    #[test]
    fn the_same_code_is_recognised_whatever_room_was_reserved() {
        let authority = Address::new_from_array([7; 32]);
        let data = program_data(Some(authority), &[1, 2, 3, 0, 0]);
        let deployed = DeployedCode::parse(&data).unwrap_or_else(|| panic!("valid"));
        assert_eq!(deployed.authority, Some(authority));
        assert!(deployed.is(&[1, 2, 3]));
        assert!(!deployed.is(&[1, 2]));
        assert!(!deployed.is(&[1, 2, 3, 0, 0, 0]));
        let frozen = program_data(None, &[1]);
        assert_eq!(
            DeployedCode::parse(&frozen).and_then(|deployed| deployed.authority),
            None
        );
        assert!(DeployedCode::parse(&data[..40]).is_none());
        assert!(DeployedCode::parse(&[0; 100]).is_none());
    }

    #[test]
    fn only_what_is_missing_is_written() {
        let code: Vec<u8> = (0..CHUNK_BYTES * 3 + 17).map(|index| (index % 251) as u8 + 1).collect();
        let mut written = vec![0; code.len()];
        assert_eq!(missing_chunks(&code, &written).count(), 4);
        written[..CHUNK_BYTES].copy_from_slice(&code[..CHUNK_BYTES]);
        let last = CHUNK_BYTES * 3;
        written[last..].copy_from_slice(&code[last..]);
        let offsets: Vec<u32> = missing_chunks(&code, &written).map(|(offset, _)| offset).collect();
        assert_eq!(offsets, [CHUNK_BYTES as u32, CHUNK_BYTES as u32 * 2]);
    }

    #[test]
    fn a_buffer_is_found_again_by_its_deployer_only() {
        let program = |code: u8| Program {
            name: "p".into(),
            keypair: Keypair::new_from_array([1; 32]),
            code: vec![code],
            max_bytes: 1,
        };
        let (alice, bob) = (Keypair::new_from_array([2; 32]), Keypair::new_from_array([3; 32]));
        let address = |payer: &Keypair, code| buffer_keypair(payer, &program(code)).pubkey();
        assert_eq!(address(&alice, 1), address(&alice, 1));
        assert_ne!(address(&alice, 1), address(&bob, 1));
        assert_ne!(address(&alice, 1), address(&alice, 2));
    }
}
