//! The toolchain that compiles the programs: whatever a program computes on chain must be what the host computes.
//!
//! The conformance program and this test share their source, compiled for sBPF and for the host. What is compared is what
//! a back end, its linker and the edited standard library can get wrong: 128-bit and checked arithmetic, faults, calls
//! with many arguments, memory, events and the curve system calls.
#![allow(clippy::unwrap_used)]

use std::{collections::BTreeSet, path::Path};

use base64::{Engine, prelude::BASE64_STANDARD};
use curve25519_dalek::{
    constants::RISTRETTO_BASEPOINT_POINT,
    ristretto::{CompressedRistretto, RistrettoPoint},
    scalar::Scalar,
    traits::Identity,
};
use litesvm::{
    LiteSVM,
    types::{FailedTransactionMetadata, TransactionMetadata},
};
use lumora_conformance::{calls, event, fault, instruction, integer, memory};
use solana_instruction::{AccountMeta, Instruction};
use solana_keypair::Keypair;
use solana_message::Message;
use solana_signer::Signer;
use solana_transaction::Transaction;

/// A chain with the conformance program on it. Signatures are not checked and transactions may repeat: neither matters
/// here, and it saves time.
struct Chain {
    svm: LiteSVM,
    caller: Keypair,
}

impl Chain {
    fn new() -> Self {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/deploy/lumora_conformance.so");
        let program = std::fs::read(&file)
            .unwrap_or_else(|error| panic!("{}: {error}; `cargo xtask build-sbf` makes it", file.display()));
        let mut svm = LiteSVM::new()
            .with_sigverify(false)
            .with_blockhash_check(false)
            .with_transaction_history(0);
        svm.add_program(lumora_conformance::ID, &program).unwrap();
        let caller = Keypair::new();
        svm.airdrop(&caller.pubkey(), 1_000_000_000_000).unwrap();
        Self { svm, caller }
    }

    fn send(&mut self, data: Vec<u8>) -> Result<TransactionMetadata, Box<FailedTransactionMetadata>> {
        // The compute budget's second instruction sets the limit of the transaction: here, the highest there is.
        let limit = Instruction {
            program_id: "ComputeBudget111111111111111111111111111111".parse().unwrap(),
            accounts: Vec::new(),
            data: [&[2][..], &1_400_000u32.to_le_bytes()].concat(),
        };
        let call = Instruction {
            program_id: lumora_conformance::ID,
            accounts: vec![AccountMeta::new_readonly(self.caller.pubkey(), true)],
            data,
        };
        let message = Message::new(&[limit, call], Some(&self.caller.pubkey()));
        let transaction = Transaction::new(&[&self.caller], message, self.svm.latest_blockhash());
        self.svm.send_transaction(transaction).map_err(Box::new)
    }

    fn answer(&mut self, what: &str, data: Vec<u8>) -> Vec<u8> {
        match self.send(data) {
            Ok(done) => done.return_data.data,
            Err(failed) => panic!("{what}: {:?}\n{}", failed.err, failed.meta.pretty_logs()),
        }
    }
}

/// An instruction's data as the program's own client builds it.
fn data(instruction: impl anchor_lang::InstructionData) -> Vec<u8> {
    instruction.data()
}

/// A sequence of numbers that is the same in every run (SplitMix64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn wide(&mut self) -> u128 {
        u128::from(self.next()) << 64 | u128::from(self.next())
    }

    fn bytes(&mut self) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes[..16].copy_from_slice(&self.wide().to_le_bytes());
        bytes[16..].copy_from_slice(&self.wide().to_le_bytes());
        bytes
    }
}

/// Zero, one, the extremes, and powers of two with their neighbours, for a type of so many bits.
fn edges(bits: u32) -> Vec<u128> {
    let mut values = BTreeSet::new();
    let width = u128::MAX >> (128 - bits);
    let mut exponents: Vec<u32> = vec![1, 2, 7, 8, 15, 16, 31, 32, 33, 47, 62, 63, 64, 65, 95, 96, 97, 126, 127];
    exponents.retain(|exponent| *exponent < bits);
    for power in exponents
        .into_iter()
        .map(|exponent| 1u128 << exponent)
        .chain([0, 10_000, 1_000_000])
    {
        for value in [
            power.wrapping_sub(1),
            power,
            power.wrapping_add(1),
            power.wrapping_neg(),
        ] {
            values.insert(value & width);
        }
    }
    values.into_iter().collect()
}

fn compare_integers(chain: &mut Chain, kind: u8, left: u128, right: u128) {
    let name = integer::KINDS[usize::from(kind)];
    let on_chain = chain.answer(
        &format!("{name} {left:#x} {right:#x}"),
        data(instruction::Integer { kind, left, right }),
    );
    let on_host = integer::evaluate(kind, left, right);
    assert_eq!(on_chain.len(), on_host.as_bytes().len(), "{name}");
    let entries = on_chain
        .chunks(integer::Answer::ENTRY)
        .zip(on_host.as_bytes().chunks(integer::Answer::ENTRY));
    for ((chain, host), operation) in entries.zip(integer::OPERATIONS) {
        assert_eq!(chain, host, "{name} {operation} of {left:#x} and {right:#x}");
    }
}

#[test]
fn an_answer_names_all_operations() {
    for kind in 0..integer::KINDS.len() as u8 {
        let bytes = integer::evaluate(kind, 5, 3).as_bytes().len();
        assert_eq!(bytes, integer::OPERATIONS.len() * integer::Answer::ENTRY);
        assert!(bytes <= integer::Answer::CAPACITY);
    }
}

fn check_integers(kinds: std::ops::Range<u8>) {
    let mut chain = Chain::new();
    let mut numbers = Numbers(7);
    for kind in kinds {
        let bits = [8, 8, 16, 16, 32, 32, 64, 64, 128, 128][usize::from(kind)];
        let edges = edges(bits);
        for left in &edges {
            for right in &edges {
                compare_integers(&mut chain, kind, *left, *right);
            }
        }
        for _ in 0..200 {
            // Operands of every length, so that quotients are of every length.
            let left = numbers.wide() >> (numbers.next() % 128);
            let right = numbers.wide() >> (numbers.next() % 128);
            compare_integers(&mut chain, kind, left, right);
        }
    }
}

#[test]
fn integers_up_to_32_bits_agree() {
    check_integers(0..6);
}

#[test]
fn integers_of_64_bits_agree() {
    check_integers(6..8);
}

#[test]
fn integers_of_128_bits_agree() {
    check_integers(8..10);
}

/// Per fault: operands that are fine, and operands that are not.
fn fault_operands(name: &str) -> [(u128, u128); 2] {
    let (max_u64, max_i64, min_i64) = (u64::MAX as u128, i64::MAX as u128, i64::MIN as u128);
    let (max_i128, min_i128) = (i128::MAX as u128, i128::MIN as u128);
    match name {
        "u64 add" => [(max_u64 - 1, 1), (max_u64, 1)],
        "u64 sub" => [(1, 1), (1, 2)],
        "u64 mul" => [(1 << 32, (1 << 32) - 1), (1 << 32, 1 << 32)],
        "u64 div" | "u64 rem" | "u128 div" | "u128 rem" => [(100, 7), (100, 0)],
        "u64 shl" => [(1, 63), (1, 64)],
        "i64 add" => [(max_i64 - 1, 1), (max_i64, 1)],
        "i64 sub" => [(min_i64 + 1, 1), (min_i64, 1)],
        "i64 mul" => [(max_i64, u128::MAX), (min_i64, u128::MAX)],
        "i64 div" => [(max_i64, u128::MAX), (min_i64, u128::MAX)],
        "i64 neg" => [(max_i64, 0), (min_i64, 0)],
        "u128 add" => [(u128::MAX - 1, 1), (u128::MAX, 1)],
        "u128 sub" => [(1 << 64, 1), (1, 1 << 64)],
        "u128 mul" => [(1 << 64, (1 << 64) - 1), (1 << 64, 1 << 64)],
        "i128 add" => [(max_i128 - 1, 1), (max_i128, 1)],
        "i128 sub" => [(min_i128 + 1, 1), (min_i128, 1)],
        "i128 mul" => [(max_i128, u128::MAX), (min_i128, u128::MAX)],
        "i128 div" => [(max_i128, u128::MAX), (min_i128, u128::MAX)],
        "u32 mul" => [(65_535, 65_537), (65_536, 65_536)],
        "u8 add" => [(200, 55), (200, 56)],
        "index" => [(3, 0), (4, 0)],
        "unwrap of None" => [(9, 9), (9, 10)],
        "explicit panic" => [(1, 2), (2, 1)],
        "heap exhausted" => [(1_000, 999), (1_000_000, 0)],
        other => panic!("no operands for {other}"),
    }
}

#[test]
fn faults_abort_and_nothing_else_does() {
    let mut chain = Chain::new();
    for (number, name) in (0u8..).zip(fault::FAULTS) {
        let [(left, right), bad] = fault_operands(name);
        let on_chain = chain.answer(
            name,
            data(instruction::Fault {
                fault: number,
                left,
                right,
            }),
        );
        assert_eq!(
            on_chain,
            fault::run(number, left, right).to_le_bytes(),
            "{name} of {left} and {right}"
        );

        let (left, right) = bad;
        if name != "heap exhausted" {
            let host = std::panic::catch_unwind(|| fault::run(number, left, right));
            assert!(host.is_err(), "{name}: the operands do not fail on the host either");
        }
        let failed = chain.send(data(instruction::Fault {
            fault: number,
            left,
            right,
        }));
        let failed = failed
            .err()
            .unwrap_or_else(|| panic!("{name} of {left} and {right} went through"));
        let logs = failed.meta.logs.join("\n");
        assert!(
            logs.contains("** PANICKED **"),
            "{name} failed otherwise than by a panic: {:?}\n{logs}",
            failed.err
        );
    }
}

#[test]
fn calls_with_many_arguments_agree() {
    let mut chain = Chain::new();
    let mut numbers = Numbers(11);
    for seed in (0..8).chain([u64::MAX, 1 << 63]).chain((0..40).map(|_| numbers.next())) {
        for rare in [false, true] {
            let on_chain = chain.answer("calls", data(instruction::Calls { seed, rare }));
            assert_eq!(on_chain, calls::run(seed, rare), "seed {seed}, rare {rare}");
        }
    }
}

#[test]
fn memory_agrees() {
    let mut chain = Chain::new();
    let mut numbers = Numbers(13);
    for size in [0u16, 1, 2, 20, 33, 64, 150] {
        for seed in (0..4).chain([u64::MAX, 1 << 63]).chain((0..12).map(|_| numbers.next())) {
            let mut on_chain = chain.answer(
                &format!("memory {seed} {size}"),
                data(instruction::Memory { seed, size }),
            );
            let on_host = memory::run(seed, size);
            on_chain.resize(on_host.len(), 0);
            assert_eq!(on_chain, on_host, "seed {seed}, size {size}");
        }
    }
}

#[test]
fn events_arrive_as_the_host_encodes_them() {
    let mut chain = Chain::new();
    for (amount, wide) in [
        (0, 0),
        (1, u128::MAX),
        (u64::MAX, 1 << 64),
        (123_456_789, 987_654_321_987_654_321),
    ] {
        let done = chain.send(data(instruction::Events { amount, wide })).unwrap();
        let logged: Vec<Vec<u8>> = done
            .logs
            .iter()
            .filter_map(|line| line.strip_prefix("Program data: "))
            .map(|text| BASE64_STANDARD.decode(text).unwrap())
            .collect();
        let expected = vec![
            anchor_lang::Event::data(&event::Borsh::new(amount, wide)),
            anchor_lang::Event::data(&event::Plain::new(amount)),
        ];
        assert_eq!(logged, expected);
    }
}

#[test]
fn points_multiply_as_in_the_library() {
    let mut chain = Chain::new();
    let mut numbers = Numbers(17);
    let mut scalars = vec![Scalar::ZERO, Scalar::ONE, -Scalar::ONE];
    let mut points = vec![RistrettoPoint::identity(), RISTRETTO_BASEPOINT_POINT];
    for _ in 0..5 {
        scalars.push(Scalar::from_bytes_mod_order(numbers.bytes()));
        points.push(RistrettoPoint::mul_base(&Scalar::from_bytes_mod_order(numbers.bytes())));
    }
    for i in 0..scalars.len() {
        for j in 0..points.len() {
            let (s, t) = (scalars[i], scalars[(i + j) % scalars.len()]);
            let (p, q) = (points[j], points[(i + 2 * j) % points.len()]);
            let on_chain = chain.answer(
                "multiply",
                data(instruction::MultiplyPoints {
                    scalars: [s.to_bytes(), t.to_bytes()],
                    points: [p.compress().to_bytes(), q.compress().to_bytes()],
                }),
            );
            assert_eq!(
                on_chain,
                (s * p + t * q).compress().to_bytes(),
                "scalars {i}, points {j}"
            );
        }
    }
    // A point that is none, and a scalar that is not reduced.
    let base = RISTRETTO_BASEPOINT_POINT.compress().to_bytes();
    for (scalars, points) in [([[1; 32]; 2], [base, [0xFF; 32]]), ([[0xFF; 32]; 2], [base, base])] {
        let refused = chain.answer("multiply", data(instruction::MultiplyPoints { scalars, points }));
        assert!(refused.is_empty(), "{scalars:?} {points:?}");
    }
}

#[test]
fn points_are_valid_as_in_the_library() {
    let mut chain = Chain::new();
    let mut numbers = Numbers(19);
    let mut candidates: Vec<[u8; 32]> = vec![
        [0; 32],
        [0xFF; 32],
        [1; 32],
        RISTRETTO_BASEPOINT_POINT.compress().to_bytes(),
    ];
    for _ in 0..30 {
        candidates.push(
            RistrettoPoint::mul_base(&Scalar::from_bytes_mod_order(numbers.bytes()))
                .compress()
                .to_bytes(),
        );
        candidates.push(numbers.bytes());
    }
    let mut valid = 0;
    for point in candidates {
        let on_chain = chain.answer("validate", data(instruction::ValidatePoint { point }));
        let expected = CompressedRistretto(point).decompress().is_some();
        assert_eq!(on_chain.first() == Some(&1), expected, "{point:?}");
        valid += u32::from(expected);
    }
    assert!((32..60).contains(&valid), "{valid} of the candidates are points");
}
