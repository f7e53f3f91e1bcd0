//! Dead properties: names and values that clients keep with an inode.

use bytes::Bytes;

use super::{Result, locked_record};
use crate::base::{FileName, InodeId};
use crate::format::{PROPERTY_NAME_BYTES_MAX, PROPERTY_VALUE_BYTES_MAX, PropertyRecord};
use crate::meta::{RecordKey, keys};

use super::super::access::check_write;
use super::super::cell::lock_all;
use super::super::change::Change;
use super::super::{Error, Identity, Vfs};

/// Properties of one inode.
const PROPERTIES_MAX: usize = 256;

impl Vfs {
    /// The properties of an inode: name and value of each.
    ///
    /// # Errors
    /// [`Error::Stale`].
    pub async fn props(&self, inode: InodeId) -> Result<Vec<(Bytes, Bytes)>> {
        self.cell(inode).await?;
        let prefix = keys::properties_of(inode);
        let found = self.noting(self.records().scan(&prefix, None, PROPERTIES_MAX).await)?;
        let decoded = found.into_iter().map(|(key, bytes)| {
            let key = RecordKey::found(&key);
            let record = PropertyRecord::decode(&bytes).map_err(|e| Error::layout(&key, e))?;
            Ok((record.name, record.value))
        });
        decoded.collect()
    }

    /// Sets properties (`Some`) and removes them (`None`), all in one transaction.
    ///
    /// # Errors
    /// [`Error::Denied`] without write permission, [`Error::TooLarge`] for a name of more than
    /// 1,024 bytes or a value of more than 64 KiB, [`Error::NoSpace`] beyond 256 properties.
    ///
    /// # Durability
    /// Committed on return; durable as [`super::super::MetadataSync`] says.
    pub async fn set_props(
        &self,
        who: &Identity,
        inode: InodeId,
        set: Vec<(Bytes, Option<Bytes>)>,
    ) -> Result<()> {
        self.check_writable()?;
        let cell = self.cell(inode).await?;
        let held = lock_all(&[&cell]).await;
        check_write(&locked_record(&cell)?, who)?;
        let known = self.props(inode).await?;
        let new = set.iter().filter(|(name, value)| {
            value.is_some() && !known.iter().any(|(other, _)| other == name)
        });
        if known.len() + new.count() > PROPERTIES_MAX {
            return Err(Error::NoSpace);
        }
        let mut change = Change::begin(self).await?;
        for (name, value) in set {
            let too_long = name.len() > PROPERTY_NAME_BYTES_MAX
                || value.as_ref().is_some_and(|value| value.len() > PROPERTY_VALUE_BYTES_MAX);
            if too_long {
                return Err(Error::TooLarge);
            }
            let key = RecordKey::property(inode, self.property_hash(inode, &name)?);
            match value {
                Some(value) => change.put(&key, &PropertyRecord { name, value }.encode()),
                None => change.delete(&key),
            }
        }
        change.commit().await?;
        drop(held);
        self.settle().await
    }

    /// The keyed hash of a property's name. Names are longer than file names and hold slashes, so
    /// their parts are hashed one after the other.
    fn property_hash(&self, inode: InodeId, name: &[u8]) -> Result<u64> {
        let mut hash = 0_u64;
        for part in name.chunks(96) {
            let mut text = format!("{hash:016x}");
            part.iter().for_each(|byte| text.push_str(&format!("{byte:02x}")));
            let part = FileName::new(text.into_bytes()).map_err(|_| Error::Invalid)?;
            hash = self.name_hash(inode, &part);
        }
        Ok(hash)
    }
}
