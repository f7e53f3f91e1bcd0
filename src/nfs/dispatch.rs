//! From the bytes of a record to the bytes of its reply, without sockets.
//!
//! Owns: which program, version and procedure a call goes to, and the reply cache in between.
//! Guarantees: whatever the bytes are, the answer is a reply of the RFC or a closed connection,
//! never a panic.

use std::net::{IpAddr, SocketAddr};
use std::panic::AssertUnwindSafe;

use bytes::Bytes;
use futures::FutureExt;

use crate::nfs::args::Call;
use crate::nfs::auth::Caller;
use crate::nfs::context::{Context, Request};
use crate::nfs::metrics::{self, Labels};
use crate::nfs::mount::{self, MountCall, MountRequest};
use crate::nfs::proc;
use crate::nfs::procedure::Procedure;
use crate::nfs::reply::{Reply, ReplyBuilder};
use crate::nfs::reply_cache::{Begin, RequestKey};
use crate::nfs::rpc::{self, CallHeader, Header, Refusal};
use crate::nfs::status::status_name;
use crate::nfs::xdr::XdrDecoder;

/// How often a repetition takes over from a run that ended without an answer.
const TAKEOVERS_MAX: usize = 8;
/// What a refusal takes at most.
const REFUSAL_BYTES: usize = 64;

/// Answers one record from `peer`.
///
/// `None` means that the record is no RPC call and the connection is worth closing.
///
/// # Cancel safety
/// If the future is dropped, an operation may or may not have happened; a repetition of the
/// request runs again.
pub async fn dispatch(context: &Context, peer: SocketAddr, record: Bytes) -> Option<Reply> {
    let prepared = Prepared::decode(peer.ip(), record)?;
    Some(prepared.run(context).await)
}

/// A call that is decoded but has not run.
pub(super) struct Prepared {
    xid: u32,
    work: Work,
}

enum Work {
    Refuse(Refusal),
    Mount { call: MountCall, caller: Caller, client: IpAddr, version: u32 },
    Nfs { call: Call, caller: Caller, procedure: Procedure, once: Option<RequestKey> },
}

impl Prepared {
    /// Decodes a record; `None` if it is no call. Nothing is allocated but lists of groups.
    pub(super) fn decode(client: IpAddr, record: Bytes) -> Option<Self> {
        let mut decoder = XdrDecoder::new(record);
        match rpc::decode_header(&mut decoder) {
            Ok(Header::Call(header)) => {
                let xid = header.xid;
                let work = Work::decode(client, &header, &mut decoder);
                let work = work.unwrap_or_else(Work::Refuse);
                Some(Self { xid, work })
            }
            Ok(Header::Refused { xid, refusal }) => {
                metrics::decode_failure("rpc");
                Some(Self { xid, work: Work::Refuse(refusal) })
            }
            Err(error) => {
                tracing::debug!(%error, "a record that is no call");
                metrics::decode_failure("rpc");
                None
            }
        }
    }

    /// An upper bound of the bytes that the reply will take, whatever the call finds.
    pub(super) fn reply_bytes_max(&self, context: &Context) -> usize {
        match &self.work {
            Work::Nfs { call, .. } => call.reply_bytes_max(context.options.io_bytes_max),
            Work::Mount { .. } => mount::REPLY_BYTES_MAX,
            Work::Refuse(_) => REFUSAL_BYTES,
        }
    }

    /// Runs the call. A panic is a bug; it costs the call and not the server.
    pub(super) async fn run(self, context: &Context) -> Reply {
        let xid = self.xid;
        let began = context.options.clock.monotonic();
        let labels = self.labels();
        let (reply, status) = match AssertUnwindSafe(self.answer(context)).catch_unwind().await {
            Ok(answer) => answer,
            Err(_) => {
                tracing::error!(procedure = labels.procedure, "the handler of a call panicked");
                metrics::panic();
                refuse(xid, Refusal::SystemError)
            }
        };
        let took = context.options.clock.monotonic().saturating_sub(began);
        metrics::request(Labels { status, ..labels }, took);
        reply
    }

    async fn answer(self, context: &Context) -> (Reply, &'static str) {
        let xid = self.xid;
        match self.work {
            Work::Refuse(refusal) => refuse(xid, refusal),
            Work::Mount { call, caller, client, version } => {
                let request = MountRequest { context, caller: &caller, client, version };
                let mut reply = ReplyBuilder::new();
                rpc::success(xid, &mut reply);
                let status = mount::run(request, call, &mut reply).await;
                (reply.finish(), status)
            }
            Work::Nfs { call, caller, procedure, once } => {
                let request = Request { context, caller: &caller };
                match once {
                    None => run_nfs(xid, request, procedure, call).await,
                    Some(key) => run_once(xid, request, procedure, (key, call)).await,
                }
            }
        }
    }

    const fn labels(&self) -> Labels {
        let (program, procedure) = match &self.work {
            Work::Refuse(_) => ("rpc", "refused"),
            Work::Mount { call, .. } => ("mount", call.name()),
            Work::Nfs { procedure, .. } => ("nfs", procedure.name()),
        };
        Labels { program, procedure, status: "SYSTEM_ERR" }
    }
}

impl Work {
    fn decode(
        client: IpAddr,
        header: &CallHeader,
        decoder: &mut XdrDecoder,
    ) -> Result<Self, Refusal> {
        let version = header.version;
        let garbage = |error| {
            tracing::debug!(%error, procedure = header.procedure, "arguments that do not decode");
            metrics::decode_failure("args");
            Refusal::GarbageArgs
        };
        match header.program {
            rpc::NFS_PROGRAM if version != rpc::NFS_VERSION => {
                Err(Refusal::ProgramMismatch(rpc::NFS_VERSION, rpc::NFS_VERSION))
            }
            rpc::NFS_PROGRAM => {
                let procedure = Procedure::from_number(header.procedure);
                let procedure = procedure.ok_or(Refusal::ProcedureUnavailable)?;
                let caller = Caller::decode(&header.credential).map_err(Refusal::Auth)?;
                let once = procedure.runs_once().then(|| {
                    RequestKey::new(client, (header.xid, procedure), &caller, decoder.rest())
                });
                let call = Call::decode(procedure, decoder).map_err(garbage)?;
                Ok(Self::Nfs { call, caller, procedure, once })
            }
            rpc::MOUNT_PROGRAM if !rpc::MOUNT_VERSIONS.contains(&version) => {
                let [low, high] = rpc::MOUNT_VERSIONS;
                Err(Refusal::ProgramMismatch(low, high))
            }
            rpc::MOUNT_PROGRAM => {
                let call = MountCall::decode(header.procedure, decoder);
                let call = call.ok_or(Refusal::ProcedureUnavailable)?;
                let caller = Caller::decode(&header.credential).map_err(Refusal::Auth)?;
                Ok(Self::Mount { call: call.map_err(garbage)?, caller, client, version })
            }
            // Among them NFSACL (100227), which Linux asks for at every mount.
            _ => Err(Refusal::ProgramUnavailable),
        }
    }
}

fn refuse(xid: u32, refusal: Refusal) -> (Reply, &'static str) {
    let mut reply = ReplyBuilder::new();
    refusal.write(xid, &mut reply);
    (reply.finish(), refusal.name())
}

async fn run_nfs(
    xid: u32,
    request: Request<'_>,
    procedure: Procedure,
    call: Call,
) -> (Reply, &'static str) {
    let mut reply = ReplyBuilder::new();
    rpc::success(xid, &mut reply);
    let status = status_name(proc::run(request, call, &mut reply).await);
    tracing::trace!(procedure = procedure.name(), status, "answered");
    (reply.finish(), status)
}

/// Runs a call unless it ran before; a repetition during the run waits for it.
async fn run_once(
    xid: u32,
    request: Request<'_>,
    procedure: Procedure,
    (key, call): (RequestKey, Call),
) -> (Reply, &'static str) {
    let context = request.context;
    let now = || context.options.clock.monotonic();
    for _ in 0..TAKEOVERS_MAX {
        match context.replies.begin(key, now()) {
            Begin::Run(ticket) => {
                let (reply, status) = run_nfs(xid, request, procedure, call).await;
                ticket.finish(&reply, now());
                return (reply, status);
            }
            Begin::Replay(reply) => {
                metrics::replay();
                return (reply, "REPLAYED");
            }
            Begin::Wait(waiter) => {
                if let Some(reply) = waiter.answer().await {
                    metrics::replay();
                    return (reply, "REPLAYED");
                }
            }
        }
    }
    refuse(xid, Refusal::SystemError)
}
