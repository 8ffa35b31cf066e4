//! Ctrl-C and SIGTERM: the first asks a run to stop, the second ends the process.

use anyhow::Context as _;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::output::Output;
use super::report::{Exit, Failure};

/// Starts listening; the token is cancelled by the first signal.
pub(crate) fn on_signals(output: &Output) -> Result<CancellationToken, Failure> {
    let listen = |kind| signal(kind).context("cannot listen for signals");
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut terminate = listen(SignalKind::terminate())?;
    let token = CancellationToken::new();
    let (cancel, output) = (token.clone(), output.clone());
    tokio::spawn(async move {
        either(&mut interrupt, &mut terminate).await;
        output
            .note("stopping: writes that are under way are waited for; once more to stop at once");
        cancel.cancel();
        either(&mut interrupt, &mut terminate).await;
        output
            .note("stopped at once; the next run looks at what was under way before anything else");
        #[expect(
            clippy::exit,
            reason = "asked for twice; the journal makes it safe at any moment"
        )]
        std::process::exit(i32::from(Exit::Trouble.code()));
    });
    Ok(token)
}

async fn either(one: &mut Signal, other: &mut Signal) {
    tokio::select! {
        _ = one.recv() => {}
        _ = other.recv() => {}
    }
}
