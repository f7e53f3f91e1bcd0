//! Who asks: from RPC credentials to the identity that the vfs checks.
//!
//! Owns: `AUTH_NONE`, `AUTH_SYS` (RFC 5531 appendix A) and squashing as exports(5) has it.
//! Leaves to others: permission checks (`vfs`).
//!
//! `AUTH_SYS` proves nothing: the client says who it is. That is why only allowed networks may
//! connect, and why squashing exists.

use std::hash::{Hash, Hasher};

use crate::base::limits::GROUPS_MAX;
use crate::nfs::options::{Export, Squash};
use crate::nfs::rpc::{AuthStatus, Credential};
use crate::nfs::xdr::{XdrDecoder, XdrError};
use crate::vfs::Identity;

const AUTH_NONE: u32 = 0;
/// The flavor that says user and groups, and that MNT offers.
pub(super) const AUTH_SYS: u32 = 1;
/// Longest `machinename` of `AUTH_SYS`.
const MACHINE_NAME_BYTES_MAX: usize = 255;

/// Who a call says it comes from, before squashing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Caller {
    /// Nobody in particular.
    Anonymous,
    /// A user of the client.
    User(Identity),
}

impl Caller {
    /// Reads credentials.
    pub(super) fn decode(credential: &Credential) -> Result<Self, AuthStatus> {
        match credential.flavor {
            AUTH_NONE => Ok(Self::Anonymous),
            AUTH_SYS => {
                let mut decoder = XdrDecoder::new(credential.body.clone());
                auth_sys(&mut decoder).map(Self::User).map_err(|_| AuthStatus::BadCredential)
            }
            _ => Err(AuthStatus::RejectedCredential),
        }
    }

    /// Adds what identifies the caller to a checksum. The stamp and the machine name are left
    /// out: a client may change them when it sends a request again.
    pub(super) fn hash_into(&self, hasher: &mut impl Hasher) {
        if let Self::User(user) = self {
            (user.uid, user.gid, &user.groups).hash(hasher);
        }
    }

    /// The identity it has on an export.
    pub(super) fn identity(&self, export: &Export) -> Identity {
        let anonymous =
            || Identity { uid: export.anon_uid, gid: export.anon_gid, groups: Vec::new() };
        match (self, export.squash) {
            (Self::Anonymous, _) | (Self::User(_), Squash::All) => anonymous(),
            (Self::User(user), Squash::None) => user.clone(),
            (Self::User(user), Squash::Root) => Identity {
                uid: not_root(user.uid, export.anon_uid),
                gid: not_root(user.gid, export.anon_gid),
                groups: user.groups.iter().map(|&gid| not_root(gid, export.anon_gid)).collect(),
            },
        }
    }
}

fn auth_sys(decoder: &mut XdrDecoder) -> Result<Identity, XdrError> {
    let _stamp = decoder.u32()?;
    let _machine_name = decoder.opaque(MACHINE_NAME_BYTES_MAX)?;
    let uid = decoder.u32()?;
    let gid = decoder.u32()?;
    let groups = decoder.u32_array(GROUPS_MAX)?;
    decoder.finish()?;
    Ok(Identity { uid, gid, groups })
}

const fn not_root(id: u32, anonymous: u32) -> u32 {
    if id == 0 { anonymous } else { id }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use nfs3_types::rpc::auth_unix;
    use nfs3_types::xdr_codec::{Opaque, Pack};

    fn credential(name_len: usize, groups: u32) -> Credential {
        let auth = auth_unix {
            stamp: 1,
            machinename: Opaque::owned(vec![b'm'; name_len]),
            uid: 0,
            gid: 100,
            gids: (0..groups).collect(),
        };
        let mut body = Vec::new();
        auth.pack(&mut body).unwrap();
        Credential { flavor: AUTH_SYS, body: body.into() }
    }

    #[test]
    fn sixteen_groups_and_255_bytes_of_machine_name_are_the_most() {
        let Ok(Caller::User(user)) = Caller::decode(&credential(255, 16)) else { panic!() };
        assert_eq!((user.uid, user.gid, user.groups.len()), (0, 100, 16));
        assert_eq!(Caller::decode(&credential(9, 17)), Err(AuthStatus::BadCredential));
        assert_eq!(Caller::decode(&credential(256, 1)), Err(AuthStatus::BadCredential));
    }

    #[test]
    fn cut_and_overlong_credentials_are_bad() {
        let Credential { flavor, body } = credential(5, 3);
        for len in 0..body.len() {
            let cut = Credential { flavor, body: body.slice(..len) };
            assert_eq!(Caller::decode(&cut), Err(AuthStatus::BadCredential), "cut at {len}");
        }
        let longer = Credential { flavor, body: [&body[..], &[0; 4]].concat().into() };
        assert_eq!(Caller::decode(&longer), Err(AuthStatus::BadCredential));
    }

    #[test]
    fn other_flavors_are_rejected() {
        for flavor in [2, 3, 6, 7, u32::MAX] {
            let credential = Credential { flavor, body: Bytes::new() };
            assert_eq!(Caller::decode(&credential), Err(AuthStatus::RejectedCredential));
        }
    }

    #[test]
    fn squashing_takes_rights_away_and_never_gives_any() {
        let mut export = Export::whole_volume();
        let caller = Caller::decode(&credential(1, 3)).unwrap();
        assert!(caller.identity(&export).is_root());
        export.squash = Squash::Root;
        let squashed = caller.identity(&export);
        assert_eq!((squashed.uid, squashed.gid), (65_534, 100));
        assert_eq!(squashed.groups, [65_534, 1, 2], "group 0 is squashed as well");
        export.squash = Squash::All;
        let nobody = Identity { uid: 65_534, gid: 65_534, groups: vec![] };
        assert_eq!(caller.identity(&export), nobody);
        export.squash = Squash::None;
        assert_eq!(Caller::Anonymous.identity(&export), nobody, "no squash, but no name either");
    }
}
