//! SIGTERM and SIGINT: the first asks for a clean stop, the second ends the process at once.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Signals that stop the gateway.
#[derive(Debug)]
pub struct StopSignals {
    interrupt: Signal,
    terminate: Signal,
}

impl StopSignals {
    /// Takes the two signals over from their default action.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn install() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Cancels `stop` at the first signal and ends the process at the second, with the exit code
    /// a shell gives a process that the signal killed: 130 or 143.
    ///
    /// The second signal is for people who know that unstored data is lost: clients that were
    /// told nothing is durable yet send it again, everything acknowledged as stable is in the
    /// store.
    pub async fn watch(mut self, stop: CancellationToken) {
        let first = self.next().await;
        tracing::info!(signal = first.name, "stopping: no new requests, then a last flush");
        stop.cancel();
        let second = self.next().await;
        tracing::warn!(signal = second.name, "second signal: ending at once");
        std::process::exit(second.exit_code);
    }

    async fn next(&mut self) -> Received {
        tokio::select! {
            _ = self.interrupt.recv() => Received { name: "SIGINT", exit_code: 130 },
            _ = self.terminate.recv() => Received { name: "SIGTERM", exit_code: 143 },
        }
    }
}

struct Received {
    name: &'static str,
    exit_code: i32,
}
