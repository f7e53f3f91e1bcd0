//! One connection: records in, replies out, many requests under way at once.
//!
//! Owns: how much of a client's work may be in memory, and how long a client may take.
//! Guarantees: requests run concurrently and are answered as they finish; a client that does not
//! read its replies, or does not finish its records, is let go and frees what it held. Leaves to
//! others: sockets (`server`), calls (`dispatch`).

use std::collections::VecDeque;
use std::future::Future;
use std::io::IoSlice;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::base::limits::{NFS_RECORD_BYTES_MAX, NFS_REQUESTS_PER_CONNECTION_MAX};
use crate::base::{Clock, to_u32};
use crate::nfs::context::Context;
use crate::nfs::dispatch::Prepared;
use crate::nfs::metrics;
use crate::nfs::mount::REPLY_BYTES_MAX;
use crate::nfs::record::{self, RecordAssembler, RecordError};
use crate::nfs::reply::Reply;

/// What is read from a socket at once. Larger pieces of a record bypass this buffer.
const READ_BUFFER_BYTES: usize = 64 << 10;
/// Replies are sent together up to this size.
const BATCH_BYTES: usize = 1 << 20;
/// How long a closed connection may take to be closed by the client too.
const LINGER: Duration = Duration::from_secs(2);
/// Memory is counted in this unit, so that a semaphore can count it.
const BUDGET_UNIT_BYTES: usize = 1 << 10;
/// How many connections can fill the budget of all of them.
const BUDGET_SHARES: usize = 8;
/// A connection's budget holds at least one request of the largest size with its reply.
const CONNECTION_BUDGET_MIN_BYTES: usize = 4 << 20;

// A request that asked for more than the whole budget would wait for ever.
const _: () = assert!(2 * NFS_RECORD_BYTES_MAX <= CONNECTION_BUDGET_MIN_BYTES);
const _: () = assert!(NFS_RECORD_BYTES_MAX + REPLY_BYTES_MAX <= CONNECTION_BUDGET_MIN_BYTES);

/// What all connections of a server share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) context: Context,
    /// Requests under way. They outlive their connection: a client that reconnects and repeats
    /// one gets the answer of the first.
    pub(super) requests: TaskTracker,
    budget: Arc<Semaphore>,
}

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum Closed {
    #[error("the client closed it")]
    ByClient,
    #[error("the server stops")]
    Stopped,
    #[error("it was silent for too long")]
    Idle,
    #[error("the client took too long to send a record")]
    RecordTimeout,
    #[error("the client took too long to read a reply")]
    WriteTimeout,
    #[error("a record is refused: {0}")]
    Record(#[from] RecordError),
    #[error("a record is no call")]
    NoCall,
    #[error("the socket failed: {0}")]
    Socket(#[from] std::io::Error),
}

impl Closed {
    /// The reason as a label.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::ByClient => "client",
            Self::Stopped => "stopped",
            Self::Idle => "idle",
            Self::RecordTimeout => "record_timeout",
            Self::WriteTimeout => "write_timeout",
            Self::Record(_) => "record",
            Self::NoCall => "no_call",
            Self::Socket(_) => "socket",
        }
    }
}

/// The right of a request to be in memory, until its reply is sent.
struct Permits {
    _slot: OwnedSemaphorePermit,
    _own: OwnedSemaphorePermit,
    /// None for the only request of its connection, which is let in whatever others hold.
    _shared: Option<OwnedSemaphorePermit>,
}

struct Outgoing {
    reply: Reply,
    permits: Permits,
}

/// The reading half and what it hands to requests.
struct Requests {
    shared: Arc<Shared>,
    peer: SocketAddr,
    slots: Arc<Semaphore>,
    budget: Arc<Semaphore>,
    replies: mpsc::Sender<Outgoing>,
}

impl Shared {
    pub(super) fn new(context: Context) -> Self {
        let budget = Semaphore::new(context.options.inflight_bytes_max / BUDGET_UNIT_BYTES);
        Self { context, requests: TaskTracker::new(), budget: Arc::new(budget) }
    }

    fn clock(&self) -> &dyn Clock {
        &*self.context.options.clock
    }
}

/// Serves a connection until the client goes, misbehaves, or `stop` is cancelled; then finishes
/// what is running, sends its replies, and closes.
pub(super) async fn serve<R, W>(
    shared: Arc<Shared>,
    peer: SocketAddr,
    (reader, writer): (R, W),
    stop: CancellationToken,
) -> Closed
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin + Send,
{
    let (replies, queue) = mpsc::channel(NFS_REQUESTS_PER_CONNECTION_MAX);
    let share = shared.context.options.inflight_bytes_max / BUDGET_SHARES;
    let budget = share.max(CONNECTION_BUDGET_MIN_BYTES) / BUDGET_UNIT_BYTES;
    let requests = Requests {
        shared: Arc::clone(&shared),
        peer,
        slots: Arc::new(Semaphore::new(NFS_REQUESTS_PER_CONNECTION_MAX)),
        budget: Arc::new(Semaphore::new(budget)),
        replies,
    };
    let mut reader = BufReader::with_capacity(READ_BUFFER_BYTES, reader);
    let write = write_replies(&shared, writer, queue);
    tokio::pin!(write);
    let ended = tokio::select! {
        biased;
        // The writer ends first only if the socket failed: `requests` holds a sender.
        ended = &mut write => return ended.err().unwrap_or(Closed::ByClient),
        () = stop.cancelled() => Closed::Stopped,
        ended = requests.read(&mut reader) => ended,
    };
    // With the last sender gone, the writer ends when the last running request is answered.
    drop(requests);
    if let Err(failed) = write.await {
        return failed;
    }
    if !matches!(ended, Closed::ByClient) {
        linger(&shared, &mut reader).await;
    }
    ended
}

/// Reads on and forgets until the client closes as well, for a bounded time. Closing a socket
/// with unread bytes resets the connection, and a reset takes back replies that the client has
/// not read yet.
async fn linger<R: AsyncRead + Unpin>(shared: &Shared, reader: &mut BufReader<R>) {
    let discard = async {
        while let Ok(bytes @ [_, ..]) = reader.fill_buf().await {
            let len = bytes.len();
            reader.consume(len);
        }
    };
    // Whether the client closed or the time is over, the socket is closed next.
    let _closed = within(shared.clock(), LINGER, discard).await;
}

impl Requests {
    /// Reads and starts requests until there is a reason not to.
    async fn read<R: AsyncRead + Unpin>(&self, reader: &mut BufReader<R>) -> Closed {
        loop {
            match self.read_one(reader).await {
                Ok(()) => {}
                Err(closed) => return closed,
            }
        }
    }

    async fn read_one<R: AsyncRead + Unpin>(
        &self,
        reader: &mut BufReader<R>,
    ) -> Result<(), Closed> {
        let slot = acquire(&self.slots, 1).await;
        self.wait_for_bytes(reader).await?;
        let options = &self.shared.context.options;
        let record = read_record(reader);
        let record = within(self.shared.clock(), options.record_timeout, record).await;
        let record = record.ok_or(Closed::RecordTimeout)??;
        let len = record.len();
        let prepared = Prepared::decode(self.peer.ip(), record).ok_or(Closed::NoCall)?;
        let cost = len + prepared.reply_bytes_max(&self.shared.context);
        let permits = self.permits(slot, cost).await;
        let (shared, replies) = (Arc::clone(&self.shared), self.replies.clone());
        self.shared.requests.spawn(async move {
            let reply = prepared.run(&shared.context).await;
            // If the connection is gone the reply is not wanted here; it may be in the reply
            // cache for the connection that follows.
            let _ = replies.send(Outgoing { reply, permits }).await;
        });
        Ok(())
    }

    /// Waits for the first byte of a record. Silence is not idleness while requests run.
    async fn wait_for_bytes<R: AsyncRead + Unpin>(
        &self,
        reader: &mut BufReader<R>,
    ) -> Result<(), Closed> {
        let idle_timeout = self.shared.context.options.idle_timeout;
        loop {
            let bytes = within(self.shared.clock(), idle_timeout, reader.fill_buf()).await;
            match bytes.transpose()? {
                Some([]) => return Err(Closed::ByClient),
                Some(_) => return Ok(()),
                // One slot is ours already.
                None if self.slots.available_permits() + 1 < NFS_REQUESTS_PER_CONNECTION_MAX => {}
                None => return Err(Closed::Idle),
            }
        }
    }

    /// Waits until `cost` bytes may be in memory, first for this connection, then for all.
    ///
    /// A connection with nothing else under way does not wait for the others: clients that do
    /// not read their replies could hold the whole budget until they are let go, and nobody else
    /// would be served.
    async fn permits(&self, slot: OwnedSemaphorePermit, cost: usize) -> Permits {
        let units = cost.div_ceil(BUDGET_UNIT_BYTES);
        let own = acquire(&self.budget, units).await;
        let shared = tokio::select! {
            biased;
            shared = acquire(&self.shared.budget, units) => Some(shared),
            _all_other_slots = acquire(&self.slots, NFS_REQUESTS_PER_CONNECTION_MAX - 1) => None,
        };
        Permits { _slot: slot, _own: own, _shared: shared }
    }
}

async fn acquire(semaphore: &Arc<Semaphore>, units: usize) -> OwnedSemaphorePermit {
    let permit = Arc::clone(semaphore).acquire_many_owned(to_u32(units)).await;
    permit.expect("the semaphores of a server are never closed")
}

/// Reads one record; its bytes go from the socket to a buffer of their own.
async fn read_record<R: AsyncRead + Unpin>(reader: &mut BufReader<R>) -> Result<Bytes, Closed> {
    let mut assembler = RecordAssembler::new();
    loop {
        if let Some(record) = assembler.take() {
            return Ok(record);
        }
        if assembler.wants_header() {
            let mut header = [0; 4];
            reader.read_exact(&mut header).await?;
            assembler.header(header).inspect_err(|_| metrics::decode_failure("record"))?;
            continue;
        }
        let read = reader.read_buf(&mut assembler.spare()).await?;
        if read == 0 {
            return Err(Closed::ByClient);
        }
        assembler.filled(read);
    }
}

/// Sends replies as they come, several with one call of the system where they wait.
async fn write_replies<W: AsyncWrite + Unpin>(
    shared: &Shared,
    mut writer: W,
    mut queue: mpsc::Receiver<Outgoing>,
) -> Result<(), Closed> {
    let mut held = Vec::new();
    let mut batch = Batch::default();
    while let Some(outgoing) = queue.recv().await {
        batch.push(outgoing.reply);
        held.push(outgoing.permits);
        while batch.remaining() < BATCH_BYTES
            && let Ok(outgoing) = queue.try_recv()
        {
            batch.push(outgoing.reply);
            held.push(outgoing.permits);
        }
        // The batch as a whole has a time limit: a client that takes a byte now and then must
        // not hold memory either.
        let write = writer.write_all_buf(&mut batch);
        let written = within(shared.clock(), shared.context.options.write_timeout, write).await;
        written.ok_or(Closed::WriteTimeout)??;
        held.clear();
    }
    writer.shutdown().await?;
    Ok(())
}

/// What `future` gives within `limit`.
async fn within<T>(
    clock: &dyn Clock,
    limit: Duration,
    future: impl Future<Output = T>,
) -> Option<T> {
    tokio::select! {
        biased;
        output = future => Some(output),
        () = clock.sleep(limit) => None,
    }
}

/// Replies with their record marks, as slices for a vectored write.
#[derive(Default)]
struct Batch {
    parts: VecDeque<Bytes>,
    len: usize,
}

impl Batch {
    fn push(&mut self, reply: Reply) {
        self.len += 4 + reply.len();
        self.parts.push_back(Bytes::copy_from_slice(&record::mark(reply.len())));
        self.parts.extend(reply.into_parts());
    }
}

impl Buf for Batch {
    fn remaining(&self) -> usize {
        self.len
    }

    fn chunk(&self) -> &[u8] {
        self.parts.front().map_or(&[], |part| part)
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let pairs = slices.iter_mut().zip(&self.parts);
        pairs.map(|(slice, part)| *slice = IoSlice::new(part)).count()
    }

    fn advance(&mut self, mut count: usize) {
        self.len -= count;
        while let Some(part) = self.parts.front_mut() {
            if count < part.len() {
                part.advance(count);
                return;
            }
            count -= part.len();
            self.parts.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nfs::reply::ReplyBuilder;

    fn batch() -> Batch {
        let mut batch = Batch::default();
        for word in 1..4 {
            let mut reply = ReplyBuilder::new();
            reply.u32(word).opaque_slices(vec![Bytes::from_static(b"content")]).u32(9);
            batch.push(reply.finish());
        }
        batch
    }

    #[test]
    fn a_batch_gives_the_same_bytes_in_steps_of_any_size() {
        let whole = batch().copy_to_bytes(batch().remaining());
        assert_eq!(whole.len(), 3 * (4 + 4 + 12 + 4));
        assert_eq!(&whole[..8], [0x80, 0, 0, 20, 0, 0, 0, 1]);
        for step in 1..whole.len() {
            let mut batch = batch();
            let mut bytes = Vec::new();
            while batch.has_remaining() {
                let mut slices = [IoSlice::new(&[]); 5];
                let count = batch.chunks_vectored(&mut slices);
                let seen: Vec<u8> =
                    slices[..count].iter().flat_map(|slice| slice.iter().copied()).collect();
                let step = step.min(seen.len());
                bytes.extend_from_slice(&seen[..step]);
                batch.advance(step);
            }
            assert_eq!(bytes, whole, "in steps of {step}");
        }
    }
}
