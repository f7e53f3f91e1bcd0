//! PROPPATCH (RFC 4918 §9.2): all instructions in order, or none.

use bytes::Bytes;
use http::StatusCode;

use super::super::call::Call;
use super::super::conditional;
use super::super::dates::parse_http_date;
use super::super::props;
use super::super::props::NS_APACHE;
use super::super::props::NS_MICROSOFT;
use super::super::props::PropName;
use super::super::reply::Answer;
use super::super::reply::Refusal;
use super::super::reply::with_body;
use super::super::resolve::resolve;
use super::super::xml;
use super::super::xml::Element;
use super::super::xml::NS_DAV;
use super::propfind::propstat;
use crate::vfs::Attr;
use crate::vfs::FileKind;
use crate::vfs::SetAttr;
use crate::vfs::SetTime;

/// Instructions of one request.
const INSTRUCTIONS_MAX: usize = 1_024;
/// Dead properties of one resource.
const DEAD_MAX: usize = 1_024;

/// What one instruction does.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Action {
    /// Keep this XML, or drop the property.
    Dead(Option<Bytes>),
    /// Change attributes; the XML is kept as well where the client wants it back to the letter.
    Attributes(SetAttr),
    /// The property is not the client's to change.
    Protected,
    /// The value makes no sense.
    Invalid,
}

/// Answers a PROPPATCH.
///
/// # Errors
/// 404, 412, 423, 400 for a body that is no property update, 507 for too many properties.
pub(in super::super) async fn proppatch(call: &Call, body: &[u8]) -> Answer {
    let root = Element::parse(body).map_err(|_| StatusCode::BAD_REQUEST)?;
    if !root.is_dav("propertyupdate") {
        return Err(StatusCode::BAD_REQUEST.into());
    }
    let found = resolve(&call.session, &call.path, true).await?;
    conditional::check(call, Some(&found.attr)).await?;
    conditional::check_locks(call, &call.path, false)?;
    let plan = plan(&root, &found.attr)?;
    let refused = plan.iter().any(|(_, action)| !is_possible(action));
    if !refused {
        carry_out(call, &found.attr, &plan).await?;
    }
    let href = call.path.href(found.attr.kind == FileKind::Directory);
    let body = report(&href, &plan, refused);
    Ok(with_body(StatusCode::MULTI_STATUS, "application/xml; charset=utf-8", body))
}

/// The instructions in document order.
fn plan(root: &Element, attr: &Attr) -> Result<Vec<(PropName, Action)>, Refusal> {
    let mut plan = Vec::new();
    for instruction in root.elements() {
        let set = instruction.is_dav("set");
        if !set && !instruction.is_dav("remove") {
            continue;
        }
        for element in instruction.elements().filter(|e| e.is_dav("prop")) {
            for prop in element.elements() {
                if plan.len() == INSTRUCTIONS_MAX {
                    return Err(StatusCode::PAYLOAD_TOO_LARGE.into());
                }
                let action = if set { set_action(prop, attr) } else { remove_action(prop) };
                plan.push((PropName::of(prop), action));
            }
        }
    }
    if plan.is_empty() { Err(StatusCode::BAD_REQUEST.into()) } else { Ok(plan) }
}

fn set_action(prop: &Element, attr: &Attr) -> Action {
    let name = PropName::of(prop);
    if props::is_protected(&name) {
        return Action::Protected;
    }
    let time = || parse_http_date(&prop.text()).map(SetTime::At);
    let or_invalid = |set: Option<SetAttr>| set.map_or(Action::Invalid, Action::Attributes);
    let mtime = || or_invalid(time().map(|t| SetAttr { mtime: Some(t), ..SetAttr::default() }));
    match (name.namespace.as_str(), name.name.as_str()) {
        (NS_DAV, "getlastmodified") | (NS_MICROSOFT, "Win32LastModifiedTime") => mtime(),
        (NS_MICROSOFT, "Win32LastAccessTime") => {
            or_invalid(time().map(|t| SetAttr { atime: Some(t), ..SetAttr::default() }))
        }
        (NS_APACHE, "executable") if attr.kind == FileKind::File => {
            // Whoever may read it may then execute it, and nobody else.
            let mode = match prop.text().trim() {
                "T" => Some(attr.mode | (attr.mode & 0o444) >> 2),
                "F" => Some(attr.mode & !0o111),
                _ => None,
            };
            or_invalid(mode.map(|mode| SetAttr { mode: Some(mode), ..SetAttr::default() }))
        }
        (NS_APACHE, "executable") => Action::Protected,
        _ => {
            let mut value = String::new();
            prop.write(&mut value);
            Action::Dead(Some(Bytes::from(value)))
        }
    }
}

fn remove_action(prop: &Element) -> Action {
    let name = PropName::of(prop);
    let live = name.namespace == NS_DAV && name.name == "getlastmodified";
    if props::is_protected(&name) || live { Action::Protected } else { Action::Dead(None) }
}

fn is_possible(action: &Action) -> bool {
    matches!(action, Action::Dead(_) | Action::Attributes(_))
}

/// Carries out a plan without refusals; the last instruction for a property counts.
async fn carry_out(call: &Call, attr: &Attr, plan: &[(PropName, Action)]) -> Result<(), Refusal> {
    let session = &call.session;
    let mut set = SetAttr::default();
    let mut dead: Vec<(Bytes, Option<Bytes>)> = Vec::new();
    for (name, action) in plan {
        match action {
            Action::Dead(value) => {
                let key = name.key();
                dead.retain(|(known, _)| *known != key);
                dead.push((key, value.clone()));
            }
            Action::Attributes(more) => {
                set.mode = more.mode.or(set.mode);
                set.atime = more.atime.or(set.atime);
                set.mtime = more.mtime.or(set.mtime);
            }
            Action::Protected | Action::Invalid => {}
        }
    }
    let adds = dead.iter().filter(|(_, value)| value.is_some()).count();
    if adds > 0 {
        let held = session.hold(|| session.vfs().props(attr.inode)).await?.len();
        if held + adds > DEAD_MAX {
            return Err(StatusCode::INSUFFICIENT_STORAGE.into());
        }
    }
    if set != SetAttr::default() {
        session.hold(|| session.vfs().setattr(&session.who, attr.inode, set, None)).await?;
    }
    if !dead.is_empty() {
        let put = || session.vfs().set_props(&session.who, attr.inode, dead.clone());
        session.hold(put).await?;
    }
    Ok(())
}

/// The multistatus: each property under the status of what happened to it.
fn report(href: &str, plan: &[(PropName, Action)], refused: bool) -> String {
    let mut out = format!("{}<D:multistatus xmlns:D=\"DAV:\"><D:response>", xml::DECLARATION);
    xml::dav_text(&mut out, "href", href);
    let mut group = |status: &str, error: &str, belongs: &dyn Fn(&Action) -> bool| {
        let mut listed = String::new();
        for (name, _) in plan.iter().filter(|(_, action)| belongs(action)) {
            name.write_empty(&mut listed);
        }
        if !listed.is_empty() {
            propstat(&mut out, &listed, status);
            if !error.is_empty() {
                let end = out.len() - "</D:propstat>".len();
                out.insert_str(end, &format!("<D:error><D:{error}/></D:error>"));
            }
        }
    };
    if refused {
        let protected = "cannot-modify-protected-property";
        group("403 Forbidden", protected, &|action| *action == Action::Protected);
        group("409 Conflict", "", &|action| *action == Action::Invalid);
        group("424 Failed Dependency", "", &is_possible);
    } else {
        group("200 OK", "", &|_| true);
    }
    out.push_str("</D:response></D:multistatus>\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::InodeId;
    use crate::base::Timestamp;

    fn file() -> Attr {
        let time = Timestamp::default();
        Attr {
            inode: InodeId::ROOT,
            kind: FileKind::File,
            mode: 0o640,
            nlink: 1,
            uid: 0,
            gid: 0,
            size: 0,
            used_bytes: 0,
            rdev: (0, 0),
            atime: time,
            mtime: time,
            ctime: time,
            version: 1,
        }
    }

    fn action(inner: &str) -> Action {
        let body = format!(
            "<propertyupdate xmlns='DAV:' xmlns:Z='{NS_MICROSOFT}' xmlns:A='{NS_APACHE}'>\
             {inner}</propertyupdate>"
        );
        let root = Element::parse(body.as_bytes()).unwrap();
        plan(&root, &file()).unwrap().remove(0).1
    }

    #[test]
    fn times_set_the_time_and_a_broken_time_is_refused() {
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        let at = Some(SetTime::At(Timestamp::new(784_111_777, 0)));
        let mtime = Action::Attributes(SetAttr { mtime: at, ..SetAttr::default() });
        for name in ["getlastmodified", "Z:Win32LastModifiedTime"] {
            assert_eq!(action(&format!("<set><prop><{name}>{date}</{name}></prop></set>")), mtime);
        }
        let atime = Action::Attributes(SetAttr { atime: at, ..SetAttr::default() });
        let set = format!(
            "<set><prop><Z:Win32LastAccessTime>{date}</Z:Win32LastAccessTime></prop></set>"
        );
        assert_eq!(action(&set), atime);
        let broken = "<set><prop><getlastmodified>now</getlastmodified></prop></set>";
        assert_eq!(action(broken), Action::Invalid);
    }

    #[test]
    fn executable_follows_the_right_to_read() {
        let set = |value| {
            action(&format!("<set><prop><A:executable>{value}</A:executable></prop></set>"))
        };
        let mode = |mode| Action::Attributes(SetAttr { mode: Some(mode), ..SetAttr::default() });
        assert_eq!(set("T"), mode(0o750));
        assert_eq!(set("F"), mode(0o640));
        assert_eq!(set("yes"), Action::Invalid);
    }

    #[test]
    fn one_refusal_fails_the_others() {
        let body = b"<propertyupdate xmlns='DAV:'><set><prop><displayname>x</displayname>\
                     <getetag>y</getetag></prop></set></propertyupdate>";
        let plan = plan(&Element::parse(body).unwrap(), &file()).unwrap();
        let report = report("/a", &plan, true);
        assert!(report.contains("<D:getetag/></D:prop><D:status>HTTP/1.1 403"), "{report}");
        assert!(report.contains("<D:displayname/></D:prop><D:status>HTTP/1.1 424"), "{report}");
        assert!(report.contains("cannot-modify-protected-property"));
        assert!(Element::parse(report.as_bytes()).is_ok(), "{report}");
    }

    #[test]
    fn an_update_without_instructions_is_refused() {
        let root = Element::parse(b"<propertyupdate xmlns='DAV:'/>").unwrap();
        assert_eq!(plan(&root, &file()), Err(StatusCode::BAD_REQUEST.into()));
    }
}
