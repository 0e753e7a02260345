//! Errors of this program, as the interface lists them.

lumora_interface::bandwidth_errors!(lumora_interface::program_error);
