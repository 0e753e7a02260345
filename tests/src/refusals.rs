//! Which constraint of which instruction was seen to refuse, and in which test.
//!
//! When the variable `LUMORA_REFUSALS` names a file, every refusal that a test asserts is appended to it as a line of
//! JSON; `cargo xtask refusals` makes the table and names the errors that no test has seen.

use std::{fs::OpenOptions, io::Write};

use lumora_interface::{bandwidth, market, registry, rewards, tasks};
use serde::Serialize;
use solana_instruction::Instruction;

/// One refusal.
#[derive(Serialize)]
struct Refusal<'a> {
    program: &'a str,
    instruction: &'a str,
    error: &'a str,
    test: &'a str,
}

/// Records that the last of `instructions` that is one of ours was refused with `code`.
pub(crate) fn record(instructions: &[Instruction], code: u32) {
    let Some(path) = std::env::var_os("LUMORA_REFUSALS") else {
        return;
    };
    let thread = std::thread::current();
    let Some(refusal) = instructions
        .iter()
        .rev()
        .find_map(|instruction| name(instruction, code))
        .map(|(program, instruction, error)| Refusal {
            program,
            instruction,
            error,
            test: thread.name().unwrap_or("?"),
        })
    else {
        return;
    };
    let mut line = serde_json::to_vec(&refusal).expect("plain data");
    line.push(b'\n');
    // One write of one line: tests run side by side.
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(&path)
        .and_then(|mut file| file.write_all(&line))
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

/// Names of the program, the instruction and the error.
fn name(instruction: &Instruction, code: u32) -> Option<(&'static str, &'static str, &'static str)> {
    macro_rules! programs {
        ($($module:ident: $error:ident),+) => {$(
            if instruction.program_id == $module::ID {
                let number = instruction.data.first()?;
                let (_, name) = $module::instruction::NAMES.iter().find(|(known, _)| known == number)?;
                return Some((stringify!($module), name, $module::$error::from_code(code)?.name()));
            }
        )+};
    }
    programs!(registry: RegistryError, bandwidth: BandwidthError, rewards: RewardsError, tasks: TasksError, market: MarketError);
    None
}
