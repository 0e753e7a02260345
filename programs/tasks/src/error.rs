//! Why an instruction was refused.

lumora_interface::tasks_errors!(lumora_interface::program_error);
