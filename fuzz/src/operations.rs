//! Sequences of operations on a volume, compared with a model: which names there are, what the
//! files hold. In between the gateway may lose its memory after a sync, and everything is still so.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use arbitrary::{Arbitrary, Unstructured};
use bytes::Bytes;
use sealgate::base::{FileName, InodeId};
use sealgate::crypto::CipherSuite;
use sealgate::testkit::World;
use sealgate::vfs::{CreateMode, Error, Identity, SetAttr, Stability, Vfs};
use tokio::runtime::Runtime;

#[derive(Arbitrary, Debug)]
enum Operation {
    Create { dir: bool, name: u8 },
    Write { file: u8, offset: u32, len: u16, fill: u8, stable: bool },
    Truncate { file: u8, len: u32 },
    Read { file: u8, offset: u32, len: u16 },
    Link { file: u8, dir: bool, name: u8 },
    Rename { from_dir: bool, from: u8, to_dir: bool, to: u8 },
    Remove { dir: bool, name: u8 },
    List { dir: bool, page: u8 },
    Commit { file: u8 },
    Restart,
}

/// Files are long enough to leave their inline map and to span extents.
const FILE_BYTES_MAX: u32 = 200_000;
const NAMES: u8 = 6;

type Result<T> = std::result::Result<T, Error>;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let builder =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    builder.expect("a runtime")
});

/// Two directories and what is in them. A file is an index into `files`: links share it.
#[derive(Default)]
struct Model {
    names: [BTreeMap<u8, usize>; 2],
    files: Vec<(InodeId, Vec<u8>)>,
}

struct Session {
    world: World,
    vfs: Arc<Vfs>,
    dirs: [InodeId; 2],
    model: Model,
}

fn name(n: u8) -> FileName {
    FileName::new(vec![b'a' + n % NAMES]).expect("one letter")
}

impl Session {
    async fn start() -> Self {
        let mut world = World::memory();
        world.encryption = CipherSuite::None;
        world.extent_bytes = 16 << 10;
        let vfs = world.started().await;
        let mut dirs = [InodeId::ROOT; 2];
        for (dir, text) in dirs.iter_mut().zip(["one", "two"]) {
            let text = FileName::new(text.as_bytes().to_vec()).expect("a name");
            let made = vfs.mkdir(&Identity::ROOT, InodeId::ROOT, &text, SetAttr::default()).await;
            *dir = made.expect("an empty volume takes a directory").attr.inode;
        }
        Self { world, vfs, dirs, model: Model::default() }
    }

    fn dir(&self, second: bool) -> InodeId {
        self.dirs[usize::from(second)]
    }

    /// A file that has a name, by any number.
    fn file(&self, n: u8) -> Option<usize> {
        let named: Vec<usize> =
            self.model.names.iter().flat_map(BTreeMap::values).copied().collect();
        named.get(usize::from(n).checked_rem(named.len())?).copied()
    }

    async fn run(&mut self, operation: &Operation) {
        match *operation {
            Operation::Create { dir, name } => self.create(dir, name % NAMES).await,
            Operation::Write { file, offset, len, fill, stable } => {
                self.write(file, offset % FILE_BYTES_MAX, vec![fill; usize::from(len)], stable)
                    .await;
            }
            Operation::Truncate { file, len } => self.truncate(file, len % FILE_BYTES_MAX).await,
            Operation::Read { file, offset, len } => {
                self.read(file, offset % FILE_BYTES_MAX, u32::from(len)).await;
            }
            Operation::Link { file, dir, name } => self.link(file, dir, name % NAMES).await,
            Operation::Rename { from_dir, from, to_dir, to } => {
                self.rename((from_dir, from % NAMES), (to_dir, to % NAMES)).await;
            }
            Operation::Remove { dir, name } => self.remove(dir, name % NAMES).await,
            Operation::List { dir, page } => self.list(dir, usize::from(page % 5) + 1).await,
            Operation::Commit { file } => {
                if let Some(file) = self.file(file) {
                    self.vfs.commit(self.model.files[file].0, 0, 0).await.expect("a commit");
                }
            }
            Operation::Restart => self.restart().await,
        }
    }

    async fn create(&mut self, second: bool, n: u8) {
        let mode = CreateMode::Guarded(SetAttr::default());
        let made = self.vfs.create(&Identity::ROOT, self.dir(second), &name(n), mode).await;
        let names = &mut self.model.names[usize::from(second)];
        match names.get(&n) {
            Some(_) => assert_eq!(made.map(|made| made.attr.size), Err(Error::Exists)),
            None => {
                let inode = made.expect("a free name is taken").attr.inode;
                assert!(
                    self.model.files.iter().all(|(old, _)| *old != inode),
                    "ids are not reused"
                );
                names.insert(n, self.model.files.len());
                self.model.files.push((inode, Vec::new()));
            }
        }
    }

    async fn write(&mut self, file: u8, offset: u32, data: Vec<u8>, stable: bool) {
        let Some(file) = self.file(file) else { return };
        let (inode, content) = &mut self.model.files[file];
        let stability = if stable { Stability::FileSync } else { Stability::Unstable };
        let bytes = Bytes::from(data.clone());
        let written =
            self.vfs.write(&Identity::ROOT, *inode, u64::from(offset), bytes, stability).await;
        assert_eq!(written.expect("room").count as usize, data.len());
        if !data.is_empty() {
            let (start, end) = (offset as usize, offset as usize + data.len());
            content.resize(content.len().max(end), 0);
            content[start..end].copy_from_slice(&data);
        }
    }

    async fn truncate(&mut self, file: u8, len: u32) {
        let Some(file) = self.file(file) else { return };
        let (inode, content) = &mut self.model.files[file];
        let set = SetAttr { size: Some(u64::from(len)), ..SetAttr::default() };
        let wcc = self.vfs.setattr(&Identity::ROOT, *inode, set, None).await.expect("a length");
        assert_eq!(wcc.after.size, u64::from(len));
        content.resize(len as usize, 0);
    }

    async fn read(&self, file: u8, offset: u32, len: u32) {
        let Some(file) = self.file(file) else { return };
        let (inode, content) = &self.model.files[file];
        let read = self.vfs.read(&Identity::ROOT, *inode, u64::from(offset), len).await;
        let read = read.expect("a readable file");
        let start = content.len().min(offset as usize);
        let end = content.len().min(start + len as usize);
        assert!(read.slices.concat() == content[start..end], "content of a part of a file");
        assert_eq!(read.attr.size as usize, content.len());
    }

    async fn link(&mut self, file: u8, second: bool, n: u8) {
        let Some(file) = self.file(file) else { return };
        let inode = self.model.files[file].0;
        let linked = self.vfs.link(&Identity::ROOT, inode, self.dir(second), &name(n)).await;
        let names = &mut self.model.names[usize::from(second)];
        if names.contains_key(&n) {
            assert_eq!(linked.map(|linked| linked.attr.nlink), Err(Error::Exists));
        } else {
            assert_eq!(linked.map(|linked| linked.attr.inode), Ok(inode));
            names.insert(n, file);
        }
    }

    async fn rename(&mut self, (from_dir, from): (bool, u8), (to_dir, to): (bool, u8)) {
        let (source, target) = (self.dir(from_dir), self.dir(to_dir));
        let renamed =
            self.vfs.rename(&Identity::ROOT, source, &name(from), target, &name(to)).await;
        let Some(file) = self.model.names[usize::from(from_dir)].get(&from).copied() else {
            assert_eq!(renamed.err(), Some(Error::NotFound));
            return;
        };
        renamed.expect("a file replaces a file");
        let target = &mut self.model.names[usize::from(to_dir)];
        // Two names of one file: POSIX says that nothing happens.
        if target.get(&to) != Some(&file) {
            target.insert(to, file);
            self.model.names[usize::from(from_dir)].remove(&from);
        }
    }

    async fn remove(&mut self, second: bool, n: u8) {
        let removed = self.vfs.remove(&Identity::ROOT, self.dir(second), &name(n)).await;
        let known = self.model.names[usize::from(second)].remove(&n);
        assert_eq!(removed.is_ok(), known.is_some());
    }

    async fn list(&self, second: bool, page: usize) {
        let mut found = BTreeMap::new();
        let mut cookie = 0;
        for _ in 0..100 {
            let listed =
                self.vfs.readdir(&Identity::ROOT, self.dir(second), cookie, page, true).await;
            let listed = listed.expect("a directory lists");
            for entry in &listed.entries {
                assert!(entry.cookie > cookie, "cookies grow");
                cookie = entry.cookie;
                let new = found.insert(entry.name.as_bytes()[0] - b'a', entry.inode);
                assert_eq!(new, None, "an entry is listed once");
            }
            if listed.eof {
                break;
            }
        }
        let names = &self.model.names[usize::from(second)];
        let model: BTreeMap<u8, InodeId> =
            names.iter().map(|(name, file)| (*name, self.model.files[*file].0)).collect();
        assert_eq!(found, model);
    }

    /// Everything is synced; then this gateway goes without a word and another one comes.
    async fn restart(&mut self) {
        self.vfs.sync().await.expect("a sync");
        self.vfs = self.world.start().await;
        self.check().await;
    }

    async fn check(&self) {
        for (second, names) in [false, true].into_iter().zip(&self.model.names) {
            self.list(second, 3).await;
            for (n, file) in names {
                let (inode, content) = &self.model.files[*file];
                let attr = self.vfs.lookup(&Identity::ROOT, self.dir(second), &name(*n)).await;
                let attr = attr.expect("a name of the model");
                let links = self.model.names.iter().flat_map(BTreeMap::values);
                let links = links.filter(|other| *other == file).count();
                assert_eq!((attr.inode, attr.size as usize), (*inode, content.len()));
                assert_eq!(attr.nlink as usize, links);
                let data = self.vfs.read(&Identity::ROOT, *inode, 0, FILE_BYTES_MAX * 2).await;
                assert!(data.expect("content").slices.concat() == *content, "content of a file");
            }
        }
    }

    async fn finish(self) -> Result<()> {
        self.check().await;
        self.vfs.shutdown().await
    }
}

pub fn vfs_operations(data: &[u8]) {
    let Ok(operations) = Vec::<Operation>::arbitrary(&mut Unstructured::new(data)) else { return };
    if operations.is_empty() {
        return;
    }
    RUNTIME.block_on(async {
        let mut session = Session::start().await;
        let mut restarts = 0;
        for operation in operations.iter().take(64) {
            restarts += usize::from(matches!(operation, Operation::Restart));
            if restarts <= 2 || !matches!(operation, Operation::Restart) {
                session.run(operation).await;
            }
        }
        session.finish().await.expect("a clean stop");
    });
}
