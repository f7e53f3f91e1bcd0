use super::super::test_clock::{CountingRandom, TestClock};
use super::*;
use crate::base::Clock;

struct Bench {
    locks: Locks,
    clock: TestClock,
    random: CountingRandom,
}

impl Bench {
    fn new(locks_max: usize) -> Self {
        let locks = Locks::new(Duration::from_secs(3_600), locks_max);
        Self { locks, clock: TestClock::new(), random: CountingRandom::default() }
    }

    fn lock(&self, path: &str, shared: bool, deep: bool) -> Result<Lock, LockRefused> {
        self.lock_for(path, shared, deep, Some(Duration::from_secs(60)))
    }

    fn lock_for(
        &self,
        path: &str,
        shared: bool,
        deep: bool,
        timeout: Option<Duration>,
    ) -> Result<Lock, LockRefused> {
        let request = LockRequest {
            root: at(path),
            collection: false,
            principal: "me".into(),
            owner_xml: None,
            timeout,
            shared,
            deep,
        };
        self.locks.lock(self.clock.monotonic(), request, &self.random)
    }

    fn may(&self, path: &str, tree: bool, tokens: &[&Lock]) -> bool {
        let tokens: Vec<String> = tokens.iter().map(|lock| lock.token.clone()).collect();
        self.locks.check(self.clock.monotonic(), &at(path), tree, "me", &tokens).is_ok()
    }
}

fn at(path: &str) -> DavPath {
    DavPath::parse(path).unwrap()
}

#[test]
fn an_exclusive_lock_needs_its_token() {
    let bench = Bench::new(100);
    let lock = bench.lock("/a", false, false).unwrap();
    assert!(!bench.may("/a", false, &[]));
    assert!(bench.may("/a", false, &[&lock]));
    assert!(bench.may("/b", false, &[]) && bench.may("/a/b", false, &[]));
    let other = bench.lock("/b", false, false).unwrap();
    assert!(!bench.may("/a", false, &[&other]), "a token of another lock is not enough");
    let again = bench.lock("/a", true, false);
    assert_eq!(again, Err(LockRefused::Conflict(Box::new(lock))));
}

#[test]
fn somebody_else_cannot_use_a_token() {
    let bench = Bench::new(100);
    let lock = bench.lock("/a", false, false).unwrap();
    let now = bench.clock.monotonic();
    let tokens = [lock.token.clone()];
    assert!(bench.locks.check(now, &at("/a"), false, "other", &tokens).is_err());
    let unlocked = bench.locks.unlock(now, &at("/a"), "other", &lock.token);
    assert_eq!(unlocked, Err(UnlockRefused::NotOwner));
    assert_eq!(bench.locks.refresh(now, &at("/a"), "other", &lock.token, None), None);
}

#[test]
fn depth_infinity_covers_everything_below_and_depth_zero_nothing() {
    let bench = Bench::new(100);
    let deep = bench.lock("/a", false, true).unwrap();
    assert!(!bench.may("/a/b/c", false, &[]));
    assert!(bench.may("/a/b/c", false, &[&deep]));
    assert!(bench.may("/ab", false, &[]), "a longer name is not below");
    assert!(bench.lock("/a/b", true, false).is_err());
    let flat = bench.lock("/f", false, false).unwrap();
    assert!(bench.may("/f/x", false, &[]));
    assert!(bench.lock("/f/x", false, false).is_ok());
    assert!(!bench.may("/f", true, &[&flat]), "the member has a lock of its own");
}

#[test]
fn a_deep_lock_is_refused_while_a_member_is_locked() {
    let bench = Bench::new(100);
    let member = bench.lock("/a/b", false, false).unwrap();
    assert_eq!(bench.lock("/a", false, true), Err(LockRefused::Conflict(Box::new(member.clone()))));
    assert!(bench.lock("/a", false, false).is_ok(), "depth 0 does not reach the member");
}

#[test]
fn shared_locks_live_together_and_any_one_token_is_enough() {
    let bench = Bench::new(100);
    let one = bench.lock("/a", true, false).unwrap();
    let two = bench.lock("/a", true, false).unwrap();
    assert_ne!(one.token, two.token);
    assert!(bench.lock("/a", false, false).is_err());
    assert!(!bench.may("/a", false, &[]));
    assert!(bench.may("/a", false, &[&one]) && bench.may("/a", false, &[&two]));
}

#[test]
fn a_lock_ends_by_itself_and_a_refresh_starts_it_anew() {
    let bench = Bench::new(100);
    let lock = bench.lock("/a", false, false).unwrap();
    bench.clock.advance(Duration::from_secs(59));
    assert!(!bench.may("/a", false, &[]));
    let hour = Some(Duration::from_secs(1_000_000));
    let refreshed =
        bench.locks.refresh(bench.clock.monotonic(), &at("/a"), "me", &lock.token, hour).unwrap();
    assert_eq!(refreshed.timeout, Duration::from_secs(3_600), "bounded by the table's maximum");
    bench.clock.advance(Duration::from_secs(3_599));
    assert!(!bench.may("/a", false, &[]));
    bench.clock.advance(Duration::from_secs(1));
    assert!(bench.may("/a", false, &[]));
    let late = bench.locks.refresh(bench.clock.monotonic(), &at("/a"), "me", &lock.token, hour);
    assert_eq!(late, None);
    assert!(bench.locks.covering(bench.clock.monotonic(), &at("/a")).is_empty());
}

#[test]
fn a_client_that_names_no_time_gets_a_bounded_one() {
    let bench = Bench::new(100);
    assert_eq!(bench.lock_for("/a", false, false, None).unwrap().timeout, TIMEOUT_DEFAULT);
    let zero = bench.lock_for("/b", false, false, Some(Duration::ZERO)).unwrap();
    assert_eq!(zero.timeout, Duration::from_secs(1));
}

#[test]
fn unlock_works_below_a_deep_lock_and_nowhere_else() {
    let bench = Bench::new(100);
    let lock = bench.lock("/a", false, true).unwrap();
    let now = bench.clock.monotonic();
    let unlock = |path: &str| bench.locks.unlock(now, &at(path), "me", &lock.token);
    assert_eq!(unlock("/b"), Err(UnlockRefused::NoSuchLock));
    assert_eq!(unlock("/"), Err(UnlockRefused::NoSuchLock));
    assert_eq!(unlock("/a/b"), Ok(()));
    assert_eq!(unlock("/a"), Err(UnlockRefused::NoSuchLock));
    assert!(bench.may("/a", true, &[]));
    assert_eq!(bench.locks.count(), 0);
}

#[test]
fn locks_are_bounded_and_expired_ones_make_room() {
    let bench = Bench::new(2);
    bench.lock("/a", false, false).unwrap();
    bench.lock("/b", false, false).unwrap();
    assert_eq!(bench.lock("/c", false, false), Err(LockRefused::TooMany));
    bench.clock.advance(Duration::from_secs(60));
    assert!(bench.lock("/c", false, false).is_ok());
    assert_eq!(bench.locks.count(), 1);
}

#[test]
fn shared_locks_on_one_resource_are_bounded() {
    let bench = Bench::new(10_000);
    for _ in 0..SHARED_MAX {
        bench.lock("/a", true, false).unwrap();
    }
    assert_eq!(bench.lock("/a", true, false), Err(LockRefused::TooMany));
    assert_eq!(bench.locks.count(), SHARED_MAX);
}

#[test]
fn deleting_a_tree_forgets_its_locks_and_replacing_keeps_its_own() {
    let bench = Bench::new(100);
    bench.lock("/a", false, false).unwrap();
    bench.lock("/a/b", false, false).unwrap();
    bench.lock("/ab", false, false).unwrap();
    bench.locks.forget_below(&at("/a"));
    assert!(!bench.may("/a", false, &[]) && bench.may("/a/b", false, &[]));
    bench.locks.forget_tree(&at("/a"));
    assert!(bench.may("/a", true, &[]) && !bench.may("/ab", false, &[]));
    assert_eq!(bench.locks.count(), 1);
}

#[test]
fn tokens_are_version_4_uuids() {
    let bench = Bench::new(100);
    let token = bench.lock("/a", false, false).unwrap().token;
    let uuid = token.strip_prefix("opaquelocktoken:").unwrap();
    assert_eq!(uuid.len(), 36);
    assert_eq!(&uuid[14..15], "4");
    assert!("89ab".contains(&uuid[19..20]), "{uuid}");
}
