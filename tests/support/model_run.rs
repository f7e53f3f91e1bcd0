//! One sequence of random operations, done by the vfs and by the model.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use sealgate::base::{Clock, FileName, InodeId, SystemClock, Timestamp};
use sealgate::crypto::CipherSuite;
use sealgate::format::Compression;
use sealgate::store::Store;
use sealgate::testkit::{
    MemoryVolume, Model, NodeId, SeededRandom, SimClock, Stamp, World, recount,
};
use sealgate::vfs::{
    Attr, CreateMode, Error, FileKind, Identity, Pin, SetAttr, SetTime, Stability, Vfs,
};

use super::model_look::{list, read_all};

const EXTENT: u64 = 16 << 10;
/// Inline limit, extent and map boundaries, and their neighbours.
const OFFSETS: [u64; 14] = [
    0,
    1,
    100,
    8_191,
    8_192,
    8_193,
    EXTENT - 1,
    EXTENT,
    EXTENT + 1,
    2 * EXTENT,
    40_000,
    64 * EXTENT - 1,
    64 * EXTENT,
    65 * EXTENT + 5,
];
const LENGTHS: [u64; 7] = [0, 1, 10, 4_096, EXTENT, 20_000, 40_000];
const NAMES: [&str; 5] = ["a", "b", "c", "\u{e9}", "long name with spaces"];
const MODES: [u32; 12] =
    [0o777, 0o755, 0o700, 0o1777, 0o2775, 0o6755, 0o644, 0o000, 0o666, 0o4711, 0o3777, 0o2745];

/// How a volume is made.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    pub(crate) encryption: CipherSuite,
    pub(crate) compression: Compression,
}

/// What is known about a file that a crash may set back.
#[derive(Clone, Debug, Default)]
struct History {
    /// Contents since the last acknowledged commit, that one included.
    versions: Vec<Arc<Vec<u8>>>,
    /// Written since.
    dirty: bool,
}

pub(crate) struct Run {
    rng: SeededRandom,
    seed: u64,
    loud: bool,
    clock: SimClock,
    volume: MemoryVolume,
    vfs: Arc<Vfs>,
    model: Model,
    ids: BTreeMap<NodeId, InodeId>,
    pins: Vec<(NodeId, Pin)>,
    /// What the clock said before and after each operation.
    windows: Vec<(Timestamp, Timestamp)>,
    /// States of the tree that a crash may leave.
    snapshots: Vec<Model>,
    histories: BTreeMap<NodeId, History>,
    /// Changes and version when a node was last seen.
    seen: BTreeMap<NodeId, (u64, u64)>,
    log: Vec<String>,
}

fn name(text: &str) -> FileName {
    FileName::new(text.as_bytes().to_vec()).unwrap()
}

fn who(uid: u32, gid: u32, groups: &[u32]) -> Identity {
    Identity { uid, gid, groups: groups.to_vec() }
}

impl Run {
    pub(crate) async fn new(setting: &Setting, seed: u64, loud: bool) -> Self {
        let clock = SimClock::new();
        let random = Arc::new(SeededRandom::new(seed ^ 0x5ea1));
        let mut world = World::with(Store::memory(), Arc::new(clock.clone()), random);
        world.encryption = setting.encryption;
        world.compression = setting.compression;
        world.extent_bytes = u32::try_from(EXTENT).unwrap();
        world.options.segment_grace = Duration::ZERO;
        let rng = SeededRandom::new(seed);
        if rng.below(3) == 0 {
            world.options.dirty_bytes_max = 256 << 10;
        }
        let volume = MemoryVolume::create(world).await;
        let vfs = volume.start().await;
        let now = clock.now();
        let mut run = Self {
            rng,
            seed,
            loud,
            clock,
            volume,
            vfs,
            model: Model::new(),
            ids: BTreeMap::from([(NodeId::ROOT, InodeId::ROOT)]),
            pins: Vec::new(),
            windows: vec![(Timestamp::default(), now)],
            snapshots: Vec::new(),
            histories: BTreeMap::new(),
            seen: BTreeMap::new(),
            log: Vec::new(),
        };
        // Everybody may work in the root; whether it is sticky is the seed's choice.
        let mode = if run.rng.below(2) == 0 { 0o777 } else { 0o1777 };
        let set = SetAttr { mode: Some(mode), ..SetAttr::default() };
        run.begin();
        run.model.setattr(&Identity::ROOT, NodeId::ROOT, set, true).unwrap();
        run.vfs.setattr(&Identity::ROOT, InodeId::ROOT, set, None).await.unwrap();
        run.vfs.sync().await.unwrap();
        run.end();
        run.all_durable();
        run
    }

    /// What happened, for whoever reads a failure.
    pub(crate) fn story(&self) -> String {
        let from = self.log.len().saturating_sub(if self.loud { 1_000 } else { 12 });
        self.log[from..].join("\n")
    }

    fn pick<T: Clone>(&self, of: &[T]) -> T {
        of[usize::try_from(self.rng.below(of.len() as u64)).unwrap()].clone()
    }

    fn chance(&self, one_in: u64) -> bool {
        self.rng.below(one_in) == 0
    }

    fn some_who(&self) -> Identity {
        let others = [who(1_000, 100, &[200]), who(1_001, 100, &[]), who(1_002, 300, &[200, 7])];
        if self.chance(3) { Identity::ROOT } else { self.pick(&others) }
    }

    fn some_node(&self) -> NodeId {
        let all: Vec<NodeId> = self.ids.keys().copied().collect();
        // The newest twelve: old ones are often gone, and one of those is enough now and then.
        let live: Vec<NodeId> = self.model.nodes.keys().copied().collect();
        if self.chance(12) { self.pick(&all) } else { self.pick(&live) }
    }

    fn some_of(&self, kind: FileKind) -> NodeId {
        let of_kind = self.model.nodes.iter().filter(|(_, node)| node.kind == kind);
        let found: Vec<NodeId> = of_kind.map(|(id, _)| *id).collect();
        if found.is_empty() || self.chance(10) { self.some_node() } else { self.pick(&found) }
    }

    fn some_dir(&self) -> NodeId {
        self.some_of(FileKind::Directory)
    }

    fn some_name(&self) -> &'static str {
        self.pick(&NAMES)
    }

    fn some_size(&self) -> u64 {
        match self.rng.below(12) {
            0 => 1 << 52,
            1 => 0,
            _ => self.pick(&OFFSETS) + self.rng.below(3),
        }
    }

    fn some_time(&self) -> Option<SetTime> {
        match self.rng.below(3) {
            0 => None,
            1 => Some(SetTime::Now),
            _ => Some(SetTime::At(Timestamp::new(self.rng.below(1 << 31) as i64, 7))),
        }
    }

    fn some_set(&self) -> SetAttr {
        let mut set = SetAttr::default();
        if self.chance(2) {
            set.mode = Some(self.pick(&MODES));
        }
        if self.chance(5) {
            set.uid = Some(self.pick(&[0, 1_000, 1_001]));
        }
        if self.chance(5) {
            set.gid = Some(self.pick(&[0, 100, 200, 300]));
        }
        if self.chance(3) {
            set.mtime = self.some_time();
        }
        if self.chance(6) {
            set.atime = self.some_time();
        }
        set
    }

    fn inode(&self, node: NodeId) -> InodeId {
        self.ids[&node]
    }

    fn begin(&mut self) {
        self.model.op += 1;
        let now = self.clock.now();
        self.windows.push((now, now));
    }

    fn end(&mut self) {
        let now = self.clock.now();
        self.windows.last_mut().unwrap().1 = now;
        for (id, node) in self.model.nodes.iter().filter(|(_, node)| node.kind == FileKind::File) {
            let history = self.histories.entry(*id).or_default();
            if !history.versions.last().is_some_and(|last| Arc::ptr_eq(last, &node.content)) {
                history.versions.push(Arc::clone(&node.content));
            }
        }
        self.snapshots.push(self.model.clone());
    }

    /// The tree as it is now survives a crash.
    fn tree_durable(&mut self) {
        self.snapshots = vec![self.model.clone()];
    }

    fn file_durable(&mut self, id: NodeId) {
        if let Ok(node) = self.model.node(id) {
            let versions = vec![Arc::clone(&node.content)];
            self.histories.insert(id, History { versions, dirty: false });
        }
    }

    fn all_durable(&mut self) {
        self.tree_durable();
        let all: Vec<NodeId> = self.histories.keys().copied().collect();
        all.into_iter().for_each(|id| self.file_durable(id));
    }

    fn note(&mut self, text: String) {
        let text = format!("{:3} {text}", self.model.op);
        if self.loud {
            println!("{text}");
        }
        self.log.push(text);
    }

    fn same<T: Debug + PartialEq>(&self, model: &Result<T, Error>, vfs: &Result<T, Error>) {
        // The words of a refusal are not compared, only which one it is.
        assert_eq!(model, vfs, "seed {}: the model (left) and the vfs (right) differ", self.seed);
    }

    /// A node that both made, or both found, or neither.
    fn same_node(&mut self, model: Result<NodeId, Error>, vfs: Result<Attr, Error>) {
        match (&model, &vfs) {
            (Ok(node), Ok(attr)) => {
                let known = *self.ids.entry(*node).or_insert(attr.inode);
                assert_eq!(known, attr.inode, "seed {}: another inode", self.seed);
                let same: BTreeSet<_> = self.ids.values().collect();
                assert_eq!(same.len(), self.ids.len(), "an inode id is never used again");
                self.end();
                self.check_attr(*node, attr);
            }
            _ => {
                self.same(&model.map(|_| ()), &vfs.map(|_| ()));
                self.end();
            }
        }
    }

    fn check_stamp(&self, what: &str, stamp: Stamp, time: Timestamp) {
        match stamp {
            Stamp::At(set) => assert_eq!(set, time, "seed {}: {what}", self.seed),
            Stamp::During(op) => {
                let (from, to) = self.windows[usize::try_from(op).unwrap()];
                let text = format!("seed {}: {what} is not of operation {op}", self.seed);
                assert!(from <= time && time <= to, "{text}: {from:?} {time:?} {to:?}");
            }
        }
    }

    fn check_attr(&mut self, id: NodeId, attr: &Attr) {
        let node = self.model.node(id).unwrap();
        let at = format!("seed {}: {id:?}", self.seed);
        assert_eq!(node.kind, attr.kind, "{at}");
        assert_eq!(format!("{:o}", node.mode), format!("{:o}", attr.mode), "{at}: mode");
        assert_eq!((node.uid, node.gid), (attr.uid, attr.gid), "{at}: owner");
        assert_eq!(node.nlink, attr.nlink, "{at}: links");
        assert_eq!(node.size(), attr.size, "{at}: size");
        assert_eq!(node.rdev, attr.rdev, "{at}: device");
        self.check_stamp(&format!("mtime of {id:?}"), node.mtime, attr.mtime);
        self.check_stamp(&format!("ctime of {id:?}"), node.ctime, attr.ctime);
        let changes = node.changes;
        let (before, version) = self.seen.get(&id).copied().unwrap_or((0, 0));
        if changes == before {
            assert_eq!(version, attr.version, "{at}: nothing changed, but the version did");
        } else {
            assert!(attr.version > version, "{at}: content changed, the version did not grow");
        }
        self.seen.insert(id, (changes, attr.version));
    }

    async fn check_attrs(&mut self) {
        let live: Vec<NodeId> = self.model.nodes.keys().copied().collect();
        for id in live {
            let attr = self.vfs.getattr(self.inode(id)).await.unwrap();
            self.check_attr(id, &attr);
        }
    }

    /// Entries by pages of three, content as a whole, targets, properties.
    async fn check_all(&mut self) {
        self.check_attrs().await;
        let live: Vec<NodeId> = self.model.nodes.keys().copied().collect();
        for id in live {
            let (node, inode) = (self.model.node(id).unwrap().clone(), self.inode(id));
            let props: BTreeMap<Bytes, Bytes> =
                self.vfs.props(inode).await.unwrap().into_iter().collect();
            assert_eq!(node.props, props, "seed {}", self.seed);
            if node.kind == FileKind::File {
                let found = read_all(&self.vfs, inode).await;
                assert!(*node.content == found, "seed {}: content of {id:?}", self.seed);
            }
            if node.kind == FileKind::Directory && node.nlink > 0 {
                let entries = node.entries.iter().map(|(name, id)| (name.clone(), self.inode(*id)));
                let entries: BTreeMap<Vec<u8>, InodeId> = entries.collect();
                assert_eq!(entries, list(&self.vfs, inode).await, "seed {}", self.seed);
            }
        }
    }

    pub(crate) async fn step(&mut self) {
        self.begin();
        match self.rng.below(100) {
            0..=11 => self.create().await,
            12..=19 => self.make_other().await,
            20..=37 => self.write().await,
            38..=45 => self.read().await,
            46..=53 => self.setattr().await,
            54..=58 => self.truncate().await,
            59..=63 => self.look().await,
            64..=67 => self.link().await,
            68..=73 => self.remove().await,
            74..=81 => self.rename().await,
            82..=84 => self.pin().await,
            85..=86 => self.props().await,
            87..=91 => self.commit().await,
            92..=93 => self.sync().await,
            94..=95 => self.let_time_pass().await,
            96..=97 => self.restart().await,
            _ => self.crash().await,
        }
        self.check_attrs().await;
        if self.model.op.is_multiple_of(10) {
            self.check_all().await;
        }
    }

    async fn create(&mut self) {
        let (who, dir, text) = (self.some_who(), self.some_dir(), self.some_name());
        let mut set = self.some_set();
        if self.chance(4) {
            set.size = Some(self.some_size());
        }
        let mode = match self.rng.below(3) {
            0 => CreateMode::Unchecked(set),
            1 => CreateMode::Guarded(set),
            _ => CreateMode::Exclusive([u8::try_from(self.rng.below(2)).unwrap(); 8]),
        };
        self.note(format!("create {dir:?} {text} {mode:?} as {}", who.uid));
        let vfs = self.vfs.create(&who, self.inode(dir), &name(text), mode).await;
        let model = self.model.create(&who, dir, text.as_bytes(), mode);
        self.same_node(model, vfs.map(|created| created.attr));
    }

    async fn make_other(&mut self) {
        let (who, dir, text) = (self.some_who(), self.some_dir(), self.some_name());
        let (set, inode, name) = (self.some_set(), self.inode(dir), name(text));
        let kinds = [
            FileKind::Directory,
            FileKind::Directory,
            FileKind::Directory,
            FileKind::Symlink,
            FileKind::Fifo,
            FileKind::CharDevice,
        ];
        let kind = self.pick(&kinds);
        self.note(format!("make {kind:?} {dir:?} {text} {set:?} as {}", who.uid));
        let target = Bytes::from(vec![b't'; self.pick(&[0, 3, 4_096, 4_097])]);
        let vfs = match kind {
            FileKind::Directory => self.vfs.mkdir(&who, inode, &name, set).await,
            FileKind::Symlink => self.vfs.symlink(&who, inode, &name, target.clone(), set).await,
            kind => self.vfs.mknod(&who, inode, &name, kind, (4, 5), set).await,
        };
        let model = match kind {
            FileKind::Symlink => self.model.symlink(&who, dir, text.as_bytes(), target, set),
            kind => self.model.mknod(&who, dir, text.as_bytes(), kind, (4, 5), set),
        };
        self.same_node(model, vfs.map(|created| created.attr));
    }

    async fn write(&mut self) {
        let (who, id) = (self.some_who(), self.some_of(FileKind::File));
        let offset = match self.rng.below(20) {
            0 => u64::MAX - 5,
            1 => (1 << 51) - 1,
            _ => self.pick(&OFFSETS) + self.rng.below(3),
        };
        let len = if offset == (1 << 51) - 1 { 10 } else { self.pick(&LENGTHS) };
        let byte = u8::try_from(1 + self.model.op % 250).unwrap();
        // Half of the bytes compress, half do not.
        let mut data = vec![byte; usize::try_from(len).unwrap()];
        if self.chance(2) {
            sealgate::base::Random::fill(&self.rng, &mut data);
        }
        let stable = self.chance(6);
        self.note(format!("write {id:?} {offset}+{len} stable={stable} as {}", who.uid));
        let stability = if stable { Stability::FileSync } else { Stability::Unstable };
        let bytes = Bytes::from(data.clone());
        let vfs = self.vfs.write(&who, self.inode(id), offset, bytes, stability).await;
        let model = self.model.write(&who, id, offset, &data);
        self.same(&model, &vfs.as_ref().map(|_| ()).map_err(Clone::clone));
        self.end();
        if let Ok(written) = vfs {
            assert_eq!(u64::from(written.count), len);
            self.check_attr(id, &written.wcc.after);
            self.histories.entry(id).or_default().dirty = true;
            if stable {
                self.file_durable(id);
                self.tree_durable();
            }
        }
    }

    async fn read(&mut self) {
        let (who, id) = (self.some_who(), self.some_of(FileKind::File));
        let offset = self.pick(&OFFSETS).saturating_sub(self.rng.below(3));
        let count = u32::try_from(self.pick(&LENGTHS)).unwrap();
        self.note(format!("read {id:?} {offset}+{count} as {}", who.uid));
        let vfs = self.vfs.read(&who, self.inode(id), offset, count).await;
        let model = self.model.read(&who, id, offset, count);
        if let Ok(data) = &vfs {
            let at_end = offset + data.len() as u64 >= self.model.node(id).unwrap().size();
            assert_eq!(data.eof, at_end, "seed {}", self.seed);
        }
        let found = vfs.map(|data| data.slices.concat());
        assert!(model == found, "seed {}: bytes differ or {:?}", self.seed, found.err());
        self.end();
    }

    async fn setattr(&mut self) {
        let (who, id, set) = (self.some_who(), self.some_node(), self.some_set());
        let guard = match (self.rng.below(6), self.vfs.getattr(self.inode(id)).await) {
            (0, Ok(attr)) => Some(attr.ctime),
            (1, Ok(_)) => Some(Timestamp::new(1, 1)),
            _ => None,
        };
        let holds = guard != Some(Timestamp::new(1, 1));
        self.note(format!("setattr {id:?} {set:?} guard={guard:?} as {}", who.uid));
        let vfs = self.vfs.setattr(&who, self.inode(id), set, guard).await;
        let model = self.model.setattr(&who, id, set, holds);
        self.same(&model, &vfs.clone().map(|_| ()));
        self.end();
        if let Ok(wcc) = vfs {
            self.check_attr(id, &wcc.after);
            if let Some(SetTime::At(time)) = set.atime {
                assert_eq!(wcc.after.atime, time);
            }
        }
    }

    async fn truncate(&mut self) {
        let (who, id, size) = (self.some_who(), self.some_of(FileKind::File), self.some_size());
        let set = SetAttr { size: Some(size), ..SetAttr::default() };
        self.note(format!("truncate {id:?} {size} as {}", who.uid));
        let vfs = self.vfs.setattr(&who, self.inode(id), set, None).await;
        let model = self.model.setattr(&who, id, set, true);
        self.same(&model, &vfs.map(|_| ()));
        self.end();
    }

    async fn look(&mut self) {
        let (who, id, text) = (self.some_who(), self.some_node(), self.some_name());
        let inode = self.inode(id);
        self.note(format!("look at {id:?} and {text} as {}", who.uid));
        let vfs = self.vfs.access(&who, inode).await;
        let vfs = vfs.map(|(access, _)| (access.read, access.write, access.execute));
        self.same(&self.model.access(&who, id), &vfs);
        let vfs = self.vfs.readlink(&who, inode).await;
        self.same(&self.model.readlink(id), &vfs.map(|(target, _)| target));
        let vfs = self.vfs.readdir(&who, inode, 0, 100, true).await;
        let listed = self.model.readdir(&who, id);
        self.same(&listed.clone().map(|found| found.len()), &vfs.map(|page| page.entries.len()));
        let found = self.model.lookup(&who, id, text.as_bytes());
        let vfs = self.vfs.lookup(&who, inode, &name(text)).await;
        self.same_node(found, vfs);
    }

    async fn link(&mut self) {
        let (who, dir, text) = (self.some_who(), self.some_dir(), self.some_name());
        let id = self.some_of(FileKind::File);
        self.note(format!("link {id:?} to {dir:?} {text} as {}", who.uid));
        let vfs = self.vfs.link(&who, self.inode(id), self.inode(dir), &name(text)).await;
        let model = self.model.link(&who, id, dir, text.as_bytes());
        self.same(&model, &vfs.as_ref().map(|_| ()).map_err(Clone::clone));
        self.end();
        if let Ok(linked) = vfs {
            self.check_attr(id, &linked.attr);
            self.check_attr(dir, &linked.dir.after);
        }
    }

    async fn remove(&mut self) {
        let (who, dir, text) = (self.some_who(), self.some_dir(), self.some_name());
        let (inode, file) = (self.inode(dir), name(text));
        let kind = self.rng.below(5);
        self.note(format!("remove/{kind} {dir:?} {text} as {}", who.uid));
        let vfs = match kind {
            0 | 1 => self.vfs.remove(&who, inode, &file).await,
            2 | 3 => self.vfs.rmdir(&who, inode, &file).await,
            _ => self.vfs.remove_tree(&who, inode, &file).await,
        };
        let model = match kind {
            0 | 1 => self.model.remove(&who, dir, text.as_bytes()),
            2 | 3 => self.model.rmdir(&who, dir, text.as_bytes()),
            _ => self.model.remove_tree(&who, dir, text.as_bytes()),
        };
        self.same(&model, &vfs.map(|_| ()));
        self.wait_for_reclaim().await;
        self.end();
    }

    async fn rename(&mut self) {
        let who = self.some_who();
        let (from, to) = (self.some_dir(), self.some_dir());
        let (old, new) = (self.some_name(), self.some_name());
        let replace_tree = self.chance(4);
        self.note(format!(
            "rename {from:?} {old} to {to:?} {new} tree={replace_tree} as {}",
            who.uid
        ));
        let (from_inode, to_inode) = (self.inode(from), self.inode(to));
        let (old_name, new_name) = (name(old), name(new));
        let vfs = if replace_tree {
            let vfs = &self.vfs;
            vfs.rename_replacing_tree(&who, from_inode, &old_name, to_inode, &new_name).await
        } else {
            self.vfs.rename(&who, from_inode, &old_name, to_inode, &new_name).await
        };
        let (old, new) = ((from, old.as_bytes()), (to, new.as_bytes()));
        let model = self.model.rename(&who, old, new, replace_tree);
        self.same(&model, &vfs.as_ref().map(|_| ()).map_err(Clone::clone));
        self.wait_for_reclaim().await;
        self.end();
        if let Ok(renamed) = vfs {
            self.check_attr(from, &renamed.from.after);
            self.check_attr(to, &renamed.to.after);
        }
    }

    /// What a removed tree held goes in the background: waits until it is gone, within the window
    /// of the operation.
    async fn wait_for_reclaim(&mut self) {
        for (id, inode) in self.ids.clone() {
            for round in 0.. {
                let expected = self.model.node(id).map(|node| node.nlink);
                let found = self.vfs.getattr(inode).await.map(|attr| attr.nlink);
                if expected == found {
                    break;
                }
                assert!(round < 2_000, "seed {}: {id:?} {expected:?} {found:?}", self.seed);
                if round % 50 == 49 {
                    self.clock.advance(Duration::from_secs(1));
                }
                pause().await;
            }
        }
    }

    async fn pin(&mut self) {
        if !self.pins.is_empty() && self.chance(2) {
            let at = usize::try_from(self.rng.below(self.pins.len() as u64)).unwrap();
            let (id, pin) = self.pins.swap_remove(at);
            self.note(format!("unpin {id:?}"));
            drop(pin);
            self.model.unpin(id);
            self.end();
            return;
        }
        let id = self.some_of(FileKind::File);
        if self.model.node(id).is_ok_and(|node| node.kind != FileKind::File) {
            self.end();
            return;
        }
        self.note(format!("pin {id:?}"));
        let vfs = self.vfs.pin(self.inode(id)).await;
        let model = self.model.pin(id);
        self.same(&model, &vfs.as_ref().map(|_| ()).map_err(Clone::clone));
        self.pins.extend(vfs.ok().map(|pin| (id, pin)));
        self.end();
    }

    async fn props(&mut self) {
        let (who, id) = (self.some_who(), self.some_node());
        let prop = Bytes::from(self.pick(&["urn:x a", "urn:x b"]));
        let value = (!self.chance(3)).then(|| Bytes::from(vec![b'v'; self.pick(&[0, 5, 65_536])]));
        self.note(format!("set property of {id:?} as {}", who.uid));
        let set = vec![(prop.clone(), value.clone())];
        let vfs = self.vfs.set_props(&who, self.inode(id), set).await;
        let model = self.model.set_prop(&who, id, prop, value);
        self.same(&model, &vfs);
        self.end();
    }

    async fn commit(&mut self) {
        let id = self.some_of(FileKind::File);
        self.note(format!("commit {id:?}"));
        let vfs = self.vfs.commit(self.inode(id), 0, 0).await;
        self.same(
            &self.model.node(id).map(|_| ()),
            &vfs.as_ref().map(|_| ()).map_err(Clone::clone),
        );
        self.end();
        if let Ok(committed) = vfs {
            assert_eq!(committed.verifier, self.vfs.write_verifier());
            self.file_durable(id);
            self.tree_durable();
        }
    }

    async fn sync(&mut self) {
        self.note("sync".to_owned());
        self.vfs.sync().await.unwrap();
        self.end();
        self.all_durable();
        assert_eq!(self.vfs.dirty_bytes(), 0, "seed {}: everything is stored", self.seed);
    }

    async fn let_time_pass(&mut self) {
        self.note("time passes".to_owned());
        self.clock.advance(Duration::from_secs(self.rng.below(4)));
        for _ in 0..self.rng.below(20) {
            tokio::task::yield_now().await;
        }
        self.end();
    }

    /// Open files do not survive the process.
    fn forget_pins(&mut self) {
        for (id, pin) in std::mem::take(&mut self.pins) {
            drop(pin);
            self.model.unpin(id);
        }
    }

    async fn restart(&mut self) {
        self.note("clean restart".to_owned());
        self.forget_pins();
        self.vfs.shutdown().await.unwrap();
        self.volume.restart();
        self.vfs = self.volume.start().await;
        self.end();
        self.all_durable();
        self.check_all().await;
    }

    async fn crash(&mut self) {
        self.note("crash".to_owned());
        self.forget_pins();
        self.volume.restart();
        let verifier = self.vfs.write_verifier();
        self.vfs = self.volume.start().await;
        assert_ne!(verifier, self.vfs.write_verifier());
        let found = self.state_after_crash().await;
        let before = std::mem::replace(&mut self.model, found);
        self.model.op = before.op;
        self.model.count_on_from(&before);
        self.end();
        // What is there now was read from the store: it survives the next crash too.
        self.all_durable();
        self.check_all().await;
    }

    /// The newest snapshot that the volume agrees with, with the content it has.
    async fn state_after_crash(&mut self) -> Model {
        let mut reasons = Vec::new();
        for mut model in std::mem::take(&mut self.snapshots).into_iter().rev() {
            model.nodes.values_mut().for_each(|node| node.pins = 0);
            model.nodes.retain(|_, node| node.nlink > 0);
            match self.adopt(&mut model).await {
                Ok(()) => return model,
                Err(reason) => reasons.push(format!("operation {}: {reason}", model.op)),
            }
        }
        panic!("seed {}: no state since the last flush fits:\n{}", self.seed, reasons.join("\n"));
    }

    /// Compares the volume with `model` and takes over the content that unstable writes left.
    async fn adopt(&mut self, model: &mut Model) -> Result<(), String> {
        for (&id, node) in &mut model.nodes {
            let inode = self.ids[&id];
            let attr = self.vfs.getattr(inode).await.map_err(|error| format!("{id:?}: {error}"))?;
            let history = self.histories.get(&id).cloned().unwrap_or_default();
            let same = (attr.kind, attr.nlink, attr.uid, attr.gid)
                == (node.kind, node.nlink, node.uid, node.gid);
            if !same {
                return Err(format!("{id:?}: {attr:?}"));
            }
            if node.kind == FileKind::Directory {
                let entries = node.entries.iter().map(|(name, id)| (name.clone(), self.ids[id]));
                if entries.collect::<BTreeMap<_, _>>() != list(&self.vfs, inode).await {
                    return Err(format!("{id:?}: other entries"));
                }
            }
            if node.kind == FileKind::File {
                let found = read_all(&self.vfs, inode).await;
                check_content(&history, &found).map_err(|reason| format!("{id:?}: {reason}"))?;
                node.content = Arc::new(found);
            }
            if history.dirty {
                node.mode = attr.mode;
                (node.mtime, node.ctime) = (Stamp::At(attr.mtime), Stamp::At(attr.ctime));
            } else if node.mode != attr.mode || !self.fits(node.ctime, attr.ctime) {
                return Err(format!("{id:?}: mode or time of another moment"));
            }
            let props: BTreeMap<Bytes, Bytes> =
                self.vfs.props(inode).await.unwrap().into_iter().collect();
            if node.props != props {
                return Err(format!("{id:?}: other properties"));
            }
            self.seen.insert(id, (node.changes, attr.version));
        }
        Ok(())
    }

    fn fits(&self, stamp: Stamp, time: Timestamp) -> bool {
        match stamp {
            Stamp::At(set) => set == time,
            Stamp::During(op) => {
                let (from, to) = self.windows[usize::try_from(op).unwrap()];
                from <= time && time <= to
            }
        }
    }

    /// Everything once more, and then the books.
    pub(crate) async fn finish(&mut self) {
        self.begin();
        self.end();
        self.check_all().await;
        self.forget_pins();
        self.vfs.shutdown().await.unwrap();
        self.volume.restart();
        let faults = recount(&self.volume.volume()).await;
        assert!(faults.is_empty(), "seed {}: {}", self.seed, faults.join("\n"));
        self.note("end".to_owned());
    }
}

async fn pause() {
    tokio::task::yield_now().await;
    SystemClock::new().sleep(Duration::from_micros(200)).await;
}

/// Every byte was there at some moment since the last commit, and the size too.
fn check_content(history: &History, found: &[u8]) -> Result<(), String> {
    let versions = &history.versions;
    if !history.dirty {
        let known = versions.iter().any(|version| ***version == *found);
        return if known { Ok(()) } else { Err("content that it never had".to_owned()) };
    }
    if !versions.iter().any(|version| version.len() == found.len()) {
        return Err(format!("{} bytes, a size it never had", found.len()));
    }
    for (at, byte) in found.iter().enumerate() {
        let known = versions.iter().any(|version| version.get(at).copied().unwrap_or(0) == *byte);
        if !known {
            return Err(format!("byte {at} is {byte}, which it never was"));
        }
    }
    Ok(())
}
