//! Program `tasks`: escrowed jobs, assignment without a dispatcher, agreement on results.

use crate::Address;

/// Address of the program.
pub const ID: Address = Address::from_str_const("AfjsVsnH5QYbdYLiJVE2iiNznqNZj6SEsGrCforaM3Wg");
