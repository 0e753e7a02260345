//! Errors of this program, as the interface lists them.

lumora_interface::rewards_errors!(lumora_interface::program_error);
