//! ONC RPC messages: the header of a call and the header of each kind of reply.
//!
//! Owns: RFC 5531 section 9. Leaves to others: what credentials mean (`auth`), arguments and
//! results (`args`, `proc`, `mount`).

use std::fmt;

use bytes::Bytes;

use crate::nfs::reply::ReplyBuilder;
use crate::nfs::xdr::{XdrDecoder, XdrError};

/// The program number of NFS.
pub(super) const NFS_PROGRAM: u32 = 100_003;
/// The one version of NFS served.
pub(super) const NFS_VERSION: u32 = 3;
/// The program number of MOUNT.
pub(super) const MOUNT_PROGRAM: u32 = 100_005;
/// The versions of MOUNT served.
pub(super) const MOUNT_VERSIONS: [u32; 2] = [1, 3];

const RPC_VERSION: u32 = 2;
/// Longest body of a credential or verifier (section 8.2).
const AUTH_BYTES_MAX: usize = 400;
const CALL: u32 = 0;
const REPLY: u32 = 1;
const AUTH_NONE: u32 = 0;

/// A credential as the client sent it.
#[derive(Clone)]
pub(super) struct Credential {
    /// Which kind of proof.
    pub(super) flavor: u32,
    /// Its bytes, at most 400.
    pub(super) body: Bytes,
}

/// The header of a call; arguments follow it.
#[derive(Clone, Debug)]
pub(super) struct CallHeader {
    /// Chosen by the client; a repetition has the same.
    pub(super) xid: u32,
    pub(super) program: u32,
    pub(super) version: u32,
    pub(super) procedure: u32,
    pub(super) credential: Credential,
}

/// What the start of a record is.
#[derive(Clone, Debug)]
pub(super) enum Header {
    /// A call.
    Call(CallHeader),
    /// A call that cannot be read further, but whose xid can be answered.
    Refused {
        /// The xid of the call.
        xid: u32,
        /// The answer.
        refusal: Refusal,
    },
}

/// Why a call is not run. RFC 5531 section 9: `accept_stat`, `reject_stat`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Not RPC version 2.
    RpcMismatch,
    /// Credentials that are not accepted.
    Auth(AuthStatus),
    /// Nobody serves this program here.
    ProgramUnavailable,
    /// The program is served in other versions: the lowest and the highest.
    ProgramMismatch(u32, u32),
    /// The program has no such procedure.
    ProcedureUnavailable,
    /// The arguments do not decode.
    GarbageArgs,
    /// The gateway failed before it had an answer.
    SystemError,
}

/// Why credentials are not accepted (`auth_stat`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AuthStatus {
    /// They do not decode.
    BadCredential,
    /// They are of a flavor that is not served.
    RejectedCredential,
}

impl AuthStatus {
    const fn code(self) -> u32 {
        match self {
            Self::BadCredential => 1,
            Self::RejectedCredential => 2,
        }
    }
}

impl Refusal {
    /// Its name, as metrics label it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::RpcMismatch => "RPC_MISMATCH",
            Self::Auth(_) => "AUTH_ERROR",
            Self::ProgramUnavailable => "PROG_UNAVAIL",
            Self::ProgramMismatch(..) => "PROG_MISMATCH",
            Self::ProcedureUnavailable => "PROC_UNAVAIL",
            Self::GarbageArgs => "GARBAGE_ARGS",
            Self::SystemError => "SYSTEM_ERR",
        }
    }

    /// The whole reply.
    pub(super) fn write(self, xid: u32, reply: &mut ReplyBuilder) {
        match self {
            Self::RpcMismatch => {
                denied(xid, reply).u32(0).u32(RPC_VERSION).u32(RPC_VERSION);
            }
            Self::Auth(status) => {
                denied(xid, reply).u32(1).u32(status.code());
            }
            Self::ProgramUnavailable => accepted(xid, 1, reply),
            Self::ProgramMismatch(low, high) => {
                accepted(xid, 2, reply);
                reply.u32(low).u32(high);
            }
            Self::ProcedureUnavailable => accepted(xid, 3, reply),
            Self::GarbageArgs => accepted(xid, 4, reply),
            Self::SystemError => accepted(xid, 5, reply),
        }
    }
}

/// The header of a successful reply; results follow it.
pub(super) fn success(xid: u32, reply: &mut ReplyBuilder) {
    accepted(xid, 0, reply);
}

/// Reads the header of a call.
///
/// An error means that nothing can be answered: the record is no call at all.
pub(super) fn decode_header(decoder: &mut XdrDecoder) -> Result<Header, XdrError> {
    let xid = decoder.u32()?;
    match decoder.u32()? {
        CALL => {}
        found => return Err(XdrError::Range { field: "msg_type", found }),
    }
    let refused = |refusal| Ok(Header::Refused { xid, refusal });
    match decoder.u32() {
        Ok(RPC_VERSION) => {}
        Ok(_) => return refused(Refusal::RpcMismatch),
        Err(_) => return refused(Refusal::GarbageArgs),
    }
    let Ok([program, version, procedure]) = words(decoder) else {
        return refused(Refusal::GarbageArgs);
    };
    let (Ok(credential), Ok(_verifier)) = (opaque_auth(decoder), opaque_auth(decoder)) else {
        return refused(Refusal::Auth(AuthStatus::BadCredential));
    };
    Ok(Header::Call(CallHeader { xid, program, version, procedure, credential }))
}

fn words(decoder: &mut XdrDecoder) -> Result<[u32; 3], XdrError> {
    Ok([decoder.u32()?, decoder.u32()?, decoder.u32()?])
}

fn opaque_auth(decoder: &mut XdrDecoder) -> Result<Credential, XdrError> {
    Ok(Credential { flavor: decoder.u32()?, body: decoder.opaque(AUTH_BYTES_MAX)? })
}

fn accepted(xid: u32, status: u32, reply: &mut ReplyBuilder) {
    // MSG_ACCEPTED, then a verifier of no flavor and no bytes.
    reply.u32(xid).u32(REPLY).u32(0).u32(AUTH_NONE).u32(0).u32(status);
}

fn denied(xid: u32, reply: &mut ReplyBuilder) -> &mut ReplyBuilder {
    reply.u32(xid).u32(REPLY).u32(1)
}

/// Shows the flavor only: the body names the client's host.
impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credential(flavor {})", self.flavor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nfs3_types::rpc::{call_body, opaque_auth as oracle_auth};
    use nfs3_types::xdr_codec::Pack;

    fn call(rpcvers: u32) -> Vec<u8> {
        let auth = oracle_auth::default;
        let body =
            call_body { rpcvers, prog: 100_003, vers: 3, proc: 6, cred: auth(), verf: auth() };
        let mut bytes = vec![0, 0, 0, 9, 0, 0, 0, 0];
        body.pack(&mut bytes).unwrap();
        bytes
    }

    fn decode(bytes: &[u8]) -> Result<Header, XdrError> {
        decode_header(&mut XdrDecoder::new(Bytes::copy_from_slice(bytes)))
    }

    #[test]
    fn a_call_made_by_another_implementation_decodes() {
        let Ok(Header::Call(header)) = decode(&call(2)) else { panic!("it is a call") };
        assert_eq!(
            (header.xid, header.program, header.version, header.procedure),
            (9, NFS_PROGRAM, NFS_VERSION, 6)
        );
        assert_eq!(header.credential.flavor, AUTH_NONE);
    }

    #[test]
    fn a_cut_call_is_answered_as_soon_as_it_has_an_xid() {
        let bytes = call(2);
        for len in 0..bytes.len() {
            let header = decode(&bytes[..len]);
            assert_eq!(header.is_err(), len < 8, "cut at {len}");
            assert!(!matches!(header, Ok(Header::Call(_))), "cut at {len}");
        }
    }

    #[test]
    fn other_versions_of_rpc_and_long_credentials_are_denied() {
        let refusal = |bytes: &[u8]| match decode(bytes) {
            Ok(Header::Refused { xid: 9, refusal }) => refusal,
            other => panic!("{other:?}"),
        };
        assert_eq!(refusal(&call(3)), Refusal::RpcMismatch);
        let mut long = call(2);
        long[28..32].copy_from_slice(&401_u32.to_be_bytes());
        long.resize(600, 0);
        assert_eq!(refusal(&long), Refusal::Auth(AuthStatus::BadCredential));
        assert!(decode(&[0, 0, 0, 9, 0, 0, 0, 1]).is_err(), "a reply is not a call");
    }

    #[test]
    fn refusals_have_the_form_of_the_rfc() {
        let words = |refusal: Refusal| {
            let mut reply = ReplyBuilder::new();
            refusal.write(7, &mut reply);
            let bytes = reply.finish().to_bytes();
            let words = bytes.chunks(4).map(|word| u32::from_be_bytes(word.try_into().unwrap()));
            words.collect::<Vec<_>>()
        };
        assert_eq!(words(Refusal::RpcMismatch), [7, 1, 1, 0, 2, 2]);
        assert_eq!(words(Refusal::Auth(AuthStatus::RejectedCredential)), [7, 1, 1, 1, 2]);
        assert_eq!(words(Refusal::ProgramUnavailable), [7, 1, 0, 0, 0, 1]);
        assert_eq!(words(Refusal::ProgramMismatch(3, 3)), [7, 1, 0, 0, 0, 2, 3, 3]);
        assert_eq!(words(Refusal::ProcedureUnavailable), [7, 1, 0, 0, 0, 3]);
        assert_eq!(words(Refusal::GarbageArgs), [7, 1, 0, 0, 0, 4]);
        assert_eq!(words(Refusal::SystemError), [7, 1, 0, 0, 0, 5]);
    }
}
