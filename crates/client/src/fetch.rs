//! Reading accounts as their types: owner, discriminator and size are checked before a field is believed.

use {
    crate::{Connection, Error},
    lumora_interface::{Account, AccountError},
    serde_json::json,
    solana_account::Account as ChainAccount,
    solana_account_decoder_client_types::UiAccountEncoding,
    solana_address::Address,
    solana_commitment_config::CommitmentConfig,
    solana_rpc_client_api::{
        config::{RpcAccountInfoConfig, RpcProgramAccountsConfig},
        filter::{Memcmp, RpcFilterType},
        request::RpcRequest,
        response::{Response, RpcKeyedAccount},
    },
    std::any::type_name,
};

/// What one request for several accounts may ask for; the limit is that of the RPC nodes.
const ACCOUNTS_PER_REQUEST: usize = 100;

/// Keeps accounts whose data holds these bytes at this place.
#[derive(Clone, Debug)]
pub struct Filter {
    /// Bytes from the start of the account data, the eight of the discriminator included.
    pub offset: usize,
    pub bytes: Vec<u8>,
}

impl Filter {
    /// `offset` as `offset_of!(Node, owner)` gives it, without the discriminator.
    pub fn field(offset: usize, bytes: impl AsRef<[u8]>) -> Self {
        Self {
            offset: 8 + offset,
            bytes: bytes.as_ref().to_vec(),
        }
    }
}

impl Connection {
    /// Reads an account that must exist.
    pub async fn fetch<T: Account>(&self, address: &Address) -> Result<T, Error> {
        self.fetch_optional(address).await?.ok_or(Error::NotFound {
            kind: kind::<T>(),
            address: *address,
        })
    }

    /// Reads an account that may not exist (yet).
    pub async fn fetch_optional<T: Account>(&self, address: &Address) -> Result<Option<T>, Error> {
        self.account(address)
            .await?
            .map(|account| decode(address, &account))
            .transpose()
    }

    /// Reads several accounts; the answer is in the order of the addresses.
    pub async fn fetch_many<T: Account>(&self, addresses: &[Address]) -> Result<Vec<Option<T>>, Error> {
        let mut found = Vec::with_capacity(addresses.len());
        for chunk in addresses.chunks(ACCOUNTS_PER_REQUEST) {
            let accounts = self
                .read("reading accounts", || async {
                    Ok(self
                        .rpc()
                        .get_multiple_accounts_with_commitment(chunk, CommitmentConfig::confirmed())
                        .await?
                        .value)
                })
                .await?;
            for (address, account) in chunk.iter().zip(accounts) {
                found.push(account.map(|account| decode(address, &account)).transpose()?);
            }
        }
        Ok(found)
    }

    /// Reads every account of a type that passes the filters, ordered by address.
    pub async fn fetch_all<T: Account>(&self, filters: &[Filter]) -> Result<Vec<(Address, T)>, Error> {
        let mut found = self
            .read("listing accounts", || {
                self.rpc()
                    .get_program_ui_accounts_with_config(&T::OWNER, program_accounts_config::<T>(filters))
            })
            .await?
            .into_iter()
            .map(|(address, account)| {
                let account = account
                    .to_account()
                    .ok_or_else(|| wrong::<T>(&address, "its data was cut off"))?;
                Ok((address, decode(&address, &account)?))
            })
            .collect::<Result<Vec<(Address, T)>, Error>>()?;
        found.sort_unstable_by_key(|(address, _)| *address);
        Ok(found)
    }

    /// Reads an account as bytes, whatever it is.
    pub async fn account(&self, address: &Address) -> Result<Option<ChainAccount>, Error> {
        self.read("reading an account", || async {
            Ok(self
                .rpc()
                .get_account_with_commitment(address, CommitmentConfig::confirmed())
                .await?
                .value)
        })
        .await
    }

    /// Every account that a program owns, as bytes, and the slot that they are of.
    pub async fn accounts_of(&self, program: &Address) -> Result<(u64, Vec<(Address, ChainAccount)>), Error> {
        let config = json!([program.to_string(), {
            "encoding": "base64", "commitment": "confirmed", "withContext": true,
        }]);
        let answer: Response<Vec<RpcKeyedAccount>> = self
            .read("listing a program's accounts", || {
                self.rpc().send(RpcRequest::GetProgramAccounts, config.clone())
            })
            .await?;
        let read = |keyed: RpcKeyedAccount| Some((keyed.pubkey.parse().ok()?, keyed.account.to_account()?));
        let accounts = answer.value.into_iter().map(|keyed| {
            read(keyed).ok_or_else(|| Error::Unexpected(format!("the node's list of accounts of {program}")))
        });
        Ok((answer.context.slot, accounts.collect::<Result<_, _>>()?))
    }

    /// Reads several accounts as bytes, from no slot before `at_least`; the answer is in the order of the addresses. Where
    /// it takes several requests, the slot is that of the oldest answer.
    pub async fn accounts_at(
        &self,
        addresses: &[Address],
        at_least: u64,
    ) -> Result<(u64, Vec<Option<ChainAccount>>), Error> {
        let config = RpcAccountInfoConfig {
            min_context_slot: Some(at_least),
            ..account_config()
        };
        let mut slot = None;
        let mut found = Vec::with_capacity(addresses.len());
        for chunk in addresses.chunks(ACCOUNTS_PER_REQUEST) {
            let answer = self
                .read("reading accounts", || {
                    self.rpc().get_multiple_ui_accounts_with_config(chunk, config.clone())
                })
                .await?;
            slot = Some(slot.map_or(answer.context.slot, |slot: u64| slot.min(answer.context.slot)));
            for account in answer.value {
                let account = account.map(|account| {
                    let whole = account.to_account();
                    whole.ok_or_else(|| Error::Unexpected("the node cut the data of an account off".into()))
                });
                found.push(account.transpose()?);
            }
        }
        Ok((slot.unwrap_or(at_least), found))
    }

    /// Lamports that an address holds.
    pub async fn balance(&self, address: &Address) -> Result<u64, Error> {
        self.read("reading a balance", || self.rpc().get_balance(address)).await
    }

    /// Lamports that an account of so many bytes must hold.
    pub async fn rent(&self, bytes: usize) -> Result<u64, Error> {
        self.read("reading the rent", || {
            self.rpc().get_minimum_balance_for_rent_exemption(bytes)
        })
        .await
    }

    /// The latest confirmed slot.
    pub async fn slot(&self) -> Result<u64, Error> {
        self.read("reading the slot", || self.rpc().get_slot()).await
    }

    /// The chain's clock in Unix seconds: what every deadline is compared with. It may differ from this machine's.
    pub async fn unix_timestamp(&self) -> Result<i64, Error> {
        /// Offset of `unix_timestamp` in the clock sysvar: slot, epoch start, epoch, leader schedule epoch come first.
        const OFFSET: usize = 32;
        let address = solana_sdk_ids::sysvar::clock::ID;
        let account = self
            .account(&address)
            .await?
            .ok_or(Error::NotFound { kind: "clock", address })?;
        account
            .data
            .get(OFFSET..OFFSET + 8)
            .and_then(|bytes| bytes.try_into().ok())
            .map(i64::from_le_bytes)
            .ok_or_else(|| Error::Unexpected("the clock sysvar is shorter than 40 bytes".into()))
    }
}

/// The request for every account of a type; also what a subscription asks for.
pub(crate) fn program_accounts_config<T: Account>(filters: &[Filter]) -> RpcProgramAccountsConfig {
    let of_type = Filter {
        offset: 0,
        bytes: T::DISCRIMINATOR.to_vec(),
    };
    let filters = std::iter::once(&of_type)
        .chain(filters)
        .map(|filter| RpcFilterType::Memcmp(Memcmp::new_base58_encoded(filter.offset, &filter.bytes)))
        .collect();
    RpcProgramAccountsConfig {
        filters: Some(filters),
        account_config: account_config(),
        ..Default::default()
    }
}

pub(crate) fn account_config() -> RpcAccountInfoConfig {
    RpcAccountInfoConfig {
        encoding: Some(UiAccountEncoding::Base64),
        commitment: Some(CommitmentConfig::confirmed()),
        ..Default::default()
    }
}

/// Reads an account of the chain as a type.
pub(crate) fn decode<T: Account>(address: &Address, account: &ChainAccount) -> Result<T, Error> {
    T::from_account(&account.owner, &account.data)
        .map_err(|error: AccountError| wrong::<T>(address, &error.to_string()))
}

fn wrong<T>(address: &Address, reason: &str) -> Error {
    Error::WrongAccount {
        kind: kind::<T>(),
        address: *address,
        reason: reason.to_owned(),
    }
}

/// `Node` for `lumora_interface::registry::node::Node`.
pub(crate) fn kind<T>() -> &'static str {
    let name = type_name::<T>();
    name.rsplit("::").next().unwrap_or(name)
}
