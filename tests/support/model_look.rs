//! What a volume shows: whole files and whole directories.

use std::collections::BTreeMap;

use sealgate::base::InodeId;
use sealgate::vfs::{Identity, Vfs};

pub(crate) async fn read_all(vfs: &Vfs, inode: InodeId) -> Vec<u8> {
    vfs.read(&Identity::ROOT, inode, 0, 4 << 20).await.unwrap().slices.concat()
}

pub(crate) async fn list(vfs: &Vfs, dir: InodeId) -> BTreeMap<Vec<u8>, InodeId> {
    let (mut found, mut cookie) = (BTreeMap::new(), 0);
    loop {
        let page = vfs.readdir(&Identity::ROOT, dir, cookie, 3, false).await.unwrap();
        for entry in page.entries {
            assert!(entry.cookie > cookie && entry.cookie >= 16 && entry.cookie < 1 << 63);
            cookie = entry.cookie;
            let twice = found.insert(entry.name.as_bytes().to_vec(), entry.inode);
            assert!(twice.is_none(), "an entry is listed once");
        }
        if page.eof {
            return found;
        }
    }
}
