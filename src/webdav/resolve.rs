//! From a path to an inode, following symbolic links that stay inside the volume.

use std::collections::VecDeque;

use super::path::DavPath;
use super::session::Session;
use crate::base::FileName;
use crate::base::InodeId;
use crate::vfs::Attr;
use crate::vfs::Error;
use crate::vfs::FileKind;

/// Symbolic links followed for one path, as Linux does it.
const LINKS_MAX: usize = 40;
/// Names still to walk; links may add to those of the path.
const STEPS_MAX: usize = 8_192;

/// What a path leads to.
#[derive(Clone, Debug)]
pub(super) struct Found {
    /// The inode.
    pub(super) attr: Attr,
    /// Where it is, links resolved; `None` for the root.
    pub(super) place: Option<Place>,
}

/// A name in a directory, which may or may not exist.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// The directory.
    pub(super) dir: Attr,
    /// The name in it.
    pub(super) name: FileName,
    /// All directories from the root to `dir`, both included.
    pub(super) ancestors: Vec<InodeId>,
}

/// One step of a walk.
enum Step {
    Down(FileName),
    Up,
}

/// Finds what `path` leads to. A link at the end is followed if `follow` says so. A link that leads
/// out of the volume (an absolute one means a path of the client's host), in circles, or nowhere,
/// is as if it were absent.
///
/// # Errors
/// [`Error::NotFound`], [`Error::NotDirectory`] if something on the way is no directory, and what
/// the vfs answers.
pub(super) async fn resolve(
    session: &Session,
    path: &DavPath,
    follow: bool,
) -> Result<Found, Error> {
    let root = session.getattr(InodeId::ROOT).await?;
    walk(session, vec![(root, None)], path.names(), follow).await
}

/// Finds what the entry `attr`, named `name` in the directory `path`, leads to when it is a link.
///
/// # Errors
/// As [`resolve`].
pub(super) async fn resolve_entry(session: &Session, path: &DavPath) -> Result<Found, Error> {
    resolve(session, path, true).await
}

/// Finds the directory that holds, or will hold, the last name of `path`, links on the way
/// followed; the last name itself is not looked at. `None` for the root.
///
/// # Errors
/// As [`resolve`].
pub(super) async fn resolve_place(
    session: &Session,
    path: &DavPath,
) -> Result<Option<Place>, Error> {
    let Some((above, name)) = path.split_last() else { return Ok(None) };
    let root = session.getattr(InodeId::ROOT).await?;
    let chain = walk_chain(session, vec![(root, None)], above.names(), true).await?;
    let Some(dir) = chain.last().map(|(attr, _)| *attr) else { return Ok(None) };
    if dir.kind != FileKind::Directory {
        return Err(Error::NotDirectory);
    }
    let ancestors = chain.iter().map(|(attr, _)| attr.inode).collect();
    Ok(Some(Place { dir, name: name.clone(), ancestors }))
}

type Chain = Vec<(Attr, Option<FileName>)>;

async fn walk(
    session: &Session,
    start: Chain,
    names: &[FileName],
    follow: bool,
) -> Result<Found, Error> {
    let mut chain = walk_chain(session, start, names, follow).await?;
    let Some((attr, name)) = chain.pop() else { return Err(Error::NotFound) };
    let ancestors: Vec<InodeId> = chain.iter().map(|(attr, _)| attr.inode).collect();
    let place = match (chain.pop(), name) {
        (Some((dir, _)), Some(name)) => Some(Place { dir, name, ancestors }),
        _ => None,
    };
    Ok(Found { attr, place })
}

/// Walks down from the end of `chain`; the result ends with what was found.
async fn walk_chain(
    session: &Session,
    mut chain: Chain,
    names: &[FileName],
    follow: bool,
) -> Result<Chain, Error> {
    let mut steps: VecDeque<Step> = names.iter().cloned().map(Step::Down).collect();
    let mut links = 0_usize;
    while let Some(step) = steps.pop_front() {
        let name = match step {
            Step::Down(name) => name,
            // Above the root is outside of the volume.
            Step::Up if chain.len() <= 1 => return Err(Error::NotFound),
            Step::Up => {
                chain.pop();
                continue;
            }
        };
        let Some(dir) = chain.last().map(|(attr, _)| *attr) else { return Err(Error::NotFound) };
        if dir.kind != FileKind::Directory {
            return Err(Error::NotDirectory);
        }
        let attr = session.hold(|| session.vfs().lookup(&session.who, dir.inode, &name)).await?;
        if attr.kind != FileKind::Symlink || (steps.is_empty() && !follow) {
            chain.push((attr, Some(name)));
            continue;
        }
        links += 1;
        if links > LINKS_MAX {
            return Err(Error::NotFound);
        }
        let (target, _) = session.hold(|| session.vfs().readlink(&session.who, attr.inode)).await?;
        push_target(&mut steps, &target)?;
    }
    Ok(chain)
}

/// Puts the steps of a link's target before the others.
fn push_target(steps: &mut VecDeque<Step>, target: &bytes::Bytes) -> Result<(), Error> {
    if target.starts_with(b"/") || target.is_empty() {
        return Err(Error::NotFound);
    }
    for part in target.split(|&byte| byte == b'/').rev() {
        match part {
            b"" | b"." => {}
            b".." => steps.push_front(Step::Up),
            part => {
                let name = FileName::new(target.slice_ref(part)).map_err(|_| Error::NotFound)?;
                steps.push_front(Step::Down(name));
            }
        }
    }
    if steps.len() > STEPS_MAX { Err(Error::NotFound) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(target: &'static [u8]) -> Result<Vec<String>, Error> {
        let mut steps = VecDeque::from([Step::Down(FileName::new(&b"rest"[..]).unwrap())]);
        push_target(&mut steps, &bytes::Bytes::from_static(target))?;
        Ok(steps
            .iter()
            .map(|step| match step {
                Step::Up => "..".to_owned(),
                Step::Down(name) => String::from_utf8(name.as_bytes().to_vec()).unwrap(),
            })
            .collect())
    }

    #[test]
    fn a_relative_target_is_walked_before_the_rest_of_the_path() {
        assert_eq!(steps(b"a/./b//../c").unwrap(), ["a", "b", "..", "c", "rest"]);
        assert_eq!(steps(b".").unwrap(), ["rest"]);
    }

    #[test]
    fn an_absolute_or_empty_target_is_outside_of_the_volume() {
        assert_eq!(steps(b"/etc/passwd"), Err(Error::NotFound));
        assert_eq!(steps(b""), Err(Error::NotFound));
        assert_eq!(steps(b"a\0b"), Err(Error::NotFound));
    }
}
