//! The reply cache: a request that is sent again gets the first answer instead of a second run.
//!
//! Owns: what counts as the same request, and how long that is remembered. Guarantees: while an
//! entry lives, a request of its key runs once; a repetition that arrives during the run waits
//! for it. Leaves to others: which procedures need this (`procedure`), time (`now` is given).
//!
//! Bounded in bytes and age: the oldest finished entries go first. Entries of requests still
//! running are bounded by the requests that may be under way. The cache is memory only: after a
//! restart a repetition runs again, which RFC 1813 section 4.5 allows and clients expect.

use std::collections::hash_map::DefaultHasher;
use std::collections::{HashMap, VecDeque};
use std::hash::{Hash, Hasher};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;

use crate::nfs::auth::Caller;
use crate::nfs::procedure::Procedure;
use crate::nfs::reply::Reply;

/// What an entry takes besides the bytes of its reply: key, order, allocations.
const ENTRY_BYTES: usize = 256;

/// What makes two requests the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct RequestKey {
    /// The client's address without its port: a client that reconnects has another port.
    client: IpAddr,
    xid: u32,
    procedure: Procedure,
    checksum: u64,
}

impl RequestKey {
    /// The key of a request; `args` are its encoded arguments. The checksum over them and the
    /// caller tells a repetition from a client that came round to the same xid, and keeps one
    /// user's answer from another. It need not withstand attack: who can forge a client's
    /// address can do worse.
    pub(super) fn new(
        client: IpAddr,
        (xid, procedure): (u32, Procedure),
        caller: &Caller,
        args: &[u8],
    ) -> Self {
        let mut hasher = DefaultHasher::new();
        caller.hash_into(&mut hasher);
        args.hash(&mut hasher);
        Self { client: client.to_canonical(), xid, procedure, checksum: hasher.finish() }
    }
}

/// What to do with a request.
#[derive(Debug)]
pub(super) enum Begin {
    /// It is new: run it and tell the ticket.
    Run(Ticket),
    /// It was answered: this is the answer.
    Replay(Reply),
    /// It is running: wait for its answer.
    Wait(Waiter),
}

/// The duty to answer a request. Dropping it without an answer forgets the request, and one of
/// those who wait runs it again.
#[derive(Debug)]
pub(super) struct Ticket {
    cache: Arc<Shared>,
    key: RequestKey,
    answer: watch::Sender<Option<Reply>>,
}

/// The hope for an answer.
#[derive(Debug)]
pub(super) struct Waiter(watch::Receiver<Option<Reply>>);

/// Remembers requests and their replies.
#[derive(Debug)]
pub(super) struct ReplyCache {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    age_max: Duration,
    bytes_max: usize,
    entries: Mutex<Entries>,
}

#[derive(Debug, Default)]
struct Entries {
    by_key: HashMap<RequestKey, Entry>,
    /// Finished entries, oldest first.
    order: VecDeque<(Duration, RequestKey)>,
    bytes: usize,
}

#[derive(Debug)]
enum Entry {
    Running(watch::Receiver<Option<Reply>>),
    Done(Reply),
}

impl ReplyCache {
    /// A cache that forgets replies older than `age_max` and keeps at most `bytes_max` of them.
    pub(super) fn new(age_max: Duration, bytes_max: usize) -> Self {
        let entries = Mutex::default();
        Self { shared: Arc::new(Shared { age_max, bytes_max, entries }) }
    }

    /// Says what to do with a request that arrived at `now` (monotonic).
    pub(super) fn begin(&self, key: RequestKey, now: Duration) -> Begin {
        let mut entries = self.shared.entries.lock();
        entries.expire(now.saturating_sub(self.shared.age_max));
        match entries.by_key.get(&key) {
            Some(Entry::Done(reply)) => Begin::Replay(reply.clone()),
            Some(Entry::Running(answer)) => Begin::Wait(Waiter(answer.clone())),
            None => {
                let (answer, waiters) = watch::channel(None);
                entries.by_key.insert(key, Entry::Running(waiters));
                Begin::Run(Ticket { cache: Arc::clone(&self.shared), key, answer })
            }
        }
    }

    /// Bytes that finished entries take.
    #[cfg(test)]
    fn bytes(&self) -> usize {
        self.shared.entries.lock().bytes
    }
}

impl Ticket {
    /// Keeps the answer and gives it to those who wait.
    pub(super) fn finish(self, reply: &Reply, now: Duration) {
        let mut entries = self.cache.entries.lock();
        entries.by_key.insert(self.key, Entry::Done(reply.clone()));
        entries.order.push_back((now, self.key));
        entries.bytes += reply.len() + ENTRY_BYTES;
        entries.shrink(self.cache.bytes_max);
        drop(entries);
        self.answer.send_replace(Some(reply.clone()));
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut entries = self.cache.entries.lock();
        // After `finish` the entry is done, or gone, or somebody else's new run.
        if let Some(Entry::Running(answer)) = entries.by_key.get(&self.key)
            && answer.same_channel(&self.answer.subscribe())
        {
            entries.by_key.remove(&self.key);
        }
    }
}

impl Waiter {
    /// The answer; `None` if the run ended without one, and it is worth to begin again.
    pub(super) async fn answer(mut self) -> Option<Reply> {
        let answer = self.0.wait_for(Option::is_some).await.ok()?;
        answer.clone()
    }
}

impl Entries {
    /// Forgets what was answered before `since`.
    fn expire(&mut self, since: Duration) {
        while self.order.front().is_some_and(|(at, _)| *at < since) {
            self.forget_oldest();
        }
    }

    /// Forgets the oldest until the rest takes at most `bytes_max`.
    fn shrink(&mut self, bytes_max: usize) {
        while self.bytes > bytes_max && !self.order.is_empty() {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let Some((_, key)) = self.order.pop_front() else { return };
        if let Some(Entry::Done(reply)) = self.by_key.remove(&key) {
            self.bytes -= reply.len() + ENTRY_BYTES;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nfs::reply::ReplyBuilder;
    use crate::vfs::Identity;
    use std::net::Ipv4Addr;

    const AGE: Duration = Duration::from_secs(100);
    const NOW: Duration = Duration::from_secs(1_000);

    fn key(xid: u32, args: &[u8]) -> RequestKey {
        let call = (xid, Procedure::Remove);
        RequestKey::new(Ipv4Addr::LOCALHOST.into(), call, &Caller::Anonymous, args)
    }

    fn reply(word: u32) -> Reply {
        let mut builder = ReplyBuilder::new();
        builder.u32(word);
        builder.finish()
    }

    fn run(cache: &ReplyCache, key: RequestKey, now: Duration) -> Ticket {
        match cache.begin(key, now) {
            Begin::Run(ticket) => ticket,
            Begin::Replay(_) | Begin::Wait(_) => panic!("xid {} ran before", key.xid),
        }
    }

    fn replayed(cache: &ReplyCache, key: RequestKey, now: Duration) -> Option<Reply> {
        match cache.begin(key, now) {
            Begin::Replay(reply) => Some(reply),
            Begin::Run(_) | Begin::Wait(_) => None,
        }
    }

    #[test]
    fn a_repetition_gets_the_first_answer_from_any_port_and_any_spelling_of_the_address() {
        let cache = ReplyCache::new(AGE, 1 << 20);
        run(&cache, key(1, b"x"), NOW).finish(&reply(7), NOW);
        let mapped = Ipv4Addr::LOCALHOST.to_ipv6_mapped();
        let call = (1, Procedure::Remove);
        let again = RequestKey::new(mapped.into(), call, &Caller::Anonymous, b"x");
        assert_eq!(replayed(&cache, again, NOW).unwrap().to_bytes(), reply(7).to_bytes());
    }

    #[test]
    fn another_client_xid_procedure_user_or_argument_is_another_request() {
        let cache = ReplyCache::new(AGE, 1 << 20);
        run(&cache, key(1, b"x"), NOW).finish(&reply(7), NOW);
        let local = Ipv4Addr::LOCALHOST.into();
        let other = Ipv4Addr::new(127, 0, 0, 2).into();
        let (nobody, root) = (Caller::Anonymous, Caller::User(Identity::ROOT));
        for other in [
            key(2, b"x"),
            key(1, b"y"),
            RequestKey::new(other, (1, Procedure::Remove), &nobody, b"x"),
            RequestKey::new(local, (1, Procedure::RmDir), &nobody, b"x"),
            RequestKey::new(local, (1, Procedure::Remove), &root, b"x"),
        ] {
            assert!(replayed(&cache, other, NOW).is_none(), "{other:?}");
        }
    }

    #[tokio::test]
    async fn a_repetition_during_the_run_waits_for_its_answer() {
        let cache = ReplyCache::new(AGE, 1 << 20);
        let ticket = run(&cache, key(1, b"x"), NOW);
        let Begin::Wait(waiter) = cache.begin(key(1, b"x"), NOW) else { panic!("it is running") };
        let Begin::Wait(second) = cache.begin(key(1, b"x"), NOW) else { panic!("it is running") };
        ticket.finish(&reply(3), NOW);
        assert_eq!(waiter.answer().await.unwrap().to_bytes(), reply(3).to_bytes());
        assert_eq!(second.answer().await.unwrap().to_bytes(), reply(3).to_bytes());
    }

    #[tokio::test]
    async fn a_run_that_ends_without_an_answer_is_forgotten() {
        let cache = ReplyCache::new(AGE, 1 << 20);
        let ticket = run(&cache, key(1, b"x"), NOW);
        let Begin::Wait(waiter) = cache.begin(key(1, b"x"), NOW) else { panic!("it is running") };
        drop(ticket);
        assert!(waiter.answer().await.is_none());
        run(&cache, key(1, b"x"), NOW).finish(&reply(4), NOW);
        assert!(replayed(&cache, key(1, b"x"), NOW).is_some());
    }

    #[test]
    fn answers_are_forgotten_at_their_age_and_not_before() {
        let cache = ReplyCache::new(AGE, 1 << 20);
        run(&cache, key(1, b"x"), NOW).finish(&reply(7), NOW);
        assert!(replayed(&cache, key(1, b"x"), NOW + AGE).is_some());
        let late = NOW + AGE + Duration::from_nanos(1);
        assert!(replayed(&cache, key(1, b"x"), late).is_none());
        assert_eq!(cache.bytes(), 0);
    }

    #[test]
    fn the_oldest_answers_make_room_for_new_ones() {
        let one = reply(0).len() + ENTRY_BYTES;
        let cache = ReplyCache::new(AGE, 3 * one);
        for xid in 0..4 {
            run(&cache, key(xid, b"x"), NOW).finish(&reply(xid), NOW);
        }
        assert_eq!(cache.bytes(), 3 * one);
        assert!(replayed(&cache, key(1, b"x"), NOW).is_some());
        assert!(replayed(&cache, key(0, b"x"), NOW).is_none());
    }
}
