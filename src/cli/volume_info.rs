//! `sealgate volume info`.

use clap::Args;

use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::run::{block_on, note, print_line};
use crate::cli::store_args::StoreArgs;
use crate::cli::time_text::utc;
use crate::daemon::{DaemonError, NOT_ENCRYPTED, StoreChoice, VolumeFacts, locate};
use crate::volume::VolumeError;

/// Show what the volume header says; needs no secret
///
/// Everything shown is public by design: whoever can read the store can read it. The header is not
/// verified, because only the secret gives the key that verifies it; `sealgate serve` does.
#[derive(Debug, Args)]
#[command(
    after_long_help = "\
Examples:
  sealgate volume info ./photos.sealgate
  sealgate volume info 's3://bucket/photos?region=eu-central-1' --json"
)]
pub(crate) struct InfoArgs {
    #[command(flatten)]
    store: StoreArgs,

    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// The store cannot be reached, or holds no volume.
pub(crate) fn run(args: &InfoArgs) -> Result<(), Failure> {
    let config = args.store.config.read()?;
    let resolved = args.store.resolve(&config)?;
    let facts = block_on(find(resolved.choice))?;
    if args.json {
        let json = serde_json::to_string_pretty(&facts)
            .map_err(|e| Failure::new(Exit::Unexpected, format!("no JSON: {e}")))?;
        print_line(&json);
    } else {
        print_line(&text(&facts));
    }
    if !facts.is_encrypted() {
        note(&format!("Warning: {NOT_ENCRYPTED}"));
    }
    Ok(())
}

async fn find(choice: StoreChoice) -> Result<VolumeFacts, Failure> {
    let found = locate(&choice).await?;
    if let Some(warning) = &found.warning {
        note(&format!("Warning: {warning}"));
    }
    let store = found.store.label();
    match &found.header {
        Some(header) => Ok(VolumeFacts::of(header, store)),
        None => {
            let error = VolumeError::NoVolume { store: store.to_owned() };
            Err(DaemonError::from(error).into())
        }
    }
}

fn text(facts: &VolumeFacts) -> String {
    let slots = match facts.slots.as_slice() {
        [] if facts.is_encrypted() => "none yet; the first start asks for a secret".to_owned(),
        [] => "none".to_owned(),
        slots => {
            let one = |slot: &crate::daemon::SlotFacts| format!("{} ({})", slot.id, slot.kind);
            slots.iter().map(one).collect::<Vec<_>>().join(", ")
        }
    };
    let encryption = if facts.is_encrypted() {
        facts.encryption.clone()
    } else {
        format!("NONE - {NOT_ENCRYPTED}")
    };
    [
        ("name", facts.name.clone().unwrap_or_else(|| "-".to_owned())),
        ("id", facts.id.clone()),
        ("store", facts.store.clone()),
        ("created", utc(facts.created_unix)),
        ("format version", facts.format_version.to_string()),
        ("encryption", encryption),
        ("compression", facts.compression.clone()),
        ("extent size", format!("{} KiB", facts.extent_bytes / 1_024)),
        ("metadata engine", facts.engine.clone()),
        ("secret id", facts.secret_id.clone().unwrap_or_else(|| "none".to_owned())),
        ("key slots", slots),
        ("sse", facts.sse.clone()),
    ]
    .iter()
    .map(|(name, value)| format!("{name:<16} {value}"))
    .collect::<Vec<_>>()
    .join("\n")
}
