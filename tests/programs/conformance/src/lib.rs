//! A program that exercises what a toolchain can get wrong; tests compare what it answers with what the host computes.
//!
//! The functions are compiled for both: the program calls them with what it was sent, the test with the same on the host.

use anchor_lang::prelude::*;

pub mod calls;
pub mod curve;
pub mod event;
pub mod fault;
pub mod integer;
pub mod memory;

pub use event::{Borsh, Plain};

declare_id!("2it7WinPXkY5afq6WNHnX8SwDJ6tr3tMMT5mTqmBE3Km");

#[derive(Accounts)]
pub struct Caller {
    pub caller: Signer,
}

#[program]
pub mod conformance {
    use super::*;

    /// Every operation of one integer type on two operands; answers with [`integer::Answer`].
    #[discrim = 1]
    pub fn integer(_context: &mut Context<Caller>, kind: u8, left: u128, right: u128) -> Result<()> {
        answer(integer::evaluate(kind, left, right).as_bytes());
        Ok(())
    }

    /// Operators that panic on overflow, and other faults.
    #[discrim = 2]
    pub fn fault(_context: &mut Context<Caller>, fault: u8, left: u128, right: u128) -> Result<()> {
        answer(&fault::run(fault, left, right).to_le_bytes());
        Ok(())
    }

    /// Functions with more arguments than registers, reached directly or by a rarely taken path.
    #[discrim = 3]
    pub fn calls(_context: &mut Context<Caller>, seed: u64, rare: bool) -> Result<()> {
        answer(&calls::run(seed, rare));
        Ok(())
    }

    /// Heap, collections, formatting, tables of functions, copies and comparisons of memory.
    #[discrim = 4]
    pub fn memory(_context: &mut Context<Caller>, seed: u64, size: u16) -> Result<()> {
        answer(&memory::run(seed, size));
        Ok(())
    }

    /// Emits one event of each encoding.
    #[discrim = 5]
    pub fn events(_context: &mut Context<Caller>, amount: u64, wide: u128) -> Result<()> {
        emit!(event::Borsh::new(amount, wide));
        emit!(event::Plain::new(amount));
        Ok(())
    }

    /// `scalar[0] * point[0] + scalar[1] * point[1]` on ristretto255, by the system call.
    #[discrim = 6]
    pub fn multiply_points(
        _context: &mut Context<Caller>,
        scalars: [[u8; 32]; 2],
        points: [[u8; 32]; 2],
    ) -> Result<()> {
        match curve::multiply(&scalars, &points) {
            Some(point) => answer(&point),
            None => answer(&[]),
        }
        Ok(())
    }

    /// Whether the bytes are the encoding of a ristretto255 element.
    #[discrim = 7]
    pub fn validate_point(_context: &mut Context<Caller>, point: [u8; 32]) -> Result<()> {
        answer(&[u8::from(curve::is_valid(&point))]);
        Ok(())
    }
}

fn answer(bytes: &[u8]) {
    anchor_lang::pinocchio::cpi::set_return_data(bytes);
}
