//! A server on a free loopback port, clients for it, and raw calls.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use nfs3_client::tokio::TokioIo;
use nfs3_client::{MountClient, Nfs3Client};
use nfs3_types::mount::dirpath;
use nfs3_types::nfs3::{
    CREATE3args, GETATTR3args, LOOKUP3args, MKDIR3args, Nfs3Option, Nfs3Result, READ3args,
    WRITE3args, WRITE3resok, createhow3, diropargs3, fattr3, filename3, nfs_fh3, nfsstat3, sattr3,
    stable_how,
};
use nfs3_types::rpc::{auth_unix, call_body, msg_body, opaque_auth, rpc_msg};
use nfs3_types::xdr_codec::{Opaque, Pack};
use sealgate::crypto::CipherSuite;
use sealgate::nfs::{NfsOptions, NfsServer};
use sealgate::testkit::World;
use sealgate::vfs::Vfs;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub(crate) const NFS: u32 = 100_003;
pub(crate) const MOUNT: u32 = 100_005;

/// A server that runs until it is dropped.
pub(crate) struct Server {
    pub(crate) addr: SocketAddr,
    pub(crate) vfs: Arc<Vfs>,
    pub(crate) stop: CancellationToken,
    pub(crate) served: Option<JoinHandle<()>>,
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::start_with(NfsOptions::default()).await
    }

    pub(crate) async fn start_with(options: NfsOptions) -> Self {
        Self::start_on(new_vfs().await, options)
    }

    pub(crate) fn start_on(vfs: Arc<Vfs>, options: NfsOptions) -> Self {
        let addr = SocketAddr::from(([127, 0, 0, 1], 0));
        let server = NfsServer::bind(addr, Arc::clone(&vfs), options).unwrap();
        let (addr, stop) = (server.local_addr(), CancellationToken::new());
        let served = tokio::spawn(server.serve(stop.clone()));
        Self { addr, vfs, stop, served: Some(served) }
    }

    /// A client that says it is this user, with the root of the volume mounted.
    pub(crate) async fn client(&self, uid: u32) -> Client {
        let socket = || async { TokioIo::new(TcpStream::connect(self.addr).await.unwrap()) };
        let auth = || credential(uid);
        let none = opaque_auth::default;
        let mut mount = MountClient::new_with_auth(socket().await, auth(), none());
        let mounted = mount.mnt(dirpath(Opaque::borrowed(b"/"))).await.unwrap();
        let root = nfs_fh3 { data: mounted.fhandle.0 };
        Client { nfs: Nfs3Client::new_with_auth(socket().await, auth(), none()), root }
    }

    pub(crate) async fn raw(&self) -> Raw {
        Raw(TcpStream::connect(self.addr).await.unwrap())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// A world in memory whose volume needs no secret: deriving one takes longer than most tests.
pub(crate) fn world() -> World {
    World { encryption: CipherSuite::None, ..World::memory() }
}

/// An empty volume in memory.
pub(crate) async fn new_vfs() -> Arc<Vfs> {
    world().started().await
}

pub(crate) fn credential(uid: u32) -> opaque_auth<'static> {
    opaque_auth::auth_unix(&auth_unix { uid, gid: uid, ..auth_unix::default() })
}

pub(crate) struct Client {
    pub(crate) nfs: Nfs3Client<TokioIo<TcpStream>>,
    pub(crate) root: nfs_fh3,
}

impl Client {
    pub(crate) fn at(&self, name: &str) -> diropargs3<'static> {
        at(&self.root, name)
    }

    pub(crate) async fn create(&mut self, name: &str) -> nfs_fh3 {
        let how = createhow3::GUARDED(mode(0o644));
        let args = CREATE3args { where_: self.at(name), how };
        self.nfs.create(&args).await.unwrap().unwrap().obj.unwrap()
    }

    pub(crate) async fn mkdir(&mut self, name: &str) -> nfs_fh3 {
        let args = MKDIR3args { where_: self.at(name), attributes: mode(0o755) };
        self.nfs.mkdir(&args).await.unwrap().unwrap().obj.unwrap()
    }

    pub(crate) async fn lookup(&mut self, name: &str) -> Result<nfs_fh3, nfsstat3> {
        let args = LOOKUP3args { what: self.at(name) };
        match self.nfs.lookup(&args).await.unwrap() {
            Nfs3Result::Ok(found) => Ok(found.object),
            Nfs3Result::Err((status, _)) => Err(status),
        }
    }

    pub(crate) async fn getattr(&mut self, object: &nfs_fh3) -> Result<fattr3, nfsstat3> {
        let args = GETATTR3args { object: object.clone() };
        match self.nfs.getattr(&args).await.unwrap() {
            Nfs3Result::Ok(found) => Ok(found.obj_attributes),
            Nfs3Result::Err((status, _)) => Err(status),
        }
    }

    pub(crate) async fn write(
        &mut self,
        file: &nfs_fh3,
        offset: u64,
        data: &[u8],
        stable: stable_how,
    ) -> WRITE3resok {
        let count = u32::try_from(data.len()).unwrap();
        let data = Opaque::borrowed(data);
        let args = WRITE3args { file: file.clone(), offset, count, stable, data };
        self.nfs.write(&args).await.unwrap().unwrap()
    }

    /// Bytes and whether they reach the end.
    pub(crate) async fn read(
        &mut self,
        file: &nfs_fh3,
        offset: u64,
        count: u32,
    ) -> (Vec<u8>, bool) {
        let args = READ3args { file: file.clone(), offset, count };
        let read = self.nfs.read(&args).await.unwrap().unwrap();
        assert_eq!(usize::try_from(read.count).unwrap(), read.data.len());
        (read.data.to_vec(), read.eof)
    }
}

pub(crate) fn at(dir: &nfs_fh3, name: &str) -> diropargs3<'static> {
    let name = filename3(Opaque::owned(name.as_bytes().to_vec()));
    diropargs3 { dir: dir.clone(), name }
}

pub(crate) fn mode(mode: u32) -> sattr3 {
    sattr3 { mode: Nfs3Option::Some(mode), ..sattr3::default() }
}

pub(crate) fn status<T, E>(result: &Nfs3Result<T, E>) -> nfsstat3 {
    match result {
        Nfs3Result::Ok(_) => nfsstat3::NFS3_OK,
        Nfs3Result::Err((status, _)) => *status,
    }
}

/// The bytes of a call.
pub(crate) fn call(
    xid: u32,
    (prog, vers, proc): (u32, u32, u32),
    cred: opaque_auth<'_>,
    args: &[u8],
) -> Vec<u8> {
    let verf = opaque_auth::default();
    let body = msg_body::CALL(call_body { rpcvers: 2, prog, vers, proc, cred, verf });
    let mut bytes = pack(&rpc_msg { xid, body });
    bytes.extend_from_slice(args);
    bytes
}

pub(crate) fn pack(value: &impl Pack) -> Vec<u8> {
    let mut bytes = Vec::new();
    value.pack(&mut bytes).unwrap();
    bytes
}

/// A connection that sends whatever it is given.
pub(crate) struct Raw(pub(crate) TcpStream);

impl Raw {
    pub(crate) async fn send(&mut self, record: &[u8]) {
        let mark = sealgate::nfs::record::mark(record.len());
        self.0.write_all(&[&mark[..], record].concat()).await.unwrap();
    }

    /// The next reply, or `None` if the server closed the connection.
    pub(crate) async fn reply(&mut self) -> Option<Vec<u8>> {
        let read = async {
            let mark = self.0.read_u32().await.ok()?;
            assert!(mark >> 31 == 1, "replies are sent as one fragment");
            let mut reply = vec![0; usize::try_from(mark & 0x7fff_ffff).unwrap()];
            self.0.read_exact(&mut reply).await.expect("a reply that began is sent whole");
            Some(reply)
        };
        tokio::time::timeout(Duration::from_secs(20), read).await.expect("an answer in time")
    }

    pub(crate) async fn exchange(&mut self, record: &[u8]) -> Option<Vec<u8>> {
        self.send(record).await;
        self.reply().await
    }

    /// The words of the reply after its xid and the mark of a reply.
    pub(crate) async fn words(&mut self, record: &[u8]) -> Vec<u32> {
        let reply = self.exchange(record).await.expect("the connection is open");
        let words = reply.chunks(4).map(|word| u32::from_be_bytes(word.try_into().unwrap()));
        words.skip(2).collect()
    }
}
