//! Program `market`: listings, purchases, verified key delivery, ratings.

use crate::Address;

/// Address of the program.
pub const ID: Address = Address::from_str_const("3g7RK3C6VCkQ7KERzk1EquRgXoYtGBvawxT6P2fqM3LA");
