//! Parse, run, exit code.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::secret_args::EnvSecret;
use crate::cli::{creds_init, demo, serve, volume_create, volume_info};
use crate::crypto::harden_process;
use crate::daemon::take_env_secret;

/// Keeps an end-to-end encrypted volume in any object store and exports it over NFSv3 and WebDAV
#[derive(Debug, Parser)]
#[command(
    name = "sealgate",
    version,
    propagate_version = true,
    arg_required_else_help = true,
    after_long_help = "\
Examples:
  Try it in one minute, on a local directory:
      sealgate demo

  Make an encrypted volume in a bucket and serve it:
      sealgate volume create 's3://bucket/photos?region=eu-central-1' --name photos
      sealgate serve 's3://bucket/photos?region=eu-central-1'

  Start without a person, with the secret in a file:
      sealgate creds init --creds-file creds.toml
      sealgate serve photos --creds-file creds.toml --config sealgate.toml

Exit codes and every promise of this command line: docs/cli-contract.md"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a volume, or look at one
    #[command(subcommand)]
    Volume(VolumeCommand),
    /// Open a volume and serve it over NFSv3 and WebDAV
    Serve(serve::ServeArgs),
    /// Make (or reopen) an encrypted volume in a local directory, serve it, say what to type next
    Demo(demo::DemoArgs),
    /// Write files with credentials
    #[command(subcommand)]
    Creds(CredsCommand),
}

#[derive(Debug, Subcommand)]
enum VolumeCommand {
    /// Make a volume in an empty place
    Create(volume_create::CreateArgs),
    /// Show what the volume header says; needs no secret
    Info(volume_info::InfoArgs),
}

#[derive(Debug, Subcommand)]
enum CredsCommand {
    /// Write a credentials file with a volume secret
    Init(creds_init::InitArgs),
}

/// The program: everything between the first instruction and the exit code.
#[must_use]
pub fn main() -> ExitCode {
    // First of all, while there is one thread and nothing secret in memory.
    harden_process();
    let environment = take_env_secret();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        // Help and version are no errors and go to standard output; clap knows which is which.
        Err(error) => {
            let _ = error.print();
            let usage = error.use_stderr();
            return if usage { Exit::Usage.into() } else { Exit::Ok.into() };
        }
    };
    match run(cli.command, environment) {
        Ok(()) => Exit::Ok.into(),
        Err(failure) => {
            // Nobody is left to be told if standard error is closed; the exit code stays.
            let _ = writeln!(io::stderr(), "{failure}");
            failure.exit.into()
        }
    }
}

fn run(command: Command, environment: EnvSecret) -> Result<(), Failure> {
    match command {
        Command::Volume(VolumeCommand::Create(args)) => volume_create::run(&args, environment),
        Command::Volume(VolumeCommand::Info(args)) => volume_info::run(&args),
        Command::Serve(args) => serve::run(&args, environment),
        Command::Demo(args) => demo::run(&args),
        Command::Creds(CredsCommand::Init(args)) => creds_init::run(&args),
    }
}

/// Runs one command's future to its end.
///
/// # Errors
/// What the future says, or that the operating system gives no threads.
pub(crate) fn block_on<T>(
    future: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::new(Exit::Unexpected, format!("no threads to run on: {e}")))?;
    let result = runtime.block_on(future);
    // Work that outlived the command (a store request that nobody waits for) must not hold it up.
    runtime.shutdown_background();
    result
}

/// Prints one line of results. A reader that went away is no failure of the command.
pub(crate) fn print_line(text: &str) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

/// Prints one note for people.
pub(crate) fn note(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_explains_itself_with_examples() {
        for path in [
            &["volume", "create"][..],
            &["volume", "info"],
            &["serve"],
            &["demo"],
            &["creds", "init"],
        ] {
            let arguments = std::iter::once("sealgate").chain(path.iter().copied());
            let help = Cli::try_parse_from(arguments.chain(["--help"])).unwrap_err();
            assert!(!help.use_stderr());
            assert!(help.to_string().contains("Examples:"), "{path:?}: {help}");
        }
    }

    #[test]
    fn the_secret_is_no_argument() {
        for flag in ["--secret", "--password", "--passphrase"] {
            let parsed = Cli::try_parse_from(["sealgate", "serve", "x", flag, "correct horse"]);
            assert!(parsed.is_err(), "{flag}");
        }
        assert!(Cli::try_parse_from(["sealgate", "serve", "x", "--ro"]).is_ok());
    }
}
