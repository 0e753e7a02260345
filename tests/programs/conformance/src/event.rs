//! One event of each encoding.

use anchor_lang::prelude::*;

#[event]
pub struct Borsh {
    pub amount: u64,
    pub wide: u128,
    pub text: String,
    pub shares: Vec<u16>,
    pub perhaps: Option<i64>,
}

#[event(bytemuck)]
pub struct Plain {
    pub amount: u64,
    pub share: u16,
    pub bytes: [u8; 6],
}

impl Borsh {
    pub fn new(amount: u64, wide: u128) -> Self {
        Self {
            amount,
            wide,
            text: format!("amount {amount}"),
            shares: vec![amount as u16, (wide >> 64) as u16, 10_000],
            perhaps: amount.is_multiple_of(2).then_some(-(amount as i64 >> 1)),
        }
    }
}

impl Plain {
    pub fn new(amount: u64) -> Self {
        Self {
            amount,
            share: amount as u16 ^ 0x1234,
            bytes: [1, 2, 3, 4, 5, amount as u8],
        }
    }
}
