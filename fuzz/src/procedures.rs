//! Whole NFS and MOUNT calls against a live volume: arguments made of good handles, names and
//! nonsense. Every call that is an RPC call gets a reply with its own transaction id.

use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};

use arbitrary::{Arbitrary, Unstructured};
use bytes::Bytes;
use sealgate::crypto::CipherSuite;
use sealgate::nfs::{Context, Export, NfsOptions, dispatch};
use sealgate::testkit::World;
use tokio::runtime::Runtime;

/// One piece of arguments.
#[derive(Arbitrary, Debug)]
enum Piece {
    /// The handle of the root, whole.
    Root,
    /// A handle that a reply gave.
    Handle(u8),
    /// A name of a small set, so that calls meet.
    Name(u8),
    /// Opaque bytes with their length.
    Opaque(Vec<u8>),
    Word(u32),
    Small(u8),
    Long(u64),
    Raw(Vec<u8>),
}

#[derive(Arbitrary, Debug)]
struct Call {
    mount: bool,
    procedure: u8,
    uid: u8,
    pieces: Vec<Piece>,
}

struct Server {
    runtime: Runtime,
    context: Context,
    root: Vec<u8>,
}

static SERVER: LazyLock<Server> = LazyLock::new(|| {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.expect("a runtime");
    let mut world = World::memory();
    world.encryption = CipherSuite::None;
    let vfs = runtime.block_on(world.started());
    let options = NfsOptions { exports: vec![Export::whole_volume()], ..NfsOptions::default() };
    let context = Context::new(Arc::clone(&vfs), options);
    let mount = record(&Call { mount: true, procedure: 1, uid: 0, pieces: vec![] }, 1, |args| {
        opaque(args, b"/");
    });
    let reply = runtime.block_on(dispatch(&context, peer(), mount)).expect("a reply to MNT");
    // Accepted, success, MNT3_OK, then the handle.
    let reply = reply.to_bytes();
    let root = handle_at(&reply, 24 + 4).expect("a handle of the root");
    Server { runtime, context, root }
});

fn peer() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 700))
}

fn opaque(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
    out.extend_from_slice(bytes);
    out.resize(out.len().next_multiple_of(4), 0);
}

/// The opaque at `at` if it has the length of a handle.
fn handle_at(reply: &[u8], at: usize) -> Option<Vec<u8>> {
    let len = u32::from_be_bytes(reply.get(at..at + 4)?.try_into().ok()?) as usize;
    (16..=64).contains(&len).then(|| reply.get(at + 4..at + 4 + len).map(<[u8]>::to_vec))?
}

fn record(call: &Call, xid: u32, write: impl FnOnce(&mut Vec<u8>)) -> Bytes {
    let program = if call.mount { 100_005 } else { 100_003 };
    let mut out = Vec::new();
    for word in [xid, 0, 2, program, 3, u32::from(call.procedure)] {
        out.extend_from_slice(&u32::to_be_bytes(word));
    }
    // AUTH_SYS: stamp, machine name, uid, gid, no groups; then no verifier.
    for word in [1, 20, 0, 0, u32::from(call.uid), u32::from(call.uid), 0, 0, 0] {
        out.extend_from_slice(&u32::to_be_bytes(word));
    }
    write(&mut out);
    Bytes::from(out)
}

fn write_piece(out: &mut Vec<u8>, piece: &Piece, root: &[u8], handles: &[Vec<u8>]) {
    match piece {
        Piece::Root => opaque(out, root),
        Piece::Handle(n) => {
            let n = usize::from(*n).checked_rem(handles.len());
            opaque(out, n.and_then(|n| handles.get(n)).map_or(root, Vec::as_slice));
        }
        Piece::Name(n) => opaque(out, &[b'a' + n % 6]),
        Piece::Opaque(bytes) => opaque(out, bytes),
        Piece::Word(word) => out.extend_from_slice(&word.to_be_bytes()),
        Piece::Small(word) => out.extend_from_slice(&u32::from(*word).to_be_bytes()),
        Piece::Long(long) => out.extend_from_slice(&long.to_be_bytes()),
        Piece::Raw(bytes) => out.extend_from_slice(bytes),
    }
}

pub fn nfs_procedures(data: &[u8]) {
    let Ok(calls) = Vec::<Call>::arbitrary(&mut Unstructured::new(data)) else { return };
    let server = &*SERVER;
    let mut handles = Vec::new();
    for (call, xid) in calls.iter().take(24).zip(7..) {
        let bytes = record(call, xid, |out| {
            for piece in &call.pieces {
                write_piece(out, piece, &server.root, &handles);
            }
        });
        let reply = server.runtime.block_on(dispatch(&server.context, peer(), bytes));
        let reply = reply.expect("an RPC call gets a reply").to_bytes();
        assert!(reply.len() >= 20, "a reply has a header");
        assert_eq!(reply.get(..4), Some(xid.to_be_bytes().as_slice()), "the reply to this call");
        // LOOKUP, CREATE and their like put a handle where these two offsets find it.
        handles.extend([28, 32].iter().filter_map(|at| handle_at(&reply, *at)));
    }
}
