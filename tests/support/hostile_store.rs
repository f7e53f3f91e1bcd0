//! A volume full of markers, and a look at everything in a changed copy of it.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use sealgate::base::InodeId;
use sealgate::crypto::CipherSuite;
use sealgate::testkit::{Unlocked, World};
use sealgate::vfs::{Error, FileKind, SetAttr, Stability, Vfs};

use super::files::{ROOT, content, name, new_dir, new_file, objects, pattern, store_of, write};

/// In a name, in small content, in large content, in a link's target, in a property's name and in
/// its value.
pub(crate) const MARKERS: [&str; 6] = [
    "Marker-of-a-file-name-7f3a",
    "Marker-of-small-content-91bc",
    "Marker-of-large-content-2d08",
    "Marker-of-a-link-target-c5e1",
    "Marker-of-a-property-name-40fd",
    "Marker-of-a-property-value-b862",
];

/// A look that takes longer hangs.
const LOOK_MAX: Duration = Duration::from_secs(20);

/// What a look at a changed volume came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Something was refused, everything else is what was written.
    Refused,
    /// Everything is what was written.
    Same,
}

/// Everything a client can see: per path the content, target or entries, and the properties.
type Seen = BTreeMap<String, Bytes>;

pub(crate) struct Victim {
    world: World,
    unlocked: Unlocked,
    pub(crate) objects: BTreeMap<String, Bytes>,
    written: Seen,
}

impl Victim {
    pub(crate) async fn create(suite: CipherSuite) -> Self {
        let mut world = World::memory();
        world.encryption = suite;
        world.extent_bytes = 16 << 10;
        let vfs = world.started().await;
        fill(&vfs).await.unwrap();
        vfs.shutdown().await.unwrap();
        // What the second start writes lies in other objects of the metadata engine.
        let vfs = world.start().await;
        let more = new_file(&vfs, InodeId::ROOT, "more").await.unwrap();
        write(&vfs, more, 0, &pattern(3, 50_000), Stability::FileSync).await.unwrap();
        vfs.shutdown().await.unwrap();
        let unlocked = world.unlock().await.unwrap();
        let objects = objects(&world.parts.store).await;
        let vfs = world.moved_to(store_of(&objects).await).start().await;
        let (mut written, mut refused) = (Seen::new(), Vec::new());
        see(&vfs, InodeId::ROOT, "", &mut written, &mut refused).await;
        assert!(refused.is_empty() && written.len() > 12, "{refused:?} {:?}", written.keys());
        vfs.shutdown().await.unwrap();
        Self { world, unlocked, objects, written }
    }

    /// Opens a changed copy with the keys of the volume and looks at everything in it.
    pub(crate) async fn look(&self, objects: BTreeMap<String, Bytes>, what: &str) -> Verdict {
        let world = self.world.moved_to(store_of(&objects).await);
        let look = async {
            match world.start_unlocked(&self.unlocked).await {
                Ok(vfs) => self.compare(&vfs, what).await,
                Err(_) => Verdict::Refused,
            }
        };
        tokio::time::timeout(LOOK_MAX, look).await.unwrap_or_else(|_| panic!("{what}: it hangs"))
    }

    /// The same through the front door: header and secret.
    pub(crate) async fn look_with_secret(
        &self,
        objects: BTreeMap<String, Bytes>,
        what: &str,
    ) -> Verdict {
        let world = self.world.moved_to(store_of(&objects).await);
        let look = async {
            let Ok(volume) = world.open().await else { return Verdict::Refused };
            match Vfs::start(volume, world.options.clone()).await {
                Ok(vfs) => self.compare(&vfs, what).await,
                Err(_) => Verdict::Refused,
            }
        };
        tokio::time::timeout(LOOK_MAX, look).await.unwrap_or_else(|_| panic!("{what}: it hangs"))
    }

    async fn compare(&self, vfs: &Vfs, what: &str) -> Verdict {
        let (mut seen, mut refused) = (Seen::new(), Vec::new());
        see(vfs, InodeId::ROOT, "", &mut seen, &mut refused).await;
        for (path, found) in &seen {
            assert_eq!(self.written.get(path), Some(found), "{what}: {path} is something else");
        }
        for path in self.written.keys() {
            let excused = refused.iter().any(|part: &String| path.starts_with(part.as_str()));
            assert!(seen.contains_key(path) || excused, "{what}: {path} vanished without a word");
        }
        // Damage must not keep the gateway from stopping.
        drop(vfs.shutdown().await);
        if refused.is_empty() { Verdict::Same } else { Verdict::Refused }
    }
}

async fn fill(vfs: &Vfs) -> Result<(), Error> {
    let dir = new_dir(vfs, InodeId::ROOT, &format!("{}.d", MARKERS[0])).await?;
    let small = new_file(vfs, dir, MARKERS[0]).await?;
    write(vfs, small, 0, &Bytes::from(MARKERS[1].repeat(20)), Stability::FileSync).await?;
    let large = new_file(vfs, dir, "large").await?;
    let data = Bytes::from(MARKERS[2].repeat(3_000));
    write(vfs, large, 0, &data, Stability::FileSync).await?;
    let other = new_file(vfs, InodeId::ROOT, "other").await?;
    write(vfs, other, 0, &pattern(1, data.len()), Stability::FileSync).await?;
    let target = Bytes::from(MARKERS[3]);
    vfs.symlink(&ROOT, dir, &name("link"), target, SetAttr::default()).await?;
    for value in [MARKERS[5], "another"] {
        let prop = Bytes::from(format!("{}-{value}", MARKERS[4]));
        vfs.set_props(&ROOT, small, vec![(prop, Some(Bytes::from(value)))]).await?;
    }
    for number in 0..5_u64 {
        let file = new_file(vfs, dir, &format!("file {number}")).await?;
        write(vfs, file, 0, &pattern(number, 100), Stability::Unstable).await?;
    }
    // More of the counters than one shard.
    vfs.sync().await
}

/// Walks everything. What is refused is noted by the beginning of the paths it hides.
async fn see(vfs: &Vfs, dir: InodeId, above: &str, seen: &mut Seen, refused: &mut Vec<String>) {
    let mut cookie = 0;
    loop {
        let page = match vfs.readdir(&ROOT, dir, cookie, 4, false).await {
            Ok(page) => page,
            Err(error) => return note(&format!("{above}/"), &error, refused),
        };
        for entry in page.entries {
            cookie = entry.cookie;
            let path = format!("{above}/{}", String::from_utf8_lossy(entry.name.as_bytes()));
            seen.insert(path.clone(), Bytes::from(format!("{:?} {}", entry.kind, entry.inode)));
            match vfs.lookup(&ROOT, dir, &entry.name).await {
                Ok(attr) => {
                    let text = format!("{:o} {} {}", attr.mode, attr.nlink, attr.size);
                    seen.insert(format!("{path}:attr"), Bytes::from(text));
                }
                Err(error) => note(&format!("{path}:attr"), &error, refused),
            }
            see_one(vfs, entry.inode, entry.kind, &path, seen, refused).await;
        }
        if page.eof {
            return;
        }
    }
}

async fn see_one(
    vfs: &Vfs,
    inode: InodeId,
    kind: FileKind,
    path: &str,
    seen: &mut Seen,
    refused: &mut Vec<String>,
) {
    let found = match kind {
        FileKind::File => content(vfs, inode).await.map(Bytes::from),
        FileKind::Symlink => vfs.readlink(&ROOT, inode).await.map(|(target, _)| target),
        FileKind::Directory => {
            Box::pin(see(vfs, inode, path, seen, refused)).await;
            return;
        }
        FileKind::CharDevice | FileKind::BlockDevice | FileKind::Fifo | FileKind::Socket => {
            panic!("{path} is a {kind:?}");
        }
    };
    match found {
        Ok(bytes) => drop(seen.insert(format!("{path}:content"), bytes)),
        Err(error) => note(&format!("{path}:content"), &error, refused),
    }
    match vfs.props(inode).await {
        Ok(mut props) => {
            props.sort();
            seen.insert(format!("{path}:props"), Bytes::from(format!("{props:?}")));
        }
        Err(error) => note(&format!("{path}:props"), &error, refused),
    }
}

fn note(path: &str, error: &Error, refused: &mut Vec<String>) {
    let clean = matches!(error, Error::Damaged(_) | Error::Unavailable(_) | Error::Io(_));
    assert!(clean, "{path}: {error:?}");
    refused.push(path.to_owned());
}
