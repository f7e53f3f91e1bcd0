//! A volume inside another program, without a daemon: make one, write, commit, read it back.
//!
//! `cargo run --example embed_volume`

use std::sync::Arc;

use bytes::Bytes;
use sealgate::base::limits::EXTENT_BYTES_DEFAULT;
use sealgate::base::{FileName, InodeId, OsRandom, SystemClock};
use sealgate::crypto::{CipherSuite, Passphrase};
use sealgate::format::Compression;
use sealgate::store::{Store, StoreOptions, StoreUrl};
use sealgate::vfs::{CreateMode, Identity, SetAttr, Stability, Vfs, VfsOptions};
use sealgate::volume::{self, CreateOptions, OpenOptions, Volume, VolumeParts};

const TEXT: &[u8] = b"Nobody but us reads this.";

async fn embed() -> anyhow::Result<Vec<u8>> {
    // Where the volume lives. A path or s3://bucket/prefix would do as well.
    let store = Store::open(&StoreOptions::new(StoreUrl::parse("memory://")?))?;
    let parts = VolumeParts {
        store,
        clock: Arc::new(SystemClock::new()),
        random: Arc::new(OsRandom),
        owner: (0, 0),
    };
    let secret = Passphrase::new("correct horse battery staple".to_owned())?;
    let options = CreateOptions {
        name: Some("embedded".to_owned()),
        encryption: CipherSuite::Aes256Gcm,
        compression: Compression::Lz4,
        extent_bytes: EXTENT_BYTES_DEFAULT,
        sse: parts.store.sse(),
    };
    volume::create(&parts, options, Some(&secret)).await?;

    let volume = Volume::open(parts.clone(), Some(&secret), OpenOptions::default()).await?;
    let vfs = Vfs::start(volume, VfsOptions::default()).await?;
    let me = Identity::ROOT;
    let name = FileName::new(b"note.txt".to_vec())?;
    let mode = CreateMode::Guarded(SetAttr { mode: Some(0o600), ..SetAttr::default() });
    let file = vfs.create(&me, InodeId::ROOT, &name, mode).await?.attr.inode;
    vfs.write(&me, file, 0, Bytes::from_static(TEXT), Stability::Unstable).await?;
    // From here on the bytes survive this process.
    vfs.commit(file, 0, 0).await?;
    vfs.shutdown().await?;

    // Another process, as far as the volume can tell.
    let volume = Volume::open(parts, Some(&secret), OpenOptions::default()).await?;
    let vfs = Vfs::start(volume, VfsOptions::default()).await?;
    let file = vfs.lookup(&me, InodeId::ROOT, &name).await?.inode;
    let read = vfs.read(&me, file, 0, 1024).await?;
    vfs.shutdown().await?;
    Ok(read.slices.concat())
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let text = embed().await?;
    println!("{}", String::from_utf8(text)?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn what_was_committed_is_read_back() {
        assert_eq!(embed().await.expect("every step succeeds"), TEXT);
    }
}
