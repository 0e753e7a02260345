//! Rows of the table of compute units.
//!
//! A test measures with [`measure`]. When the variable `LUMORA_CU_LOG` names a file, each row is appended to it as a line
//! of JSON; `cargo xtask bench cu` collects them.

use std::{fs::OpenOptions, io::Write};

use serde::Serialize;

use crate::{Sent, world::program_file};

/// One row.
#[derive(Serialize)]
struct Row<'a> {
    program: &'a str,
    instruction: &'a str,
    case: &'a str,
    cu: u64,
    tx_bytes: usize,
    writable_accounts: usize,
    rent_lamports: u64,
    so_bytes: u64,
}

/// Records what one instruction cost, alone in its transaction but for what it needs there, and asserts its ceiling.
pub fn measure(program: &str, instruction: &str, case: &str, sent: &Sent, ceiling: u64) {
    let row = Row {
        program,
        instruction,
        case,
        cu: sent.compute_units,
        tx_bytes: sent.transaction_bytes,
        writable_accounts: sent.writable_accounts,
        rent_lamports: sent.rent_lamports,
        so_bytes: std::fs::metadata(program_file(program))
            .expect("the program was built")
            .len(),
    };
    let line = serde_json::to_string(&row).expect("a row of numbers and names is JSON");
    println!("{line}");
    if let Some(path) = std::env::var_os("LUMORA_CU_LOG") {
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .expect("the log can be opened");
        // In one piece: tests write at the same time, and what is appended in two may have another's line in between.
        file.write_all(format!("{line}\n").as_bytes())
            .expect("the log can be written");
    }
    assert!(
        sent.compute_units <= ceiling,
        "{program}.{instruction} ({case}) used {} compute units, more than its ceiling of {ceiling}",
        sent.compute_units
    );
}
