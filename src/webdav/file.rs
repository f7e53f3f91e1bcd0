//! Open files as `dav-server` uses them: one to read, one to upload.

use std::collections::VecDeque;
use std::fmt;
use std::io::SeekFrom;

use bytes::Buf;
use bytes::Bytes;
use dav_server::fs::DavFile;
use dav_server::fs::DavMetaData;
use dav_server::fs::FsError;
use dav_server::fs::FsFuture;
use dav_server::fs::FsResult;

use super::fs::Meta;
use super::resolve::Place;
use super::session::Fault;
use super::session::Session;
use super::status::fs_error;
use super::status::is_answer;
use crate::base::InodeId;
use crate::base::to_u32;
use crate::base::to_u64;
use crate::vfs::Attr;
use crate::vfs::Error;
use crate::vfs::Pin;
use crate::vfs::SetAttr;
use crate::vfs::SetTime;
use crate::vfs::Stability;

/// Bytes asked of the vfs at once, and the size `dav-server` reads in.
pub(super) const IO_BYTES: usize = 1 << 20;

/// Turns an error into what `dav-server` understands, keeping what that cannot say.
pub(super) fn tell(session: &Session, error: &Error) -> FsError {
    if !is_answer(error) {
        session.note(Fault::Vfs(error.clone()));
    }
    fs_error(error)
}

/// A file opened for reading. What a replaced file held stays readable until this is dropped.
pub(super) struct ReadFile {
    session: Session,
    attr: Attr,
    offset: u64,
    /// Read from the vfs and not handed out yet, so that no buffer is copied.
    ready: VecDeque<Bytes>,
    _pin: Pin,
}

impl ReadFile {
    pub(super) fn new(session: Session, attr: Attr, pin: Pin) -> Self {
        Self { session, attr, offset: 0, ready: VecDeque::new(), _pin: pin }
    }

    /// The next bytes, at most `count`. Never an empty buffer: `dav-server` would send zeros for
    /// what is missing, and wrong bytes are worse than a broken connection.
    async fn next(&mut self, count: usize) -> FsResult<Bytes> {
        if self.ready.is_empty() {
            let (session, inode, offset) = (&self.session, self.attr.inode, self.offset);
            let wanted = to_u32(count.min(IO_BYTES));
            let data = session
                .hold(|| session.vfs().read(&session.who, inode, offset, wanted))
                .await
                .map_err(|error| tell(session, &error))?;
            self.ready.extend(data.slices.into_iter().filter(|slice| !slice.is_empty()));
        }
        let mut slice = self.ready.pop_front().ok_or(FsError::GeneralFailure)?;
        if slice.len() > count {
            self.ready.push_front(slice.split_off(count));
        }
        self.offset += to_u64(slice.len());
        Ok(slice)
    }
}

/// A file being uploaded: an inode without a name until `flush` publishes it whole. Dropped before
/// that, it leaves nothing.
pub(super) struct StagedFile {
    session: Session,
    inode: InodeId,
    _pin: Pin,
    /// Where it goes.
    place: Place,
    /// What is there now; its properties go over to the new file.
    replaces: Option<Attr>,
    offset: u64,
    /// Whether every byte goes to the end, wherever `dav-server` seeks.
    append: bool,
    written: u64,
    /// What the client announced, if it did.
    announced: Option<u64>,
    attr: Attr,
}

/// What an upload starts from.
pub(super) struct Staging {
    pub(super) attr: Attr,
    pub(super) pin: Pin,
    pub(super) place: Place,
    pub(super) replaces: Option<Attr>,
    pub(super) announced: Option<u64>,
    pub(super) append: bool,
}

impl StagedFile {
    pub(super) fn new(session: Session, staging: Staging) -> Self {
        let Staging { attr, pin, place, replaces, announced, append } = staging;
        let offset = replaces.as_ref().filter(|_| append).map_or(0, |old| old.size);
        let inode = attr.inode;
        let written = 0;
        Self {
            session,
            inode,
            _pin: pin,
            place,
            replaces,
            offset,
            append,
            written,
            announced,
            attr,
        }
    }

    async fn write(&mut self, mut data: Bytes) -> FsResult<()> {
        while data.has_remaining() {
            let piece = data.split_to(data.len().min(IO_BYTES));
            let length = to_u64(piece.len());
            if self.announced.is_some_and(|announced| self.written + length > announced) {
                self.session.note(Fault::Length);
                return Err(FsError::GeneralFailure);
            }
            let (session, inode, offset) = (&self.session, self.inode, self.offset);
            let write = || {
                let unstable = Stability::Unstable;
                session.vfs().write(&session.who, inode, offset, piece.clone(), unstable)
            };
            session.hold(write).await.map_err(|error| tell(session, &error))?;
            self.offset += length;
            self.written += length;
        }
        Ok(())
    }

    /// Gives the file its name, in one transaction, if all of it came.
    async fn publish(&mut self) -> FsResult<()> {
        if self.announced.is_some_and(|announced| announced != self.written) {
            self.session.note(Fault::Length);
            return Err(FsError::GeneralFailure);
        }
        let session = &self.session;
        let result = publish(session, self.inode, &self.place, self.replaces.as_ref()).await;
        self.attr = result.map_err(|error| tell(session, &error))?;
        Ok(())
    }
}

async fn publish(
    session: &Session,
    inode: InodeId,
    place: &Place,
    replaces: Option<&Attr>,
) -> Result<Attr, Error> {
    if let Some(old) = replaces {
        copy_props(session, old.inode, inode).await?;
    }
    if let Some(mtime) = session.upload_mtime {
        let set = SetAttr { mtime: Some(SetTime::At(mtime)), ..SetAttr::default() };
        session.hold(|| session.vfs().setattr(&session.who, inode, set, None)).await?;
    }
    let publish = || session.vfs().publish(&session.who, inode, place.dir.inode, &place.name);
    Ok(session.hold(publish).await?.attr)
}

/// Gives `to` the dead properties of `from`.
///
/// # Errors
/// What the vfs answers.
pub(super) async fn copy_props(session: &Session, from: InodeId, to: InodeId) -> Result<(), Error> {
    let props = session.hold(|| session.vfs().props(from)).await?;
    if props.is_empty() {
        return Ok(());
    }
    let set: Vec<_> = props.into_iter().map(|(name, value)| (name, Some(value))).collect();
    session.hold(|| session.vfs().set_props(&session.who, to, set.clone())).await
}

/// The position a seek asks for.
fn target(from: SeekFrom, current: u64, end: u64) -> FsResult<u64> {
    let moved = match from {
        SeekFrom::Start(offset) => Some(offset),
        SeekFrom::Current(by) => current.checked_add_signed(by),
        SeekFrom::End(by) => end.checked_add_signed(by),
    };
    moved.ok_or(FsError::GeneralFailure)
}

impl DavFile for ReadFile {
    fn metadata(&mut self) -> FsFuture<'_, Box<dyn DavMetaData>> {
        let meta: Box<dyn DavMetaData> = Box::new(Meta(self.attr));
        Box::pin(std::future::ready(Ok(meta)))
    }

    fn write_buf(&mut self, _: Box<dyn Buf + Send>) -> FsFuture<'_, ()> {
        Box::pin(std::future::ready(Err(FsError::Forbidden)))
    }

    fn write_bytes(&mut self, _: Bytes) -> FsFuture<'_, ()> {
        Box::pin(std::future::ready(Err(FsError::Forbidden)))
    }

    fn read_bytes(&mut self, count: usize) -> FsFuture<'_, Bytes> {
        Box::pin(self.next(count))
    }

    fn seek(&mut self, from: SeekFrom) -> FsFuture<'_, u64> {
        Box::pin(async move {
            let offset = target(from, self.offset, self.attr.size)?;
            if offset != self.offset {
                self.ready.clear();
            }
            self.offset = offset;
            Ok(offset)
        })
    }

    fn flush(&mut self) -> FsFuture<'_, ()> {
        Box::pin(std::future::ready(Ok(())))
    }
}

impl DavFile for StagedFile {
    fn metadata(&mut self) -> FsFuture<'_, Box<dyn DavMetaData>> {
        let meta: Box<dyn DavMetaData> = Box::new(Meta(self.attr));
        Box::pin(std::future::ready(Ok(meta)))
    }

    fn write_buf(&mut self, mut buf: Box<dyn Buf + Send>) -> FsFuture<'_, ()> {
        let data = buf.copy_to_bytes(buf.remaining());
        Box::pin(self.write(data))
    }

    fn write_bytes(&mut self, data: Bytes) -> FsFuture<'_, ()> {
        Box::pin(self.write(data))
    }

    fn read_bytes(&mut self, _: usize) -> FsFuture<'_, Bytes> {
        Box::pin(std::future::ready(Err(FsError::Forbidden)))
    }

    fn seek(&mut self, from: SeekFrom) -> FsFuture<'_, u64> {
        let end = self.replaces.as_ref().map_or(0, |old| old.size);
        let result = if self.append { Ok(end) } else { target(from, self.offset, end) };
        if let Ok(offset) = result {
            self.offset = offset;
        }
        Box::pin(std::future::ready(result))
    }

    fn flush(&mut self) -> FsFuture<'_, ()> {
        Box::pin(self.publish())
    }
}

impl fmt::Debug for ReadFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReadFile({}, offset {})", self.attr.inode, self.offset)
    }
}

impl fmt::Debug for StagedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StagedFile({}, {} bytes written)", self.inode, self.written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seek_before_the_start_is_refused() {
        assert_eq!(target(SeekFrom::Start(7), 1, 10), Ok(7));
        assert_eq!(target(SeekFrom::Current(-1), 1, 10), Ok(0));
        assert_eq!(target(SeekFrom::End(-10), 1, 10), Ok(0));
        assert_eq!(target(SeekFrom::End(-11), 1, 10), Err(FsError::GeneralFailure));
    }
}
