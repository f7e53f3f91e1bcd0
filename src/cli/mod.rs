//! The command line: one file per command, and the exit codes.
//!
//! Owns: arguments, help texts, questions at the terminal, messages for people, exit codes.
//! Guarantees: what docs/cli-contract.md says stays true; results go to standard output, all else
//! to standard error; a secret is never an argument and never shown. Leaves to others: doing it
//! (`daemon`, `volume`).
//!
//! Each command has two stages: what was typed (`...Args`, validated but nothing opened), and what
//! it means together with the environment and the config file (`resolve`).

mod creds_init;
mod demo;
pub mod exit;
mod failure;
mod listen_args;
mod prompt;
mod run;
mod secret_args;
mod serve;
mod store_args;
mod time_text;
mod volume_create;
mod volume_info;

pub use failure::Failure;
pub use run::main;
