//! A script of operations, a ledger of what was acknowledged, and the comparison after a crash.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use bytes::Bytes;
use sealgate::base::InodeId;
use sealgate::store::Store;
use sealgate::testkit::{Faults, Unlocked, World, recount};
use sealgate::vfs::{Error, FileKind, SetAttr, Stability, Vfs};

use super::files::{
    ROOT, content, name, new_dir, new_file, objects, pattern, size, sleep, store_of, write,
};

/// How often an operation is tried again while the store is away.
const ATTEMPTS: u32 = 200;

/// What a path names: files and directories of the script are numbered.
type Tree = BTreeMap<String, u32>;

/// What the script did and what was acknowledged of it.
pub(crate) struct Ledger {
    /// Trees since the last acknowledged flush, the one at that flush included.
    trees: Vec<Tree>,
    /// Contents of each file since its last acknowledged commit, that one included.
    files: BTreeMap<u32, Vec<Bytes>>,
    log: Vec<String>,
}

impl Ledger {
    pub(crate) fn new() -> Self {
        Self { trees: vec![Tree::new()], files: BTreeMap::new(), log: Vec::new() }
    }

    pub(crate) fn story(&self) -> String {
        self.log.join("\n")
    }

    fn note(&mut self, text: &str) {
        self.log.push(text.to_owned());
    }

    /// The tree may look like this from now on.
    fn tree(&mut self, change: impl FnOnce(&mut Tree)) {
        let mut tree = self.trees.last().unwrap().clone();
        change(&mut tree);
        self.trees.push(tree);
    }

    fn new_file(&mut self, path: &str, file: u32) {
        self.files.insert(file, vec![Bytes::new()]);
        self.tree(|tree| {
            tree.insert(path.to_owned(), file);
        });
    }

    fn last(&self, file: u32) -> Bytes {
        self.files[&file].last().unwrap().clone()
    }

    /// The file may have this content from now on.
    fn wrote(&mut self, file: u32, offset: usize, data: &[u8]) {
        let mut bytes = self.last(file).to_vec();
        bytes.resize(bytes.len().max(offset + data.len()), 0);
        bytes[offset..offset + data.len()].copy_from_slice(data);
        self.files.get_mut(&file).unwrap().push(bytes.into());
    }

    fn cut(&mut self, file: u32, size: usize) {
        let mut bytes = self.last(file).to_vec();
        bytes.resize(size, 0);
        self.files.get_mut(&file).unwrap().push(bytes.into());
    }

    /// A flush of metadata was acknowledged.
    fn tree_durable(&mut self) {
        let last = self.trees.pop().unwrap();
        self.trees = vec![last];
        self.note("  acknowledged");
    }

    /// A commit of `file` was acknowledged.
    fn file_durable(&mut self, file: u32) {
        let last = self.last(file);
        self.files.insert(file, vec![last]);
        self.tree_durable();
    }

    fn all_durable(&mut self) {
        let all: Vec<u32> = self.files.keys().copied().collect();
        all.into_iter().for_each(|file| self.file_durable(file));
    }

    /// Whether the file can have this content: every byte and the length are of some moment since
    /// the last commit.
    fn allows(&self, file: u32, found: &[u8]) -> Result<(), String> {
        let versions = &self.files[&file];
        if versions.iter().any(|version| version == found) {
            return Ok(());
        }
        if !versions.iter().any(|version| version.len() == found.len()) {
            return Err(format!("{} bytes, a length it never had", found.len()));
        }
        let known =
            |at: usize, byte: u8| versions.iter().any(|v| v.get(at).copied().unwrap_or(0) == byte);
        match (0..).zip(found).find(|(at, byte)| !known(*at, **byte)) {
            None => Ok(()),
            Some((at, byte)) => Err(format!("byte {at} is {byte}, which it never was")),
        }
    }
}

/// A new volume, to be copied for every run.
pub(crate) struct Base {
    world: World,
    unlocked: Unlocked,
    objects: BTreeMap<String, Bytes>,
}

fn text(error: impl Debug) -> String {
    format!("{error:?}")
}

/// Tries an operation again while the store is away, as clients do.
async fn retried<T, F: Future<Output = Result<T, Error>>>(
    ledger: &mut Ledger,
    call: impl Fn() -> F,
) -> Result<T, Error> {
    for _ in 0..ATTEMPTS {
        match call().await {
            Err(Error::Unavailable(reason)) => ledger.note(&format!("  again: {reason}")),
            done => return done,
        }
        sleep(10).await;
    }
    Err(Error::Unavailable("for good".to_owned()))
}

impl Base {
    pub(crate) async fn create() -> Self {
        let mut world = World::memory();
        world.extent_bytes = 16 << 10;
        world.options.segment_grace = std::time::Duration::ZERO;
        world.options.flush_interval = std::time::Duration::from_millis(20);
        world.create().await.unwrap();
        let unlocked = world.unlock().await.unwrap();
        let objects = objects(&world.parts.store).await;
        Self { world, unlocked, objects }
    }

    pub(crate) async fn store(&self) -> Store {
        store_of(&self.objects).await
    }

    /// Opens the volume through `faults` and does the script.
    pub(crate) async fn work(
        &self,
        store: &Store,
        faults: &Arc<Faults>,
        ledger: &mut Ledger,
    ) -> Result<(), String> {
        let world = self.world.moved_to(faults.wrap(store));
        let vfs = retried(ledger, || world.start_unlocked(&self.unlocked)).await.map_err(text)?;
        let script = Script { vfs: &vfs, ledger };
        script.run().await.map_err(text)
    }

    /// Opens the volume without faults and compares.
    pub(crate) async fn check_after_crash(
        &self,
        store: &Store,
        ledger: &Ledger,
    ) -> Result<(), String> {
        let world = self.world.moved_to(store.clone());
        let vfs = world.start_unlocked(&self.unlocked).await.map_err(text)?;
        let mut found = BTreeMap::new();
        list(&vfs, InodeId::ROOT, "", &mut found).await.map_err(text)?;
        let names = |tree: &Tree| tree.keys().cloned().collect::<Vec<_>>();
        let is = found.keys().cloned().collect::<Vec<_>>();
        let fitting: Vec<&Tree> = ledger.trees.iter().filter(|tree| names(tree) == is).collect();
        if fitting.is_empty() {
            let lawful: Vec<_> = ledger.trees.iter().map(names).collect();
            return Err(format!("found {is:?}, lawful are {lawful:?}"));
        }
        let mut reasons = Vec::new();
        for tree in fitting {
            match check_files(&vfs, ledger, tree, &found).await {
                Ok(()) => {
                    reasons.clear();
                    break;
                }
                Err(reason) => reasons.push(reason),
            }
        }
        if !reasons.is_empty() {
            return Err(reasons.join("\n"));
        }
        // It is a volume like any other: it takes changes.
        let inode = new_file(&vfs, InodeId::ROOT, "afterwards").await.map_err(text)?;
        let data = pattern(99, 40_000);
        write(&vfs, inode, 0, &data, Stability::FileSync).await.map_err(text)?;
        vfs.shutdown().await.map_err(text)?;
        let volume = world.open_unlocked(&self.unlocked).await.map_err(text)?;
        let faults = recount(&volume).await;
        volume.close().await.map_err(text)?;
        if faults.is_empty() { Ok(()) } else { Err(faults.join("\n")) }
    }
}

async fn check_files(
    vfs: &Vfs,
    ledger: &Ledger,
    tree: &Tree,
    found: &BTreeMap<String, (InodeId, FileKind)>,
) -> Result<(), String> {
    for (path, file) in tree {
        let (inode, kind) = found[path];
        if kind == FileKind::File {
            let bytes = content(vfs, inode).await.map_err(|e| format!("{path}: {e:?}"))?;
            ledger.allows(*file, &bytes).map_err(|reason| format!("{path}: {reason}"))?;
        }
        if kind == FileKind::Symlink {
            let (target, _) = vfs.readlink(&ROOT, inode).await.map_err(text)?;
            assert_eq!(&target[..], b"d/renamed");
        }
    }
    Ok(())
}

async fn list(
    vfs: &Vfs,
    dir: InodeId,
    above: &str,
    found: &mut BTreeMap<String, (InodeId, FileKind)>,
) -> Result<(), Error> {
    for entry in vfs.readdir(&ROOT, dir, 0, 1_000, true).await?.entries {
        let path = format!("{above}{}", String::from_utf8_lossy(entry.name.as_bytes()));
        found.insert(path.clone(), (entry.inode, entry.kind));
        if entry.kind == FileKind::Directory {
            Box::pin(list(vfs, entry.inode, &format!("{path}/"), found)).await?;
        }
    }
    Ok(())
}

struct Script<'s> {
    vfs: &'s Arc<Vfs>,
    ledger: &'s mut Ledger,
}

const DIR: u32 = 100;

impl Script<'_> {
    async fn create(&mut self, path: &str, dir: InodeId, file: u32) -> Result<InodeId, Error> {
        self.ledger.note(&format!("create {path}"));
        self.ledger.new_file(path, file);
        let last = name(path.rsplit('/').next().unwrap());
        let vfs = self.vfs;
        match retried(self.ledger, || async {
            new_file(vfs, dir, std::str::from_utf8(last.as_bytes()).unwrap()).await
        })
        .await
        {
            Err(Error::Exists) => Ok(self.vfs.lookup(&ROOT, dir, &last).await?.inode),
            done => done,
        }
    }

    async fn write(
        &mut self,
        inode: InodeId,
        file: u32,
        (offset, data): (usize, Bytes),
        stability: Stability,
    ) -> Result<(), Error> {
        self.ledger.note(&format!("write {file}: {} at {offset}, {stability:?}", data.len()));
        self.ledger.wrote(file, offset, &data);
        let at = u64::try_from(offset).unwrap();
        let vfs = self.vfs;
        retried(self.ledger, || write(vfs, inode, at, &data, stability)).await?;
        if stability != Stability::Unstable {
            self.ledger.file_durable(file);
        }
        Ok(())
    }

    async fn commit(&mut self, inode: InodeId, file: u32) -> Result<(), Error> {
        self.ledger.note(&format!("commit {file}"));
        let vfs = self.vfs;
        retried(self.ledger, || vfs.commit(inode, 0, 0)).await?;
        self.ledger.file_durable(file);
        Ok(())
    }

    async fn cut(&mut self, inode: InodeId, file: u32, to: usize) -> Result<(), Error> {
        self.ledger.note(&format!("truncate {file} to {to}"));
        self.ledger.cut(file, to);
        let (vfs, to) = (self.vfs, u64::try_from(to).unwrap());
        retried(self.ledger, || vfs.setattr(&ROOT, inode, size(to), None)).await.map(drop)
    }

    async fn rename(
        &mut self,
        (from, old): (InodeId, &str),
        (to, new): (InodeId, &str),
    ) -> Result<(), Error> {
        self.ledger.note(&format!("rename {old} to {new}"));
        self.ledger.tree(|tree| {
            let moved = tree.remove(old).unwrap();
            tree.insert(new.to_owned(), moved);
        });
        let last = |path: &str| name(path.rsplit('/').next().unwrap());
        let (vfs, old, new) = (self.vfs, last(old), last(new));
        retried(self.ledger, || vfs.rename(&ROOT, from, &old, to, &new)).await.map(drop)
    }

    async fn remove(&mut self, path: &str) -> Result<(), Error> {
        self.ledger.note(&format!("remove {path}"));
        let below = format!("{path}/");
        self.ledger.tree(|tree| tree.retain(|at, _| at != path && !at.starts_with(&below)));
        let vfs = self.vfs;
        let file = name(path);
        retried(self.ledger, || vfs.remove_tree(&ROOT, InodeId::ROOT, &file)).await.map(drop)
    }

    async fn publish(
        &mut self,
        path: &str,
        dir: InodeId,
        (file, data): (u32, Bytes),
    ) -> Result<(), Error> {
        self.ledger.note(&format!("publish {path}"));
        let vfs = self.vfs;
        let made = retried(self.ledger, || vfs.create_unlinked(&ROOT, SetAttr::default())).await?;
        let (inode, _pin) = (made.0.inode, made.1);
        retried(self.ledger, || write(vfs, inode, 0, &data, Stability::Unstable)).await?;
        // Published whole or not at all.
        self.ledger.files.insert(file, vec![data.clone()]);
        self.ledger.tree(|tree| _ = tree.insert(path.to_owned(), file));
        let last = name(path.rsplit('/').next().unwrap());
        let published = retried(self.ledger, || vfs.publish(&ROOT, inode, dir, &last)).await;
        if published == Err(Error::Invalid) {
            // The first attempt gave it its name and could not make that durable.
            assert_eq!(self.vfs.lookup(&ROOT, dir, &last).await?.inode, inode);
            retried(self.ledger, || vfs.sync()).await?;
            self.ledger.all_durable();
            return Ok(());
        }
        published?;
        self.ledger.tree_durable();
        Ok(())
    }

    async fn sync(&mut self) -> Result<(), Error> {
        self.ledger.note("sync");
        let vfs = self.vfs;
        retried(self.ledger, || vfs.sync()).await?;
        self.ledger.all_durable();
        Ok(())
    }

    async fn run(mut self) -> Result<(), Error> {
        let top = InodeId::ROOT;
        let vfs = self.vfs;
        self.ledger.tree(|tree| _ = tree.insert("d".to_owned(), DIR));
        let dir = retried(self.ledger, || new_dir(vfs, top, "d")).await?;
        let a = self.create("a", top, 1).await?;
        self.write(a, 1, (0, pattern(1, 100)), Stability::Unstable).await?;
        self.commit(a, 1).await?;
        let b = self.create("b", top, 2).await?;
        self.write(b, 2, (0, pattern(2, 300_000)), Stability::FileSync).await?;
        self.rename((top, "a"), (dir, "d/renamed")).await?;
        self.write(b, 2, (100_000, pattern(3, 30_000)), Stability::Unstable).await?;
        self.cut(b, 2, 110_000).await?;
        self.commit(b, 2).await?;
        self.cut(b, 2, 150_000).await?;
        let c = self.create("c", top, 3).await?;
        self.write(c, 3, (0, pattern(4, 5_000)), Stability::FileSync).await?;
        self.write(c, 3, (4_000, pattern(5, 50_000)), Stability::FileSync).await?;
        self.cut(c, 3, 70).await?;
        self.publish("d/p", dir, (4, pattern(6, 200_000))).await?;
        self.remove("c").await?;
        self.write(b, 2, (140_000, pattern(7, 10)), Stability::Unstable).await?;
        self.sync().await?;
        self.publish("d/p", dir, (5, pattern(8, 100_000))).await?;
        let target = Bytes::from_static(b"d/renamed");
        self.ledger.tree(|tree| _ = tree.insert("link".to_owned(), DIR));
        let link = name("link");
        retried(self.ledger, || vfs.symlink(&ROOT, top, &link, target.clone(), SetAttr::default()))
            .await?;
        let e = self.create("d/e", dir, 6).await?;
        self.write(e, 6, (0, pattern(9, 20_000)), Stability::Unstable).await?;
        self.rename((dir, "d/e"), (top, "b")).await?;
        self.commit(e, 6).await?;
        self.ledger.tree(|tree| _ = tree.insert("t".to_owned(), DIR));
        let tree = retried(self.ledger, || new_dir(vfs, top, "t")).await?;
        let x = self.create("t/x", tree, 7).await?;
        self.write(x, 7, (0, pattern(10, 60_000)), Stability::FileSync).await?;
        self.remove("t").await?;
        self.sync().await?;
        sleep(30).await;
        self.write(e, 6, (10_000, pattern(11, 90_000)), Stability::Unstable).await?;
        self.create("last", top, 8).await?;
        self.sync().await
    }
}
