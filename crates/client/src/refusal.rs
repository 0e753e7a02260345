//! Why a transaction was refused, in words: which program, which of its rules, and what to do.

use {
    lumora_interface::{
        Address, bandwidth::BandwidthError, market::MarketError, registry::RegistryError, rewards::RewardsError,
        tasks::TasksError,
    },
    solana_instruction::{Instruction, error::InstructionError},
    solana_transaction_error::TransactionError,
    std::fmt,
};

/// A rejected transaction. `Display` is one sentence for a person.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// The program that refused, unless the runtime did before any ran. With a call inside a call: the innermost.
    pub program: Option<Address>,
    /// Which of the passed instructions failed, counted from zero.
    pub instruction: Option<usize>,
    /// The error's name as in the IDL, for instance `NotYetAllowed`; for others the runtime's name.
    pub name: String,
    /// The custom error code, if the program gave one.
    pub code: Option<u32>,
    /// What happened and what to do about it.
    pub sentence: String,
    /// What the programs logged.
    pub logs: Vec<String>,
}

impl Refusal {
    /// Decodes the runtime's error. `instructions` are those of the message, of which the first `added` were put in front
    /// by the sender and are not the caller's.
    pub(crate) fn decode(
        error: &TransactionError,
        instructions: &[Instruction],
        added: usize,
        logs: Vec<String>,
        payer: &Address,
    ) -> Self {
        let TransactionError::InstructionError(index, cause) = error else {
            let name = variant_name(error);
            return Self {
                program: None,
                instruction: None,
                name,
                code: None,
                sentence: runtime_sentence(error, payer),
                logs,
            };
        };
        let index = usize::from(*index);
        let called = instructions.get(index).map(|instruction| instruction.program_id);
        let program = innermost_failure(&logs).or(called);
        let (name, code, sentence) = match cause {
            InstructionError::Custom(code) => {
                let (name, sentence) = custom(program.as_ref(), *code);
                (name, Some(*code), sentence)
            }
            other => (variant_name(other), None, builtin_sentence(other)),
        };
        Self {
            program,
            instruction: index.checked_sub(added),
            name,
            code,
            sentence,
            logs,
        }
    }

    /// `registry` for the registry's address, the address itself for a program that is not known.
    pub fn program_name(&self) -> String {
        self.program
            .map_or_else(|| "network".to_owned(), |program| program_name(&program))
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, sentence, .. } = self;
        match self.program {
            Some(_) => write!(formatter, "{} program: {sentence} ({name}", self.program_name())?,
            None => write!(formatter, "{sentence} ({name}")?,
        }
        if let Some(code) = self.code {
            write!(formatter, ", code {code}")?;
        }
        formatter.write_str(")")
    }
}

impl std::error::Error for Refusal {}

/// The first program to fail is the innermost: its callers fail after it, with its error.
fn innermost_failure(logs: &[String]) -> Option<Address> {
    logs.iter().find_map(|line| {
        let (program, rest) = line.strip_prefix("Program ")?.split_once(' ')?;
        rest.starts_with("failed").then(|| program.parse().ok())?
    })
}

fn program_name(program: &Address) -> String {
    let known = [
        (lumora_interface::registry::ID, "registry"),
        (lumora_interface::bandwidth::ID, "bandwidth"),
        (lumora_interface::rewards::ID, "rewards"),
        (lumora_interface::tasks::ID, "tasks"),
        (lumora_interface::market::ID, "market"),
        (crate::token::TOKEN_PROGRAM, "token"),
        (crate::token::ASSOCIATED_TOKEN_PROGRAM, "associated token"),
        (solana_sdk_ids::system_program::ID, "system"),
        (solana_sdk_ids::bpf_loader_upgradeable::ID, "loader"),
        (solana_sdk_ids::ed25519_program::ID, "ed25519"),
    ];
    known
        .iter()
        .find(|(address, _)| address == program)
        .map_or_else(|| program.to_string(), |(_, name)| (*name).to_owned())
}

/// Name and sentence of a custom code, by the program that gave it.
fn custom(program: Option<&Address>, code: u32) -> (String, String) {
    let named = program.and_then(|program| {
        if *program == lumora_interface::registry::ID {
            RegistryError::from_code(code).map(|error| (error.name(), error.message()))
        } else if *program == lumora_interface::bandwidth::ID {
            BandwidthError::from_code(code).map(|error| (error.name(), error.message()))
        } else if *program == lumora_interface::rewards::ID {
            RewardsError::from_code(code).map(|error| (error.name(), error.message()))
        } else if *program == lumora_interface::tasks::ID {
            TasksError::from_code(code).map(|error| (error.name(), error.message()))
        } else if *program == lumora_interface::market::ID {
            MarketError::from_code(code).map(|error| (error.name(), error.message()))
        } else if *program == crate::token::TOKEN_PROGRAM {
            token_error(code)
        } else if *program == solana_sdk_ids::system_program::ID {
            system_error(code)
        } else if *program == solana_sdk_ids::ed25519_program::ID {
            Some((
                "InvalidSignature",
                "A signature does not belong to its key and message: sign the very bytes again",
            ))
        } else {
            None
        }
    });
    let (name, sentence) = named.or_else(|| framework_error(code)).unwrap_or((
        "UnknownError",
        "This error is not known here: the network may run a newer version of the program; update lumora",
    ));
    (name.to_owned(), sentence.to_owned())
}

/// The token program's errors (spl-token-interface, `TokenError`).
fn token_error(code: u32) -> Option<(&'static str, &'static str)> {
    Some(match code {
        0 => (
            "NotRentExempt",
            "The token account would hold too few lamports for its rent: send it more SOL",
        ),
        1 => (
            "InsufficientFunds",
            "The token account holds less LMR than the transfer needs: top it up",
        ),
        2 => ("InvalidMint", "The mint is not valid: pass the network's LMR mint"),
        3 => (
            "MintMismatch",
            "The token account is of another mint: pass one that holds LMR",
        ),
        4 => (
            "OwnerMismatch",
            "The signer does not own the token account: sign with its owner",
        ),
        14 => ("Overflow", "The amount is beyond 64 bits: pass a smaller one"),
        17 => ("AccountFrozen", "The token account is frozen"),
        _ => return None,
    })
}

/// The system program's errors (solana-system-interface, `SystemError`).
fn system_error(code: u32) -> Option<(&'static str, &'static str)> {
    Some(match code {
        0 => (
            "AccountAlreadyInUse",
            "The account exists already: this was done before, or the index is taken",
        ),
        1 => (
            "ResultWithNegativeLamports",
            "The wallet holds too little SOL for the rent of the new account: send it SOL",
        ),
        3 => (
            "InvalidAccountDataLength",
            "The account would be larger than the chain allows",
        ),
        _ => return None,
    })
}

/// The framework's own checks (anchor-lang 2, `ErrorCode`), for the few that reach a client.
fn framework_error(code: u32) -> Option<(&'static str, &'static str)> {
    Some(match code {
        2_000 => (
            "ConstraintMut",
            "An account that the instruction changes was passed as read-only",
        ),
        2_001 => (
            "ConstraintHasOne",
            "An account does not belong to the one it was passed with",
        ),
        2_003 => ("ConstraintRaw", "An account does not meet the instruction's condition"),
        2_005 => ("ConstraintRentExempt", "An account holds too few lamports for its rent"),
        2_007 => ("ConstraintExecutable", "An account that must be a program is none"),
        2_011 => ("ConstraintClose", "An account cannot be closed into itself"),
        2_012 => (
            "ConstraintAddress",
            "An account is not the one that the instruction expects at its place",
        ),
        2_013 => ("ConstraintZero", "An account that must be new holds data"),
        2_019 => (
            "ConstraintSpace",
            "An account has another size than the instruction expects",
        ),
        2_020 => (
            "ConstraintAccountIsNone",
            "An account that the instruction needs was left out",
        ),
        2_040 => (
            "ConstraintDuplicateMutableAccount",
            "The same account was passed twice where two are needed",
        ),
        _ => return None,
    })
}

/// Errors of the runtime while a program ran.
fn builtin_sentence(error: &InstructionError) -> String {
    match error {
        InstructionError::InvalidSeeds => "An address was not derived from the seeds that the program expects".into(),
        InstructionError::MissingRequiredSignature => "A signature is missing: pass the keypair of every signer".into(),
        InstructionError::ComputationalBudgetExceeded => {
            "The transaction needs more computing than one may use: send its instructions in several".into()
        }
        InstructionError::UnsupportedProgramId => {
            "The program is not deployed on this network: run the migrations (`lumora migrate`)".into()
        }
        InstructionError::InvalidAccountOwner | InstructionError::IllegalOwner => {
            "An account belongs to another program: it does not exist yet, or its address is wrong".into()
        }
        other => format!("The runtime stopped the program: {other}"),
    }
}

/// Errors of the runtime before any program ran.
fn runtime_sentence(error: &TransactionError, payer: &Address) -> String {
    match error {
        TransactionError::AccountNotFound | TransactionError::InsufficientFundsForFee => {
            format!("The fee payer {payer} holds no SOL for the fee: send it some (on a local network: an airdrop)")
        }
        TransactionError::InsufficientFundsForRent { .. } => {
            format!("An account would be left with too few lamports for its rent: send {payer} more SOL")
        }
        TransactionError::ProgramAccountNotFound => {
            "A program is not deployed on this network: run the migrations (`lumora migrate`)".into()
        }
        TransactionError::SignatureFailure => "A signature does not verify: sign again with the right keys".into(),
        other => format!("The network did not take the transaction: {other}"),
    }
}

/// `InvalidSeeds` for `InvalidSeeds`, `InsufficientFundsForRent` for `InsufficientFundsForRent { .. }`.
fn variant_name(error: &impl fmt::Debug) -> String {
    let text = format!("{error:?}");
    text.split(|character: char| !character.is_alphanumeric())
        .next()
        .unwrap_or(&text)
        .to_owned()
}

#[cfg(test)]
mod tests {
    use {super::*, lumora_interface::registry};

    fn instructions() -> Vec<Instruction> {
        [solana_sdk_ids::compute_budget::ID, registry::ID]
            .map(|program_id| Instruction {
                program_id,
                accounts: vec![],
                data: vec![],
            })
            .into()
    }

    fn decode(error: TransactionError, logs: &[&str]) -> Refusal {
        let logs = logs.iter().map(|line| (*line).to_owned()).collect();
        Refusal::decode(&error, &instructions(), 1, logs, &Address::new_from_array([9; 32]))
    }

    #[test]
    fn a_program_error_is_named_with_its_sentence() {
        let code = RegistryError::LimitZero.code();
        let refusal = decode(
            TransactionError::InstructionError(1, InstructionError::Custom(code)),
            &[],
        );
        assert_eq!(
            (refusal.name.as_str(), refusal.code, refusal.instruction),
            ("LimitZero", Some(code), Some(0))
        );
        assert_eq!(
            refusal.to_string(),
            format!(
                "registry program: {} (LimitZero, code {code})",
                RegistryError::LimitZero.message()
            )
        );
    }

    #[test]
    fn an_error_of_a_called_program_is_not_taken_for_its_callers() {
        let token = crate::token::TOKEN_PROGRAM;
        let refusal = decode(
            TransactionError::InstructionError(1, InstructionError::Custom(1)),
            &[
                &format!("Program {} invoke [1]", registry::ID),
                &format!("Program {token} invoke [2]"),
                &format!("Program {token} failed: custom program error: 0x1"),
                &format!("Program {} failed: custom program error: 0x1", registry::ID),
            ],
        );
        assert_eq!(refusal.program, Some(token));
        assert_eq!(refusal.name, "InsufficientFunds");
    }

    #[test]
    fn an_empty_wallet_is_told_apart() {
        let refusal = decode(TransactionError::AccountNotFound, &[]);
        assert_eq!((refusal.program, refusal.name.as_str()), (None, "AccountNotFound"));
        assert!(refusal.sentence.contains("holds no SOL"), "{refusal}");
    }

    #[test]
    fn an_unknown_code_says_so() {
        let refusal = decode(
            TransactionError::InstructionError(1, InstructionError::Custom(999_999)),
            &[],
        );
        assert_eq!(refusal.name, "UnknownError");
        assert_eq!(refusal.code, Some(999_999));
    }
}
