//! The battery that every metadata engine must pass: the claims of the `MetaEngine` contract, run
//! over each engine. A new engine is one line in `battery!` and one arm in `World`.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "in a test, the panic is the message"
)]

mod claims;
mod slate;
mod world;

use world::Kind;

macro_rules! battery {
    ($($engine:ident: $kind:expr;)*) => { $(
        mod $engine {
            use super::*;
            battery!(@claims $kind =>
                keys_come_in_byte_order
                a_scan_respects_prefix_after_and_limit
                several_keys_come_in_the_order_asked
                a_transaction_reads_its_own_writes
                a_transaction_reads_one_snapshot
                dropping_a_transaction_undoes_it
                write_skew_is_a_conflict
                a_phantom_is_a_conflict
                strangers_do_not_conflict
                concurrent_increments_lose_nothing
                caller_locked_transactions_read_and_write_as_others_do
                a_commit_is_all_or_nothing_across_a_crash
                what_was_flushed_survives_a_crash_and_the_rest_survives_as_a_prefix
                a_durable_commit_needs_no_flush
                deletions_survive_a_crash
                large_values_come_back_whole
                everything_is_there_after_closing_and_opening
                a_closed_engine_refuses_everything
                flushing_nothing_is_free
            );
        }
    )* };
    (@claims $kind:expr => $($claim:ident)*) => { $(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $claim() {
            claims::$claim(world::World::new($kind).await).await;
        }
    )* };
}

battery! {
    memory: Kind::Memory;
    slate_on_a_directory: Kind::SlateOnDirectory;
    slate_on_memory: Kind::SlateOnMemory;
}
