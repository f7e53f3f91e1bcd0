//! A file system as plain as it can be: what the vfs does is compared with it.
//!
//! Inodes are in a map, content in a vector; nothing is cached, stored or concurrent. Permissions
//! and times are written down from POSIX once more, not called from the vfs.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use crate::base::limits::{FILE_BYTES_MAX, LINKS_MAX, SYMLINK_BYTES_MAX};
use crate::base::{Timestamp, to_u64, to_usize};
use crate::vfs::{CreateMode, Error, FileKind, Identity, SetAttr, SetTime};

/// The number of a node in the model; the tests know which inode it stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(u64);

impl NodeId {
    /// The root directory.
    pub const ROOT: Self = Self(1);
}

/// A time: the one somebody set, or whatever the clock said during an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stamp {
    /// During the operation with this number.
    During(u64),
    /// Exactly this one.
    At(Timestamp),
}

/// One inode.
#[derive(Clone, Debug)]
pub struct Node {
    /// What it is.
    pub kind: FileKind,
    /// Permission, set-id and sticky bits.
    pub mode: u32,
    /// Hard links.
    pub nlink: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Content of a file.
    pub content: Arc<Vec<u8>>,
    /// Target of a symlink.
    pub target: Bytes,
    /// Device numbers.
    pub rdev: (u32, u32),
    /// Last change of content.
    pub mtime: Stamp,
    /// Last change of anything.
    pub ctime: Stamp,
    /// Changes of content so far.
    pub changes: u64,
    /// The directory that holds a directory.
    pub parent: NodeId,
    /// Entries of a directory.
    pub entries: BTreeMap<Vec<u8>, NodeId>,
    /// Verifier of an exclusive creation.
    pub verifier: Option<[u8; 8]>,
    /// Properties.
    pub props: BTreeMap<Bytes, Bytes>,
    /// How often it is kept open.
    pub pins: u32,
}

impl Node {
    /// Its size as attributes show it.
    #[must_use]
    pub fn size(&self) -> u64 {
        match self.kind {
            FileKind::Directory => (to_u64(self.entries.len()) + 2) * 64,
            FileKind::Symlink => to_u64(self.target.len()),
            FileKind::File => to_u64(self.content.len()),
            FileKind::CharDevice | FileKind::BlockDevice | FileKind::Fifo | FileKind::Socket => 0,
        }
    }

    /// Read, write and execute as three bits.
    fn bits(&self, who: &Identity) -> u32 {
        if who.uid == 0 {
            let runs = self.kind == FileKind::Directory || self.mode & 0o111 != 0;
            return 0o6 | u32::from(runs);
        }
        if who.uid == self.uid {
            self.mode >> 6 & 7
        } else if who.gid == self.gid || who.groups.contains(&self.gid) {
            self.mode >> 3 & 7
        } else {
            self.mode & 7
        }
    }

    fn check_search(&self, who: &Identity) -> Result<(), Error> {
        if self.kind != FileKind::Directory {
            return Err(Error::NotDirectory);
        }
        if self.bits(who) & 1 == 0 { Err(Error::Denied) } else { Ok(()) }
    }

    fn check_entries(&self, who: &Identity) -> Result<(), Error> {
        self.check_search(who)?;
        if self.bits(who) & 2 == 0 { Err(Error::Denied) } else { Ok(()) }
    }

    fn check_write(&self, who: &Identity) -> Result<(), Error> {
        if self.bits(who) & 2 != 0 || who.uid == self.uid { Ok(()) } else { Err(Error::Denied) }
    }

    fn check_is_file(&self) -> Result<(), Error> {
        match self.kind {
            FileKind::File => Ok(()),
            FileKind::Directory => Err(Error::IsDirectory),
            FileKind::Symlink
            | FileKind::CharDevice
            | FileKind::BlockDevice
            | FileKind::Fifo
            | FileKind::Socket => Err(Error::Invalid),
        }
    }

    fn check_sticky(&self, victim: &Self, who: &Identity) -> Result<(), Error> {
        let owns = who.uid == 0 || who.uid == self.uid || who.uid == victim.uid;
        if self.mode & 0o1000 != 0 && !owns { Err(Error::NotPermitted) } else { Ok(()) }
    }

    /// Set-id bits do not survive a change by, or to, somebody else.
    fn drop_set_id(&mut self) {
        if self.kind == FileKind::Directory {
            return;
        }
        self.mode &= !0o4000;
        if self.mode & 0o010 != 0 {
            self.mode &= !0o2000;
        }
    }
}

/// What a new node is beyond its attributes.
#[derive(Clone, Debug)]
struct New {
    kind: FileKind,
    target: Bytes,
    rdev: (u32, u32),
    verifier: Option<[u8; 8]>,
}

/// The whole file system.
#[derive(Clone, Debug)]
pub struct Model {
    /// All inodes that exist.
    pub nodes: BTreeMap<NodeId, Node>,
    next: u64,
    /// The number of the operation under way.
    pub op: u64,
}

/// What a removal may take.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Victim {
    File,
    Directory,
    Tree,
}

impl Model {
    /// Never gives out a number again that `other` gave out.
    pub fn count_on_from(&mut self, other: &Self) {
        self.next = self.next.max(other.next);
    }

    /// A root directory, as a new volume has it.
    #[must_use]
    pub fn new() -> Self {
        let mut model = Self { nodes: BTreeMap::new(), next: 1, op: 0 };
        let new =
            New { kind: FileKind::Directory, target: Bytes::new(), rdev: (0, 0), verifier: None };
        let root = model.new_node(&Identity::ROOT, NodeId::ROOT, SetAttr::default(), new);
        model.nodes.insert(NodeId::ROOT, root);
        model.next = 2;
        model
    }

    /// A node that exists.
    ///
    /// # Errors
    /// [`Error::Stale`].
    pub fn node(&self, id: NodeId) -> Result<&Node, Error> {
        self.nodes.get(&id).ok_or(Error::Stale)
    }

    fn node_mut(&mut self, id: NodeId) -> Result<&mut Node, Error> {
        self.nodes.get_mut(&id).ok_or(Error::Stale)
    }

    /// LOOKUP.
    ///
    /// # Errors
    /// As the vfs.
    pub fn lookup(&self, who: &Identity, dir: NodeId, name: &[u8]) -> Result<NodeId, Error> {
        let dir = self.node(dir)?;
        dir.check_search(who)?;
        dir.entries.get(name).copied().ok_or(Error::NotFound)
    }

    /// ACCESS: read, write, execute.
    ///
    /// # Errors
    /// As the vfs.
    pub fn access(&self, who: &Identity, id: NodeId) -> Result<(bool, bool, bool), Error> {
        let bits = self.node(id)?.bits(who);
        Ok((bits & 4 != 0, bits & 2 != 0, bits & 1 != 0))
    }

    /// READLINK.
    ///
    /// # Errors
    /// As the vfs.
    pub fn readlink(&self, id: NodeId) -> Result<Bytes, Error> {
        let node = self.node(id)?;
        if node.kind == FileKind::Symlink { Ok(node.target.clone()) } else { Err(Error::Invalid) }
    }

    /// READDIR: names and nodes.
    ///
    /// # Errors
    /// As the vfs.
    pub fn readdir(&self, who: &Identity, id: NodeId) -> Result<BTreeMap<Vec<u8>, NodeId>, Error> {
        let node = self.node(id)?;
        if node.kind != FileKind::Directory {
            return Err(Error::NotDirectory);
        }
        if node.bits(who) & 4 == 0 { Err(Error::Denied) } else { Ok(node.entries.clone()) }
    }

    /// READ.
    ///
    /// # Errors
    /// As the vfs.
    pub fn read(
        &self,
        who: &Identity,
        id: NodeId,
        offset: u64,
        count: u32,
    ) -> Result<Vec<u8>, Error> {
        let node = self.node(id)?;
        node.check_is_file()?;
        if node.bits(who) & 0o5 == 0 && who.uid != node.uid {
            return Err(Error::Denied);
        }
        let start = to_usize(offset).min(node.content.len());
        let end = (start + to_usize(u64::from(count))).min(node.content.len());
        Ok(node.content.get(start..end).unwrap_or_default().to_vec())
    }

    fn new_node(&self, who: &Identity, dir: NodeId, set: SetAttr, new: New) -> Node {
        let is_directory = new.kind == FileKind::Directory;
        let parent = self.nodes.get(&dir);
        let inherits = parent.is_some_and(|parent| parent.mode & 0o2000 != 0);
        let (mut uid, mut gid) = (who.uid, who.gid);
        if let (Some(parent), true) = (parent, inherits) {
            gid = parent.gid;
        }
        if who.uid == 0 {
            uid = set.uid.unwrap_or(uid);
            gid = set.gid.unwrap_or(gid);
        }
        let default_mode = match new.kind {
            FileKind::Directory => 0o755,
            FileKind::Symlink => 0o777,
            FileKind::File
            | FileKind::CharDevice
            | FileKind::BlockDevice
            | FileKind::Fifo
            | FileKind::Socket => 0o644,
        };
        let mut mode = set.mode.unwrap_or(default_mode) & 0o7777;
        if is_directory && inherits {
            mode |= 0o2000;
        }
        let member = who.uid == 0 || who.gid == gid || who.groups.contains(&gid);
        if !is_directory && !member {
            mode &= !0o2000;
        }
        let now = Stamp::During(self.op);
        let mtime = match set.mtime {
            Some(SetTime::At(time)) => Stamp::At(time),
            Some(SetTime::Now) | None => now,
        };
        let size = if new.kind == FileKind::File { set.size.unwrap_or(0) } else { 0 };
        Node {
            kind: new.kind,
            mode,
            nlink: if is_directory { 2 } else { 1 },
            uid,
            gid,
            content: Arc::new(vec![0; to_usize(size)]),
            target: new.target,
            rdev: new.rdev,
            mtime,
            ctime: now,
            changes: 1,
            parent: dir,
            entries: BTreeMap::new(),
            verifier: new.verifier,
            props: BTreeMap::new(),
            pins: 0,
        }
    }

    fn touch(&mut self, id: NodeId) {
        let now = Stamp::During(self.op);
        if let Some(node) = self.nodes.get_mut(&id) {
            (node.mtime, node.ctime) = (now, now);
            node.changes += 1;
        }
    }

    /// A new node under a name; `Err(Ok(node))` if the name is taken.
    fn make(
        &mut self,
        who: &Identity,
        dir: NodeId,
        name: &[u8],
        set: SetAttr,
        new: New,
    ) -> Result<NodeId, Result<NodeId, Error>> {
        let parent = self.node(dir).map_err(Err)?;
        parent.check_search(who).map_err(Err)?;
        if let Some(&taken) = parent.entries.get(name) {
            return Err(Ok(taken));
        }
        parent.check_entries(who).map_err(Err)?;
        if new.kind == FileKind::File && set.size.is_some_and(|size| size > FILE_BYTES_MAX) {
            return Err(Err(Error::TooLarge));
        }
        let node = self.new_node(who, dir, set, new);
        let id = NodeId(self.next);
        self.next += 1;
        let is_directory = node.kind == FileKind::Directory;
        self.nodes.insert(id, node);
        self.touch(dir);
        let parent = self.node_mut(dir).map_err(Err)?;
        parent.entries.insert(name.to_vec(), id);
        parent.nlink += u32::from(is_directory);
        Ok(id)
    }

    /// CREATE.
    ///
    /// # Errors
    /// As the vfs.
    pub fn create(
        &mut self,
        who: &Identity,
        dir: NodeId,
        name: &[u8],
        mode: CreateMode,
    ) -> Result<NodeId, Error> {
        let (set, verifier) = match mode {
            CreateMode::Unchecked(set) | CreateMode::Guarded(set) => (set, None),
            CreateMode::Exclusive(verifier) => {
                (SetAttr { mode: Some(0o600), ..SetAttr::default() }, Some(verifier))
            }
        };
        let new = New { kind: FileKind::File, target: Bytes::new(), rdev: (0, 0), verifier };
        let taken = match self.make(who, dir, name, set, new) {
            Ok(id) => return Ok(id),
            Err(taken) => taken?,
        };
        let node = self.node(taken)?;
        match mode {
            CreateMode::Exclusive(asked) if node.verifier == Some(asked) => Ok(taken),
            CreateMode::Guarded(_) | CreateMode::Exclusive(_) => Err(Error::Exists),
            CreateMode::Unchecked(_) if node.kind == FileKind::Directory => Err(Error::IsDirectory),
            CreateMode::Unchecked(set) => {
                if set.size.is_some() && node.kind == FileKind::File {
                    let size = SetAttr { size: set.size, ..SetAttr::default() };
                    self.setattr(who, taken, size, true)?;
                }
                Ok(taken)
            }
        }
    }

    /// MKDIR, and MKNOD of pipes, sockets and devices.
    ///
    /// # Errors
    /// As the vfs.
    pub fn mknod(
        &mut self,
        who: &Identity,
        dir: NodeId,
        name: &[u8],
        kind: FileKind,
        rdev: (u32, u32),
        set: SetAttr,
    ) -> Result<NodeId, Error> {
        let is_device = matches!(kind, FileKind::CharDevice | FileKind::BlockDevice);
        if is_device && who.uid != 0 {
            return Err(Error::NotPermitted);
        }
        let rdev = if is_device { rdev } else { (0, 0) };
        let new = New { kind, target: Bytes::new(), rdev, verifier: None };
        self.make(who, dir, name, set, new).map_err(|taken| taken.err().unwrap_or(Error::Exists))
    }

    /// SYMLINK.
    ///
    /// # Errors
    /// As the vfs.
    pub fn symlink(
        &mut self,
        who: &Identity,
        dir: NodeId,
        name: &[u8],
        target: Bytes,
        set: SetAttr,
    ) -> Result<NodeId, Error> {
        if target.is_empty() || target.contains(&0) {
            return Err(Error::Invalid);
        }
        if target.len() > SYMLINK_BYTES_MAX {
            return Err(Error::NameTooLong);
        }
        let new = New { kind: FileKind::Symlink, target, rdev: (0, 0), verifier: None };
        self.make(who, dir, name, set, new).map_err(|taken| taken.err().unwrap_or(Error::Exists))
    }

    /// SETATTR; `guard_holds` is whether the guard, if there is one, matches.
    ///
    /// # Errors
    /// As the vfs.
    pub fn setattr(
        &mut self,
        who: &Identity,
        id: NodeId,
        set: SetAttr,
        guard_holds: bool,
    ) -> Result<(), Error> {
        let now = Stamp::During(self.op);
        let mut node = self.node(id)?.clone();
        if !guard_holds {
            return Err(Error::GuardMismatch);
        }
        let owns = who.uid == 0 || who.uid == node.uid;
        let may_write = node.bits(who) & 2 != 0;
        if let Some(size) = set.size {
            set_size(&mut node, who, size)?;
            node.mtime = now;
            node.changes += 1;
        }
        let owner = (node.uid, node.gid);
        set_owner(&mut node, who, &set, owns)?;
        if let Some(mode) = set.mode {
            if !owns {
                return Err(Error::NotPermitted);
            }
            node.mode = mode & 0o7777;
            let member = who.uid == 0 || who.gid == node.gid || who.groups.contains(&node.gid);
            if !member && node.kind != FileKind::Directory {
                node.mode &= !0o2000;
            }
        }
        let names_owner = set.uid.is_some() || set.gid.is_some();
        if names_owner && (set.mode.is_none() || owner != (node.uid, node.gid)) {
            node.drop_set_id();
        }
        let sets = |time: &Option<SetTime>| matches!(time, Some(SetTime::At(_)));
        if (sets(&set.atime) || sets(&set.mtime)) && !owns {
            return Err(Error::NotPermitted);
        }
        if [set.atime, set.mtime].contains(&Some(SetTime::Now)) && !owns && !may_write {
            return Err(Error::Denied);
        }
        match set.mtime {
            None => {}
            Some(SetTime::Now) => node.mtime = now,
            Some(SetTime::At(time)) => node.mtime = Stamp::At(time),
        }
        node.ctime = now;
        self.nodes.insert(id, node);
        Ok(())
    }

    /// WRITE.
    ///
    /// # Errors
    /// As the vfs.
    pub fn write(
        &mut self,
        who: &Identity,
        id: NodeId,
        offset: u64,
        data: &[u8],
    ) -> Result<(), Error> {
        if offset.saturating_add(to_u64(data.len())) > FILE_BYTES_MAX {
            return Err(Error::TooLarge);
        }
        let node = self.node_mut(id)?;
        node.check_is_file()?;
        node.check_write(who)?;
        if data.is_empty() {
            return Ok(());
        }
        if who.uid != 0 {
            node.drop_set_id();
        }
        let content = Arc::make_mut(&mut node.content);
        let (start, end) = (to_usize(offset), to_usize(offset) + data.len());
        content.resize(content.len().max(end), 0);
        if let Some(place) = content.get_mut(start..end) {
            place.copy_from_slice(data);
        }
        self.touch(id);
        Ok(())
    }

    /// LINK.
    ///
    /// # Errors
    /// As the vfs.
    pub fn link(
        &mut self,
        who: &Identity,
        id: NodeId,
        dir: NodeId,
        name: &[u8],
    ) -> Result<(), Error> {
        let node = self.node(id)?;
        let parent = self.node(dir)?;
        parent.check_entries(who)?;
        if node.kind == FileKind::Directory {
            return Err(Error::NotPermitted);
        }
        if parent.entries.contains_key(name) {
            return Err(Error::Exists);
        }
        if node.nlink == 0 {
            return Err(Error::Stale);
        }
        if node.nlink >= LINKS_MAX {
            return Err(Error::TooManyLinks);
        }
        let now = Stamp::During(self.op);
        let node = self.node_mut(id)?;
        node.nlink += 1;
        node.ctime = now;
        self.touch(dir);
        self.node_mut(dir)?.entries.insert(name.to_vec(), id);
        Ok(())
    }

    /// REMOVE.
    ///
    /// # Errors
    /// As the vfs.
    pub fn remove(&mut self, who: &Identity, dir: NodeId, name: &[u8]) -> Result<(), Error> {
        self.take_out(who, dir, name, Victim::File)
    }

    /// RMDIR.
    ///
    /// # Errors
    /// As the vfs.
    pub fn rmdir(&mut self, who: &Identity, dir: NodeId, name: &[u8]) -> Result<(), Error> {
        self.take_out(who, dir, name, Victim::Directory)
    }

    /// The removal of a whole tree.
    ///
    /// # Errors
    /// As the vfs.
    pub fn remove_tree(&mut self, who: &Identity, dir: NodeId, name: &[u8]) -> Result<(), Error> {
        self.take_out(who, dir, name, Victim::Tree)
    }

    fn take_out(
        &mut self,
        who: &Identity,
        dir: NodeId,
        name: &[u8],
        victim: Victim,
    ) -> Result<(), Error> {
        let parent = self.node(dir)?;
        parent.check_entries(who)?;
        let id = *parent.entries.get(name).ok_or(Error::NotFound)?;
        let node = self.node(id)?;
        parent.check_sticky(node, who)?;
        let is_directory = node.kind == FileKind::Directory;
        match victim {
            Victim::File if is_directory => return Err(Error::IsDirectory),
            Victim::Directory if !is_directory => return Err(Error::NotDirectory),
            Victim::Directory if !node.entries.is_empty() => return Err(Error::NotEmpty),
            Victim::File | Victim::Directory | Victim::Tree => {}
        }
        self.touch(dir);
        self.leave(dir, name);
        self.unlink(id);
        Ok(())
    }

    /// An entry goes out of its directory.
    fn leave(&mut self, dir: NodeId, name: &[u8]) {
        let Some(id) = self.nodes.get_mut(&dir).and_then(|dir| dir.entries.remove(name)) else {
            return;
        };
        let is_directory = self.nodes.get(&id).is_some_and(|node| node.kind == FileKind::Directory);
        if let (Some(dir), true) = (self.nodes.get_mut(&dir), is_directory) {
            dir.nlink -= 1;
        }
    }

    /// A node loses a name; a directory loses all it holds with it.
    fn unlink(&mut self, id: NodeId) {
        let now = Stamp::During(self.op);
        let Some(node) = self.nodes.get_mut(&id) else { return };
        node.ctime = now;
        node.nlink = if node.kind == FileKind::Directory { 0 } else { node.nlink - 1 };
        let inside = std::mem::take(&mut node.entries);
        self.forget_if_gone(id);
        for id in inside.into_values() {
            self.unlink(id);
        }
    }

    fn forget_if_gone(&mut self, id: NodeId) {
        if self.nodes.get(&id).is_some_and(|node| node.nlink == 0 && node.pins == 0) {
            self.nodes.remove(&id);
        }
    }

    /// Keeps a node open.
    ///
    /// # Errors
    /// As the vfs.
    pub fn pin(&mut self, id: NodeId) -> Result<(), Error> {
        self.node_mut(id)?.pins += 1;
        Ok(())
    }

    /// Closes it again.
    pub fn unpin(&mut self, id: NodeId) {
        if let Some(node) = self.nodes.get_mut(&id) {
            node.pins -= 1;
        }
        self.forget_if_gone(id);
    }

    /// Sets or removes one property.
    ///
    /// # Errors
    /// As the vfs.
    pub fn set_prop(
        &mut self,
        who: &Identity,
        id: NodeId,
        name: Bytes,
        value: Option<Bytes>,
    ) -> Result<(), Error> {
        let node = self.node_mut(id)?;
        node.check_write(who)?;
        match value {
            Some(value) => node.props.insert(name, value),
            None => node.props.remove(&name),
        };
        Ok(())
    }

    fn is_inside(&self, inside: NodeId, outer: NodeId) -> bool {
        let mut at = inside;
        while at != outer {
            if at == NodeId::ROOT {
                return false;
            }
            at = self.nodes.get(&at).map_or(NodeId::ROOT, |node| node.parent);
        }
        true
    }

    /// RENAME; with `replace_tree`, whatever has the new name goes.
    ///
    /// # Errors
    /// As the vfs.
    pub fn rename(
        &mut self,
        who: &Identity,
        (from, from_name): (NodeId, &[u8]),
        (to, to_name): (NodeId, &[u8]),
        replace_tree: bool,
    ) -> Result<(), Error> {
        let from_dir = self.node(from)?;
        from_dir.check_entries(who)?;
        let to_dir = self.node(to)?;
        to_dir.check_entries(who)?;
        let id = *from_dir.entries.get(from_name).ok_or(Error::NotFound)?;
        let moved = self.node(id)?;
        let target = to_dir.entries.get(to_name).copied();
        from_dir.check_sticky(moved, who)?;
        if target == Some(id) {
            return Ok(());
        }
        let moves_directory = moved.kind == FileKind::Directory;
        if moves_directory && from != to {
            if self.is_inside(to, id) {
                return Err(Error::Invalid);
            }
            if moved.bits(who) & 2 == 0 {
                return Err(Error::Denied);
            }
        }
        if let Some(target) = target {
            let replaced = self.node(target)?;
            to_dir.check_sticky(replaced, who)?;
            if replace_tree {
                if self.is_inside(from, target) {
                    return Err(Error::Invalid);
                }
            } else {
                check_replace(moved, replaced)?;
            }
        }
        self.touch(from);
        self.touch(to);
        self.leave(from, from_name);
        if let Some(target) = target {
            self.leave(to, to_name);
            self.unlink(target);
        }
        let now = Stamp::During(self.op);
        let to_dir = self.node_mut(to)?;
        to_dir.entries.insert(to_name.to_vec(), id);
        to_dir.nlink += u32::from(moves_directory);
        let moved = self.node_mut(id)?;
        moved.ctime = now;
        moved.parent = to;
        Ok(())
    }
}

impl Default for Model {
    fn default() -> Self {
        Self::new()
    }
}

fn set_size(node: &mut Node, who: &Identity, size: u64) -> Result<(), Error> {
    node.check_is_file()?;
    if size > FILE_BYTES_MAX {
        return Err(Error::TooLarge);
    }
    node.check_write(who)?;
    if who.uid != 0 {
        node.drop_set_id();
    }
    Arc::make_mut(&mut node.content).resize(to_usize(size), 0);
    Ok(())
}

fn set_owner(node: &mut Node, who: &Identity, set: &SetAttr, owns: bool) -> Result<(), Error> {
    if let Some(uid) = set.uid {
        if who.uid != 0 && !(owns && uid == node.uid) {
            return Err(Error::NotPermitted);
        }
        node.uid = uid;
    }
    if let Some(gid) = set.gid {
        let member = who.gid == gid || who.groups.contains(&gid) || gid == node.gid;
        if who.uid != 0 && !(owns && member) {
            return Err(Error::NotPermitted);
        }
        node.gid = gid;
    }
    Ok(())
}

fn check_replace(moved: &Node, replaced: &Node) -> Result<(), Error> {
    let is_directory = |node: &Node| node.kind == FileKind::Directory;
    match (is_directory(moved), is_directory(replaced)) {
        (true, false) => Err(Error::NotDirectory),
        (false, true) => Err(Error::IsDirectory),
        (true, true) if !replaced.entries.is_empty() => Err(Error::NotEmpty),
        _ => Ok(()),
    }
}
