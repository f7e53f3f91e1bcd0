//! The volume as the file system of `dav-server`: what OPTIONS, GET, HEAD, PUT, PATCH and MKCOL
//! need of it.
//!
//! MOVE, COPY, DELETE and properties never come through here (see `method`), so those functions
//! keep their default answer, "not implemented".

use std::time::SystemTime;

use dav_server::davpath::DavPath as CratePath;
use dav_server::fs::DavDirEntry;
use dav_server::fs::DavFile;
use dav_server::fs::DavMetaData;
use dav_server::fs::FsError;
use dav_server::fs::FsFuture;
use dav_server::fs::FsResult;
use dav_server::fs::FsStream;
use dav_server::fs::GuardedFileSystem;
use dav_server::fs::OpenOptions;
use dav_server::fs::ReadDirMeta;

use super::dates::system_time;
use super::file::ReadFile;
use super::file::StagedFile;
use super::file::Staging;
use super::file::tell;
use super::path::DavPath;
use super::resolve::Found;
use super::resolve::Place;
use super::resolve::resolve;
use super::resolve::resolve_place;
use super::session::Session;
use super::session::bare_etag;
use crate::vfs::Attr;
use crate::vfs::Error;
use crate::vfs::FileKind;
use crate::vfs::SetAttr;

/// Mode of a new file. What it replaces keeps its own.
pub(super) const FILE_MODE: u32 = 0o644;
/// Mode of a new collection.
pub(super) const COLLECTION_MODE: u32 = 0o755;

/// The adapter. It holds nothing: every call brings its session.
#[derive(Clone, Debug)]
pub(super) struct VolumeFs;

/// Attributes as `dav-server` reads them.
#[derive(Clone, Debug)]
pub(super) struct Meta(pub(super) Attr);

impl DavMetaData for Meta {
    fn len(&self) -> u64 {
        self.0.size
    }

    fn modified(&self) -> FsResult<SystemTime> {
        Ok(system_time(self.0.mtime))
    }

    fn is_dir(&self) -> bool {
        self.0.kind == FileKind::Directory
    }

    fn is_file(&self) -> bool {
        self.0.kind == FileKind::File
    }

    fn etag(&self) -> Option<String> {
        Some(bare_etag(&self.0))
    }

    fn accessed(&self) -> FsResult<SystemTime> {
        Ok(system_time(self.0.atime))
    }

    fn status_changed(&self) -> FsResult<SystemTime> {
        Ok(system_time(self.0.ctime))
    }

    fn executable(&self) -> FsResult<bool> {
        Ok(self.0.mode & 0o111 != 0)
    }
}

impl GuardedFileSystem<Session> for VolumeFs {
    fn open<'a>(
        &'a self,
        path: &'a CratePath,
        options: OpenOptions,
        session: &'a Session,
    ) -> FsFuture<'a, Box<dyn DavFile>> {
        Box::pin(async move {
            let path = ours(path)?;
            let file = if options.write {
                let staged = open_staged(session, &path, &options).await;
                staged.map(|file| -> Box<dyn DavFile> { Box::new(file) })
            } else {
                let read = open_read(session, &path).await;
                read.map(|file| -> Box<dyn DavFile> { Box::new(file) })
            };
            file.map_err(|error| tell(session, &error))
        })
    }

    fn read_dir<'a>(
        &'a self,
        _: &'a CratePath,
        _: ReadDirMeta,
        _: &'a Session,
    ) -> FsFuture<'a, FsStream<Box<dyn DavDirEntry>>> {
        // Listings are made by `method::propfind` and `method::listing`, in pages.
        Box::pin(std::future::ready(Err(FsError::NotImplemented)))
    }

    fn metadata<'a>(
        &'a self,
        path: &'a CratePath,
        session: &'a Session,
    ) -> FsFuture<'a, Box<dyn DavMetaData>> {
        Box::pin(async move {
            let found = resolve(session, &ours(path)?, true).await;
            let attr = found.map_err(|error| tell(session, &error))?.attr;
            let meta: Box<dyn DavMetaData> = Box::new(Meta(attr));
            Ok(meta)
        })
    }

    fn create_dir<'a>(&'a self, path: &'a CratePath, session: &'a Session) -> FsFuture<'a, ()> {
        Box::pin(async move {
            let path = ours(path)?;
            let result = make_collection(session, &path).await;
            result.map(|_| ()).map_err(|error| tell(session, &error))
        })
    }
}

/// The path of `dav-server` as ours. Its own decoding is not trusted to know our limits.
fn ours(path: &CratePath) -> FsResult<DavPath> {
    DavPath::parse(&path.as_url_string()).map_err(|_| FsError::NotFound)
}

async fn open_read(session: &Session, path: &DavPath) -> Result<ReadFile, Error> {
    let attr = resolve(session, path, true).await?.attr;
    if attr.kind != FileKind::File {
        return Err(Error::NotFound);
    }
    let pin = session.hold(|| session.vfs().pin(attr.inode)).await?;
    let (access, attr) = session.hold(|| session.vfs().access(&session.who, attr.inode)).await?;
    if access.read { Ok(ReadFile::new(session.clone(), attr, pin)) } else { Err(Error::Denied) }
}

async fn open_staged(
    session: &Session,
    path: &DavPath,
    options: &OpenOptions,
) -> Result<StagedFile, Error> {
    let (place, replaces) = upload_target(session, path).await?;
    match &replaces {
        Some(_) if options.create_new => return Err(Error::Exists),
        Some(old) => {
            let inode = old.inode;
            let (access, _) = session.hold(|| session.vfs().access(&session.who, inode)).await?;
            if !access.write {
                return Err(Error::Denied);
            }
        }
        None if !options.create => return Err(Error::NotFound),
        None => {}
    }
    let set = SetAttr { mode: Some(FILE_MODE), ..SetAttr::default() };
    let (attr, pin) = session.hold(|| session.vfs().create_unlinked(&session.who, set)).await?;
    if let Some(old) = replaces.as_ref().filter(|_| !options.truncate) {
        // A partial update starts from what is there, by reference.
        let clone = || session.vfs().clone_content(&session.who, old.inode, attr.inode);
        session.hold(clone).await?;
    }
    let (announced, append) = (options.size, options.append);
    let staging = Staging { attr, pin, place, replaces, announced, append };
    Ok(StagedFile::new(session.clone(), staging))
}

/// Where an upload to `path` goes, and the file that is there now. A link to a file means that
/// file; a link to nowhere is replaced.
async fn upload_target(session: &Session, path: &DavPath) -> Result<(Place, Option<Attr>), Error> {
    match resolve(session, path, true).await {
        Ok(Found { attr, place: Some(place) }) if attr.kind == FileKind::File => {
            Ok((place, Some(attr)))
        }
        Ok(Found { attr, .. }) if attr.kind == FileKind::Directory => Err(Error::IsDirectory),
        Ok(_) => Err(Error::NotSupported),
        Err(Error::NotFound) => {
            let place = resolve_place(session, path).await?.ok_or(Error::IsDirectory)?;
            Ok((place, None))
        }
        Err(error) => Err(error),
    }
}

/// Makes a collection.
///
/// # Errors
/// [`Error::Exists`] if something has the name, [`Error::NotFound`] or [`Error::NotDirectory`] if
/// there is no collection to put it in, and what the vfs answers.
pub(super) async fn make_collection(session: &Session, path: &DavPath) -> Result<Attr, Error> {
    let place = resolve_place(session, path).await?.ok_or(Error::Exists)?;
    let set = SetAttr { mode: Some(COLLECTION_MODE), ..SetAttr::default() };
    let mkdir = || session.vfs().mkdir(&session.who, place.dir.inode, &place.name, set);
    Ok(session.hold(mkdir).await?.attr)
}
